/** What is applied, committed and durable, each in its time, whatever the disk is busy with. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { DiskError } from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';
import { TestJournal, TestLoop } from './journal.fixture.ts';
import { IDLE_MARK_MS } from './limits.ts';
import { ReadPlan } from './read-plan.ts';
import { age, fill, openWatched, smallSegments, WatchedDisk } from './rewrite.fixture.ts';

const MiB = 1024 * 1024;
const plain = { rewrite: false, checkpointBytes: 64 * MiB };

/** Commits what is in flight; what follows it waits. */
function commitOne({ t, disk }: { t: TestJournal; disk: WatchedDisk }): void {
  disk.release();
  disk.isHeld = true;
  t.loop.run();
}

test('a deletion that is not committed yet takes nothing from readers', () => {
  const watched = openWatched(1, plain);
  const { t, disk } = watched;
  fill(t, 3, 100);
  const log = t.partition(1);
  disk.isHeld = true;
  t.append(1, 'in flight');
  t.loop.run();
  t.journal.deletePartition(1);
  commitOne(watched);
  assert.equal(log.highWatermark, 4);
  const plan = new ReadPlan();
  t.journal.plan(log, 0, MiB, plan, () => {});
  assert.equal(plan.count, 4);
  plan.release();
  commitOne(watched);
  assert.equal(log.extents.count, 0);
});

test('a checkpoint without an object waits until its deletion is durable', () => {
  const { t, disk } = openWatched(2, plain);
  fill(t, 3, 100);
  let isDeleted = false;
  t.journal.onCommit(() => {
    if (isDeleted) return;
    isDeleted = true;
    t.journal.deletePartition(2);
    disk.isHeld = true;
  });
  t.journal.checkpoint();
  t.loop.run();
  const published = (): number =>
    disk.list('checkpoints').filter((name) => name.endsWith('.ckp')).length;
  assert.equal(published(), 0);
  disk.release();
  t.loop.run();
  assert.equal(published(), 1);
  assert.equal(t.restart(plain).journal.partition(2), undefined);
});

test('a close ends when the disk fails under it', () => {
  const { t, disk } = openWatched(1, plain);
  t.append(1, 'never acknowledged');
  disk.onStep = (step, path) => {
    if (step === 'write') throw new DiskError('io', path, 'broken');
  };
  let outcome: Error | null | undefined;
  t.journal.close((error) => {
    outcome = error;
  });
  t.loop.run();
  assert.match(String(outcome), /broken/);
});

test('a close ends though the disk is full and what was appended has no place', () => {
  const loop = new TestLoop();
  const options = { ...plain, armedSegments: 1 };
  const t = new TestJournal(options, new RamDisk(loop, 4 * MiB), loop).open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 100; i++) t.append(1, new Uint8Array(60_000));
  t.loop.pass(5000);
  let outcome: Error | null | undefined;
  t.journal.close((error) => {
    outcome = error;
  });
  t.loop.pass(5000);
  assert.match(String(outcome), /full|space/i);
});

test('a close waits for room that comes', () => {
  const { t } = openWatched(1, plain);
  for (let i = 0; i < 100; i++) t.append(1, new Uint8Array(60_000));
  t.close();
  assert.equal(t.restart(plain).read(1, 0).length, 100);
});

test('nothing is written behind the mark of a clean end while that is synced', () => {
  const { t, disk } = openWatched(1, plain);
  t.append(1, 'x');
  // The mark of an idle log is due a while from here.
  t.loop.pass(IDLE_MARK_MS);
  let writes = 0;
  disk.onStep = (step, path) => {
    if (step === 'write' && path === 'segments/00000001.seg') writes++;
  };
  disk.isHeld = true;
  let isClosed = false;
  t.journal.close(() => {
    isClosed = true;
  });
  t.loop.run();
  assert.equal(writes, 1, 'the mark');
  t.loop.pass(10 * IDLE_MARK_MS);
  assert.equal(writes, 1);
  assert.ok(!isClosed);
  disk.release();
  t.loop.run();
  assert.ok(isClosed);
  assert.equal(t.restart(plain).read(1, 0).length, 1);
});

