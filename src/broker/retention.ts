/**
 * Letting go: old records by time and size, what a client deletes, producers that fell silent.
 *
 * Owns: the decisions, on a timer and on request; each becomes a log-start or producers-expired entry.
 * Leaves: freeing space to log/.
 *
 * Batches go from the head, whole ones only, below the high watermark only. A batch is too old when
 * its largest timestamp is; a batch goes by size when what is behind it alone reaches the limit.
 * One round is under way at a time; partitions are looked at one after the other, a turn each. Most
 * have nothing to let go: their head is remembered, so that a round costs a comparison for each.
 */

import type { Clock, Scheduler, Timer } from '../kernel/ports.ts';
import type { Journal } from '../log/journal.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import { ReadPlan } from '../log/read-plan.ts';
import { type WalkDone, type WalkedBatch, walkBatches } from './batch-walk.ts';
import { BodyWriter } from './body.ts';
import type { Partition } from './catalog/topic.ts';
import { encodeProducersExpired, entryKind } from './entries.ts';
import { producersMax, producersPerExpiryMax, producersPerPartitionMax } from './limits.ts';
import type { BrokerOptions } from './options.ts';
import type { DeleteRecordsOutcome } from './outcomes.ts';
import type { BrokerState } from './state.ts';

export interface RetentionParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly options: BrokerOptions;
  readonly state: BrokerState;
}

export class Retention {
  readonly #parts: RetentionParts;
  readonly #journal: Journal;
  /** Of the walk that is under way: there is one at a time. */
  readonly #plan = new ReadPlan();
  #timer: Timer | null = null;
  #isRunning = false;
  #isStopped = false;

  constructor(parts: RetentionParts, journal: Journal) {
    this.#parts = parts;
    this.#journal = journal;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** One round over everything, now. */
  run(): void {
    if (this.#isRunning || this.#isStopped || this.#journal.fault !== null) return;
    this.#isRunning = true;
    this.#expireProducers();
    const partitions: Partition[] = [];
    for (const topic of this.#parts.state.catalog.topics()) {
      if (topic.options.isDeleting) partitions.push(...topic.partitions);
    }
    this.#next(partitions, 0);
  }

  /** Moves the log start to `offset`, -1 for the high watermark. */
  deleteRecords(partition: Partition, offset: number): DeleteRecordsOutcome {
    const { catalog } = this.#parts.state;
    if (partition.isDeleted) {
      const detail = partition.topic.name;
      return { error: 'topic_not_found', detail, lsn: catalog.lastLsn, logStart: -1 };
    }
    const target = offset === -1 ? partition.highWatermark : offset;
    if (target < 0 || target > partition.highWatermark) {
      const detail = `${target} is not up to ${partition.highWatermark}`;
      return { error: 'offset_out_of_range', detail, lsn: 0, logStart: -1 };
    }
    const { log } = partition;
    if (target > log.logStart) this.#journal.advanceLogStart(partition.id, target);
    return { error: null, detail: '', lsn: log.lastLsn, logStart: log.logStart };
  }

  /** Before the first append of a producer: its partition, and all together, keep to their limits. */
  makeRoomForProducer(partition: number): void {
    const { producers } = this.#parts.state;
    const isFull = producers.countOf(partition) >= producersPerPartitionMax;
    if (!isFull && producers.count < producersMax) return;
    // A share at once, so that finding the oldest is paid for by many newcomers.
    const share = Math.ceil(producers.countOf(partition) / 16);
    if (isFull || share > 1) this.#expire(partition, producers.oldestOf(partition, share));
    else this.#expireIdleShare();
  }

  #arm(): void {
    if (this.#isStopped) return;
    const { scheduler, options } = this.#parts;
    this.#timer = scheduler.after(options.retentionCheckMs, () => {
      this.run();
      this.#arm();
    });
  }

