/**
 * Dispatch: ready records to consumers with credit, one each in turn.
 *
 * Owns: the loop of one queue's turn, showing a record to its consumer, moving the lease mark ahead.
 * Leaves: readiness to live-partition.ts, leases and the ring to live-queue.ts, when a queue has its
 * turn to queue-service.ts.
 *
 * Nothing is delivered that is not committed, and no offset at or past the committed lease mark: so
 * after a crash, whatever may have been delivered lies below a mark that is on stable storage.
 */

import { assert } from '../../kernel/assert.ts';
import { Delivery } from './delivery.ts';
import type { LivePartition } from './live-partition.ts';
import type { ConsumerSlot, LiveQueue } from './live-queue.ts';
import { settleReason } from './queue-entries.ts';
import { deliveriesPerTurnMax } from './queue-limits.ts';
import type { RecordSource } from './record-source.ts';
import type { SettlementWriter } from './settlement-writer.ts';

export class Dispatcher {
  private readonly writer: SettlementWriter;
  private readonly delivery = new Delivery();
  private readonly find: (partition: LivePartition) => boolean;

  constructor(source: RecordSource, writer: SettlementWriter) {
    this.writer = writer;
    this.find = (partition) => partition.findNext(source);
  }

  /**
   * One turn. Everything gathered for the queue has been journalled. `now` is the monotonic clock's.
   * True when there is more to deliver at once: other queues come first.
   */
  // HOT: about 100 ns a delivery before the consumer's own work.
  run(live: LiveQueue, now: number): boolean {
    let left = deliveriesPerTurnMax;
    while (left > 0) {
      const consumer = live.turn;
      if (consumer === null) break;
      const partition = live.nextPartition(this.find);
      if (partition === null) break;
      this.deliver(live, partition, consumer, now);
      // What came back during the call may be next: then its attempts have to be known.
      if (live.hasReturns) return true;
      left--;
    }
    if (live.consumers.size > 0) this.moveMarks(live);
    return left === 0;
  }

  // HOT
  private deliver(
    live: LiveQueue,
    partition: LivePartition,
    consumer: ConsumerSlot,
    now: number,
  ): void {
    const { delivery } = this;
    const { state, window } = partition;
    assert(window !== null, 'the record that was found lies in a window');
    delivery.show(window, partition.row);
    const { offset } = delivery;
    const attempt = state.attempts.get(offset) + 1;
    delivery.queue = live.queue;
    delivery.partition = state.index;
    delivery.attempt = attempt;
    delivery.isRedelivered = partition.isReturned || attempt > 1 || offset < state.redeliveredBelow;

    partition.take(offset);
    live.turn = consumer.next;
    consumer.credit--;
    if (consumer.credit === 0) live.updateTurn(consumer);
    if (consumer.isSettledOnDelivery) {
      partition.settle(offset, offset + 1, settleReason.acknowledged);
    } else {
      live.lease(partition, consumer, offset, attempt, now);
    }
    consumer.handler.onDelivery(delivery);
  }

  /** Marks are moved while there is some way to go, so that nobody has to wait for the commit. */
  moveMarks(live: LiveQueue): void {
    for (const partition of live.partitions) {
      if (partition.wantsMark()) {
        this.writer.mark(live, partition, partition.cursor + partition.markStep);
      }
    }
  }
}
