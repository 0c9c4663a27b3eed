/**
 * The journal entries of queues: kinds 21 to 29, encode and decode.
 *
 * Owns: the numbers and the layouts. Leaves: what they change to queue-partition.ts and queues.ts.
 *
 * Little-endian. Text is {uint16 length in bytes, UTF-8}; options are {uint16 count, count × {text
 * name, text value}}; positions are {uint32 count, count × {uint32 partition, int64 first offset}}.
 *
 *   21 queue-created   uint32 queue | uint32 topic | text name | options | positions
 *   22 queue-deleted   uint32 queue
 *   26 queue-widened   uint32 queue | positions (appended to those there are)
 *
 *   settled (23)                            returned (24)
 *   off     size  field                     off     size  field
 *   0       4     queue                     0       4     queue
 *   4       4     partition                 4       4     partition
 *   8       1     reason, see `settleReason` 8      4     number of runs
 *   9       3     reserved (0)              12      12×n  runs
 *   12      4     number of ranges
 *   16      12×n  ranges                    run: int64 first offset, uint16 length,
 *                                                uint16 attempts (deliveries so far, each)
 *   range: int64 first offset,
 *          uint32 length                    lease-mark (25)
 *                                           uint32 queue | uint32 partition | int64 mark
 *
 * A settled record is settled for good: applying an entry twice, or two in another order, gives the
 * same state. A returned record keeps the highest of its attempts until it is settled.
 */

import { assert } from '../../kernel/assert.ts';
import { readInt64LittleEndian } from '../../kernel/bytes.ts';
import { BodyReader, type BodyWriter } from '../body.ts';

export const queueEntryKind = {
  created: 21,
  deleted: 22,
  settled: 23,
  returned: 24,
  leaseMark: 25,
  widened: 26,
} as const;

/** Why a record is settled: for whoever reads the journal; the state is the same. */
export const settleReason = {
  acknowledged: 0,
  rejected: 1,
  /** There is no such record: a control batch, a compacted key, a deleted head of the log. */
  absent: 2,
  purged: 3,
} as const;

export type SettleReason = (typeof settleReason)[keyof typeof settleReason];

/** Ranges or runs in one entry: 60 KB. */
export const rangesPerEntryMax = 5000;
/** The longest range that its field holds. */
export const rangeLengthMax = 0xffff_ffff;
/** The longest run of equal attempts that its field holds. */
export const runLengthMax = 0xffff;

/** Where a queue begins on a partition. */
export interface QueuePosition {
  readonly partitionId: number;
  /** The first offset that it is to deliver. */
  readonly firstOffset: number;
}

export interface QueueCreated {
  readonly queueId: number;
  readonly topicId: number;
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
  readonly positions: readonly QueuePosition[];
}

export interface QueueWidened {
  readonly queueId: number;
  readonly positions: readonly QueuePosition[];
}

export function encodeQueueCreated(writer: BodyWriter, queue: QueueCreated): void {
  writer.uint32(queue.queueId).uint32(queue.topicId).text(queue.name);
  encodeOptions(writer, queue.options);
  encodePositions(writer, queue.positions);
}

export function decodeQueueCreated(bytes: Uint8Array, start: number, end: number): QueueCreated {
  const reader = new BodyReader(bytes, start, end);
  const queueId = reader.uint32();
  const topicId = reader.uint32();
  const name = reader.text();
  const options = decodeOptions(reader);
  return { queueId, topicId, name, options, positions: decodePositions(reader) };
}

export function encodeQueueWidened(writer: BodyWriter, widened: QueueWidened): void {
  writer.uint32(widened.queueId);
  encodePositions(writer, widened.positions);
}

export function decodeQueueWidened(bytes: Uint8Array, start: number, end: number): QueueWidened {
  const reader = new BodyReader(bytes, start, end);
  return { queueId: reader.uint32(), positions: decodePositions(reader) };
}

export function encodeOptions(writer: BodyWriter, options: ReadonlyMap<string, string>): void {
  writer.uint16(options.size);
  for (const [name, value] of options) writer.text(name).text(value);
}

export function decodeOptions(reader: BodyReader): Map<string, string> {
  const count = reader.uint16();
  const options = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = reader.text();
    options.set(name, reader.text());
  }
  return options;
}

