import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../simulation/random.ts';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { decodeUtf8, encodeUtf8, formatUuidShort, parseUuidShort } from '../../kernel/bytes.ts';
import { apiKeys, apiOf } from './api-keys.ts';
import { encode } from './encode.ts';
import { FetchRequest } from './fetch-request.ts';
import { FetchResponse, FetchResponseSize } from './fetch-response.ts';
import { endResponse } from './frame.ts';
import type { NodeEndpoint } from './leader-hints.ts';
import { encodeLoosely, randomMessage } from './random-message.fuzz.ts';
import { Reader } from './reader.ts';
import type { DecodedOf } from './schema.ts';
import { zeroUuid } from './schema.ts';
import { fetchRequest, fetchResponse } from './schemas/fetch.ts';

const api = apiOf(apiKeys.fetch);
assert.ok(api);
const { handledMin: versionMin, max: versionMax } = api;

type Request = DecodedOf<typeof fetchRequest>;
type Response = DecodedOf<typeof fetchResponse>;

function topicOf(request: FetchRequest, bytes: Uint8Array): { topic: string; topicId: string } {
  const { topicNameStart, topicNameEnd, topicIdStart } = request;
  return {
    topic: topicNameStart < 0 ? '' : decodeUtf8(bytes, topicNameStart, topicNameEnd),
    topicId: topicIdStart < 0 ? zeroUuid : formatUuidShort(bytes, topicIdStart),
  };
}

/** What the hand-written decoder sees, in the form of the schema; followers' fields left out. */
function walk(bytes: Uint8Array, start: number, end: number, version: number): unknown {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  const request = new FetchRequest();
  request.begin(reader, version);
  const topics = [];
  while (request.nextTopic()) {
    const topic = topicOf(request, bytes);
    const partitions = [];
    while (request.nextPartition()) {
      const { partition, currentLeaderEpoch, fetchOffset } = request;
      const { lastFetchedEpoch, logStartOffset, partitionMaxBytes } = request;
      partitions.push({
        partition,
        currentLeaderEpoch,
        fetchOffset,
        lastFetchedEpoch,
        logStartOffset,
        partitionMaxBytes,
      });
    }
    assert.equal(partitions.length, request.partitionCount);
    topics.push({ ...topic, partitions });
  }
  assert.equal(topics.length, request.topicCount);
  const { maxWaitMs, minBytes, maxBytes, isolationLevel, sessionId, sessionEpoch } = request;
  return {
    clusterId:
      request.clusterIdStart < 0
        ? null
        : decodeUtf8(bytes, request.clusterIdStart, request.clusterIdEnd),
    replicaId: request.replicaId,
    replicaEpoch: request.replicaEpoch,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId,
    sessionEpoch,
    topics,
    forgottenTopicsData: walkForgotten(request, bytes),
    rackId: decodeUtf8(bytes, request.rackStart, request.rackEnd),
  };
}

function walkForgotten(request: FetchRequest, bytes: Uint8Array): unknown[] {
  const forgotten = [];
  request.beginForgotten();
  while (request.nextForgottenTopic()) {
    const topic = topicOf(request, bytes);
    const partitions = [];
    while (request.nextForgottenPartition()) partitions.push(request.partition);
    assert.equal(partitions.length, request.partitionCount);
    forgotten.push({ ...topic, partitions });
  }
  assert.equal(forgotten.length, request.forgottenTopicCount);
  return forgotten;
}

function withoutFollowerFields(request: Request, version: number): unknown {
  const { replicaId, replicaState, topics, ...rest } = request;
  return {
    ...rest,
    replicaId: version >= 15 ? replicaState.replicaId : replicaId,
    replicaEpoch: replicaState.replicaEpoch,
    topics: topics.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map(
        ({ replicaDirectoryId: _directory, highWatermark: _highWatermark, ...others }) => others,
      ),
    })),
  };
}

describe('the Fetch request cursor', () => {
  it('sees in every version what the schema says', () => {
    const dice = new SeededRandom(11);
    for (let version = versionMin; version <= versionMax; version++) {
      for (let round = 0; round < 30; round++) {
        const values = randomMessage(fetchRequest, version, dice);
        const encoded = encodeLoosely(fetchRequest, version, values);
        const padded = new Uint8Array(encoded.length + 20).fill(0xee);
        padded.set(encoded, 13);
        assert.deepEqual(
          walk(padded, 13, 13 + encoded.length, version),
          withoutFollowerFields(values, version),
          `v${version}`,
        );
      }
    }
  });

  it('forgets what the request before it said', () => {
    const dice = new SeededRandom(12);
    const reader = new Reader();
    const request = new FetchRequest();
    const full = encodeLoosely(fetchRequest, 17, {
      ...randomMessage(fetchRequest, 17, dice),
      clusterId: 'c',
      replicaState: { replicaId: 3, replicaEpoch: 4 },
      rackId: 'r',
    });
    reader.reset(full, 0, full.length);
    request.begin(reader, 17);
    assert.equal(request.replicaEpoch, 4);
    const plain = encodeLoosely(fetchRequest, 4, randomMessage(fetchRequest, 4, dice));
    reader.reset(plain, 0, plain.length);
    request.begin(reader, 4);
    assert.equal(request.replicaEpoch, -1);
    assert.equal(request.clusterIdStart, -1);
    assert.equal(request.rackStart, request.rackEnd);
    assert.equal(request.sessionEpoch, -1);
    assert.equal(request.forgottenTopicCount, 0);
  });
});

