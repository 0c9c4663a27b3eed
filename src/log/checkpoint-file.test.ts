import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { ByteWriter } from '../kernel/byte-writer.ts';
import { viewOf } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import type { Clock } from '../kernel/ports.ts';
import {
  type CheckpointHead,
  type CheckpointPorts,
  type CheckpointSource,
  CheckpointWriter,
  type CheckpointWritten,
  checkpointPath,
  listCheckpoints,
  removeOldCheckpoints,
} from './checkpoint-file.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint-reader.ts';
import {
  FaultyDisk,
  finish,
  flipBit,
  isFault,
  readWhole,
  storeId,
  writeWhole,
} from './log-files.fixture.ts';

interface Item {
  readonly type: number;
  readonly lsn: number;
  readonly body: Uint8Array;
}

/** Objects of all sizes up to the largest. */
function itemsOf(sizes: readonly number[]): Item[] {
  return sizes.map((size, i) => ({
    type: 1 + (i % 255),
    lsn: 2 ** 42 + ((i * 7919) % 1000),
    body: new Uint8Array(size).map((_, at) => at + i),
  }));
}

class Source implements CheckpointSource {
  readonly #items: readonly Item[];
  /** Clock milliseconds that each object takes. */
  cost = 0;
  now = 0;
  handed = 0;

  constructor(items: readonly Item[]) {
    this.#items = items;
  }

  next(writer: ByteWriter): Item | null {
    this.now += this.cost;
    const item = this.#items[this.handed];
    if (item === undefined) return null;
    this.handed++;
    writer.copy(item.body, 0, item.body.length);
    return item;
  }
}

function headAt(startLsn: number): CheckpointHead {
  return { storeId, startLsn, previousCrc: 0xfeed_beef, epoch: 12, time: 1_700_000_000_123 };
}

function portsOf(disk: FaultyDisk, source: Source | null = null): CheckpointPorts {
  const clock: Clock = { now: () => 0, monotonic: () => source?.now ?? 0 };
  return { disk, clock, scheduler: disk.scheduler };
}

function write(disk: FaultyDisk, startLsn: number, items: readonly Item[]): CheckpointWritten {
  const source = new Source(items);
  const writer = new CheckpointWriter(portsOf(disk, source), headAt(startLsn), source);
  const { error, value } = finish<CheckpointWritten | null>(disk, (done) => writer.write(done));
  assert.equal(error, null);
  assert.ok(value !== null);
  assert.deepEqual(
    finish<undefined>(disk, (done) => writer.publish((e) => done(e, undefined))).error,
    null,
  );
  return value;
}

function openAt(disk: FaultyDisk, startLsn: number, store = storeId) {
  const name = { path: checkpointPath(startLsn), startLsn };
  return finish<Checkpoint | null>(disk, (done) =>
    openCheckpoint(portsOf(disk), name, store, done),
  );
}

function restore(disk: FaultyDisk, checkpoint: Checkpoint): Item[] {
  const items: Item[] = [];
  const { error } = finish<undefined>(disk, (done) =>
    checkpoint.restore(
      (type, lsn, bytes, start, end) => items.push({ type, lsn, body: bytes.slice(start, end) }),
      (e) => done(e, undefined),
    ),
  );
  assert.equal(error, null);
  return items;
}

test('objects of every size come back, over all chunks of the file', () => {
  const disk = new FaultyDisk();
  const sizes = Array.from({ length: 200 }, (_, i) => (i * 331) % 65537);
  const items = itemsOf([0, 1, 65536, ...sizes, 65536, 0]);
  const written = write(disk, 4096, items);
  const { value } = openAt(disk, 4096);
  assert.ok(value !== null);
  assert.deepEqual(value.head, headAt(4096));
  assert.deepEqual(value.summary, written);
  assert.equal(written.objectCount, items.length);
  assert.equal(written.maxLsn, Math.max(...items.map((item) => item.lsn)));
  assert.deepEqual(restore(disk, value), items);
  assert.deepEqual(restore(disk, value), items, 'and again');
});

