/**
 * Blocks: the atomic writes of the journal.
 *
 * Owns: the block header, the buffer in which a block is built, the check of a block read back.
 * Leaves: where blocks go and when they are durable to the pipeline.
 *
 * Little-endian; a block begins on a 4096-byte boundary of its segment and is padded to one.
 *
 *   off  size  field
 *   0    4     magic, "PLB1"
 *   4    2     version, 1
 *   6    2     flags: bit 0 clean shutdown, bit 1 first block of its epoch, bit 2 written for its own sake
 *   8    4     length in bytes: header and entries, padding left out
 *   12   4     crc32c (below)
 *   16   4     crc of the previous block in the chain, 0 for the first ever
 *   20   4     epoch: one incarnation of the leader
 *   24   8     LSN: the block's byte position in the journal
 *   32   8     durable LSN: everything below it was on stable storage when this was written
 *   40   8     the leader's wall time, Unix ms
 *   48   4     entry count
 *   52   12    reserved, 0
 *   64   …     entries (`entry.ts`)
 *
 * The crc covers, in this order: each entry (of an append, all up to the first 21 bytes of its batch;
 * the rest is under the batch's own CRC), then bytes 16…64 and 0…12 of the header. So every byte is
 * summed once, and an append is summed when it is made.
 *
 * Invariant: `durable LSN ≤ LSN`; LSN ≡ its position in the segment file (mod the segment size).
 */
import { assert } from '../kernel/assert.ts';
import { copyOf, readInt64LittleEndian, viewOf, writeInt64LittleEndian } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import type { Slab } from '../kernel/slab.ts';
import {
  batchCrc,
  batchHeaderBytes,
  batchSize,
  batchUnsummedBytes,
  setBatchBaseOffset,
  setBatchLeaderEpoch,
} from '../record/batch.ts';
import {
  APPEND_HEAD_BYTES,
  APPEND_TARGET_BYTES,
  type AppendView,
  ENTRY_HEADER_BYTES,
  EntryKind,
  type EntryView,
  readAppend,
} from './entry.ts';
import { BLOCK_BUFFER_BYTES, BLOCK_BYTES_MAX, PAGE_BYTES, REFERENCE_BYTES_MIN } from './limits.ts';

export const BLOCK_HEADER_BYTES = 64;
const MAGIC = 0x31424c50; // "PLB1"
const VERSION = 1;

export const BlockFlag = { clean: 1, epochBegin: 2, touch: 4 } as const;

const ZEROS = new Uint8Array(PAGE_BYTES);

