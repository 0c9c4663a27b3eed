import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { batchField, sealBatch } from '../record/batch.ts';
import { type BatchOptions, buildBatch } from '../record/batch-builder.ts';
import {
  appendBatch,
  appendBytes,
  createTopic,
  partitionOf,
  recordsAt,
  TestBench,
} from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition } from './catalog/topic.ts';
import { producersPerPartitionMax } from './limits.ts';

const hour = 3_600_000;

function bench(producerExpiryMs = 24 * hour) {
  const testBench = new TestBench({ producerExpiryMs, retentionCheckMs: hour });
  const broker = testBench.open();
  const partition = partitionOf(createTopic(broker, 'orders'));
  return { testBench, broker, partition };
}

function from(producerId: number, producerEpoch: number, baseSequence: number): BatchOptions {
  return { producerId, producerEpoch, baseSequence };
}

function send(broker: Broker, partition: Partition, options: BatchOptions, count = 1) {
  const timestamps = Array.from({ length: count }, () => 5);
  return appendBatch(broker, partition, recordsAt(...timestamps), options);
}

test('a batch sent again gets the offset of the first time and is stored once [KIP-98]', () => {
  const { broker, partition } = bench();
  const first = send(broker, partition, from(7, 0, 0), 3);
  const second = send(broker, partition, from(7, 0, 3));
  const again = send(broker, partition, from(7, 0, 0), 3);
  assert.equal(again.error, null);
  assert.equal(again.isDuplicate, true);
  assert.equal(again.baseOffset, first.baseOffset);
  assert.equal(again.lsn, second.lsn, 'it waits for the last change of the producer');
  assert.equal(partition.logEnd, 4);
});

test('the last five batches are remembered, the sixth last is out of order [KIP-98]', () => {
  const { broker, partition } = bench();
  for (let i = 0; i < 6; i++) send(broker, partition, from(7, 0, i));
  for (let i = 1; i < 6; i++) {
    const again = send(broker, partition, from(7, 0, i));
    assert.equal(again.baseOffset, i);
    assert.equal(again.isDuplicate, true);
  }
  assert.equal(send(broker, partition, from(7, 0, 0)).error, 'out_of_order_sequence');
});

test('the same first sequence with another length is no duplicate', () => {
  const { broker, partition } = bench();
  send(broker, partition, from(7, 0, 0), 3);
  const outcome = send(broker, partition, from(7, 0, 0), 2);
  assert.equal(outcome.error, 'out_of_order_sequence');
});

test('a gap is refused, and so is what follows until the gap is filled [KIP-98]', () => {
  const { broker, partition } = bench();
  send(broker, partition, from(7, 0, 0));
  assert.equal(send(broker, partition, from(7, 0, 2)).error, 'out_of_order_sequence');
  assert.equal(send(broker, partition, from(7, 0, 3)).error, 'out_of_order_sequence');
  assert.equal(send(broker, partition, from(7, 0, 1)).error, null);
  assert.equal(send(broker, partition, from(7, 0, 2)).error, null);
});

test('a producer that the partition does not know may begin anywhere', () => {
  const { broker, partition } = bench();
  assert.equal(send(broker, partition, from(7, 3, 1234)).error, null);
  assert.equal(send(broker, partition, from(7, 3, 1235)).error, null);
});

test('a new epoch begins at 0, and the old one is refused from then on [KIP-98]', () => {
  const { broker, partition } = bench();
  send(broker, partition, from(7, 1, 0));
  assert.equal(send(broker, partition, from(7, 2, 1)).error, 'out_of_order_sequence');
  const begun = send(broker, partition, from(7, 2, 0));
  assert.equal(begun.error, null);
  assert.equal(begun.isDuplicate, false, 'the batches of the old epoch are forgotten');
  assert.equal(send(broker, partition, from(7, 1, 1)).error, 'invalid_producer_epoch');
});

test('sequences go on from 2147483647 to 0 inside and between batches', () => {
  const { broker, partition } = bench();
  const last = 0x7fff_ffff;
  assert.equal(send(broker, partition, from(7, 0, last - 1), 3).error, null);
  assert.equal(send(broker, partition, from(7, 0, 1)).error, null);
  assert.equal(send(broker, partition, from(7, 0, last - 1), 3).baseOffset, 0);
  assert.equal(send(broker, partition, from(8, 0, last)).error, null);
  assert.equal(send(broker, partition, from(8, 0, 0)).error, null);
});

test('partitions know producers apart, and producers do not meet', () => {
  const { broker } = bench();
  const topic = createTopic(broker, 'wide', {}, 2);
  const [left, right] = [partitionOf(topic, 0), partitionOf(topic, 1)];
  send(broker, left, from(7, 0, 0));
  assert.equal(send(broker, right, from(7, 0, 0)).isDuplicate, false);
  assert.equal(send(broker, left, from(8, 0, 0)).isDuplicate, false);
  assert.equal(send(broker, left, from(7, 0, 0)).isDuplicate, true);
});

