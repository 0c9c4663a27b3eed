/**
 * The queues that have been consumed since the start, by id and by the partitions they read.
 *
 * Owns: making the volatile side of a queue when it is first consumed, letting go of it when the
 * queue is deleted. It stays in between: it knows what came back.
 */

import { assert } from '../../kernel/assert.ts';
import { LivePartition } from './live-partition.ts';
import { LiveQueue } from './live-queue.ts';
import type { QueueLog } from './ports.ts';
import type { Queue } from './queue.ts';

const noReaders: readonly LiveQueue[] = [];

export class LiveQueues {
  private readonly log: QueueLog;
  private readonly byId = new Map<number, LiveQueue>();
  private readonly byPartition = new Map<number, LiveQueue[]>();

  constructor(log: QueueLog) {
    this.log = log;
  }

  all(): IterableIterator<LiveQueue> {
    return this.byId.values();
  }

  find(queue: Queue): LiveQueue | undefined {
    return this.byId.get(queue.id);
  }

  // HOT: once per partition and commit.
  readersOf(partitionId: number): readonly LiveQueue[] {
    return this.byPartition.get(partitionId) ?? noReaders;
  }

  /** The one there is, or a new one. */
  of(queue: Queue): LiveQueue {
    const present = this.byId.get(queue.id);
    if (present !== undefined) return present;
    const live = new LiveQueue(queue);
    this.byId.set(queue.id, live);
    this.addPartitions(live);
    return live;
  }

  /** Takes up the partitions that the queue has got meanwhile. */
  addPartitions(live: LiveQueue): void {
    const { queue, partitions } = live;
    for (let index = partitions.length; index < queue.partitions.length; index++) {
      const state = queue.partitions[index];
      assert(state !== undefined, 'an index below the length');
      const log = this.log.partition(state.partitionId);
      assert(log !== undefined, 'queues are deleted before the partitions they read');
      partitions.push(new LivePartition(state, log));
      const readers = this.byPartition.get(state.partitionId);
      if (readers === undefined) this.byPartition.set(state.partitionId, [live]);
      else readers.push(live);
    }
  }

  /** The queue is being deleted: its consumers are told, their leases end. */
  retire(live: LiveQueue): void {
    this.byId.delete(live.queue.id);
    live.expiry?.cancel();
    for (const { state } of live.partitions) {
      const rest = this.readersOf(state.partitionId).filter((other) => other !== live);
      if (rest.length === 0) this.byPartition.delete(state.partitionId);
      else this.byPartition.set(state.partitionId, rest);
    }
    for (const consumer of live.consumers.values()) {
      consumer.isClosed = true;
      live.updateTurn(consumer);
      live.giveBackAll(consumer, false);
      consumer.handler.onCancelled();
    }
    live.consumers.clear();
  }
}
