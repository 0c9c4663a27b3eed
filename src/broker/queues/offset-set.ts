/**
 * A set of offsets, cheap where they are dense: bitmaps of 2 048 offsets, and runs of full ones.
 *
 * Owns: membership, the next offset that is in or out, the number of offsets.
 * Leaves: what being in the set means.
 *
 * A *chunk* is the 2 048 offsets from a multiple of 2 048 on. A row is either one chunk with a
 * bitmap, or a run of chunks that are full and need none. Invariants: rows are sorted and disjoint;
 * a bitmap is neither empty nor full; two runs of full chunks never touch; `size` is the number of
 * offsets in all rows. Memory follows the holes, not the offsets: about 400 bytes a bitmap.
 */

import { assert } from '../../kernel/assert.ts';
import {
  type Bitmap,
  bitmapBits,
  bitmapClear,
  bitmapFirstClear,
  bitmapFirstSet,
  bitmapSetRange,
  bitmapTest,
  createBitmap,
} from '../../kernel/bitmap.ts';

/** Offsets in a chunk. */
export const chunkOffsets = bitmapBits;

/** Bitmaps kept for reuse by a set that is filled and emptied again and again. */
const spareBitmapsMax = 4;

export interface OffsetRow {
  /** Number of its first chunk: offset / 2 048. */
  chunk: number;
  /** How many chunks: 1 with a bitmap. */
  chunks: number;
  /** Offsets present: those of the bitmap, or all. */
  present: number;
  /** Null when all chunks are full. */
  words: Bitmap | null;
}

export class OffsetSet {
  /** Offsets in the set. */
  size = 0;
  private readonly rows: OffsetRow[] = [];
  private readonly spare: Bitmap[] = [];
  /** The row found last: neighbours are asked for one after the other. */
  private hint = 0;

  /** Bitmaps allocated now: what a backlog with holes costs. */
  get bitmaps(): number {
    let count = 0;
    for (const row of this.rows) if (row.words !== null) count++;
    return count;
  }

  // HOT
  has(offset: number): boolean {
    const chunk = Math.floor(offset / chunkOffsets);
    const row = this.rowFrom(chunk);
    if (row === undefined || row.chunk > chunk) return false;
    return row.words === null || bitmapTest(row.words, offset - chunk * chunkOffsets);
  }

  /** Adds [first, end); returns how many were not in the set. */
  // HOT for single offsets.
  addRange(first: number, end: number): number {
    assert(first >= 0 && first < end, 'a range to add is not empty');
    let added = 0;
    for (let at = first; at < end; ) {
      const chunk = Math.floor(at / chunkOffsets);
      const base = chunk * chunkOffsets;
      const stop = Math.min(end - base, chunkOffsets);
      added += this.addInChunk(chunk, at - base, stop);
      at = base + stop;
    }
    this.size += added;
    return added;
  }

  /** Removes [first, end); returns how many were in the set. */
  // HOT for single offsets.
  removeRange(first: number, end: number): number {
    assert(first >= 0 && first < end, 'a range to remove is not empty');
    const low = this.indexFrom(Math.floor(first / chunkOffsets));
    let removed = 0;
    let high = low;
    // Whatever is left of rows [low, high) when that is more than the rows as they stand.
    let rest: OffsetRow[] | null = null;
    for (; high < this.rows.length; high++) {
      const row = this.rows[high]!;
      const base = row.chunk * chunkOffsets;
      if (base >= end) break;
      if (row.words === null) {
        rest ??= this.rows.slice(low, high).filter((kept) => kept.present > 0);
        removed += this.cutRun(row, first, end, rest);
        continue;
      }
      const cleared = clearRange(
        row.words,
        Math.max(0, first - base),
        Math.min(end - base, bitmapBits),
      );
      row.present -= cleared;
      removed += cleared;
      if (row.present > 0) rest?.push(row);
      else {
        rest ??= this.rows.slice(low, high).filter((kept) => kept.present > 0);
        this.keepSpare(row.words);
      }
    }
    if (rest !== null) this.rows.splice(low, high - low, ...rest);
    this.size -= removed;
    return removed;
  }

  /** The smallest offset in the set that is not below `from`; -1 when there is none. */
  // HOT
  nextPresent(from: number): number {
    const chunk = Math.floor(from / chunkOffsets);
    for (let index = this.indexFrom(chunk); index < this.rows.length; index++) {
      const row = this.rows[index]!;
      const base = row.chunk * chunkOffsets;
      if (row.words === null) return Math.max(base, from);
      const bit = bitmapFirstSet(row.words, Math.max(0, from - base));
      if (bit < bitmapBits) return base + bit;
    }
    return -1;
  }

  /** The smallest offset out of the set that is not below `from`. */
  // HOT
  nextAbsent(from: number): number {
    let at = from;
    const chunk = Math.floor(from / chunkOffsets);
    for (let index = this.indexFrom(chunk); index < this.rows.length; index++) {
      const row = this.rows[index]!;
      const base = row.chunk * chunkOffsets;
      if (base > at) return at;
      if (row.words !== null) {
        const bit = bitmapFirstClear(row.words, at - base);
        if (bit < bitmapBits) return base + bit;
      }
      at = base + row.chunks * chunkOffsets;
    }
    return at;
  }

