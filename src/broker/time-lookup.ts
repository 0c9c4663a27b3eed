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
import type { Offload } from '../kernel/ports.ts';
import type { Journal } from '../log/journal.ts';
import {
  batchBaseOffset,
  batchCodec,
  batchHeaderBytes,
  batchRecordCount,
} from '../record/batch.ts';
import { recordTimestamp } from '../record/batch-reader.ts';
import { codec, decompress } from '../record/compression/index.ts';
import { RecordCursor } from '../record/records.ts';
import { readBatches, type WalkedBatch, walkBatches } from './batch-walk.ts';
import type { Partition } from './catalog/topic.ts';
import { decompressedBytesMax, inlineContentBytesMax, inlineDecompressBytesMax } from './limits.ts';
import { decompressTask } from './queues/record-source.ts';

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

/** Where to look, and who decompresses what is too large to do it on the loop. */
export interface LookupParts {
  readonly journal: Journal;
  readonly offload: Offload;
}

const nowhere: RecordPosition = { offset: -1, timestamp: -1, leaderEpoch: -1 };

/** The first record at or after `timestamp`. May call back at once. */
export function findByTimestamp(
  parts: LookupParts,
  partition: Partition,
  timestamp: number,
  done: PositionDone,
): void {
  searchFrom(parts, partition, partition.logStart, timestamp, done);
}

/** The first record with the largest timestamp. May call back at once. */
export function findMaxTimestamp(
  parts: LookupParts,
  partition: Partition,
  done: PositionDone,
): void {
  let largest = -1;
  for (const extent of partition.log.extents) largest = Math.max(largest, extent.maxTimestamp);
  findByTimestamp(parts, partition, largest, (error, position) => {
    if (error !== null || position.offset !== -1) return done(error, position);
    // The largest one lies below the log start or is not committed: look at every batch.
    walkForMaxTimestamp(parts, partition, done);
  });
}

function walkForMaxTimestamp(parts: LookupParts, partition: Partition, done: PositionDone): void {
  const start = partition.logStart;
  let largest = -1;
  let at = -1;
  let cutBatch = -1;
  const compare = (batch: WalkedBatch): boolean => {
    // Of a batch that the log start cuts, the header may tell of a record that is gone.
    if (batch.baseOffset < start) cutBatch = batch.baseOffset;
    else if (at === -1 || batch.maxTimestamp > largest) {
      largest = batch.maxTimestamp;
      at = batch.baseOffset;
    }
    return true;
  };
  const searchRest: PositionDone = (error, cut) => {
    if (error !== null) return done(error, nowhere);
    if (at === -1 || (cut.offset !== -1 && cut.timestamp >= largest)) return done(null, cut);
    searchFrom(parts, partition, at, largest, done);
  };
  walkBatches(parts.journal, partition, start, compare, (error) => {
    if (error !== null || cutBatch === -1) return searchRest(error, nowhere);
    const search = { partition, from: start, wanted: wantsLargest };
    lookInside(parts, cutBatch, search, searchRest);
  });
}

function searchFrom(
  parts: LookupParts,
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
    parts.journal,
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
      const search = { partition, from: offset, wanted: timestamp };
      lookInside(parts, found, search, (fault, position) => {
        const isHere = fault !== null || position.offset !== -1;
        if (isHere) done(fault, position);
        // Its header claims a timestamp that none of its readable records has.
        else searchFrom(parts, partition, next, timestamp, done);
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

/** A look into one batch: at records from `from` on, for the first at or after the time `wanted`. */
interface BatchSearch {
  readonly partition: Partition;
  readonly from: number;
  /** Unix ms, or `wantsLargest`. */
  readonly wanted: number;
}

/** The first record with the largest timestamp of the batch. */
const wantsLargest = Number.POSITIVE_INFINITY;

function lookInside(
  { journal, offload }: LookupParts,
  baseOffset: number,
  search: BatchSearch,
  done: PositionDone,
): void {
  const { partition } = search;
  const readAt = Math.max(baseOffset, partition.logStart);
  readBatches(journal, partition, readAt, 1, (error, bytes) => {
    if (error !== null) return done(error, nowhere);
    if (bytes.length === 0) return done(null, nowhere);
    const codecNumber = batchCodec(viewOf(bytes), 0);
    if (codecNumber === codec.none || bytes.length <= inlineDecompressBytesMax) {
      const [code, found] = decompressAndFind(bytes, search);
      if (code !== 'batch_too_large') return done(code, found);
    }
    const section = bytes.subarray(batchHeaderBytes);
    offload.run(decompressTask, section, [codecNumber, decompressedBytesMax], (fault, records) => {
      if (records === null) return done(codeOf(fault), nowhere);
      done(null, findInRecords(bytes, records, 0, search));
    });
  });
}

function decompressAndFind(
  bytes: Uint8Array,
  search: BatchSearch,
): [BrokerErrorCode | null, RecordPosition] {
  const codecNumber = batchCodec(viewOf(bytes), 0);
  // Uncompressed records are read where they are, however large they are.
  if (codecNumber === codec.none) {
    return [null, findInRecords(bytes, bytes, batchHeaderBytes, search)];
  }
  try {
    const limit = inlineContentBytesMax;
    const records = decompress(codecNumber, bytes, batchHeaderBytes, bytes.length, limit);
    return [null, findInRecords(bytes, records, 0, search)];
  } catch (error) {
    if (error instanceof BrokerError) return [error.code, nowhere];
    throw error;
  }
}

/** `records` from `start` on are those of the batch in `bytes`. */
function findInRecords(
  bytes: Uint8Array,
  records: Uint8Array,
  start: number,
  { partition, from, wanted }: BatchSearch,
): RecordPosition {
  const view = viewOf(bytes);
  const cursor = new RecordCursor();
  cursor.reset(records, start, records.length, batchRecordCount(view, 0));
  let found = nowhere;
  while (cursor.next()) {
    const offset = batchBaseOffset(view, 0) + cursor.offsetDelta;
    const timestamp = recordTimestamp(view, 0, cursor.timestampDelta);
    // With a log start inside the batch, records before it are gone although their bytes are not.
    if (offset < from) continue;
    const isLarger = found.offset === -1 || timestamp > found.timestamp;
    const isWanted = wanted === wantsLargest ? isLarger : timestamp >= wanted;
    if (!isWanted) continue;
    found = { offset, timestamp, leaderEpoch: partition.log.epochAt(offset) };
    if (wanted !== wantsLargest) break;
  }
  return found;
}

function codeOf(error: Error | null): BrokerErrorCode {
  return error instanceof BrokerError ? error.code : 'invalid_batch';
}
