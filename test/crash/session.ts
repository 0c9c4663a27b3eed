/**
 * One data folder and everything that was ever promised on it, over many runs of the broker.
 *
 * Owns: the topics and streams of a load, its start and end, the check after each start.
 */
import type { SeededRandom } from '../../simulation/random.ts';
import { BrokerProcess, type StartOptions } from './broker-process.ts';
import { Claims, type Stream, type TopicClaim } from './claims.ts';
import { Connection } from './connection.ts';
import { Consumer } from './consumer.ts';
import { type ShapeName, shapes } from './content.ts';
import { GroupClaims, GroupLoad, verifyGroups } from './groups.ts';
import { Producer, type Tally } from './producer.ts';
import { TopicChurn } from './topic-churn.ts';
import { type VerifyReport, verify } from './verify.ts';
import { createTopics, errors, initProducerId } from './wire.ts';

const MIB = 1024 * 1024;
const GZIP = 1;

/** Streams that share a connection and a producer: [topic, partition, shape, codec]. */
type StreamPlan = readonly (readonly [string, number, ShapeName, number?])[];

const topicPlan = [
  { name: 'events', partitions: 4, options: {} },
  { name: 'orders', partitions: 1, options: {} },
  { name: 'recent', partitions: 2, options: { 'retention.bytes': String(6 * MIB) } },
  { name: 'short', partitions: 1, options: { 'retention.ms': '4000' } },
] as const;

const idempotentPlan: readonly StreamPlan[] = [
  [
    ['events', 0, 'tiny'],
    ['events', 1, 'medium'],
    ['recent', 0, 'medium'],
  ],
  [
    ['events', 0, 'medium'],
    ['orders', 0, 'single'],
    ['recent', 1, 'large'],
  ],
];

const plainPlan: readonly StreamPlan[] = [
  [
    ['events', 1, 'tiny'],
    ['events', 2, 'tiny', GZIP],
    ['short', 0, 'medium'],
    ['recent', 0, 'large'],
  ],
  [
    ['events', 3, 'tiny'],
    ['orders', 0, 'single'],
    ['recent', 1, 'huge'],
  ],
];

export class Load {
  readonly producers: readonly Producer[];
  readonly consumers: readonly Consumer[];
  readonly churn: TopicChurn | null;
  readonly groups: GroupLoad | null;

  constructor(
    producers: readonly Producer[],
    consumers: readonly Consumer[],
    churn: TopicChurn | null,
    groups: GroupLoad | null,
  ) {
    this.producers = producers;
    this.consumers = consumers;
    this.churn = churn;
    this.groups = groups;
  }

  start(): void {
    for (const producer of this.producers) producer.start();
    for (const consumer of this.consumers) consumer.start();
    this.churn?.start();
    this.groups?.start();
  }

  /** Everything that was sent is answered; the broker lives. */
  async finish(): Promise<void> {
    await Promise.all(this.producers.map((producer) => producer.drain()));
    await this.#stopOthers();
    await this.close();
  }

  /** Cuts all connections. */
  async close(): Promise<void> {
    for (const producer of this.producers) await producer.close();
    for (const consumer of this.consumers) await consumer.close();
    await this.#stopOthers();
  }

  /** The broker is gone: waits until all that it had said is taken in. */
  async ended(): Promise<void> {
    await Promise.all([...this.producers, ...this.consumers].map((each) => each.closed));
    await this.#stopOthers();
  }

  async #stopOthers(): Promise<void> {
    await this.churn?.stop();
    await this.groups?.stop();
  }

  get tally(): Tally {
    const all: Tally = { acked: 0, refused: 0, errors: new Set() };
    for (const { tally } of this.producers) {
      all.acked += tally.acked;
      all.refused += tally.refused;
      for (const error of tally.errors) all.errors.add(error);
    }
    return all;
  }
}

export interface LoadWish {
  readonly bytesMax: number;
  readonly bytesPerSecond: number;
  /** Topics come and go, producers come, groups commit. */
  readonly churn: boolean;
}

export class Session {
  readonly claims = new Claims();
  readonly groups = new GroupClaims();
  readonly readyMs: number[] = [];
  readonly measuredMs: number[] = [];
  readonly #random: SeededRandom;
  readonly #groups: Stream[][] = [];
  readonly #producerIds = new Set<number>();
  #options: StartOptions;

