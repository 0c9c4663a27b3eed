/**
 * Slabs, reference-counted and used again: fresh memory costs more than anything done with it.
 *
 * Owns: sizes, free lists, the bound on unused memory.
 * Invariant: a slab is in a free list exactly when nobody holds it, and each taker starts as its
 * only holder.
 */

import { assert } from '../kernel/assert.ts';
import { viewOf } from '../kernel/bytes.ts';
import type { Slab } from '../kernel/slab.ts';
import { freeSlabBytesMax, slabSizes } from './limits.ts';

export class SlabPool {
  private readonly free: PooledSlab[][] = slabSizes.map(() => []);
  /** Of the slabs in the free lists. */
  freeBytes = 0;
  /** Of the slabs that somebody holds. */
  heldBytes = 0;
  /** The fewest in each free list since the last `trim`: those that nobody has needed. */
  private readonly unneeded: number[] = slabSizes.map(() => 0);
  /** Memory is short: nobody reserves any for what has not arrived. */
  isTight = false;
  /** Connections that hold a slab without unread bytes. */
  warmCount = 0;
  /** Of those. */
  warmBytes = 0;
  /** `warmBytes` stays within this. */
  warmBytesMax = Number.POSITIVE_INFINITY;

  /** A slab of at least `bytes`, held once. Its content is old. */
  take(bytes: number): PooledSlab {
    const index = slabSizes.findIndex((size) => size >= bytes);
    const size = slabSizes[index] ?? bytes;
    this.heldBytes += size;
    const used = this.free[index]?.pop();
    if (used === undefined) return new PooledSlab(this, size);
    this.freeBytes -= size;
    this.unneeded[index] = Math.min(this.unneeded[index] ?? 0, this.free[index]?.length ?? 0);
    used.holders = 1;
    return used;
  }

  /** Lets half of the slabs go that were not needed since the last call. */
  trim(): void {
    for (const [index, list] of this.free.entries()) {
      const count = Math.ceil((this.unneeded[index] ?? 0) / 2);
      for (const slab of list.splice(0, count)) this.freeBytes -= slab.bytes.length;
      this.unneeded[index] = list.length;
    }
  }

  giveBack(slab: PooledSlab): void {
    const size = slab.bytes.length;
    this.heldBytes -= size;
    const list = this.free[slabSizes.indexOf(size as (typeof slabSizes)[number])];
    if (list === undefined || this.freeBytes + size > freeSlabBytesMax) return;
    this.freeBytes += size;
    list.push(slab);
  }
}

export class PooledSlab implements Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  holders = 1;
  private readonly pool: SlabPool;

  constructor(pool: SlabPool, size: number) {
    this.pool = pool;
    this.bytes = new Uint8Array(size);
    this.view = viewOf(this.bytes);
  }

  retain(): void {
    assert(this.holders > 0, 'only a holder can pass a slab on');
    this.holders++;
  }

  release(): void {
    assert(this.holders > 0, 'a slab is released once by each holder');
    this.holders--;
    if (this.holders === 0) this.pool.giveBack(this);
  }
}
