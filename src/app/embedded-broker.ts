/**
 * The broker inside a program: the object that `createBroker` returns.
 *
 * Owns: the public calls on topics and on the whole. Leaves: queues to embedded-queue.ts, reading to
 * topic-cursor.ts, the options to create-broker.ts.
 */

import type { Topic } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { EmbeddedHost } from './embedded-host.ts';
import { EmbeddedQueue, type QueueOptions } from './embedded-queue.ts';
import type { IncomingMessage, OutgoingMessage, PublishedMessage } from './message.ts';
import type { RunningBroker } from './running-broker.ts';
import { type ConsumeRequest, TopicCursor } from './topic-cursor.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface TopicOptions {
  /** Left out: the option `defaultPartitions`. */
  readonly partitions?: number | undefined;
  /** By Kafka's names: `{ 'retention.ms': 60000 }`. */
  readonly options?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export interface PartitionInfo {
  /** The first offset that can be read. */
  readonly logStart: number;
  /** The first offset that cannot be read yet. */
  readonly highWatermark: number;
}

export interface TopicInfo {
  readonly name: string;
  /** What was set for this topic, by Kafka's names. */
  readonly options: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionInfo[];
}

/**
 * A running broker. Close it when you are done: an open listener, reader or consumer keeps the process
 * alive.
 *
 * Calls that can fail reject with, or throw, a `BrokerError`, whose `code` says why. After `close`
 * every call fails with `draining`; after a fault with that fault.
 */
export class EmbeddedBroker {
  readonly #running: RunningBroker;
  readonly #host: EmbeddedHost;

  constructor(running: RunningBroker) {
    this.#running = running;
    this.#host = new EmbeddedHost(running);
  }

  /**
   * Where clients of `protocol` connect; `index` counts the listeners of a protocol that has several.
   * @throws BrokerError invalid_option: it has no such listener
   */
  address(protocol: string, index = 0): Address {
    const address = this.#running.address(protocol, index);
    if (address === null) {
      throw new BrokerError('invalid_option', `no listener ${index} for ${protocol}`);
    }
    return { host: address.host, port: address.port };
  }

  /** All listeners, as `kafka://127.0.0.1:9092`. */
  get listeners(): readonly string[] {
    return this.#running.listeners.map(({ url }) => url);
  }

  /** Why the broker has stopped serving, or null. */
  get fault(): BrokerError | null {
    return this.#running.fault;
  }

  /** Calls `listener` once if the broker stops serving: a disk failed, or an assertion did. */
  onFault(listener: (error: BrokerError) => void): void {
    this.#running.onFault(listener);
  }

  /** Resolves when the topic is durable. @throws BrokerError topic_exists, invalid_topic_name, … */
  async createTopic(name: string, options: TopicOptions = {}): Promise<TopicInfo> {
    const entries = Object.entries(options.options ?? {});
    const outcome = this.#host.running().broker.createTopic({
      name,
      partitions: options.partitions ?? -1,
      replicationFactor: -1,
      options: new Map(entries.map(([key, value]) => [key, String(value)])),
      validateOnly: false,
    });
    await this.#host.committed(outcome.lsn);
    if (outcome.topic === null) throw new BrokerError(outcome.error ?? 'fenced', outcome.detail);
    return describe(outcome.topic);
  }

  /** Deletes a topic with its records and queues. @throws BrokerError topic_not_found */
  async deleteTopic(name: string): Promise<void> {
    const { broker } = this.#host.running();
    const topic = broker.topic(name);
    if (topic === undefined) {
      await this.#host.committed(broker.catalogLsn);
      throw new BrokerError('topic_not_found', name);
    }
    const outcome = broker.deleteTopic(topic);
    await this.#host.committed(outcome.lsn);
    if (outcome.error !== null) throw new BrokerError(outcome.error, outcome.detail);
  }

  /** All topics, in no order. */
  topics(): TopicInfo[] {
    return Array.from(this.#host.running().broker.topics(), describe);
  }

  /** Undefined when there is none of this name. */
  topic(name: string): TopicInfo | undefined {
    const topic = this.#host.running().broker.topic(name);
    return topic === undefined ? undefined : describe(topic);
  }

  /**
   * Publishes one message; resolves when it is committed. What is published in one turn of the event
   * loop is written together, so do not wait for each before you publish the next: see `publishMany`.
   * The topic is made if there is none, unless the option `autoCreateTopics` is false.
   * @throws BrokerError topic_not_found, partition_not_found, batch_too_large, storage_full,
   *   limit_exceeded: more than 64 MiB wait to be published; TypeError: not a message
   */
  publish(topic: string, message: OutgoingMessage): Promise<PublishedMessage> {
    return this.#host.publish(topic, message);
  }

  /**
   * Publishes messages in their order; resolves when all are committed. When one fails it rejects
   * with the first error, and others may have been published: it is no transaction.
   */
  publishMany(topic: string, messages: Iterable<OutgoingMessage>): Promise<PublishedMessage[]> {
    return Promise.all(Array.from(messages, (message) => this.#host.publish(topic, message)));
  }

  /**
   * Reads committed messages of a topic, in the order of their offsets in each partition. Nothing is
   * taken and no position is kept: that is what queues and Kafka's groups are for. End it by leaving
   * the `for await`, or with `return()`; it ends by itself when the broker closes.
   * @throws BrokerError topic_not_found, partition_not_found, offset_out_of_range; while it runs
   *   also storage_damaged, storage_failed, and topic_not_found when the topic is deleted
   */
  consume(request: ConsumeRequest): AsyncIterableIterator<IncomingMessage> {
    const { broker } = this.#host.running();
    return this.#host.own<TopicCursor>((forget) => new TopicCursor(broker, request, forget));
  }

  /** A handle on a queue. Nothing happens before `declare`. */
  queue(name: string, options: QueueOptions = {}): EmbeddedQueue {
    return new EmbeddedQueue(this.#host, name, options);
  }

  /**
   * Lets connections finish (up to the option `drainMs`), commits what is open, and gives everything
   * back: ports, files, threads, the data folder. Idempotent. Rejects when the last commit failed.
   */
  close(): Promise<void> {
    this.#host.close();
    return this.#running.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function describe({ name, overrides, partitions }: Topic): TopicInfo {
  return {
    name,
    options: Object.fromEntries(overrides),
    partitions: partitions.map(({ logStart, highWatermark }) => ({ logStart, highWatermark })),
  };
}
