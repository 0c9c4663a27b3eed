import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { DiskError, type DiskFile, type Scheduler } from './ports.ts';
import { CHUNK_BYTES, RamDisk } from './ram-disk.ts';

const limit = 16 * CHUNK_BYTES;

/** Tasks wait here until a test runs them: whatever was called back before that was synchronous. */
const tasks: (() => void)[] = [];

const scheduler: Scheduler = {
  endOfTick: (task) => void tasks.push(task),
  nextSlice: (task) => void tasks.push(task),
  after: () => assert.fail('a disk in memory waits for nothing'),
};

let disk: RamDisk;

beforeEach(() => {
  tasks.length = 0;
  disk = new RamDisk(scheduler, limit);
});

function create(path: string): DiskFile {
  return disk.open(path, { create: true });
}

function contents(file: DiskFile): Uint8Array {
  const target = new Uint8Array(file.size());
  assert.equal(file.readSync(target, 0, target.length, 0), target.length);
  return target;
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + 1) & 0xff);
}

function isFault(fault: string): (error: unknown) => boolean {
  return (error) => error instanceof DiskError && error.fault === fault;
}

test('parts written across chunks read back, whatever the offsets', () => {
  const file = create('f');
  const parts = [pattern(100, 1), pattern(2 * CHUNK_BYTES, 2), new Uint8Array(0), pattern(7, 3)];
  file.writeSync(parts, CHUNK_BYTES - 50);
  const expected = Buffer.concat([new Uint8Array(CHUNK_BYTES - 50), ...parts]);
  assert.deepEqual(Buffer.from(contents(file)), expected);
  const target = new Uint8Array(10).fill(9);
  assert.equal(file.readSync(target, 2, 5, file.size() - 3), 3);
  assert.deepEqual([...target], [9, 9, ...expected.subarray(-3), 9, 9, 9, 9, 9]);
  assert.equal(file.readSync(target, 0, 5, file.size() + 1), 0);
});

test('holes read as zeros and cost nothing', () => {
  const file = create('f');
  file.truncate(100 * CHUNK_BYTES);
  assert.equal(disk.freeBytes(), limit);
  file.writeSync([pattern(3, 1)], 50 * CHUNK_BYTES);
  assert.equal(disk.freeBytes(), limit - CHUNK_BYTES);
  assert.equal(disk.totalBytes(), limit);
  const target = new Uint8Array(5).fill(9);
  file.readSync(target, 0, 5, 50 * CHUNK_BYTES - 1);
  assert.deepEqual([...target], [0, ...pattern(3, 1), 0]);
});

test('zeros written reserve their space, and data written over them need no more', () => {
  const file = create('f');
  file.writeSync([new Uint8Array(limit)], 0);
  assert.equal(disk.freeBytes(), 0);
  file.writeSync([pattern(2 * CHUNK_BYTES, 1)], CHUNK_BYTES + 5);
  assert.throws(() => file.writeSync([pattern(1, 1)], limit), isFault('no-space'));
  assert.deepEqual(
    contents(file).subarray(CHUNK_BYTES, CHUNK_BYTES + 10),
    Uint8Array.from([0, 0, 0, 0, 0, ...pattern(5, 1)]),
  );
});

test('zeros over data are zeros', () => {
  const file = create('f');
  file.writeSync([pattern(3 * CHUNK_BYTES, 1)], 0);
  file.writeSync([new Uint8Array(CHUNK_BYTES + 10)], CHUNK_BYTES - 10);
  const expected = pattern(3 * CHUNK_BYTES, 1).fill(0, CHUNK_BYTES - 10, 2 * CHUNK_BYTES);
  assert.deepEqual(contents(file), expected);
  assert.equal(disk.freeBytes(), limit - 3 * CHUNK_BYTES);
});

test('a write that does not fit changes nothing', () => {
  const file = create('f');
  file.writeSync([pattern(limit - CHUNK_BYTES, 1)], 0);
  const before = contents(file);
  const tooLong = pattern(4 * CHUNK_BYTES, 2);
  assert.throws(() => file.writeSync([tooLong], limit - 2 * CHUNK_BYTES), isFault('no-space'));
  assert.deepEqual(contents(file), before);
  assert.equal(disk.freeBytes(), CHUNK_BYTES);
  file.writeSync([tooLong], limit - 4 * CHUNK_BYTES);
  assert.equal(disk.freeBytes(), 0);
});

