/**
 * The bodies of journal entries and of checkpoint objects: little-endian fields, one after the other.
 *
 * Owns: the little-endian form of a field, written and read.
 * Leaves: which fields there are to entries.ts and to each object.
 *
 * Text is a uint16 length in bytes and UTF-8. What is read here has passed a checksum, so that a
 * field past the end is a bug of ours, not bad input.
 */

import { assert } from '../kernel/assert.ts';
import { ByteWriter } from '../kernel/byte-writer.ts';
import {
  copyOf,
  decodeUtf8,
  readInt64LittleEndian,
  utf8Length,
  viewOf,
  writeInt64LittleEndian,
} from '../kernel/bytes.ts';

/** Little-endian fields at the end of a `ByteWriter`. */
export class BodyWriter {
  readonly output: ByteWriter;

  constructor(output: ByteWriter = new ByteWriter(1024)) {
    this.output = output;
  }

  get bytes(): Uint8Array {
    return this.output.bytes;
  }

  get view(): DataView {
    return this.output.view;
  }

  get length(): number {
    return this.output.position;
  }

  /** Forgets what was written; the memory stays. */
  reset(): this {
    this.output.reset();
    return this;
  }

  uint8(value: number): this {
    this.output.uint8(value);
    return this;
  }

  uint16(value: number): this {
    assert(value >= 0 && value <= 0xffff, 'a uint16 field holds its value');
    const at = this.output.reserve(2);
    this.output.view.setUint16(at, value, true);
    return this;
  }

  int16(value: number): this {
    const at = this.output.reserve(2);
    this.output.view.setInt16(at, value, true);
    return this;
  }

  uint32(value: number): this {
    assert(value >= 0 && value <= 0xffff_ffff, 'a uint32 field holds its value');
    const at = this.output.reserve(4);
    this.output.view.setUint32(at, value, true);
    return this;
  }

  int32(value: number): this {
    const at = this.output.reserve(4);
    this.output.view.setInt32(at, value, true);
    return this;
  }

  int64(value: number): this {
    assert(Number.isSafeInteger(value), 'an int64 field holds its value exactly');
    const at = this.output.reserve(8);
    writeInt64LittleEndian(this.output.view, at, value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.output.copy(bytes, 0, bytes.length);
    return this;
  }

  text(value: string): this {
    this.uint16(utf8Length(value));
    this.output.utf8(value);
    return this;
  }
}

export class BodyReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private position: number;
  private readonly end: number;

  /** `bytes` is borrowed for as long as the reader is used. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.position = start;
    this.end = end;
  }

  get bytesLeft(): number {
    return this.end - this.position;
  }

  uint8(): number {
    return this.view.getUint8(this.take(1));
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  int16(): number {
    return this.view.getInt16(this.take(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  int64(): number {
    return readInt64LittleEndian(this.view, this.take(8));
  }

  /** A copy: it outlives the reader. */
  raw(length: number): Uint8Array {
    const start = this.take(length);
    return copyOf(this.bytes, start, start + length);
  }

  text(): string {
    const length = this.uint16();
    const start = this.take(length);
    return decodeUtf8(this.bytes, start, start + length);
  }

  private take(count: number): number {
    const start = this.position;
    assert(start + count <= this.end, 'a field lies inside its body');
    this.position = start + count;
    return start;
  }
}
