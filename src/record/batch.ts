/**
 * The record batch: the unit of storage, and the only form in which records exist on disk.
 *
 * Owns: the layout, reading and patching header fields in place, the checks of a batch as a whole.
 * Leaves: the records inside to records.ts, making batches to batch-builder.ts, compression to
 * compression/.
 *
 * The layout is that of Kafka's record batch version 2, so that a Kafka client's batch is stored as
 * it came and read back without a copy. All integers are big-endian; offsets count from the start
 * of the batch.
 *
 *     at  bytes  field
 *      0    8    base offset        offset of the first record
 *      8    4    length             bytes that follow this field: batch size - 12
 *     12    4    leader epoch       -1 unknown
 *     16    1    magic              2
 *     17    4    crc                CRC-32C of byte 21 to the end
 *     21    2    attributes         below
 *     23    4    last offset delta  last offset - base offset
 *     27    8    base timestamp     Unix ms; record timestamps are relative to it; -1 none
 *     35    8    max timestamp      Unix ms; with log append time, that of every record
 *     43    8    producer id        -1 none
 *     51    2    producer epoch     -1 none
 *     53    4    base sequence      of the first record, counts per producer and partition; -1 none
 *     57    4    record count       0 in a batch that compaction has emptied
 *     61    …    records            compressed as one piece if the attributes say so
 *
 *     attributes: bits 0-2 codec, bit 3 timestamps are log append time, bit 4 transactional,
 *     bit 5 control batch, bit 6 base timestamp is the delete horizon, the rest unused
 *
 * What lies before byte 21 (base offset, leader epoch) is assigned by the broker and is outside of
 * the checksum: assigning it leaves the checksum true.
 *
 * Accessors take a view and the position of the batch in it, allocate nothing, and rely on the
 * caller to have at least `batchHeaderBytes` there. An int64 beyond ±(2^53 - 1) reads as a number
 * that is not exact; `findBatchFault` refuses such a batch.
 */

import { assert } from '../kernel/assert.ts';
import { isExact, readInt64, writeInt64 } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';

/** The only value of the magic field that is read and written. */
export const batchVersion = 2;
/** Base offset and length: what must be there to know a batch's size. */
export const batchPrefixBytes = 12;
/** Everything before the records. */
export const batchHeaderBytes = 61;
/** What a broker patches and the checksum leaves out. */
export const batchUnsummedBytes = 21;

/** Where the fields are. */
export const batchField = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

