import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { BrokerError } from '../kernel/errors.ts';
import {
  FaultyDisk,
  finish,
  flipBit,
  isFault,
  readWhole,
  storeId,
  writeWhole,
} from './log-files.fixture.ts';
import {
  type Manifest,
  type ManifestRecord,
  openManifest,
  type SealedSegment,
} from './manifest.ts';
import { encodeBegin, encodeFrame } from './manifest-record.ts';
import { SegmentExtents } from './segment-extents.ts';

function segment(id: number, partitions: number): SealedSegment {
  const extents = new SegmentExtents(partitions);
  for (let i = 0; i < partitions; i++) {
    extents.partitions[i] = 10 + i * 3;
    extents.firstOffsets[i] = 2 ** 41 + id * 1000 + i;
    extents.lastOffsets[i] = 2 ** 41 + id * 1000 + i + 99;
    extents.bytes[i] = 5000 + i;
    extents.maxTimestamps[i] = i % 2 === 0 ? 1_700_000_000_000 + i : -1;
    extents.minEpochs[i] = 2;
    extents.maxEpochs[i] = 2 + i;
  }
  const footer = { position: 8192, rowCount: partitions * 7, partitionCount: partitions };
  return {
    id,
    firstLsn: id * 65536 + 4096,
    endLsn: id * 65536 + 8192,
    blocksEnd: 8192,
    footer: { ...footer, directoryCrc: 0xdead_0000 + (id % 1000) },
    extents,
  };
}

const sealed = (id: number, partitions = 2): ManifestRecord => ({
  kind: 'sealed',
  segment: segment(id, partitions),
});

function tryOpen(disk: FaultyDisk, store = storeId) {
  return finish<Manifest | null>(disk, (done) =>
    openManifest({ disk, scheduler: disk.scheduler }, store, done),
  );
}

function open(disk: FaultyDisk): Manifest {
  const { error, value } = tryOpen(disk);
  assert.equal(error, null);
  assert.ok(value !== null);
  return value;
}

/** Appends one record and waits for it. */
function append(disk: FaultyDisk, manifest: Manifest, record: ManifestRecord): BrokerError | null {
  return finish<undefined>(disk, (done) => manifest.append(record, (e) => done(e, undefined)))
    .error;
}

function appendAll(disk: FaultyDisk, manifest: Manifest, records: readonly ManifestRecord[]): void {
  for (const record of records) assert.equal(append(disk, manifest, record), null);
}

const ids = (manifest: Manifest): number[] => [...manifest.segments.keys()];

/** A history with every kind of record, and the ids after each. */
const history: readonly ManifestRecord[] = [
  sealed(1),
  sealed(2, 5),
  { kind: 'removed', ids: [1] },
  sealed(3),
  { kind: 'replaced', removed: [2, 3], added: [segment(0x8000_0000, 6), segment(0x8000_0001, 1)] },
  sealed(4, 3),
];
const states: readonly (readonly number[])[] = [
  [],
  [1],
  [1, 2],
  [2],
  [2, 3],
  [0x8000_0000, 0x8000_0001],
  [0x8000_0000, 0x8000_0001, 4],
];

test('a new manifest is empty and says that it is new', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  assert.equal(manifest.isNew, true);
  assert.deepEqual(ids(manifest), []);
  manifest.close();
  assert.equal(open(disk).isNew, false);
  assert.deepEqual(disk.list(''), ['manifest-1']);
});

test('descriptors come back as they were', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  appendAll(disk, manifest, history);
  assert.deepEqual(ids(manifest), states.at(-1));
  manifest.close();
  const again = open(disk);
  assert.deepEqual(again.segments, manifest.segments);
  assert.deepEqual(again.segments.get(4), segment(4, 3));
  assert.equal(again.droppedBytes, 0);
});

test('records that come while a sync is under way share the next one', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  const before = disk.counts.get('sync') ?? 0;
  const order: number[] = [];
  for (let id = 1; id <= 50; id++) manifest.append(sealed(id), () => order.push(id));
  assert.deepEqual(ids(manifest), [], 'nothing is there before it is durable');
  disk.scheduler.run();
  assert.deepEqual(order, ids(manifest));
  assert.equal(order.length, 50);
  assert.equal((disk.counts.get('sync') ?? 0) - before, 2);
  manifest.close();
  assert.equal(open(disk).segments.size, 50);
});