  #next(partitions: readonly Partition[], index: number): void {
    const partition = partitions[index];
    if (partition === undefined || this.#isStopped) {
      this.#isRunning = false;
      return;
    }
    this.#trim(partition, () => {
      const isLongList = index % 64 === 63;
      if (!isLongList) return this.#next(partitions, index + 1);
      this.#parts.scheduler.nextSlice(() => this.#next(partitions, index + 1));
    });
  }

  #trim(partition: Partition, done: () => void): void {
    if (partition.isDeleted || partition.log.logStart >= partition.highWatermark) return done();
    if (this.#keepsAll(partition)) return done();
    const { logStart } = partition.log;
    this.#findSurplus(partition, (surplus) => {
      // Moved meanwhile: the next round looks again.
      if (partition.log.logStart !== logStart) return done();
      this.#trimSurplus(partition, surplus, done);
    });
  }

  /** Whether the head is as it was, and is young enough, and all there is stays within the limit. */
  #keepsAll({ headOffset, headTime, log, topic }: Partition): boolean {
    const { retentionMs, retentionBytes } = topic.options;
    if (headOffset !== log.logStart) return false;
    if (headTime < this.#parts.clock.now() - retentionMs) return false;
    return retentionBytes === Number.POSITIVE_INFINITY || keptBytes(log) <= retentionBytes;
  }

  /**
   * Bytes past the limit. Segments behind the first are counted as wholes; of the first one, what the
   * log start has left of it.
   */
  #findSurplus(partition: Partition, done: (surplus: number) => void): void {
    const { extents, logStart } = partition.log;
    const first = extents.at(extents.find(logStart));
    const surplus = keptBytes(partition.log) - partition.topic.options.retentionBytes;
    if (first === undefined || surplus <= 0) return done(surplus);
    const { bytes, lastOffset } = first;
    let kept = 0;
    const adds = (batch: WalkedBatch): boolean => {
      if (batch.baseOffset > lastOffset) return false;
      kept += batch.bytes;
      return true;
    };
    const onEnd: WalkDone = (error) =>
      done(error === null ? surplus - bytes + Math.min(kept, bytes) : 0);
    walkBatches(this.#journal, partition, logStart, adds, onEnd, this.#plan);
  }

  #trimSurplus(partition: Partition, surplusBefore: number, done: () => void): void {
    if (partition.isDeleted || this.#isStopped) return done();
    const oldest = this.#parts.clock.now() - partition.topic.options.retentionMs;
    let surplus = surplusBefore;
    let target = partition.log.logStart;
    let headTime = -1;
    const goes = (batch: WalkedBatch): boolean => {
      const hasTime = batch.maxTimestamp >= 0;
      const isTooOld = hasTime && batch.maxTimestamp < oldest;
      const isTooMuch = surplus >= batch.bytes;
      // One without a time is as old as the first behind it that has one.
      if (!isTooOld && !isTooMuch) {
        headTime = batch.maxTimestamp;
        return !hasTime;
      }
      surplus -= batch.bytes;
      target = batch.nextOffset;
      return true;
    };
    const onEnd: WalkDone = (error) => {
      const mayMove = error === null && !partition.isDeleted && !this.#isStopped;
      if (mayMove && target > partition.log.logStart) {
        this.#journal.advanceLogStart(partition.id, target);
      }
      partition.headOffset = headTime >= 0 ? partition.log.logStart : -1;
      partition.headTime = headTime;
      done();
    };
    walkBatches(this.#journal, partition, target, goes, onEnd, this.#plan);
  }

  #expireProducers(): void {
    const { clock, options, state } = this.#parts;
    this.#expireIdleSince(state, clock.now() - options.producerExpiryMs);
  }

  #expireIdleSince(state: BrokerState, time: number): void {
    const idle = new Map<number, number[]>();
    state.producers.forEachIdle(time, (partition, producer) => {
      const ids = idle.get(partition);
      if (ids === undefined) idle.set(partition, [producer]);
      else ids.push(producer);
    });
    for (const [partition, ids] of idle) this.#expire(partition, ids);
  }

  /** A sixteenth of all producers, those that wrote longest ago. */
  #expireIdleShare(): void {
    const { producers } = this.#parts.state;
    this.#expireIdleSince(this.#parts.state, producers.timeOfOldest(producers.count >>> 4));
  }

  #expire(partitionId: number, producerIds: readonly number[]): void {
    for (let at = 0; at < producerIds.length; at += producersPerExpiryMax) {
      const body = new BodyWriter();
      const some = producerIds.slice(at, at + producersPerExpiryMax);
      encodeProducersExpired(body, { partitionId, producerIds: some });
      this.#journal.appendEntry(entryKind.producersExpired, body.bytes, 0, body.length);
    }
  }
}

/** Of all segments from the log start on, the first one as a whole. */
function keptBytes({ extents, logStart }: PartitionLog): number {
  let bytes = 0;
  for (let i = extents.find(logStart); i < extents.count; i++) bytes += extents.at(i)?.bytes ?? 0;
  return bytes;
}
