/**
 * Load: connections that keep a window of Produce requests in flight, as clients do.
 *
 * Owns: which batch is sent next, what an answer makes of its claim, sending again.
 *
 * A plain stream sends a batch once. An idempotent one sends again what was refused or may have been
 * lost, in order and with the same sequences, and waits for the answers to all of its earlier ones first.
 */
import type { SeededRandom } from '../../simulation/random.ts';
import { BatchBuilder } from '../../src/record/batch-builder.ts';
import type { Codec } from '../../src/record/compression/index.ts';
import { type Claim, type Claims, describe, type Stream } from './claims.ts';
import { Connection } from './connection.ts';
import { makeValue } from './content.ts';
import { errors, type Produced, produce } from './wire.ts';

const WINDOW = 5;
const RETRY_MS = 50;
const PACE_MS = 5;
/** Duplicates are recognised among this many last batches of a producer on a partition. */
const REMEMBERED = 5;

const builder = new BatchBuilder({ recordsMax: 1000, bytesMax: Number.POSITIVE_INFINITY });

function batchOf(claim: Claim): Uint8Array {
  const { stream } = claim;
  builder.begin();
  for (let number = claim.first; number < claim.first + claim.count; number++) {
    const value = makeValue(stream.id, number, stream.shape);
    builder.setValue(value, 0, value.length);
    builder.add(claim.timestamp);
  }
  const identity = stream.isIdempotent
    ? {
        producerId: stream.producerId,
        producerEpoch: stream.producerEpoch,
        baseSequence: claim.first,
      }
    : {};
  return builder.finish({ ...identity, codec: stream.codec as Codec }).slice();
}

/** A stream on its connection. */
class Sender {
  readonly stream: Stream;
  inFlight = 0;
  /** To be sent before anything new. */
  again: Claim[] = [];
  refused: Claim[] = [];
  /** Monotonic milliseconds: nothing is sent before. */
  pausedUntil = 0;

  constructor(stream: Stream, random: SeededRandom) {
    this.stream = stream;
    if (!stream.isIdempotent) return;
    const { claims } = stream;
    const firstOpen = claims.findIndex(({ fate }) => fate !== 'acked');
    const end = firstOpen < 0 ? claims.length : firstOpen;
    const remembered = Math.max(0, claims.length - REMEMBERED);
    // Some of the acked ones too: their answer must be the first answer.
    const from = remembered < end ? random.between(remembered, end) : end;
    this.again = claims.slice(from);
  }

  get isReady(): boolean {
    if (performance.now() < this.pausedUntil) return false;
    return this.refused.length === 0 && this.inFlight < WINDOW;
  }

  /** One of its batches is answered, or will never be. */
  settled(): void {
    this.inFlight -= 1;
    if (this.inFlight > 0 || this.refused.length === 0) return;
    this.again = [...this.refused, ...this.again];
    this.refused = [];
  }
}

export interface LoadLimits {
  /** Bytes of values after which nothing new is sent. */
  readonly bytesMax: number;
  /** Bytes of values a second; so that a kill meets the load and not its end. */
  readonly bytesPerSecond?: number;
}

export interface Tally {
  acked: number;
  refused: number;
  /** Error codes that came. */
  readonly errors: Set<number>;
}

export class Producer {
  readonly tally: Tally = { acked: 0, refused: 0, errors: new Set() };
  readonly #claims: Claims;
  readonly #connection: Connection;
  readonly #senders: Sender[];
  readonly #random: SeededRandom;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #bytesPerSecond: number;
  #startedAt = 0;
  #bytesMade = 0;
  #bytesLeft: number;
  #stopped = false;
  #onIdle: () => void = () => {};

  constructor(
    claims: Claims,
    connection: Connection,
    streams: readonly Stream[],
    random: SeededRandom,
    limits: LoadLimits,
  ) {
    this.#claims = claims;
    this.#connection = connection;
    this.#random = random;
    this.#bytesLeft = limits.bytesMax;
    this.#bytesPerSecond = limits.bytesPerSecond ?? Number.POSITIVE_INFINITY;
    this.#senders = streams.map((stream) => new Sender(stream, random));
    void connection.closed.then(() => this.#clearTimers());
  }

  static async open(
    claims: Claims,
    port: number,
    streams: readonly Stream[],
    random: SeededRandom,
    limits: LoadLimits,
  ): Promise<Producer> {
    return new Producer(claims, await Connection.connect(port), streams, random, limits);
  }

  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#pump();
  }

