/**
 * In-process reading: committed records as objects, from an offset on.
 */

import { viewOf } from '../kernel/bytes.ts';
import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { Journal } from '../log/journal.ts';
import { batchIsControl, batchNextOffset, batchSize } from '../record/batch.ts';
import { readRecords, type StoredRecord } from '../record/batch-reader.ts';
import { readBatches } from './batch-walk.ts';
import type { Partition } from './catalog/topic.ts';
import { decompressedBytesMax } from './limits.ts';

export interface ReadRecords {
  /** In the order of their offsets, the first at or after the offset asked for. */
  readonly records: readonly StoredRecord[];
  /** Where to read on. */
  readonly nextOffset: number;
}

export type RecordsDone = (error: BrokerErrorCode | null, read: ReadRecords) => void;

/**
 * The records from `offset` on, about `maxBytes` of them as they are stored, one batch at least. None
 * when `offset` is the high watermark: `watch` tells when there are. May call back at once.
 */
export function readRecordsFrom(
  journal: Journal,
  partition: Partition,
  offset: number,
  maxBytes: number,
  done: RecordsDone,
): void {
  readBatches(journal, partition, offset, maxBytes, (error, bytes) => {
    const records: StoredRecord[] = [];
    let nextOffset = offset;
    if (error !== null) return done(error, { records, nextOffset });
    const view = viewOf(bytes);
    try {
      for (let at = 0; at < bytes.length; at += batchSize(view, at)) {
        if (!batchIsControl(view, at)) addRecords(records, bytes, view, at, offset);
        nextOffset = Math.max(nextOffset, batchNextOffset(view, at));
      }
    } catch (failure) {
      if (!(failure instanceof BrokerError)) throw failure;
      // What was readable before the bad batch is delivered first.
      if (records.length === 0) return done(failure.code, { records, nextOffset });
    }
    done(null, { records, nextOffset });
  });
}

function addRecords(
  records: StoredRecord[],
  bytes: Uint8Array,
  view: DataView,
  at: number,
  from: number,
): void {
  for (const record of readRecords(bytes, view, at, decompressedBytesMax)) {
    if (record.offset >= from) records.push(record);
  }
}
