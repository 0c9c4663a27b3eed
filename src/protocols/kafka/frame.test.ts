import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { decodeHex, decodeUtf8, encodeHex, viewOf } from '../../kernel/bytes.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { apiKeys, apiOf, apis } from './api-keys.ts';
import {
  beginResponse,
  endResponse,
  measureFrame,
  RequestHeader,
  requestBytesMax,
} from './frame.ts';
import { Reader } from './reader.ts';

function bytesOf(hex: string): Uint8Array {
  const bytes = decodeHex(hex);
  assert.ok(bytes);
  return bytes;
}

function measure(hex: string, bytesMax = requestBytesMax): number {
  const bytes = bytesOf(hex);
  return measureFrame(viewOf(bytes), 0, bytes.length, bytesMax);
}

function readHeader(hex: string): { outcome: string; header: RequestHeader; reader: Reader } {
  const header = new RequestHeader();
  const reader = new Reader();
  const bytes = bytesOf(hex);
  reader.reset(bytes, 0, bytes.length);
  return { outcome: header.read(reader), header, reader };
}

describe('a frame', () => {
  it('has no known size before its API key has arrived', () => {
    assert.equal(measure('000000'), 0);
    assert.equal(measure('00000010'), 0);
    assert.equal(measure('0000001000'), 0);
    assert.equal(measure('000000100003'), 20);
  });

  it('is refused by its first four bytes when no request is that long', () => {
    for (const length of ['00000007', 'ffffffff', '80000000', '06400001', '47455420', '16030100']) {
      assert.throws(() => measure(length), ProtocolViolation, length);
    }
    assert.throws(() => measure('00100000', 512 * 1024), ProtocolViolation);
  });

  it('may be as long as the limit for Produce alone', () => {
    assert.equal(measure('064000000000'), 4 + requestBytesMax);
    assert.throws(() => measure('064000000003'), ProtocolViolation);
  });
});

describe('a request header', () => {
  it('keeps the classic client id when the version is flexible', () => {
    const { outcome, header, reader } = readHeader('0003000900000007' + '00026162' + '00' + 'ff');
    assert.equal(outcome, 'ok');
    assert.equal(header.correlationId, 7);
    assert.equal(decodeUtf8(reader.bytes, header.clientIdStart, header.clientIdEnd), 'ab');
    assert.equal(header.isFlexible, true);
    assert.equal(reader.position, 13);
  });

  it('has no tagged fields when the version is classic', () => {
    const { header, reader } = readHeader('0003000800000007' + 'ffff' + '00');
    assert.equal(header.clientIdStart, -1);
    assert.equal(reader.position, 10);
  });

  it('skips tagged fields, whatever they are', () => {
    const { reader } = readHeader('0012000400000001' + 'ffff' + '020103aabbcc0700' + 'ee');
    assert.equal(reader.position, 18);
  });

  it('of an unknown API or version yields enough to answer', () => {
    const unknown = readHeader('03e7000000000009');
    assert.equal(unknown.outcome, 'unknown-api');
    assert.equal(unknown.header.correlationId, 9);
    const newer = readHeader('0012006300000005ffff');
    assert.equal(newer.outcome, 'unsupported-version');
    assert.equal(newer.header.apiKey, apiKeys.apiVersions);
    assert.equal(newer.header.correlationId, 5);
    assert.equal(readHeader('0001000300000005ffff').outcome, 'unsupported-version');
    assert.equal(readHeader('0001ffff00000005ffff').outcome, 'unsupported-version');
  });

  it('that ends early is refused', () => {
    const whole = '0003000900000007' + '00026162' + '00';
    for (let cut = 0; cut < whole.length; cut += 2) {
      assert.throws(() => readHeader(whole.slice(0, cut)), ProtocolViolation, `cut at ${cut / 2}`);
    }
  });
});

describe('a response', () => {
  it('has a tagged section in its header when flexible, but never for ApiVersions', () => {
    const writer = new ByteWriter();
    const first = beginResponse(writer, apiKeys.metadata, true, 7);
    endResponse(writer, first, 0);
    const second = beginResponse(writer, apiKeys.apiVersions, true, 8);
    writer.int16(0);
    endResponse(writer, second, 0);
    const third = beginResponse(writer, apiKeys.fetch, false, 9);
    endResponse(writer, third, 1000);
    assert.equal(
      encodeHex(writer.written()),
      '000000050000000700' + '00000006000000080000' + '000003ec00000009',
    );
  });
});

describe('the table of APIs', () => {
  it('finds every API by its key and nothing else', () => {
    for (const api of apis) assert.equal(apiOf(api.key), api);
    for (const key of [-1, 4, 7, 59, 61, 32_767]) assert.equal(apiOf(key), undefined);
  });

  it('advertises the ranges of Kafka 4.3, and Produce from 0', () => {
    const ranges = apis.map(({ name, advertisedMin, max }) => `${name} ${advertisedMin}-${max}`);
    assert.deepEqual(ranges, [
      'produce 0-13',
      'fetch 4-18',
      'listOffsets 1-11',
      'metadata 0-13',
      'offsetCommit 2-10',
      'offsetFetch 1-10',
      'findCoordinator 0-6',
      'joinGroup 0-9',
      'heartbeat 0-4',
      'leaveGroup 0-5',
      'syncGroup 0-5',
      'describeGroups 0-6',
      'listGroups 0-5',
      'apiVersions 0-4',
      'createTopics 2-7',
      'deleteTopics 1-6',
      'deleteRecords 0-2',
      'initProducerId 0-5',
      'offsetForLeaderEpoch 2-4',
      'describeAcls 1-3',
      'createAcls 1-3',
      'deleteAcls 1-3',
      'describeConfigs 1-4',
      'alterConfigs 0-2',
      'describeLogDirs 1-5',
      'createPartitions 0-3',
      'deleteGroups 0-2',
      'incrementalAlterConfigs 0-1',
      'listPartitionReassignments 0-0',
      'offsetDelete 0-0',
      'describeClientQuotas 0-1',
      'describeCluster 0-2',
      'listConfigResources 0-1',
      'describeTopicPartitions 0-0',
    ]);
    for (const { handledMin, advertisedMin } of apis) assert.ok(handledMin <= advertisedMin);
  });
});
