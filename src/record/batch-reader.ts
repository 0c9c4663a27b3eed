/**
 * Reading a whole batch: its record section, decompressed if need be, and its records as objects.
 *
 * Owns: the way from a batch to its records. Leaves: the layout to batch.ts and records.ts.
 * For inspection, conversion, look-ups and tests; deliveries walk with a `RecordCursor`.
 *
 * A batch passed here has been checked (`findBatchFault`); its records may still be hostile.
 */

import { decodeUtf8 } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import {
  batchBaseOffset,
  batchBaseTimestamp,
  batchCodec,
  batchHeaderBytes,
  batchIsLogAppendTime,
  batchMaxTimestamp,
  batchRecordCount,
  batchSize,
} from './batch.ts';
import { codec, decompress } from './compression/index.ts';
import { HeaderCursor, RecordCursor, type RecordHeader, recordFault } from './records.ts';

/** A record as read from a partition. Keys and values are copies. */
export interface StoredRecord {
  readonly offset: number;
  /** Unix milliseconds; -1 when the producer set none. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/**
 * Points `cursor` to the records of the batch at `at`. Uncompressed records are read where they
 * are, whatever their size; of compressed ones at most `limitBytes` are produced.
 * @throws invalid_batch, batch_too_large, unsupported_compression
 */
export function openRecords(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  limitBytes: number,
  cursor: RecordCursor,
): void {
  const start = at + batchHeaderBytes;
  const end = at + batchSize(view, at);
  const count = batchRecordCount(view, at);
  const codecNumber = batchCodec(view, at);
  if (codecNumber === codec.none || count === 0) {
    cursor.reset(bytes, start, count === 0 ? start : end, count);
    return;
  }
  const section = decompress(codecNumber, bytes, start, end, limitBytes);
  cursor.reset(section, 0, section.length, count);
}

/**
 * All records of the batch at `at`, as objects.
 * @throws invalid_batch, batch_too_large, unsupported_compression
 */
export function readRecords(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  limitBytes: number,
): StoredRecord[] {
  const cursor = new RecordCursor();
  const headers = new HeaderCursor();
  openRecords(bytes, view, at, limitBytes, cursor);
  const baseOffset = batchBaseOffset(view, at);
  const records: StoredRecord[] = [];
  while (cursor.next()) {
    records.push({
      offset: baseOffset + cursor.offsetDelta,
      timestamp: recordTimestamp(view, at, cursor.timestampDelta),
      key: copyNullable(cursor.bytes, cursor.keyStart, cursor.keyLength),
      value: copyNullable(cursor.bytes, cursor.valueStart, cursor.valueLength),
      headers: cursor.headerCount === 0 ? [] : readHeaders(cursor, headers),
    });
  }
  refuseFault(cursor);
  return records;
}

/** The timestamp of a record in the batch at `at`. */
// HOT
export function recordTimestamp(view: DataView, at: number, timestampDelta: number): number {
  return batchIsLogAppendTime(view, at)
    ? batchMaxTimestamp(view, at)
    : batchBaseTimestamp(view, at) + timestampDelta;
}

function readHeaders(record: RecordCursor, cursor: HeaderCursor): RecordHeader[] {
  const headers: RecordHeader[] = [];
  cursor.reset(record);
  while (cursor.next()) {
    const keyEnd = cursor.keyStart + cursor.keyLength;
    headers.push({
      key: decodeUtf8(cursor.bytes, cursor.keyStart, keyEnd),
      value: copyNullable(cursor.bytes, cursor.valueStart, cursor.valueLength),
    });
  }
  return headers;
}

function copyNullable(bytes: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(bytes.subarray(start, start + length));
}

function refuseFault(cursor: RecordCursor): void {
  if (cursor.fault !== recordFault.none) {
    throw new BrokerError('invalid_batch', `record ${cursor.count}: fault ${cursor.fault}`);
  }
}

export interface FoundRecord {
  readonly offsetDelta: number;
  readonly timestamp: number;
}

/**
 * The first record of the batch at `at` whose timestamp is `timestamp` or later; null when there is
 * none.
 * @throws invalid_batch, batch_too_large (more than `limitBytes` to decompress), unsupported_compression
 */
export function firstRecordAtOrAfter(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  timestamp: number,
  limitBytes: number,
): FoundRecord | null {
  if (batchMaxTimestamp(view, at) < timestamp) return null;
  const cursor = new RecordCursor();
  openRecords(bytes, view, at, limitBytes, cursor);
  while (cursor.next()) {
    const found = recordTimestamp(view, at, cursor.timestampDelta);
    if (found >= timestamp) return { offsetDelta: cursor.offsetDelta, timestamp: found };
  }
  refuseFault(cursor);
  return null;
}
