import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { viewOf } from '../kernel/bytes.ts';
import {
  batchFault,
  batchHeaderBytes,
  batchIsControl,
  batchIsLogAppendTime,
  batchMaxTimestamp,
  batchRecordCount,
  findBatchFault,
  findProducedBatchFault,
} from './batch.ts';
import {
  BatchBuilder,
  type BatchOptions,
  buildBatch,
  encodeHeaders,
  publishBatchLimits,
  type RecordInput,
} from './batch-builder.ts';
import { readRecords, type StoredRecord } from './batch-reader.ts';
import { canCompress, codec } from './compression/index.ts';
import { foreignBatches, foreignRecords } from './vectors/batches.ts';

const limit = 1 << 20;

function read(batch: Uint8Array): StoredRecord[] {
  return readRecords(batch, viewOf(batch), 0, limit);
}

/** Records as they should come back: Buffers and Uint8Arrays alike as plain arrays. */
function plain(records: readonly (RecordInput | StoredRecord)[]): unknown {
  const bytes = (value: Uint8Array | null) => (value === null ? null : Array.from(value));
  return records.map(({ key, value, headers, timestamp }) => ({
    key: bytes(key),
    value: bytes(value),
    headers: (headers ?? []).map((header) => ({ key: header.key, value: bytes(header.value) })),
    timestamp,
  }));
}

const nullable = fc.option(fc.uint8Array({ maxLength: 60 }), { nil: null });
const record: fc.Arbitrary<RecordInput> = fc.record({
  key: nullable,
  value: nullable,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'binary' }), value: nullable }), {
    maxLength: 4,
  }),
  timestamp: fc.oneof(fc.constant(-1), fc.nat(), fc.integer({ min: 0, max: 2 ** 52 })),
});
const records = fc.array(record, { minLength: 1, maxLength: 12 });

test('records come back from a batch, whatever its codec, and the batch is sound', () => {
  const codecs = [codec.none, codec.gzip, codec.snappy, codec.lz4, codec.zstd].filter(canCompress);
  fc.assert(
    fc.property(records, fc.constantFrom(...codecs), (input, codecNumber) => {
      const batch = buildBatch(input, { codec: codecNumber });
      const view = viewOf(batch);
      assert.equal(findBatchFault(batch, view, 0, batch.length), batchFault.none);
      assert.equal(findProducedBatchFault(view, 0, batch.length), batchFault.none);
      const output = read(batch);
      assert.deepEqual(plain(output), plain(input));
      assert.deepEqual(
        output.map(({ offset }) => offset),
        input.map((_, index) => index),
      );
      assert.equal(
        batchMaxTimestamp(view, 0),
        Math.max(...input.map(({ timestamp }) => timestamp)),
      );
    }),
  );
});

test('an uncompressed batch has the very bytes that another implementation writes', () => {
  const [, foreign] = foreignBatches[0] ?? assert.fail();
  const built = buildBatch(foreignRecords, {
    leaderEpoch: 0,
    transactional: true,
    producerId: 77,
    producerEpoch: 3,
    baseSequence: 9,
  });
  assert.equal(Buffer.from(built).toString('base64'), foreign);
});

test('batches of another implementation are read in every codec', () => {
  for (const [, base64] of foreignBatches) {
    assert.deepEqual(plain(read(Buffer.from(base64, 'base64'))), plain(foreignRecords));
  }
});

/** kafkajs keeps its codecs among its internals, without types. */
const require = createRequire(import.meta.url);
const kafkajs = 'kafkajs/src/protocol';
const KafkajsBytes = require(`${kafkajs}/decoder`) as new (buffer: Buffer) => unknown;
const decodeKafkajs = require(`${kafkajs}/recordBatch/v0/decoder`) as (bytes: unknown) => Promise<{
  firstOffset: string;
  records: { offset: string; timestamp: string; key: Buffer; value: Buffer; headers: object }[];
}>;
const encodeKafkajsRecord = require(`${kafkajs}/recordBatch/record/v0`) as (
  record: Readonly<Record<string, unknown>>,
) => unknown;
const { RecordBatch: encodeKafkajs } = require(`${kafkajs}/recordBatch/v0`) as {
  RecordBatch: (batch: Readonly<Record<string, unknown>>) => Promise<{ buffer: Buffer }>;
};

