import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBatches } from './batch-read.fixture.ts';
import { appendBatch, createTopic, partitionOf, recordsAt, TestBench } from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition } from './catalog/topic.ts';

const minute = 60_000;

function bench(options: Readonly<Record<string, string>>) {
  const testBench = new TestBench({ retentionCheckMs: minute });
  const broker = testBench.open();
  const partition = partitionOf(createTopic(broker, 'orders', options));
  return { testBench, broker, partition };
}

function append(broker: Broker, partition: Partition, bytes: number, timestamp: number): void {
  const record = { key: new Uint8Array(1), value: new Uint8Array(bytes), timestamp };
  assert.equal(appendBatch(broker, partition, [record]).error, null);
}

test('records older than retention.ms go, on an idle broker too, whole batches at a time', () => {
  const { testBench, broker, partition } = bench({ 'retention.ms': String(10 * minute) });
  const start = testBench.loop.wall;
  appendBatch(broker, partition, recordsAt(start, start));
  testBench.loop.advance(5 * minute);
  appendBatch(broker, partition, recordsAt(start, start + 5 * minute));
  testBench.loop.advance(5 * minute);
  assert.equal(partition.logStart, 0);
  testBench.loop.advance(2 * minute);
  testBench.loop.settle();
  assert.equal(partition.logStart, 2, 'its newest record keeps the second batch');
  testBench.loop.advance(5 * minute);
  testBench.loop.settle();
  assert.equal(partition.logStart, 4);
  assert.equal(partition.logEnd, 4);
});

test('what retention let go stays gone after a crash', () => {
  const { testBench, broker, partition } = bench({ 'retention.ms': '1000' });
  appendBatch(broker, partition, recordsAt(testBench.loop.wall));
  testBench.loop.advance(2 * minute);
  testBench.loop.settle();
  assert.equal(partition.logStart, 1);
  testBench.crash();
  const topic = testBench.open().topic('orders');
  assert.ok(topic);
  assert.equal(partitionOf(topic).logStart, 1);
  assert.equal(partitionOf(topic).logEnd, 1);
});

test('a young batch at the head keeps older ones behind it', () => {
  const { testBench, broker, partition } = bench({ 'retention.ms': String(10 * minute) });
  const { wall } = testBench.loop;
  appendBatch(broker, partition, recordsAt(wall));
  appendBatch(broker, partition, recordsAt(0));
  testBench.loop.advance(2 * minute);
  assert.equal(partition.logStart, 0);
});

test('a batch without a time is as old as the next one that has one', () => {
  const { testBench, broker, partition } = bench({ 'retention.ms': String(10 * minute) });
  const { wall } = testBench.loop;
  appendBatch(broker, partition, recordsAt(-1));
  appendBatch(broker, partition, recordsAt(0));
  appendBatch(broker, partition, recordsAt(-1));
  appendBatch(broker, partition, recordsAt(wall));
  testBench.loop.advance(2 * minute);
  testBench.loop.settle();
  assert.equal(partition.logStart, 2);
});

test('retention.bytes keeps at least so many bytes, and not a batch more', () => {
  const { testBench, broker, partition } = bench({ 'retention.bytes': '5000' });
  for (let i = 0; i < 10; i++) append(broker, partition, 1000, testBench.loop.wall);
  testBench.loop.settle();
  broker.applyRetention();
  testBench.loop.settle();
  assert.equal(partition.logStart, 5);
  broker.applyRetention();
  testBench.loop.settle();
  assert.equal(partition.logStart, 5);
  append(broker, partition, 1000, testBench.loop.wall);
  testBench.loop.settle();
  broker.applyRetention();
  testBench.loop.settle();
  assert.equal(partition.logStart, 6);
});

test('what is not committed yet is not let go', () => {
  const { testBench, broker, partition } = bench({ 'retention.ms': '1' });
  appendBatch(broker, partition, recordsAt(0));
  testBench.loop.settle();
  appendBatch(broker, partition, recordsAt(0));
  broker.applyRetention();
  assert.equal(partition.log.logStart, 1);
  testBench.loop.settle();
  assert.equal(partition.logStart, 1);
});