test('a file cut off anywhere gives an earlier state, or damage within its snapshot', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  const ends = [manifest.fileBytes];
  for (const record of history) {
    assert.equal(append(disk, manifest, record), null);
    ends.push(manifest.fileBytes);
  }
  const bytes = readWhole(disk, 'manifest-1');
  for (let length = 0; length <= bytes.length; length++) {
    const damaged = new FaultyDisk();
    writeWhole(damaged, 'manifest-1', bytes.subarray(0, length));
    const { error, value } = tryOpen(damaged);
    const state = ends.filter((end) => end <= length).length - 1;
    if (state < 0) {
      assert.ok(isFault('storage_damaged', 'manifest-1')(error), `at ${length}`);
      continue;
    }
    assert.ok(value !== null);
    assert.deepEqual(ids(value), states[state]);
    assert.equal(value.droppedBytes, length - (ends[state] ?? 0));
    if (length % 41 !== 0) continue;
    // It goes on from there.
    assert.equal(append(damaged, value, sealed(77)), null);
    value.close();
    assert.deepEqual(ids(open(damaged)), [...(states[state] ?? []), 77]);
  }
});

test('a flipped bit is damage that names the file, and in the last frame a torn tail', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  appendAll(disk, manifest, history.slice(0, -1));
  const lastFrame = manifest.fileBytes;
  appendAll(disk, manifest, history.slice(-1));
  const bytes = readWhole(disk, 'manifest-1');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = new FaultyDisk();
    writeWhole(damaged, 'manifest-1', flipBit(bytes, bit));
    const { error, value } = tryOpen(damaged);
    if (bit < lastFrame * 8) {
      assert.ok(isFault('storage_damaged', 'manifest-1 at byte')(error), `bit ${bit}`);
    } else {
      assert.deepEqual(value === null ? null : ids(value), states.at(-2));
    }
  }
});

test('what follows a torn tail is not mistaken for records later', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  appendAll(disk, manifest, history);
  const bytes = readWhole(disk, 'manifest-1');
  writeWhole(disk, 'manifest-1', Buffer.concat([bytes, new Uint8Array(5000).fill(0x5a)]));
  const again = open(disk);
  assert.equal(again.droppedBytes, 5000);
  assert.deepEqual(ids(again), states.at(-1));
  assert.equal(readWhole(disk, 'manifest-1').length, bytes.length);
});

test('a frame in the wrong place is damage', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  const start = manifest.fileBytes;
  appendAll(disk, manifest, [sealed(1)]);
  const bytes = readWhole(disk, 'manifest-1');
  writeWhole(disk, 'manifest-1', Buffer.concat([bytes, bytes.subarray(start)]));
  assert.ok(isFault('storage_damaged', 'manifest-1')(tryOpen(disk).error));
});

test('records that contradict one another are damage', () => {
  const disk = new FaultyDisk();
  open(disk).close();
  const begin = readWhole(disk, 'manifest-1');
  const other = new FaultyDisk();
  appendAll(other, open(other), [sealed(1)]);
  const frame = readWhole(other, 'manifest-1').subarray(begin.length);
  const record = frame.subarray(16);
  writeWhole(disk, 'manifest-1', Buffer.concat([begin, frame, encodeFrame(2, [record])]));
  assert.ok(isFault('storage_damaged', 'manifest-1')(tryOpen(disk).error));
});

test('another store and a newer format are refused', () => {
  const disk = new FaultyDisk();
  open(disk).close();
  const { error } = tryOpen(disk, new Uint8Array(16));
  assert.ok(isFault('storage_damaged', 'another data folder')(error));
  const begin = { kind: 'begin', version: 2, number: 1, snapshotSegments: 0, storeId } as const;
  writeWhole(disk, 'manifest-1', encodeFrame(0, [encodeBegin(begin)]));
  assert.ok(isFault('data_folder_newer', 'manifest-1')(tryOpen(disk).error));
});

/** Seals and removes until the file was replaced `times` times. */
function churn(disk: FaultyDisk, manifest: Manifest, times: number): void {
  let id = ids(manifest).at(-1) ?? 0;
  const target = `manifest-${1 + times}`;
  for (let rounds = 0; manifest.path !== target; rounds++) {
    assert.ok(rounds < 1000, 'the file is replaced in time');
    id++;
    appendAll(disk, manifest, [
      sealed(id, 2000),
      { kind: 'removed', ids: ids(manifest).slice(0, -3) },
    ]);
  }
}

