/**
 * Taking fetched bytes apart: whole batches, and whose records are in them.
 *
 * Owns: the checks of a batch by itself. Leaves: whether it should be there to the caller.
 */
import {
  batchBaseOffset,
  batchFault,
  batchFaultText,
  batchLeaderEpoch,
  batchPrefixBytes,
  batchRecordCount,
  batchSize,
  findBatchFault,
} from '../../src/record/batch.ts';
import { openRecords } from '../../src/record/batch-reader.ts';
import { RecordCursor, recordFault } from '../../src/record/records.ts';
import { identify } from './content.ts';

const SECTION_BYTES_MAX = 16 * 1024 * 1024;

export interface Batch {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly count: number;
  readonly bytes: number;
  /** What is wrong with it; then the rest below is void. */
  readonly fault: string | null;
  readonly stream: number;
  readonly first: number;
}

/** The whole batches in `bytes`; the rest of a batch cut off at the end is left out. */
export function readBatches(bytes: Buffer): Batch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const batches: Batch[] = [];
  for (let at = 0; at + batchPrefixBytes <= bytes.length; ) {
    const size = batchSize(view, at);
    if (size <= batchPrefixBytes) {
      batches.push({ ...nothing, baseOffset: batchBaseOffset(view, at), fault: 'a bad length' });
      break;
    }
    if (at + size > bytes.length) break;
    batches.push(readBatch(bytes, view, at, size));
    at += size;
  }
  return batches;
}

const nothing = { baseOffset: -1, leaderEpoch: -1, count: 0, bytes: 0, stream: -1, first: -1 };
const cursor = new RecordCursor();

function readBatch(bytes: Buffer, view: DataView, at: number, size: number): Batch {
  const head = {
    baseOffset: batchBaseOffset(view, at),
    leaderEpoch: batchLeaderEpoch(view, at),
    count: batchRecordCount(view, at),
    bytes: size,
  };
  const bad = (fault: string): Batch => ({ ...nothing, ...head, fault });
  const fault = findBatchFault(bytes, view, at, at + size);
  if (fault !== batchFault.none) return bad(batchFaultText(fault));
  openRecords(bytes, view, at, SECTION_BYTES_MAX, cursor);
  let stream = -1;
  let first = -1;
  let index = 0;
  for (; cursor.next(); index++) {
    const name = identify(cursor.bytes, cursor.valueStart, cursor.valueLength);
    if (name === null) return bad(`a record ${index} that is not whole`);
    if (index === 0) ({ stream, number: first } = name);
    if (cursor.offsetDelta !== index || name.stream !== stream || name.number !== first + index) {
      return bad(`a record ${index} that does not belong to it`);
    }
  }
  if (cursor.fault !== recordFault.none || index !== head.count) return bad('broken records');
  return { ...head, fault: null, stream, first };
}
