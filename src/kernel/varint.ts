/**
 * Variable-length integers: 7 bits a byte, least significant group first, high bit = more follows.
 *
 * Owns: unsigned and zigzag forms of 32 and 64 bits, as numbers.
 * Leaves: MQTT's four-byte remaining length and other protocols' own integers to their codecs.
 *
 * A reader returns the value and leaves the position after it in `varint.end`, so that nothing is
 * allocated. `varint.end` is below 0 when there is no value (the result is 0 then): `varintShort`
 * when `limit` came first, `varintInvalid` when the bytes are no integer of that width, or a 64-bit
 * one beyond ±(2^53 - 1). It holds until the next read.
 */

/** Where the last value ended, or why there was none. */
export const varint = { end: 0 };

/** The bytes ended inside the integer. */
export const varintShort = -1;
/** Too many bytes, or a value beyond the width or beyond 2^53. */
export const varintInvalid = -2;

function fail(why: number): number {
  varint.end = why;
  return 0;
}

/** An unsigned 32-bit integer of 1 to 5 bytes. `limit` is at most `bytes.length`. */
// HOT: one byte is by far the most frequent length.
export function readVarint(bytes: Uint8Array, position: number, limit: number): number {
  if (position >= limit) return fail(varintShort);
  const first = bytes[position]!;
  if (first < 0x80) {
    varint.end = position + 1;
    return first;
  }
  return readVarintTail(bytes, position + 1, limit, first & 0x7f);
}

// HOT
function readVarintTail(bytes: Uint8Array, position: number, limit: number, low: number): number {
  let value = low;
  let shift = 7;
  for (let at = position; at < limit; at++, shift += 7) {
    const byte = bytes[at]!;
    if (shift === 28) {
      if (byte > 0x0f) return fail(varintInvalid);
      varint.end = at + 1;
      return (value | (byte << 28)) >>> 0;
    }
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      varint.end = at + 1;
      return value;
    }
  }
  return fail(varintShort);
}

/** A zigzag 32-bit integer of 1 to 5 bytes: 0, -1, 1, -2 … are 0, 1, 2, 3 … */
// HOT
export function readZigzag(bytes: Uint8Array, position: number, limit: number): number {
  const raw = readVarint(bytes, position, limit);
  return (raw >>> 1) ^ -(raw & 1);
}

/** An unsigned 64-bit integer of 1 to 10 bytes, at most 2^53 - 1. */
// HOT
export function readVarlong(bytes: Uint8Array, position: number, limit: number): number {
  readGroups(bytes, position, limit);
  if (varint.end < 0) return 0;
  const value = groups.low + groups.high * 0x1000_0000;
  return value > Number.MAX_SAFE_INTEGER ? fail(varintInvalid) : value;
}

/** A zigzag 64-bit integer of 1 to 10 bytes, within ±(2^53 - 1). */
// HOT
export function readZigzagLong(bytes: Uint8Array, position: number, limit: number): number {
  readGroups(bytes, position, limit);
  if (varint.end < 0) return 0;
  const low = groups.low;
  // Halved before they are joined: the raw value of an exact one may itself need 54 bits.
  const half = (low >>> 1) + groups.high * 0x800_0000;
  const value = (low & 1) === 0 ? half : -half - 1;
  return value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER
    ? fail(varintInvalid)
    : value;
}

/** The 64 bits just read: value = low + high * 2^28, `low` below 2^28, `high` below 2^36 and rounded never. */
const groups = { low: 0, high: 0 };

// HOT
function readGroups(bytes: Uint8Array, position: number, limit: number): void {
  let low = 0;
  let high = 0;
  let scale = 1;
  for (let at = position, index = 0; at < limit; at++, index++) {
    const byte = bytes[at]!;
    if (index < 4) {
      low |= (byte & 0x7f) << (7 * index);
    } else if (index === 9 && byte > 1) {
      varint.end = varintInvalid;
      return;
    } else {
      high += (byte & 0x7f) * scale;
      scale *= 128;
    }
    if (byte < 0x80) {
      groups.low = low;
      groups.high = high;
      varint.end = at + 1;
      return;
    }
  }
  varint.end = varintShort;
}

/** Writes an unsigned 32-bit integer; returns the position after it. The caller has made room. */
// HOT
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value >>> 0;
  if (rest < 0x80) {
    target[at] = rest;
    return at + 1;
  }
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
}

/** Writes a zigzag 32-bit integer; returns the position after it. The caller has made room. */
// HOT
export function writeZigzag(target: Uint8Array, position: number, value: number): number {
  return writeVarint(target, position, (value << 1) ^ (value >> 31));
}

/** Writes an integer from 0 to 2^53 - 1; returns the position after it. The caller has made room. */
// HOT
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest > 0xffff_ffff) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  return writeVarint(target, at, rest);
}

/** Writes a zigzag integer within ±(2^53 - 1); returns the position after it. The caller has made room. */
// HOT
export function writeZigzagLong(target: Uint8Array, position: number, value: number): number {
  // Nearly always small: 32-bit arithmetic is three times as fast.
  if (value === (value | 0)) return writeZigzag(target, position, value);
  const half = value < 0 ? -value - 1 : value;
  const sign = value < 0 ? 1 : 0;
  // The lowest 7 bits go out by themselves: doubling a 53-bit value would lose its last bit.
  const first = ((half % 64) << 1) | sign;
  if (half < 64) {
    target[position] = first;
    return position + 1;
  }
  target[position] = first | 0x80;
  return writeVarlong(target, position + 1, Math.floor(half / 64));
}

/** Bytes that `writeVarint` writes. */
// HOT
export function varintSize(value: number): number {
  if (value >>> 7 === 0) return 1;
  const bits = 32 - Math.clz32(value | 1);
  return ((bits + 6) / 7) | 0;
}

/** Bytes that `writeZigzag` writes. */
// HOT
export function zigzagSize(value: number): number {
  return varintSize((value << 1) ^ (value >> 31));
}

/** Bytes that `writeVarlong` writes. */
// HOT
export function varlongSize(value: number): number {
  let size = 0;
  let rest = value;
  while (rest > 0xffff_ffff) {
    rest = Math.floor(rest / 128);
    size++;
  }
  return size + varintSize(rest);
}

/** Bytes that `writeZigzagLong` writes. */
// HOT
export function zigzagLongSize(value: number): number {
  if (value === (value | 0)) return zigzagSize(value);
  const half = value < 0 ? -value - 1 : value;
  return half < 64 ? 1 : 1 + varlongSize(Math.floor(half / 64));
}
