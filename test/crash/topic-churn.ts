/**
 * Topics that come and go while the load runs: definitions that were answered must survive, and a topic
 * of a name used before must begin empty.
 */
import type { SeededRandom } from '../../simulation/random.ts';
import { type Claims, describe, type TopicClaim } from './claims.ts';
import { Connection } from './connection.ts';
import { shapes } from './content.ts';
import { Producer } from './producer.ts';
import { createTopics, deleteTopics, errors } from './wire.ts';

const NAMES = 6;
const PARTITIONS_MAX = 3;
const BYTES_PER_TOPIC = 3000;
const PAUSE_MS = 10;

export class TopicChurn {
  /** Definitions answered. */
  changes = 0;
  readonly #claims: Claims;
  readonly #random: SeededRandom;
  readonly #connection: Connection;
  readonly #port: number;
  #done: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(claims: Claims, random: SeededRandom, connection: Connection, port: number) {
    this.#claims = claims;
    this.#random = random;
    this.#connection = connection;
    this.#port = port;
  }

  static async open(claims: Claims, random: SeededRandom, port: number): Promise<TopicChurn> {
    return new TopicChurn(claims, random, await Connection.connect(port), port);
  }

  start(): void {
    this.#done = this.#run();
  }

  /** After the change at hand, or when the broker is gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    await this.#connection.close();
  }

  get ended(): Promise<void> {
    return this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.#connection.isOpen) {
      const name = `churn-${this.#random.below(NAMES)}`;
      const topic = this.#claims.topics.get(name);
      if (topic === undefined || topic.presence === 'absent') await this.#create(name);
      else if (topic.presence === 'present') await this.#delete(topic);
      await new Promise((resolve) => setTimeout(resolve, this.#random.below(PAUSE_MS)));
    }
  }

  async #create(name: string): Promise<void> {
    const topic = this.#claims.topic(name, this.#random.between(1, PARTITIONS_MAX));
    const wish = { name, partitions: topic.partitions, options: { 'segment.bytes': '1048576' } };
    const error = await this.#change(createTopics.request([wish]), createTopics.answer);
    if (error === null) return;
    this.changes += 1;
    topic.presence = error === errors.none ? 'present' : 'absent';
    if (error === errors.topicExists) this.#claims.violated(`deleted topic ${name} exists`);
    if (error === errors.none && this.#random.chance(0.7)) await this.#fill(topic);
  }

  async #fill(topic: TopicClaim): Promise<void> {
    const partition = this.#random.below(topic.partitions);
    const stream = this.#claims.stream(topic, partition, shapes.tiny);
    const limits = { bytesMax: BYTES_PER_TOPIC };
    try {
      const random = this.#random.fork(`fill ${stream.id}`);
      const producer = await Producer.open(this.#claims, this.#port, [stream], random, limits);
      producer.start();
      await producer.drain();
      await producer.close();
    } catch {
      // The broker was killed before the connection was made.
    }
    const [first] = stream.claims;
    if (first?.fate === 'acked' && first.offset !== 0) {
      this.#claims.violated(`new topic ${topic.name} is not empty: ${describe(first)}`);
    }
  }

  async #delete(topic: TopicClaim): Promise<void> {
    topic.presence = 'unknown';
    const error = await this.#change(deleteTopics.request([topic.name]), deleteTopics.answer);
    if (error === null) return;
    this.changes += 1;
    topic.presence = error === errors.none ? 'absent' : 'present';
    if (error === errors.unknownTopic) {
      this.#claims.violated(`topic ${topic.name} is not there to be deleted`);
    }
  }

  /** The answer's error; null when none came. */
  #change(
    frame: Buffer,
    read: (reader: Parameters<typeof createTopics.answer>[0]) => readonly number[],
  ): Promise<number | null> {
    return new Promise((resolve) => {
      this.#connection.send(frame, (answer) => {
        resolve(answer === null ? null : (read(answer)[0] ?? errors.none));
      });
    });
  }
}
