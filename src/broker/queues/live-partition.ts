/**
 * One partition of a queue that is being consumed: what is ready, and what waits to be journalled.
 *
 * Owns: the cursor, what came back and is ready again, the lease mark's progress, settlements and
 * returns gathered for the next entries. Volatile. Leaves: durable state to queue-partition.ts,
 * leases to live-queue.ts, entries to settlement-writer.ts.
 *
 * Every offset is in exactly one place:
 *
 *   below the cursor:  settled | in `settling` (an entry will say so) | leased | `returned` (ready)
 *   from the cursor:   settled | ready
 *
 * Next is the lowest of `returned`, then the cursor: a record that came back goes to the head, in
 * order of offsets. Nothing at or past the high watermark or the committed lease mark is ready.
 */

import { GrowableF64, GrowableU32 } from '../../kernel/grow.ts';
import type { PartitionLog } from '../../log/partition-log.ts';
import { OffsetSet } from './offset-set.ts';
import { runLengthMax, type SettleReason, settleReason } from './queue-entries.ts';
import { leaseMarkStep, leaseMarkStepMax } from './queue-limits.ts';
import type { QueuePartition } from './queue-partition.ts';
import type { RecordSource } from './record-source.ts';
import type { RecordWindow } from './record-window.ts';

/** How `settling` is divided: one set per reason. */
const reasons = Object.keys(settleReason).length;

/** Runs of neighbouring offsets that came back after equally many attempts, in the order they came. */
export class ReturnRuns {
  readonly firsts = new GrowableF64();
  readonly lengths = new GrowableU32();
  readonly attempts = new GrowableU32();

  // HOT
  add(offset: number, attempts: number): void {
    const last = this.firsts.length - 1;
    if (last >= 0) {
      const length = this.lengths.get(last);
      const follows = this.firsts.get(last) + length === offset;
      if (follows && this.attempts.get(last) === attempts && length < runLengthMax) {
        this.lengths.set(last, length + 1);
        return;
      }
    }
    this.firsts.push(offset);
    this.lengths.push(1);
    this.attempts.push(attempts);
  }
}

export class LivePartition {
  readonly state: QueuePartition;
  readonly log: PartitionLog;
  /** No offset from here on has been delivered since the start. */
  cursor: number;
  /** Ready again. */
  readonly returned: OffsetSet;

  /** The lease mark that is committed: deliveries stop here. */
  safeMark: number;
  /** LSN of the lease mark entry that is not committed yet; -1 when there is none. */
  markLsn = -1;
  markStep: number = leaseMarkStep;
  /** A record is ready but for the mark. */
  isHeldByMark = false;

  /** By reason: settled, to be journalled at the end of the tick. */
  readonly settling: (OffsetSet | null)[] = new Array<OffsetSet | null>(reasons).fill(null);
  /** What came back and counts, to be journalled likewise; null when there is nothing. */
  returning: ReturnRuns | null = null;

  /** What `findNext` has found. */
  window: RecordWindow | null = null;
  row = 0;
  /** It had come back. */
  isReturned = false;

  constructor(state: QueuePartition, log: PartitionLog) {
    this.state = state;
    this.log = log;
    this.cursor = state.floor;
    this.returned = new OffsetSet();
    this.safeMark = state.leaseMark;
  }

  /**
   * Finds the next record to deliver: `window` and `row`. False when nothing is ready, or not read
   * yet; `source` calls back then.
   */
  // HOT: once per delivery.
  findNext(source: RecordSource): boolean {
    for (;;) {
      const offset = this.nextReady();
      if (offset === -1) return false;
      if (offset < this.log.logStart) {
        this.skipAbsent(offset, this.log.logStart);
        continue;
      }
      let { window } = this;
      if (window === null || !window.covers(this.state.partitionId, offset)) {
        window = source.locate(this.log, offset);
        if (window === null) return false;
        this.window = window;
        this.row = 0;
      }
      const row = window.rowAt(offset, this.row);
      this.row = row;
      if (row < window.count && window.offsets[row] === offset) return true;
      this.skipAbsent(offset, row < window.count ? window.offsets[row]! : window.end);
    }
  }

  /** The offset that is next, or -1. */
  // HOT
  private nextReady(): number {
    this.isHeldByMark = false;
    if (this.returned.size > 0) {
      this.isReturned = true;
      return this.returned.nextPresent(0);
    }
    this.isReturned = false;
    const offset = this.state.nextUnsettled(this.cursor);
    this.cursor = offset;
    if (offset >= this.log.highWatermark) return -1;
    if (offset < this.safeMark) return offset;
    this.isHeldByMark = true;
    return -1;
  }

  /** The record just found is delivered. */
  // HOT
  take(offset: number): void {
    if (this.isReturned) this.returned.removeRange(offset, offset + 1);
    else this.cursor = offset + 1;
    this.row++;
  }

  /** There are no records in [first, end). */
  private skipAbsent(first: number, end: number): void {
    if (!this.isReturned) {
      this.cursor = end;
      this.settle(first, end, settleReason.absent);
      return;
    }
    const stop = Math.min(end, this.returned.nextAbsent(first));
    this.returned.removeRange(first, stop);
    this.settle(first, stop, settleReason.absent);
  }

  /** [first, end) is settled with the next entry. */
  // HOT
  settle(first: number, end: number, reason: SettleReason): void {
    let set = this.settling[reason];
    if (set === null || set === undefined) {
      set = new OffsetSet();
      this.settling[reason] = set;
    }
    set.addRange(first, end);
  }

  /** Ready again. `attempts` is to be kept durably; 0: the delivery does not count. */
  // HOT
  giveBack(offset: number, attempts: number): void {
    this.returned.addRange(offset, offset + 1);
    if (attempts === 0) return;
    this.returning ??= new ReturnRuns();
    this.returning.add(offset, attempts);
  }

  /** Settled, but no entry says so yet. */
  get settlingCount(): number {
    let count = 0;
    for (const set of this.settling) count += set === null ? 0 : set.size;
    return count;
  }

  /** Whether the lease mark should move on now, and the step grown if it was too small. */
  wantsMark(): boolean {
    if (this.markLsn !== -1) return false;
    if (this.isHeldByMark && this.state.leaseMark > this.state.floor) {
      this.markStep = Math.min(this.markStep * 2, leaseMarkStepMax);
    }
    return this.state.leaseMark - this.cursor < this.markStep / 2;
  }

  /** The mark's entry is committed. */
  markCommitted(): void {
    this.markLsn = -1;
    this.safeMark = this.state.leaseMark;
  }
}
