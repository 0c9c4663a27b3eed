/**
 * A segment that is rewritten: its footer, row after row.
 *
 * Owns: reading directory and pages past the cache that readers share, the place among the rows.
 * Leaves: which rows are kept to `rewrite-plan.ts`, batches to `rewrite-copy.ts`.
 */
import { assert } from '../kernel/assert.ts';
import { bitmapSet, bitmapTest } from '../kernel/bitmap.ts';
import { BrokerError } from '../kernel/errors.ts';
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
import type { Stoppable } from './rewrite-slices.ts';
import type { Segment } from './segment.ts';
import { storageFailed } from './storage-fault.ts';

/** No two batches begin in the same slot of a file: a batch header alone is longer. */
const SLOT_BYTES = 32;

export type SourceDone = (fault: BrokerError | null) => void;

export class RewriteSource {
  readonly segment: Segment;
  /** The batch of the row at hand, meaningful while there is one. */
  readonly location = new BatchLocation();
  /** Its extent, counted over the footer. */
  extent = 0;
  /** What is kept: bytes, a shared batch counted once, and rows, in so many extents. */
  keptBytes = 0;
  keptRows = 0;
  keptExtents = 0;
  readonly #owner: Stoppable;
  readonly #info: FooterInfo;
  #directory: FooterDirectory | null = null;
  #page: RowPage | null = null;
  #row = 0;
  /** The extent of the last row that is kept. */
  #keptExtent = -1;
  /** By slot: batches that one kept row names, and that more than one names. */
  readonly #seen: Uint32Array;
  readonly #shared: Uint32Array;

  constructor(segment: Segment, owner: Stoppable) {
    assert(segment.footer !== null, 'a segment is rewritten once it is sealed');
    this.segment = segment;
    this.#owner = owner;
    this.#info = segment.footer;
    const words = Math.ceil(segment.bytes / SLOT_BYTES / 32);
    this.#seen = new Uint32Array(words);
    this.#shared = new Uint32Array(words);
  }

  /** Reads the directory. */
  open(done: SourceDone): void {
    const info = this.#info;
    const length = directoryBytes(info.rowCount, info.partitionCount);
    this.#read(directoryPosition(info), length, done, (bytes) => {
      this.#directory = decodeDirectory(bytes, info, this.segment.file.path);
    });
  }

  get isAtEnd(): boolean {
    return this.#row === this.#info.rowCount;
  }

  /** Whether `loadPage` must be called before the row at hand can be looked at. */
  get needsPage(): boolean {
    return !this.isAtEnd && (this.#page === null || this.#row >= this.#page.endRow);
  }

  loadPage(done: SourceDone): void {
    const info = this.#info;
    const directory = this.#directory;
    assert(directory !== null, 'the directory is read first');
    const page = Math.floor(this.#row / FOOTER_PAGE_ROWS);
    this.#read(rowPagePosition(info, page), rowPageBytes(info, page), done, (bytes) => {
      this.#page = decodeRowPage(bytes, directory, page, this.segment.file.path);
      this.#settle();
    });
  }

  /** Of the row at hand. */
  get partition(): number {
    return this.#directory?.extents.partitions[this.extent] ?? 0;
  }

  /** The last offset of the extent at hand. */
  get extentLastOffset(): number {
    return this.#directory?.extents.lastOffsets[this.extent] ?? 0;
  }

  // HOT
  advance(): void {
    this.#row += 1;
    if (!this.isAtEnd && !this.needsPage) this.#settle();
  }

  /** Goes on behind the extent at hand. */
  skipExtent(): void {
    this.#row = this.#directory?.rowStarts[this.extent + 1] ?? this.#info.rowCount;
    if (!this.isAtEnd && !this.needsPage) this.#settle();
  }

  /** The row at hand is kept. */
  keep(): void {
    const slot = Math.floor(this.location.position / SLOT_BYTES);
    if (bitmapSet(this.#seen, slot)) this.keptBytes += this.location.size;
    else bitmapSet(this.#shared, slot);
    this.keptRows += 1;
    if (this.extent !== this.#keptExtent) this.keptExtents += 1;
    this.#keptExtent = this.extent;
  }

  /** Whether more than one kept row names the batch at `position`. */
  isShared(position: number): boolean {
    return bitmapTest(this.#shared, Math.floor(position / SLOT_BYTES));
  }

  // HOT
  #settle(): void {
    const directory = this.#directory;
    assert(directory !== null && this.#page !== null, 'the row at hand is in memory');
    while (directory.rowStarts[this.extent + 1]! <= this.#row) this.extent += 1;
    this.#page.read(this.#row, this.extent, this.location);
  }

  #read(
    position: number,
    length: number,
    done: SourceDone,
    decode: (bytes: Uint8Array) => void,
  ): void {
    const bytes = new Uint8Array(length);
    this.segment.file.read(bytes, 0, length, position, (error, count) => {
      if (this.#owner.isStopped) return;
      if (error !== null) return done(storageFailed(error));
      try {
        decode(bytes.subarray(0, count));
      } catch (fault) {
        if (!(fault instanceof BrokerError)) throw fault;
        return done(fault);
      }
      done(null);
    });
  }
}
