/**
 * Reads Kafka's primitive types from one request, in place.
 *
 * Owns: bounds. Every length and count is compared with the bytes that are left before anything is
 * made of it; whatever does not fit is a ProtocolViolation.
 * Leaves: which field follows which to the schemas and to the hand-written hot decoders.
 *
 *     classic                           flexible [KIP-482]
 *     string   int16 length, -1 null    uvarint length + 1, 0 null
 *     bytes    int32 length, -1 null    uvarint length + 1, 0 null
 *     array    int32 count, -1 null     uvarint count + 1, 0 null
 *     (none)                            tagged fields: uvarint count, then {uvarint tag, uvarint size, bytes}
 *
 * Any negative length is null, as in Kafka. Null is the result -1 of the length readers.
 *
 * An int64 beyond ±(2^53 - 1) is read as that bound. No offset, time or producer id of ours gets
 * there, so such a request gets the answer that Kafka gives to any value too large, and the
 * connection lives on.
 */

import { readInt64, viewOf } from '../../kernel/bytes.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { readVarint, varint } from '../../kernel/varint.ts';

/** Kafka's strings are bounded by their classic int16 length, compact ones too. */
export const stringBytesMax = 0x7fff;
/**
 * Elements of all arrays of one request. An element may take a single byte of the request, a hundred
 * of memory, and as much again in the answer.
 */
export const requestElementsMax = 500_000;

const nothing = new Uint8Array(0);

export class Reader {
  /** Borrowed: as long-lived as what `reset` was given. */
  bytes: Uint8Array = nothing;
  view: DataView = viewOf(nothing);
  /** The next byte to read; `position <= end <= bytes.length`. */
  position = 0;
  end = 0;
  private elementsLeft = requestElementsMax;

  /** Reads bytes[start, end) from now on. `view` covers `bytes`; one is made when it is left out. */
  reset(bytes: Uint8Array, start: number, end: number, view?: DataView): void {
    if (this.bytes !== bytes) {
      this.bytes = bytes;
      this.view = view ?? viewOf(bytes);
    }
    this.position = start;
    this.end = end;
    this.elementsLeft = requestElementsMax;
  }

  /** Counts the elements of an array that is about to be walked. */
  spendElements(count: number): void {
    this.elementsLeft -= count;
    if (this.elementsLeft < 0) throw violation('a request names too many things');
  }

  // HOT
  int8(): number {
    return this.view.getInt8(this.take(1));
  }

  // HOT
  int16(): number {
    return this.view.getInt16(this.take(2));
  }

  // HOT
  int32(): number {
    return this.view.getInt32(this.take(4));
  }

  // HOT
  int64(): number {
    const value = readInt64(this.view, this.take(8));
    if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
    if (value < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
    return value;
  }

  float64(): number {
    return this.view.getFloat64(this.take(8));
  }

  // HOT
  uvarint(): number {
    const value = readVarint(this.bytes, this.position, this.end);
    if (varint.end < 0) throw violation('a varint is cut short or longer than 32 bits');
    this.position = varint.end;
    return value;
  }

  /** The byte length of the string that begins here, -1 for null; `position` is then at its text. */
  // HOT
  stringLength(flexible: boolean): number {
    const length = flexible ? this.uvarint() - 1 : this.int16();
    if (length > stringBytesMax) throw violation('a string is longer than 32767 bytes');
    return this.fit(length);
  }

  /** The length of the bytes or records that begin here, -1 for null; `position` is then at them. */
  // HOT
  bytesLength(flexible: boolean): number {
    return this.fit(flexible ? this.uvarint() - 1 : this.int32());
  }

  /** The element count of the array that begins here, -1 for null. */
  // HOT
  arrayCount(flexible: boolean, elementBytesMin: number): number {
    const count = flexible ? this.uvarint() - 1 : this.int32();
    if (count * elementBytesMin > this.end - this.position) {
      throw violation('an array claims more elements than bytes follow');
    }
    return count < 0 ? -1 : count;
  }

  /** Moves over `count` bytes and returns where they begin. */
  // HOT
  take(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw violation('the request ends inside a field');
    this.position = at + count;
    return at;
  }

  /** Moves over a section of tagged fields, whatever they are. */
  // HOT: nearly always one zero byte.
  skipTags(): void {
    for (let left = this.uvarint(); left > 0; left--) {
      this.uvarint();
      this.take(this.uvarint());
    }
  }

  private fit(length: number): number {
    if (length > this.end - this.position) throw violation('a length reaches past the request');
    return length < 0 ? -1 : length;
  }
}

export function violation(text: string): ProtocolViolation {
  return new ProtocolViolation('KAFKA-PROTOCOL', text);
}
