/**
 * The deliveries in flight of one queue: typed arrays, one slot each. Volatile.
 *
 * Owns: finding a lease by (partition, offset), a consumer's leases in the order they were taken,
 * deadlines. Leaves: what happens to the record when a lease ends.
 *
 * A slot keeps its number for the life of the lease. `buckets` is an open-addressed index from
 * (partition, offset) to slot + 1, at most half full, with linear probing and backward shift, so
 * that there are no tombstones. A lease that stays for hours costs one slot, however far the queue
 * moves on. Invariants: `size` slots are in `buckets`; every other slot below `used` is on the free
 * list; a consumer's leases form a doubly linked list through `previous` and `next`.
 */

import { assert } from '../../kernel/assert.ts';

const initialSlots = 16;
/** An empty table of more slots gives its memory back. */
const keptSlotsMax = 64 * 1024;
const none = -1;

/** What an empty table has: shared by all, never written. The one bucket says that nothing is found. */
const noFloats = new Float64Array(0);
const noShorts = new Uint16Array(0);
const noInts = new Int32Array(0);
const noBuckets = new Int32Array(1);

/** One consumer's end of the lists: its leases, oldest first. */
export class LeaseList {
  head = none;
  tail = none;
  length = 0;
}

export class LeaseTable {
  /** Leases held. */
  size = 0;
  offsets: Float64Array = noFloats;
  /** By the monotonic clock, ms; Infinity without a limit. */
  deadlines: Float64Array = noFloats;
  /** Index of the partition in its queue. */
  partitions: Uint16Array = noShorts;
  /** Which delivery of the record this is, from 1. */
  attempts: Uint16Array = noShorts;
  /** Number of the consumer; -1 in a free slot. */
  consumers: Int32Array = noInts;
  /** The consumer's next younger lease, or -1; in a free slot, the next free one. */
  next: Int32Array = noInts;
  private previous: Int32Array = noInts;
  private buckets: Int32Array = noBuckets;
  private used = 0;
  private free = none;

  /** Slots to walk for whoever looks at all leases; free ones among them have consumer -1. */
  get slots(): number {
    return this.used;
  }

  /** The slot of a lease, or -1. */
  // HOT
  find(partition: number, offset: number): number {
    const { buckets } = this;
    const mask = buckets.length - 1;
    for (let at = hash(partition, offset) & mask; ; at = (at + 1) & mask) {
      const slot = buckets[at]! - 1;
      if (slot < 0) return none;
      if (this.offsets[slot] === offset && this.partitions[slot] === partition) return slot;
    }
  }

  /** Adds a lease that is not there yet, at the end of `list`; returns its slot. */
  // HOT
  add(
    partition: number,
    offset: number,
    consumer: number,
    attempts: number,
    deadline: number,
    list: LeaseList,
  ): number {
    const slot = this.takeSlot();
    this.offsets[slot] = offset;
    this.partitions[slot] = partition;
    this.consumers[slot] = consumer;
    this.attempts[slot] = attempts;
    this.deadlines[slot] = deadline;
    this.insert(slot);
    this.previous[slot] = list.tail;
    this.next[slot] = none;
    if (list.tail === none) list.head = slot;
    else this.next[list.tail] = slot;
    list.tail = slot;
    list.length++;
    this.size++;
    return slot;
  }

  /** Ends the lease in `slot`; `list` is its consumer's. Its fields mean nothing from here on. */
  // HOT
  remove(slot: number, list: LeaseList): void {
    assert(this.consumers[slot] !== none, 'the slot to free holds a lease');
    this.unindex(slot);
    const previous = this.previous[slot]!;
    const next = this.next[slot]!;
    if (previous === none) list.head = next;
    else this.next[previous] = next;
    if (next === none) list.tail = previous;
    else this.previous[next] = previous;
    list.length--;
    this.consumers[slot] = none;
    this.next[slot] = this.free;
    this.free = slot;
    this.size--;
    if (this.size === 0 && this.offsets.length > keptSlotsMax) this.shrink();
  }

  /** The earliest deadline there is: Infinity when no lease has one. Looks at every slot. */
  earliestDeadline(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < this.used; slot++) {
      if (this.consumers[slot] !== none && this.deadlines[slot]! < earliest) {
        earliest = this.deadlines[slot]!;
      }
    }
    return earliest;
  }

  // HOT
  private takeSlot(): number {
    if (this.free !== none) {
      const slot = this.free;
      this.free = this.next[slot]!;
      return slot;
    }
    if (this.used === this.offsets.length) this.grow();
    return this.used++;
  }

  // HOT
  private insert(slot: number): void {
    const { buckets } = this;
    const mask = buckets.length - 1;
    let at = hash(this.partitions[slot]!, this.offsets[slot]!) & mask;
    while (buckets[at] !== 0) at = (at + 1) & mask;
    buckets[at] = slot + 1;
  }

  /** Takes the slot out of `buckets` and moves what probed past it back. */
  // HOT
  private unindex(slot: number): void {
    const { buckets } = this;
    const mask = buckets.length - 1;
    let hole = hash(this.partitions[slot]!, this.offsets[slot]!) & mask;
    while (buckets[hole] !== slot + 1) hole = (hole + 1) & mask;
    for (let at = (hole + 1) & mask; buckets[at] !== 0; at = (at + 1) & mask) {
      const moved = buckets[at]! - 1;
      const home = hash(this.partitions[moved]!, this.offsets[moved]!) & mask;
      // It may move if its home does not lie in (hole, at], counted around the ring.
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        buckets[hole] = moved + 1;
        hole = at;
      }
    }
    buckets[hole] = 0;
  }

  private grow(): void {
    const slots = Math.max(initialSlots, this.offsets.length * 2);
    this.offsets = copyTo(new Float64Array(slots), this.offsets);
    this.deadlines = copyTo(new Float64Array(slots), this.deadlines);
    this.partitions = copyTo(new Uint16Array(slots), this.partitions);
    this.attempts = copyTo(new Uint16Array(slots), this.attempts);
    this.consumers = copyTo(new Int32Array(slots).fill(none), this.consumers);
    this.next = copyTo(new Int32Array(slots), this.next);
    this.previous = copyTo(new Int32Array(slots), this.previous);
    this.buckets = new Int32Array(slots * 2);
    for (let slot = 0; slot < this.used; slot++) {
      if (this.consumers[slot] !== none) this.insert(slot);
    }
  }

  /** Gives the memory of a burst back. */
  private shrink(): void {
    this.offsets = noFloats;
    this.deadlines = noFloats;
    this.partitions = noShorts;
    this.attempts = noShorts;
    this.consumers = noInts;
    this.next = noInts;
    this.previous = noInts;
    this.buckets = noBuckets;
    this.used = 0;
    this.free = none;
  }
}

/** Spreads runs of neighbours over the table: else a run would be probed end to end. */
// HOT
function hash(partition: number, offset: number): number {
  const mixed = Math.imul((offset ^ Math.imul(partition, 0x85eb_ca6b)) | 0, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}

function copyTo<T extends Float64Array | Uint16Array | Int32Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
