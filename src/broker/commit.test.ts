import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../kernel/errors.ts';
import { CommitQueue } from './commit.ts';

function queue() {
  const log = { highWatermark: 100 };
  const commits = new CommitQueue(log);
  const called: string[] = [];
  const note = (name: string) => (error: BrokerError | null) => {
    called.push(error === null ? name : `${name}:${error.code}`);
  };
  const commit = (highWatermark: number) => {
    log.highWatermark = highWatermark;
    commits.release(highWatermark);
    commits.announce(highWatermark);
  };
  return { commits, called, note, commit };
}

test('an entry is committed when its LSN is below the high watermark, and LSN 0 always is', () => {
  const { commits } = queue();
  assert.equal(commits.isCovered(99), true);
  assert.equal(commits.isCovered(100), false);
  assert.equal(commits.isCovered(0), true);
});

test('waiters are called in the order of their LSNs, equal ones as they came', () => {
  const { commits, called, note, commit } = queue();
  commits.when(300, note('d'));
  commits.when(200, note('b'));
  commits.when(150, note('a'));
  commits.when(200, note('c'));
  commits.when(50, note('now'));
  assert.deepEqual(called, ['now']);
  commit(200);
  assert.deepEqual(called, ['now', 'a']);
  commit(301);
  assert.deepEqual(called, ['now', 'a', 'b', 'c', 'd']);
  assert.equal(commits.waiterCount, 0);
});

test('a waiter may wait again while it is called', () => {
  const { commits, called, note, commit } = queue();
  commits.when(110, () => {
    commits.when(120, note('covered'));
    commits.when(400, note('later'));
  });
  commit(200);
  assert.deepEqual(called, ['covered']);
  commit(500);
  assert.deepEqual(called, ['covered', 'later']);
});

test('many waiters are let go in order without being kept', () => {
  const { commits, commit } = queue();
  const order: number[] = [];
  for (let i = 0; i < 5000; i++) commits.when(1000 + i, () => order.push(i));
  commit(1000 + 3000);
  assert.equal(order.length, 3000);
  assert.equal(commits.waiterCount, 2000);
  commit(9000);
  assert.deepEqual(
    order,
    Array.from({ length: 5000 }, (_, i) => i),
  );
});

test('listeners hear of every commit after the waiters, until they are taken away', () => {
  const { commits, called, note, commit } = queue();
  const stop = commits.onCommit((highWatermark) => called.push(`hw ${highWatermark}`));
  commits.when(150, note('a'));
  commit(160);
  assert.deepEqual(called, ['a', 'hw 160']);
  stop();
  commit(170);
  assert.equal(called.length, 2);
});

test('after a fault all that wait get the error, and so does whoever comes later', () => {
  const { commits, called, note } = queue();
  commits.when(150, note('a'));
  commits.fail(new BrokerError('storage_failed'));
  commits.fail(new BrokerError('draining'));
  commits.when(160, note('b'));
  commits.when(10, note('c'));
  assert.deepEqual(called, ['a:storage_failed', 'b:storage_failed', 'c']);
});