test('a file of mostly history is replaced, and stays within bounds', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  churn(disk, manifest, 3);
  assert.deepEqual(disk.list(''), ['manifest-4']);
  assert.ok(manifest.fileBytes < 1024 * 1024);
  appendAll(disk, manifest, [sealed(1_000_000)]);
  manifest.close();
  const again = open(disk);
  assert.deepEqual(again.segments, manifest.segments);
  assert.equal(again.path, 'manifest-4');
});

test('a snapshot that is cut off is damage, never a smaller state', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  churn(disk, manifest, 1);
  const bytes = readWhole(disk, 'manifest-2');
  const snapshotEnd = manifest.fileBytes;
  for (let length = 0; length < snapshotEnd; length += 1009) {
    const cut = new FaultyDisk();
    writeWhole(cut, 'manifest-2', bytes.subarray(0, length));
    assert.ok(isFault('storage_damaged', 'manifest-2')(tryOpen(cut).error));
  }
});

test('after a crash between new and old file the new one counts', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  appendAll(disk, manifest, [sealed(1)]);
  const old = readWhole(disk, 'manifest-1');
  churn(disk, manifest, 1);
  manifest.close();
  writeWhole(disk, 'manifest-1', old);
  writeWhole(disk, 'manifest-3.tmp', old.subarray(0, 100));
  const again = open(disk);
  assert.deepEqual(again.segments, manifest.segments);
  assert.deepEqual(disk.list(''), ['manifest-2']);
});

test('a failed sync is reported to all that wait and to all that come later', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  const errors: (string | undefined)[] = [];
  disk.fail = (operation) => (operation === 'sync' ? 'io' : null);
  for (let id = 1; id <= 3; id++) manifest.append(sealed(id), (error) => errors.push(error?.code));
  disk.scheduler.run();
  assert.deepEqual(errors, ['storage_failed', 'storage_failed', 'storage_failed']);
  assert.deepEqual(ids(manifest), []);
  disk.fail = () => null;
  assert.equal(append(disk, manifest, sealed(9))?.code, 'storage_failed');
});

test('a full disk drops the record, which can be tried again', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  appendAll(disk, manifest, [sealed(1)]);
  disk.fail = (operation) => (operation === 'write' ? 'no-space' : null);
  assert.equal(append(disk, manifest, sealed(2, 50))?.code, 'storage_full');
  // A crash here finds half a frame.
  const half = new FaultyDisk();
  writeWhole(half, 'manifest-1', readWhole(disk, 'manifest-1'));
  assert.deepEqual(ids(open(half)), [1]);
  disk.fail = () => null;
  assert.equal(append(disk, manifest, sealed(3)), null);
  manifest.close();
  assert.deepEqual(ids(open(disk)), [1, 3]);
});

test('without space for a new file the old one goes on', () => {
  const disk = new FaultyDisk();
  const manifest = open(disk);
  disk.fail = (operation, path) =>
    operation === 'write' && path.endsWith('.tmp') ? 'no-space' : null;
  for (let id = 1; manifest.fileBytes < 3 * 1024 * 1024; id++) {
    appendAll(disk, manifest, [sealed(id, 2000), { kind: 'removed', ids: [id] }]);
  }
  assert.deepEqual(disk.list(''), ['manifest-1']);
  disk.fail = () => null;
  churn(disk, manifest, 1);
  assert.deepEqual(disk.list(''), ['manifest-2']);
});

test('a crash at any step of a replacement loses nothing', () => {
  for (let steps = 0, isOver = false; !isOver; steps++) {
    const disk = new FaultyDisk();
    const manifest = open(disk);
    for (let id = 1; manifest.fileBytes < 1024 * 1024 - 200_000; id++) {
      appendAll(disk, manifest, [sealed(id, 2000), { kind: 'removed', ids: [id] }]);
    }
    let isDurable = false;
    manifest.append(sealed(5000, 5000), () => {
      isDurable = true;
    });
    for (let step = 0; step < steps; step++) isOver = !disk.scheduler.step();
    const copy = new FaultyDisk();
    for (const name of disk.list('')) writeWhole(copy, name, readWhole(disk, name));
    const found = ids(open(copy));
    assert.ok(found.length <= 1);
    assert.equal(found.length === 1 || !isDurable, true);
    if (isOver) assert.deepEqual(disk.list(''), ['manifest-2']);
  }
});
