/**
 * Where the bytes of a connection land, and where they wait until their frame is whole.
 *
 * Owns: the choice between shared, small and large memory; moving unfinished frames.
 * Leaves: what a frame is to the protocol, pausing to connection.ts.
 *
 * A read and the handling of what it brought are one step, so all connections without unread bytes
 * lend the kernel the same region, and thousands of idle ones hold no memory:
 *
 *     shared slab   | savedBytesMax        | sharedRegionBytes      |
 *                            ^ saved bytes ^ the read lands here
 *
 * The beginning of a frame, up to savedBytesMax, is kept in a small buffer of the connection and put
 * back in front of the next read. Longer ones move to a slab of the connection's own, which grows
 * with what has really arrived, never with what was announced. A connection on which large frames
 * were seen takes large slabs at once, in which its frames are handled where they landed.
 *
 * Invariants: unread bytes are in exactly one of `saved`, the own slab, or (within one step) the
 * shared slab. The own slab is given away only in `region`: before that the kernel may still write
 * behind `end`.
 */

import { assert } from '../kernel/assert.ts';
import { viewOf } from '../kernel/bytes.ts';
import type { Slab } from '../kernel/slab.ts';
import { savedBytesMax, sharedRegionBytes, slabSizes, warmSlabsMax } from './limits.ts';
import type { PooledSlab, SlabPool } from './slab-pool.ts';

const [smallSlabBytes, , largeSlabBytes, hugeSlabBytes] = slabSizes;
/** With frames above this a connection's slabs are huge ones. */
const largeFrameBytes = slabSizes[1];
/** How many times what has arrived an announced frame may reserve. */
const growthFactor = 4;

/** One for all connections of a server. */
export class SharedRegion implements Slab {
  readonly bytes = new Uint8Array(savedBytesMax + sharedRegionBytes);
  readonly view = viewOf(this.bytes);
  readonly region = this.bytes.subarray(savedBytesMax);

  retain(): void {
    assert(false, 'ranges under 64 KiB are copied, not retained: they may be in shared memory');
  }

  release(): void {
    assert(false, 'nobody can hold shared memory');
  }
}

export class ReceiveBuffer {
  /** The unread bytes are slab.bytes[start, end), between `landed` or `restore` and `park`. */
  slab: Slab;
  start = 0;
  end = 0;
  private readonly shared: SharedRegion;
  private readonly pool: SlabPool;
  private own: PooledSlab | null = null;
  private saved: Uint8Array | null = null;
  private savedBytes = 0;
  /** As the protocol said after the last `receive`: of the first unread frame; 0: not known. */
  private frameBytes = 0;
  private largestFrameBytes = 0;
  /** The last region was behind `end` in the own slab, not the shared one. */
  private isOwnLent = false;
  /** Counted in the pool's `warmCount`. */
  private isWarm = false;
  private warmBytes = 0;

  constructor(shared: SharedRegion, pool: SlabPool) {
    this.shared = shared;
    this.pool = pool;
    this.slab = shared;
  }

  get unreadBytes(): number {
    return this.savedBytes + this.end - this.start;
  }

  /** Memory of this connection's own; what is saved of the beginning of a frame is too little to count. */
  get ownBytes(): number {
    return this.own?.bytes.length ?? 0;
  }

  /** Where the next read lands. */
  region(): Uint8Array {
    if (this.own !== null) this.arrange(this.own);
    const own = this.own;
    this.isOwnLent = own !== null && this.end < own.bytes.length;
    return own !== null && this.isOwnLent ? own.bytes.subarray(this.end) : this.shared.region;
  }

  /** `count` bytes have landed in the last region. */
  // HOT: one call per read; no allocation for small frames.
  landed(count: number): void {
    if (this.own === null) {
      this.restore();
      this.end += count;
    } else if (this.isOwnLent) {
      this.setWarm(false);
      this.end += count;
    } else {
      this.append(this.own, count);
    }
    assert(this.end <= this.slab.bytes.length, 'a read stays in its region');
  }

  /** Makes the unread bytes readable again after `park`; what follows must `park` before it returns. */
  // HOT
  restore(): void {
    if (this.own !== null) return;
    this.slab = this.shared;
    this.start = savedBytesMax - this.savedBytes;
    this.end = savedBytesMax;
    const { saved, savedBytes } = this;
    if (saved !== null)
      for (let i = 0; i < savedBytes; i++) this.shared.bytes[this.start + i] = saved[i]!;
    this.savedBytes = 0;
  }

  /** Everything before `position` was read. */
  consume(position: number): void {
    assert(position >= this.start && position <= this.end, 'a protocol consumes what it was given');
    if (this.frameBytes > smallSlabBytes && position - this.start >= this.frameBytes) {
      this.largestFrameBytes = Math.max(this.largestFrameBytes, this.frameBytes);
    }
    this.start = position;
  }