test('a checkpoint without objects is one', () => {
  const disk = new FaultyDisk();
  assert.equal(write(disk, 8192, []).maxLsn, 8192);
  const { value } = openAt(disk, 8192);
  assert.ok(value !== null);
  assert.deepEqual(restore(disk, value), []);
});

test('a slice ends when its time is up, whatever the number of objects', () => {
  const disk = new FaultyDisk();
  const source = new Source(itemsOf(new Array(100).fill(10)));
  source.cost = 0.75;
  const writer = new CheckpointWriter(portsOf(disk, source), headAt(0), source);
  let isDone = false;
  writer.write(() => {
    isDone = true;
  });
  while (!isDone) {
    const before = source.handed;
    assert.ok(disk.scheduler.step());
    assert.ok(source.handed - before <= 3, 'three objects of 0.75 ms pass the 2 ms');
  }
  assert.equal(source.handed, 100);
});

test('until it is published nobody sees it', () => {
  const disk = new FaultyDisk();
  const source = new Source(itemsOf([10, 20]));
  const writer = new CheckpointWriter(portsOf(disk, source), headAt(4096), source);
  finish<CheckpointWritten | null>(disk, (done) => writer.write(done));
  assert.deepEqual(listCheckpoints(disk), []);
  writer.publish(() => {});
  disk.scheduler.run();
  assert.deepEqual(listCheckpoints(disk), [{ path: checkpointPath(4096), startLsn: 4096 }]);
});

test('an abandoned checkpoint leaves nothing, at whatever step', () => {
  for (let steps = 0; steps < 8; steps++) {
    const disk = new FaultyDisk();
    const source = new Source(itemsOf(new Array(10).fill(60_000)));
    const writer = new CheckpointWriter(portsOf(disk, source), headAt(4096), source);
    let calls = 0;
    writer.write(() => calls++);
    for (let step = 0; step < steps; step++) disk.scheduler.step();
    const before = calls;
    writer.abandon();
    disk.scheduler.run();
    assert.equal(calls, before);
    assert.deepEqual(disk.list('checkpoints'), []);
  }
});

test('checkpoints are listed newest first, and all but those to be kept removed', () => {
  const disk = new FaultyDisk();
  const starts = [4096, 2 ** 40 + 4096, 2 ** 52, 65536];
  for (const start of starts) write(disk, start, []);
  writeWhole(disk, 'checkpoints/0000000000000fff.tmp', storeId);
  writeWhole(disk, 'checkpoints/notes.txt', storeId);
  const sorted = [2 ** 52, 2 ** 40 + 4096, 65536, 4096];
  assert.deepEqual(
    listCheckpoints(disk).map((name) => name.startLsn),
    sorted,
  );
  // The newest was found unsound.
  const kept = sorted.slice(1, 3);
  const { error } = finish<undefined>(disk, (done) =>
    removeOldCheckpoints(portsOf(disk), kept, (e) => done(e, undefined)),
  );
  assert.equal(error, null);
  assert.deepEqual(
    listCheckpoints(disk).map((name) => name.startLsn),
    kept,
  );
  assert.equal(disk.list('checkpoints').length, 3);
});

test('a file cut off anywhere is damage that names it', () => {
  const disk = new FaultyDisk();
  write(disk, 4096, itemsOf([0, 5, 100, 17]));
  const path = checkpointPath(4096);
  const bytes = readWhole(disk, path);
  for (let length = 0; length < bytes.length; length++) {
    writeWhole(disk, path, bytes.subarray(0, length));
    assert.ok(isFault('storage_damaged', path)(openAt(disk, 4096).error), `at ${length}`);
  }
  writeWhole(disk, path, Buffer.concat([bytes, new Uint8Array(1)]));
  assert.ok(isFault('storage_damaged', path)(openAt(disk, 4096).error));
});

