/**
 * Whole connections to a whole broker, fed with nonsense: each request is answered in the form of its
 * version, parked where its API may wait, or costs its connection. What is refused has done nothing,
 * a good client beside it notices nothing, and in the end nothing is kept.
 */

import assert from 'node:assert/strict';
import type { FuzzTarget } from '../../../simulation/fuzz-target.ts';
import type { SeededRandom } from '../../../simulation/random.ts';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { type Api, type ApiName, apiKeys } from './api-keys.ts';
import { decodeFrom } from './decode.ts';
import { anyVersion, feed, foundIn, type Verdict } from './decoder-target.fuzz.ts';
import { endResponse, lengthBytes } from './frame.ts';
import { arraysOf, denseBody, hostileBody, validBody } from './hostile-bytes.fuzz.ts';
import { batchOf, KafkaBench, recordsIn, type TestClient } from './kafka.fixture.ts';
import { layoutOf } from './plan.ts';
import { ProduceRequest } from './produce-request.ts';
import { Reader } from './reader.ts';

const requestsPerRound = 25;
/** Far more than any request of a few hundred bytes may take, on a slow machine too. */
const requestMsMax = 2_000;

/** APIs that wait for something that another client does, or that time brings. */
const mayWait: ReadonlySet<ApiName | string> = new Set([
  'fetch',
  'joinGroup',
  'syncGroup',
  'deleteRecords',
  'listOffsets',
]);

interface Sent {
  readonly api: Api;
  readonly version: number;
  readonly correlationId: number;
  readonly body: Uint8Array;
  readonly verdict: Verdict;
}

/** One connection that sends one or more requests, of which all but the last are only a few. */
class HostilePeer {
  readonly #bench: KafkaBench;
  readonly #client: TestClient;
  readonly #dice: SeededRandom;
  #correlationId = 0;
  /** Its last request waits, and whatever it would send waits behind it. */
  isWaiting = false;

  constructor(bench: KafkaBench, dice: SeededRandom) {
    this.#bench = bench;
    this.#dice = dice;
    this.#client = bench.connect();
  }

  get isClosed(): boolean {
    return this.#client.isClosed;
  }

  /** Sends one request and holds the broker to what it may do with it. */
  attack(): void {
    const sent = this.#makeRequest();
    const before = this.#bench.broker.replayed.journal.endLsn;
    const startedAt = performance.now();
    this.#send(frameOf(sent, this.#dice));
    try {
      this.#bench.settle();
      const ms = performance.now() - startedAt;
      assert.ok(ms < requestMsMax, `it took ${ms} ms`);
      this.#assertOutcome(sent, before);
    } catch (error) {
      throw foundIn(sent.api, sent.version, sent.body, error);
    }
  }

  #makeRequest(): Sent {
    const dice = this.#dice;
    const [api, version] = anyVersion(dice);
    const body = dice.chance(0.3)
      ? validBody(api.request, version, dice)
      : hostileBody(api.request, version, dice);
    const verdict = feed(api, version, body);
    return { api, version, correlationId: ++this.#correlationId, body, verdict };
  }

  #send(frame: Uint8Array): void {
    const dice = this.#dice;
    const piece = dice.chance(0.8) ? frame.length : 1 + dice.below(frame.length);
    for (let at = 0; at < frame.length; at += piece) {
      this.#client.socket.receive(frame.subarray(at, at + piece));
    }
  }

  #assertOutcome(sent: Sent, before: number): void {
    const bytes = this.#client.socket.taken();
    const { isClosed } = this.#client;
    if (bytes.length > 0) assertAnswer(sent, bytes);
    else if (!isClosed && !mayWait.has(sent.api.name)) {
      assert.ok(isUnanswered(sent), 'a request is answered or costs its connection');
    } else {
      this.isWaiting = !isClosed;
    }
    if (sent.verdict !== 'refused') return;
    assert.ok(isClosed, 'what is no request costs its connection');
    assert.equal(this.#bench.broker.replayed.journal.endLsn, before, 'nothing was half done');
  }

  /** Hangs up, in one of the ways in which peers do. */
  leave(): void {
    const { socket } = this.#client;
    if (this.#dice.chance(0.5)) socket.sink?.onEnd();
    this.#bench.settle();
    socket.close();
    this.#bench.settle();
  }
}

/** Produce with acks 0 has no answer. */
function isUnanswered({ api, version, body }: Sent): boolean {
  if (api.key !== apiKeys.produce) return false;
  const reader = new Reader();
  reader.reset(body, 0, body.length);
  const request = new ProduceRequest();
  request.begin(reader, version);
  return request.acks === 0;
}