  /** Whether all of [first, end) is in the set. */
  containsRange(first: number, end: number): boolean {
    return this.nextAbsent(first) >= end;
  }

  clear(): void {
    for (const row of this.rows) this.keepSpare(row.words);
    this.rows.length = 0;
    this.size = 0;
    this.hint = 0;
  }

  /** The first row that ends after the start of `chunk`, read-only; undefined when there is none. */
  // HOT
  rowFrom(chunk: number): Readonly<OffsetRow> | undefined {
    return this.rows[this.indexFrom(chunk)];
  }

  /** Adds the bits of a bitmap for one chunk. */
  addBitmap(chunk: number, words: Bitmap): void {
    const base = chunk * chunkOffsets;
    for (let first = bitmapFirstSet(words); first < bitmapBits; ) {
      const end = bitmapFirstClear(words, first);
      this.addRange(base + first, base + end);
      first = bitmapFirstSet(words, end);
    }
  }

  /** Index of the first row whose end lies after `chunk`. */
  // HOT
  private indexFrom(chunk: number): number {
    const { rows, hint } = this;
    const near = rows[hint];
    if (near !== undefined && near.chunk <= chunk && chunk < near.chunk + near.chunks) return hint;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = rows[middle]!;
      if (row.chunk + row.chunks <= chunk) low = middle + 1;
      else high = middle;
    }
    this.hint = low;
    return low;
  }

  /** Adds bits [start, end) of `chunk`; returns how many are new. */
  private addInChunk(chunk: number, start: number, end: number): number {
    const index = this.indexFrom(chunk);
    const row = this.rows[index];
    if (row === undefined || row.chunk > chunk) {
      const isWhole = end - start === chunkOffsets;
      const words = isWhole ? null : this.takeBitmap();
      if (words !== null) bitmapSetRange(words, start, end);
      const present = end - start;
      this.rows.splice(index, 0, { chunk, chunks: 1, present, words });
      if (isWhole) this.joinRuns(index);
      return present;
    }
    if (row.words === null) return 0;
    const added = bitmapSetRange(row.words, start, end);
    row.present += added;
    if (row.present === chunkOffsets) {
      this.keepSpare(row.words);
      row.words = null;
      this.joinRuns(index);
    }
    return added;
  }

  /** The row at `index` has become a full run: joins it with full neighbours. */
  private joinRuns(index: number): void {
    const row = this.rows[index]!;
    const next = this.rows[index + 1];
    if (next !== undefined && next.words === null && next.chunk === row.chunk + row.chunks) {
      row.chunks += next.chunks;
      row.present += next.present;
      this.rows.splice(index + 1, 1);
    }
    const previous = this.rows[index - 1];
    if (
      previous !== undefined &&
      previous.words === null &&
      previous.chunk + previous.chunks === row.chunk
    ) {
      previous.chunks += row.chunks;
      previous.present += row.present;
      this.rows.splice(index, 1);
    }
  }

  /** Pushes onto `rest` what [first, end) leaves of a run; returns how many offsets it takes away. */
  private cutRun(row: OffsetRow, first: number, end: number, rest: OffsetRow[]): number {
    const endChunk = row.chunk + row.chunks;
    const cutFirst = Math.max(first, row.chunk * chunkOffsets);
    const cutEnd = Math.min(end, endChunk * chunkOffsets);
    const firstCut = Math.floor(cutFirst / chunkOffsets);
    const lastCut = Math.floor((cutEnd - 1) / chunkOffsets);
    if (firstCut > row.chunk) rest.push(fullRun(row.chunk, firstCut - row.chunk));
    this.pushRemainder(firstCut, cutFirst, cutEnd, rest);
    if (lastCut > firstCut) this.pushRemainder(lastCut, cutFirst, cutEnd, rest);
    if (lastCut + 1 < endChunk) rest.push(fullRun(lastCut + 1, endChunk - lastCut - 1));
    return cutEnd - cutFirst;
  }

  /** Pushes what a full chunk keeps when [first, end) leaves it, if that is anything. */
  private pushRemainder(chunk: number, first: number, end: number, rest: OffsetRow[]): void {
    const base = chunk * chunkOffsets;
    const start = Math.max(0, first - base);
    const stop = Math.min(chunkOffsets, end - base);
    const present = chunkOffsets - (stop - start);
    if (present === 0) return;
    const words = this.takeBitmap();
    if (start > 0) bitmapSetRange(words, 0, start);
    if (stop < chunkOffsets) bitmapSetRange(words, stop, chunkOffsets);
    rest.push({ chunk, chunks: 1, present, words });
  }

  private takeBitmap(): Bitmap {
    return this.spare.pop() ?? createBitmap();
  }

  private keepSpare(words: Bitmap | null): void {
    if (words === null || this.spare.length >= spareBitmapsMax) return;
    words.fill(0);
    this.spare.push(words);
  }
}

function fullRun(chunk: number, chunks: number): OffsetRow {
  return { chunk, chunks, present: chunks * chunkOffsets, words: null };
}

/** Clears bits [start, end); returns how many were set. */
function clearRange(words: Bitmap, start: number, end: number): number {
  let cleared = 0;
  for (let bit = bitmapFirstSet(words, start); bit < end; bit = bitmapFirstSet(words, bit + 1)) {
    bitmapClear(words, bit);
    cleared++;
  }
  return cleared;
}
