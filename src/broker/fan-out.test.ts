import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { batchCodec, batchIsLogAppendTime, batchProducerId } from '../record/batch.ts';
import { buildBatch, type RecordInput } from '../record/batch-builder.ts';
import { readRecords } from '../record/batch-reader.ts';
import { codec } from '../record/compression/index.ts';
import { readBatches } from './batch-read.fixture.ts';
import { createTopic, partitionOf, recordsAt, TestBench } from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition } from './catalog/topic.ts';
import { AppendOutcome } from './outcomes.ts';

function append(broker: Broker, partitions: readonly Partition[], bytes: Uint8Array) {
  const outcome = new AppendOutcome();
  broker.appendToMany(partitions, bytes, 0, bytes.length, null, outcome);
  return outcome;
}

function topics(broker: Broker, count: number): Partition[] {
  return Array.from({ length: count }, (_, i) => partitionOf(createTopic(broker, `t${i}`)));
}

function values(bytes: Uint8Array): (number | undefined)[] {
  return readRecords(bytes, viewOf(bytes), 0, 1_000_000).map((record) => record.value?.[0]);
}

test('a batch for ten partitions reaches each at its own offset, large or small', () => {
  for (const size of [10, 100_000]) {
    const bench = new TestBench();
    const broker = bench.open();
    const partitions = topics(broker, 10);
    const other = partitions[3];
    assert.ok(other);
    append(broker, [other], buildBatch(recordsAt(1, 1)));
    const record: RecordInput = { key: null, value: new Uint8Array(size).fill(9), timestamp: 5 };
    const outcome = append(broker, partitions, buildBatch([record]));
    assert.equal(outcome.error, null);
    assert.equal(outcome.baseOffset, 0);
    bench.loop.settle();
    assert.equal(broker.commits.isCovered(outcome.lsn), true);
    for (const partition of partitions) {
      const offset: number = partition === other ? 2 : 0;
      assert.equal(partition.highWatermark, offset + 1);
      const bytes = readBatches(bench, broker, partition, offset);
      assert.deepEqual(values(bytes), [9]);
      assert.equal(readRecords(bytes, viewOf(bytes), 0, 1_000_000)[0]?.offset, offset);
    }
  }
});

test('partitions that need other bytes get them, and the others share', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const plain = topics(broker, 2);
  const stamped = partitionOf(
    createTopic(broker, 'stamped', { 'message.timestamp.type': 'LogAppendTime' }),
  );
  const packed = partitionOf(createTopic(broker, 'packed', { 'compression.type': 'gzip' }));
  const partitions = [stamped, ...plain, packed];
  const outcome = append(broker, partitions, buildBatch(recordsAt(5, 6)));
  assert.equal(outcome.error, null);
  assert.equal(outcome.logAppendTime, bench.loop.wall);
  bench.loop.settle();
  for (const partition of partitions) {
    const bytes = readBatches(bench, broker, partition, 0);
    const view = viewOf(bytes);
    assert.deepEqual(values(bytes), [0, 1]);
    assert.equal(batchIsLogAppendTime(view, 0), partition === stamped);
    assert.equal(batchCodec(view, 0), partition === packed ? codec.gzip : codec.none);
  }
});

test('the bytes given may be a Buffer, whose slices are no copies', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partitions = topics(broker, 9);
  const value = new Uint8Array(100_000).fill(3);
  const batch = buildBatch([{ key: null, value, timestamp: 5 }], {
    producerId: 7,
    producerEpoch: 0,
    baseSequence: 0,
  });
  append(broker, partitions, Buffer.from(batch));
  bench.loop.settle();
  partitions.forEach((partition, i) => {
    const view = viewOf(readBatches(bench, broker, partition, 0));
    assert.equal(batchProducerId(view, 0), i < 4 ? 7 : -1);
  });
});

test('a sequence counts for the first partition only, through a restart too', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partitions = topics(broker, 6);
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  const batch = buildBatch(recordsAt(5), producer);
  append(broker, partitions, batch.slice());
  const again = append(broker, partitions, batch.slice());
  assert.equal(again.isDuplicate, true);
  bench.loop.settle();
  const last = partitions[5];
  assert.ok(last);
  assert.equal(batchProducerId(viewOf(readBatches(bench, broker, last, 0)), 0), -1);
  bench.crash();
  const next = bench.open();
  const reopened = partitions.map(({ topic }) => {
    const found = next.topic(topic.name);
    assert.ok(found);
    return partitionOf(found);
  });
  const [first, second] = reopened;
  assert.ok(first && second);
  assert.equal(append(next, [first], batch.slice()).isDuplicate, true);
  assert.equal(append(next, [second], batch.slice()).isDuplicate, false);
});

test('one partition that refuses keeps the batch from all', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partitions = topics(broker, 2);
  partitions.push(partitionOf(createTopic(broker, 'small', { 'max.message.bytes': '20' })));
  const outcome = append(broker, partitions, buildBatch(recordsAt(5)));
  assert.equal(outcome.error, 'batch_too_large');
  for (const partition of partitions) assert.equal(partition.logEnd, 0);
});
