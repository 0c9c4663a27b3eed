/**
 * A queue that is, or was, being consumed: its consumers, their leases, whose turn it is. Volatile.
 *
 * Owns: the ring of consumers that can take a delivery, the table of leases, taking a lease and
 * ending it. Leaves: readiness to live-partition.ts, entries to settlement-writer.ts, the calls of
 * consumers to queue-consumer.ts.
 *
 * Consumers with credit form a ring; a delivery goes to the one at `turn`, then the next is on. So
 * records are dealt out one each, and a consumer without credit costs nothing.
 */

import { assert } from '../../kernel/assert.ts';
import type { Timer } from '../../kernel/ports.ts';
import type { Delivery } from './delivery.ts';
import { LeaseList, LeaseTable } from './lease-table.ts';
import type { LivePartition } from './live-partition.ts';
import type { Queue } from './queue.ts';
import type { SettleReason } from './queue-entries.ts';

/** What a consumer gives. */
export interface ConsumerHandler {
  /** A delivery; borrowed until return. The consumer may call anything, also `close`. */
  onDelivery(delivery: Delivery): void;
  /** The queue is gone: the last call. */
  onCancelled(): void;
  /** The lease ran out: the record may go to somebody else. */
  onLeaseExpired?(partition: number, offset: number): void;
}

/** A consumer's place in its queue. */
export class ConsumerSlot {
  readonly number: number;
  readonly handler: ConsumerHandler;
  /** Deliveries are settled as they are made: at most once. */
  readonly isSettledOnDelivery: boolean;
  readonly leases: LeaseList;
  /** Deliveries that it may still get. */
  credit = 0;
  isPaused = false;
  isClosed = false;
  /** In the ring of consumers that can take a delivery; null outside. */
  next: ConsumerSlot | null = null;
  previous: ConsumerSlot | null = null;

  constructor(number: number, handler: ConsumerHandler, isSettledOnDelivery: boolean) {
    this.number = number;
    this.handler = handler;
    this.isSettledOnDelivery = isSettledOnDelivery;
    this.leases = new LeaseList();
  }
}

export class LiveQueue {
  readonly queue: Queue;
  readonly partitions: LivePartition[] = [];
  readonly leases = new LeaseTable();
  readonly consumers = new Map<number, ConsumerSlot>();
  /** The consumer that gets the next delivery; null when none can take one. */
  turn: ConsumerSlot | null = null;
  /** Index of the partition that is looked at first. */
  partitionTurn = 0;
  /** Waits for its turn in the service. */
  isDirty = false;
  /** Attempts wait to be journalled. */
  hasReturns = false;
  /** A lease mark of it is not committed yet. */
  isMarking = false;
  /** LSN of the last entry written for it. */
  lastLsn = 0;
  /** Looks for expired leases. */
  expiry: Timer | null = null;
  /** When, by the monotonic clock, ms. */
  expiryAt = Number.POSITIVE_INFINITY;
  private nextConsumer = 0;

  constructor(queue: Queue) {
    this.queue = queue;
    this.lastLsn = queue.lastLsn;
  }

  addConsumer(handler: ConsumerHandler, isSettledOnDelivery: boolean): ConsumerSlot {
    const slot = new ConsumerSlot(this.nextConsumer++, handler, isSettledOnDelivery);
    this.consumers.set(slot.number, slot);
    return slot;
  }

  /** Whether the consumer can take a delivery has changed: into the ring or out of it. */
  // HOT
  updateTurn(consumer: ConsumerSlot): void {
    const canTake = consumer.credit > 0 && !consumer.isPaused && !consumer.isClosed;
    if (canTake === (consumer.next !== null)) return;
    if (canTake) this.enterRing(consumer);
    else this.leaveRing(consumer);
  }

  /** Behind all others: the one at `turn` is next. */
  private enterRing(consumer: ConsumerSlot): void {
    const { turn } = this;
    if (turn === null) {
      consumer.next = consumer;
      consumer.previous = consumer;
      this.turn = consumer;
      return;
    }
    const last = turn.previous;
    assert(last !== null, 'the ring of consumers is closed');
    consumer.next = turn;
    consumer.previous = last;
    last.next = consumer;
    turn.previous = consumer;
  }

  private leaveRing(consumer: ConsumerSlot): void {
    const { next, previous } = consumer;
    assert(next !== null && previous !== null, 'the ring of consumers is closed');
    if (next === consumer) this.turn = null;
    else {
      next.previous = previous;
      previous.next = next;
      if (this.turn === consumer) this.turn = next;
    }
    consumer.next = null;
    consumer.previous = null;
  }

  /** The next partition with a record to deliver, in turn; null when there is none. */
  // HOT
  nextPartition(find: (partition: LivePartition) => boolean): LivePartition | null {
    const count = this.partitions.length;
    for (let i = 0; i < count; i++) {
      const index = (this.partitionTurn + i) % count;
      const partition = this.partitions[index]!;
      if (!find(partition)) continue;
      this.partitionTurn = (index + 1) % count;
      return partition;
    }
    return null;
  }