test('a batch that kafkajs writes is read here', async () => {
  for (const compression of [codec.none, codec.gzip]) {
    const records = [0, 1, 2].map((offsetDelta) =>
      encodeKafkajsRecord({
        offsetDelta,
        timestampDelta: offsetDelta * 1000,
        key: offsetDelta === 1 ? null : `key ${offsetDelta}`,
        value: `value ${offsetDelta}`,
        headers: { name: 'text' },
      }),
    );
    const { buffer } = await encodeKafkajs({
      compression,
      firstTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_002_000,
      lastOffsetDelta: 2,
      records,
    });
    const view = viewOf(buffer);
    assert.equal(findBatchFault(buffer, view, 0, buffer.length), batchFault.none);
    assert.equal(findProducedBatchFault(view, 0, buffer.length), batchFault.none);
    const expected = [0, 1, 2].map((index) => ({
      key: index === 1 ? null : Buffer.from(`key ${index}`),
      value: Buffer.from(`value ${index}`),
      headers: [{ key: 'name', value: Buffer.from('text') }],
      timestamp: 1_700_000_000_000 + index * 1000,
    }));
    assert.deepEqual(plain(read(buffer)), plain(expected));
  }
});

test('kafkajs reads what is built here', async () => {
  const batch = buildBatch(foreignRecords, { baseOffset: 1000, codec: codec.gzip });
  const decoded = await decodeKafkajs(new KafkajsBytes(Buffer.from(batch)));
  assert.equal(decoded.firstOffset, '1000');
  assert.deepEqual(
    decoded.records.map(({ offset, timestamp }) => [offset, timestamp]),
    foreignRecords.map(({ timestamp }, index) => [`${1000 + index}`, `${timestamp}`]),
  );
  assert.deepEqual(
    decoded.records.map(({ key, value }) => [key, value]),
    foreignRecords.map(({ key, value }) => [key, value]),
  );
});

test('header fields are what the options say', () => {
  const options: BatchOptions = { baseOffset: 5, control: true, logAppendTime: 99 };
  const batch = buildBatch([{ key: null, value: null, timestamp: 7 }], options);
  const view = viewOf(batch);
  assert.equal(batchIsControl(view, 0), true);
  assert.equal(batchIsLogAppendTime(view, 0), true);
  assert.deepEqual(read(batch), [
    { offset: 5, timestamp: 99, key: null, value: null, headers: [] },
  ]);
});

test('a builder is full at its number of records', () => {
  const builder = new BatchBuilder();
  builder.begin();
  for (let i = 0; i < publishBatchLimits.recordsMax; i++) assert.equal(builder.add(i), true);
  assert.equal(builder.add(0), false);
  assert.equal(batchRecordCount(viewOf(builder.finish()), 0), 256);
});

test('a builder is full at its bytes, but takes one record of any size', () => {
  const builder = new BatchBuilder({ recordsMax: 256, bytesMax: 1000 }, batchHeaderBytes);
  const large = new Uint8Array(5000).fill(1);
  builder.begin();
  assert.equal(builder.addRecord({ key: null, value: large, timestamp: 0 }), true);
  assert.equal(builder.addRecord({ key: null, value: null, timestamp: 0 }), false);
  const batch = builder.finish();
  assert.equal(findBatchFault(batch, viewOf(batch), 0, batch.length), batchFault.none);
  assert.deepEqual(read(batch)[0]?.value, large);
});

test('the size of a builder is that of the batch it would make, and stays in its limit', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 40 }), (input) => {
      const builder = new BatchBuilder({ recordsMax: 256, bytesMax: 700 });
      builder.begin();
      let taken = 0;
      for (const item of input) if (builder.addRecord(item)) taken++;
      assert.equal(builder.recordCount, taken);
      assert.ok(taken === 1 || builder.size <= 700);
      const size = builder.size;
      assert.equal(builder.finish().length, size);
    }),
  );
});

test('the parts of a record that did not fit go into the next batch, once', () => {
  const builder = new BatchBuilder({ recordsMax: 2, bytesMax: 40 + batchHeaderBytes });
  const text = Buffer.from('..key and value..');
  const headers = encodeHeaders([{ key: 'h', value: Buffer.from('1') }]);
  builder.begin();
  assert.equal(builder.add(1), true);
  builder.setKey(text, 2, 5);
  builder.setValue(text, 10, 15);
  builder.setHeaders(headers.bytes, 0, headers.bytes.length, headers.count);
  assert.equal(builder.add(2), true);
  builder.setKey(text, 2, 5);
  builder.setHeaders(headers.bytes, 0, headers.bytes.length, headers.count);
  assert.equal(builder.add(3), false);
  builder.finish();
  builder.begin();
  assert.equal(builder.add(3), true);
  assert.equal(builder.add(4), true);
  assert.deepEqual(
    plain(read(builder.finish())),
    plain([
      {
        key: Buffer.from('key'),
        value: null,
        headers: [{ key: 'h', value: Buffer.from('1') }],
        timestamp: 3,
      },
      { key: null, value: null, timestamp: 4 },
    ]),
  );
});

test('a builder is used again and remembers nothing', () => {
  const builder = new BatchBuilder(undefined, batchHeaderBytes);
  for (const input of [foreignRecords, foreignRecords.slice(1)]) {
    builder.begin();
    for (const item of input) builder.addRecord(item);
    assert.deepEqual(plain(read(builder.finish())), plain(input));
  }
});