export const batchAttribute = {
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const;

/** The largest codec number there is: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
const codecMax = 4;

// HOT: all accessors, about 1 ns each.
export const batchBaseOffset = (view: DataView, at: number): number => readInt64(view, at);

/** The length field: bytes after it. For the whole batch see `batchSize`. */
export const batchLength = (view: DataView, at: number): number =>
  view.getInt32(at + batchField.length);

/** Bytes of the whole batch. Untrusted until checked; may then be negative. */
export const batchSize = (view: DataView, at: number): number =>
  view.getInt32(at + batchField.length) + batchPrefixBytes;

export const batchLeaderEpoch = (view: DataView, at: number): number =>
  view.getInt32(at + batchField.leaderEpoch);

export const batchMagic = (view: DataView, at: number): number =>
  view.getInt8(at + batchField.magic);

export const batchCrc = (view: DataView, at: number): number => view.getUint32(at + batchField.crc);

export const batchAttributes = (view: DataView, at: number): number =>
  view.getInt16(at + batchField.attributes);

/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 have no meaning. */
export const batchCodec = (view: DataView, at: number): number =>
  view.getInt16(at + batchField.attributes) & batchAttribute.codecMask;

export const batchIsLogAppendTime = (view: DataView, at: number): boolean =>
  (view.getInt16(at + batchField.attributes) & batchAttribute.logAppendTime) !== 0;

export const batchIsTransactional = (view: DataView, at: number): boolean =>
  (view.getInt16(at + batchField.attributes) & batchAttribute.transactional) !== 0;

export const batchIsControl = (view: DataView, at: number): boolean =>
  (view.getInt16(at + batchField.attributes) & batchAttribute.control) !== 0;

export const batchLastOffsetDelta = (view: DataView, at: number): number =>
  view.getInt32(at + batchField.lastOffsetDelta);

export const batchLastOffset = (view: DataView, at: number): number =>
  readInt64(view, at) + view.getInt32(at + batchField.lastOffsetDelta);

/** The base offset of the batch that follows. */
export const batchNextOffset = (view: DataView, at: number): number =>
  batchLastOffset(view, at) + 1;

export const batchBaseTimestamp = (view: DataView, at: number): number =>
  readInt64(view, at + batchField.baseTimestamp);

export const batchMaxTimestamp = (view: DataView, at: number): number =>
  readInt64(view, at + batchField.maxTimestamp);

export const batchProducerId = (view: DataView, at: number): number =>
  readInt64(view, at + batchField.producerId);

export const batchProducerEpoch = (view: DataView, at: number): number =>
  view.getInt16(at + batchField.producerEpoch);

export const batchBaseSequence = (view: DataView, at: number): number =>
  view.getInt32(at + batchField.baseSequence);

/** The sequence of the last record: counting goes from 2^31 - 1 on to 0. -1 without a producer. */
export function batchLastSequence(view: DataView, at: number): number {
  const first = batchBaseSequence(view, at);
  return first < 0 ? -1 : addSequence(first, batchLastOffsetDelta(view, at));
}

/** `sequence + count`, counting from 2^31 - 1 on to 0. */
export const addSequence = (sequence: number, count: number): number =>
  (sequence + count) % 0x8000_0000;

export const batchRecordCount = (view: DataView, at: number): number =>
  view.getInt32(at + batchField.recordCount);

export function setBatchBaseOffset(view: DataView, at: number, offset: number): void {
  assert(offset >= 0 && isExact(offset), 'a base offset is exact and not negative');
  writeInt64(view, at, offset);
}

export function setBatchLeaderEpoch(view: DataView, at: number, epoch: number): void {
  view.setInt32(at + batchField.leaderEpoch, epoch);
}

/** Stamps the batch with the broker's time and renews the checksum. */
export function setBatchLogAppendTime(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  timestamp: number,
): void {
  const attributes = batchAttributes(view, at) | batchAttribute.logAppendTime;
  view.setInt16(at + batchField.attributes, attributes);
  setBatchMaxTimestamp(bytes, view, at, timestamp);
}

/** Sets the max timestamp, whatever the timestamp type, and renews the checksum. */
export function setBatchMaxTimestamp(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  timestamp: number,
): void {
  assert(timestamp >= -1 && isExact(timestamp), 'a timestamp is exact and not below -1');
  writeInt64(view, at + batchField.maxTimestamp, timestamp);
  sealBatch(bytes, view, at);
}

/** Computes and stores the checksum; the last step of every change behind byte 20. */
export function sealBatch(bytes: Uint8Array, view: DataView, at: number): void {
  view.setUint32(at + batchField.crc, computeBatchCrc(bytes, view, at));
}

/** The checksum that the batch should carry. */
export function computeBatchCrc(bytes: Uint8Array, view: DataView, at: number): number {
  return crc32c(bytes, at + batchUnsummedBytes, at + batchSize(view, at));
}

/**
 * What is wrong with a batch. Below `batchRuleFaultFrom` the bytes are damaged: they cannot be what
 * was sent. From there on they are what was sent, and break the rules.
 */
export const batchFault = {
  none: 0,
  /** Fewer bytes than the length says, or than a header. */
  truncated: 1,
  /** The length cannot be that of a batch. */
  badLength: 2,
  badMagic: 3,
  badCrc: 4,

  /** An int64 beyond ±(2^53 - 1). */
  inexact: 16,
  unknownCodec: 17,
  /** Record count and last offset delta cannot both be true. */
  badCount: 18,
  /** A producer id, epoch or sequence below -1, or an id without an epoch. */
  badProducer: 19,
  badTimestamp: 20,

  /** More bytes follow the batch where there may be one only. */
  trailingBytes: 32,
  nonZeroBaseOffset: 33,
  empty: 34,
  /** Fewer or more records than offsets. */
  countMismatch: 35,
  controlFromClient: 36,
  missingSequence: 37,
} as const;

export type BatchFault = (typeof batchFault)[keyof typeof batchFault];

/** From here on a fault is a rule broken, not damage. */
export const batchRuleFaultFrom = batchFault.inexact;

export function batchFaultText(fault: BatchFault): string {
  return batchFaultTexts[fault];
}

const batchFaultTexts: Readonly<Record<BatchFault, string>> = {
  [batchFault.none]: 'nothing is wrong',
  [batchFault.truncated]: 'the batch is cut short',
  [batchFault.badLength]: 'the length is not that of a record batch',
  [batchFault.badMagic]: 'the record batch version is not 2',
  [batchFault.badCrc]: 'the checksum does not match',
  [batchFault.inexact]: 'a 64-bit field is beyond 2^53',
  [batchFault.unknownCodec]: 'the compression codec is unknown',
  [batchFault.badCount]: 'the record count and the last offset contradict each other',
  [batchFault.badProducer]: 'producer id, epoch and sequence contradict each other',
  [batchFault.badTimestamp]: 'a timestamp is below -1',
  [batchFault.trailingBytes]: 'there is more than one batch',
  [batchFault.nonZeroBaseOffset]: 'the base offset is not 0',
  [batchFault.empty]: 'the batch holds no record',
  [batchFault.countMismatch]: 'the record count differs from the number of offsets',
  [batchFault.controlFromClient]: 'a client may not write control batches',
  [batchFault.missingSequence]: 'a batch of an idempotent producer needs a sequence',
};

/**
 * Checks the batch at `start` as something to store or to have stored: length, magic, checksum, and
 * header fields that contradict themselves. `view` covers the same memory as `bytes`; nothing at or
 * past `end` is looked at. More batches may follow.
 */
// HOT: the checksum apart, about 30 ns.
export function findBatchFault(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): BatchFault {
  const damage = findBatchDamage(view, start, end);
  if (damage !== batchFault.none) return damage;
  if (batchCrc(view, start) !== computeBatchCrc(bytes, view, start)) return batchFault.badCrc;
  return findHeaderFault(view, start);
}

/** The part of `findBatchFault` that does not read the records: can this be a batch at all? */
// HOT
export function findBatchDamage(view: DataView, start: number, end: number): BatchFault {
  // Older formats are shorter but have their magic at the same place: say so before the length.
  if (end - start <= batchField.magic) return batchFault.truncated;
  const size = batchSize(view, start);
  if (size <= batchField.magic) return batchFault.badLength;
  if (batchMagic(view, start) !== batchVersion) return batchFault.badMagic;
  if (size < batchHeaderBytes) return batchFault.badLength;
  if (size > end - start) return batchFault.truncated;
  return batchFault.none;
}

// HOT
function findHeaderFault(view: DataView, at: number): BatchFault {
  if (batchCodec(view, at) > codecMax) return batchFault.unknownCodec;

  const baseOffset = batchBaseOffset(view, at);
  const baseTimestamp = batchBaseTimestamp(view, at);
  const maxTimestamp = batchMaxTimestamp(view, at);
  const producerId = batchProducerId(view, at);
  if (!isExact(baseOffset) || !isExact(producerId)) return batchFault.inexact;
  if (!isExact(baseTimestamp) || !isExact(maxTimestamp)) return batchFault.inexact;

  const count = batchRecordCount(view, at);
  const lastOffsetDelta = batchLastOffsetDelta(view, at);
  if (count < 0 || lastOffsetDelta < 0 || count > lastOffsetDelta + 1) return batchFault.badCount;
  if (baseOffset < 0 || !isExact(baseOffset + lastOffsetDelta)) return batchFault.inexact;
  if (baseTimestamp < -1 || maxTimestamp < -1) return batchFault.badTimestamp;

  const epoch = batchProducerEpoch(view, at);
  const sequence = batchBaseSequence(view, at);
  if (producerId < -1 || epoch < -1 || sequence < -1) return batchFault.badProducer;
  if (producerId >= 0 && epoch < 0) return batchFault.badProducer;
  return batchFault.none;
}

/**
 * The rules for a batch that a producer sends, over and above `findBatchFault`, which has found
 * nothing: [start, end) is this one batch, it starts at offset 0, has as many records as offsets,
 * is no control batch, and has a sequence if it has a producer.
 */
// HOT
export function findProducedBatchFault(view: DataView, start: number, end: number): BatchFault {
  if (batchSize(view, start) !== end - start) return batchFault.trailingBytes;
  if (batchBaseOffset(view, start) !== 0) return batchFault.nonZeroBaseOffset;
  const count = batchRecordCount(view, start);
  if (count === 0) return batchFault.empty;
  if (count !== batchLastOffsetDelta(view, start) + 1) return batchFault.countMismatch;
  if (batchIsControl(view, start)) return batchFault.controlFromClient;
  if (batchProducerId(view, start) >= 0 && batchBaseSequence(view, start) < 0) {
    return batchFault.missingSequence;
  }
  return batchFault.none;
}
