/**
 * Writes Kafka's composite primitives; reader.ts has the table of their forms.
 *
 * Owns: prefixes. Leaves: numbers, room and copies to ByteWriter.
 */

import { assert } from '../../kernel/assert.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import { utf8Length } from '../../kernel/bytes.ts';
import { varintSize } from '../../kernel/varint.ts';
import { stringBytesMax } from './reader.ts';

// HOT
export function writeArrayCount(writer: ByteWriter, flexible: boolean, count: number): void {
  if (flexible) writer.uvarint(count + 1);
  else writer.int32(count);
}

/** The prefix of bytes or records; -1 is null. */
// HOT
export function writeBytesLength(writer: ByteWriter, flexible: boolean, length: number): void {
  if (flexible) writer.uvarint(length + 1);
  else writer.int32(length);
}

/** A string that is already UTF-8: source[start, end). */
// HOT
export function writeStringBytes(
  writer: ByteWriter,
  flexible: boolean,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const length = end - start;
  assert(length >= 0 && length <= stringBytesMax, 'a Kafka string of at most 32767 bytes');
  if (flexible) writer.uvarint(length + 1);
  else writer.int16(length);
  writer.copy(source, start, end);
}

export function writeString(writer: ByteWriter, flexible: boolean, text: string | null): void {
  if (text === null) {
    if (flexible) writer.uint8(0);
    else writer.int16(-1);
    return;
  }
  const length = utf8Length(text);
  assert(length <= stringBytesMax, 'a Kafka string of at most 32767 bytes');
  if (flexible) writer.uvarint(length + 1);
  else writer.int16(length);
  writer.utf8(text);
}

/** Bytes that `writeArrayCount` and `writeBytesLength` write. */
// HOT
export function lengthPrefixSize(flexible: boolean, length: number): number {
  return flexible ? varintSize(length + 1) : 4;
}

/** Bytes that a string of `length` UTF-8 bytes takes, prefix included; -1 is null. */
// HOT
export function stringSize(flexible: boolean, length: number): number {
  const prefix = flexible ? varintSize(length + 1) : 2;
  return prefix + Math.max(length, 0);
}
