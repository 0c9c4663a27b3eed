/** How queues read: shared windows, decoding, gaps, large batches, looking without taking. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { viewOf } from '../../kernel/bytes.ts';
import { sealBatch } from '../../record/batch.ts';
import { buildBatch } from '../../record/batch-builder.ts';
import type { PeekedRecord } from './queue-browse.ts';
import { readBytesMax, windowsPerPartitionMax } from './queue-limits.ts';
import { TestQueues, textOf } from './queues.fixture.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function peek(t: TestQueues, from: number, count: number, partition = 0): PeekedRecord[] {
  let found: PeekedRecord[] | null = null;
  t.service.peek({ queue: t.find(), partition, from, count }, (records) => {
    found = records;
  });
  assert.equal(found, null, 'never within the call');
  t.run();
  assert.ok(found !== null);
  return found;
}

test('a backlog of many batches is read in order, through a bounded number of windows', () => {
  const t = new TestQueues().open();
  const value = 'x'.repeat(1000);
  for (let i = 0; i < 5000; i++) {
    t.append([`${i}:${value}`]);
    if (i % 100 === 0) t.run();
  }
  t.run();
  const consumer = t.consume(t.declare(), Number.POSITIVE_INFINITY, { isSettledOnDelivery: true });
  t.run();
  assert.deepEqual(consumer.offsets, upTo(5000));
  assert.ok(consumer.got.every((r) => textOf(r.value).startsWith(`${r.offset}:`)));
  const bound = windowsPerPartitionMax * readBytesMax * 2;
  assert.ok(t.service.source.memory < bound, `${t.service.source.memory} bytes of windows`);
});

test('a trickle of records shares one small window', () => {
  const t = new TestQueues().open();
  const consumer = t.consume(t.declare(), 1000);
  for (let i = 0; i < 60; i++) t.publish(1);
  assert.deepEqual(consumer.offsets, upTo(60));
  assert.ok(t.service.source.memory < 32 * 1024, `${t.service.source.memory} bytes of windows`);
});

test('reads that come through late, and say so twice, change nothing', () => {
  const t = new TestQueues({ hasSlowReads: true }).open();
  const value = 'w'.repeat(2000);
  for (let i = 0; i < 1000; i++) t.append([`${i}:${value}`], 1, i % 7 === 0 ? 2 : 0);
  t.run();
  const a = t.consume(t.declare('a'), Number.POSITIVE_INFINITY);
  const b = t.consume(t.declare('b'), 1);
  b.onRecord = (record) => {
    b.calls.settle(0, record.offset, record.offset + 1);
    b.calls.grant(1);
  };
  t.run();
  assert.deepEqual(a.offsets, upTo(1000));
  assert.deepEqual(b.offsets, upTo(1000));
  t.service.delete(t.find('a'));
  t.service.delete(t.find('b'));
  assert.equal(t.service.source.memory, 0, 'nobody reads any more');
});

test('two queues on a topic share what was read', () => {
  const t = new TestQueues().open();
  t.publish(500);
  const a = t.consume(t.declare('a'), 1000);
  t.run();
  const { memory } = t.service.source;
  const b = t.consume(t.declare('b'), 1000);
  t.run();
  assert.equal(a.got.length, 500);
  assert.equal(b.got.length, 500);
  assert.equal(t.service.source.memory, memory);
});

test('a batch larger than a read is delivered whole', () => {
  const t = new TestQueues().open();
  const big = 'y'.repeat(readBytesMax + 1000);
  t.append(['before']);
  t.append([big]);
  t.append(['after']);
  const consumer = t.consume(t.declare(), 10);
  t.run();
  assert.deepEqual(
    consumer.got.map((r) => textOf(r.value).length),
    [6, big.length, 5],
  );
});

test('compressed batches are decoded, small ones at once and large ones off the loop', () => {
  const t = new TestQueues().open();
  const values = (from: number, count: number, size: number): string[] =>
    upTo(count).map((i) => `${from + i}:${Math.sin(from + i)}`.padEnd(size, `${i * 7919}`));
  t.append(['0:plain']);
  t.append(values(1, 5, 50), 1, 1);
  t.append(values(6, 500, 200), 1, 2);
  t.append(['506:plain']);
  t.append(values(507, 300, 300), 1, 3);
  t.append(values(807, 300, 300), 1, 1);
  t.append(['1107:plain']);
  t.run();
  const queue = t.declare();
  const consumer = t.consume(queue, 10_000);
  t.run();
  assert.deepEqual(consumer.offsets, upTo(1108));
  for (const record of consumer.got) {
    assert.equal(textOf(record.value).split(':')[0], String(record.offset));
  }
  assert.ok(t.offloaded > 0, 'large ones went off the loop');
  assert.ok(t.offloaded <= 3, 'each was decoded once');
});

test('a batch that cannot be decoded is settled, and the queue goes on', () => {
  const t = new TestQueues().open();
  const damaged = buildBatch(
    [{ key: null, value: new Uint8Array(500).fill(7), headers: [], timestamp: 0 }],
    { codec: 1 },
  );
  damaged.fill(0xee, 70);
  sealBatch(damaged, viewOf(damaged), 0);
  t.append(['a']);
  const log = t.journal.partition(1);
  assert.ok(log !== undefined);
  t.journal.appendBatch(log, damaged, viewOf(damaged), 0, damaged.length, null);
  t.append(['b']);
  const queue = t.declare();
  const consumer = t.consume(queue, 10);
  t.run();
  assert.deepEqual(consumer.offsets, [0, 2]);
  consumer.calls.settle(0, 0, 3);
  t.run();
  assert.equal(queue.partitions[0]?.floor, 3);
});

test('control batches and offsets without a record are passed over and settled', () => {
  const t = new TestQueues().open();
  const log = t.journal.partition(1);
  assert.ok(log !== undefined);
  t.append(['a']);
  const control = buildBatch(
    [{ key: new Uint8Array(4), value: new Uint8Array(6), headers: [], timestamp: 0 }],
    { control: true, producerId: 1, producerEpoch: 0 },
  );
  t.journal.appendBatch(log, control, viewOf(control), 0, control.length, null);
  // A compacted batch: of offsets 2 to 6, the last two are left.
  const compacted = buildBatch(
    upTo(2).map(() => ({ key: null, value: new Uint8Array(3), headers: [], timestamp: 0 })),
  );
  const view = viewOf(compacted);
  view.setInt32(23, 4);
  // Offset deltas: zigzag 0 and 1 become 3 and 4.
  const second = 61 + 1 + (compacted[61] ?? 0) / 2;
  compacted[61 + 3] = 6;
  compacted[second + 3] = 8;
  sealBatch(compacted, view, 0);
  t.journal.appendBatch(log, compacted, view, 0, compacted.length, null);
  t.append(['b']);
  const queue = t.declare();
  const consumer = t.consume(queue, 10);
  t.run();
  assert.deepEqual(consumer.offsets, [0, 5, 6, 7]);
  assert.equal(consumer.calls.settle(0, 0, 8), 4);
  t.run();
  assert.equal(queue.partitions[0]?.floor, 8);
});

test('what the log start has passed is settled for the queue', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  t.publish(10);
  const consumer = t.consume(queue, 3);
  t.run();
  consumer.calls.release(0, 1, 2, true);
  t.journal.advanceLogStart(1, 6);
  t.run();
  consumer.take();
  consumer.calls.grant(10);
  t.run();
  assert.deepEqual(consumer.takeOffsets(), [6, 7, 8, 9]);
  consumer.calls.settle(0, 0, 10);
  t.run();
  assert.equal(queue.partitions[0]?.floor, 10);
});

test('a backlog is read from disk again after a restart', () => {
  const t = new TestQueues({ checkpointBytes: 512 * 1024 }).open();
  const value = 'z'.repeat(2000);
  for (let i = 0; i < 3000; i++) {
    t.append([`${i}:${value}`]);
    if (i % 50 === 0) t.run();
  }
  t.declare();
  t.run();
  const again = t.restart();
  const consumer = again.consume(again.find(), Number.POSITIVE_INFINITY);
  again.run();
  assert.deepEqual(consumer.offsets, upTo(3000));
  assert.ok(
    consumer.got.every((r) => !r.isRedelivered && textOf(r.value).startsWith(`${r.offset}:`)),
  );
});

test('a look shows unsettled records and leaves no trace', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  t.publish(6);
  const consumer = t.consume(queue, 3);
  t.run();
  consumer.calls.settle(0, 1, 2);
  consumer.calls.release(0, 2, 3, true);
  t.run();
  const before = t.journal.endLsn;
  const depth = t.service.depth(queue);
  const records = peek(t, 0, 4);
  assert.deepEqual(
    records.map((r) => [r.offset, r.isLeased, r.attempt, textOf(r.value)]),
    [
      [0, true, 1, 'm0'],
      [2, false, 1, 'm2'],
      [3, false, 0, 'm3'],
      [4, false, 0, 'm4'],
    ],
  );
  assert.deepEqual(
    peek(t, 5, 4).map((r) => r.offset),
    [5],
  );
  assert.deepEqual(peek(t, 6, 4), []);
  assert.deepEqual(peek(t, 0, 4, 3), []);
  assert.equal(t.journal.endLsn, before);
  assert.deepEqual(t.service.depth(queue), depth);
});
