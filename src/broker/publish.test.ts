import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import {
  batchAttribute,
  batchCodec,
  batchField,
  batchIsLogAppendTime,
  batchMaxTimestamp,
  computeBatchCrc,
  sealBatch,
} from '../record/batch.ts';
import { buildBatch } from '../record/batch-builder.ts';
import { readRecords } from '../record/batch-reader.ts';
import { codec } from '../record/compression/index.ts';
import { readBatches } from './batch-read.fixture.ts';
import {
  appendBatch,
  appendBytes,
  createTopic,
  partitionOf,
  recordsAt,
  TestBench,
} from './broker.fixture.ts';
import { producerIdBlock } from './limits.ts';
import { AppendOutcome } from './outcomes.ts';
import { inspected } from './record-rules.ts';

function bench(options: Readonly<Record<string, string>> = {}) {
  const testBench = new TestBench();
  const broker = testBench.open();
  const topic = createTopic(broker, 'orders', options);
  const partition = partitionOf(topic);
  return { testBench, broker, partition, now: testBench.loop.wall };
}

test('a batch gets the next offsets, and is visible once it is committed', () => {
  const { testBench, broker, partition, now } = bench();
  const first = appendBatch(broker, partition, recordsAt(now, now));
  const second = appendBatch(broker, partition, recordsAt(now));
  assert.equal(first.error, null);
  assert.equal(first.baseOffset, 0);
  assert.equal(first.logAppendTime, -1);
  assert.equal(first.logStart, 0);
  assert.equal(second.baseOffset, 2);
  assert.equal(partition.logEnd, 3);
  assert.equal(partition.highWatermark, 0);
  assert.equal(broker.commits.isCovered(second.lsn), false);
  testBench.loop.settle();
  assert.equal(partition.highWatermark, 3);
  assert.equal(broker.commits.isCovered(second.lsn), true);
});

test('a damaged batch is refused as corrupt, and nothing is appended', () => {
  const { broker, partition, now } = bench();
  const batch = buildBatch(recordsAt(now));
  const damages: ((bytes: Uint8Array, view: DataView) => void)[] = [
    (bytes) => {
      bytes[bytes.length - 1] = 99;
    },
    (_, view) => view.setInt32(batchField.length, batch.length),
    (_, view) => view.setInt32(batchField.length, 3),
    (_, view) => view.setInt8(batchField.magic, 1),
  ];
  for (const damage of damages) {
    const bytes = batch.slice();
    damage(bytes, viewOf(bytes));
    assert.equal(appendBytes(broker, partition, bytes).error, 'corrupt_batch');
  }
  assert.equal(appendBytes(broker, partition, batch.subarray(0, 40)).error, 'corrupt_batch');
  assert.equal(appendBytes(broker, partition, new Uint8Array(0)).error, 'corrupt_batch');
  assert.equal(partition.logEnd, 0);
});

test('a batch that a client may not write is refused as invalid', () => {
  const { broker, partition, now } = bench();
  const batch = buildBatch(recordsAt(now, now));
  const offences: ((view: DataView) => void)[] = [
    (view) => view.setInt32(batchField.recordCount, 1),
    (view) => view.setInt32(batchField.lastOffsetDelta, 5),
    (view) => view.setInt16(batchField.attributes, batchAttribute.control),
    (view) => view.setInt16(batchField.attributes, 7),
    (view) => {
      view.setInt32(batchField.producerId + 4, 7);
      view.setInt32(batchField.producerId, 0);
      view.setInt16(batchField.producerEpoch, 0);
    },
  ];
  for (const offend of offences) {
    const bytes = batch.slice();
    offend(viewOf(bytes));
    sealBatch(bytes, viewOf(bytes), 0);
    assert.equal(appendBytes(broker, partition, bytes).error, 'invalid_batch');
  }
  const two = new Uint8Array([...batch, ...batch]);
  assert.equal(appendBytes(broker, partition, two).error, 'invalid_batch');
  const transactional = buildBatch(recordsAt(now), {
    transactional: true,
    producerId: 1,
    producerEpoch: 0,
    baseSequence: 0,
  });
  assert.equal(appendBytes(broker, partition, transactional).error, 'unsupported');
  assert.equal(partition.logEnd, 0);
});

test('a batch larger than max.message.bytes as it is stored is refused, one of that size is not', () => {
  const size = buildBatch([{ key: null, value: new Uint8Array(1000), timestamp: 1 }]).length;
  const { broker, partition, now } = bench({ 'max.message.bytes': String(size + 8) });
  const record = (bytes: number) => [{ key: null, value: new Uint8Array(bytes), timestamp: now }];
  assert.equal(appendBatch(broker, partition, record(1008)).error, null);
  assert.equal(appendBatch(broker, partition, record(1009)).error, 'batch_too_large');
  const compressed = appendBatch(broker, partition, record(5000), { codec: codec.gzip });
  assert.equal(compressed.error, null);
});

