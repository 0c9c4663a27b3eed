import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { BatchIndex, BatchLocation } from './batch-index.ts';
import { directoryPosition, FooterBuilder, type FooterInfo } from './footer.ts';
import {
  FooterCache,
  FooterCursor,
  type FooterSegment,
  type LocateStatus,
} from './footer-cache.ts';
import {
  FaultyDisk,
  flipBit,
  isFault,
  readWhole,
  storeId,
  writeWhole,
} from './log-files.fixture.ts';

const segmentBytes = 2 * 1024 * 1024;

/** `rows` batches for each of `partitions`: offsets 100, 105, 110 …, three records each. */
function indexOf(partitions: number, rows: number): BatchIndex {
  const index = new BatchIndex();
  const location = new BatchLocation();
  for (let n = 0; n < rows; n++) {
    for (let partition = 0; partition < partitions; partition++) {
      location.position = 4096 + n;
      location.size = 70;
      location.baseOffset = 100 + n * 5;
      location.lastOffset = location.baseOffset + 2;
      index.add(partition, location);
    }
  }
  return index;
}

function store(
  disk: FaultyDisk,
  id: number,
  index: BatchIndex,
): FooterSegment & { footer: FooterInfo } {
  disk.makeDirectory('segments');
  const file = disk.open(`segments/${id}.seg`, { create: true });
  const blocksEnd = 100_000;
  const subject = { segmentId: id, segmentBytes, storeId, firstLsn: 0, endLsn: 0, blocksEnd };
  const builder = new FooterBuilder(subject, index);
  let at = builder.position;
  for (let slice = builder.next(4096); slice !== null; slice = builder.next(4096)) {
    file.writeSync([slice], at);
    at += slice.length;
  }
  file.writeSync([builder.trailer()], segmentBytes - 4096);
  return { id, file, footer: builder.info };
}

/** Asks until the answer is no longer `loading`. */
function settle(disk: FaultyDisk, cache: FooterCache, ask: () => LocateStatus): LocateStatus {
  for (let attempts = 0; attempts < 10; attempts++) {
    const status = ask();
    if (status !== 'loading') return status;
    let isLoaded = false;
    cache.whenLoaded(() => {
      isLoaded = true;
    });
    disk.scheduler.run();
    assert.ok(isLoaded, 'the read calls back');
  }
  return assert.fail('it loads for ever');
}

test('every offset leads to its batch or to the first one after it', () => {
  const disk = new FaultyDisk();
  const segment = store(disk, 3, indexOf(3, 700));
  const cache = new FooterCache(64 * 1024);
  const cursor = new FooterCursor();
  for (let partition = 0; partition < 3; partition++) {
    for (let offset = 90; offset < 100 + 700 * 5 + 5; offset++) {
      const status = settle(disk, cache, () => cache.locate(segment, partition, offset, cursor));
      const n = Math.max(0, Math.ceil((offset - 102) / 5));
      assert.equal(status, n < 700 ? 'found' : 'none');
      if (status !== 'found') continue;
      assert.equal(cursor.location.baseOffset, 100 + n * 5);
      assert.equal(cursor.location.lastOffset, 102 + n * 5);
      assert.equal(cursor.location.position, 4096 + n);
      assert.equal(cursor.location.segmentId, 3);
    }
  }
  assert.equal(
    settle(disk, cache, () => cache.locate(segment, 9, 0, cursor)),
    'none',
  );
});

test('the batches of a partition follow one another over all pages', () => {
  const disk = new FaultyDisk();
  const segment = store(disk, 3, indexOf(2, 1500));
  const cache = new FooterCache();
  const cursor = new FooterCursor();
  const seen: number[] = [];
  let status = settle(disk, cache, () => cache.locate(segment, 1, 0, cursor));
  while (status === 'found') {
    seen.push(cursor.location.baseOffset);
    status = settle(disk, cache, () => cache.next(segment, cursor));
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 1500 }, (_, n) => 100 + n * 5),
  );
});

test('a question reads the directory and one page, once for all who ask', () => {
  const disk = new FaultyDisk();
  const segment = store(disk, 3, indexOf(2, 3000));
  const cache = new FooterCache();
  let found = 0;
  const ask = (cursor: FooterCursor) => {
    if (cache.locate(segment, 1, 9000, cursor) === 'found') found++;
    else cache.whenLoaded(() => ask(cursor));
  };
  for (let reader = 0; reader < 5; reader++) ask(new FooterCursor());
  disk.scheduler.run();
  assert.equal(found, 5);
  assert.equal(disk.counts.get('read'), 2);
});

test('memory stays under the limit, and every reader gets on', () => {
  const disk = new FaultyDisk();
  const index = indexOf(500, 5);
  const segments = Array.from({ length: 6 }, (_, i) => store(disk, i + 1, index));
  const cache = new FooterCache(40 * 1024);
  let found = 0;
  for (const segment of segments) {
    const cursor = new FooterCursor();
    const ask = () => {
      if (cache.locate(segment, 250, 110, cursor) === 'found') found++;
      else cache.whenLoaded(ask);
      assert.ok(cache.bytes <= 40 * 1024);
    };
    ask();
  }
  for (let steps = 0; steps < 1000 && disk.scheduler.step(); steps++);
  assert.equal(found, segments.length);
});

test('a damaged footer is named every time, until its segment is forgotten', () => {
  const disk = new FaultyDisk();
  const segment = store(disk, 3, indexOf(2, 700));
  const { path } = segment.file;
  const whole = readWhole(disk, path);
  const cursor = new FooterCursor();
  for (const position of [segment.footer.position, directoryPosition(segment.footer)]) {
    const cache = new FooterCache();
    const locate = () => settle(disk, cache, () => cache.locate(segment, 0, 0, cursor));
    writeWhole(disk, path, flipBit(whole, position * 8 + 3));
    const isDamage = isFault('storage_damaged', `${path} at byte ${position}`);
    assert.throws(locate, isDamage);
    assert.throws(locate, isDamage);
    writeWhole(disk, path, whole);
    assert.throws(locate, isDamage);
    cache.forget(segment.id);
    assert.equal(locate(), 'found');
  }
});

test('a file that ends inside its footer is damaged', () => {
  const disk = new FaultyDisk();
  const segment = store(disk, 3, indexOf(2, 700));
  const cache = new FooterCache();
  segment.file.truncate(directoryPosition(segment.footer) + 10);
  const locate = () => settle(disk, cache, () => cache.locate(segment, 0, 0, new FooterCursor()));
  assert.throws(locate, isFault('storage_damaged', segment.file.path));
});

test('a read that failed is reported, then tried again', () => {
  const disk = new FaultyDisk();
  const segment = store(disk, 3, indexOf(2, 700));
  const cache = new FooterCache();
  const locate = () => settle(disk, cache, () => cache.locate(segment, 0, 0, new FooterCursor()));
  disk.fail = (operation) => (operation === 'read' ? 'io' : null);
  assert.throws(locate, isFault('storage_failed', segment.file.path));
  disk.fail = () => null;
  assert.equal(locate(), 'found');
});

test('what was being read of a forgotten segment is dropped', () => {
  const disk = new FaultyDisk();
  const segment = store(disk, 3, indexOf(2, 700));
  const cache = new FooterCache();
  let calls = 0;
  assert.equal(cache.directory(segment), null);
  cache.whenLoaded(() => calls++);
  cache.forget(segment.id);
  disk.scheduler.run();
  assert.equal(calls, 1);
  assert.equal(cache.bytes, 0);
  assert.equal(cache.directory(segment), null);
});
