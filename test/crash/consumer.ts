/**
 * A consumer at the tail while the load runs: what it is shown must still be there after any crash.
 */
import { type Batch, readBatches } from './batches.ts';
import { type Claims, describe, type TopicClaim } from './claims.ts';
import { Connection } from './connection.ts';
import { errors, type Fetched, fetch } from './wire.ts';

const WAIT_MS = 100;
const FETCH_BYTES = 1024 * 1024;

export class Consumer {
  /** Batches seen. */
  seen = 0;
  /** Error codes that came. */
  readonly errors = new Set<number>();
  readonly #claims: Claims;
  readonly #connection: Connection;
  readonly #topic: TopicClaim;
  readonly #partition: number;
  #offset: number;

  constructor(claims: Claims, connection: Connection, topic: TopicClaim, partition: number) {
    this.#claims = claims;
    this.#connection = connection;
    this.#topic = topic;
    this.#partition = partition;
    this.#offset = topic.ends[partition] ?? 0;
  }

  static async open(
    claims: Claims,
    port: number,
    topic: TopicClaim,
    partition: number,
  ): Promise<Consumer> {
    return new Consumer(claims, await Connection.connect(port), topic, partition);
  }

  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  start(): void {
    this.#next();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #next(): void {
    const place = { topic: this.#topic.name, partition: this.#partition };
    const wish = { ...place, offset: this.#offset, maxBytes: FETCH_BYTES };
    this.#connection.send(fetch.request(wish, WAIT_MS), (answer) => {
      if (answer === null) return;
      this.#take(fetch.answer(answer));
      this.#next();
    });
  }

  #take(fetched: Fetched): void {
    const { error, highWatermark, logStart } = fetched;
    if (error !== errors.none) {
      this.errors.add(error);
      // Retention has passed it by.
      if (error === errors.offsetOutOfRange) this.#offset = this.#topic.ends[this.#partition] ?? 0;
      return;
    }
    const { ends, logStarts } = this.#topic;
    ends[this.#partition] = Math.max(ends[this.#partition] ?? 0, highWatermark);
    logStarts[this.#partition] = Math.max(logStarts[this.#partition] ?? 0, logStart);
    for (const batch of readBatches(fetched.records)) this.#see(batch, highWatermark);
  }

  #see(batch: Batch, highWatermark: number): void {
    const place = `${this.#topic.name}/${this.#partition} at ${batch.baseOffset}`;
    this.seen += 1;
    this.#offset = batch.baseOffset + batch.count;
    if (batch.fault !== null)
      return this.#claims.violated(`${place} a consumer got ${batch.fault}`);
    if (this.#offset > highWatermark) {
      this.#claims.violated(`${place} was shown above the high watermark ${highWatermark}`);
    }
    const claim = this.#claims.streamById(batch.stream)?.find(batch.first);
    if (claim === undefined) this.#claims.violated(`${place} lies a batch that nobody sent`);
    else this.#claims.seen(claim, batch.baseOffset);
    if (claim !== undefined && claim.count !== batch.count) {
      this.#claims.violated(`${place}: ${describe(claim)} came with ${batch.count} records`);
    }
  }
}
