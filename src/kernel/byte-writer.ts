/**
 * The growable output writer: one byte array that encoders append to, reused for message after
 * message.
 *
 * Owns: room, position, big-endian integers, varints, text, copies of ranges, patching back.
 * Leaves: prefixes and framing to each codec; little-endian formats write through `view` after
 * `ensure`.
 *
 * Invariant: `position <= bytes.length`, and `view` covers the same memory as `bytes`. Both are
 * replaced when the writer grows: never keep them across a write.
 */

import { assert } from './assert.ts';
import { utf8Length, viewOf, writeInt64, writeUtf8 } from './bytes.ts';
import { writeVarint, writeVarlong, writeZigzag, writeZigzagLong } from './varint.ts';

const initialCapacity = 256;
/** Shorter ranges are copied in a loop: making a view for `set` costs more than that. */
const copyLoopMax = 48;
/** Shorter text is tried as ASCII in a loop: it is nearly always that. */
const asciiLoopMax = 64;

export class ByteWriter {
  bytes: Uint8Array;
  view: DataView;
  /** Where the next byte goes; equals the bytes written since the last `reset`. */
  position = 0;

  constructor(capacity = initialCapacity) {
    this.bytes = new Uint8Array(Math.max(capacity, 16));
    this.view = viewOf(this.bytes);
  }

  /** Makes room for `count` more bytes. */
  // HOT
  ensure(count: number): void {
    if (this.bytes.length - this.position < count) this.grow(count);
  }

  // HOT
  uint8(value: number): void {
    this.ensure(1);
    this.bytes[this.position++] = value;
  }

  // HOT
  int8(value: number): void {
    this.uint8(value);
  }

  // HOT: writes an unsigned value up to 65535 just as well, like the other widths.
  int16(value: number): void {
    this.ensure(2);
    this.view.setInt16(this.position, value);
    this.position += 2;
  }

  // HOT
  int32(value: number): void {
    this.ensure(4);
    this.view.setInt32(this.position, value);
    this.position += 4;
  }

  /** `value` is exact, that is within ±(2^53 - 1). */
  // HOT
  int64(value: number): void {
    this.ensure(8);
    writeInt64(this.view, this.position, value);
    this.position += 8;
  }

  float32(value: number): void {
    this.ensure(4);
    this.view.setFloat32(this.position, value);
    this.position += 4;
  }

  float64(value: number): void {
    this.ensure(8);
    this.view.setFloat64(this.position, value);
    this.position += 8;
  }

  /** An unsigned 32-bit varint. */
  // HOT
  uvarint(value: number): void {
    this.ensure(5);
    this.position = writeVarint(this.bytes, this.position, value);
  }

  /** A zigzag 32-bit varint. */
  // HOT
  zigzag(value: number): void {
    this.ensure(5);
    this.position = writeZigzag(this.bytes, this.position, value);
  }

  /** A varint from 0 to 2^53 - 1. */
  // HOT
  uvarlong(value: number): void {
    this.ensure(10);
    this.position = writeVarlong(this.bytes, this.position, value);
  }

  /** A zigzag varint within ±(2^53 - 1). */
  // HOT
  zigzagLong(value: number): void {
    this.ensure(10);
    this.position = writeZigzagLong(this.bytes, this.position, value);
  }

  /** The bytes of `text`, without any prefix. Returns how many there are. */
  utf8(text: string): number {
    this.ensure(text.length);
    if (text.length <= asciiLoopMax && this.ascii(text)) return text.length;
    const length = utf8Length(text);
    this.ensure(length);
    this.position += writeUtf8(this.bytes, this.position, text);
    return length;
  }

  /** A copy of source[start, end). */
  // HOT: no view for short ranges.
  copy(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.ensure(length);
    const { bytes, position } = this;
    if (length <= copyLoopMax) {
      for (let i = 0; i < length; i++) bytes[position + i] = source[start + i]!;
    } else {
      bytes.set(source.subarray(start, end), position);
    }
    this.position = position + length;
  }

  /** Leaves `count` bytes to be written later and returns where they begin. They hold old bytes. */
  reserve(count: number): number {
    this.ensure(count);
    const at = this.position;
    this.position += count;
    return at;
  }

  // HOT
  patchInt16(at: number, value: number): void {
    this.view.setInt16(at, value);
  }

  // HOT
  patchInt32(at: number, value: number): void {
    this.view.setInt32(at, value);
  }

  /** What was written since the last `reset`: borrowed until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.position);
  }

  /** A copy of what was written, for whoever keeps it. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.position);
  }

  /** Forgets what was written, and the memory too when it is more than `keepMax` bytes. */
  reset(keepMax = Number.POSITIVE_INFINITY): void {
    this.position = 0;
    if (this.bytes.length > keepMax) {
      this.bytes = new Uint8Array(Math.max(keepMax, initialCapacity));
      this.view = viewOf(this.bytes);
    }
  }

  /** Writes `text` if it is ASCII; false and nothing written if it is not. The caller made room. */
  private ascii(text: string): boolean {
    const { bytes, position } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[position + i] = code;
    }
    this.position = position + text.length;
    return true;
  }

  private grow(count: number): void {
    const needed = this.position + count;
    assert(
      count >= 0 && Number.isSafeInteger(needed),
      'a possible number of bytes to make room for',
    );
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
    this.view = viewOf(grown);
  }
}
