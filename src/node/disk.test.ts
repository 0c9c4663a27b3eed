import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DiskDone, DiskError, type DiskFault, type DiskFile } from '../kernel/ports.ts';
import { NodeDisk } from './disk.ts';

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'polylog-disk-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

function temporaryDisk(t: TestContext): NodeDisk {
  const disk = new NodeDisk(temporaryFolder(t));
  t.after(() => disk.close());
  return disk;
}

function completed(start: (done: DiskDone) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
}

/** The wait keeps the process alive, which a thread with nothing to do does not. */
function threadReady(disk: NodeDisk): Promise<void> {
  const keepAlive = setInterval(() => {}, 1000);
  return new Promise<void>((resolve) => disk.warmUp(resolve)).finally(() =>
    clearInterval(keepAlive),
  );
}

function hasFault(fault: DiskFault): (error: unknown) => boolean {
  return (error) => error instanceof DiskError && error.fault === fault;
}

function content(file: DiskFile): string {
  const bytes = new Uint8Array(file.size());
  assert.equal(file.readSync(bytes, 0, bytes.length, 0), bytes.length);
  return Buffer.from(bytes).toString();
}

const parts = [Buffer.from('one '), Buffer.alloc(0), Buffer.from('two '), Buffer.from('three')];

test('names are listed sorted, and a missing directory lists nothing', (t) => {
  const disk = temporaryDisk(t);
  disk.makeDirectory('segments');
  disk.makeDirectory('segments');
  for (const name of ['b', 'a', 'c']) disk.open(`segments/${name}`, { create: true }).close();
  assert.deepEqual(disk.list('segments'), ['a', 'b', 'c']);
  assert.deepEqual(disk.list(''), ['segments']);
  assert.deepEqual(disk.list('nothing'), []);
  assert.equal(disk.exists('segments/a'), true);
  assert.equal(disk.exists('segments/d'), false);
});

test('nobody but the owner can read the folders and files', (t) => {
  const folder = temporaryFolder(t);
  const disk = new NodeDisk(join(folder, 'data'));
  disk.makeDirectory('');
  disk.open('file', { create: true }).close();
  assert.equal(fs.statSync(join(folder, 'data')).mode & 0o777, 0o700);
  assert.equal(fs.statSync(join(folder, 'data/file')).mode & 0o777, 0o600);
});

test('rename replaces its target, and remove is final', (t) => {
  const disk = temporaryDisk(t);
  const file = disk.open('new', { create: true });
  file.writeSync([Buffer.from('new')], 0);
  file.close();
  disk.open('old', { create: true }).close();
  disk.rename('new', 'old');
  assert.deepEqual(disk.list(''), ['old']);
  const replaced = disk.open('old', { create: false });
  assert.equal(content(replaced), 'new');
  replaced.close();
  disk.remove('old');
  assert.throws(() => disk.open('old', { create: false }), hasFault('not-found'));
  assert.throws(() => disk.remove('old'), hasFault('not-found'));
});

test('parts are written one after the other, in place and away from the loop', async (t) => {
  const file = temporaryDisk(t).open('file', { create: true });
  file.writeSync(parts, 0);
  assert.equal(content(file), 'one two three');
  await completed((done) => file.write(parts, 4, done));
  assert.equal(content(file), 'one one two three');
  await completed((done) => file.write([], 0, done));
  file.writeSync([], 0);
  assert.equal(file.size(), 17);
  file.close();
});

test('a write that the system cuts short is completed', async (t) => {
  const file = temporaryDisk(t).open('file', { create: true });
  const { writevSync, writev } = fs;
  // Three bytes a call, which ends inside of parts and at their borders.
  const cut = (views: readonly NodeJS.ArrayBufferView[]): Uint8Array[] => [
    Buffer.concat(views as Uint8Array[]).subarray(0, 3),
  ];
  t.mock.method(fs, 'writevSync', (fd: number, views: Uint8Array[], position: number) =>
    writevSync(fd, cut(views), position),
  );
  t.mock.method(
    fs,
    'writev',
    (fd: number, views: Uint8Array[], position: number, done: () => void) =>
      writev(fd, cut(views), position, done),
  );
  file.writeSync(parts, 0);
  assert.equal(content(file), 'one two three');
  await completed((done) => file.write(parts, 13, done));
  assert.equal(content(file), 'one two threeone two three');
  file.close();
});

test('a write that takes nothing is an error, not a loop', async (t) => {
  const file = temporaryDisk(t).open('file', { create: true });
  t.mock.method(fs, 'writeSync', () => 0);
  t.mock.method(fs, 'writev', (_fd: number, _views: unknown, _position: number, done: DiskDone) =>
    setImmediate(done as (...values: unknown[]) => void, null, 0),
  );
  assert.throws(() => file.writeSync([Buffer.from('x')], 0), hasFault('io'));
  await assert.rejects(
    completed((done) => file.write([Buffer.from('x')], 0, done)),
    hasFault('io'),
  );
  file.close();
});

