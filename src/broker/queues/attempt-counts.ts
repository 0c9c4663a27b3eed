/**
 * How often records that came back had been delivered: durable, for unsettled offsets only.
 *
 * Owns: offset -> attempts, from 1 up; 0 is not kept. Leaves: what an attempt is.
 *
 * One array of 2 048 counts per chunk with any, so that finding, raising and removing take the same
 * time whatever the number. Invariant: `used` is the number of counts above 0 in its chunk, never 0.
 */

import { assert } from '../../kernel/assert.ts';
import { chunkOffsets } from './offset-set.ts';

/** Counts stop here. */
export const attemptsMax = 0xffff;

interface CountChunk {
  readonly counts: Uint16Array;
  used: number;
}

export class AttemptCounts {
  /** Offsets with a count. */
  size = 0;
  /** Null until there is a first count: most queues never have one. */
  private chunks: Map<number, CountChunk> | null = null;

  /** 0 for an offset that never came back. */
  // HOT: nearly always empty.
  get(offset: number): number {
    if (this.chunks === null) return 0;
    const number = Math.floor(offset / chunkOffsets);
    const chunk = this.chunks.get(number);
    return chunk === undefined ? 0 : chunk.counts[offset - number * chunkOffsets]!;
  }

  /** Sets the count of `length` offsets from `first` on, where it is lower now. */
  raise(first: number, length: number, attempts: number): void {
    assert(attempts > 0 && attempts <= attemptsMax, 'attempts within their field');
    this.chunks ??= new Map();
    for (let offset = first; offset < first + length; offset++) {
      const number = Math.floor(offset / chunkOffsets);
      let chunk = this.chunks.get(number);
      if (chunk === undefined) {
        chunk = { counts: new Uint16Array(chunkOffsets), used: 0 };
        this.chunks.set(number, chunk);
      }
      const index = offset - number * chunkOffsets;
      const before = chunk.counts[index]!;
      if (before >= attempts) continue;
      if (before === 0) {
        chunk.used++;
        this.size++;
      }
      chunk.counts[index] = attempts;
    }
  }

  /** Forgets [first, end). */
  // HOT for single offsets.
  removeRange(first: number, end: number): void {
    const { chunks } = this;
    if (chunks === null) return;
    const low = Math.floor(first / chunkOffsets);
    const high = Math.floor((end - 1) / chunkOffsets);
    if (high - low < chunks.size) {
      for (let number = low; number <= high; number++) {
        this.removeInChunk(chunks, number, first, end);
      }
    } else {
      for (const number of chunks.keys()) {
        if (number >= low && number <= high) this.removeInChunk(chunks, number, first, end);
      }
    }
    if (chunks.size === 0) this.chunks = null;
  }

  /** The smallest offset with a count that is not below `from`; -1 when there is none. */
  next(from: number): number {
    const start = Math.floor(from / chunkOffsets);
    let best = -1;
    let found = -1;
    for (const [number, { counts }] of this.chunks ?? []) {
      if (number < start || (best !== -1 && number >= best)) continue;
      const offset = nextInChunk(counts, number, from);
      if (offset === -1) continue;
      best = number;
      found = offset;
    }
    return found;
  }

  private removeInChunk(
    chunks: Map<number, CountChunk>,
    number: number,
    first: number,
    end: number,
  ): void {
    const chunk = chunks.get(number);
    if (chunk === undefined) return;
    const base = number * chunkOffsets;
    const stop = Math.min(end - base, chunkOffsets);
    for (let index = Math.max(0, first - base); index < stop; index++) {
      if (chunk.counts[index] === 0) continue;
      chunk.counts[index] = 0;
      chunk.used--;
      this.size--;
    }
    if (chunk.used === 0) chunks.delete(number);
  }
}

/** The first offset from `from` on with a count in the chunk; -1 when there is none. */
function nextInChunk(counts: Uint16Array, number: number, from: number): number {
  const base = number * chunkOffsets;
  for (let index = Math.max(0, from - base); index < chunkOffsets; index++) {
    if (counts[index]! > 0) return base + index;
  }
  return -1;
}
