/**
 * Footers: the index at the end of a sealed segment's file.
 *
 * Owns: the bytes of rows, directory and trailer, written in slices and checked when read.
 * Leaves: reading them from disk to `footer-cache.ts`, their durability to whoever seals.
 *
 * Little-endian. P is the first page boundary at or after the end of the blocks.
 *
 *   P                         rows, 28 bytes each, sorted by (partition, base offset)
 *   P + 28 × rows             directory: an entry of 52 bytes per extent, in the order of the rows
 *   … + 52 × extents          page table: 8 bytes for each 512 rows
 *   last 4096 bytes of file   trailer
 *
 *   row                                      directory entry
 *   off  size  field                         off  size  field
 *   0    4     position of the batch         0    4     first row
 *   4    4     size of the batch             4    4     row count
 *   8    4     base offset - first offset    8    44    extent (`segment-extents.ts`)
 *   12   4     last offset - base offset
 *   16   4     leader epoch                  page table entry
 *   20   8     highest timestamp, signed     0    4     base offset - first offset of its first row
 *                                            4    4     crc32c of its rows
 *   trailer
 *   off  size  field                         off   size  field
 *   0    4     magic, "PLF1"                 48    4     end of the blocks in the file
 *   4    2     version, 1                    52    4     position of the rows (P)
 *   6    2     reserved, 0                   56    4     row count
 *   8    4     segment id                    60    4     extent count
 *   12   4     reserved, 0                   64    4     crc32c of directory and page table
 *   16   16    store id                      68    …     zeros
 *   32   8     LSN of the first block        4092  4     crc32c of bytes 0…4092
 *   40   8     LSN after the last block
 *
 * A page of rows belongs to every partition that has rows in it; within one extent it is sorted,
 * so one look at the page table finds the page of an offset. Rows lie row by row, 7 words each: a
 * scan is as fast as over columns (10 ns a row), a search of a page slower (140 ns against 80 to
 * 130), which a read does once; and they are written and summed in one pass. A file is used again
 * under another id: a trailer with another id is stale.
 */

import { assert } from '../kernel/assert.ts';
import {
  equalBytes,
  isExact,
  readInt64LittleEndian,
  viewOf,
  writeInt64LittleEndian,
} from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import { BatchLocation } from './batch-index.ts';
import { PAGE_BYTES, SEGMENT_HEADER_BYTES, SEGMENT_TRAILER_BYTES } from './limits.ts';
import { EXTENT_BYTES, readExtent, SegmentExtents, writeExtent } from './segment-extents.ts';
import { storageDamaged } from './storage-fault.ts';

export const FOOTER_PAGE_ROWS = 512;
/** Rows that a slice may take: half a millisecond to build when they are of 10 000 partitions. */
export const FOOTER_SLICE_ROWS = 4096;

const MAGIC = 0x31464c50; // "PLF1"
const VERSION = 1;
export const FOOTER_ROW_BYTES = 28;
const ROW_WORDS = 7;
export const FOOTER_ENTRY_BYTES = 8 + EXTENT_BYTES;
const PAGE_ENTRY_BYTES = 8;
const TRAILER_CRC_AT = SEGMENT_TRAILER_BYTES - 4;
const DELTA_MAX = 0xffff_ffff;

/** What has to be known to read a footer: kept by the manifest, found by the trailer. */
export interface FooterInfo {
  /** Of the first row in the file. */
  readonly position: number;
  readonly rowCount: number;
  /** Extents: partitions, one with several extents counted as often. */
  readonly partitionCount: number;
  /** Of directory and page table, whose checksums cover the rows: it binds all of the footer. */
  readonly directoryCrc: number;
}

/** The segment that a footer is about. */
export interface FooterSubject {
  readonly segmentId: number;
  readonly segmentBytes: number;
  readonly storeId: Uint8Array;
  /** Of its first block, and after its last one. Both 0 in an archive segment. */
  readonly firstLsn: number;
  readonly endLsn: number;
  /** Position after the last block or batch. */
  readonly blocksEnd: number;
}

