/**
 * Giving space back: what every queue of a topic has settled need not be kept.
 *
 * Owns: when the log start of a partition moves, which ranges above it are noted as dead.
 * Leaves: files to log/. Works for topics kept until settled only; others have their own retention.
 *
 * The log start follows the lowest floor of all queues, but not every settlement: once a partition
 * can give up `reclaimBytesMin`, or `reclaimIdleMs` after it could give up anything.
 */

import type { Scheduler } from '../../kernel/ports.ts';
import type { PartitionLog } from '../../log/partition-log.ts';
import { chunkOffsets, type OffsetSet } from './offset-set.ts';
import type { QueueLog } from './ports.ts';
import { reclaimBytesMin, reclaimIdleMs } from './queue-limits.ts';
import type { Queues } from './queues.ts';

export class Reclaimer {
  private readonly queues: Queues;
  private readonly log: QueueLog;
  private readonly scheduler: Scheduler;
  /** By partition id: the floor from which the log start moves without waiting. */
  private readonly thresholds = new Map<number, number>();
  private readonly waiting = new Set<number>();
  private isTimerSet = false;

  constructor(queues: Queues, log: QueueLog, scheduler: Scheduler) {
    this.queues = queues;
    this.log = log;
    this.scheduler = scheduler;
  }

  /** `offsets` have been settled in one of the queues of a partition. */
  settled(partitionId: number, offsets: OffsetSet): void {
    if (!this.queues.freesSettled(partitionId)) return;
    const floor = this.check(partitionId);
    for (let row = offsets.rowFrom(0); row !== undefined; ) {
      const end = row.chunk + row.chunks;
      for (let chunk = row.chunk; chunk < end; chunk++) this.noteChunk(partitionId, chunk, floor);
      row = offsets.rowFrom(end);
    }
  }

  /** A floor may have moved, or a queue gone. Returns the lowest floor. */
  check(partitionId: number): number {
    const log = this.log.partition(partitionId);
    const readers = this.queues.readersOf(partitionId);
    if (log === undefined || readers.length === 0) {
      this.thresholds.delete(partitionId);
      this.waiting.delete(partitionId);
      return 0;
    }
    let floor = Number.POSITIVE_INFINITY;
    for (const reader of readers) floor = Math.min(floor, reader.floor);
    if (floor <= log.logStart || !this.queues.freesSettled(partitionId)) return floor;
    let threshold = this.thresholds.get(partitionId);
    if (threshold === undefined) {
      threshold = log.logStart + offsetsIn(log, reclaimBytesMin);
      this.thresholds.set(partitionId, threshold);
    }
    if (floor >= threshold) this.advance(partitionId, log, floor);
    else this.waitForQuiet(partitionId);
    return floor;
  }

  /** Moves every log start that may be moved, now. */
  advanceAll(): void {
    const partitions = [...this.waiting];
    this.waiting.clear();
    for (const partitionId of partitions) {
      const log = this.log.partition(partitionId);
      const floor = this.check(partitionId);
      if (log !== undefined && floor > log.logStart) this.advance(partitionId, log, floor);
    }
  }

  private advance(partitionId: number, log: PartitionLog, floor: number): void {
    this.log.advanceLogStart(partitionId, Math.min(floor, log.highWatermark));
    this.thresholds.delete(partitionId);
    this.waiting.delete(partitionId);
  }

  private waitForQuiet(partitionId: number): void {
    this.waiting.add(partitionId);
    if (this.isTimerSet) return;
    this.isTimerSet = true;
    this.scheduler.after(reclaimIdleMs, () => {
      this.isTimerSet = false;
      if (this.log.fault === null) this.advanceAll();
    });
  }

  /** The last hole of a chunk was just settled in one queue: it is dead if it has none in the others. */
  private noteChunk(partitionId: number, chunk: number, floor: number): void {
    const first = chunk * chunkOffsets;
    const end = first + chunkOffsets;
    if (end <= floor) return;
    for (const reader of this.queues.readersOf(partitionId)) {
      if (!reader.isRangeSettled(first, end)) return;
    }
    this.log.noteDead(partitionId, first, end - 1);
  }
}

/** About how many offsets take so many bytes. */
function offsetsIn(log: PartitionLog, bytes: number): number {
  const perOffset = log.liveBytes / Math.max(1, log.logEnd - log.logStart);
  return Math.max(1, Math.ceil(bytes / Math.max(1, perOffset)));
}