function assertAnswer(sent: Sent, bytes: Uint8Array): void {
  const { api, version, correlationId } = sent;
  const reader = new Reader();
  reader.reset(bytes, 0, bytes.length);
  assert.equal(reader.int32(), bytes.length - lengthBytes, 'one whole answer');
  assert.equal(reader.int32(), correlationId, 'the answer to this request');
  if (sent.verdict === 'odd') return;
  if (version >= api.flexibleSince && api.key !== apiKeys.apiVersions) reader.skipTags();
  decodeFrom(api.response, version, reader);
  assert.equal(reader.position, reader.end, 'an answer of its version, to the last byte');
}

function frameOf({ api, version, correlationId, body }: Sent, dice: SeededRandom): Uint8Array {
  const writer = new ByteWriter();
  const at = writer.reserve(lengthBytes);
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(correlationId);
  if (dice.chance(0.2)) {
    writer.int16(-1);
  } else {
    writer.int16(4);
    writer.utf8('evil');
  }
  if (version >= api.flexibleSince) writer.uint8(0);
  writer.copy(body, 0, body.length);
  endResponse(writer, at, 0);
  return writer.toBytes();
}

/** A broker with something in it that random names may meet, and a topic that they do not. */
function startedBench(): KafkaBench {
  const bench = new KafkaBench();
  bench.topic('t');
  bench.topic('u', { 'compression.type': 'gzip', 'cleanup.policy': 'compact' });
  bench.topic('many', {}, 5);
  bench.topic('kept');
  const client = bench.connect();
  for (const topic of ['t', 'many']) client.produce(topic, batchOf(['a', 'b', 'c']));
  client.socket.close();
  return bench;
}

function assertGoodClient(client: TestClient, round: number): void {
  const value = `good ${round}`;
  const { errorCode, baseOffset } = client.produce('kept', batchOf([value]));
  assert.equal(errorCode, 0, 'a good client produces');
  const row = client.fetch('kept', baseOffset);
  assert.deepEqual(recordsIn(row.records), [`${baseOffset}:${value}`], 'and fetches');
}

const connections: FuzzTarget = {
  name: 'kafka connections',
  round(dice) {
    const bench = startedBench();
    const good = bench.connect();
    let peer = new HostilePeer(bench, dice);
    const waiting: HostilePeer[] = [];
    for (let i = 0; i < requestsPerRound; i++) {
      peer.attack();
      if (i % 8 === 0) assertGoodClient(good, i);
      if (dice.chance(0.05)) bench.advance(dice.below(2_000));
      if (!peer.isClosed && !peer.isWaiting && dice.chance(0.5)) continue;
      if (peer.isWaiting && dice.chance(0.7)) waiting.push(peer);
      else peer.leave();
      peer = new HostilePeer(bench, dice);
    }
    peer.leave();
    for (const each of waiting) each.leave();
    assertGoodClient(good, requestsPerRound);
    assert.equal(bench.server.connectionCount, 1, 'no connection is left');
    assert.equal(bench.server.pool.heldBytes, 0, 'no memory is held');
    // What was written is read again: nothing that came in may make the next start fail.
    bench.restart();
    assertGoodClient(bench.connect(), requestsPerRound);
    return requestsPerRound;
  },
};

const heavyBytes = 128 * 1024;
/** An answer may repeat what was asked, and say of each what is wrong. */
const answerBytesMax = 32 * heavyBytes;
const heavyMsMax = 4_000;

/**
 * Requests with as many elements as fit, alike or each with a name of its own: what a handler does for
 * each must not depend on how many there are.
 */
const heavy: FuzzTarget = {
  name: 'kafka heavy requests',
  round(dice) {
    const [api, version] = anyVersion(dice);
    let requests = 0;
    for (const field of arraysOf(layoutOf(api.request, version))) {
      const isDistinct = dice.chance(0.5);
      const body = denseBody(api.request, version, field, heavyBytes, isDistinct);
      const bench = startedBench();
      const { socket } = bench.connect();
      const sent = { api, version, correlationId: 1, body, verdict: 'odd' } as const;
      const startedAt = performance.now();
      socket.receive(frameOf(sent, dice));
      bench.settle();
      const ms = performance.now() - startedAt;
      const what = `${api.name} v${version} ${field.name}, ${isDistinct ? 'named' : 'alike'}`;
      assert.ok(ms < heavyMsMax, `${what} took ${ms.toFixed(0)} ms`);
      const answerBytes = socket.taken().length;
      assert.ok(answerBytes < answerBytesMax, `${what} is answered with ${answerBytes} bytes`);
      requests++;
    }
    return Math.max(1, requests);
  },
};

export const targets: readonly FuzzTarget[] = [connections, heavy];