test('a file with any bit flipped is never taken', () => {
  const disk = new FaultyDisk();
  write(disk, 4096, itemsOf([0, 5, 100, 17]));
  const path = checkpointPath(4096);
  const bytes = readWhole(disk, path);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    writeWhole(disk, path, flipBit(bytes, bit));
    const { error, value } = openAt(disk, 4096);
    assert.equal(value, null);
    assert.ok(isFault('storage_damaged', path)(error), `bit ${bit}`);
  }
});

test('a newer format is refused as such', () => {
  const disk = new FaultyDisk();
  write(disk, 4096, []);
  const path = checkpointPath(4096);
  const bytes = readWhole(disk, path);
  bytes[4] = 2;
  viewOf(bytes).setUint32(60, crc32c(bytes, 0, 60), true);
  writeWhole(disk, path, bytes);
  assert.ok(isFault('data_folder_newer', path)(openAt(disk, 4096).error));
});

test('damage far into a large file is found before any object is handed out', () => {
  const disk = new FaultyDisk();
  write(disk, 4096, itemsOf(new Array(60).fill(50_000)));
  const path = checkpointPath(4096);
  const bytes = readWhole(disk, path);
  writeWhole(disk, path, flipBit(bytes, (bytes.length - 100) * 8));
  assert.ok(isFault('storage_damaged', path)(openAt(disk, 4096).error));
});

test('a disk that answers otherwise the second time is found out', () => {
  const disk = new FaultyDisk();
  write(disk, 4096, itemsOf([100]));
  const path = checkpointPath(4096);
  const { value } = openAt(disk, 4096);
  assert.ok(value !== null);
  writeWhole(disk, path, flipBit(readWhole(disk, path), 100 * 8));
  const { error } = finish<undefined>(disk, (done) =>
    value.restore(
      () => {},
      (e) => done(e, undefined),
    ),
  );
  assert.ok(isFault('storage_damaged', path)(error));
});

test('the file of another place or another folder is not taken', () => {
  const disk = new FaultyDisk();
  write(disk, 4096, []);
  writeWhole(disk, checkpointPath(8192), readWhole(disk, checkpointPath(4096)));
  assert.ok(isFault('storage_damaged', 'start LSN')(openAt(disk, 8192).error));
  const { error } = openAt(disk, 4096, new Uint8Array(16));
  assert.ok(isFault('storage_damaged', 'another data folder')(error));
  assert.ok(isFault('storage_failed', checkpointPath(1))(openAt(disk, 1).error));
});

test('a disk that fails or is full leaves no file and says so', () => {
  const cases = [
    ['open', 'denied', 'storage_failed'],
    ['write', 'io', 'storage_failed'],
    ['write', 'no-space', 'storage_full'],
    ['sync', 'io', 'storage_failed'],
  ] as const;
  for (const [operation, fault, code] of cases) {
    const disk = new FaultyDisk();
    disk.fail = (asked) => (asked === operation ? fault : null);
    const source = new Source(itemsOf([10]));
    const writer = new CheckpointWriter(portsOf(disk, source), headAt(4096), source);
    const { error } = finish<CheckpointWritten | null>(disk, (done) => writer.write(done));
    assert.ok(isFault(code, 'checkpoints/')(error));
    assert.deepEqual(disk.list('checkpoints'), []);
  }
});

test('a name that cannot be given is reported', () => {
  for (const operation of ['rename', 'syncDirectory'] as const) {
    const disk = new FaultyDisk();
    const source = new Source([]);
    const writer = new CheckpointWriter(portsOf(disk, source), headAt(4096), source);
    finish<CheckpointWritten | null>(disk, (done) => writer.write(done));
    disk.fail = (asked) => (asked === operation ? 'io' : null);
    const { error } = finish<undefined>(disk, (done) => writer.publish((e) => done(e, undefined)));
    assert.ok(isFault('storage_failed', 'checkpoints')(error));
  }
});
