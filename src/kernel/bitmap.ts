/**
 * A bitmap of 2 048 consecutive offsets, as 64 words: what is settled above a queue's floor.
 *
 * Owns: the bits. Leaves: which offsets they stand for, and when a full bitmap is dropped.
 * Functions over a bare Uint32Array, so that many bitmaps can share one backing array.
 */

export const bitmapBits = 2048;
export const bitmapWords = bitmapBits / 32;

export type Bitmap = Uint32Array;

export function createBitmap(): Bitmap {
  return new Uint32Array(bitmapWords);
}

/** Sets a bit; true when it was clear before. */
// HOT
export function bitmapSet(words: Bitmap, index: number): boolean {
  const word = words[index >>> 5]!;
  const mask = 1 << (index & 31);
  words[index >>> 5] = word | mask;
  return (word & mask) === 0;
}

/** Clears a bit; true when it was set before. */
// HOT
export function bitmapClear(words: Bitmap, index: number): boolean {
  const word = words[index >>> 5]!;
  const mask = 1 << (index & 31);
  words[index >>> 5] = word & ~mask;
  return (word & mask) !== 0;
}

// HOT
export function bitmapTest(words: Bitmap, index: number): boolean {
  return (words[index >>> 5]! & (1 << (index & 31))) !== 0;
}

/** Sets [start, end); returns how many of them were clear before. */
export function bitmapSetRange(words: Bitmap, start: number, end: number): number {
  let added = 0;
  for (let word = start >>> 5; word << 5 < end; word++) {
    const mask = rangeMask(word << 5, start, end);
    added += popCount(mask & ~words[word]!);
    words[word] = words[word]! | mask;
  }
  return added;
}

/** The bits of the word that begins at `base` which lie in [start, end). */
function rangeMask(base: number, start: number, end: number): number {
  const low = start <= base ? -1 : -1 << (start - base);
  const high = end - base >= 32 ? -1 : (1 << (end - base)) - 1;
  return low & high;
}

/** How many bits are set. */
export function bitmapCount(words: Bitmap): number {
  let count = 0;
  for (let word = 0; word < bitmapWords; word++) count += popCount(words[word]!);
  return count;
}

export function bitmapIsFull(words: Bitmap): boolean {
  for (let word = 0; word < bitmapWords; word++) {
    if (words[word] !== 0xffff_ffff) return false;
  }
  return true;
}

/** The first clear bit at or after `start`; `bitmapBits` when there is none. */
// HOT
export function bitmapFirstClear(words: Bitmap, start = 0): number {
  return firstBit(words, start, -1);
}

/** The first set bit at or after `start`; `bitmapBits` when there is none. */
// HOT
export function bitmapFirstSet(words: Bitmap, start = 0): number {
  return firstBit(words, start, 0);
}

/** Looks for a set bit after flipping each word with `flip`. */
function firstBit(words: Bitmap, start: number, flip: number): number {
  if (start >= bitmapBits) return bitmapBits;
  let word = start >>> 5;
  let candidates = (words[word]! ^ flip) & (-1 << (start & 31));
  while (candidates === 0) {
    word++;
    if (word === bitmapWords) return bitmapBits;
    candidates = words[word]! ^ flip;
  }
  return (word << 5) + 31 - Math.clz32(candidates & -candidates);
}

function popCount(word: number): number {
  let x = word - ((word >>> 1) & 0x5555_5555);
  x = (x & 0x3333_3333) + ((x >>> 2) & 0x3333_3333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