/** The response as the broker writes it. Streamed records are left out and given to `streamed`. */
function encodeByHand(
  version: number,
  values: Response,
  endpoints: readonly NodeEndpoint[],
  streamed: Uint8Array[] | null,
): Uint8Array {
  const writer = new ByteWriter();
  const response = new FetchResponse();
  response.begin(writer, version, 5, values.throttleTimeMs);
  response.session(values.errorCode, values.sessionId, values.responses.length);
  for (const { topic, topicId, partitions } of values.responses) {
    const name = encodeUtf8(topic);
    const id = parseUuidShort(topicId) ?? new Uint8Array(16);
    if (version >= 13) response.topicId(id, 0, partitions.length);
    else response.topicName(name, 0, name.length, partitions.length);
    for (const p of partitions) {
      const aborted = p.abortedTransactions;
      response.partition(
        p.partitionIndex,
        p.errorCode,
        p.highWatermark,
        p.lastStableOffset,
        p.logStartOffset,
        aborted === null ? -1 : aborted.length,
      );
      for (const one of aborted ?? []) response.aborted(one.producerId, one.firstOffset);
      const records = p.records ?? new Uint8Array(0);
      response.records(p.preferredReadReplica, records.length, streamed !== null);
      if (streamed === null) writer.copy(records, 0, records.length);
      else streamed.push(records);
      response.endPartition(p.currentLeader.leaderId, p.currentLeader.leaderEpoch);
    }
    response.endTopic();
  }
  response.end(endpoints);
  return writer.toBytes();
}

function sizeOf(version: number, values: Response, endpoints: readonly NodeEndpoint[]): number {
  const size = new FetchResponseSize();
  size.begin(version, values.responses.length);
  for (const { topic, partitions } of values.responses) {
    size.topic(encodeUtf8(topic).length, partitions.length);
    for (const p of partitions) {
      const abortedCount = p.abortedTransactions === null ? -1 : p.abortedTransactions.length;
      size.partition(abortedCount, p.records?.length ?? 0, p.currentLeader.leaderId >= 0);
    }
  }
  size.endpoints(endpoints);
  return size.total;
}

/** Random values within what the broker says: no follower fields, records never null. */
function randomAnswer(version: number, dice: SeededRandom): Response {
  const values = randomMessage(fetchResponse, version, dice);
  return {
    ...values,
    responses: values.responses.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((p) => ({
        ...p,
        records: p.records ?? new Uint8Array(0),
        divergingEpoch: { epoch: -1, endOffset: -1 },
        snapshotId: { endOffset: -1, epoch: -1 },
        currentLeader:
          version >= 12 && p.partitionIndex > 0
            ? { leaderId: 3, leaderEpoch: p.partitionIndex }
            : { leaderId: -1, leaderEpoch: -1 },
      })),
    })),
  };
}

function encodeBySchema(version: number, values: Response): Uint8Array {
  const writer = new ByteWriter();
  writer.int32(0);
  writer.int32(5);
  if (version >= 12) writer.uint8(0);
  encode(fetchResponse, version, values, writer);
  endResponse(writer, 0, 0);
  return writer.toBytes();
}

describe('the Fetch response', () => {
  it('equals in every version what the schema says, and has the size foretold', () => {
    const dice = new SeededRandom(13);
    for (let version = versionMin; version <= versionMax; version++) {
      for (let round = 0; round < 30; round++) {
        const values = randomAnswer(version, dice);
        const byHand = encodeByHand(version, values, values.nodeEndpoints, null);
        assert.deepEqual(byHand, encodeBySchema(version, values), `v${version}`);
        assert.equal(sizeOf(version, values, values.nodeEndpoints), byHand.length, `v${version}`);
      }
    }
  });

  it('counts streamed records in its length without having them', () => {
    const dice = new SeededRandom(14);
    for (let version = versionMin; version <= versionMax; version++) {
      const values = randomAnswer(version, dice);
      const streamed: Uint8Array[] = [];
      const whole = encodeByHand(version, values, values.nodeEndpoints, null);
      const pieces = encodeByHand(version, values, values.nodeEndpoints, streamed);
      const streamedBytes = streamed.reduce((sum, records) => sum + records.length, 0);
      assert.equal(pieces.length + streamedBytes, whole.length, `v${version}`);
      assert.deepEqual(pieces.subarray(0, 4), whole.subarray(0, 4), `v${version}`);
    }
  });

  it('is not written with fewer aborted transactions than it announced', () => {
    const response = new FetchResponse();
    response.begin(new ByteWriter(), 11, 1, 0);
    response.session(0, 0, 1);
    response.topicName(encodeUtf8('t'), 0, 1, 1);
    response.partition(0, 0, 1, 1, 0, 2);
    response.aborted(1, 1);
    assert.throws(() => response.records(-1, 0, false), /all aborted transactions/);
  });
});
