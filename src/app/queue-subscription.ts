/**
 * One consumer of a queue inside the program: leases to an iterator, or to a function.
 *
 * Owns: credit, leases that nobody has taken yet, settling in one go what a tick has settled.
 * Leaves: who gets which message to broker/queues.
 *
 * Invariant: leases out and waiting here, together, are at most `credit`.
 */

import type {
  Broker,
  ConsumerHandler,
  QueueConsumer as CoreConsumer,
  Delivery,
  Queue,
} from '../broker/index.ts';
import { copyDelivery } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Scheduler } from '../kernel/ports.ts';
import { Lease, type LeaseHolder } from './lease.ts';

interface Waiter {
  resolve(result: IteratorResult<Lease, undefined>): void;
  reject(error: unknown): void;
}

const ended = { done: true, value: undefined } as const;

/** Broker and queue, as a subscription needs them. */
export interface QueuePlace {
  readonly broker: Broker;
  readonly scheduler: Scheduler;
  readonly queue: Queue;
  readonly topic: string;
}

export class QueueSubscription
  implements AsyncIterableIterator<Lease>, ConsumerHandler, LeaseHolder
{
  readonly #place: QueuePlace;
  readonly #onEnd: (subscription: QueueSubscription) => void;
  readonly #consumer: CoreConsumer;
  readonly #ready: Lease[] = [];
  readonly #waiters: Waiter[] = [];
  /** Resolves when what this tick settles is committed; null when nothing is gathered. */
  #settling: Promise<void> | null = null;
  #isEnded = false;
  #failure: unknown = null;

  /** @throws BrokerError queue_not_found: it was deleted; draining */
  constructor(place: QueuePlace, credit: number, onEnd: (subscription: QueueSubscription) => void) {
    this.#place = place;
    this.#onEnd = onEnd;
    const { broker, queue } = place;
    const consumer = broker.queues.consume(queue, this, { credit });
    if (consumer === null) {
      throw new BrokerError(queue.isDeleted ? 'queue_not_found' : 'draining', queue.name);
    }
    this.#consumer = consumer;
  }

  next(): Promise<IteratorResult<Lease, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#serve();
    });
  }

  /** Ends it: all leases go back to the queue, those that nobody has seen without counting. */
  return(): Promise<IteratorResult<Lease, undefined>> {
    this.end();
    return Promise.resolve(ended);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** No more deliveries; those that wait here are given back. */
  pause(): void {
    if (!this.#isEnded) this.#consumer.pause();
  }

  end(failure: unknown = null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    if (this.#place.broker.fault === null) {
      for (const { message } of this.#ready) {
        this.#consumer.release(message.partition, message.offset, message.offset + 1, false);
      }
      this.#consumer.close();
    }
    this.#ready.length = 0;
    this.#onEnd(this);
    this.#serve();
  }

  // For the queue.

  onDelivery(delivery: Delivery): void {
    this.#ready.push(new Lease(this.#place.topic, copyDelivery(delivery), this));
    this.#serve();
  }

  onCancelled(): void {
    this.end();
  }

  onLeaseExpired(partition: number, offset: number): void {
    const at = this.#ready.findIndex(
      ({ message }) => message.partition === partition && message.offset === offset,
    );
    if (at !== -1) this.#ready.splice(at, 1);
    this.#consumer.grant(1);
  }

  // For leases.

  settle(partition: number, offset: number): Promise<void> {
    if (this.#isEnded || this.#consumer.settle(partition, offset, offset + 1) === 0) {
      return leaseIsOver(partition, offset);
    }
    this.#consumer.grant(1);
    return this.#confirm();
  }

  release(partition: number, offset: number, isCounted: boolean): Promise<void> {
    if (this.#isEnded || this.#consumer.release(partition, offset, offset + 1, isCounted) === 0) {
      return leaseIsOver(partition, offset);
    }
    this.#consumer.grant(1);
    return this.#confirm();
  }

  extend(partition: number, offset: number, leaseMs: number): void {
    if (!this.#isEnded && this.#consumer.extend(partition, offset, leaseMs)) return;
    throw new BrokerError('lease_not_found', nameOf(partition, offset));
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const lease = this.#ready.shift();
      if (lease !== undefined) this.#waiters.shift()?.resolve({ done: false, value: lease });
      else if (this.#isEnded) this.#serveEnd();
      else return;
    }
  }

  #serveEnd(): void {
    const waiter = this.#waiters.shift();
    const failure = this.#failure;
    this.#failure = null;
    if (failure === null) waiter?.resolve(ended);
    else waiter?.reject(failure);
  }

  /** One entry for everything that the tick settles, and one promise. */
  #confirm(): Promise<void> {
    if (this.#settling !== null) return this.#settling;
    const { broker, scheduler, queue } = this.#place;
    const settling = new Promise<void>((resolve, reject) => {
      scheduler.endOfTick(() => {
        this.#settling = null;
        broker.commits.when(broker.queues.flush(queue), (error) =>
          error === null ? resolve() : reject(error),
        );
      });
    });
    this.#settling = mayBeLeftAlone(settling);
    return settling;
  }
}

function leaseIsOver(partition: number, offset: number): Promise<void> {
  const error = new BrokerError('lease_not_found', nameOf(partition, offset));
  return mayBeLeftAlone(Promise.reject(error));
}

function nameOf(partition: number, offset: number): string {
  return `partition ${partition}, offset ${offset}`;
}

/** Whoever does not wait for it does not have to hear that it failed: the message comes again. */
function mayBeLeftAlone(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}
