/** The log on a disk without room: what it keeps for itself, and how it goes on. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { BrokerError } from '../kernel/errors.ts';
import { DiskError, type DiskFile } from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';
import { TestJournal, TestLoop } from './journal.fixture.ts';
import { DISK_RETRY_MS } from './limits.ts';

const MIB = 1024 * 1024;
const value = new Uint8Array(50_000).fill(7);

function openOn(bytes: number): TestJournal {
  const loop = new TestLoop();
  const t = new TestJournal({ rewrite: false }, new RamDisk(loop, bytes), loop).open();
  t.journal.createPartition(1, 0);
  t.loop.run();
  return t;
}

/** Publishes until there is no room. */
function fillUp(t: TestJournal): void {
  for (let i = 0; t.journal.admits(value.length) !== 'full'; i++) {
    assert.ok(i < 2000, 'the disk fills up');
    if (t.journal.admits(value.length) === 'yes') t.append(1, value);
    t.loop.run();
  }
}

/** Takes all but `bytes` of what is free. */
function takeRoom(t: TestJournal, bytes: number): DiskFile {
  const hog = t.disk.open('hog', { create: true });
  hog.writeSync([new Uint8Array(t.disk.freeBytes() - bytes)], 0);
  return hog;
}

test('a full disk keeps room for the checkpoints that free it again', () => {
  const t = openOn(16 * MIB);
  fillUp(t);
  assert.ok(t.disk.freeBytes() > 256 * 1024, `${t.disk.freeBytes()} bytes are kept free`);
  t.journal.deletePartition(1);
  t.loop.pass(10 * DISK_RETRY_MS);
  assert.equal(t.journal.admits(4 * MIB), 'wait', 'more than is ready can be made ready');
  assert.equal(t.journal.admits(value.length), 'yes');
});

test('the log of a full disk frees even a single dead segment', () => {
  const t = openOn(16 * MIB);
  fillUp(t);
  const { segments } = t.journal.usage();
  t.journal.advanceLogStart(1, 25);
  t.loop.pass(10 * DISK_RETRY_MS);
  assert.ok(t.journal.usage().segments <= segments, 'none is needed beyond those there were');
  assert.equal(t.journal.admits(value.length), 'yes');
});

test('a checkpoint that finds no room is tried again in time, whatever is appended', () => {
  const t = openOn(16 * MIB);
  for (let i = 0; i < 10; i++) t.append(1, value);
  t.loop.run();
  const hog = takeRoom(t, 0);
  t.journal.checkpoint();
  t.loop.pass(5 * DISK_RETRY_MS);
  assert.deepEqual(t.disk.list('checkpoints'), []);
  assert.ok(t.warnings.some(({ event }) => event === 'checkpoint.postponed'));
  hog.truncate(0);
  t.journal.checkpoint();
  t.loop.pass(2 * DISK_RETRY_MS);
  assert.equal(t.disk.list('checkpoints').length, 1);
  assert.equal(t.journal.fault, null);
});

test('an idle log gives back all that has died', () => {
  const t = openOn(64 * MIB);
  for (let i = 0; i < 400; i++) {
    t.append(1, value);
    t.loop.run();
  }
  assert.ok(t.journal.usage().segments > 20);
  t.journal.advanceLogStart(1, 400);
  t.loop.run();
  assert.ok(t.journal.usage().segments < 8, `${t.journal.usage().segments} segments are left`);
  assert.equal(t.restart().partition(1).logEnd, 400);
});

/** A journal whose manifest finds no room while `isFull` says so. */
function openWithManifest(isFull: () => boolean): TestJournal {
  const loop = new TestLoop();
  const disk = new RamDisk(loop, 64 * MIB);
  const open = disk.open.bind(disk);
  disk.open = (path, options) => {
    const file = open(path, options);
    if (!path.startsWith('manifest')) return file;
    const write = file.write.bind(file);
    file.write = (parts, position, done) => {
      if (!isFull()) return write(parts, position, done);
      loop.nextSlice(() => done(new DiskError('no-space', path, 'there is no room')));
    };
    return file;
  };
  return new TestJournal({ rewrite: false }, disk, loop).open();
}

test('a manifest without room makes sealing and forgetting wait, and fences nothing', () => {
  let isFull = false;
  const t = openWithManifest(() => isFull);
  t.journal.createPartition(1, 0);
  const publish = (): void => {
    for (let i = 0; i < 100; i++) {
      t.append(1, value);
      t.loop.run();
    }
  };
  isFull = true;
  publish();
  t.journal.checkpoint();
  t.loop.pass(3 * DISK_RETRY_MS);
  assert.deepEqual(
    t.disk.list('checkpoints').filter((name) => name.endsWith('.ckp')),
    [],
  );
  isFull = false;
  t.loop.pass(20 * DISK_RETRY_MS);
  assert.equal(t.disk.list('checkpoints').length, 1, 'all before it is sealed');
  publish();
  const { segments } = t.journal.usage();
  isFull = true;
  t.journal.advanceLogStart(1, 200);
  t.loop.pass(3 * DISK_RETRY_MS);
  assert.equal(t.journal.usage().segments, segments);
  isFull = false;
  t.loop.pass(3 * DISK_RETRY_MS);
  assert.ok(t.journal.usage().segments < 8, `${t.journal.usage().segments} segments are left`);
  assert.equal(t.journal.fault, null);
});

test('a start without room for a segment is refused, and done once there is room', () => {
  const loop = new TestLoop();
  const disk = new RamDisk(loop, 32 * MIB);
  const hog = disk.open('hog', { create: true });
  hog.writeSync([new Uint8Array(31 * MIB)], 0);
  const refused = new TestJournal({}, disk, loop);
  let outcome: readonly unknown[] = [];
  refused.journal.open((error, report) => {
    outcome = [(error as BrokerError | null)?.code, report];
  });
  loop.run();
  assert.deepEqual(outcome, ['storage_full', null]);
  refused.close();
  hog.truncate(0);
  const t = new TestJournal({}, disk, loop).open();
  assert.equal(t.journal.epoch, 1);
  assert.equal(t.restart().journal.epoch, 2);
});
