/**
 * LZ4 blocks: the compressed data inside a frame (lz4.ts), without a header of their own.
 *
 *     block     sequences, the last one ends after its literals
 *     sequence  1 token | [more literal length] | literals | 2 distance | [more match length]
 *     token     high 4 bits: literals; low 4 bits: match length - 4; 15 means that bytes follow,
 *               each of which is added, up to and including the first that is not 255
 *     distance  little-endian, 1 to 65 535 bytes back, may overlap what it produces
 */

/** The block is no LZ4. */
export const blockMalformed = -1;
/** The block yields more than there is room for. */
export const blockTooLarge = -2;

const matchBytesMin = 4;
const distanceMax = 0xffff;
/** The format wants the last 5 bytes as literals, and no match to begin in the last 12. */
const tailLiterals = 5;
const matchFreeTail = 12;

export interface BlockTarget {
  readonly output: Uint8Array;
  /** Where the block's content goes. */
  readonly position: number;
  /** The content may reach to here. */
  readonly end: number;
  /** The earliest byte of `output` that a match may refer to. */
  readonly floor: number;
}

/** Decodes [start, end); returns the position after the content, or why there is none. */
// HOT: 0.2-0.4 GB/s of text.
export function decodeLz4Block(
  input: Uint8Array,
  start: number,
  end: number,
  target: BlockTarget,
): number {
  const output = target.output;
  const outputEnd = target.end;
  let from = start;
  let to = target.position;
  for (;;) {
    if (from >= end) return blockMalformed;
    const token = input[from++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        if (from >= end) return blockMalformed;
        more = input[from++]!;
        literals += more;
      }
    }
    if (literals > end - from) return blockMalformed;
    if (literals > outputEnd - to) return blockTooLarge;
    for (const stop = from + literals; from < stop; ) output[to++] = input[from++]!;
    if (from === end) return to;

    if (end - from < 2) return blockMalformed;
    const distance = input[from]! | (input[from + 1]! << 8);
    from += 2;
    if (distance === 0 || distance > to - target.floor) return blockMalformed;
    let match = token & 15;
    if (match === 15) {
      let more = 255;
      while (more === 255) {
        if (from >= end) return blockMalformed;
        more = input[from++]!;
        match += more;
      }
    }
    match += matchBytesMin;
    if (match > outputEnd - to) return blockTooLarge;
    // Byte by byte: a match may overlap its own output, which repeats it.
    for (let back = to - distance, stop = to + match; to < stop; ) output[to++] = output[back++]!;
  }
}

/** The most bytes that a block of `size` bytes can yield. */
export function lz4OutputMax(size: number): number {
  return size * 255;
}

/** The most bytes that `encodeLz4Block` writes for `size` bytes. */
export function lz4BlockMax(size: number): number {
  return size + Math.ceil(size / 255) + 16;
}

const hashBits = 12;

/**
 * Encodes [start, end) greedily: one candidate for each hash of 4 bytes, the latest. Returns the
 * position in `target` after the block; `target` has room for `lz4BlockMax`.
 */
export function encodeLz4Block(
  input: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  position: number,
): number {
  const latest = new Int32Array(1 << hashBits).fill(-1);
  const matchStartMax = end - matchFreeTail;
  const matchEndMax = end - tailLiterals;
  let to = position;
  let literalStart = start;
  let at = start;
  while (at <= matchStartMax) {
    const word = readWord(input, at);
    const slot = Math.imul(word, 0x9e37_79b1) >>> (32 - hashBits);
    const candidate = latest[slot]!;
    latest[slot] = at;
    const usable = candidate >= start && at - candidate <= distanceMax;
    if (!usable || readWord(input, candidate) !== word) {
      at++;
      continue;
    }
    let length = matchBytesMin;
    while (at + length < matchEndMax && input[candidate + length] === input[at + length]) length++;
    to = writeSequence(input, literalStart, at, target, to, length - matchBytesMin);
    target[to++] = (at - candidate) & 0xff;
    target[to++] = (at - candidate) >>> 8;
    to = writeMore(target, to, length - matchBytesMin);
    at += length;
    literalStart = at;
  }
  return writeSequence(input, literalStart, end, target, to, 0);
}

/** The token, the rest of the literal length, and the literals. */
function writeSequence(
  input: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  position: number,
  match: number,
): number {
  const literals = end - start;
  target[position] = (Math.min(literals, 15) << 4) | Math.min(match, 15);
  const to = writeMore(target, position + 1, literals);
  target.set(input.subarray(start, end), to);
  return to + literals;
}

/** The bytes that continue a length of 15 or more. */
function writeMore(target: Uint8Array, position: number, length: number): number {
  if (length < 15) return position;
  let to = position;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) target[to++] = 255;
  target[to++] = rest;
  return to;
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