test('removing and shortening give memory back', () => {
  const file = create('f');
  file.writeSync([pattern(4 * CHUNK_BYTES, 1)], 0);
  file.truncate(CHUNK_BYTES + 1);
  assert.equal(disk.freeBytes(), limit - 2 * CHUNK_BYTES);
  file.close();
  file.close();
  disk.remove('f');
  assert.equal(disk.freeBytes(), limit);
});

test('what was cut off reads as zeros when the file grows again', () => {
  const file = create('f');
  file.writeSync([pattern(100, 1)], 0);
  file.truncate(10);
  file.truncate(20);
  assert.deepEqual(contents(file), Uint8Array.from([...pattern(10, 1), ...new Uint8Array(10)]));
});

test('a removed or replaced file lives until its last handle closes', () => {
  const first = create('f');
  const second = disk.open('f', { create: false });
  first.writeSync([pattern(10, 1)], 0);
  disk.remove('f');
  assert.equal(disk.exists('f'), false);
  first.close();
  assert.deepEqual(contents(second), pattern(10, 1));
  assert.equal(disk.freeBytes(), limit - CHUNK_BYTES);
  second.close();
  assert.equal(disk.freeBytes(), limit);

  const kept = create('a');
  kept.writeSync([pattern(5, 2)], 0);
  const replaced = create('b');
  replaced.writeSync([pattern(5, 3)], 0);
  disk.rename('a', 'b');
  assert.deepEqual(contents(replaced), pattern(5, 3));
  replaced.close();
  assert.deepEqual(disk.list(''), ['b']);
  assert.deepEqual(contents(disk.open('b', { create: false })), pattern(5, 2));
  assert.equal(disk.freeBytes(), limit - CHUNK_BYTES);
});

test('names are listed sorted, per directory', () => {
  assert.deepEqual(disk.list('d'), []);
  disk.makeDirectory('d');
  disk.makeDirectory('d');
  for (const path of ['z', 'a', 'd/2', 'd/10', 'd/x']) create(path).close();
  disk.rename('d/x', 'd/1');
  assert.deepEqual(disk.list(''), ['a', 'd', 'z']);
  assert.deepEqual(disk.list('d'), ['1', '10', '2']);
});

test('what is missing is not found', () => {
  assert.throws(() => disk.open('f', { create: false }), isFault('not-found'));
  assert.throws(() => disk.open('d/f', { create: true }), isFault('not-found'));
  assert.throws(() => disk.remove('f'), isFault('not-found'));
  assert.throws(() => disk.rename('f', 'g'), isFault('not-found'));
  create('f').close();
  assert.throws(() => disk.rename('f', 'd/f'), isFault('not-found'));
  assert.equal(disk.exists('f'), true);
});

test('asynchronous calls call back later, once each, with what came of them', () => {
  const file = create('f');
  const seen: string[] = [];
  const note =
    (what: string) =>
    (error: DiskError | null, count?: number): void =>
      void seen.push(`${what} ${error?.fault ?? 'ok'} ${count ?? ''}`.trimEnd());
  file.write([pattern(10, 1)], 0, note('write'));
  file.write([pattern(limit, 1)], CHUNK_BYTES, note('large write'));
  const target = new Uint8Array(10);
  file.read(target, 0, 10, 4, note('read'));
  file.datasync(note('datasync'));
  file.sync(note('sync'));
  disk.syncDirectory('', note('names'));
  disk.syncDirectory('d', note('no names'));
  file.close();
  assert.deepEqual(seen, []);
  for (const task of tasks) task();
  assert.deepEqual(seen, [
    'write ok',
    'large write no-space',
    'read ok 6',
    'datasync ok',
    'sync ok',
    'names ok',
    'no names not-found',
  ]);
  assert.deepEqual(target.subarray(0, 6), pattern(10, 1).subarray(4));
});

test('a closed file is not used', () => {
  const file = create('f');
  file.close();
  assert.throws(() => file.size(), /after its close/);
  assert.throws(() => file.writeSync([pattern(1, 1)], 0), /after its close/);
});
