/**
 * The memory that all connections of a server hold together.
 *
 * Owns: the count, and when it is too much. Leaves: who has to go to shedding.ts.
 *
 * Counted are slabs, of unfinished frames, answers on their way and batches that the journal still
 * writes, and the buffers in which answers are staged. The kernel's own buffers are not.
 */

import { memoryExhaustedFactor, memoryScarceShare } from './limits.ts';
import type { SlabPool } from './slab-pool.ts';

export class ConnectionMemory {
  /** Of the buffers in which answers are staged. Each outbox keeps its own share of it up to date. */
  stagedBytes = 0;
  readonly bytesMax: number;
  /**
   * As `isOver` was when it was last looked at: unlike that, it changes only between the steps of a
   * connection, so that one step sees one truth.
   */
  isShort = false;
  readonly #pool: SlabPool;

  constructor(bytesMax: number, pool: SlabPool) {
    this.bytesMax = bytesMax;
    this.#pool = pool;
  }

  // HOT
  get bytes(): number {
    return this.#pool.heldBytes + this.stagedBytes;
  }

  /** Somebody has to go. */
  // HOT
  get isOver(): boolean {
    return this.bytes > this.bytesMax;
  }

  /** Whoever takes much takes it from others. */
  get isScarce(): boolean {
    return this.bytes > this.bytesMax * memoryScarceShare;
  }

  /** Nobody gets any more. */
  get isExhausted(): boolean {
    return this.bytes > this.bytesMax * memoryExhaustedFactor;
  }
}
