/**
 * A record on its way to a consumer.
 *
 * Owns: the view that deliveries are shown through, and the record as an object for whoever wants one.
 * Leaves: which record goes to whom to dispatch.ts.
 */

import { decodeUtf8 } from '../../kernel/bytes.ts';
import { readZigzag, varint } from '../../kernel/varint.ts';
import type { RecordHeader } from '../../record/records.ts';
import type { Queue } from './queue.ts';
import type { RecordWindow } from './record-window.ts';

const emptyBytes = new Uint8Array(0);

/**
 * One delivery. A single instance is used for all: everything in it is borrowed until the callback
 * returns, the bytes included.
 */
export class Delivery {
  queue: Queue | null = null;
  /** Index of the partition in its queue. With the offset it names the delivery. */
  partition = 0;
  offset = 0;
  /** Which delivery of this record it is, as far as counted: from 1. */
  attempt = 0;
  /** The record may have been delivered before, whether that was counted or not. */
  isRedelivered = false;
  /** Unix ms; -1 when the publisher set none. */
  timestamp = -1;
  /** Where everything below lies. */
  bytes: Uint8Array = emptyBytes;
  keyStart = 0;
  /** -1: no key. */
  keyLength = -1;
  valueStart = 0;
  /** -1: no value. */
  valueLength = -1;
  /** The encoded headers, [headersStart, headersEnd). */
  headersStart = 0;
  headersEnd = 0;
  headerCount = 0;

  // HOT
  show(window: RecordWindow, row: number): void {
    this.offset = window.offsets[row]!;
    this.timestamp = window.timestamps[row]!;
    this.bytes = window.bytes;
    this.keyStart = window.keyStart(row);
    this.keyLength = window.keyLength(row);
    this.valueStart = window.valueStart(row);
    this.valueLength = window.valueLength(row);
    this.headersStart = window.headersStart(row);
    this.headersEnd = window.recordEnd(row);
    this.headerCount = window.headerCount(row);
  }
}

/** A record that outlives its delivery: copies of everything. */
export interface DeliveredRecord {
  readonly partition: number;
  readonly offset: number;
  readonly attempt: number;
  readonly isRedelivered: boolean;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export function copyDelivery(delivery: Delivery): DeliveredRecord {
  return {
    partition: delivery.partition,
    offset: delivery.offset,
    attempt: delivery.attempt,
    isRedelivered: delivery.isRedelivered,
    timestamp: delivery.timestamp,
    key: copyPart(delivery.bytes, delivery.keyStart, delivery.keyLength),
    value: copyPart(delivery.bytes, delivery.valueStart, delivery.valueLength),
    headers: copyHeaders(delivery),
  };
}

function copyHeaders(delivery: Delivery): RecordHeader[] {
  const { bytes, headersEnd } = delivery;
  const headers: RecordHeader[] = [];
  let at = delivery.headersStart;
  for (let i = 0; i < delivery.headerCount; i++) {
    const keyLength = readZigzag(bytes, at, headersEnd);
    const keyEnd = varint.end + keyLength;
    const key = decodeUtf8(bytes, varint.end, keyEnd);
    const valueLength = readZigzag(bytes, keyEnd, headersEnd);
    const valueStart = varint.end;
    headers.push({ key, value: copyPart(bytes, valueStart, valueLength) });
    at = valueStart + Math.max(valueLength, 0);
  }
  return headers;
}

function copyPart(bytes: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : Uint8Array.prototype.slice.call(bytes, start, start + length);
}