test('a topic that is not to delete keeps everything', () => {
  for (const policy of ['compact', '']) {
    const { testBench, broker, partition } = bench({
      'cleanup.policy': policy,
      'retention.ms': '1',
      'retention.bytes': '1',
    });
    append(broker, partition, 1000, 0);
    testBench.loop.advance(3 * minute);
    assert.equal(partition.logStart, 0, policy);
  }
});

test('changing retention.ms counts from the next round on', () => {
  const { testBench, broker, partition } = bench({});
  append(broker, partition, 10, testBench.loop.wall);
  testBench.loop.advance(2 * minute);
  assert.equal(partition.logStart, 0);
  broker.setTopicOptions(partition.topic, new Map([['retention.ms', '1']]), false);
  testBench.loop.advance(2 * minute);
  testBench.loop.settle();
  assert.equal(partition.logStart, 1);
});

test('deleting records moves the log start, never back and never past the high watermark', () => {
  const { testBench, broker, partition } = bench({});
  for (let i = 0; i < 4; i++) append(broker, partition, 10, 5);
  testBench.loop.settle();
  append(broker, partition, 10, 5);
  assert.equal(broker.deleteRecords(partition, 5).error, 'offset_out_of_range');
  assert.equal(broker.deleteRecords(partition, -2).error, 'offset_out_of_range');
  const outcome = broker.deleteRecords(partition, 2);
  assert.equal(outcome.error, null);
  assert.equal(outcome.logStart, 2);
  assert.equal(broker.commits.isCovered(outcome.lsn), false);
  assert.equal(partition.logStart, 0, 'shown once it is committed');
  testBench.loop.settle();
  assert.equal(partition.logStart, 2);
  assert.equal(broker.deleteRecords(partition, 1).logStart, 2);
  assert.equal(broker.deleteRecords(partition, -1).logStart, 5);
  testBench.loop.settle();
  assert.equal(partition.logStart, 5);
  broker.deleteTopic(partition.topic);
  assert.equal(broker.deleteRecords(partition, -1).error, 'topic_not_found');
});

test('retention.bytes keeps its bytes when small batches follow a large one that is gone', () => {
  const { testBench, broker, partition } = bench({ 'retention.bytes': '2500' });
  append(broker, partition, 20_000, testBench.loop.wall);
  for (let i = 0; i < 20; i++) append(broker, partition, 100, testBench.loop.wall);
  testBench.loop.settle();
  broker.deleteRecords(partition, 1);
  testBench.loop.settle();
  broker.applyRetention();
  testBench.loop.settle();
  const kept = readBatches(testBench, broker, partition, partition.logStart).length;
  assert.ok(kept >= 2500 && kept < 2500 + 300, `${kept} bytes`);
});

test('nothing is let go twice when records are deleted and not committed yet', () => {
  const { testBench, broker, partition } = bench({ 'retention.bytes': '5000' });
  for (let i = 0; i < 10; i++) append(broker, partition, 1000, testBench.loop.wall);
  testBench.loop.settle();
  broker.deleteRecords(partition, 4);
  broker.applyRetention();
  testBench.loop.settle();
  assert.equal(partition.logStart, 5);
});

test('a round that has nothing to let go reads no index', () => {
  const { testBench, broker, partition } = bench({
    ...{ 'retention.ms': String(10 * minute), 'retention.bytes': '5000' },
  });
  const { journal } = broker.replayed;
  const plan = journal.plan.bind(journal);
  let plans = 0;
  journal.plan = (...parameters) => {
    plans++;
    return plan(...parameters);
  };
  for (let i = 0; i < 3; i++) append(broker, partition, 1000, testBench.loop.wall);
  testBench.loop.advance(minute);
  assert.ok(plans > 0, 'the first look finds the head');
  plans = 0;
  testBench.loop.advance(3 * minute);
  assert.equal(plans, 0);
  for (let i = 0; i < 3; i++) append(broker, partition, 1000, testBench.loop.wall);
  testBench.loop.advance(minute);
  testBench.loop.settle();
  assert.equal(partition.logStart, 1, 'what came meanwhile pushes out the oldest');
  testBench.loop.advance(10 * minute);
  testBench.loop.settle();
  assert.equal(partition.logStart, 6, 'time goes on for a head that is known');
});
