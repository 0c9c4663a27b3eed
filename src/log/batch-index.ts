/**
 * The index of an unsealed segment: where each partition's batches lie in it.
 *
 * Owns: typed rows for every (batch, target) of the segment and the rows of each partition in order.
 * Leaves: sealed segments to their footers.
 *
 * Invariant: the rows of one partition have rising base offsets; a row is never changed.
 */
import { assert } from '../kernel/assert.ts';
import { GrowableU32 } from '../kernel/grow.ts';

const CHUNK_ROWS = 4096;
const CHUNK_SHIFT = 12;
const ROW_BYTES = 32;

/** Where a batch lies and what it holds. Reused; filled by every look-up. */
export class BatchLocation {
  segmentId = 0;
  /** Of the batch's first byte in the segment file. */
  position = 0;
  /** The whole batch, bytes. */
  size = 0;
  baseOffset = 0;
  lastOffset = 0;
  leaderEpoch = 0;
  maxTimestamp = 0;
}

/** Chunks of indexes that are gone, for the next ones: 128 KiB each. */
const freeChunks: Chunk[] = [];
const FREE_CHUNKS_MAX = 128;

class Chunk {
  readonly position = new Uint32Array(CHUNK_ROWS);
  readonly size = new Uint32Array(CHUNK_ROWS);
  readonly lastDelta = new Uint32Array(CHUNK_ROWS);
  readonly leaderEpoch = new Uint32Array(CHUNK_ROWS);
  readonly baseOffset = new Float64Array(CHUNK_ROWS);
  readonly maxTimestamp = new Float64Array(CHUNK_ROWS);
}

export class BatchIndex {
  readonly #chunks: Chunk[] = [];
  readonly #rowsOf = new Map<number, GrowableU32>();
  #rowCount = 0;
  #offsets = 0;

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Offsets of all rows together: no partition's rows lie farther apart. */
  get offsets(): number {
    return this.#offsets;
  }

  get partitionCount(): number {
    return this.#rowsOf.size;
  }

  /** Memory held by rows, bytes. */
  get bytes(): number {
    return this.#chunks.length * CHUNK_ROWS * ROW_BYTES;
  }

  /** HOT, per batch and target. */
  add(partition: number, location: BatchLocation): void {
    const row = this.#rowCount;
    let chunk = this.#chunks[row >>> CHUNK_SHIFT];
    if (chunk === undefined) {
      chunk = freeChunks.pop() ?? new Chunk();
      this.#chunks.push(chunk);
    }
    const slot = row & (CHUNK_ROWS - 1);
    chunk.position[slot] = location.position;
    chunk.size[slot] = location.size;
    chunk.lastDelta[slot] = location.lastOffset - location.baseOffset;
    chunk.leaderEpoch[slot] = location.leaderEpoch;
    chunk.baseOffset[slot] = location.baseOffset;
    chunk.maxTimestamp[slot] = location.maxTimestamp;
    let rows = this.#rowsOf.get(partition);
    if (rows === undefined) {
      rows = new GrowableU32(4);
      this.#rowsOf.set(partition, rows);
    }
    rows.push(row);
    this.#rowCount = row + 1;
    this.#offsets += location.lastOffset - location.baseOffset + 1;
  }

  /** Nobody looks anything up here any more; its memory goes to the next index. */
  release(): void {
    while (freeChunks.length < FREE_CHUNKS_MAX) {
      const chunk = this.#chunks.pop();
      if (chunk === undefined) break;
      freeChunks.push(chunk);
    }
    this.#chunks.length = 0;
    this.#rowsOf.clear();
    this.#rowCount = 0;
    this.#offsets = 0;
  }

  /** Ids of the partitions with rows, rising. */
  partitions(): number[] {
    return [...this.#rowsOf.keys()].sort((left, right) => left - right);
  }

  rowCountOf(partition: number): number {
    return this.#rowsOf.get(partition)?.length ?? 0;
  }

  /** Reads the `n`-th row of `partition` into `target` (but for its segment id). */
  read(partition: number, n: number, target: BatchLocation): void {
    const rows = this.#rowsOf.get(partition);
    assert(rows !== undefined && n < rows.length, 'the row exists');
    const row = rows.get(n);
    const chunk = this.#chunks[row >>> CHUNK_SHIFT];
    assert(chunk !== undefined, 'the row has a chunk');
    const slot = row & (CHUNK_ROWS - 1);
    target.position = chunk.position[slot] ?? 0;
    target.size = chunk.size[slot] ?? 0;
    target.baseOffset = chunk.baseOffset[slot] ?? 0;
    target.lastOffset = target.baseOffset + (chunk.lastDelta[slot] ?? 0);
    target.leaderEpoch = chunk.leaderEpoch[slot] ?? 0;
    target.maxTimestamp = chunk.maxTimestamp[slot] ?? 0;
  }

  /**
   * The first row of `partition` whose batch ends at or after `offset`.
   * @returns its number, or the row count when there is none.
   */
  find(partition: number, offset: number): number {
    const rows = this.#rowsOf.get(partition);
    if (rows === undefined) return 0;
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lastOffset(rows.get(middle)) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #lastOffset(row: number): number {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT];
    assert(chunk !== undefined, 'the row has a chunk');
    const slot = row & (CHUNK_ROWS - 1);
    return (chunk.baseOffset[slot] ?? 0) + (chunk.lastDelta[slot] ?? 0);
  }
}
