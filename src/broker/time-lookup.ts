/**
 * Finding records by their time, exact to the record, below the high watermark.
 *
 * Owns: which batch to look into, and the look.
 * Leaves: the extents and the index to log/, the records to record/.
 *
 * Timestamps need not rise with offsets: what is found is the first record, in the order of offsets,
 * that is late enough. Extents and batches whose largest timestamp is too early are skipped unread.
 */

import { viewOf } from '../kernel/bytes.ts';
import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { Journal } from '../log/journal.ts';
import { batchBaseOffset } from '../record/batch.ts';
import { openRecords, recordTimestamp } from '../record/batch-reader.ts';
import { RecordCursor } from '../record/records.ts';
import { readBatches, walkBatches } from './batch-walk.ts';
import type { Partition } from './catalog/topic.ts';
import { decompressedBytesMax } from './limits.ts';

/** A record's place and time. */
export interface RecordPosition {
  /** -1: there is no such record. */
  readonly offset: number;
  /** Unix ms; -1 with offset -1. */
  readonly timestamp: number;
  /** Of the batch; -1 with offset -1 or when it is not known. */
  readonly leaderEpoch: number;
}

export type PositionDone = (error: BrokerErrorCode | null, position: RecordPosition) => void;

const nowhere: RecordPosition = { offset: -1, timestamp: -1, leaderEpoch: -1 };

/** The first record at or after `timestamp`. May call back at once. */
export function findByTimestamp(
  journal: Journal,
  partition: Partition,
  timestamp: number,
  done: PositionDone,
): void {
  searchFrom(journal, partition, partition.logStart, timestamp, done);
}

/** The first record with the largest timestamp. May call back at once. */
export function findMaxTimestamp(journal: Journal, partition: Partition, done: PositionDone): void {
  let largest = -1;
  for (const extent of partition.log.extents) largest = Math.max(largest, extent.maxTimestamp);
  findByTimestamp(journal, partition, largest, (error, position) => {
    if (error !== null || position.offset !== -1) return done(error, position);
    // The largest one lies below the log start or is not committed: look at every batch.
    walkForMaxTimestamp(journal, partition, done);
  });
}

function walkForMaxTimestamp(journal: Journal, partition: Partition, done: PositionDone): void {
  const start = partition.logStart;
  let largest = -1;
  let at = -1;
  walkBatches(
    journal,
    partition,
    start,
    (batch) => {
      if (at === -1 || batch.maxTimestamp > largest) {
        largest = batch.maxTimestamp;
        at = batch.baseOffset;
      }
      return true;
    },
    (error) => {
      if (error !== null || at === -1) return done(error, nowhere);
      searchFrom(journal, partition, Math.max(at, start), largest, done);
    },
  );
}

function searchFrom(
  journal: Journal,
  partition: Partition,
  offset: number,
  timestamp: number,
  done: PositionDone,
): void {
  const start = skipEarlyExtents(partition, offset, timestamp);
  if (start === -1) return done(null, nowhere);
  let found = -1;
  let next = -1;
  walkBatches(
    journal,
    partition,
    start,
    (batch) => {
      if (batch.maxTimestamp < timestamp) return true;
      found = batch.baseOffset;
      next = batch.nextOffset;
      return false;
    },
    (error) => {
      if (error !== null) return done(error, nowhere);
      if (found === -1) return done(null, nowhere);
      lookInside(journal, partition, found, offset, timestamp, (fault, position) => {
        const isHere = fault !== null || position.offset !== -1;
        if (isHere) done(fault, position);
        // Its header claims a timestamp that none of its readable records has.
        else searchFrom(journal, partition, next, timestamp, done);
      });
    },
  );
}

/** Where to begin the walk: `offset`, or the first extent behind it that is late enough; -1 if none is. */
function skipEarlyExtents(partition: Partition, offset: number, timestamp: number): number {
  if (offset >= partition.highWatermark) return -1;
  for (const extent of partition.log.extents) {
    if (extent.lastOffset < offset || extent.maxTimestamp < timestamp) continue;
    return extent.firstOffset >= partition.highWatermark
      ? -1
      : Math.max(extent.firstOffset, offset);
  }
  return -1;
}

/** The record in the batch at `baseOffset`, at or after both `from` and `timestamp`. */
function lookInside(
  journal: Journal,
  partition: Partition,
  baseOffset: number,
  from: number,
  timestamp: number,
  done: PositionDone,
): void {
  const readAt = Math.max(baseOffset, partition.logStart);
  readBatches(journal, partition, readAt, 1, (error, bytes) => {
    if (error !== null) return done(error, nowhere);
    if (bytes.length === 0) return done(null, nowhere);
    done(...findInBatch(partition, bytes, from, timestamp));
  });
}

function findInBatch(
  partition: Partition,
  bytes: Uint8Array,
  from: number,
  timestamp: number,
): [BrokerErrorCode | null, RecordPosition] {
  const view = viewOf(bytes);
  const baseOffset = batchBaseOffset(view, 0);
  const cursor = new RecordCursor();
  try {
    openRecords(bytes, view, 0, decompressedBytesMax, cursor);
  } catch (error) {
    if (error instanceof BrokerError) return [error.code, nowhere];
    throw error;
  }
  while (cursor.next()) {
    const offset = baseOffset + cursor.offsetDelta;
    const found = recordTimestamp(view, 0, cursor.timestampDelta);
    // With a log start inside the batch, records before it are gone although their bytes are not.
    if (offset < from || found < timestamp) continue;
    return [null, { offset, timestamp: found, leaderEpoch: partition.log.epochAt(offset) }];
  }
  return [null, nowhere];
}