  constructor(options: StartOptions, random: SeededRandom) {
    this.#options = options;
    this.#random = random;
  }

  get options(): StartOptions {
    return this.#options;
  }

  /** The next start is with other options, maybe on a copy of the folder. */
  change(options: Partial<StartOptions>): void {
    this.#options = { ...this.#options, ...options };
  }

  /** Starts the broker and notes how long that took. */
  async start(options: Partial<StartOptions> = {}): Promise<BrokerProcess> {
    this.claims.run += 1;
    const broker = await BrokerProcess.start({ ...this.#options, ...options });
    this.readyMs.push(broker.reportedMs);
    this.measuredMs.push(broker.measuredMs);
    return broker;
  }

  /** Compares what is stored with what was promised. @throws when a promise is broken */
  async verify(broker: BrokerProcess): Promise<VerifyReport> {
    const report = await verify(this.claims, broker.port);
    await verifyGroups(this.groups, this.claims, broker.port);
    this.claims.assertKept();
    return report;
  }

  /** On a new data folder: topics and producers. */
  async setUp(
    broker: BrokerProcess,
    options: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const connection = await Connection.connect(broker.port);
    const topics = topicPlan.map((plan) =>
      this.claims.topic(plan.name, plan.partitions, { ...options, ...plan.options }),
    );
    const results = await connection.call(createTopics.request(topics), createTopics.answer);
    topics.forEach((topic, i) => {
      if (results[i] !== errors.none)
        throw new Error(`creating ${topic.name}: error ${results[i]}`);
      topic.presence = 'present';
    });
    for (const plan of plainPlan) this.#groups.push(this.#streams(plan));
    for (const plan of idempotentPlan) {
      const streams = this.#streams(plan);
      const producer = await this.#newProducer(connection);
      for (const stream of streams) {
        stream.producerId = producer.id;
        stream.producerEpoch = producer.epoch;
      }
      this.#groups.push(streams);
    }
    await connection.close();
  }

  #streams(plan: StreamPlan): Stream[] {
    return plan.map(([topic, partition, shape, codec]) =>
      this.claims.stream(this.#topic(topic), partition, shapes[shape], codec),
    );
  }

  #topic(name: string): TopicClaim {
    const topic = this.claims.topics.get(name);
    if (topic === undefined) throw new Error(`topic ${name} is planned`);
    return topic;
  }

  async #newProducer(connection: Connection): Promise<{ id: number; epoch: number }> {
    const producer = await connection.call(initProducerId.request(), initProducerId.answer);
    if (producer.error !== errors.none) throw new Error(`a producer id: error ${producer.error}`);
    if (this.#producerIds.has(producer.id)) {
      this.claims.violated(`producer id ${producer.id} is given twice`);
    }
    this.#producerIds.add(producer.id);
    return producer;
  }

  async load(broker: BrokerProcess, wish: LoadWish): Promise<Load> {
    const { claims } = this;
    const groups = this.#groups.length;
    const limits = {
      bytesMax: wish.bytesMax / groups,
      bytesPerSecond: wish.bytesPerSecond / groups,
    };
    const { port } = broker;
    const producers = await Promise.all(
      this.#groups.map((streams, i) =>
        Producer.open(claims, port, streams, this.#random.fork(`p${i} ${claims.run}`), limits),
      ),
    );
    const consumers = await Promise.all(
      [this.#topic('events'), this.#topic('orders'), this.#topic('recent')].map((topic) =>
        Consumer.open(claims, port, topic, 0),
      ),
    );
    const random = this.#random.fork(`churn ${claims.run}`);
    const churn = wish.churn ? await TopicChurn.open(claims, random, port) : null;
    const groupRandom = this.#random.fork(`groups ${claims.run}`);
    const groupLoad = wish.churn
      ? await GroupLoad.open(claims, this.groups, groupRandom, port)
      : null;
    const connection = await Connection.connect(port);
    if (wish.churn) await this.#newProducer(connection);
    await connection.close();
    return new Load(producers, consumers, churn, groupLoad);
  }
}
