/**
 * Messages as the embedding program gives and gets them.
 *
 * Owns: texts and bytes, headers as an object or as pairs, times. Leaves: records to broker/.
 */

import type { RecordHeader, StoredRecord } from '../broker/index.ts';
import { encodeUtf8 } from '../kernel/bytes.ts';

/** Text is stored as UTF-8. Bytes are borrowed until the call's promise settles: do not change them. */
export type MessageData = Uint8Array | string | null;

export interface OutgoingMessage {
  /** Messages with the same key go to the same partition, the one that Kafka clients choose. */
  readonly key?: MessageData | undefined;
  readonly value: MessageData;
  /** As an object, or as pairs where order and repetition count. */
  readonly headers?:
    | Readonly<Record<string, MessageData>>
    | readonly (readonly [string, MessageData])[]
    | undefined;
  /** Index of the partition; left out, the key or a rota decides. */
  readonly partition?: number | undefined;
  /** Unix ms, or a date; left out, now. */
  readonly timestamp?: number | Date | undefined;
}

/** Where a published message is, now that it is committed. */
export interface PublishedMessage {
  readonly partition: number;
  readonly offset: number;
  /** Unix ms. */
  readonly timestamp: number;
}

export interface MessageHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** The bytes belong to the receiver. */
export interface IncomingMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Unix ms; -1 when the publisher set none. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
  /** In the publisher's order; a key may come more than once. */
  readonly headers: readonly MessageHeader[];
}

/** The part of a publish request that a message gives. */
export interface MessageRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  readonly partition?: number;
  readonly timestamp?: number;
}

/** @throws TypeError: it is not a message */
export function recordOf(message: OutgoingMessage): MessageRecord {
  const { partition, timestamp } = message;
  return {
    key: bytesOf(message.key ?? null, 'key'),
    value: bytesOf(message.value, 'value'),
    headers: headersOf(message.headers),
    ...(partition === undefined ? {} : { partition: wholeNumber(partition, 'partition') }),
    ...(timestamp === undefined ? {} : { timestamp: wholeNumber(timestamp, 'timestamp') }),
  };
}

export function messageOf(topic: string, partition: number, record: StoredRecord): IncomingMessage {
  return {
    topic,
    partition,
    offset: record.offset,
    timestamp: record.timestamp,
    key: bufferOf(record.key),
    value: bufferOf(record.value),
    headers: record.headers.map(({ key, value }) => ({ key, value: bufferOf(value) })),
  };
}

function bytesOf(data: MessageData, name: string): Uint8Array | null {
  if (data === null) return null;
  if (typeof data === 'string') return encodeUtf8(data);
  // Not `instanceof`: test runners load modules into realms of their own.
  if (ArrayBuffer.isView(data) && !(data instanceof DataView)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  throw new TypeError(`the ${name} of a message is a string, a Uint8Array or null`);
}

function headersOf(headers: OutgoingMessage['headers']): readonly RecordHeader[] {
  if (headers === undefined) return noHeaders;
  const pairs = Symbol.iterator in headers ? headers : Object.entries(headers);
  return Array.from(pairs as Iterable<readonly [string, MessageData]>, ([key, value]) => ({
    key,
    value: bytesOf(value, `header ${key}`),
  }));
}

const noHeaders: readonly RecordHeader[] = [];

function wholeNumber(value: number | Date, name: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new TypeError(`the ${name} of a message is a whole number`);
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