/** The rows to be written. `BatchIndex` is one. */
export interface FooterSource {
  /** One for each extent, ascending: a partition with several extents comes as often. */
  partitions(): ArrayLike<number>;
  /** At least 1. `extent` is the place in `partitions`. */
  rowCountOf(partition: number, extent: number): number;
  /** Rows of one partition have rising offsets that do not overlap. */
  read(partition: number, n: number, target: BatchLocation, extent: number): void;
}

/**
 * Whether a batch can be a row beside one that begins at `firstOffset`: a rewrite that gathers a
 * partition from farther apart begins another segment.
 */
export function fitsFooter(firstOffset: number, baseOffset: number): boolean {
  return baseOffset - firstOffset <= DELTA_MAX;
}

/** An upper bound of the bytes from the page boundary after the blocks to the end of the file. */
export function footerBytes(rowCount: number, partitionCount: number): number {
  const content = rowCount * FOOTER_ROW_BYTES + directoryBytes(rowCount, partitionCount);
  return toPage(content) + SEGMENT_TRAILER_BYTES;
}

export function directoryPosition(info: FooterInfo): number {
  return info.position + info.rowCount * FOOTER_ROW_BYTES;
}

/** Of directory and page table together. */
export function directoryBytes(rowCount: number, partitionCount: number): number {
  return partitionCount * FOOTER_ENTRY_BYTES + pageCountOf(rowCount) * PAGE_ENTRY_BYTES;
}

export function rowPagePosition(info: FooterInfo, page: number): number {
  return info.position + page * FOOTER_PAGE_ROWS * FOOTER_ROW_BYTES;
}

export function rowPageBytes(info: FooterInfo, page: number): number {
  return Math.min(FOOTER_PAGE_ROWS, info.rowCount - page * FOOTER_PAGE_ROWS) * FOOTER_ROW_BYTES;
}

function pageCountOf(rowCount: number): number {
  return Math.ceil(rowCount / FOOTER_PAGE_ROWS);
}

function toPage(position: number): number {
  return Math.ceil(position / PAGE_BYTES) * PAGE_BYTES;
}

/**
 * Makes a footer in slices: `next` until it gives null, each slice written after the one before
 * from `position` on; then `trailer` for the last page of the file. The source must not change.
 */
export class FooterBuilder {
  /** Where the first slice goes. */
  readonly position: number;
  /** Complete when `next` has given null. */
  readonly extents: SegmentExtents;
  readonly #subject: FooterSubject;
  readonly #source: FooterSource;
  readonly #rowStarts: Uint32Array;
  readonly #pageFirstDeltas: Uint32Array;
  readonly #pageCrcs: Uint32Array;
  readonly #rowCount: number;
  readonly #location = new BatchLocation();
  #row = 0;
  #entry = 0;
  #isIndexDone = false;
  #crc = 0;

  constructor(subject: FooterSubject, source: FooterSource) {
    const partitions = source.partitions();
    this.#subject = subject;
    this.#source = source;
    this.extents = new SegmentExtents(partitions.length);
    this.extents.partitions.set(partitions);
    this.#rowStarts = new Uint32Array(partitions.length + 1);
    let rowCount = 0;
    for (let i = 0; i < partitions.length; i++) {
      assert(i === 0 || partitions[i - 1]! <= partitions[i]!, 'partitions ascend');
      const count = source.rowCountOf(partitions[i]!, i);
      assert(count > 0, 'an extent has rows');
      rowCount += count;
      this.#rowStarts[i + 1] = rowCount;
    }
    this.#rowCount = rowCount;
    this.#pageFirstDeltas = new Uint32Array(pageCountOf(rowCount));
    this.#pageCrcs = new Uint32Array(pageCountOf(rowCount));
    this.position = toPage(subject.blocksEnd);
    const room = subject.segmentBytes - this.position;
    assert(footerBytes(rowCount, partitions.length) <= room, 'the writer kept room for the footer');
  }

