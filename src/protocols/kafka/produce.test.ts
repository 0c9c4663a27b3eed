import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../simulation/random.ts';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { decodeUtf8, encodeUtf8, formatUuidShort, parseUuidShort } from '../../kernel/bytes.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { apiKeys, apiOf } from './api-keys.ts';
import { decode } from './decode.ts';
import { encode } from './encode.ts';
import { ProduceRequest } from './produce-request.ts';
import { ProduceResponse } from './produce-response.ts';
import { encodeLoosely, randomMessage } from './random-message.fuzz.ts';
import { Reader } from './reader.ts';
import type { DecodedOf } from './schema.ts';
import { zeroUuid } from './schema.ts';
import { produceRequest, produceResponse } from './schemas/produce.ts';

const versionMax = apiOf(apiKeys.produce)?.max ?? 0;

/** What the hand-written decoder sees, in the form of the schema. */
function walk(
  bytes: Uint8Array,
  start: number,
  end: number,
  version: number,
): DecodedOf<typeof produceRequest> {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  const request = new ProduceRequest();
  request.begin(reader, version);
  const topicData = [];
  while (request.nextTopic()) {
    const partitionData = [];
    const name =
      request.topicNameStart < 0
        ? ''
        : decodeUtf8(bytes, request.topicNameStart, request.topicNameEnd);
    const topicId =
      request.topicIdStart < 0 ? zeroUuid : formatUuidShort(bytes, request.topicIdStart);
    while (request.nextPartition()) {
      const { partition, recordsStart, recordsEnd } = request;
      const records = recordsStart < 0 ? null : bytes.slice(recordsStart, recordsEnd);
      partitionData.push({ index: partition, records });
    }
    assert.equal(partitionData.length, request.partitionCount);
    topicData.push({ name, topicId, partitionData });
  }
  assert.equal(topicData.length, request.topicCount);
  const { transactionalIdStart, transactionalIdEnd } = request;
  const transactionalId =
    transactionalIdStart < 0 ? null : decodeUtf8(bytes, transactionalIdStart, transactionalIdEnd);
  return { transactionalId, acks: request.acks, timeoutMs: request.timeoutMs, topicData };
}

describe('the Produce request cursor', () => {
  it('sees in every version what the schema says', () => {
    const dice = new SeededRandom(7);
    for (let version = 0; version <= versionMax; version++) {
      for (let round = 0; round < 30; round++) {
        const values = randomMessage(produceRequest, version, dice);
        const encoded = encodeLoosely(produceRequest, version, values);
        const padded = new Uint8Array(encoded.length + 20).fill(0xee);
        padded.set(encoded, 11);
        assert.deepEqual(walk(padded, 11, 11 + encoded.length, version), values, `v${version}`);
      }
    }
  });

  it('moves over the partitions that the caller leaves', () => {
    const encoded = encodeLoosely(produceRequest, 9, {
      transactionalId: null,
      acks: 1,
      timeoutMs: 5,
      topicData: ['a', 'b'].map((name) => ({
        name,
        topicId: zeroUuid,
        partitionData: [0, 1, 2].map((index) => ({ index, records: new Uint8Array(3) })),
      })),
    });
    const reader = new Reader();
    reader.reset(encoded, 0, encoded.length);
    const request = new ProduceRequest();
    request.begin(reader, 9);
    assert.ok(request.nextTopic());
    assert.ok(request.nextPartition());
    assert.ok(request.nextTopic());
    assert.equal(decodeUtf8(encoded, request.topicNameStart, request.topicNameEnd), 'b');
    assert.equal(request.nextTopic(), false);
    assert.equal(request.nextPartition(), false);
  });

  it('refuses a request that is damaged at its end before it hands anything out', () => {
    const encoded = encodeLoosely(produceRequest, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 5,
      topicData: [
        {
          name: 'a',
          topicId: zeroUuid,
          partitionData: [0, 1].map((index) => ({ index, records: new Uint8Array(9) })),
        },
      ],
    });
    const reader = new Reader();
    reader.reset(encoded, 0, encoded.length - 4);
    assert.throws(() => new ProduceRequest().begin(reader, 9), ProtocolViolation);
  });
});

describe('the Produce response', () => {
  const name = encodeUtf8('orders');
  const idText = 'AAECAwQFBgcICQoLDA0ODw';
  const id = parseUuidShort(idText) ?? new Uint8Array(16);
  const endpoints = [{ nodeId: 2, host: 'other', port: 9092, rack: null }];

  function encodeByHand(version: number): Uint8Array {
    const writer = new ByteWriter();
    const response = new ProduceResponse();
    response.begin(writer, version, 77, 2);
    for (const count of [3, 1]) {
      if (version >= 13) response.topicId(id, 0, count);
      else response.topicName(name, 0, name.length, count);
      response.appended(0, 1234, 99, 5);
      if (count === 3) {
        response.refused(1, 87, 5, 'why', [
          { batchIndex: 4, message: 'bad' },
          { batchIndex: 5, message: null },
        ]);
        response.misdirected(2, 6, 2, 8);
      }
      response.endTopic();
    }
    response.end(30, endpoints);
    return writer.toBytes();
  }

  function encodeBySchema(version: number): Uint8Array {
    const good = {
      index: 0,
      errorCode: 0,
      baseOffset: 1234,
      logAppendTimeMs: 99,
      logStartOffset: 5,
    };
    const bad = {
      index: 1,
      errorCode: 87,
      baseOffset: -1,
      logStartOffset: 5,
      recordErrors: [
        { batchIndex: 4, batchIndexErrorMessage: 'bad' },
        { batchIndex: 5, batchIndexErrorMessage: null },
      ],
      errorMessage: 'why',
    };
    const elsewhere = {
      index: 2,
      errorCode: 6,
      baseOffset: -1,
      currentLeader: version >= 10 ? { leaderId: 2, leaderEpoch: 8 } : {},
    };
    const topic = { name: 'orders', topicId: idText };
    const writer = new ByteWriter();
    const draft = {
      responses: [
        { ...topic, partitionResponses: [good, bad, elsewhere] },
        { ...topic, partitionResponses: [good] },
      ],
      throttleTimeMs: 30,
      nodeEndpoints: version >= 10 ? endpoints : [],
    };
    writer.int32(0);
    writer.int32(77);
    if (version >= 9) writer.uint8(0);
    encode(produceResponse, version, draft, writer);
    writer.patchInt32(0, writer.position - 4);
    return writer.toBytes();
  }

  it('equals in every version what the schema says', () => {
    for (let version = 0; version <= versionMax; version++) {
      assert.deepEqual(encodeByHand(version), encodeBySchema(version), `v${version}`);
    }
  });

  it('names a leader to those versions alone that can read it', () => {
    for (const version of [9, 10]) {
      const bytes = encodeByHand(version);
      const decoded = decode(produceResponse, version, bytes, 9, bytes.length);
      const leaders = decoded.responses[0]?.partitionResponses.map((p) => p.currentLeader.leaderId);
      assert.deepEqual(leaders, version >= 10 ? [-1, -1, 2] : [-1, -1, -1]);
      assert.equal(decoded.nodeEndpoints.length, version >= 10 ? 1 : 0);
    }
  });
});
