import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { BrokerError } from '../kernel/errors.ts';
import { BatchIndex, BatchLocation } from './batch-index.ts';
import {
  decodeDirectory,
  decodeRowPage,
  decodeTrailer,
  directoryBytes,
  directoryPosition,
  FooterBuilder,
  type FooterDirectory,
  type FooterSubject,
  footerBytes,
  rowPageBytes,
  rowPagePosition,
} from './footer.ts';
import { flipBit, isFault, storeId } from './log-files.fixture.ts';

const segmentBytes = 1024 * 1024;
const path = 'segments/00000007.seg';
const subject: FooterSubject = {
  segmentId: 7,
  segmentBytes,
  storeId,
  firstLsn: 7 * segmentBytes + 4096,
  endLsn: 7 * segmentBytes + 300_000,
  blocksEnd: 300_000,
};

/** `batches` batches in turn for partitions 1 … `partitions`, with gaps in their offsets. */
function sampleIndex(partitions: number, batches: number): BatchIndex {
  const index = new BatchIndex();
  const location = new BatchLocation();
  for (let i = 0; i < batches; i++) {
    const partition = 1 + (i % partitions);
    const turn = Math.floor(i / partitions);
    location.position = 4096 + i * 20;
    location.size = 61 + (i % 7);
    location.baseOffset = 2 ** 40 + partition * 1000 + turn * 10;
    location.lastOffset = location.baseOffset + (i % 5);
    location.leaderEpoch = 3 + (turn % 2);
    location.maxTimestamp = i % 3 === 0 ? -1 : 1_700_000_000_000 + i;
    index.add(partition, location);
  }
  return index;
}

function build(index: BatchIndex, budget: number): { builder: FooterBuilder; bytes: Uint8Array } {
  const builder = new FooterBuilder(subject, index);
  const slices: Uint8Array[] = [];
  for (let slice = builder.next(budget); slice !== null; slice = builder.next(budget)) {
    slices.push(slice);
  }
  return { builder, bytes: Buffer.concat(slices) };
}

function directoryOf({ builder, bytes }: ReturnType<typeof build>): FooterDirectory {
  const at = directoryPosition(builder.info) - builder.position;
  return decodeDirectory(bytes.subarray(at), builder.info, path);
}

function pageBytes({ builder, bytes }: ReturnType<typeof build>, page: number): Uint8Array {
  const at = rowPagePosition(builder.info, page) - builder.position;
  return bytes.subarray(at, at + rowPageBytes(builder.info, page));
}

test('a footer gives back every row of every partition', () => {
  const index = sampleIndex(7, 3000);
  const built = build(index, 8192);
  const directory = directoryOf(built);
  assert.deepEqual([...directory.extents.partitions], index.partitions());
  const expected = new BatchLocation();
  const actual = new BatchLocation();
  for (const [i, partition] of index.partitions().entries()) {
    const start = directory.rowStarts[i] ?? 0;
    assert.equal((directory.rowStarts[i + 1] ?? 0) - start, index.rowCountOf(partition));
    for (let n = 0; n < index.rowCountOf(partition); n++) {
      const page = Math.floor((start + n) / 512);
      decodeRowPage(pageBytes(built, page), directory, page, path).read(start + n, i, actual);
      index.read(partition, n, expected);
      assert.deepEqual(actual, expected);
    }
  }
});

test('a directory says what the segment holds of each partition', () => {
  const index = new BatchIndex();
  const location = new BatchLocation();
  for (const [baseOffset, leaderEpoch, maxTimestamp] of [
    [50, 9, 700],
    [60, 4, 900],
    [70, 6, 800],
  ] as const) {
    const lastOffset = baseOffset + 2;
    Object.assign(location, { position: 4096, size: 100, baseOffset, lastOffset });
    Object.assign(location, { leaderEpoch, maxTimestamp });
    index.add(12, location);
  }
  const { extents } = directoryOf(build(index, 1));
  assert.equal(extents.find(12, 72), 0);
  assert.equal(extents.find(11, 0), -1);
  assert.equal(extents.find(13, 0), -1);
  assert.equal(extents.find(12, 73), -1);
  assert.deepEqual([...extents.firstOffsets], [50]);
  assert.deepEqual([...extents.lastOffsets], [72]);
  assert.deepEqual([...extents.bytes], [300]);
  assert.deepEqual([...extents.maxTimestamps], [900]);
  assert.deepEqual([...extents.minEpochs], [4]);
  assert.deepEqual([...extents.maxEpochs], [9]);
});