  /** Sends nothing more; resolves when everything sent is answered, and sent again where it must be. */
  async drain(): Promise<void> {
    this.#bytesLeft = 0;
    if (!this.#isIdle()) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#connection.close();
  }

  #isIdle(): boolean {
    if (!this.#connection.isOpen) return true;
    const isOpen = (sender: Sender): boolean =>
      sender.inFlight + sender.again.length + sender.refused.length > 0;
    return this.#timers.size === 0 && !this.#senders.some(isOpen);
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#onIdle();
  }

  #later(delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#pump();
    }, delayMs);
    this.#timers.add(timer);
  }

  #pump(): void {
    while (!this.#stopped && this.#connection.isOpen && this.#connection.inFlight < WINDOW) {
      const claims = this.#gather();
      if (claims.length === 0) break;
      this.#send(claims);
    }
    if (this.#isIdle()) this.#onIdle();
  }

  /** Batches for one request: of several partitions, one each. */
  #gather(): Claim[] {
    const ready = this.#senders.filter((sender) => sender.isReady);
    const claims: Claim[] = [];
    const taken = new Set<string>();
    for (let left = this.#random.between(1, 3); left > 0 && ready.length > 0; left--) {
      const [sender] = ready.splice(this.#random.below(ready.length), 1);
      if (sender === undefined) break;
      const place = `${sender.stream.topic.name}/${sender.stream.partition}`;
      const claim = taken.has(place) ? null : this.#nextOf(sender);
      if (claim === null) continue;
      taken.add(place);
      sender.inFlight += 1;
      claims.push(claim);
    }
    return claims;
  }

  #nextOf(sender: Sender): Claim | null {
    const again = sender.again.shift();
    if (again !== undefined) {
      again.run = this.#claims.run;
      return again;
    }
    if (this.#bytesLeft <= 0 || !this.#isDue()) return null;
    const { shape } = sender.stream;
    const count = this.#random.between(1, shape.batch);
    const bytes = (count * (shape.min + shape.max)) / 2;
    this.#bytesLeft -= bytes;
    this.#bytesMade += bytes;
    return sender.stream.claim(count, this.#claims.run);
  }

  #isDue(): boolean {
    const passed = (performance.now() - this.#startedAt) / 1000;
    if (this.#bytesMade <= passed * this.#bytesPerSecond) return true;
    if (this.#timers.size === 0) this.#later(PACE_MS);
    return false;
  }

  #send(claims: readonly Claim[]): void {
    const batches: Produced[] = claims.map((claim) => ({
      topic: claim.stream.topic.name,
      partition: claim.stream.partition,
      batch: batchOf(claim),
    }));
    this.#connection.send(produce.request(batches), (answer) => {
      const results = answer === null ? [] : produce.answer(answer);
      claims.forEach((claim, i) => {
        const result = results[i];
        const sender = this.#senders.find(({ stream }) => stream === claim.stream);
        if (result === undefined) lost(claim);
        else if (result.error === errors.none) this.#acked(claim, result.baseOffset);
        else if (sender !== undefined) this.#refused(sender, claim, result.error);
        sender?.settled();
      });
      this.#pump();
    });
  }

  #acked(claim: Claim, offset: number): void {
    this.tally.acked += 1;
    this.#claims.acked(claim, offset);
  }

  #refused(sender: Sender, claim: Claim, error: number): void {
    this.tally.refused += 1;
    this.tally.errors.add(error);
    if (claim.fate === 'acked' || claim.fate === 'kept') {
      this.#claims.violated(`${describe(claim)}, sent again, is answered with error ${error}`);
      return;
    }
    claim.fate = 'refused';
    sender.pausedUntil = performance.now() + RETRY_MS;
    this.#later(RETRY_MS + 1);
    if (!sender.stream.isIdempotent) return;
    // A gap is the fault of the batch before it; there must have been one.
    if (error === errors.outOfOrderSequence && sender.refused.length === 0) {
      this.#claims.violated(`${describe(claim)} is out of order, after all before it were acked`);
    }
    sender.refused.push(claim);
  }
}

/** No answer came; what was known before of a batch sent again still holds. */
function lost(claim: Claim): void {
  if (claim.fate === 'sent' || claim.fate === 'refused' || claim.fate === 'gone') {
    claim.fate = 'unknown';
  }
}
