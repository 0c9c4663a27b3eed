/**
 * Scanning: reading blocks back from a segment, one after the other.
 *
 * Owns: the buffer that blocks are read through, the check of each block, the walk over its entries.
 * Leaves: what the end of the chain means to recovery.
 */
import { viewOf } from '../kernel/bytes.ts';
import type { DiskFile } from '../kernel/ports.ts';
import {
  BLOCK_HEADER_BYTES,
  BlockView,
  checkBlock,
  pageAlign,
  readBlockHeader,
  readEntry,
} from './block.ts';
import { AppendView, EntryKind, EntryView, readAppend } from './entry.ts';
import { BLOCK_BYTES_MAX, PAGE_BYTES } from './limits.ts';

const READ_BYTES = 1024 * 1024;
const NONE: readonly number[] = [];

/** What a segment must offer to be scanned. */
export interface ScannedSegment {
  readonly id: number;
  readonly bytes: number;
  readonly file: DiskFile;
}

export class BlockScanner {
  readonly block = new BlockView();
  readonly entry = new EntryView();
  readonly append = new AppendView();
  #bytes = new Uint8Array(READ_BYTES + PAGE_BYTES);
  #view = viewOf(this.#bytes);
  #segmentId = -1;
  /** File position of the buffer's first byte, and how many bytes are in it. */
  #start = 0;
  #length = 0;
  /** Where the current block begins in the buffer. */
  #at = 0;

  /** Forgets buffered bytes: the file has changed. */
  reset(): void {
    this.#segmentId = -1;
  }

  /** Reads and checks the block at `position`; false when no whole, sound block of its LSN is there. */
  readBlock(segment: ScannedSegment, position: number): boolean {
    const limit = segment.bytes - position;
    if (limit < PAGE_BYTES || !this.#hold(segment, position, PAGE_BYTES)) return false;
    const lsn = segment.id * segment.bytes + position;
    const most = Math.min(limit, BLOCK_BYTES_MAX + segment.bytes);
    if (!readBlockHeader(this.#view, this.#at, lsn, most, this.block)) return false;
    if (!this.#hold(segment, position, this.block.length)) return false;
    return checkBlock(this.#bytes, this.#view, this.#at, this.block, this.entry, this.append);
  }

  /** Whether a block header with its own LSN is at `position`, sound or not. */
  hasHeader(segment: ScannedSegment, position: number): boolean {
    if (segment.bytes - position < PAGE_BYTES) return false;
    if (!this.#hold(segment, position, PAGE_BYTES)) return false;
    const lsn = segment.id * segment.bytes + position;
    return readBlockHeader(this.#view, this.#at, lsn, segment.bytes - position, this.block);
  }

  /** Makes file bytes [position, position + length) available at `#at`. */
  #hold(segment: ScannedSegment, position: number, length: number): boolean {
    const inside = position - this.#start;
    if (this.#segmentId === segment.id && inside >= 0 && inside + length <= this.#length) {
      this.#at = inside;
      return true;
    }
    const want = Math.min(Math.max(pageAlign(length), READ_BYTES), segment.bytes - position);
    if (this.#bytes.length < want) {
      this.#bytes = new Uint8Array(want);
      this.#view = viewOf(this.#bytes);
    }
    this.#segmentId = segment.id;
    this.#start = position;
    this.#at = 0;
    this.#length = segment.file.readSync(this.#bytes, 0, want, position);
    return this.#length >= length;
  }

  /**
   * Makes the block at `position` the current one although some of its batches are damaged; `onBadBatch`
   * gets the file positions of their entries.
   * @returns false when the block's own checksum does not match.
   */
  readDamaged(
    segment: ScannedSegment,
    position: number,
    onBadBatch: (entryAt: number) => void = ignore,
  ): boolean {
    if (!this.hasHeader(segment, position)) return false;
    if (!this.#hold(segment, position, this.block.length)) return false;
    const { block, entry, append } = this;
    const base = this.#at;
    return checkBlock(this.#bytes, this.#view, base, block, entry, append, (at) =>
      onBadBatch(position + at - base),
    );
  }

  /**
   * Visits the entries of the block that was just read, but those at the file positions `left out`.
   * Views are borrowed.
   */
  entries(
    segmentId: number,
    onEntry: (entry: EntryView) => void,
    onAppend: (append: AppendView) => void,
    leftOut: readonly number[] = NONE,
  ): void {
    const { block, entry, append } = this;
    const base = this.#at;
    const end = base + block.length;
    const filePosition = this.#start + base;
    entry.time = block.time;
    entry.epoch = block.epoch;
    let at = base + BLOCK_HEADER_BYTES;
    for (let i = 0; i < block.entryCount; i++) {
      const next = readEntry(this.#bytes, this.#view, at, end, entry);
      entry.lsn = block.lsn + (at - base);
      if (leftOut.length > 0 && leftOut.includes(filePosition + at - base)) {
        at = next;
        continue;
      }
      if (entry.kind === EntryKind.append) {
        readAppend(entry, append);
        append.segmentId = segmentId;
        append.position = filePosition + (append.batchStart - base);
        onAppend(append);
      } else {
        onEntry(entry);
      }
      at = next;
    }
  }
}

function ignore(): void {}
