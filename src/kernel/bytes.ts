/**
 * Numbers, text and ids in bytes.
 *
 * Owns: int64 as JavaScript numbers, hex, UTF-8, UUIDs in their two spellings.
 * Leaves: variable-length integers to varint.ts, checksums to crc32c.ts.
 *
 * An int64 is read as high * 2^32 + low: a bigint costs twenty times as much. Above 2^53 the result
 * is rounded, but never into the exact range, so that a check after the read (`isExact`) is enough.
 */

const twoTo32 = 0x1_0000_0000;

/** Whether an int64 that was read as a number is the very one in the bytes: |value| < 2^53. */
export function isExact(value: number): boolean {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER;
}

// HOT: no allocation, about 1 ns.
export function readInt64(view: DataView, position: number): number {
  return view.getInt32(position) * twoTo32 + view.getUint32(position + 4);
}

// HOT
export function readInt64LittleEndian(view: DataView, position: number): number {
  return view.getInt32(position + 4, true) * twoTo32 + view.getUint32(position, true);
}

/** `value` is exact: `isExact(value)`. */
// HOT
export function writeInt64(view: DataView, position: number, value: number): void {
  view.setInt32(position, Math.floor(value / twoTo32));
  view.setUint32(position + 4, value);
}

/** `value` is exact: `isExact(value)`. */
// HOT
export function writeInt64LittleEndian(view: DataView, position: number, value: number): void {
  view.setInt32(position + 4, Math.floor(value / twoTo32), true);
  view.setUint32(position, value, true);
}

/** A view over the same memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && equalRanges(left, 0, left.length, right, 0, right.length);
}

/** Compares [leftStart, leftEnd) with [rightStart, rightEnd); the ranges lie inside their arrays. */
// HOT
export function equalRanges(
  left: Uint8Array,
  leftStart: number,
  leftEnd: number,
  right: Uint8Array,
  rightStart: number,
  rightEnd: number,
): boolean {
  const length = leftEnd - leftStart;
  if (length !== rightEnd - rightStart) return false;
  for (let i = 0; i < length; i++) {
    if (left[leftStart + i] !== right[rightStart + i]) return false;
  }
  return true;
}

/** A copy of its own of [start, end). Not `slice`: that of a Buffer is a view of the same memory. */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(start, end));
}

/** Up to here a loop beats the call and the view that `set` needs. */
const loopBytesMax = 32;

/** Copies `length` bytes from `source` at `start` to `target` at `position`. The ranges are inside. */
// HOT
export function copyBytes(
  source: Uint8Array,
  start: number,
  length: number,
  target: Uint8Array,
  position: number,
): void {
  if (length > loopBytesMax) {
    target.set(source.subarray(start, start + length), position);
    return;
  }
  for (let i = 0; i < length; i++) target[position + i] = source[start + i]!;
}

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A `Buffer` over the same memory: its text functions are twice as fast as TextDecoder. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bad sequences become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return bufferOf(bytes).toString('utf8', start, end);
}

/** Null when the bytes are not UTF-8. */
export function decodeUtf8Strict(bytes: Uint8Array, start = 0, end = bytes.length): string | null {
  try {
    return strictDecoder.decode(bytes.subarray(start, end));
  } catch (error) {
    // By its code: under Jest the error's class belongs to another realm.
    if ((error as { code?: unknown }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return null;
    throw error;
  }
}

/** A lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The length of `encodeUtf8(text)`, without making it. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Writes as much of `text` as fits, whole characters only; returns the bytes written. */
export function writeUtf8(target: Uint8Array, position: number, text: string): number {
  return bufferOf(target).write(text, position, 'utf8');
}

export function encodeHex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return bufferOf(bytes).toString('hex', start, end);
}

/** Null when `text` is not pairs of hexadecimal digits. */
export function decodeHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export const uuidBytes = 16;

/** The 22 characters in which Kafka prints a topic id: base64url without padding. */
export function formatUuidShort(bytes: Uint8Array, start = 0): string {
  return bufferOf(bytes).toString('base64url', start, start + uuidBytes);
}

/** The reverse of `formatUuidShort`; null when `text` is not 22 characters of base64url. */
export function parseUuidShort(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]{22}$/.test(text)) return null;
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  // The last character carries 4 spare bits; only one spelling of each id is accepted.
  return formatUuidShort(bytes) === text ? bytes : null;
}

/** The 36 characters of RFC 9562. */
export function formatUuid(bytes: Uint8Array, start = 0): string {
  const hex = encodeHex(bytes, start, start + uuidBytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The reverse of `formatUuid`; null when `text` is not a UUID. */
export function parseUuid(text: string): Uint8Array | null {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return null;
  return decodeHex(text.replaceAll('-', ''));
}
