/** Flags, counts and purges, where a first look at one partition or one run is not enough. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { TestQueues } from './queues.fixture.ts';

test('a record that comes back during the delivery of another partition has its attempt counted', () => {
  const t = new TestQueues({ partitions: [1, 2] }).open();
  t.publish(1, 1);
  t.publish(1, 2);
  const queue = t.declare();
  const consumer = t.consume(queue, 10);
  let returns = 0;
  consumer.onRecord = ({ partition }) => {
    if (partition === 1 && returns++ === 0) consumer.calls.release(0, 0, 1, true);
  };
  t.run();
  const attempts = consumer.got.filter(({ partition }) => partition === 0);
  assert.deepEqual(
    attempts.map(({ attempt }) => attempt),
    [1, 2],
  );
});

test('a clean stop keeps the flag of what an earlier run delivered', () => {
  const t = new TestQueues().open();
  const queue = t.declare();
  t.consume(queue, 5);
  t.publish(5);
  const second = t.crash();
  const consumer = second.consume(second.find(), 1);
  second.run();
  consumer.calls.settle(0, 0, 1);
  const third = second.run().restart();
  const last = third.consume(third.find(), 10);
  third.run();
  assert.deepEqual(
    last.got.map(({ offset, isRedelivered }) => [offset, isRedelivered]),
    [1, 2, 3, 4].map((offset) => [offset, true]),
  );
});

test('a purge settles what is ready, though the log has let go of records before it', () => {
  const t = new TestQueues({ isUntilSettled: false }).open();
  const queue = t.declare();
  const consumer = t.consume(queue, 5);
  t.publish(10);
  consumer.calls.settle(0, 1, 5);
  t.run();
  t.journal.advanceLogStart(1, 8);
  t.run();
  assert.equal(t.service.purge(queue).count, 2);
});
