import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { ReadPlan } from '../log/read-plan.ts';
import { batchBaseOffset, batchLeaderEpoch, batchSize } from '../record/batch.ts';
import { readBatches } from './batch-read.fixture.ts';
import { appendBatch, createTopic, partitionOf, recordsAt, TestBench } from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition, Watcher } from './catalog/topic.ts';

function bench() {
  const testBench = new TestBench();
  const broker = testBench.open();
  const partition = partitionOf(createTopic(broker, 'orders', { 'retention.ms': '-1' }));
  testBench.loop.settle();
  return { testBench, broker, partition };
}

function baseOffsets(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += batchSize(view, at)) {
    offsets.push(batchBaseOffset(view, at));
  }
  return offsets;
}

class CountingWatcher implements Watcher {
  readonly woken: Partition[] = [];
  react: (partition: Partition) => void = () => {};

  onProgress(partition: Partition): void {
    this.woken.push(partition);
    this.react(partition);
  }
}

test('a read gives whole batches from the one that holds the offset, with their epoch', () => {
  const { testBench, broker, partition } = bench();
  for (let i = 0; i < 3; i++) appendBatch(broker, partition, recordsAt(5, 6, 7));
  testBench.loop.settle();
  assert.deepEqual(baseOffsets(readBatches(testBench, broker, partition, 4)), [3, 6]);
  assert.deepEqual(baseOffsets(readBatches(testBench, broker, partition, 4, 1)), [3]);
  assert.deepEqual(baseOffsets(readBatches(testBench, broker, partition, 9)), []);
  const bytes = readBatches(testBench, broker, partition, 0);
  assert.equal(batchLeaderEpoch(viewOf(bytes), 0), broker.leaderEpoch);
});

test('nothing is read before it is committed', () => {
  const { testBench, broker, partition } = bench();
  appendBatch(broker, partition, recordsAt(5));
  testBench.loop.settle();
  appendBatch(broker, partition, recordsAt(5));
  assert.deepEqual(baseOffsets(readBatches(testBench, broker, partition, 0)), [0]);
  assert.deepEqual(baseOffsets(readBatches(testBench, broker, partition, 1)), []);
  assert.deepEqual(baseOffsets(readBatches(testBench, broker, partition, 2)), [], 'up to the end');
  testBench.loop.settle();
  assert.deepEqual(baseOffsets(readBatches(testBench, broker, partition, 1)), [1]);
});

test('offsets before the log start or past the log end are out of range', () => {
  const { testBench, broker, partition } = bench();
  for (let i = 0; i < 4; i++) appendBatch(broker, partition, recordsAt(5));
  testBench.loop.settle();
  broker.deleteRecords(partition, 2);
  testBench.loop.settle();
  const plan = new ReadPlan();
  const status = (offset: number) => broker.planRead(partition, offset, 100, plan, () => {});
  assert.equal(status(1), 'offset_out_of_range');
  assert.equal(status(5), 'offset_out_of_range');
  assert.equal(status(-1), 'offset_out_of_range');
  assert.equal(status(4), 'ready');
  plan.release();
  broker.deleteTopic(partition.topic);
  assert.equal(status(4), 'topic_not_found');
});

test('a watcher hears of commits of its partition only, until it is taken away', () => {
  const { testBench, broker, partition } = bench();
  const other = partitionOf(createTopic(broker, 'other'));
  const watcher = new CountingWatcher();
  testBench.loop.settle();
  broker.watch(partition, watcher);
  appendBatch(broker, other, recordsAt(5));
  testBench.loop.settle();
  assert.equal(watcher.woken.length, 0);
  appendBatch(broker, partition, recordsAt(5));
  appendBatch(broker, partition, recordsAt(5));
  assert.equal(watcher.woken.length, 0, 'not before the commit');
  testBench.loop.settle();
  assert.deepEqual(watcher.woken, [partition]);
  assert.equal(partition.highWatermark, 2);
  broker.unwatch(partition, watcher);
  broker.unwatch(partition, watcher);
  appendBatch(broker, partition, recordsAt(5));
  testBench.loop.settle();
  assert.equal(watcher.woken.length, 1);
});

test('a watcher hears of a moved log start and of the deletion, once committed', () => {
  const { testBench, broker, partition } = bench();
  appendBatch(broker, partition, recordsAt(5));
  testBench.loop.settle();
  const watcher = new CountingWatcher();
  broker.watch(partition, watcher);
  broker.deleteRecords(partition, 1);
  testBench.loop.settle();
  assert.equal(watcher.woken.length, 1);
  broker.deleteTopic(partition.topic);
  assert.equal(watcher.woken.length, 1);
  testBench.loop.settle();
  assert.equal(watcher.woken.length, 2);
  assert.equal(partition.isDeleted, true);
});

test('watchers may come and go while they are woken', () => {
  const { testBench, broker, partition } = bench();
  const [first, second] = [new CountingWatcher(), new CountingWatcher()];
  first.react = () => {
    broker.unwatch(partition, first);
    broker.watch(partition, first);
  };
  broker.watch(partition, first);
  broker.watch(partition, second);
  appendBatch(broker, partition, recordsAt(5));
  testBench.loop.settle();
  assert.equal(first.woken.length, 1, 'watching again waits for the next change');
  assert.equal(second.woken.length, 1);
});

test('the end of an epoch is where the next one begins [KIP-101]', () => {
  const { testBench, broker, partition } = bench();
  appendBatch(broker, partition, recordsAt(5, 6));
  testBench.loop.settle();
  const firstEpoch = broker.leaderEpoch;
  testBench.crash();
  const next = testBench.open();
  const again = reopened(next);
  assert.ok(next.leaderEpoch > firstEpoch);
  appendBatch(next, again, recordsAt(5));
  testBench.loop.settle();
  const ends = (epoch: number) => next.endOffsetForEpoch(again, epoch);
  assert.deepEqual(ends(firstEpoch), { epoch: firstEpoch, endOffset: 2 });
  assert.deepEqual(ends(next.leaderEpoch), { epoch: next.leaderEpoch, endOffset: 3 });
  assert.deepEqual(ends(firstEpoch - 1), { epoch: -1, endOffset: -1 });
});

function reopened(broker: Broker): Partition {
  const topic = broker.topic('orders');
  assert.ok(topic);
  return partitionOf(topic);
}
