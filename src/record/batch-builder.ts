/**
 * Making record batches.
 *
 * Owns: encoding records and the header of their batch, the limits of one batch.
 * Leaves: the layout to batch.ts and records.ts, the time and the offset to whoever publishes.
 *
 * A builder is one buffer, made once and filled again and again. Between `begin` and `finish` its
 * content is: 61 bytes of room for the header, then complete records.
 */

import { assert } from '../kernel/assert.ts';
import { copyBytes, encodeUtf8, viewOf, writeInt64 } from '../kernel/bytes.ts';
import { writeZigzag, writeZigzagLong, zigzagLongSize, zigzagSize } from '../kernel/varint.ts';
import {
  batchAttribute,
  batchField,
  batchHeaderBytes,
  batchPrefixBytes,
  batchVersion,
  sealBatch,
} from './batch.ts';
import { type Codec, codec, compress } from './compression/index.ts';
import type { RecordHeader } from './records.ts';

export interface BatchLimits {
  readonly recordsMax: number;
  /** Of the finished batch, uncompressed. A batch of one record may be larger. */
  readonly bytesMax: number;
}

/** What publishes of one tick are gathered into. */
export const publishBatchLimits: BatchLimits = { recordsMax: 256, bytesMax: 64 * 1024 };

/** What the header of a batch says beyond its records. Fields left out mean none. */
export interface BatchOptions {
  readonly codec?: Codec;
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
  /** All records get this broker time instead of their own. */
  readonly logAppendTime?: number;
}

const noOptions: BatchOptions = {};
const noBytes = new Uint8Array(0);

/** The headers of a record in their encoded form, to be made once and used for many records. */
export interface EncodedHeaders {
  readonly count: number;
  readonly bytes: Uint8Array;
}

export class BatchBuilder {
  recordCount = 0;

  private readonly limits: BatchLimits;
  private bytes: Uint8Array;
  private view: DataView;
  /** The end of the last record. */
  private end = batchHeaderBytes;
  private baseTimestamp = -1;
  private maxTimestamp = -1;

  // The parts of the next record. A length of -1 is null.
  private key: Uint8Array = noBytes;
  private keyStart = 0;
  private keyLength = -1;
  private value: Uint8Array = noBytes;
  private valueStart = 0;
  private valueLength = -1;
  private headers: Uint8Array = noBytes;
  private headersStart = 0;
  private headersLength = 0;
  private headerCount = 0;

  constructor(limits: BatchLimits = publishBatchLimits, initialBytes = 4096) {
    assert(initialBytes >= batchHeaderBytes, 'the buffer holds at least a header');
    this.limits = limits;
    this.bytes = new Uint8Array(initialBytes);
    this.view = viewOf(this.bytes);
  }

  /**
   * Starts the next batch. What `finish` returned is overwritten from now on. Parts that are set
   * stay: those of a record that did not fit before.
   */
  begin(): void {
    this.recordCount = 0;
    this.end = batchHeaderBytes;
    this.baseTimestamp = -1;
    this.maxTimestamp = -1;
  }

  /** Bytes of the batch as it stands, uncompressed. */
  get size(): number {
    return this.end;
  }

  /** The key of the next record: [start, end), borrowed until `add`. Without a call it is null. */
  // HOT
  setKey(bytes: Uint8Array, start: number, end: number): void {
    this.key = bytes;
    this.keyStart = start;
    this.keyLength = end - start;
  }

  /** The value of the next record: [start, end), borrowed until `add`. Without a call it is null. */
  // HOT
  setValue(bytes: Uint8Array, start: number, end: number): void {
    this.value = bytes;
    this.valueStart = start;
    this.valueLength = end - start;
  }

  /** The headers of the next record, encoded: [start, end), borrowed until `add`. */
  // HOT
  setHeaders(bytes: Uint8Array, start: number, end: number, count: number): void {
    this.headers = bytes;
    this.headersStart = start;
    this.headersLength = end - start;
    this.headerCount = count;
  }

  /**
   * Appends a record of the parts set before. False, with the parts kept, when the batch is full:
   * `finish`, `begin`, and add again. The first record always fits.
   */
  // HOT: 110 ns for a record of 100 B.
  add(timestamp: number): boolean {
    const count = this.recordCount;
    const timestampDelta = count === 0 ? 0 : timestamp - this.baseTimestamp;
    const body =
      1 +
      zigzagLongSize(timestampDelta) +
      zigzagSize(count) +
      zigzagSize(this.keyLength) +
      Math.max(this.keyLength, 0) +
      zigzagSize(this.valueLength) +
      Math.max(this.valueLength, 0) +
      zigzagSize(this.headerCount) +
      this.headersLength;
    const end = this.end + zigzagSize(body) + body;
    if (count > 0 && (count >= this.limits.recordsMax || end > this.limits.bytesMax)) return false;
    if (end > this.bytes.length) this.grow(end);
    if (count === 0) this.baseTimestamp = timestamp;
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
    this.writeRecord(body, timestampDelta, count);
    assert(this.end === end, 'a record has the size that was computed for it');
    this.recordCount = count + 1;
    this.clearParts();
    return true;
  }