  /** Ends a step: takes what is unread out of the shared slab. `frameBytes` as the protocol's. */
  // HOT
  park(frameBytes: number): void {
    this.frameBytes = frameBytes;
    if (this.own !== null) return;
    const unread = this.end - this.start;
    if (unread <= savedBytesMax && frameBytes <= sharedRegionBytes) this.save(unread);
    else this.moveTo(this.pool.take(this.slabBytesFor(unread)));
  }

  /** Gives all memory back. Nothing is called after it. */
  close(): void {
    this.setWarm(false);
    this.own?.release();
    this.own = null;
    this.saved = null;
    this.savedBytes = 0;
    this.start = this.end;
  }

  /** Makes room in the own slab for the rest of a frame, or gives the slab away. */
  private arrange(own: PooledSlab): void {
    const unread = this.end - this.start;
    const isAlone = own.holders === 1;
    if (unread === 0) return this.arrangeEmpty(own, isAlone);
    // Whole frames that are not consumed: the connection is held, and needs no room.
    if (this.frameBytes > 0 && unread >= this.frameBytes) return;
    if (
      unread <= savedBytesMax &&
      this.largestFrameBytes === 0 &&
      this.frameBytes <= sharedRegionBytes
    ) {
      this.save(unread);
      this.dropOwn(own);
      return;
    }
    const missing = Math.max(this.frameBytes - unread, 1);
    const room = own.bytes.length - this.end;
    const isCramped = room < savedBytesMax && this.start > 0 && unread < smallSlabBytes;
    if (room >= missing && !isCramped) return;
    const wanted = this.slabBytesFor(unread);
    if (isAlone && this.start > 0 && own.bytes.length >= wanted) {
      own.bytes.copyWithin(0, this.start, this.end);
      this.start = 0;
      this.end = unread;
    } else if (own.bytes.length < wanted || !isAlone) {
      this.moveTo(this.pool.take(wanted));
    }
  }

  private arrangeEmpty(own: PooledSlab, isAlone: boolean): void {
    const mayStay = this.isWarm || this.hasWarmPlace(own);
    if (this.largestFrameBytes === 0 || own.bytes.length > hugeSlabBytes || !mayStay) {
      this.dropOwn(own);
    } else if (isAlone) {
      this.setWarm(true);
      this.start = 0;
      this.end = 0;
    } else if (own.bytes.length - this.end < smallSlabBytes) {
      // Others still hold what is in front.
      this.moveTo(this.pool.take(this.slabBytesFor(0)));
    } else {
      this.setWarm(true);
    }
  }

  private hasWarmPlace(own: PooledSlab): boolean {
    const { isTight, warmCount, warmBytes, warmBytesMax } = this.pool;
    if (isTight || warmCount >= warmSlabsMax) return false;
    return warmBytes + own.bytes.length <= warmBytesMax;
  }

  private slabBytesFor(unread: number): number {
    if (this.pool.isTight) return Math.max(unread + 1, smallSlabBytes);
    const reserved = Math.min(this.frameBytes, growthFactor * unread);
    const needed = Math.max(unread + 1, reserved, smallSlabBytes);
    if (this.largestFrameBytes === 0) return needed;
    const usual = this.largestFrameBytes > largeFrameBytes ? hugeSlabBytes : largeSlabBytes;
    return Math.max(needed, usual);
  }

  /** Moves the unread bytes to the start of `target`, which becomes the own slab. */
  private moveTo(target: PooledSlab): void {
    const unread = this.end - this.start;
    if (unread > 0) target.bytes.set(this.slab.bytes.subarray(this.start, this.end));
    this.setWarm(false);
    this.own?.release();
    this.own = target;
    this.slab = target;
    this.start = 0;
    this.end = unread;
  }

  /** The read landed in the shared region although unread bytes are in the own slab. */
  private append(own: PooledSlab, count: number): void {
    if (own.bytes.length - this.end < count) {
      this.moveTo(this.pool.take(this.end - this.start + count));
    }
    const target = this.own ?? own;
    target.bytes.set(this.shared.region.subarray(0, count), this.end);
    this.end += count;
  }

  private save(unread: number): void {
    if (unread > 0) {
      if (this.saved === null || this.saved.length < unread) {
        this.saved = new Uint8Array(Math.min(savedBytesMax, Math.max(256, unread * 2)));
      }
      const { bytes } = this.slab;
      for (let i = 0; i < unread; i++) this.saved[i] = bytes[this.start + i]!;
    }
    this.savedBytes = unread;
    this.start = this.end;
  }

  private dropOwn(own: PooledSlab): void {
    this.setWarm(false);
    this.own = null;
    this.slab = this.shared;
    this.start = 0;
    this.end = 0;
    own.release();
  }

  private setWarm(isWarm: boolean): void {
    if (this.isWarm === isWarm) return;
    this.isWarm = isWarm;
    this.pool.warmCount += isWarm ? 1 : -1;
    this.pool.warmBytes -= this.warmBytes;
    this.warmBytes = isWarm ? this.ownBytes : 0;
    this.pool.warmBytes += this.warmBytes;
  }
}
