/** The rules of a queue, one by one, over a real journal in memory. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { leaseMarkStep } from './queue-limits.ts';
import { TestQueues, textOf } from './queues.fixture.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('a declared queue is found again, and its declaration waits for its entry', () => {
  const t = new TestQueues().open();
  const first = t.service.declare({
    topic: t.topic,
    name: 'q',
    start: 'earliest',
    options: new Map(),
  });
  assert.equal(first.isNew, true);
  assert.ok(first.lsn >= t.journal.highWatermark, 'not committed yet');
  const again = t.service.declare({
    topic: t.topic,
    name: 'q',
    start: 'earliest',
    options: new Map(),
  });
  assert.equal(again.isNew, false);
  assert.equal(again.queue, first.queue);
  assert.equal(again.lsn, first.lsn, 'the second declaration waits for the first');
});

test('a declaration with other options is refused', () => {
  const t = new TestQueues().open();
  t.declare('q', { 'lease.ms': '1000' });
  const other = { topic: t.topic, name: 'q', start: 'earliest', options: new Map() } as const;
  assert.equal(t.service.declare(other).error, 'queue_exists');
});

test('unknown options, wrong values and empty names are refused', () => {
  const t = new TestQueues().open();
  const declare = (name: string, options: Record<string, string>) =>
    t.service.declare({
      topic: t.topic,
      name,
      start: 'earliest',
      options: new Map(Object.entries(options)),
    }).error;
  assert.equal(declare('q', { 'lease.ms': 'soon' }), 'invalid_config');
  assert.equal(declare('q', { toString: '1' }), 'invalid_config');
  assert.equal(declare('', {}), 'limit_exceeded');
  assert.equal(declare('x'.repeat(1025), {}), 'limit_exceeded');
});

test('records come in order, with their content, and within credit', () => {
  const t = new TestQueues().open();
  const headers = [{ key: 'kind', value: new TextEncoder().encode('test') }];
  t.appendRecords(
    [
      { key: new TextEncoder().encode('k'), value: new TextEncoder().encode('v'), headers },
      { value: null },
    ],
    1,
  );
  t.append(['third']);
  const consumer = t.consume(t.declare(), 2);
  t.run();
  assert.deepEqual(consumer.offsets, [0, 1]);
  const [first, second] = consumer.got;
  assert.equal(textOf(first?.key ?? null), 'k');
  assert.equal(textOf(first?.value ?? null), 'v');
  assert.deepEqual(
    first?.headers.map((header) => [header.key, textOf(header.value)]),
    [['kind', 'test']],
  );
  assert.equal(first?.timestamp, t.loop.now());
  assert.equal(first?.attempt, 1);
  assert.equal(first?.isRedelivered, false);
  assert.equal(second?.value, null);
  assert.equal(second?.key, null);

  consumer.calls.grant(5);
  t.run();
  assert.deepEqual(consumer.offsets, [0, 1, 2]);
});

test('nothing is delivered before it is committed', () => {
  const t = new TestQueues().open();
  const consumer = t.consume(t.declare(), 10);
  t.run();
  t.append(['a']);
  assert.equal(t.journal.partition(1)?.logEnd, 1);
  assert.equal(t.journal.partition(1)?.highWatermark, 0);
  const seen: number[] = [];
  consumer.onRecord = (record) => {
    seen.push(record.offset);
    assert.ok(record.offset < (t.journal.partition(1)?.highWatermark ?? 0));
  };
  t.run();
  assert.deepEqual(seen, [0]);
});

test('nothing is delivered before a lease mark past it is committed', () => {
  const t = new TestQueues().open();
  t.publish(5000);
  const queue = t.declare();
  const consumer = t.consume(queue, 10_000);
  consumer.onRecord = (record) => {
    const found = t.crash().find().partitions[0]?.leaseMark ?? 0;
    assert.ok(found > record.offset, `mark ${found} after a crash at ${record.offset}`);
  };
  // Each crash copies the disk: a few are enough.
  consumer.onRecord = sometimes(consumer.onRecord, 1500);
  t.run();
  assert.deepEqual(consumer.offsets, upTo(5000));
  const mark = queue.partitions[0]?.leaseMark ?? 0;
  assert.ok(mark >= 5000 && mark <= 5000 + 8 * leaseMarkStep);
});

function sometimes<T>(call: (argument: T) => void, every: number): (argument: T) => void {
  let calls = 0;
  return (argument) => {
    if (calls++ % every === 0) call(argument);
  };
}

test('records are dealt out fairly, one each in turn, among consumers with credit', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const a = t.consume(queue, 3);
  const b = t.consume(queue, 100);
  const c = t.consume(queue, 0);
  t.publish(9);
  assert.deepEqual(a.offsets, [0, 2, 4]);
  assert.deepEqual(b.offsets, [1, 3, 5, 6, 7, 8]);
  assert.deepEqual(c.offsets, []);
  c.calls.grant(1);
  t.publish(2);
  assert.equal(c.got.length, 1);
  assert.equal(b.got.length, 7);
});

test('a paused consumer gets nothing until it goes on', () => {
  const t = new TestQueues().open();
  const consumer = t.consume(t.declare(), 10);
  consumer.calls.pause();
  t.publish(3);
  assert.deepEqual(consumer.offsets, []);
  consumer.calls.resume();
  t.run();
  assert.deepEqual(consumer.offsets, [0, 1, 2]);
});

test('settling moves the floor; holes are kept above it and closed again', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 10);
  t.publish(6);
  const [state] = queue.partitions;
  assert.equal(consumer.calls.settle(0, 0, 2), 2);
  assert.equal(consumer.calls.settle(0, 4, 5), 1);
  t.run();
  assert.equal(state?.floor, 2);
  assert.equal(state?.above.size, 1);
  consumer.calls.settle(0, 2, 4);
  t.run();
  assert.equal(state?.floor, 5);
  assert.equal(state?.above.size, 0);
  assert.deepEqual(t.service.depth(queue), {
    ready: 0,
    returned: 0,
    leased: 1,
    floors: [5],
    consumers: 1,
  });
});

test('only the consumer that holds a record can settle it, and only once', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const a = t.consume(queue, 1);
  const b = t.consume(queue, 1);
  t.publish(2);
  assert.equal(b.calls.settle(0, 0, 1), 0);
  assert.equal(a.calls.settle(0, 0, 2), 1);
  assert.equal(a.calls.settle(0, 0, 1), 0);
  assert.equal(a.calls.release(0, 0, 1, true), 0);
  assert.equal(a.calls.settle(3, 0, 1), 0, 'there is no such partition');
  assert.equal(a.calls.settle(0, 0, 2 ** 50), 0, 'a huge range costs nothing');
  assert.equal(b.calls.settle(0, 0, 2 ** 50), 1);
});

test('settlements of one tick are one entry per partition, and a confirmation waits for it', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 100);
  t.publish(100);
  const before = t.journal.endLsn;
  for (let offset = 0; offset < 100; offset++) consumer.calls.settle(0, offset, offset + 1);
  assert.equal(t.journal.endLsn, before, 'nothing is written inside the tick');
  const lsn = t.service.flush(queue);
  assert.ok(t.journal.endLsn - before < 200, 'one block header and one small entry');
  assert.ok(lsn >= t.journal.highWatermark, 'not confirmed yet');
  t.run();
  assert.ok(lsn < t.journal.highWatermark);
  assert.equal(queue.partitions[0]?.floor, 100);
  assert.equal(t.service.flush(queue), lsn, 'there was nothing more to write');
});

test('what is given back is next, in order of offsets, and counted if asked for', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 6);
  t.publish(10);
  consumer.take();
  consumer.calls.release(0, 4, 5, true);
  consumer.calls.release(0, 1, 3, true);
  consumer.calls.release(0, 5, 6, false);
  consumer.calls.grant(6);
  t.run();
  assert.deepEqual(
    consumer.take().map((r) => [r.offset, r.attempt, r.isRedelivered]),
    [
      [1, 2, true],
      [2, 2, true],
      [4, 2, true],
      [5, 1, true],
      [6, 1, false],
      [7, 1, false],
    ],
  );
});

test('attempts are durable, and gone once the record is settled', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 1);
  t.publish(1);
  for (let attempt = 1; attempt <= 5; attempt++) {
    assert.equal(consumer.take()[0]?.attempt, attempt);
    consumer.calls.release(0, 0, 1, true);
    consumer.calls.grant(1);
    t.run();
  }
  const again = t.crash();
  const next = again.consume(again.find(), 1);
  again.run();
  const [record] = next.take();
  assert.equal(record?.attempt, 6);
  assert.equal(record?.isRedelivered, true);
  next.calls.settle(0, 0, 1);
  again.run();
  assert.equal(again.find().partitions[0]?.attempts.size, 0);
});

test('a rejected record is settled', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 1);
  t.publish(1);
  assert.equal(consumer.calls.reject(0, 0, 1), 1);
  t.run();
  assert.equal(queue.partitions[0]?.floor, 1);
  assert.deepEqual(t.crash().find().partitions[0]?.floor, 1);
});

test('a consumer that goes away gives back what it held', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const a = t.consume(queue, 3);
  t.publish(5);
  a.calls.settle(0, 1, 2);
  a.calls.close();
  a.calls.close();
  assert.equal(a.calls.settle(0, 0, 1), 0, 'it holds nothing any more');
  const b = t.consume(queue, 10);
  t.run();
  assert.deepEqual(
    b.got.map((r) => [r.offset, r.attempt, r.isRedelivered]),
    [
      [0, 2, true],
      [2, 2, true],
      [3, 1, false],
      [4, 1, false],
    ],
  );
  assert.equal(t.service.depth(queue).consumers, 1);
});

test('a consumer may close itself, or release and settle, inside of a delivery', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  t.publish(4);
  const a = t.consume(queue, 100);
  a.onRecord = (record) => {
    if (record.offset === 0) a.calls.settle(0, 0, 1);
    if (record.offset === 1 && record.attempt < 3) a.calls.release(0, 1, 2, true);
    if (record.offset === 2) a.calls.close();
  };
  t.run();
  assert.deepEqual(
    a.got.map((r) => [r.offset, r.attempt]),
    [
      [0, 1],
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
    ],
  );
  const b = t.consume(queue, 100);
  t.run();
  assert.deepEqual(b.offsets, [1, 2, 3]);
});

test('deliveries settled as they are made never come back', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 3, { isSettledOnDelivery: true });
  t.publish(4);
  assert.deepEqual(consumer.offsets, [0, 1, 2]);
  assert.equal(t.service.depth(queue).leased, 0);
  consumer.calls.close();
  assert.equal(queue.partitions[0]?.floor, 3);
  assert.equal(t.crash().find().partitions[0]?.floor, 3);
});

test('a lease that runs out gives the record to another, and says so', () => {
  const t = new TestQueues().open();
  const queue = t.declare('q', { 'lease.ms': '1000' });
  const a = t.consume(queue, 2);
  t.publish(2);
  t.loop.pass(600);
  a.calls.settle(0, 0, 1);
  const b = t.consume(queue, 5);
  t.loop.pass(399);
  assert.deepEqual(b.offsets, []);
  t.loop.pass(2);
  assert.deepEqual(a.expired, [1]);
  assert.deepEqual(
    b.got.map((r) => [r.offset, r.attempt, r.isRedelivered]),
    [[1, 2, true]],
  );
  assert.equal(a.calls.settle(0, 1, 2), 0, 'too late');
  assert.equal(b.calls.settle(0, 1, 2), 1);
});

test('a lease can be made longer, shorter, or end at once', () => {
  const t = new TestQueues().open();
  const queue = t.declare('q', { 'lease.ms': '1000' });
  const a = t.consume(queue, 3);
  t.publish(3);
  assert.equal(a.calls.extend(0, 0, 5000), true);
  assert.equal(a.calls.extend(0, 1, 200), true);
  assert.equal(a.calls.extend(0, 9, 200), false);
  t.loop.pass(201);
  assert.deepEqual(a.expired, [1]);
  t.loop.pass(800);
  assert.deepEqual(a.expired, [1, 2]);
  t.loop.pass(3000);
  assert.deepEqual(a.expired, [1, 2]);
  t.loop.pass(1001);
  assert.deepEqual(a.expired, [1, 2, 0]);
  assert.equal(t.service.depth(queue).leased, 0);
});

test('two queues on one topic see everything, each at its own pace', () => {
  const t = new TestQueues().open();
  const a = t.consume(t.declare('a'), 100);
  const b = t.consume(t.declare('b'), 1);
  t.publish(3);
  assert.deepEqual(a.offsets, [0, 1, 2]);
  assert.deepEqual(b.offsets, [0]);
});

test('a queue that starts at the end does not see what was there', () => {
  const t = new TestQueues().open();
  t.publish(3);
  const consumer = t.consume(t.declare('late', {}, 'latest'), 10);
  t.publish(2);
  assert.deepEqual(consumer.offsets, [3, 4]);
});

test('a queue over several partitions keeps order in each and serves all', () => {
  const t = new TestQueues({ partitions: [1, 2, 3] }).open();
  for (let i = 0; i < 5; i++) for (const id of [1, 2, 3]) t.append([`${id}/${i}`], id);
  const queue = t.declare();
  const consumer = t.consume(queue, 100);
  t.run();
  assert.equal(consumer.got.length, 15);
  for (const partition of [0, 1, 2]) {
    const offsets = consumer.got.filter((r) => r.partition === partition).map((r) => r.offset);
    assert.deepEqual(offsets, upTo(5));
  }
  assert.deepEqual(
    consumer.got.slice(0, 3).map((r) => r.partition),
    [0, 1, 2],
  );
  consumer.calls.settle(1, 0, 5);
  t.run();
  assert.deepEqual(t.service.depth(queue).floors, [0, 5, 0]);
  assert.equal(t.service.depth(queue).leased, 10);
});

test('partitions added to the topic are read from their beginning', () => {
  const t = new TestQueues({ partitions: [1, 2] }).open();
  const queue = t.declare();
  const consumer = t.consume(queue, 100);
  t.run();
  t.journal.createPartition(3, 0);
  t.append(['x'], 3);
  t.service.widen({ ...t.topic, partitions: [{ id: 1 }, { id: 2 }, { id: 3 }] });
  t.run();
  assert.deepEqual(
    consumer.got.map((r) => [r.partition, r.offset]),
    [[2, 0]],
  );
  const again = t.crash().find();
  assert.deepEqual(
    again.partitions.map((p) => p.partitionId),
    [1, 2, 3],
  );
});

test('a deleted queue tells its consumers and is not found after a restart', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 1);
  t.publish(2);
  const lsn = t.service.delete(queue);
  assert.equal(consumer.isCancelled, true);
  assert.equal(consumer.calls.settle(0, 0, 1), 0);
  assert.equal(t.service.consume(queue, consumer, { credit: 1 }), null);
  assert.equal(t.queues.lastLsn, lsn, '"no such queue" waits for the deletion');
  t.run();
  const other = t.declare();
  assert.ok(other.id > queue.id, 'ids are never used again');
  t.service.delete(other);
  t.run();
  const again = t.crash();
  assert.equal(again.queues.size, 0);
  assert.ok(again.declare().id > other.id);
});

test('all queues of a topic go with it', () => {
  const t = new TestQueues().open();
  t.declare('a');
  t.declare('b');
  t.service.deleteOf(t.topic.id);
  assert.equal(t.queues.size, 0);
});

test('a queue whose topic is gone goes after the replay', () => {
  const t = new TestQueues().open();
  t.declare('a');
  t.service.repair(() => true);
  assert.equal(t.queues.size, 1);
  t.service.repair((topicId) => topicId !== t.topic.id);
  assert.equal(t.queues.size, 0);
});

test('a purge settles what is ready and leaves what is out', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 3);
  t.publish(10_000);
  consumer.calls.settle(0, 0, 1);
  consumer.calls.release(0, 1, 2, true);
  const purged = t.service.purge(queue);
  assert.equal(purged.count, 9998);
  assert.equal(t.service.depth(queue).ready, 0);
  t.run();
  assert.equal(queue.partitions[0]?.floor, 2, 'one record is out');
  consumer.calls.settle(0, 2, 3);
  t.publish(1);
  consumer.take();
  consumer.calls.grant(1);
  t.run();
  assert.equal(queue.partitions[0]?.floor, 10_000);
  assert.deepEqual(consumer.takeOffsets(), [10_000]);
});

test('a drain lowers the lease mark, so that a clean restart flags only what was out', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  const consumer = t.consume(queue, 2);
  t.publish(4);
  consumer.calls.settle(0, 0, 1);
  const again = t.restart();
  const next = again.consume(again.find(), 10);
  again.run();
  assert.deepEqual(
    next.got.map((r) => [r.offset, r.attempt, r.isRedelivered]),
    [
      [1, 2, true],
      [2, 1, false],
      [3, 1, false],
    ],
  );
});
