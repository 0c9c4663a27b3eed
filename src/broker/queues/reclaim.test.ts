/** What every queue has settled gives its space back, if the topic is kept until settled. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { chunkOffsets } from './offset-set.ts';
import { reclaimIdleMs } from './queue-limits.ts';
import { TestQueues } from './queues.fixture.ts';

const logStart = (t: TestQueues): number => t.journal.partition(1)?.logStart ?? -1;

test('the log start follows the lowest floor of all queues once all is quiet', () => {
  const t = new TestQueues().open();
  const a = t.consume(t.declare('a'), 100);
  const b = t.consume(t.declare('b'), 100);
  t.publish(10);
  a.calls.settle(0, 0, 8);
  t.run();
  t.loop.pass(reclaimIdleMs * 2);
  assert.equal(logStart(t), 0, 'b still wants everything');
  b.calls.settle(0, 0, 5);
  t.run();
  assert.equal(logStart(t), 0, 'not at once for a few bytes');
  t.loop.pass(reclaimIdleMs * 2);
  assert.equal(logStart(t), 5);
  t.service.delete(t.find('b'));
  t.loop.pass(reclaimIdleMs * 2);
  assert.equal(logStart(t), 8, 'b is gone');
});

test('a topic with other retention keeps what is settled', () => {
  const t = new TestQueues({ isUntilSettled: false }).open();
  const consumer = t.consume(t.declare(), 10);
  t.publish(10);
  consumer.calls.settle(0, 0, 10);
  t.loop.pass(reclaimIdleMs * 3);
  assert.equal(logStart(t), 0);
});

test('a megabyte is given up at once, and the space on disk stays bounded', () => {
  const t = new TestQueues({ checkpointBytes: 1024 * 1024 }).open();
  const queue = t.declare();
  const consumer = t.consume(queue, Number.POSITIVE_INFINITY);
  consumer.onRecord = (record) => {
    consumer.calls.settle(0, record.offset, record.offset + 1);
    consumer.take();
  };
  const value = 'v'.repeat(50_000);
  let segments = 0;
  for (let i = 0; i < 800; i++) {
    t.append([value]);
    t.run();
    segments = Math.max(segments, t.journal.usage().segments);
  }
  assert.ok(logStart(t) > 700, `log start ${logStart(t)}`);
  assert.ok(segments < 12, `${segments} segments of 1 MB for 40 MB that passed through`);
});

test('full chunks above the floor are noted as dead once', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, Number.POSITIVE_INFINITY);
  const noted: [number, number, number][] = [];
  const original = t.journal.noteDead.bind(t.journal);
  t.journal.noteDead = (partition, first, last) => {
    noted.push([partition, first, last]);
    original(partition, first, last);
  };
  t.publish(3 * chunkOffsets);
  consumer.calls.settle(0, 1, chunkOffsets + 100);
  t.run();
  assert.deepEqual(noted, []);
  consumer.calls.settle(0, chunkOffsets + 100, 2 * chunkOffsets);
  t.run();
  assert.deepEqual(noted, [[1, chunkOffsets, 2 * chunkOffsets - 1]]);
  consumer.calls.settle(0, 2 * chunkOffsets, 3 * chunkOffsets);
  t.run();
  assert.equal(noted.length, 2);
  assert.equal(t.queues.isDead(1, chunkOffsets, 3 * chunkOffsets - 1), true);
  assert.equal(t.queues.isDead(1, 0, 1), false);
});

test('a log start that was due before a stop moves after the start', () => {
  const t = new TestQueues().open();
  const consumer = t.consume(t.declare(), 10);
  t.publish(10);
  consumer.calls.settle(0, 0, 10);
  t.run();
  const again = t.crash();
  again.loop.pass(reclaimIdleMs * 2);
  assert.equal(logStart(again), 10);
});
