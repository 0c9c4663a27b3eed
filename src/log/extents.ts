/**
 * Extents: which segments hold which offsets of one partition.
 *
 * Owns: the extents, sorted by offset, with their bytes and what of them is live. A partition has one in
 * a journal segment, and may have several in an archive.
 * Leaves: where a batch lies inside a segment to the index or the footer.
 *
 * Invariants: first ≤ last; extents do not overlap; 0 ≤ live ≤ bytes. Offsets may have gaps (removed
 * batches); an extent's offsets all lie in its segment.
 */
import { assert } from '../kernel/assert.ts';

export interface Extent {
  readonly segmentId: number;
  readonly firstOffset: number;
  lastOffset: number;
  /** Bytes of the batches, a batch shared among n targets counted 1/n in each. */
  bytes: number;
  /** Estimate of the bytes that are still readable. */
  live: number;
  maxTimestamp: number;
}

export class Extents {
  /** Sorted by first offset. */
  readonly #items: Extent[] = [];

  get count(): number {
    return this.#items.length;
  }

  at(index: number): Extent | undefined {
    return this.#items[index];
  }

  get first(): Extent | undefined {
    return this.#items[0];
  }

  get last(): Extent | undefined {
    return this.#items[this.#items.length - 1];
  }

  /** HOT, per batch and target: extends the last extent, or begins one in `segmentId`. */
  append(
    segmentId: number,
    baseOffset: number,
    lastOffset: number,
    bytes: number,
    maxTimestamp: number,
  ): void {
    const last = this.last;
    if (last !== undefined) assert(baseOffset > last.lastOffset, 'offsets only grow');
    if (last !== undefined && last.segmentId === segmentId) {
      last.lastOffset = lastOffset;
      last.bytes += bytes;
      last.live += bytes;
      if (maxTimestamp > last.maxTimestamp) last.maxTimestamp = maxTimestamp;
      return;
    }
    this.#items.push({
      segmentId,
      firstOffset: baseOffset,
      lastOffset,
      bytes,
      live: bytes,
      maxTimestamp,
    });
  }

  /** Puts an extent in its place; used when the manifest is read and when segments are replaced. */
  insert(extent: Extent): void {
    const at = this.find(extent.firstOffset);
    const next = this.#items[at];
    assert(next === undefined || next.firstOffset > extent.lastOffset, 'extents do not overlap');
    this.#items.splice(at, 0, extent);
  }

  /** The first extent that ends at or after `offset`; `count` when there is none. */
  find(offset: number): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const item = this.#items[middle];
      if (item !== undefined && item.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Removes the extents that end before `offset`, calling `removed` for each. */
  dropBefore(offset: number, removed: (extent: Extent) => void): void {
    const count = this.find(offset);
    if (count === 0) return;
    for (const extent of this.#items.splice(0, count)) removed(extent);
  }

  /** Removes the extents in `segmentIds`, calling `removed` for each. */
  removeSegments(segmentIds: ReadonlySet<number>, removed: (extent: Extent) => void): void {
    let kept = 0;
    for (const extent of this.#items) {
      if (segmentIds.has(extent.segmentId)) removed(extent);
      else this.#items[kept++] = extent;
    }
    this.#items.length = kept;
  }

  [Symbol.iterator](): IterableIterator<Extent> {
    return this.#items.values();
  }
}

/** The share of `extent`'s bytes that [first, last] takes, by offsets. */
export function shareOf(extent: Extent, first: number, last: number): number {
  const from = Math.max(first, extent.firstOffset);
  const to = Math.min(last, extent.lastOffset);
  if (to < from) return 0;
  return (extent.bytes * (to - from + 1)) / (extent.lastOffset - extent.firstOffset + 1);
}