/** Rounds up to the next page boundary. */
export function pageAlign(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** Bytes that an append entry takes in a block. */
export function appendEntryBytes(targetCount: number, batchBytes: number): number {
  return ENTRY_HEADER_BYTES + APPEND_HEAD_BYTES + targetCount * APPEND_TARGET_BYTES + batchBytes;
}

/**
 * A block under construction, then in flight, then a cache for readers at the tail. Reused.
 *
 * `length` counts the whole block; `used` only what lies in `bytes`. The difference is referenced
 * payload: `references[i]` belongs at buffer position `referenceAt[i]`.
 */
export class Block {
  readonly bytes: Uint8Array = new Uint8Array(new ArrayBuffer(BLOCK_BUFFER_BYTES + PAGE_BYTES));
  readonly view: DataView = viewOf(this.bytes);
  lsn = 0;
  /** The leader's wall time when the block was begun: what `apply` sees, live and at replay. */
  time = 0;
  segmentId = 0;
  /** Position in the segment file. */
  position = 0;
  length = BLOCK_HEADER_BYTES;
  used = BLOCK_HEADER_BYTES;
  entryCount = 0;
  flags = 0;
  crc = 0;
  #entriesCrc = 0;
  readonly references: Uint8Array[] = [];
  readonly referenceAt: number[] = [];
  readonly #slabs: Slab[] = [];

  begin(lsn: number, segmentId: number, position: number): void {
    assert(position % PAGE_BYTES === 0, 'blocks begin on page boundaries');
    assert(this.references.length === 0, 'a reused block holds no references');
    this.lsn = lsn;
    this.segmentId = segmentId;
    this.position = position;
    this.length = BLOCK_HEADER_BYTES;
    this.used = BLOCK_HEADER_BYTES;
    this.entryCount = 0;
    this.flags = 0;
    this.crc = 0;
    this.#entriesCrc = 0;
  }

  /** Bytes in the segment, padding included. */
  get paddedBytes(): number {
    return pageAlign(this.length);
  }

  /** Whether an entry of `bytes` fits; an empty block takes any entry up to the largest block. */
  hasRoom(bytes: number, referencedBytes: number): boolean {
    const copied = bytes - referencedBytes;
    return this.used + copied <= BLOCK_BUFFER_BYTES && this.length + bytes <= BLOCK_BYTES_MAX;
  }

  /**
   * Adds an entry with the body source[start, end).
   * @returns the entry's LSN.
   */
  putEntry(kind: number, source: Uint8Array, start: number, end: number): number {
    const lsn = this.lsn + this.length;
    const at = this.#putHeader(kind, end - start);
    this.bytes.set(source.subarray(start, end), at + ENTRY_HEADER_BYTES);
    const next = at + ENTRY_HEADER_BYTES + end - start;
    this.#entriesCrc = crc32c(this.bytes, at, next, this.#entriesCrc);
    this.#advance(next - at);
    return lsn;
  }

  /**
   * HOT, per batch. Adds an append entry: patches base offset and leader epoch into `source`, then copies the
   * batch, or references it when it is large, keeping `slab` until the block has been written.
   * @returns the position of the batch's first byte in the segment file.
   */
  putAppend(
    append: AppendView,
    epoch: number,
    source: Uint8Array,
    sourceView: DataView,
    start: number,
    end: number,
    slab: Slab | null,
  ): number {
    const batchBytes = end - start;
    const headBytes = APPEND_HEAD_BYTES + append.targetCount * APPEND_TARGET_BYTES;
    setBatchBaseOffset(sourceView, start, append.baseOffsets[0]!);
    setBatchLeaderEpoch(sourceView, start, epoch);
    const at = this.#putHeader(EntryKind.append, headBytes + batchBytes);
    this.#putTargets(at + ENTRY_HEADER_BYTES, append);
    const headEnd = at + ENTRY_HEADER_BYTES + headBytes;
    const batchAt = this.length + (headEnd - at);
    this.#entriesCrc = crc32c(this.bytes, at, headEnd, this.#entriesCrc);
    this.#entriesCrc = crc32c(source, start, start + batchUnsummedBytes, this.#entriesCrc);
    if (batchBytes >= REFERENCE_BYTES_MIN) {
      this.#advance(headEnd - at);
      this.#reference(source.subarray(start, end), slab);
    } else {
      this.bytes.set(source.subarray(start, end), headEnd);
      this.#advance(headEnd - at + batchBytes);
    }
    return this.position + batchAt;
  }

  #putHeader(kind: number, bodyBytes: number): number {
    const { view, used } = this;
    view.setUint32(used, kind, true);
    view.setUint32(used + 4, bodyBytes, true);
    this.entryCount += 1;
    return used;
  }

  #putTargets(at: number, append: AppendView): void {
    const { view } = this;
    view.setUint32(at, append.targetCount, true);
    view.setUint32(at + 4, 0, true);
    for (let i = 0; i < append.targetCount; i++) {
      const target = at + APPEND_HEAD_BYTES + i * APPEND_TARGET_BYTES;
      view.setUint32(target, append.partitions[i]!, true);
      writeInt64LittleEndian(view, target + 4, append.baseOffsets[i]!);
    }
  }

  #advance(bytes: number): void {
    this.used += bytes;
    this.length += bytes;
  }

  #reference(payload: Uint8Array, slab: Slab | null): void {
    if (slab !== null) {
      slab.retain();
      this.#slabs.push(slab);
    }
    this.references.push(slab === null ? copyOf(payload) : payload);
    this.referenceAt.push(this.used);
    this.length += payload.length;
  }

  /** Completes the header. What a sync will cover is fixed before the write: `durableLsn` is today's. */
  seal(epoch: number, previousCrc: number, durableLsn: number): void {
    const { view } = this;
    assert(durableLsn <= this.lsn, 'a block is not durable before it is written');
    view.setUint32(0, MAGIC, true);
    view.setUint16(4, VERSION, true);
    view.setUint16(6, this.flags, true);
    view.setUint32(8, this.length, true);
    view.setUint32(16, previousCrc, true);
    view.setUint32(20, epoch, true);
    writeInt64LittleEndian(view, 24, this.lsn);
    writeInt64LittleEndian(view, 32, durableLsn);
    writeInt64LittleEndian(view, 40, this.time);
    view.setUint32(48, this.entryCount, true);
    this.bytes.fill(0, 52, BLOCK_HEADER_BYTES);
    this.crc = headerCrc(this.bytes, 0, this.#entriesCrc);
    view.setUint32(12, this.crc, true);
  }

  /** Appends the parts to write, in order, padding included, to `parts`. */
  parts(parts: Uint8Array[]): void {
    let from = 0;
    for (let i = 0; i < this.references.length; i++) {
      const at = this.referenceAt[i] ?? 0;
      if (at > from) parts.push(this.bytes.subarray(from, at));
      parts.push(this.references[i] ?? ZEROS);
      from = at;
    }
    const padding = this.paddedBytes - this.length;
    if (padding <= PAGE_BYTES && this.used + padding <= this.bytes.length) {
      this.bytes.fill(0, this.used, this.used + padding);
      parts.push(this.bytes.subarray(from, this.used + padding));
      return;
    }
    if (this.used > from) parts.push(this.bytes.subarray(from, this.used));
    if (padding > 0) parts.push(ZEROS.subarray(0, padding));
  }

  /** After the write: the slabs go back, and what was copied stays for readers at the tail. */
  releaseReferences(): void {
    for (const slab of this.#slabs) slab.release();
    this.#slabs.length = 0;
    this.references.length = 0;
  }

  /**
   * Copies file bytes [position, position + length) to `target` if they lie in the copied part.
   * @returns false when they do not (referenced payload, or another block).
   */
  copyOut(position: number, length: number, target: Uint8Array, start: number): boolean {
    const offset = position - this.position;
    if (offset < 0 || offset + length > this.length || this.referenceAt.length > 0) return false;
    target.set(this.bytes.subarray(offset, offset + length), start);
    return true;
  }

  /** Forgets everything; nobody reads this block any more. */
  clear(): void {
    this.releaseReferences();
    this.referenceAt.length = 0;
    this.segmentId = 0;
    this.length = 0;
  }
}

function headerCrc(bytes: Uint8Array, start: number, entriesCrc: number): number {
  const crc = crc32c(bytes, start + 16, start + BLOCK_HEADER_BYTES, entriesCrc);
  return crc32c(bytes, start, start + 12, crc);
}

/** A block read back from a segment. Reused; `bytes` is borrowed from the reader's buffer. */
export class BlockView {
  lsn = 0;
  length = 0;
  flags = 0;
  crc = 0;
  previousCrc = 0;
  epoch = 0;
  durableLsn = 0;
  time = 0;
  entryCount = 0;
}

/**
 * Reads the header at `start` if it can be that of the block with `lsn`.
 * @returns false for zeros, another life's bytes, or a length that does not fit in `limitBytes`.
 */
export function readBlockHeader(
  view: DataView,
  start: number,
  lsn: number,
  limitBytes: number,
  target: BlockView,
): boolean {
  if (view.getUint32(start, true) !== MAGIC) return false;
  if (view.getUint16(start + 4, true) !== VERSION) return false;
  if (readInt64LittleEndian(view, start + 24) !== lsn) return false;
  const length = view.getUint32(start + 8, true);
  if (length < BLOCK_HEADER_BYTES || length > limitBytes) return false;
  target.lsn = lsn;
  target.length = length;
  target.flags = view.getUint16(start + 6, true);
  target.crc = view.getUint32(start + 12, true);
  target.previousCrc = view.getUint32(start + 16, true);
  target.epoch = view.getUint32(start + 20, true);
  target.durableLsn = readInt64LittleEndian(view, start + 32);
  target.time = readInt64LittleEndian(view, start + 40);
  target.entryCount = view.getUint32(start + 48, true);
  return target.durableLsn >= 0 && target.durableLsn <= lsn;
}

/**
 * Checks every byte of a block that lies whole at bytes[start, …): the chain's crc and each batch's.
 * With `onBadBatch`, which gets the position of the entry, a batch may be damaged.
 * @returns false when anything does not add up.
 */
export function checkBlock(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  block: BlockView,
  entry: EntryView,
  append: AppendView,
  onBadBatch: ((at: number) => void) | null = null,
): boolean {
  let crc = 0;
  let at = start + BLOCK_HEADER_BYTES;
  const end = start + block.length;
  for (let i = 0; i < block.entryCount; i++) {
    const next = readEntry(bytes, view, at, end, entry);
    if (next < 0) return false;
    let covered = next;
    if (entry.kind === EntryKind.append) {
      if (!readAppend(entry, append)) return false;
      covered = append.batchStart + batchUnsummedBytes;
      if (!checkBatch(bytes, view, append.batchStart, append.batchEnd)) {
        if (onBadBatch === null) return false;
        onBadBatch(at);
      }
    }
    crc = crc32c(bytes, at, covered, crc);
    at = next;
  }
  return at === end && headerCrc(bytes, start, crc) === block.crc;
}

/**
 * Reads the entry at `at`; `entry.lsn`, `time` and `epoch` are the caller's to set.
 * @returns the position after it, or -1 when it does not fit before `end`.
 */
export function readEntry(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  entry: EntryView,
): number {
  if (at + ENTRY_HEADER_BYTES > end) return -1;
  const length = view.getUint32(at + 4, true);
  const next = at + ENTRY_HEADER_BYTES + length;
  if (next > end) return -1;
  entry.kind = view.getUint8(at);
  entry.bytes = bytes;
  entry.view = view;
  entry.start = at + ENTRY_HEADER_BYTES;
  entry.end = next;
  return next;
}

/** Whether a stored batch has the length it says and the CRC it carries. */
export function checkBatch(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  if (end - start < batchHeaderBytes || batchSize(view, start) !== end - start) return false;
  return batchCrc(view, start) === crc32c(bytes, start + batchUnsummedBytes, end);
}