  /** `add` for callers with objects: when it returns false, nothing is kept. */
  addRecord(record: RecordInput): boolean {
    const { key, value, headers } = record;
    if (key !== null) this.setKey(key, 0, key.length);
    if (value !== null) this.setValue(value, 0, value.length);
    if (headers !== undefined && headers.length > 0) {
      const encoded = encodeHeaders(headers);
      this.setHeaders(encoded.bytes, 0, encoded.bytes.length, encoded.count);
    }
    const added = this.add(record.timestamp);
    if (!added) this.clearParts();
    return added;
  }

  /**
   * The finished batch. Uncompressed it is a view of the builder's buffer, borrowed until `begin`.
   * @throws unsupported_compression
   */
  finish(options: BatchOptions = noOptions): Uint8Array {
    assert(this.recordCount > 0, 'a batch has records');
    const codecNumber = options.codec ?? codec.none;
    if (codecNumber === codec.none) {
      this.writeHeader(this.bytes, this.view, this.end, options);
      return this.bytes.subarray(0, this.end);
    }
    const records = compress(codecNumber, this.bytes, batchHeaderBytes, this.end);
    const batch = new Uint8Array(batchHeaderBytes + records.length);
    batch.set(records, batchHeaderBytes);
    this.writeHeader(batch, viewOf(batch), batch.length, options);
    return batch;
  }

  // HOT
  private writeRecord(body: number, timestampDelta: number, offsetDelta: number): void {
    const target = this.bytes;
    let at = writeZigzag(target, this.end, body);
    target[at++] = 0;
    at = writeZigzagLong(target, at, timestampDelta);
    at = writeZigzag(target, at, offsetDelta);
    at = writeZigzag(target, at, this.keyLength);
    if (this.keyLength > 0) {
      copyBytes(this.key, this.keyStart, this.keyLength, target, at);
      at += this.keyLength;
    }
    at = writeZigzag(target, at, this.valueLength);
    if (this.valueLength > 0) {
      copyBytes(this.value, this.valueStart, this.valueLength, target, at);
      at += this.valueLength;
    }
    at = writeZigzag(target, at, this.headerCount);
    copyBytes(this.headers, this.headersStart, this.headersLength, target, at);
    this.end = at + this.headersLength;
  }

  private writeHeader(
    bytes: Uint8Array,
    view: DataView,
    size: number,
    options: BatchOptions,
  ): void {
    const { logAppendTime } = options;
    const attributes =
      (options.codec ?? codec.none) |
      (logAppendTime === undefined ? 0 : batchAttribute.logAppendTime) |
      (options.transactional === true ? batchAttribute.transactional : 0) |
      (options.control === true ? batchAttribute.control : 0);
    writeInt64(view, batchField.baseOffset, options.baseOffset ?? 0);
    view.setInt32(batchField.length, size - batchPrefixBytes);
    view.setInt32(batchField.leaderEpoch, options.leaderEpoch ?? -1);
    view.setInt8(batchField.magic, batchVersion);
    view.setInt16(batchField.attributes, attributes);
    view.setInt32(batchField.lastOffsetDelta, this.recordCount - 1);
    writeInt64(view, batchField.baseTimestamp, this.baseTimestamp);
    writeInt64(view, batchField.maxTimestamp, logAppendTime ?? this.maxTimestamp);
    writeInt64(view, batchField.producerId, options.producerId ?? -1);
    view.setInt16(batchField.producerEpoch, options.producerEpoch ?? -1);
    view.setInt32(batchField.baseSequence, options.baseSequence ?? -1);
    view.setInt32(batchField.recordCount, this.recordCount);
    sealBatch(bytes, view, 0);
  }

  // HOT
  private clearParts(): void {
    this.key = noBytes;
    this.keyLength = -1;
    this.value = noBytes;
    this.valueLength = -1;
    this.headers = noBytes;
    this.headersLength = 0;
    this.headerCount = 0;
  }

  private grow(size: number): void {
    const grown = new Uint8Array(Math.max(size, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
    this.view = viewOf(grown);
  }
}

/** A record to be published. */
export interface RecordInput {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** Unix milliseconds; -1 for none. */
  readonly timestamp: number;
}

/** Headers in the form in which `BatchBuilder.setHeaders` takes them: without their count. */
export function encodeHeaders(headers: readonly RecordHeader[]): EncodedHeaders {
  const keys = headers.map((header) => encodeUtf8(header.key));
  let size = 0;
  headers.forEach(({ value }, index) => {
    const keyLength = keys[index]?.length ?? 0;
    const valueLength = value?.length ?? -1;
    size += zigzagSize(keyLength) + keyLength + zigzagSize(valueLength) + Math.max(valueLength, 0);
  });
  const bytes = new Uint8Array(size);
  let at = 0;
  headers.forEach(({ value }, index) => {
    const key = keys[index] ?? noBytes;
    at = writeZigzag(bytes, at, key.length);
    bytes.set(key, at);
    at = writeZigzag(bytes, at + key.length, value?.length ?? -1);
    if (value !== null) bytes.set(value, at);
    at += value?.length ?? 0;
  });
  return { count: headers.length, bytes };
}

/** One batch of all `records`, whatever their size, in memory of its own. At least one record. */
export function buildBatch(
  records: readonly RecordInput[],
  options: BatchOptions = noOptions,
): Uint8Array {
  const builder = new BatchBuilder({ recordsMax: records.length, bytesMax: Infinity });
  builder.begin();
  for (const record of records) builder.addRecord(record);
  return builder.finish(options).slice();
}