test('a batch too large is refused before its checksum is looked at', () => {
  const { broker, partition, now } = bench({ 'max.message.bytes': '100' });
  const batch = buildBatch([{ key: null, value: new Uint8Array(200), timestamp: now }]);
  batch[batch.length - 1] = 1;
  assert.equal(appendBytes(broker, partition, batch).error, 'batch_too_large');
});

test('a batch that no segment can hold is refused, whatever the topic allows', () => {
  const segmentBytes = 1024 * 1024;
  const { broker, partition, now } = bench({ 'max.message.bytes': '1000000000' });
  const record = (bytes: number) => [{ key: null, value: new Uint8Array(bytes), timestamp: now }];
  const tooLarge = appendBatch(broker, partition, record(segmentBytes));
  assert.equal(tooLarge.error, 'batch_too_large');
  assert.equal(appendBatch(broker, partition, record(segmentBytes - 20_000)).error, null);
  assert.equal(
    appendBatch(broker, partition, record(segmentBytes - 8_200)).error,
    'batch_too_large',
  );
});

test('timestamps too far ahead or behind are refused, and the record at fault is named', () => {
  const { broker, partition, now } = bench({
    'message.timestamp.after.max.ms': '1000',
    'message.timestamp.before.max.ms': '500',
  });
  assert.equal(appendBatch(broker, partition, recordsAt(now + 1000, now - 500)).error, null);
  const ahead = appendBatch(broker, partition, recordsAt(now, now + 1001));
  assert.equal(ahead.error, 'invalid_timestamp');
  for (const codecNumber of [codec.none, codec.lz4]) {
    const options = { codec: codecNumber };
    const behind = appendBatch(broker, partition, recordsAt(now, now, now - 501), options);
    assert.equal(behind.error, 'invalid_timestamp');
    assert.equal(behind.recordErrorIndex, 2);
  }
  assert.equal(appendBatch(broker, partition, recordsAt(-1)).error, null, 'no time is of no age');
  assert.equal(partition.logEnd, 3);
});

test('a compacted topic takes records with keys only, and the record at fault is named', () => {
  const { broker, partition, now } = bench({ 'cleanup.policy': 'compact,delete' });
  const key = new Uint8Array([1]);
  const keyed = { key, value: new Uint8Array([2]), timestamp: now };
  assert.equal(appendBatch(broker, partition, [keyed, { ...keyed, value: null }]).error, null);
  for (const codecNumber of [codec.none, codec.gzip]) {
    const records = [keyed, { ...keyed, key: null }];
    const keyless = appendBatch(broker, partition, records, { codec: codecNumber });
    assert.equal(keyless.error, 'invalid_batch');
    assert.equal(keyless.recordErrorIndex, 1);
  }
  assert.equal(partition.logEnd, 2);
});

test('by default a record may be of any age, and an hour ahead', () => {
  const { broker, partition, now } = bench();
  assert.equal(appendBatch(broker, partition, recordsAt(0)).error, null);
  assert.equal(appendBatch(broker, partition, recordsAt(now + 3_600_000)).error, null);
  const ahead = appendBatch(broker, partition, recordsAt(now + 3_600_001));
  assert.equal(ahead.error, 'invalid_timestamp');
});

test('a producer may not claim log append time on a topic that keeps its own', () => {
  const { broker, partition, now } = bench();
  const outcome = appendBatch(broker, partition, recordsAt(now), { logAppendTime: now });
  assert.equal(outcome.error, 'invalid_timestamp');
});

test('with LogAppendTime the broker stamps the batch and renews its checksum', () => {
  const { testBench, broker, partition, now } = bench({
    'message.timestamp.type': 'LogAppendTime',
    'message.timestamp.before.max.ms': '1',
  });
  const outcome = appendBatch(broker, partition, recordsAt(5, 7));
  assert.equal(outcome.error, null);
  assert.equal(outcome.logAppendTime, now);
  testBench.loop.settle();
  const bytes = readBatches(testBench, broker, partition, 0);
  const view = viewOf(bytes);
  assert.equal(batchIsLogAppendTime(view, 0), true);
  assert.equal(batchMaxTimestamp(view, 0), now);
  assert.equal(view.getUint32(batchField.crc), computeBatchCrc(bytes, view, 0));
  assert.deepEqual(
    readRecords(bytes, view, 0, 1000).map((record) => record.timestamp),
    [now, now],
  );
});