test('an archive may hold several extents of one partition', () => {
  const bases = [10, 20, 500, 30];
  const source = {
    partitions: () => [4, 4, 5],
    rowCountOf: (_: number, extent: number) => (extent === 0 ? 2 : 1),
    read: (_: number, n: number, target: BatchLocation, extent: number) => {
      target.position = 4096 + (extent * 2 + n) * 100;
      target.size = 100;
      target.baseOffset = bases[extent === 0 ? n : extent + 1] ?? 0;
      target.lastOffset = target.baseOffset + 4;
    },
  };
  const builder = new FooterBuilder(subject, source);
  const slices: Uint8Array[] = [];
  for (let slice = builder.next(99); slice !== null; slice = builder.next(99)) slices.push(slice);
  const { extents } = directoryOf({ builder, bytes: Buffer.concat(slices) });
  assert.deepEqual([...extents.partitions], [4, 4, 5]);
  assert.deepEqual([...extents.firstOffsets], [10, 500, 30]);
  assert.deepEqual([...extents.lastOffsets], [24, 504, 34]);
  assert.deepEqual(
    [0, 24, 25, 504, 505].map((offset) => extents.find(4, offset)),
    [0, 0, 1, 1, -1],
  );
});

test('the slices of any budget are the same bytes, within the bound', () => {
  const index = sampleIndex(1000, 2600);
  const whole = build(index, 1_000_000);
  for (const budget of [1, 511, 513, 1500]) {
    const built = build(index, budget);
    assert.deepEqual(built.bytes, whole.bytes);
    assert.deepEqual(built.builder.info, whole.builder.info);
  }
  const bound = footerBytes(2600, 1000);
  assert.equal(whole.bytes.length, 2600 * 28 + directoryBytes(2600, 1000));
  assert.ok(bound >= whole.bytes.length + 4096);
  assert.ok(bound < whole.bytes.length + 3 * 4096);
});

test('a segment without batches has an empty footer', () => {
  const built = build(new BatchIndex(), 100);
  assert.equal(built.bytes.length, 0);
  const trailer = decodeTrailer(built.builder.trailer(), subject);
  assert.ok(typeof trailer === 'object');
  assert.equal(directoryOf(built).extents.count, 0);
});

test('a trailer leads to its footer', () => {
  const built = build(sampleIndex(3, 100), 8192);
  assert.deepEqual(decodeTrailer(built.builder.trailer(), subject), {
    firstLsn: subject.firstLsn,
    endLsn: subject.endLsn,
    blocksEnd: subject.blocksEnd,
    footer: built.builder.info,
  });
});

test("a trailer of the file's earlier life is stale", () => {
  const { builder } = build(sampleIndex(3, 100), 8192);
  const page = builder.trailer();
  assert.equal(decodeTrailer(page, { ...subject, segmentId: 8 }), 'stale');
  assert.equal(decodeTrailer(page, { ...subject, storeId: new Uint8Array(16) }), 'stale');
  assert.equal(decodeTrailer(new Uint8Array(4096), subject), 'absent');
  assert.equal(decodeTrailer(page.subarray(0, 4095), subject), 'absent');
  assert.equal(decodeTrailer(page, { ...subject, segmentBytes: 200_000 }), 'damaged');
});

test('a trailer with a flipped bit is not taken', () => {
  const page = build(sampleIndex(3, 100), 8192).builder.trailer();
  for (let bit = 0; bit < page.length * 8; bit += bit < 600 ? 1 : 13) {
    const read = decodeTrailer(flipBit(page, bit), subject);
    assert.equal(read, bit < 32 ? 'absent' : 'damaged');
  }
});

test('a directory with a flipped bit, or cut off, is damage that names the file', () => {
  const { builder, bytes } = build(sampleIndex(5, 600), 8192);
  const { info } = builder;
  const at = directoryPosition(info) - builder.position;
  const directory = bytes.subarray(at);
  const isDamage = isFault('storage_damaged', `${path} at byte ${directoryPosition(info)}`);
  for (let bit = 0; bit < directory.length * 8; bit++) {
    assert.throws(() => decodeDirectory(flipBit(directory, bit), info, path), isDamage);
  }
  for (let length = 0; length < directory.length; length++) {
    assert.throws(() => decodeDirectory(directory.subarray(0, length), info, path), isDamage);
  }
});

test('a page of rows with a flipped bit, or cut off, is damage that names the file', () => {
  const built = build(sampleIndex(5, 530), 8192);
  const directory = directoryOf(built);
  const page = pageBytes(built, 1);
  const isDamage = isFault('storage_damaged', path);
  for (let bit = 0; bit < page.length * 8; bit++) {
    assert.throws(() => decodeRowPage(flipBit(page, bit), directory, 1, path), isDamage);
  }
  for (let length = 0; length < page.length; length++) {
    assert.throws(() => decodeRowPage(page.subarray(0, length), directory, 1, path), isDamage);
  }
  assert.throws(() => decodeRowPage(pageBytes(built, 0), directory, 1, path), BrokerError);
});
