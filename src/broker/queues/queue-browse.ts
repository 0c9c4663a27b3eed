/**
 * Looking at a queue without taking anything from it.
 *
 * Owns: reading the first unsettled records of a partition as copies. Leaves no trace: no lease, no
 * attempt, no entry.
 */

import { copyDelivery, type DeliveredRecord, Delivery } from './delivery.ts';
import type { QueueLog } from './ports.ts';
import type { Queue } from './queue.ts';
import { peekRecordsMax } from './queue-limits.ts';
import type { RecordSource } from './record-source.ts';

export interface PeekedRecord extends DeliveredRecord {
  /** A consumer has it now. */
  readonly isLeased: boolean;
}

export interface PeekRequest {
  readonly queue: Queue;
  /** Index of the partition in its queue. */
  readonly partition: number;
  /** The first offset to show. */
  readonly from: number;
  /** At most `peekRecordsMax`. */
  readonly count: number;
}

/** What a look needs; `QueueService` has it. */
export interface PeekHost {
  readonly source: RecordSource;
  readonly log: QueueLog;
  /** The number of the delivery that is out with a consumer, or 0. */
  leaseAttempt(queue: Queue, partition: number, offset: number): number;
  whenLoaded(partitionId: number, done: () => void): void;
  endOfTick(task: () => void): void;
}

/**
 * Collects records in the order of their offsets, as deep as asked for, and calls back; never within
 * this call. What cannot be read is left out.
 */
export function peekQueue(
  host: PeekHost,
  request: PeekRequest,
  done: (records: PeekedRecord[]) => void,
): void {
  const { queue, partition: index } = request;
  const state = queue.partitions[index];
  const found: PeekedRecord[] = [];
  const wanted = Math.min(request.count, peekRecordsMax);
  const delivery = new Delivery();
  let offset = request.from;

  const collect = (): void => {
    const partition = state === undefined ? undefined : host.log.partition(state.partitionId);
    while (state !== undefined && partition !== undefined && found.length < wanted) {
      offset = Math.max(state.nextUnsettled(offset), partition.logStart);
      if (offset >= partition.highWatermark || queue.isDeleted) break;
      const window = host.source.locate(partition, offset);
      if (window === null) {
        if (!host.source.isLoading(partition.id)) break;
        host.whenLoaded(partition.id, collect);
        return;
      }
      const row = window.rowAt(offset, 0);
      if (row === window.count) {
        offset = window.end;
        continue;
      }
      offset = window.offsets[row]!;
      if (state.isSettled(offset)) continue;
      delivery.show(window, row);
      delivery.partition = index;
      const held = host.leaseAttempt(queue, index, offset);
      delivery.attempt = held > 0 ? held : state.attempts.get(offset);
      delivery.isRedelivered = delivery.attempt > 1 || offset < state.redeliveredBelow;
      found.push({ ...copyDelivery(delivery), isLeased: held > 0 });
      offset++;
    }
    done(found);
  };
  host.endOfTick(collect);
}