  /** After `next` gave null. */
  get info(): FooterInfo {
    assert(this.#isIndexDone, 'a footer is complete');
    return {
      position: this.position,
      rowCount: this.#rowCount,
      partitionCount: this.extents.count,
      directoryCrc: this.#crc,
    };
  }

  /** The next slice, of about `budgetRows` rows or directory entries. It belongs to the caller. */
  next(budgetRows: number): Uint8Array | null {
    if (this.#row < this.#rowCount) return this.#nextRows(budgetRows);
    if (this.#entry < this.extents.count) return this.#nextEntries(budgetRows);
    if (this.#isIndexDone) return null;
    this.#isIndexDone = true;
    return this.#rowCount === 0 ? null : this.#pageTable();
  }

  /** The last page of the file; written when all slices are. */
  trailer(): Uint8Array {
    return encodeTrailer(this.#subject, this.info);
  }

  /** Whole pages, so that each page's checksum is taken at once. */
  #nextRows(budgetRows: number): Uint8Array {
    const pages = Math.max(1, Math.floor(budgetRows / FOOTER_PAGE_ROWS));
    const count = Math.min(pages * FOOTER_PAGE_ROWS, this.#rowCount - this.#row);
    const slice = new Uint8Array(count * FOOTER_ROW_BYTES);
    const view = viewOf(slice);
    for (let start = 0; start < count; start += FOOTER_PAGE_ROWS) {
      const end = Math.min(start + FOOTER_PAGE_ROWS, count);
      const page = this.#row / FOOTER_PAGE_ROWS;
      for (let i = start; i < end; i++) this.#writeRow(view, i * FOOTER_ROW_BYTES);
      this.#pageFirstDeltas[page] = view.getUint32(start * FOOTER_ROW_BYTES + 8, true);
      this.#pageCrcs[page] = crc32c(slice, start * FOOTER_ROW_BYTES, end * FOOTER_ROW_BYTES);
    }
    return slice;
  }

  // HOT: 370 000 rows in a segment of small batches.
  #writeRow(view: DataView, at: number): void {
    const row = this.#row++;
    const location = this.#location;
    if (this.#rowStarts[this.#entry + 1]! <= row) this.#entry++;
    const entry = this.#entry;
    const n = row - this.#rowStarts[entry]!;
    this.#source.read(this.extents.partitions[entry]!, n, location, entry);
    this.#account(entry, row === this.#rowStarts[entry], location);
    view.setUint32(at, location.position, true);
    view.setUint32(at + 4, location.size, true);
    view.setUint32(at + 8, location.baseOffset - this.extents.firstOffsets[entry]!, true);
    view.setUint32(at + 12, location.lastOffset - location.baseOffset, true);
    view.setUint32(at + 16, location.leaderEpoch, true);
    writeInt64LittleEndian(view, at + 20, location.maxTimestamp);
    // Entries are counted again when the directory is written.
    if (this.#row === this.#rowCount) this.#entry = 0;
  }

  // HOT
  #account(entry: number, isFirst: boolean, location: BatchLocation): void {
    const { extents } = this;
    const { baseOffset, lastOffset, leaderEpoch, maxTimestamp } = location;
    assert(location.position >= SEGMENT_HEADER_BYTES, 'a batch lies after the header');
    assert(location.position + location.size <= this.#subject.blocksEnd, 'a batch lies in a block');
    assert(lastOffset >= baseOffset, 'a batch has records');
    assert(lastOffset - baseOffset <= DELTA_MAX, 'a batch spans less than 2^32 offsets');
    if (isFirst) {
      assert(this.#followsExtent(entry, baseOffset), 'the extents of a partition rise');
      extents.firstOffsets[entry] = baseOffset;
      extents.bytes[entry] = location.size;
      extents.maxTimestamps[entry] = maxTimestamp;
      extents.minEpochs[entry] = leaderEpoch;
      extents.maxEpochs[entry] = leaderEpoch;
    } else {
      assert(baseOffset > extents.lastOffsets[entry]!, 'the offsets of a partition rise');
      assert(fitsFooter(extents.firstOffsets[entry]!, baseOffset), 'offsets lie close together');
      extents.bytes[entry]! += location.size;
      if (maxTimestamp > extents.maxTimestamps[entry]!) extents.maxTimestamps[entry] = maxTimestamp;
      if (leaderEpoch < extents.minEpochs[entry]!) extents.minEpochs[entry] = leaderEpoch;
      if (leaderEpoch > extents.maxEpochs[entry]!) extents.maxEpochs[entry] = leaderEpoch;
    }
    extents.lastOffsets[entry] = lastOffset;
  }

  #followsExtent(entry: number, baseOffset: number): boolean {
    const { partitions, lastOffsets } = this.extents;
    const isOfSame = entry > 0 && partitions[entry - 1] === partitions[entry];
    return !isOfSame || lastOffsets[entry - 1]! < baseOffset;
  }

  #nextEntries(budget: number): Uint8Array {
    const count = Math.min(Math.max(1, budget), this.extents.count - this.#entry);
    const slice = new Uint8Array(count * FOOTER_ENTRY_BYTES);
    const view = viewOf(slice);
    for (let at = 0; at < slice.length; at += FOOTER_ENTRY_BYTES) {
      const entry = this.#entry++;
      const start = this.#rowStarts[entry]!;
      view.setUint32(at, start, true);
      view.setUint32(at + 4, this.#rowStarts[entry + 1]! - start, true);
      writeExtent(view, at + 8, this.extents, entry);
    }
    this.#crc = crc32c(slice, 0, slice.length, this.#crc);
    return slice;
  }

  #pageTable(): Uint8Array {
    const slice = new Uint8Array(this.#pageCrcs.length * PAGE_ENTRY_BYTES);
    const view = viewOf(slice);
    for (let page = 0; page < this.#pageCrcs.length; page++) {
      view.setUint32(page * PAGE_ENTRY_BYTES, this.#pageFirstDeltas[page]!, true);
      view.setUint32(page * PAGE_ENTRY_BYTES + 4, this.#pageCrcs[page]!, true);
    }
    this.#crc = crc32c(slice, 0, slice.length, this.#crc);
    return slice;
  }
}

function encodeTrailer(subject: FooterSubject, info: FooterInfo): Uint8Array {
  assert(subject.storeId.length === 16, 'a store id has 16 bytes');
  const page = new Uint8Array(SEGMENT_TRAILER_BYTES);
  const view = viewOf(page);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint32(8, subject.segmentId, true);
  page.set(subject.storeId, 16);
  writeInt64LittleEndian(view, 32, subject.firstLsn);
  writeInt64LittleEndian(view, 40, subject.endLsn);
  view.setUint32(48, subject.blocksEnd, true);
  view.setUint32(52, info.position, true);
  view.setUint32(56, info.rowCount, true);
  view.setUint32(60, info.partitionCount, true);
  view.setUint32(64, info.directoryCrc, true);
  view.setUint32(TRAILER_CRC_AT, crc32c(page, 0, TRAILER_CRC_AT), true);
  return page;
}

export interface FooterTrailer {
  readonly firstLsn: number;
  readonly endLsn: number;
  readonly blocksEnd: number;
  readonly footer: FooterInfo;
}

/**
 * `absent`: the page is none; `stale`: it is from the file's earlier life or another data folder;
 * `newer`: of a later version; `damaged`: it was one.
 */
export type TrailerFault = 'absent' | 'stale' | 'newer' | 'damaged';

/** Reads the last page of the file of segment `segmentId`. */
export function decodeTrailer(
  page: Uint8Array,
  expected: Pick<FooterSubject, 'segmentId' | 'segmentBytes' | 'storeId'>,
): FooterTrailer | TrailerFault {
  if (page.length !== SEGMENT_TRAILER_BYTES) return 'absent';
  const view = viewOf(page);
  if (view.getUint32(0, true) !== MAGIC) return 'absent';
  if (view.getUint32(TRAILER_CRC_AT, true) !== crc32c(page, 0, TRAILER_CRC_AT)) return 'damaged';
  if (view.getUint32(8, true) !== expected.segmentId) return 'stale';
  if (!equalBytes(page.subarray(16, 32), expected.storeId)) return 'stale';
  if (view.getUint16(4, true) !== VERSION) return 'newer';
  const trailer = {
    firstLsn: readInt64LittleEndian(view, 32),
    endLsn: readInt64LittleEndian(view, 40),
    blocksEnd: view.getUint32(48, true),
    footer: {
      position: view.getUint32(52, true),
      rowCount: view.getUint32(56, true),
      partitionCount: view.getUint32(60, true),
      directoryCrc: view.getUint32(64, true),
    },
  };
  const { firstLsn, endLsn, blocksEnd, footer } = trailer;
  const isSound =
    firstLsn >= 0 &&
    endLsn >= firstLsn &&
    isExact(endLsn) &&
    isPlausibleFooter(footer, blocksEnd, expected.segmentBytes);
  return isSound ? trailer : 'damaged';
}

/** Whether a footer described so lies between the blocks and the trailer. */
export function isPlausibleFooter(
  info: FooterInfo,
  blocksEnd: number,
  segmentBytes: number,
): boolean {
  const end = directoryPosition(info) + directoryBytes(info.rowCount, info.partitionCount);
  return (
    blocksEnd >= SEGMENT_HEADER_BYTES &&
    info.position === toPage(blocksEnd) &&
    info.partitionCount <= info.rowCount &&
    (info.rowCount === 0) === (info.partitionCount === 0) &&
    end <= segmentBytes - SEGMENT_TRAILER_BYTES
  );
}

/** What a segment holds of each partition, and which page of rows an offset is in. */
export class FooterDirectory {
  readonly info: FooterInfo;
  readonly extents: SegmentExtents;
  /** The rows of extent i are [rowStarts[i], rowStarts[i + 1]). */
  readonly rowStarts: Uint32Array;
  readonly pageFirstDeltas: Uint32Array;
  readonly pageCrcs: Uint32Array;

  constructor(info: FooterInfo) {
    this.info = info;
    this.extents = new SegmentExtents(info.partitionCount);
    this.rowStarts = new Uint32Array(info.partitionCount + 1);
    this.pageFirstDeltas = new Uint32Array(pageCountOf(info.rowCount));
    this.pageCrcs = new Uint32Array(pageCountOf(info.rowCount));
  }

  /** Memory held. */
  get bytes(): number {
    const { rowCount, partitionCount } = this.info;
    return directoryBytes(rowCount, partitionCount) + 4;
  }

  /**
   * The page with the last row of the `index`-th extent whose base offset is at most `offset`,
   * or with its first row when there is none.
   */
  // HOT, per cold read.
  pageOf(index: number, offset: number): number {
    const delta = offset - this.extents.firstOffsets[index]!;
    let low = Math.floor(this.rowStarts[index]! / FOOTER_PAGE_ROWS);
    let high = Math.floor((this.rowStarts[index + 1]! - 1) / FOOTER_PAGE_ROWS);
    // The first page may begin in another extent; the later ones begin in this one.
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.pageFirstDeltas[middle]! <= delta) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * Reads directory and page table from `bytes`, which were read from `path` at
 * `directoryPosition(info)`.
 * @throws BrokerError storage_damaged
 */
export function decodeDirectory(
  bytes: Uint8Array,
  info: FooterInfo,
  path: string,
): FooterDirectory {
  const { rowCount, partitionCount } = info;
  const position = directoryPosition(info);
  if (bytes.length !== directoryBytes(rowCount, partitionCount)) {
    throw storageDamaged(path, position, 'the file ends inside the footer directory');
  }
  if (crc32c(bytes, 0, bytes.length) !== info.directoryCrc) {
    throw storageDamaged(path, position, 'the checksum of the footer directory is wrong');
  }
  const view = viewOf(bytes);
  const directory = new FooterDirectory(info);
  const { rowStarts, extents } = directory;
  let at = 0;
  for (let i = 0; i < partitionCount; i++, at += FOOTER_ENTRY_BYTES) {
    const count = view.getUint32(at + 4, true);
    const isInPlace = view.getUint32(at, true) === rowStarts[i] && count > 0;
    if (!isInPlace || !readExtent(view, at + 8, extents, i) || rowStarts[i]! + count > rowCount) {
      throw storageDamaged(path, position + at, 'a footer directory entry makes no sense');
    }
    rowStarts[i + 1] = rowStarts[i]! + count;
  }
  if (rowStarts[partitionCount] !== rowCount) {
    throw storageDamaged(path, position, 'the footer directory does not cover all rows');
  }
  for (let page = 0; page < directory.pageCrcs.length; page++, at += PAGE_ENTRY_BYTES) {
    directory.pageFirstDeltas[page] = view.getUint32(at, true);
    directory.pageCrcs[page] = view.getUint32(at + 4, true);
  }
  return directory;
}

/** Up to 512 rows in memory, of one or more partitions. */
export class RowPage {
  readonly directory: FooterDirectory;
  /** Of the page, counted over the whole footer. */
  readonly firstRow: number;
  /** 7 words a row, as in the file. */
  readonly words: Uint32Array;

  constructor(directory: FooterDirectory, firstRow: number, words: Uint32Array) {
    this.directory = directory;
    this.firstRow = firstRow;
    this.words = words;
  }

  /** The row after the last one. */
  get endRow(): number {
    return this.firstRow + this.words.length / ROW_WORDS;
  }

  /**
   * In [rowStart, rowEnd), rows of one extent on this page: the first that ends at or after
   * `delta`, or `rowEnd`.
   */
  // HOT, per cold read.
  find(rowStart: number, rowEnd: number, delta: number): number {
    const { words } = this;
    let low = rowStart;
    let high = rowEnd;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = (middle - this.firstRow) * ROW_WORDS;
      if (words[at + 2]! + words[at + 3]! < delta) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Reads `row`, which belongs to the `index`-th extent, into `target` but for its segment id. */
  // HOT, per batch read.
  read(row: number, index: number, target: BatchLocation): void {
    assert(row >= this.firstRow && row < this.endRow, 'the row lies in its page');
    const { words } = this;
    const at = (row - this.firstRow) * ROW_WORDS;
    target.position = words[at]!;
    target.size = words[at + 1]!;
    target.baseOffset = this.directory.extents.firstOffsets[index]! + words[at + 2]!;
    target.lastOffset = target.baseOffset + words[at + 3]!;
    target.leaderEpoch = words[at + 4]!;
    target.maxTimestamp = (words[at + 6]! | 0) * 0x1_0000_0000 + words[at + 5]!;
  }
}

/**
 * Reads page `page` of the rows from `bytes`, which were read from `path` at `rowPagePosition`.
 * @throws BrokerError storage_damaged
 */
export function decodeRowPage(
  bytes: Uint8Array,
  directory: FooterDirectory,
  page: number,
  path: string,
): RowPage {
  const { info } = directory;
  const position = rowPagePosition(info, page);
  if (bytes.length !== rowPageBytes(info, page)) {
    throw storageDamaged(path, position, 'the file ends inside a footer');
  }
  if (crc32c(bytes, 0, bytes.length) !== directory.pageCrcs[page]) {
    throw storageDamaged(path, position, 'the checksum of a page of footer rows is wrong');
  }
  const view = viewOf(bytes);
  const words = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(i * 4, true);
  for (let at = 0; at < words.length; at += ROW_WORDS) {
    const start = words[at]!;
    if (start < SEGMENT_HEADER_BYTES || start + words[at + 1]! > info.position) {
      throw storageDamaged(path, position + at * 4, 'a footer row points outside of the blocks');
    }
  }
  return new RowPage(directory, page * FOOTER_PAGE_ROWS, words);
}