test('a read ends at the end of the file and fills only its range', async (t) => {
  const file = temporaryDisk(t).open('file', { create: true });
  file.writeSync([Buffer.from('0123456789')], 0);
  const target = Buffer.from('..............');
  assert.equal(file.readSync(target, 2, 20 - 10, 4), 6);
  assert.equal(target.toString(), '..456789......');
  assert.equal(file.readSync(target, 0, 4, 10), 0);
  const count = await new Promise<number>((resolve, reject) => {
    file.read(target, 0, 3, 8, (error, bytesRead) =>
      error === null ? resolve(bytesRead) : reject(error),
    );
  });
  assert.equal(count, 2);
  assert.equal(target.toString(), '89456789......');
  file.close();
});

test('truncate shortens, and lengthens with zeros', (t) => {
  const file = temporaryDisk(t).open('file', { create: true });
  file.writeSync([Buffer.from('abcdef')], 0);
  file.truncate(2);
  file.truncate(4);
  assert.equal(content(file), 'ab\0\0');
  file.close();
});

const linuxOnly = { skip: process.platform !== 'linux' };

test('a full disk is told apart from a broken one', linuxOnly, async () => {
  const full = new NodeDisk('/dev').open('full', { create: false });
  assert.throws(() => full.writeSync([Buffer.from('x')], 0), hasFault('no-space'));
  await assert.rejects(
    completed((done) => full.write([Buffer.from('x')], 0, done)),
    hasFault('no-space'),
  );
  full.close();
});

test('datasync answers each of many requests on several files, from the pool and the thread', async (t) => {
  const disk = temporaryDisk(t);
  const files = ['a', 'b', 'c'].map((name) => disk.open(name, { create: true }));
  const ready = threadReady(disk);
  for (let round = 0; round < 3; round++) {
    // The first round meets a thread that has not started, later ones more than its queue holds.
    const requests = Array.from({ length: 100 }, (_, i) =>
      completed((done) => (files[i % 3] as DiskFile).datasync(done)),
    );
    await Promise.all(requests);
    await ready;
  }
  for (const file of files) file.close();
});

test('a failed datasync is reported once, as an error of the disk', linuxOnly, async (t) => {
  const disk = new NodeDisk('/dev');
  t.after(() => disk.close());
  const file = disk.open('full', { create: false });
  await assert.rejects(
    completed((done) => file.datasync(done)),
    hasFault('io'),
  );
  let reports = 0;
  await new Promise<void>((resolve) => {
    file.datasync((error) => {
      reports++;
      assert.ok(hasFault('io')(error));
      setImmediate(resolve);
    });
  });
  assert.equal(reports, 1);
  file.close();
});

test(
  'a file closed with work under way still calls back, and frees its descriptor after that',
  linuxOnly,
  async (t) => {
    const folder = temporaryFolder(t);
    const disk = new NodeDisk(folder);
    t.after(() => disk.close());
    const openDescriptors = (): number =>
      fs.readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
        } catch {
          return false; // The descriptor of the listing itself.
        }
      }).length;
    const file = disk.open('file', { create: true });
    assert.equal(openDescriptors(), 1);
    const work = Promise.all([
      completed((done) => file.write(parts, 0, done)),
      completed((done) => file.datasync(done)),
      completed((done) => file.sync(done)),
    ]);
    file.close();
    file.close();
    assert.equal(openDescriptors(), 1);
    await work;
    assert.equal(openDescriptors(), 0);
    assert.equal(fs.readFileSync(join(folder, 'file'), 'utf8'), 'one two three');
    assert.throws(() => file.size(), /after its close/);
  },
);

test('the names of a directory can be synced, and a missing one is an error', async (t) => {
  const disk = temporaryDisk(t);
  disk.makeDirectory('segments');
  await completed((done) => disk.syncDirectory('segments', done));
  await completed((done) => disk.syncDirectory('', done));
  await assert.rejects(
    completed((done) => disk.syncDirectory('nothing', done)),
    hasFault('not-found'),
  );
});

test('the free space is that of the file system', (t) => {
  const disk = temporaryDisk(t);
  assert.ok(disk.freeBytes() > 0);
  assert.ok(Number.isFinite(disk.freeBytes()));
  assert.ok(disk.totalBytes() >= disk.freeBytes());
});

test('an idle commit thread lets the process end, one at work keeps it until the answer', (t) => {
  const folder = temporaryFolder(t);
  const module = new URL('./disk.js', import.meta.url).href;
  const program = `
    import { NodeDisk } from ${JSON.stringify(module)};
    const disk = new NodeDisk(${JSON.stringify(folder)});
    const file = disk.open('file', { create: true });
    const keepAlive = setInterval(() => {}, 1000);
    disk.warmUp(() => {
      clearInterval(keepAlive);
      file.datasync(() => console.log('answered'));
    });
  `;
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  assert.equal(result.stderr, '');
  assert.equal(result.stdout, 'answered\n');
  assert.equal(result.status, 0);
});
