/**
 * The footers of sealed segments as far as they are in use: a bounded cache that never blocks.
 *
 * Owns: directories and pages of rows in memory, the reads that bring them, the faults met.
 * Leaves: which segment to look in to the caller, who also pins it.
 *
 * An answer is there or it is not: null (or `loading`) means that a read has begun, and `whenLoaded`,
 * asked at once, tells when to ask again. A reader that asks again gets on: the directory and the
 * page loaded last are kept even if the limit is smaller than they are.
 *
 * Invariants: one read at a time for each directory or page; a damaged one stays damaged until its
 * segment is forgotten; a failed read is reported once and tried again when next asked for.
 */

import { LRUCache } from 'lru-cache';
import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { DiskError, DiskFile } from '../kernel/ports.ts';
import { BatchLocation } from './batch-index.ts';
import {
  decodeDirectory,
  decodeRowPage,
  directoryBytes,
  directoryPosition,
  FOOTER_PAGE_ROWS,
  type FooterDirectory,
  type FooterInfo,
  type RowPage,
  rowPageBytes,
  rowPagePosition,
} from './footer.ts';
import { storageFailed } from './storage-fault.ts';

export const FOOTER_CACHE_BYTES_DEFAULT = 16 * 1024 * 1024;
const FOOTER_CACHE_BYTES_MIN = 32 * 1024;
/** What an entry costs beside its rows. */
const ENTRY_OVERHEAD_BYTES = 256;
/** Keys of one segment: its directory, then its pages (75 000 in the largest). */
const KEYS_PER_SEGMENT = 2 ** 18;

/** A sealed segment as the cache needs it. Pinned by the caller from the question to the answer. */
export interface FooterSegment {
  readonly id: number;
  readonly file: DiskFile;
  readonly footer: FooterInfo | null;
}

/** `none`: the segment holds nothing of the partition from there on, after `next` of its extent. */
export type LocateStatus = 'found' | 'loading' | 'none';

/** A place among the rows of one partition in one segment. Reused; `locate` sets it. */
export class FooterCursor {
  /** The batch at the cursor; meaningful after `found`. */
  readonly location = new BatchLocation();
  /** Counted over the whole footer; -1 is nowhere. */
  row = -1;
  rowEnd = 0;
  /** The extent's place in the directory. */
  partitionIndex = 0;
  directory: FooterDirectory | null = null;
  page: RowPage | null = null;

  /** Lets go of what it points to. */
  clear(): void {
    this.row = -1;
    this.directory = null;
    this.page = null;
  }
}

class Load {
  readonly segment: FooterSegment;
  readonly info: FooterInfo;
  readonly waiters: (() => void)[] = [];
  /** Null while the directory itself is loaded; kept here so that it is there with its page. */
  readonly directory: FooterDirectory | null;
  readonly page: number;
  isForgotten = false;

  constructor(
    segment: FooterSegment,
    info: FooterInfo,
    directory: FooterDirectory | null,
    page: number,
  ) {
    this.segment = segment;
    this.info = info;
    this.directory = directory;
    this.page = page;
  }

  get key(): number {
    return this.directory === null
      ? directoryKey(this.segment.id)
      : pageKey(this.segment.id, this.page);
  }
}

export class FooterCache {
  readonly #entries: LRUCache<number, FooterDirectory | RowPage>;
  readonly #loads = new Map<number, Load>();
  readonly #faults = new Map<number, BrokerError>();
  /** The load behind the last null. */
  #awaited: Load | null = null;
  #recentDirectoryKey = -1;
  #recentDirectory: FooterDirectory | null = null;
  #recentPageKey = -1;
  #recentPage: RowPage | null = null;

  constructor(bytesMax = FOOTER_CACHE_BYTES_DEFAULT) {
    assert(bytesMax >= FOOTER_CACHE_BYTES_MIN, 'two pages of rows fit');
    this.#entries = new LRUCache({ maxSize: bytesMax, sizeCalculation: entryBytes });
  }

