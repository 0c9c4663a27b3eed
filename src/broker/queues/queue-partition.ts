/**
 * What a queue durably knows of one of its partitions: what is settled, and what came back how often.
 *
 * Owns: the floor, what is settled above it, attempts, the lease mark. Blind: it takes what entries
 * and checkpoint objects say. Leaves: leases, the cursor and every decision to live-queue.ts.
 *
 * Invariants: every offset below `floor` is settled and the offset `floor` itself is not; `above`
 * holds the settled offsets past it only; `attempts` holds unsettled offsets only. Settling is final
 * and attempts only rise, so that entries may be applied again, or to objects of a fuzzy checkpoint
 * written later than others, and give the same state in the end.
 */

import { AttemptCounts } from './attempt-counts.ts';
import { OffsetSet } from './offset-set.ts';

export class QueuePartition {
  readonly partitionId: number;
  /** Its place in its queue: protocols name partitions by it. */
  readonly index: number;
  /** The first offset that is not settled. */
  floor: number;
  /** Settled offsets above the floor. */
  readonly above: OffsetSet;
  /** Attempts of the records that came back and wait for another. */
  readonly attempts: AttemptCounts;
  /** No offset from here on has ever been delivered. */
  leaseMark: number;
  /** Entries up to here are in the lease mark. */
  leaseMarkLsn: number;
  /** The last entry that changed anything here; answers wait for it. */
  lastLsn: number;
  /** Not durable: what is unsettled below may have been delivered before the broker started. */
  redeliveredBelow: number;

  constructor(partitionId: number, index: number, firstOffset: number, lsn: number) {
    this.partitionId = partitionId;
    this.index = index;
    this.floor = firstOffset;
    this.above = new OffsetSet();
    this.attempts = new AttemptCounts();
    this.leaseMark = firstOffset;
    this.leaseMarkLsn = lsn;
    this.lastLsn = lsn;
    this.redeliveredBelow = 0;
  }

  // HOT: once per range; without holes the bitmaps are never touched.
  settle(first: number, end: number): void {
    if (end <= this.floor) return;
    this.attempts.removeRange(Math.max(first, this.floor), end);
    if (first > this.floor) {
      this.above.addRange(first, end);
      return;
    }
    this.moveFloor(end);
  }

  /** Everything before `offset` is settled, and perhaps more that follows it. */
  moveFloor(offset: number): void {
    if (offset <= this.floor) return;
    if (this.above.size === 0) {
      this.floor = offset;
      return;
    }
    const floor = this.above.nextAbsent(offset);
    this.above.removeRange(this.floor, floor);
    this.floor = floor;
  }

  /** Records came back after `attempts` deliveries each. */
  returnRun(first: number, length: number, attempts: number): void {
    const end = first + length;
    if (this.floor <= first && this.above.nextPresent(first) === -1) {
      this.attempts.raise(first, length, attempts);
      return;
    }
    for (let offset = Math.max(first, this.floor); offset < end; offset++) {
      if (!this.above.has(offset)) this.attempts.raise(offset, 1, attempts);
    }
  }

  // HOT
  isSettled(offset: number): boolean {
    return offset < this.floor || this.above.has(offset);
  }

  isRangeSettled(first: number, end: number): boolean {
    const from = Math.max(first, this.floor);
    return from >= end || this.above.containsRange(from, end);
  }

  /** The first offset from `from` on that is not settled. */
  // HOT
  nextUnsettled(from: number): number {
    if (from <= this.floor) return this.floor;
    return this.above.size === 0 ? from : this.above.nextAbsent(from);
  }

  /** Unsettled offsets in [logStart, end), when none is settled from `end` on. */
  unsettledIn(logStart: number, end: number): number {
    const settled = this.above.size - this.settledBefore(logStart);
    return Math.max(0, end - Math.max(this.floor, logStart) - settled);
  }

  /** Settled offsets between floor and log start: the log has let go of records that were ready. */
  private settledBefore(logStart: number): number {
    let count = 0;
    for (let at = this.above.nextPresent(this.floor); at !== -1 && at < logStart; ) {
      const end = Math.min(this.above.nextAbsent(at), logStart);
      count += end - at;
      at = this.above.nextPresent(end);
    }
    return count;
  }

  /** After the objects of a checkpoint have been put together: makes the invariants hold again. */
  normalize(): void {
    const floor = this.above.nextAbsent(this.floor);
    if (floor > 0) {
      this.above.removeRange(0, floor);
      this.attempts.removeRange(0, floor);
    }
    this.floor = floor;
    for (let at = this.attempts.next(0); at !== -1; at = this.attempts.next(at + 1)) {
      if (this.above.has(at)) this.attempts.removeRange(at, at + 1);
    }
  }
}
