/**
 * The memory that all connections of a server hold together.
 *
 * Owns: the count, and when it is too much. Leaves: who has to go to shedding.ts.
 *
 * Counted are slabs, of unfinished frames, answers on their way and batches that the journal still
 * writes, and the buffers in which answers are staged. The kernel's own buffers are not.
 */

import { memoryExhaustedFactor, memoryScarceShare, memoryWarmShare } from './limits.ts';
import type { SlabPool } from './slab-pool.ts';

export class ConnectionMemory {
  /** Of the buffers in which answers are staged. Each outbox keeps its own share of it up to date. */
  stagedBytes = 0;
  readonly bytesMax: number;
  #isShort = false;
  /** As `isShort`, of `isExhausted`: no request is begun until memory has come back. */
  isStarving = false;
  readonly #pool: SlabPool;

  constructor(bytesMax: number, pool: SlabPool) {
    this.bytesMax = bytesMax;
    this.#pool = pool;
    pool.warmBytesMax = bytesMax * memoryWarmShare;
  }

  /**
   * As `isOver` was when it was last looked at: unlike that, it changes only between the steps of a
   * connection, so that one step sees one truth.
   */
  get isShort(): boolean {
    return this.#isShort;
  }

  set isShort(isShort: boolean) {
    this.#isShort = isShort;
    this.#pool.isTight = isShort;
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