test('a refused batch does not move the sequence', () => {
  const { testBench, broker } = bench();
  const partition = partitionOf(createTopic(broker, 'small', { 'max.message.bytes': '100' }));
  const large = [{ key: null, value: new Uint8Array(100), timestamp: testBench.loop.wall }];
  const refused = appendBatch(broker, partition, large, from(7, 0, 0));
  assert.equal(refused.error, 'batch_too_large');
  assert.equal(send(broker, partition, from(7, 0, 0)).isDuplicate, false);
});

test('a duplicate on a LogAppendTime topic tells the time of the first append', () => {
  const { testBench, broker } = bench();
  const topic = createTopic(broker, 'stamped', { 'message.timestamp.type': 'LogAppendTime' });
  const partition = partitionOf(topic);
  const first = send(broker, partition, from(7, 0, 0));
  testBench.loop.advance(1000);
  const again = send(broker, partition, from(7, 0, 0));
  assert.equal(again.logAppendTime, first.logAppendTime);
  assert.notEqual(first.logAppendTime, testBench.loop.wall);
});

test('what a producer has written survives a crash and a clean restart', () => {
  const { testBench, broker } = bench();
  send(broker, partitionOf(createTopic(broker, 'kept')), from(7, 2, 0), 3);
  testBench.loop.settle();
  testBench.crash();
  const second = testBench.open();
  const again = send(second, kept(second), from(7, 2, 0), 3);
  assert.equal(again.isDuplicate, true);
  assert.equal(again.baseOffset, 0);
  assert.equal(second.commits.isCovered(again.lsn), true);
  send(second, kept(second), from(7, 2, 3));
  testBench.close(second);
  const third = testBench.open();
  assert.equal(send(third, kept(third), from(7, 2, 0), 3).isDuplicate, true);
  assert.equal(send(third, kept(third), from(7, 2, 3)).isDuplicate, true);
  assert.equal(send(third, kept(third), from(7, 2, 4)).isDuplicate, false);
  assert.equal(send(third, kept(third), from(7, 1, 5)).error, 'invalid_producer_epoch');
});

function kept(broker: Broker): Partition {
  const topic = broker.topic('kept');
  assert.ok(topic);
  return partitionOf(topic);
}

test('a producer silent for its time is forgotten, by an entry that survives a restart', () => {
  const { testBench, broker } = bench(24 * hour);
  const topic = createTopic(broker, 'kept', { 'retention.ms': '-1' });
  send(broker, partitionOf(topic), from(7, 5, 0));
  testBench.loop.advance(12 * hour);
  send(broker, partitionOf(topic), from(8, 5, 0));
  testBench.loop.advance(11 * hour);
  const early = send(broker, partitionOf(topic), from(7, 4, 0));
  assert.equal(early.error, 'invalid_producer_epoch', 'still known');
  testBench.loop.advance(2 * hour);
  testBench.crash();
  const next = testBench.open();
  const late = send(next, kept(next), from(7, 4, 17));
  assert.equal(late.error, null, 'forgotten: any epoch, any sequence');
  assert.equal(send(next, kept(next), from(8, 5, 0)).isDuplicate, true, 'not silent for long');
});

test('producer ids are never handed out twice, not even after a crash', () => {
  const testBench = new TestBench();
  const seen = new Set<number>();
  for (let life = 0; life < 3; life++) {
    const broker = testBench.open();
    for (let i = 0; i < 1500; i++) {
      const { error, producerId, lsn } = broker.newProducerId();
      assert.equal(error, null);
      assert.equal(broker.commits.isCovered(lsn), false, 'the block is not committed yet');
      assert.equal(seen.has(producerId), false);
      seen.add(producerId);
    }
    testBench.loop.settle();
    testBench.crash();
  }
  assert.equal(seen.size, 4500);
});

test('a crowded partition forgets those who wrote longest ago, and keeps to its limit', () => {
  const { testBench, broker, partition } = bench();
  const batch = buildBatch(recordsAt(5), from(0, 5, 0));
  const view = viewOf(batch);
  for (let producer = 0; producer <= producersPerPartitionMax; producer++) {
    view.setInt32(batchField.baseOffset + 4, 0);
    view.setInt32(batchField.producerId + 4, producer);
    sealBatch(batch, view, 0);
    assert.equal(appendBytes(broker, partition, batch).error, null);
    if (producer % 500 === 0) testBench.loop.settle();
  }
  assert.equal(send(broker, partition, from(0, 4, 9)).error, null, 'the first is forgotten');
  const newest = send(broker, partition, from(producersPerPartitionMax, 4, 0));
  assert.equal(newest.error, 'invalid_producer_epoch', 'the last is known');
  const recent = send(broker, partition, from(producersPerPartitionMax / 2, 4, 0));
  assert.equal(recent.error, 'invalid_producer_epoch', 'only the oldest are forgotten');
});
