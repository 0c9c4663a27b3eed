/**
 * From gathered settlements to journal entries: one per partition and tick, as ranges.
 *
 * Owns: cutting them into entries. Leaves: gathering to live-partition.ts, applying to queues.ts.
 */

import { BodyWriter } from '../body.ts';
import type { LivePartition, ReturnRuns } from './live-partition.ts';
import type { LiveQueue } from './live-queue.ts';
import type { OffsetSet } from './offset-set.ts';
import type { QueueLog } from './ports.ts';
import {
  addRange,
  addRun,
  beginReturned,
  beginSettled,
  encodeLeaseMark,
  queueEntryKind,
  rangeCount,
  rangeLengthMax,
  rangesPerEntryMax,
  runCount,
  type SettleReason,
  sealRanges,
  sealRuns,
} from './queue-entries.ts';

export class SettlementWriter {
  private readonly log: QueueLog;
  private readonly body = new BodyWriter();

  constructor(log: QueueLog) {
    this.log = log;
  }

  /**
   * Writes everything that is gathered for a queue; its `lastLsn` is what a confirmation waits for.
   * `onSettled` gets every partition with news and the offsets just settled; borrowed until return.
   */
  flush(live: LiveQueue, onSettled: (partition: LivePartition, offsets: OffsetSet) => void): void {
    live.hasReturns = false;
    for (const partition of live.partitions) {
      if (partition.returning !== null) {
        this.flushReturned(live, partition, partition.returning);
        partition.returning = null;
      }
      for (let reason = 0; reason < partition.settling.length; reason++) {
        const set = partition.settling[reason];
        if (set === null || set === undefined || set.size === 0) continue;
        this.settle(live, partition, set, reason as SettleReason);
        onSettled(partition, set);
        set.clear();
      }
    }
  }

  /** Writes a set of offsets as settled. */
  settle(live: LiveQueue, partition: LivePartition, set: OffsetSet, reason: SettleReason): void {
    const { body } = this;
    let first = set.nextPresent(0);
    while (first !== -1) {
      beginSettled(body, live.queue.id, partition.state.partitionId, reason);
      while (first !== -1 && rangeCount(body) < rangesPerEntryMax) {
        const end = Math.min(set.nextAbsent(first), first + rangeLengthMax);
        addRange(body, first, end - first);
        first = set.nextPresent(end);
      }
      sealRanges(body);
      this.append(live, queueEntryKind.settled);
    }
  }

  /** Moves the lease mark. */
  mark(live: LiveQueue, partition: LivePartition, mark: number): void {
    encodeLeaseMark(this.body, live.queue.id, partition.state.partitionId, mark);
    partition.markLsn = this.append(live, queueEntryKind.leaseMark);
  }

  private flushReturned(live: LiveQueue, partition: LivePartition, runs: ReturnRuns): void {
    const { body } = this;
    const { firsts, lengths, attempts } = runs;
    let run = 0;
    while (run < firsts.length) {
      beginReturned(body, live.queue.id, partition.state.partitionId);
      while (run < firsts.length && runCount(body) < rangesPerEntryMax) {
        addRun(body, firsts.get(run), lengths.get(run), attempts.get(run));
        run++;
      }
      sealRuns(body);
      this.append(live, queueEntryKind.returned);
    }
  }

  private append(live: LiveQueue, kind: number): number {
    const { body } = this;
    live.lastLsn = this.log.appendEntry(kind, body.bytes, 0, body.length);
    return live.lastLsn;
  }
}
