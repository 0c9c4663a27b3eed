/**
 * A stretch of a partition, read and taken apart: the bytes, and where each record lies in them.
 *
 * Owns: the table of record positions, finding an offset in it. Leaves: reading and decoding to
 * record-source.ts.
 *
 * It covers the offsets [first, end): what has no row in the table does not exist. `bytes` are whole
 * batches as stored, or the decoded records of one compressed batch. Rows are in offset order.
 */

import { lowerBound } from '../../kernel/grow.ts';
import { type RecordCursor, recordFault } from '../../record/records.ts';

const emptyBytes = new Uint8Array(0);
/** Numbers in a row of `table`. */
const stride = 8;
const initialRows = 64;

const keyStart = 0;
const keyLength = 1;
const valueStart = 2;
const valueLength = 3;
const headersStart = 4;
const headerCount = 5;
const recordEnd = 6;

export class RecordWindow {
  /** -1: in nobody's cache; everything else is meaningless then. */
  partitionId = -1;
  first = 0;
  end = 0;
  /** Rows. */
  count = 0;
  bytes: Uint8Array = emptyBytes;
  /** Bytes in use, from the start. */
  length = 0;
  /** More may be read behind `length`. */
  isOpen = false;
  /** `bytes` belongs to this window alone and may be used for another. */
  isSoleOwner = true;
  /** In the list of all windows, by last use. */
  newer: RecordWindow | null = null;
  older: RecordWindow | null = null;
  offsets: Float64Array = new Float64Array(initialRows);
  timestamps: Float64Array = new Float64Array(initialRows);
  private table = new Int32Array(initialRows * stride);

  /** What it costs. */
  get memory(): number {
    return this.bytes.length + this.offsets.length * (16 + 4 * stride);
  }

  // HOT
  covers(partitionId: number, offset: number): boolean {
    return this.partitionId === partitionId && this.first <= offset && offset < this.end;
  }

  /** The row of `offset` or, if it does not exist, of the next one; `count` behind the last. */
  // HOT: `hint` is right when records are taken one after the other.
  rowAt(offset: number, hint: number): number {
    if (hint < this.count && this.offsets[hint] === offset) return hint;
    return lowerBound(this.offsets, this.count, offset);
  }

  /**
   * Adds a row for every record that `cursor` has been reset to; false when they are damaged, with
   * the rows before that kept. `appendTime` is their timestamp if it is not negative.
   */
  // HOT
  addRecords(
    cursor: RecordCursor,
    baseOffset: number,
    baseTimestamp: number,
    appendTime: number,
  ): boolean {
    while (cursor.next()) {
      if (this.count === this.offsets.length) this.growTable();
      const row = this.count++;
      this.offsets[row] = baseOffset + cursor.offsetDelta;
      this.timestamps[row] = appendTime >= 0 ? appendTime : baseTimestamp + cursor.timestampDelta;
      const { table } = this;
      const at = row * stride;
      table[at + keyStart] = cursor.keyStart;
      table[at + keyLength] = cursor.keyLength;
      table[at + valueStart] = cursor.valueStart;
      table[at + valueLength] = cursor.valueLength;
      table[at + headersStart] = cursor.headersStart;
      table[at + headerCount] = cursor.headerCount;
      table[at + recordEnd] = cursor.recordEnd;
    }
    return cursor.fault === recordFault.none;
  }

  keyStart(row: number): number {
    return this.table[row * stride + keyStart]!;
  }

  keyLength(row: number): number {
    return this.table[row * stride + keyLength]!;
  }

  valueStart(row: number): number {
    return this.table[row * stride + valueStart]!;
  }

  valueLength(row: number): number {
    return this.table[row * stride + valueLength]!;
  }

  headersStart(row: number): number {
    return this.table[row * stride + headersStart]!;
  }

  headerCount(row: number): number {
    return this.table[row * stride + headerCount]!;
  }

  recordEnd(row: number): number {
    return this.table[row * stride + recordEnd]!;
  }

  /** Forgets everything but the memory of the table. */
  reset(): void {
    this.partitionId = -1;
    this.count = 0;
    this.bytes = emptyBytes;
    this.length = 0;
    this.isOpen = false;
    this.isSoleOwner = true;
  }

  private growTable(): void {
    const rows = this.offsets.length * 2;
    const offsets = new Float64Array(rows);
    offsets.set(this.offsets);
    this.offsets = offsets;
    const timestamps = new Float64Array(rows);
    timestamps.set(this.timestamps);
    this.timestamps = timestamps;
    const table = new Int32Array(rows * stride);
    table.set(this.table);
    this.table = table;
  }
}