  /** Memory held, but for what was loaded last. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  /**
   * Null: it is being read, see `whenLoaded`.
   * @throws BrokerError storage_damaged, storage_failed
   */
  directory(segment: FooterSegment): FooterDirectory | null {
    const key = directoryKey(segment.id);
    if (this.#recentDirectoryKey === key) return this.#recentDirectory;
    const found = this.#entries.get(key);
    if (found !== undefined) {
      assert('pageCrcs' in found, 'a directory is under its key');
      return found;
    }
    this.#begin(key, segment, null, 0);
    return null;
  }

  /**
   * The `page`-th 512 rows of the footer. Null: being read, see `whenLoaded`.
   * @throws BrokerError storage_damaged, storage_failed
   */
  rowPage(segment: FooterSegment, directory: FooterDirectory, page: number): RowPage | null {
    const key = pageKey(segment.id, page);
    if (this.#recentPageKey === key) return this.#recentPage;
    const found = this.#entries.get(key);
    if (found !== undefined) {
      assert('words' in found, 'a page is under its key');
      return found;
    }
    this.#begin(key, segment, directory, page);
    return null;
  }

  /** Right after a null or `loading`: `callback` is called once, when asking again makes sense. */
  whenLoaded(callback: () => void): void {
    assert(this.#awaited !== null, 'a read was begun');
    this.#awaited.waiters.push(callback);
  }

  /**
   * Sets `cursor` to the batch of `partition` that holds `offset`, or to the first one after it.
   * @throws BrokerError storage_damaged, storage_failed
   */
  locate(
    segment: FooterSegment,
    partition: number,
    offset: number,
    cursor: FooterCursor,
  ): LocateStatus {
    cursor.clear();
    const directory = this.directory(segment);
    if (directory === null) return 'loading';
    const { extents, rowStarts } = directory;
    const index = extents.find(partition, offset);
    if (index < 0) return 'none';
    const pageNumber = directory.pageOf(index, offset);
    const page = this.rowPage(segment, directory, pageNumber);
    if (page === null) return 'loading';
    const rowEnd = rowStarts[index + 1]!;
    const start = Math.max(rowStarts[index]!, page.firstRow);
    const end = Math.min(rowEnd, page.endRow);
    const row = page.find(start, end, offset - extents.firstOffsets[index]!);
    if (row === end) {
      // `offset` lies in a gap that ends with the page; the next one begins behind it.
      assert(end < rowEnd, 'the last batch ends at or after the offset');
      const following = this.rowPage(segment, directory, pageNumber + 1);
      if (following === null) return 'loading';
      cursor.page = following;
    } else {
      cursor.page = page;
    }
    cursor.directory = directory;
    cursor.partitionIndex = index;
    cursor.rowEnd = rowEnd;
    this.#place(segment, cursor, row);
    return 'found';
  }

  /**
   * Moves `cursor` to the next batch of its extent; `loading` leaves it where it is.
   * @throws BrokerError storage_damaged, storage_failed
   */
  // HOT, per batch of a cold read.
  next(segment: FooterSegment, cursor: FooterCursor): LocateStatus {
    const { directory, page } = cursor;
    assert(directory !== null && page !== null, 'the cursor stands on a batch');
    const row = cursor.row + 1;
    if (row === cursor.rowEnd) return 'none';
    if (row === page.endRow) {
      const following = this.rowPage(segment, directory, row / FOOTER_PAGE_ROWS);
      if (following === null) return 'loading';
      cursor.page = following;
    }
    this.#place(segment, cursor, row);
    return 'found';
  }

  /** The segment is gone, or was repaired: its id is not asked for again, or with other bytes. */
  forget(segmentId: number): void {
    const first = directoryKey(segmentId);
    const isOf = (key: number) => key >= first && key < first + KEYS_PER_SEGMENT;
    for (const key of [...this.#entries.keys()]) if (isOf(key)) this.#entries.delete(key);
    for (const key of [...this.#faults.keys()]) if (isOf(key)) this.#faults.delete(key);
    for (const [key, load] of [...this.#loads]) {
      if (!isOf(key)) continue;
      load.isForgotten = true;
      this.#loads.delete(key);
    }
    if (isOf(this.#recentDirectoryKey)) this.#setRecentDirectory(-1, null);
    if (isOf(this.#recentPageKey)) this.#setRecentPage(-1, null);
  }

  #place(segment: FooterSegment, cursor: FooterCursor, row: number): void {
    assert(cursor.page !== null, 'the cursor has a page');
    cursor.row = row;
    cursor.page.read(row, cursor.partitionIndex, cursor.location);
    cursor.location.segmentId = segment.id;
  }

  #begin(
    key: number,
    segment: FooterSegment,
    directory: FooterDirectory | null,
    page: number,
  ): void {
    const fault = this.#faults.get(key);
    if (fault !== undefined) {
      if (fault.code !== 'storage_damaged') this.#faults.delete(key);
      throw fault;
    }
    let load = this.#loads.get(key);
    if (load === undefined) {
      assert(segment.footer !== null, 'the segment has a footer');
      load = new Load(segment, segment.footer, directory, page);
      this.#loads.set(key, load);
      this.#read(load);
    }
    this.#awaited = load;
  }

  #read(load: Load): void {
    const { info, page } = load;
    const isDirectory = load.directory === null;
    const position = isDirectory ? directoryPosition(info) : rowPagePosition(info, page);
    const length = isDirectory
      ? directoryBytes(info.rowCount, info.partitionCount)
      : rowPageBytes(info, page);
    const bytes = new Uint8Array(length);
    load.segment.file.read(bytes, 0, length, position, (error, count) => {
      this.#onRead(load, error, bytes.subarray(0, count));
    });
  }

  #onRead(load: Load, error: DiskError | null, bytes: Uint8Array): void {
    if (!load.isForgotten) {
      this.#loads.delete(load.key);
      this.#take(load, error, bytes);
    }
    if (this.#awaited === load) this.#awaited = null;
    for (const waiter of load.waiters) waiter();
  }

  #take(load: Load, error: DiskError | null, bytes: Uint8Array): void {
    const { key, segment, directory, page } = load;
    if (error !== null) {
      this.#faults.set(key, storageFailed(error));
      return;
    }
    try {
      if (directory === null) {
        const loaded = decodeDirectory(bytes, load.info, segment.file.path);
        this.#entries.set(key, loaded);
        this.#setRecentDirectory(key, loaded);
      } else {
        const loaded = decodeRowPage(bytes, directory, page, segment.file.path);
        this.#entries.set(key, loaded);
        this.#setRecentPage(key, loaded);
        this.#setRecentDirectory(directoryKey(segment.id), directory);
      }
    } catch (fault) {
      if (!(fault instanceof BrokerError)) throw fault;
      this.#faults.set(key, fault);
    }
  }

  #setRecentDirectory(key: number, directory: FooterDirectory | null): void {
    this.#recentDirectoryKey = key;
    this.#recentDirectory = directory;
  }

  #setRecentPage(key: number, page: RowPage | null): void {
    this.#recentPageKey = key;
    this.#recentPage = page;
  }
}

function directoryKey(segmentId: number): number {
  return segmentId * KEYS_PER_SEGMENT;
}

function pageKey(segmentId: number, page: number): number {
  assert(page + 1 < KEYS_PER_SEGMENT, 'a segment has fewer pages than keys');
  return segmentId * KEYS_PER_SEGMENT + 1 + page;
}

function entryBytes(entry: FooterDirectory | RowPage): number {
  return ENTRY_OVERHEAD_BYTES + ('words' in entry ? entry.words.byteLength : entry.bytes);
}
