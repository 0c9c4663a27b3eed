import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RamDisk } from '../kernel/ram-disk.ts';
import { NodeScheduler } from '../node/scheduler.ts';
import { Guard, GuardedDisk, GuardedScheduler } from './guard.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what a task throws is reported, and the tasks behind it run', async () => {
  const failures: unknown[] = [];
  const scheduler = new GuardedScheduler(
    new NodeScheduler(),
    new Guard((error) => failures.push(error)),
  );
  const ran: string[] = [];
  const mistake = new Error('planned');
  scheduler.endOfTick(() => ran.push('first'));
  scheduler.endOfTick(() => {
    throw mistake;
  });
  scheduler.endOfTick(() => ran.push('last'));
  scheduler.nextSlice(() => {
    throw mistake;
  });
  await nextTurn();
  await nextTurn();
  assert.deepEqual(ran, ['first', 'last']);
  assert.deepEqual(failures, [mistake, mistake]);
});

test('a task that is added while tasks run waits for the next turn', async () => {
  const scheduler = new GuardedScheduler(new NodeScheduler(), new Guard(assert.ifError));
  const ran: string[] = [];
  scheduler.endOfTick(() => {
    ran.push('outer');
    scheduler.endOfTick(() => ran.push('inner'));
  });
  await nextTurn();
  assert.deepEqual(ran, ['outer']);
  await nextTurn();
  assert.deepEqual(ran, ['outer', 'inner']);
});

test('a stopped guard calls nothing back and closes what was open', async () => {
  const guard = new Guard(assert.ifError);
  const bare = new NodeScheduler();
  const scheduler = new GuardedScheduler(bare, guard);
  const disk = new GuardedDisk(new RamDisk(bare, 1024 * 1024), guard);
  const file = disk.open('file', { create: true });
  let calls = 0;
  const count = (): void => {
    calls++;
  };
  scheduler.endOfTick(count);
  scheduler.nextSlice(count);
  scheduler.after(0, count);
  file.datasync(count);
  guard.stop();
  await nextTurn();
  await nextTurn();
  assert.equal(calls, 0);
  assert.throws(() => file.size(), /AssertionFailure|close/);
});