test('with durability write a clean stop has synced every segment', () => {
  const loop = new TestLoop();
  const disk = new WatchedDisk(new RamDisk(loop, 64 * MiB));
  const options = { ...plain, durability: 'write' } as const;
  const t = new TestJournal(options, disk, loop).open();
  t.journal.createPartition(1, 0);
  t.loop.run();
  const dirty = new Set<string>();
  disk.onStep = (step, path) => {
    // Later writes to full segments are footers, which may be lost.
    const isFull = !disk.isHeld && !path.endsWith('00000004.seg');
    if (step === 'write' && !isFull) dirty.add(path);
    if (step === 'sync') dirty.delete(path);
  };
  disk.isHeld = true;
  fill(t, 60, 60_000);
  assert.equal(t.partition(1).highWatermark, 60);
  assert.equal(Math.floor(t.journal.endLsn / MiB), 4);
  let isClosed = false;
  t.journal.close(() => {
    isClosed = true;
  });
  t.loop.run();
  assert.ok(!isClosed, 'a sync is under way');
  disk.release();
  t.loop.run();
  assert.ok(isClosed);
  assert.deepEqual([...dirty], []);
});

test('with durability write a close right behind the last group waits until all of it is synced', () => {
  const loop = new TestLoop();
  const disk = new WatchedDisk(new RamDisk(loop, 64 * MiB));
  const t = new TestJournal({ ...plain, durability: 'write' }, disk, loop).open();
  t.journal.createPartition(1, 0);
  t.loop.run();
  const written = new Set<string>();
  const synced = new Set<string>();
  disk.onStep = (step, path) => {
    if (step === 'write') written.add(path);
    if (step === 'sync') synced.add(path);
  };
  for (let i = 0; i < 40; i++) t.append(1, new Uint8Array(60_000).fill(i));
  t.close();
  const segments = [...written].filter((path) => /\/0000000\d\.seg$/.test(path));
  assert.ok(segments.length > 2);
  assert.deepEqual(
    segments.filter((path) => !synced.has(path)),
    [],
  );
});

test('with durability write an idle log seals and marks what became durable', () => {
  const { t } = openWatched(1, { ...plain, durability: 'write' });
  for (let i = 0; i < 40; i++) t.append(1, new Uint8Array(60_000));
  t.loop.run();
  assert.equal(t.journal.segment(1)?.state, 'sealed');
  const end = t.journal.endLsn;
  t.loop.pass(1000);
  assert.equal(t.journal.endLsn, end + 4096);
});

test('with durability write a segment is kept until what killed it is durable', () => {
  const { t, disk } = openWatched(1, { ...smallSegments, rewrite: false, durability: 'write' });
  fill(t, 8, 60_000);
  age(t);
  assert.equal(t.journal.segment(1)?.state, 'sealed');
  disk.isHeld = true;
  t.journal.deletePartition(1);
  t.loop.run();
  assert.equal(t.journal.segment(1)?.state, 'sealed');
  disk.release();
  t.loop.run();
  assert.equal(t.journal.segment(1), undefined);
});

test('a checkpoint under way ends with the journal', () => {
  const { t, disk } = openWatched(3, plain);
  fill(t, 3, 100);
  t.journal.onCommit(() => {
    if (disk.list('checkpoints').length > 0) return;
    // The walk begins in the next slice.
    t.loop.endOfTick(() => t.journal.close(() => {}));
  });
  t.journal.checkpoint();
  t.loop.run();
  assert.deepEqual(disk.list('checkpoints'), []);
});

test('what is appended while a commit is told is shown by the next commit', () => {
  const { t } = openWatched(1, plain);
  let isDone = false;
  t.journal.onCommit(() => {
    if (isDone) return;
    isDone = true;
    t.append(1, 'from a listener');
    t.journal.close(() => {});
  });
  const log = t.partition(1);
  t.append(1, 'first');
  t.loop.run();
  assert.equal(log.highWatermark, 2);
});

test('an idle log gives the memory of a burst back', () => {
  const { t, disk } = openWatched(1, { ...plain, segmentBytes: 16 * MiB });
  disk.isHeld = true;
  for (let i = 0; i < 60; i++) t.append(1, new Uint8Array(50_000).fill(i));
  t.loop.run();
  for (let i = 0; i < 600; i++) t.append(1, new Uint8Array(50_000).fill(i));
  const most = t.journal.usage().bufferBytes;
  assert.ok(most > 25 * MiB, `${most} bytes are gathered`);
  disk.release();
  t.loop.pass(1000);
  const left = t.journal.usage().bufferBytes;
  assert.ok(left <= 10 * MiB, `${left} bytes are kept`);
});

test('a checkpoint that is asked for as the idle mark falls due still begins', () => {
  const { t } = openWatched(1, plain);
  fill(t, 3, 100);
  let looks = 0;
  t.loop.onTimer = () => {
    // The first look sees that there was something, the second that nothing came since, and marks.
    if (++looks === 2) t.journal.checkpoint();
  };
  t.loop.pass(200);
  t.loop.onTimer = () => {};
  t.loop.pass(1000);
  const names = t.disk.list('checkpoints').filter((name) => name.endsWith('.ckp'));
  assert.equal(names.length, 1);
});
