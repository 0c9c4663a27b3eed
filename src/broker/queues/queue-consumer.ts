/**
 * A consumer of a queue: the calls that a protocol makes for it.
 *
 * Owns: nothing but the way to its place in the queue. Leaves: effects to live-queue.ts, the turn in
 * which they are journalled to queue-service.ts.
 *
 * A delivery is named by partition index and offset. What the consumer does not hold (settled, given
 * back, expired) is passed over; the number returned says how much it did hold. Nothing is confirmed
 * by the return of a call: a confirmation waits until `QueueService.flush` of the queue is committed.
 */

import { assert } from '../../kernel/assert.ts';
import type { ConsumerSlot, LiveQueue } from './live-queue.ts';
import type { Queue } from './queue.ts';
import { settleReason } from './queue-entries.ts';

/** What a consumer needs of the service. */
export interface ConsumerHost {
  /** The queue has something to journal or to deliver: it gets a turn at the end of the tick. */
  wake(live: LiveQueue): void;
  /** A lease ends at `deadline` by the monotonic clock, earlier than others perhaps. */
  watchDeadline(live: LiveQueue, deadline: number): void;
  now(): number;
}

export class QueueConsumer {
  private readonly host: ConsumerHost;
  private readonly live: LiveQueue;
  private readonly slot: ConsumerSlot;

  constructor(host: ConsumerHost, live: LiveQueue, slot: ConsumerSlot) {
    this.host = host;
    this.live = live;
    this.slot = slot;
  }

  get queue(): Queue {
    return this.live.queue;
  }

  /** Deliveries that it may still get. */
  get credit(): number {
    return this.slot.credit;
  }

  /** Deliveries that it holds. */
  get held(): number {
    return this.slot.leases.length;
  }

  /** Allows `count` more deliveries; Infinity is no limit. */
  // HOT
  grant(count: number): void {
    assert(count >= 0, 'credit is granted, not taken');
    this.setCredit(this.slot.credit + count);
  }

  setCredit(credit: number): void {
    assert(credit >= 0, 'credit is not negative');
    this.slot.credit = credit;
    this.update();
  }

  /** No deliveries until `resume`: its connection is not draining, say. */
  pause(): void {
    this.slot.isPaused = true;
    this.live.updateTurn(this.slot);
  }

  resume(): void {
    this.slot.isPaused = false;
    this.update();
  }

  /** Done with [first, end). Returns how many of them it held. */
  // HOT
  settle(partition: number, first: number, end: number): number {
    const { live, slot } = this;
    const count = live.settle(slot, partition, first, end, settleReason.acknowledged);
    if (count > 0) this.host.wake(live);
    return count;
  }

  /** Refuses [first, end): settled, as nobody takes refused records yet. Returns how many it held. */
  reject(partition: number, first: number, end: number): number {
    const { live, slot } = this;
    const count = live.settle(slot, partition, first, end, settleReason.rejected);
    if (count > 0) this.host.wake(live);
    return count;
  }

  /**
   * Gives [first, end) back, to be delivered again in order. `isCounted`: these deliveries count as
   * attempts. Returns how many it held.
   */
  release(partition: number, first: number, end: number, isCounted: boolean): number {
    const { live, slot } = this;
    const count = live.giveBack(slot, partition, first, end, isCounted);
    if (count > 0) this.host.wake(live);
    return count;
  }

  /** The lease of `offset` ends `leaseMs` from now, whatever was agreed before. False if not held. */
  extend(partition: number, offset: number, leaseMs: number): boolean {
    const { leases } = this.live;
    const slot = leases.find(partition, offset);
    if (slot === -1 || leases.consumers[slot] !== this.slot.number) return false;
    const deadline = this.host.now() + leaseMs;
    leases.deadlines[slot] = deadline;
    this.host.watchDeadline(this.live, deadline);
    return true;
  }

  /** Goes away: what it holds is given back, counted as attempts if `isCounted`. Idempotent. */
  close(isCounted = true): void {
    const { live, slot } = this;
    if (slot.isClosed) return;
    slot.isClosed = true;
    live.updateTurn(slot);
    live.giveBackAll(slot, isCounted);
    live.consumers.delete(slot.number);
    this.host.wake(live);
  }

  private update(): void {
    this.live.updateTurn(this.slot);
    if (this.slot.next !== null) this.host.wake(this.live);
  }
}
