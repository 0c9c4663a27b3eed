/**
 * Entries: what a block carries, and the views that readers of entries get.
 *
 * Owns: the entry header, the kinds below 16 and their bodies.
 * Leaves: kinds from 16 on to the state machine above the log.
 *
 * Every integer is little-endian.
 *
 *   entry header                          append body (kind 1)
 *   off  size  field                      off        size  field
 *   0    1     kind                       0          2     target count, 1..4
 *   1    1     flags (0)                  2          2     reserved (0)
 *   2    2     reserved (0)               4          4     reserved (0)
 *   4    4     body length, bytes         8          12×n  targets: partition u32, base offset u64
 *   8    …     body                       8 + 12×n   …     one record batch (`record/batch.ts`)
 *
 *   partition-created (2)   partition u32, reserved u32, first offset u64
 *   partition-deleted (3)   partition u32
 *   log-start (4)           partition u32, reserved u32, new log start offset u64
 *
 * The batch lies in the entry with the base offset of its first target and the leader epoch of the
 * block; other targets' readers patch theirs in.
 */
import { readInt64LittleEndian } from '../kernel/bytes.ts';
import { batchHeaderBytes } from '../record/batch.ts';
import { TARGETS_MAX } from './limits.ts';

export const ENTRY_HEADER_BYTES = 8;
export const APPEND_HEAD_BYTES = 8;
export const APPEND_TARGET_BYTES = 12;

export const EntryKind = {
  append: 1,
  partitionCreated: 2,
  partitionDeleted: 3,
  logStart: 4,
  /** Kinds from here on belong to the state machine. */
  machineMin: 16,
} as const;

const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = new DataView(EMPTY.buffer);

/** One entry as its readers see it. Reused: everything in it is borrowed until return. */
export class EntryView {
  kind = 0;
  /** Byte position in the journal: unique, rising. */
  lsn = 0;
  /** The leader's wall time when it was decided, Unix ms. May go backwards. */
  time = 0;
  epoch = 0;
  bytes: Uint8Array = EMPTY;
  view: DataView = EMPTY_VIEW;
  /** The body is bytes[start, end). */
  start = 0;
  end = 0;
}

/** An append entry, taken apart. Reused like `EntryView`. */
export class AppendView {
  lsn = 0;
  time = 0;
  epoch = 0;
  targetCount = 0;
  readonly partitions: Uint32Array = new Uint32Array(TARGETS_MAX);
  readonly baseOffsets: Float64Array = new Float64Array(TARGETS_MAX);
  /** The batch is bytes[batchStart, batchEnd). */
  bytes: Uint8Array = EMPTY;
  view: DataView = EMPTY_VIEW;
  batchStart = 0;
  batchEnd = 0;
  /** Where it lies: segment and position of the batch's first byte in the file. */
  segmentId = 0;
  position = 0;
}

/**
 * Takes the append entry in `entry` apart into `target`.
 * @returns false when the body is not a well-formed append.
 */
export function readAppend(entry: EntryView, target: AppendView): boolean {
  const { view, start, end } = entry;
  if (end - start < APPEND_HEAD_BYTES + APPEND_TARGET_BYTES) return false;
  const targetCount = view.getUint16(start, true);
  if (targetCount < 1 || targetCount > TARGETS_MAX) return false;
  const batchStart = start + APPEND_HEAD_BYTES + targetCount * APPEND_TARGET_BYTES;
  if (batchStart + batchHeaderBytes > end) return false;
  for (let i = 0; i < targetCount; i++) {
    const at = start + APPEND_HEAD_BYTES + i * APPEND_TARGET_BYTES;
    target.partitions[i] = view.getUint32(at, true);
    target.baseOffsets[i] = readInt64LittleEndian(view, at + 4);
  }
  target.lsn = entry.lsn;
  target.time = entry.time;
  target.epoch = entry.epoch;
  target.targetCount = targetCount;
  target.bytes = entry.bytes;
  target.view = view;
  target.batchStart = batchStart;
  target.batchEnd = end;
  return true;
}
