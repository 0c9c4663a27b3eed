/**
 * Reading: plans, and who is woken when there is more to read.
 *
 * Owns: the range check of a read, the watchers of partitions.
 * Leaves: finding and copying batches to log/.
 */

import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { Journal } from '../log/journal.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import type { ReadPlan } from '../log/read-plan.ts';
import type { Partition, Watcher } from './catalog/topic.ts';

/** 'loading': nothing is planned yet, `ready` is called when it is worth asking again. */
export type ReadStatus = 'ready' | 'loading' | BrokerErrorCode;

/**
 * Plans the committed batches from the one that holds `offset` on, until `maxBytes` would be passed;
 * the first one whatever its size. An empty plan is 'ready' too: there is nothing below the high
 * watermark. The plan was released before, and is empty on 'loading' and on errors.
 */
// HOT: per partition of a fetch.
export function planRead(
  journal: Journal,
  partition: Partition,
  offset: number,
  maxBytes: number,
  plan: ReadPlan,
  ready: () => void,
): ReadStatus {
  if (partition.isDeleted) return 'topic_not_found';
  if (journal.fault !== null) return 'fenced';
  if (offset < partition.logStart || offset > partition.logEnd) return 'offset_out_of_range';
  try {
    return journal.plan(partition.log, offset, maxBytes, plan, ready);
  } catch (error) {
    plan.release();
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
}

export function watch(partition: Partition, watcher: Watcher): void {
  partition.watchers ??= new Set();
  partition.watchers.add(watcher);
  partition.log.isWatched = true;
}

export function unwatch(partition: Partition, watcher: Watcher): void {
  const { watchers } = partition;
  if (watchers === null || !watchers.delete(watcher) || watchers.size > 0) return;
  partition.watchers = null;
  partition.log.isWatched = false;
}

/** Wakes the watchers of what a committed group has changed. */
export class Waker {
  /** Copied before anybody is called: a woken watcher may watch again at once. */
  readonly #woken: Watcher[] = [];

  // HOT: per committed group.
  wake(changed: readonly PartitionLog[], find: (id: number) => Partition | undefined): void {
    for (const log of changed) {
      if (!log.isWatched) continue;
      const partition = find(log.id);
      if (partition !== undefined) this.wakePartition(partition);
    }
  }

  wakePartition(partition: Partition): void {
    if (partition.watchers === null) return;
    const first = this.#woken.length;
    this.#woken.push(...partition.watchers);
    const end = this.#woken.length;
    for (let i = first; i < end; i++) this.#woken[i]?.onProgress(partition);
    this.#woken.length = first;
  }
}
