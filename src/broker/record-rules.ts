/**
 * The rules of a topic that need a look inside a batch: how old a record may be, whether it needs a
 * key, and which codec is stored. All are rare: a topic has to ask for them.
 */

import { viewOf } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import {
  batchAttribute,
  batchAttributes,
  batchCodec,
  batchField,
  batchHeaderBytes,
  batchPrefixBytes,
  sealBatch,
} from '../record/batch.ts';
import { openRecords, recordTimestamp } from '../record/batch-reader.ts';
import {
  type Codec,
  canCompress,
  codec,
  compress,
  decompress,
} from '../record/compression/index.ts';
import { RecordCursor, recordFault } from '../record/records.ts';
import type { CompressionType } from './catalog/topic-options.ts';
import { decompressedBytesMax, inspectedExpansionMax } from './limits.ts';

const cursor = new RecordCursor();

/**
 * Work done on the loop for looks inside of compressed batches: bytes of content, since the process
 * began. Who hands batches in looks at how far one has moved it, and lets others have their turn.
 */
export const inspected = { bytes: 0 };

/** What the batches of a topic may decompress to, by the largest batch that it takes. */
export function inspectedBytesMax(maxMessageBytes: number): number {
  return Math.min(decompressedBytesMax, inspectedExpansionMax * maxMessageBytes);
}

/** Points `cursor` to the records of the batch. Counts what was decompressed, or what it may have been. */
function open(bytes: Uint8Array, view: DataView, start: number, limitBytes: number): void {
  const isCompressed = batchCodec(view, start) !== codec.none;
  if (isCompressed) inspected.bytes += limitBytes;
  openRecords(bytes, view, start, limitBytes, cursor);
  if (isCompressed) inspected.bytes += cursor.bytes.length - limitBytes;
}

/**
 * The index of the first record before the time `oldest`, -1 if there is none. Records without a
 * timestamp are of no age.
 * @throws invalid_batch, batch_too_large, unsupported_compression
 */
export function findTooOldRecord(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  limitBytes: number,
  oldest: number,
): number {
  open(bytes, view, start, limitBytes);
  while (cursor.next()) {
    const timestamp = recordTimestamp(view, start, cursor.timestampDelta);
    if (timestamp >= 0 && timestamp < oldest) return cursor.count - 1;
  }
  assertReadWhole();
  return -1;
}

/**
 * The index of the first record without a key, -1 if there is none.
 * @throws invalid_batch, batch_too_large, unsupported_compression
 */
export function findKeylessRecord(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  limitBytes: number,
): number {
  open(bytes, view, start, limitBytes);
  while (cursor.next()) if (cursor.keyLength < 0) return cursor.count - 1;
  assertReadWhole();
  return -1;
}

function assertReadWhole(): void {
  if (cursor.fault === recordFault.none) return;
  throw new BrokerError('invalid_batch', `record ${cursor.count} is malformed`);
}

const storedCodecs: Readonly<Record<CompressionType, Codec | null>> = {
  producer: null,
  uncompressed: codec.none,
  gzip: codec.gzip,
  snappy: codec.snappy,
  lz4: codec.lz4,
  zstd: codec.zstd,
};

/** The codec that the batch at `start` has to be brought to, or null when it may stay as it is. */
export function codecToStore(view: DataView, start: number, type: CompressionType): Codec | null {
  const wanted = storedCodecs[type];
  if (wanted === null || wanted === batchCodec(view, start)) return null;
  return canCompress(wanted) ? wanted : null;
}

/**
 * The batch [start, end) with its records compressed by `target`, in memory of its own.
 * @throws invalid_batch, batch_too_large, unsupported_compression
 */
export function recompress(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  limitBytes: number,
  target: Codec,
): Uint8Array {
  const recordsAt = start + batchHeaderBytes;
  const source = batchCodec(view, start);
  if (source !== codec.none) inspected.bytes += limitBytes;
  const plain = decompress(source, bytes, recordsAt, end, limitBytes);
  if (source !== codec.none) inspected.bytes += plain.length - limitBytes;
  const records = compress(target, plain);
  const renewed = new Uint8Array(batchHeaderBytes + records.length);
  renewed.set(bytes.subarray(start, recordsAt));
  renewed.set(records, batchHeaderBytes);
  const renewedView = viewOf(renewed);
  const attributes = (batchAttributes(view, start) & ~batchAttribute.codecMask) | target;
  renewedView.setInt16(batchField.attributes, attributes);
  renewedView.setInt32(batchField.length, renewed.length - batchPrefixBytes);
  sealBatch(renewed, renewedView, 0);
  return renewed;
}
