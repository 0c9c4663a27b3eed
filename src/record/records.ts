/**
 * The records inside a batch, uncompressed.
 *
 * Owns: reading records and their headers in place, and the checks of a record section as a whole.
 * Leaves: the batch header to batch.ts, decompression to batch-reader.ts.
 *
 * A record, repeated as often as the batch header says, without gaps; z is a zigzag varint:
 *
 *     bytes  field
 *       z    length            bytes that follow this field
 *       1    attributes        0
 *       z    timestamp delta   ms, to the batch's base timestamp; up to 64 bits
 *       z    offset delta      to the batch's base offset; ascending
 *       z    key length        -1 null
 *       …    key
 *       z    value length      -1 null: a tombstone
 *       …    value
 *       z    header count
 *       …    headers
 *
 *     header: z key length (never null), key (UTF-8), z value length (-1 null), value
 *
 * The order of headers counts, and a key may come more than once.
 */

import { readZigzag, readZigzagLong, varint, varintShort } from '../kernel/varint.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** What is wrong with a record section. */
export const recordFault = {
  none: 0,
  /** The section ends inside a record. */
  truncated: 1,
  /** A length is negative, or the parts of a record do not add up to its length. */
  badLength: 2,
  /** An integer is not one, or is beyond 2^53. */
  badInteger: 3,
  /** Offset deltas do not ascend. */
  badOffset: 4,
  /** Bytes are left after the last record. */
  trailingBytes: 5,
} as const;

export type RecordFault = (typeof recordFault)[keyof typeof recordFault];

/** Attributes, two deltas, two lengths, a header count: no record is shorter. */
const recordBytesMin = 6;

/**
 * Walks over records in place: `while (cursor.next()) …`, then look at `fault`. One cursor is made
 * once and reset for each batch; it borrows `bytes` until the next reset. Every length is checked
 * before it is believed, so that hostile input ends with a fault and never with a throw.
 */
export class RecordCursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** Why `next` has stopped, if not for having read all. */
  fault: RecordFault = recordFault.none;
  /** The number of records read so far. */
  count = 0;

  // The current record. Positions are in `bytes`; a length is -1 for null.
  recordStart = 0;
  recordEnd = 0;
  timestampDelta = 0;
  offsetDelta = -1;
  keyStart = 0;
  keyLength = -1;
  valueStart = 0;
  valueLength = -1;
  headersStart = 0;
  headerCount = 0;

  private limit = 0;
  private end = 0;
  private at = 0;

  /** `count` records lie in [start, end). */
  reset(bytes: Uint8Array, start: number, end: number, count: number): void {
    this.bytes = bytes;
    this.fault = recordFault.none;
    this.count = 0;
    this.limit = count;
    this.end = end;
    this.at = start;
    this.recordEnd = start;
    this.offsetDelta = -1;
  }

  // HOT: 45 ns for a record without headers.
  next(): boolean {
    if (this.count === this.limit) {
      if (this.recordEnd !== this.end) this.stop(recordFault.trailingBytes);
      return false;
    }
    this.recordStart = this.recordEnd;
    const length = readZigzag(this.bytes, this.recordStart, this.end);
    if (varint.end < 0) return this.stopAtVarint();
    if (length < recordBytesMin) return this.stop(recordFault.badLength);
    // Compared this way around, the sum cannot overflow.
    if (length > this.end - varint.end) return this.stop(recordFault.truncated);
    this.recordEnd = varint.end + length;
    this.at = varint.end + 1;
    if (!this.readDeltas() || !this.readKeyAndValue() || !this.readHeaders()) return false;
    if (this.at !== this.recordEnd) return this.stop(recordFault.badLength);
    this.count++;
    return true;
  }

  // HOT
  private readDeltas(): boolean {
    const bytes = this.bytes;
    const previous = this.offsetDelta;
    this.timestampDelta = readZigzagLong(bytes, this.at, this.recordEnd);
    if (varint.end < 0) return this.stopInRecord();
    this.offsetDelta = readZigzag(bytes, varint.end, this.recordEnd);
    if (varint.end < 0) return this.stopInRecord();
    if (this.offsetDelta <= previous) return this.stop(recordFault.badOffset);
    this.at = varint.end;
    return true;
  }

  // HOT
  private readKeyAndValue(): boolean {
    this.keyLength = this.readSize();
    if (this.keyLength < -1) return this.stop(recordFault.badLength);
    this.keyStart = this.at;
    if (this.keyLength > 0) this.at += this.keyLength;

    this.valueLength = this.readSize();
    if (this.valueLength < -1) return this.stop(recordFault.badLength);
    this.valueStart = this.at;
    if (this.valueLength > 0) this.at += this.valueLength;
    return true;
  }

  /** The headers are walked over, so that a reader of them need not check anything again. */
  // HOT
  private readHeaders(): boolean {
    this.headerCount = readZigzag(this.bytes, this.at, this.recordEnd);
    if (varint.end < 0) return this.stopInRecord();
    if (this.headerCount < 0) return this.stop(recordFault.badLength);
    this.at = varint.end;
    this.headersStart = varint.end;
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.readSize();
      if (keyLength < 0) return this.stop(recordFault.badLength);
      this.at += keyLength;
      const valueLength = this.readSize();
      if (valueLength < -1) return this.stop(recordFault.badLength);
      if (valueLength > 0) this.at += valueLength;
    }
    return true;
  }

  /** A length that fits into the rest of the record, or -1; below that it is bad. */
  // HOT
  private readSize(): number {
    const size = readZigzag(this.bytes, this.at, this.recordEnd);
    if (varint.end < 0 || size > this.recordEnd - varint.end) return -2;
    this.at = varint.end;
    return size;
  }

  private stop(fault: RecordFault): false {
    this.fault = fault;
    this.limit = this.count;
    this.recordEnd = this.end;
    return false;
  }

  private stopAtVarint(): false {
    return this.stop(varint.end === varintShort ? recordFault.truncated : recordFault.badInteger);
  }

  private stopInRecord(): false {
    return this.stop(varint.end === varintShort ? recordFault.badLength : recordFault.badInteger);
  }
}

