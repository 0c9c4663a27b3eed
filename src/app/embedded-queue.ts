/**
 * A queue as the embedding program sees it: each message goes to one consumer, and is settled once.
 *
 * Owns: declaring, and the calls that need a declared queue. Leaves: consumers to
 * queue-subscription.ts and queue-handler.ts, everything durable to broker/queues.
 */

import { type Queue, queueOption, untilSettledOption } from '../broker/index.ts';
import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { EmbeddedHost } from './embedded-host.ts';
import type { Lease } from './lease.ts';
import {
  type IncomingMessage,
  messageOf,
  type OutgoingMessage,
  type PublishedMessage,
} from './message.ts';
import {
  HandlerLoop,
  type HandlerOptions,
  type QueueHandler,
  type QueueWorker,
} from './queue-handler.ts';
import { QueueSubscription } from './queue-subscription.ts';

export interface QueueOptions {
  /** The topic that it reads. Left out, a topic of its own with the queue's name. */
  readonly topic?: string | undefined;
  /** What of an existing topic it gets to see. Default `earliest`. */
  readonly start?: 'earliest' | 'latest' | undefined;
  /** How long a message may be out before it is taken back, ms; 0, the default: as long as its consumer lives. */
  readonly leaseMs?: number | undefined;
}

export interface QueueConsumeOptions extends HandlerOptions {
  /** Messages that may be out, or wait in this process, at the same time. Default 100. */
  readonly credit?: number | undefined;
}

export interface QueueDepth {
  /** Committed, not settled, not out with a consumer. */
  readonly ready: number;
  /** Out with a consumer. */
  readonly leased: number;
  readonly consumers: number;
}

export interface PeekedMessage extends IncomingMessage {
  readonly attempt: number;
  readonly isRedelivered: boolean;
  /** A consumer has it now. */
  readonly isLeased: boolean;
}

const defaultCredit = 100;
const defaultPeekCount = 10;

export class EmbeddedQueue {
  readonly name: string;
  readonly topic: string;
  readonly #host: EmbeddedHost;
  readonly #options: QueueOptions;
  #queue: Queue | null = null;

  constructor(host: EmbeddedHost, name: string, options: QueueOptions) {
    this.name = name;
    this.topic = options.topic ?? name;
    this.#host = host;
    this.#options = options;
  }

  /**
   * Makes the queue, or finds it if it is there with the same options; resolves to this handle once
   * that is committed. Its topic is made with it when there is none: one partition, whose records
   * are kept until they are settled.
   * @throws BrokerError queue_exists: with other options; limit_exceeded, storage_full
   */
  async declare(): Promise<this> {
    const { broker } = this.#host.running();
    const topic = broker.topic(this.topic) ?? this.#createTopic();
    const leaseMs = this.#options.leaseMs ?? 0;
    const outcome = broker.declareQueue({
      topic,
      name: this.name,
      start: this.#options.start ?? 'earliest',
      options: new Map(leaseMs === 0 ? [] : [[queueOption.leaseMs, String(leaseMs)]]),
    });
    await this.#host.committed(outcome.lsn);
    if (outcome.error !== null) throw new BrokerError(outcome.error, outcome.detail);
    this.#queue = outcome.queue;
    return this;
  }

  /** Publishes to the queue's topic. See `EmbeddedBroker.publish`. */
  publish(message: OutgoingMessage): Promise<PublishedMessage> {
    return this.#host.publish(this.topic, message);
  }

  /**
   * An iterator over leases. Leaving a `for await` gives back what is out.
   * @throws BrokerError queue_not_found: not declared, or deleted
   */
  consume(options?: QueueConsumeOptions): AsyncIterableIterator<Lease>;
  /** Calls `handler` for each message, as many at a time as there is credit. */
  consume(handler: QueueHandler, options?: QueueConsumeOptions): QueueWorker;
  consume(
    first: QueueHandler | QueueConsumeOptions = {},
    second: QueueConsumeOptions = {},
  ): AsyncIterableIterator<Lease> | QueueWorker {
    if (typeof first !== 'function') return this.#subscribe(first);
    const { scheduler, logger } = this.#host.running();
    return new HandlerLoop(this.#subscribe(second), { scheduler, logger }, first, second);
  }

  /** What it holds at this moment. @throws BrokerError queue_not_found */
  depth(): QueueDepth {
    const { ready, leased, consumers } = this.#host.running().broker.queues.depth(this.#declared());
    return { ready, leased, consumers };
  }

  /**
   * The first `count` (default 10, at most 1000) messages of a partition that are not settled,
   * without taking them. @throws BrokerError queue_not_found
   */
  async peek({ count = defaultPeekCount, partition = 0 } = {}): Promise<PeekedMessage[]> {
    const { queues } = this.#host.running().broker;
    const request = { queue: this.#declared(), partition, from: 0, count };
    const records = await new Promise<Parameters<Parameters<typeof queues.peek>[1]>[0]>((resolve) =>
      queues.peek(request, resolve),
    );
    return records.map((record) => ({
      ...messageOf(this.topic, partition, record),
      attempt: record.attempt,
      isRedelivered: record.isRedelivered,
      isLeased: record.isLeased,
    }));
  }

  /** Settles everything that is committed and not out; resolves to how many that were. */
  async purge(): Promise<number> {
    const { count, lsn } = this.#host.running().broker.queues.purge(this.#declared());
    await this.#host.committed(lsn);
    return count;
  }

  /** Deletes the queue; its topic stays. Its consumers end. */
  async delete(): Promise<void> {
    const lsn = this.#host.running().broker.queues.delete(this.#declared());
    await this.#host.committed(lsn);
  }

  #createTopic() {
    const created = this.#host.running().broker.createTopic({
      name: this.topic,
      partitions: 1,
      replicationFactor: -1,
      options: new Map([[untilSettledOption, 'true']]),
      validateOnly: false,
    });
    if (created.error !== null) throw new BrokerError(created.error, created.detail);
    assert(created.topic !== null, 'a topic that was created is there');
    return created.topic;
  }

  #declared(): Queue {
    if (this.#queue !== null && !this.#queue.isDeleted) return this.#queue;
    const hint = this.#queue === null ? 'declare it first' : 'it was deleted';
    throw new BrokerError('queue_not_found', `${this.name}: ${hint}`);
  }

  #subscribe({ credit = defaultCredit }: QueueConsumeOptions): QueueSubscription {
    if (!(credit >= 1)) throw new RangeError('credit is at least 1');
    const { broker, scheduler } = this.#host.running();
    const place = { broker, scheduler, queue: this.#declared(), topic: this.topic };
    return this.#host.own((forget) => new QueueSubscription(place, credit, forget));
  }
}
