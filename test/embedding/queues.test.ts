/** Queues from inside the program: each message to one consumer, settled once. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BrokerError, createBroker, type Lease } from '../../src/index.ts';
import { collect } from './embedding.fixture.ts';

async function started(t: TestContext) {
  const broker = await createBroker();
  t.after(() => broker.close());
  return broker;
}

const hasCode = (code: string) => (error: BrokerError) => error.code === code;
const textOf = (lease: Lease | undefined): string => String(lease?.message.value);

/** Resolves when `isTrue` is, which every turn of the loop is asked. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

test('a queue makes its topic, and each message goes to one consumer', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs').declare();
  assert.equal(broker.topic('jobs')?.options['polylog.until.settled'], 'true');
  const left = queue.consume({ credit: 1 });
  const right = queue.consume({ credit: 1 });
  for (const value of ['a', 'b', 'c']) await queue.publish({ value });
  const one = (await left.next()).value;
  const other = (await right.next()).value;
  assert.notEqual(textOf(one), textOf(other));
  assert.deepEqual(queue.depth(), { ready: 1, leased: 2, consumers: 2 });
  await one?.settle();
  assert.equal(textOf((await left.next()).value), 'c');
  assert.equal(queue.depth().leased, 2);
});

test('a message that was given back comes again, counted as an attempt', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs').declare();
  await queue.publish({ value: 'a' });
  const leases = queue.consume();
  const first = (await leases.next()).value;
  assert.deepEqual([first?.attempt, first?.isRedelivered], [1, false]);
  await first?.release();
  const second = (await leases.next()).value;
  assert.deepEqual([second?.attempt, second?.isRedelivered], [2, true]);
  await second?.settle();
  assert.deepEqual(queue.depth().ready, 0);
});

test('a lease that is over can be ended no more', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs').declare();
  await queue.publish({ value: 'a' });
  const lease = (await queue.consume().next()).value;
  assert.ok(lease);
  await lease.settle();
  await assert.rejects(lease.settle(), hasCode('lease_not_found'));
  await assert.rejects(lease.release(), hasCode('lease_not_found'));
  assert.throws(() => lease.extend(1000), hasCode('lease_not_found'));
});

test('leaving a loop gives back what is out', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs').declare();
  for (const value of ['a', 'b', 'c']) await queue.publish({ value });
  const [first] = await collect(queue.consume(), 1);
  assert.equal(textOf(first), 'a');
  assert.deepEqual(queue.depth(), { ready: 3, leased: 0, consumers: 0 });
  const again = await collect(queue.consume(), 3);
  // The first was seen, the others only waited in this process.
  assert.deepEqual(
    again.map(({ attempt }) => attempt),
    [2, 1, 1],
  );
});

test('a lease with a time ends by itself, unless it is extended', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs', { leaseMs: 20 }).declare();
  await queue.publish({ value: 'a' });
  await queue.publish({ value: 'b' });
  const leases = queue.consume({ credit: 2 });
  const a = (await leases.next()).value;
  const b = (await leases.next()).value;
  b?.extend(60_000);
  const again = (await leases.next()).value;
  assert.deepEqual([textOf(again), again?.attempt], ['a', 2]);
  assert.ok(a);
  await b?.settle();
  await again?.settle();
  assert.equal(queue.depth().ready, 0);
});

test('a function consumes: success settles, failure comes again', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs').declare();
  const attempts: string[] = [];
  const errors: unknown[] = [];
  const worker = queue.consume(
    async ({ value }, { attempt }) => {
      attempts.push(`${value} ${attempt}`);
      if (String(value) === 'bad' && attempt < 3) throw new Error('not yet');
    },
    { retryDelayMs: 1, onError: (error) => errors.push(error) },
  );
  await queue.publish({ value: 'bad' });
  await queue.publish({ value: 'good' });
  await until(() => attempts.length === 4);
  await worker.close();
  await worker.ended;
  assert.deepEqual(attempts.sort(), ['bad 1', 'bad 2', 'bad 3', 'good 1']);
  assert.equal(errors.length, 2);
  assert.deepEqual(queue.depth(), { ready: 0, leased: 0, consumers: 0 });
});

test('closing a worker waits for the calls under way', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs').declare();
  await queue.publish({ value: 'a' });
  let finish = (): void => {};
  let isRunning = false;
  const worker = queue.consume(
    () =>
      new Promise<void>((resolve) => {
        isRunning = true;
        finish = resolve;
      }),
  );
  await until(() => isRunning);
  const closing = worker.close();
  finish();
  await closing;
  assert.equal(queue.depth().ready, 0);
});

test('looking takes nothing, and a purge takes all', async (t) => {
  const broker = await started(t);
  const queue = await broker.queue('jobs').declare();
  for (const value of ['a', 'b', 'c']) await queue.publish({ value });
  const peeked = await queue.peek({ count: 2 });
  assert.deepEqual(
    peeked.map(({ value, isLeased }) => [String(value), isLeased]),
    [
      ['a', false],
      ['b', false],
    ],
  );
  assert.equal(queue.depth().ready, 3);
  assert.equal(await queue.purge(), 3);
  assert.equal(queue.depth().ready, 0);
});

test('two queues on one topic each get everything', async (t) => {
  const broker = await started(t);
  await broker.createTopic('events', { partitions: 2 });
  const mail = await broker.queue('mail', { topic: 'events' }).declare();
  const audit = await broker.queue('audit', { topic: 'events' }).declare();
  await broker.publishMany('events', [
    { value: '1', partition: 0 },
    { value: '2', partition: 1 },
  ]);
  for (const queue of [mail, audit]) {
    const leases = await collect(queue.consume(), 2);
    assert.deepEqual(leases.map(textOf).sort(), ['1', '2']);
  }
});

test('a queue has to be declared, and with the options that it has', async (t) => {
  const broker = await started(t);
  const queue = broker.queue('jobs');
  assert.throws(() => queue.depth(), hasCode('queue_not_found'));
  assert.throws(() => queue.consume(), hasCode('queue_not_found'));
  await queue.declare();
  await broker.queue('jobs').declare();
  await assert.rejects(broker.queue('jobs', { leaseMs: 5 }).declare(), hasCode('queue_exists'));
  const pending = queue.consume().next();
  await queue.delete();
  assert.equal((await pending).done, true);
  assert.throws(() => queue.depth(), hasCode('queue_not_found'));
});