/** Walks over the headers of a record that a `RecordCursor` has accepted: nothing is checked again. */
export class HeaderCursor {
  bytes: Uint8Array = new Uint8Array(0);
  keyStart = 0;
  keyLength = 0;
  valueStart = 0;
  /** -1 for null. */
  valueLength = -1;

  private left = 0;
  private at = 0;

  reset(record: RecordCursor): void {
    this.bytes = record.bytes;
    this.left = record.headerCount;
    this.at = record.headersStart;
  }

  // HOT
  next(): boolean {
    if (this.left === 0) return false;
    this.left--;
    const limit = this.bytes.length;
    this.keyLength = readZigzag(this.bytes, this.at, limit);
    this.keyStart = varint.end;
    this.valueLength = readZigzag(this.bytes, this.keyStart + this.keyLength, limit);
    this.valueStart = varint.end;
    this.at = this.valueStart + Math.max(this.valueLength, 0);
    return true;
  }
}

/** What a walk over all records of a batch has found. Made once, filled by `scanRecords`. */
export class RecordScan {
  fault: RecordFault = recordFault.none;
  minTimestampDelta = 0;
  maxTimestampDelta = 0;
  /** The offset delta of the first record with the largest timestamp; -1 without records. */
  maxTimestampOffsetDelta = -1;
  /** The index of the first record without a key; -1 if all have one. */
  firstNullKey = -1;
  /** Whether the offset deltas are 0, 1, 2 … as a producer has to send them. */
  contiguous = true;
}

/** Checks every record that `cursor` has been reset to, and sums up what the rules of a topic ask for. */
export function scanRecords(cursor: RecordCursor, scan: RecordScan): void {
  scan.minTimestampDelta = 0;
  scan.maxTimestampDelta = 0;
  scan.maxTimestampOffsetDelta = -1;
  scan.firstNullKey = -1;
  scan.contiguous = true;
  while (cursor.next()) {
    const delta = cursor.timestampDelta;
    const first = cursor.count === 1;
    if (first || delta < scan.minTimestampDelta) scan.minTimestampDelta = delta;
    if (first || delta > scan.maxTimestampDelta) {
      scan.maxTimestampDelta = delta;
      scan.maxTimestampOffsetDelta = cursor.offsetDelta;
    }
    if (cursor.keyLength < 0 && scan.firstNullKey < 0) scan.firstNullKey = cursor.count - 1;
    if (cursor.offsetDelta !== cursor.count - 1) scan.contiguous = false;
  }
  scan.fault = cursor.fault;
}