function encodePositions(writer: BodyWriter, positions: readonly QueuePosition[]): void {
  writer.uint32(positions.length);
  for (const position of positions) writer.uint32(position.partitionId).int64(position.firstOffset);
}

function decodePositions(reader: BodyReader): QueuePosition[] {
  const count = reader.uint32();
  const positions: QueuePosition[] = [];
  for (let i = 0; i < count; i++) {
    const partitionId = reader.uint32();
    positions.push({ partitionId, firstOffset: reader.int64() });
  }
  return positions;
}

const settledHeadBytes = 16;
const returnedHeadBytes = 12;
const rangeBytes = 12;

/** Begins a settled entry; ranges follow through `addRange`, `sealRanges` ends it. */
export function beginSettled(
  writer: BodyWriter,
  queueId: number,
  partitionId: number,
  reason: SettleReason,
): void {
  writer.reset().uint32(queueId).uint32(partitionId).uint32(reason).uint32(0);
}

// HOT: once per range.
export function addRange(writer: BodyWriter, first: number, length: number): void {
  assert(length > 0, 'a range is not empty');
  writer.int64(first).uint32(length);
}

/** Ranges so far; at `rangesPerEntryMax` the entry has to be sealed. */
export function rangeCount(writer: BodyWriter): number {
  return (writer.length - settledHeadBytes) / rangeBytes;
}

export function sealRanges(writer: BodyWriter): void {
  writer.output.view.setUint32(settledHeadBytes - 4, rangeCount(writer), true);
}

export function beginReturned(writer: BodyWriter, queueId: number, partitionId: number): void {
  writer.reset().uint32(queueId).uint32(partitionId).uint32(0);
}

export function addRun(writer: BodyWriter, first: number, length: number, attempts: number): void {
  assert(length > 0 && length <= runLengthMax, 'the length of a run fits its field');
  writer.int64(first).uint16(length).uint16(attempts);
}

export function runCount(writer: BodyWriter): number {
  return (writer.length - returnedHeadBytes) / rangeBytes;
}

export function sealRuns(writer: BodyWriter): void {
  writer.output.view.setUint32(returnedHeadBytes - 4, runCount(writer), true);
}

export function encodeLeaseMark(
  writer: BodyWriter,
  queueId: number,
  partitionId: number,
  mark: number,
): void {
  writer.reset().uint32(queueId).uint32(partitionId).int64(mark);
}

/** What settled, returned and lease-mark entries begin with. */
export interface EntryTarget {
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
}

export const readQueueId = (entry: EntryTarget): number => entry.view.getUint32(entry.start, true);

export const readPartitionId = (entry: EntryTarget): number =>
  entry.view.getUint32(entry.start + 4, true);

export const readLeaseMark = (entry: EntryTarget): number =>
  readInt64LittleEndian(entry.view, entry.start + 8);

export function readRangeCount(entry: EntryTarget): number {
  const count = entry.view.getUint32(entry.start + settledHeadBytes - 4, true);
  assert(
    entry.start + settledHeadBytes + count * rangeBytes === entry.end,
    'ranges fill the entry',
  );
  return count;
}

export const rangeFirst = (entry: EntryTarget, index: number): number =>
  readInt64LittleEndian(entry.view, entry.start + settledHeadBytes + index * rangeBytes);

export const rangeLength = (entry: EntryTarget, index: number): number =>
  entry.view.getUint32(entry.start + settledHeadBytes + index * rangeBytes + 8, true);

export function readRunCount(entry: EntryTarget): number {
  const count = entry.view.getUint32(entry.start + returnedHeadBytes - 4, true);
  assert(entry.start + returnedHeadBytes + count * rangeBytes === entry.end, 'runs fill the entry');
  return count;
}

export const runFirst = (entry: EntryTarget, index: number): number =>
  readInt64LittleEndian(entry.view, entry.start + returnedHeadBytes + index * rangeBytes);

export const runLength = (entry: EntryTarget, index: number): number =>
  entry.view.getUint16(entry.start + returnedHeadBytes + index * rangeBytes + 8, true);

export const runAttempts = (entry: EntryTarget, index: number): number =>
  entry.view.getUint16(entry.start + returnedHeadBytes + index * rangeBytes + 10, true);