  /** Takes a lease for the record that `partition` has found. */
  // HOT
  lease(
    partition: LivePartition,
    consumer: ConsumerSlot,
    offset: number,
    attempt: number,
    now: number,
  ): void {
    const { leaseMs } = this.queue;
    const deadline = leaseMs === 0 ? Number.POSITIVE_INFINITY : now + leaseMs;
    const { index } = partition.state;
    this.leases.add(index, offset, consumer.number, attempt, deadline, consumer.leases);
  }

  /** Settles what `consumer` holds of [first, end); returns how many records that was. */
  // HOT
  settle(
    consumer: ConsumerSlot,
    partitionIndex: number,
    first: number,
    end: number,
    reason: SettleReason,
  ): number {
    const partition = this.partitions[partitionIndex];
    if (partition === undefined) return 0;
    let settled = 0;
    if (end - first > consumer.leases.length)
      return this.settleHeld(consumer, partition, first, end, reason);
    for (let offset = first; offset < end; offset++) {
      const slot = this.leases.find(partitionIndex, offset);
      if (slot === -1 || this.leases.consumers[slot] !== consumer.number) continue;
      this.leases.remove(slot, consumer.leases);
      partition.settle(offset, offset + 1, reason);
      settled++;
    }
    return settled;
  }

  /** Gives back what `consumer` holds of [first, end); returns how many records that was. */
  // HOT
  giveBack(
    consumer: ConsumerSlot,
    partitionIndex: number,
    first: number,
    end: number,
    isCounted: boolean,
  ): number {
    let returned = 0;
    if (end - first > consumer.leases.length) {
      for (const slot of this.heldSlots(consumer, partitionIndex, first, end)) {
        this.endLease(slot, consumer, isCounted);
        returned++;
      }
      return returned;
    }
    for (let offset = first; offset < end; offset++) {
      const slot = this.leases.find(partitionIndex, offset);
      if (slot === -1 || this.leases.consumers[slot] !== consumer.number) continue;
      this.endLease(slot, consumer, isCounted);
      returned++;
    }
    return returned;
  }

  /** As `settle`, for a range that is wider than what the consumer holds. */
  private settleHeld(
    consumer: ConsumerSlot,
    partition: LivePartition,
    first: number,
    end: number,
    reason: SettleReason,
  ): number {
    const slots = this.heldSlots(consumer, partition.state.index, first, end);
    for (const slot of slots) {
      const offset = this.leases.offsets[slot]!;
      this.leases.remove(slot, consumer.leases);
      partition.settle(offset, offset + 1, reason);
    }
    return slots.length;
  }

  /** The slots that `consumer` holds of [first, end), in the order in which they were leased. */
  private heldSlots(
    consumer: ConsumerSlot,
    partitionIndex: number,
    first: number,
    end: number,
  ): number[] {
    const { leases } = this;
    const slots: number[] = [];
    for (let slot = consumer.leases.head; slot !== -1; slot = leases.next[slot]!) {
      const offset = leases.offsets[slot]!;
      const isIn = offset >= first && offset < end;
      if (isIn && leases.partitions[slot] === partitionIndex) slots.push(slot);
    }
    return slots;
  }

  /** Gives back all that `consumer` holds. */
  giveBackAll(consumer: ConsumerSlot, isCounted: boolean): void {
    while (consumer.leases.head !== -1) this.endLease(consumer.leases.head, consumer, isCounted);
  }

  /** Gives back every lease that ended by `now`, and tells its consumer. */
  expire(now: number): number {
    const { leases } = this;
    let expired = 0;
    for (let slot = 0; slot < leases.slots; slot++) {
      const number = leases.consumers[slot]!;
      if (number === -1 || leases.deadlines[slot]! > now) continue;
      const consumer = this.consumers.get(number);
      assert(consumer !== undefined, 'a lease belongs to a consumer');
      const partition = leases.partitions[slot]!;
      const offset = leases.offsets[slot]!;
      this.endLease(slot, consumer, true);
      consumer.handler.onLeaseExpired?.(partition, offset);
      expired++;
    }
    return expired;
  }

  /** Records out with consumers. */
  leasedIn(partitionIndex: number): number {
    if (this.partitions.length === 1) return this.leases.size;
    let count = 0;
    const { leases } = this;
    for (let slot = 0; slot < leases.slots; slot++) {
      if (leases.consumers[slot] !== -1 && leases.partitions[slot] === partitionIndex) count++;
    }
    return count;
  }

  private endLease(slot: number, consumer: ConsumerSlot, isCounted: boolean): void {
    const { leases } = this;
    const partition = this.partitions[leases.partitions[slot]!];
    assert(partition !== undefined, 'a lease names a partition of its queue');
    const attempts = isCounted ? leases.attempts[slot]! : 0;
    if (attempts > 0) this.hasReturns = true;
    const offset = leases.offsets[slot]!;
    leases.remove(slot, consumer.leases);
    partition.giveBack(offset, attempts);
  }
}