test('compression.type brings batches to its codec, and producer leaves them as they are', () => {
  for (const [type, expected] of [
    ['producer', codec.snappy],
    ['uncompressed', codec.none],
    ['gzip', codec.gzip],
    ['lz4', codec.lz4],
    ['snappy', codec.snappy],
  ] as const) {
    const { testBench, broker, partition, now } = bench({ 'compression.type': type });
    const sent = buildBatch(recordsAt(now, now, now), { codec: codec.snappy });
    assert.equal(appendBytes(broker, partition, sent.slice()).error, null);
    testBench.loop.settle();
    const bytes = readBatches(testBench, broker, partition, 0);
    const view = viewOf(bytes);
    assert.equal(batchCodec(view, 0), expected, type);
    assert.equal(view.getUint32(batchField.crc), computeBatchCrc(bytes, view, 0));
    const values = readRecords(bytes, view, 0, 1000).map((record) => record.value?.[0]);
    assert.deepEqual(values, [0, 1, 2]);
    if (type === 'producer') assert.deepEqual(bytes.subarray(21), sent.subarray(21));
  }
});

test('a batch that cannot be decompressed is refused where it has to be', () => {
  const { broker, partition, now } = bench({ 'compression.type': 'gzip' });
  const batch = buildBatch(recordsAt(now), { codec: codec.lz4 });
  batch[batch.length - 3] = 200;
  batch[batchField.records] = 1;
  sealBatch(batch, viewOf(batch), 0);
  assert.equal(appendBytes(broker, partition, batch).error, 'invalid_batch');
});

test('a batch may hold sixteen times what its topic takes, where it has to be looked into', () => {
  for (const options of [{ 'compression.type': 'lz4' }, { 'cleanup.policy': 'compact' }]) {
    const { broker, partition, now } = bench({ ...options, 'max.message.bytes': '10000' });
    const holding = (bytes: number) => {
      const record = { key: new Uint8Array(1), value: new Uint8Array(bytes), timestamp: now };
      return buildBatch([record], { codec: codec.gzip });
    };
    const before = inspected.bytes;
    assert.equal(appendBytes(broker, partition, holding(150_000)).error, null);
    assert.ok(inspected.bytes >= before + 150_000, 'the work is counted');
    assert.equal(appendBytes(broker, partition, holding(170_000)).error, 'batch_too_large');
    assert.ok(inspected.bytes >= before + 310_000, 'also that which was given up');
  }
});

test('a batch is appended from wherever it lies among other bytes', () => {
  const { testBench, broker, partition, now } = bench();
  const batch = buildBatch(recordsAt(now));
  const bytes = new Uint8Array(batch.length + 50).fill(255);
  bytes.set(batch, 17);
  const outcome = new AppendOutcome();
  broker.append(partition, bytes, 17, 17 + batch.length, null, outcome);
  assert.equal(outcome.error, null);
  testBench.loop.settle();
  assert.deepEqual(readBatches(testBench, broker, partition, 0).subarray(16), batch.subarray(16));
});

test('a deleted topic, a draining and a fenced broker refuse to append', () => {
  const { testBench, broker, partition, now } = bench();
  const other = partitionOf(createTopic(broker, 'other'));
  broker.deleteTopic(other.topic);
  assert.equal(appendBatch(broker, other, recordsAt(now)).error, 'topic_not_found');
  broker.drain();
  assert.equal(appendBatch(broker, partition, recordsAt(now)).error, 'draining');
  testBench.close(broker);
});

test('a full disk refuses publishing and creating, and deleting goes on', () => {
  const testBench = new TestBench({}, 8 * 1024 * 1024);
  const broker = testBench.open();
  const topic = createTopic(broker, 'orders');
  const partition = partitionOf(topic);
  const record = [{ key: null, value: new Uint8Array(200_000), timestamp: testBench.loop.wall }];
  let error = null;
  for (let i = 0; i < 200 && error === null; i++) {
    error = appendBatch(broker, partition, record).error;
    testBench.loop.settle();
  }
  assert.equal(error, 'storage_full');
  assert.equal(broker.isStorageFull, true);
  for (let i = 0; i < producerIdBlock; i++) assert.equal(broker.newProducerId().error, null);
  assert.equal(broker.newProducerId().error, 'storage_full', 'one block of a run needs no room');
  const end = partition.highWatermark;
  assert.equal(broker.deleteRecords(partition, -1).error, null);
  testBench.loop.settle();
  assert.equal(partition.logStart, end);
  assert.equal(broker.deleteTopic(topic).error, null);
});

test('topics of the broker itself take no records from clients', () => {
  const broker = new TestBench().open();
  const partition = partitionOf(createTopic(broker, '__consumer_offsets'));
  const outcome = appendBatch(broker, partition, recordsAt(1));
  assert.equal(outcome.error, 'topic_internal');
  assert.equal(partition.logEnd, 0);
});
