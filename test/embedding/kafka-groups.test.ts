/** Consumer groups of a Kafka client library, on a real broker with real sockets. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { createBroker, type EmbeddedBroker } from '../../src/index.ts';
import { temporaryFolder } from './embedding.fixture.ts';

const topic = 'orders';
const partitions = 4;

function start(dataDir: string, port = 0): Promise<EmbeddedBroker> {
  return createBroker({ dataDir, listeners: { kafka: port } });
}

function clientOf(broker: EmbeddedBroker): Kafka {
  const { host, port } = broker.address('kafka');
  const retry = { initialRetryTime: 50, retries: 20 };
  return new Kafka({ brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING, retry });
}

/** Reads in a group, and says when something is so. */
class Reader {
  /** `partition:offset` of each message, in the order of their coming. */
  readonly seen: string[] = [];
  readonly consumer: Consumer;
  assigned: readonly number[] = [];
  #conditions: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  constructor(kafka: Kafka) {
    this.consumer = kafka.consumer({
      groupId: 'g',
      sessionTimeout: 6000,
      heartbeatInterval: 100,
      rebalanceTimeout: 6000,
      maxWaitTimeInMs: 50,
    });
    this.consumer.on('consumer.group_join', ({ payload }) => {
      this.assigned = payload.memberAssignment[topic] ?? [];
      this.#look();
    });
  }

  async start(): Promise<void> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topic, fromBeginning: true });
    await this.consumer.run({
      eachMessage: ({ partition, message }) => {
        this.seen.push(`${partition}:${message.offset}`);
        this.#look();
        return Promise.resolve();
      },
    });
  }

  until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#conditions.push({ isMet, resolve });
      this.#look();
    });
  }

  #look(): void {
    const met = this.#conditions.filter(({ isMet }) => isMet());
    this.#conditions = this.#conditions.filter((condition) => !met.includes(condition));
    for (const { resolve } of met) resolve();
  }
}

async function produce(kafka: Kafka, count: number): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: count }, (_, i) => ({
    partition: i % partitions,
    value: `${i}`,
  }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

test('two consumers of a group share a topic, one leaves, and a restart loses nothing', async (t) => {
  const dataDir = temporaryFolder(t);
  const broker = await start(dataDir);
  await broker.createTopic(topic, { partitions });
  const kafka = clientOf(broker);
  const [first, second] = [new Reader(kafka), new Reader(kafka)];
  await first.start();
  await first.until(() => first.assigned.length === partitions);
  await second.start();
  await Promise.all(
    [first, second].map((reader) => reader.until(() => reader.assigned.length === partitions / 2)),
  );
  assert.deepEqual([...first.assigned, ...second.assigned].sort(), [0, 1, 2, 3]);
  await produce(kafka, 8);
  await Promise.all([first, second].map((reader) => reader.until(() => reader.seen.length === 4)));
  assert.equal(new Set([...first.seen, ...second.seen]).size, 8, 'each message once');

  await second.consumer.disconnect();
  await first.until(() => first.assigned.length === partitions);
  await produce(kafka, 4);
  await first.until(() => first.seen.length === 8);
  await first.consumer.disconnect();
  const admin = kafka.admin();
  await admin.connect();
  const before = await admin.fetchOffsets({ groupId: 'g', topics: [topic] });
  await admin.disconnect();
  await broker.close();

  const again = await start(dataDir);
  const kafkaAgain = clientOf(again);
  const adminAgain = kafkaAgain.admin();
  await adminAgain.connect();
  const after = await adminAgain.fetchOffsets({ groupId: 'g', topics: [topic] });
  assert.deepEqual(after, before);
  assert.deepEqual(
    after[0]?.partitions.map(({ offset }) => offset),
    ['3', '3', '3', '3'],
  );
  const third = new Reader(kafkaAgain);
  await third.start();
  await produce(kafkaAgain, 4);
  await third.until(() => third.seen.length === 4);
  assert.deepEqual([...third.seen].sort(), ['0:3', '1:3', '2:3', '3:3'], 'nothing again');
  const { groups } = await adminAgain.describeGroups(['g']);
  assert.equal(groups[0]?.state, 'Stable');
  assert.equal(groups[0]?.members.length, 1);
  await third.consumer.disconnect();
  await adminAgain.deleteGroups(['g']);
  assert.deepEqual((await adminAgain.listGroups()).groups, []);
  await adminAgain.disconnect();
  await again.close();
});

test('a consumer goes on through a restart of its broker, in the group it was in', async (t) => {
  const dataDir = temporaryFolder(t);
  const broker = await start(dataDir);
  const { port } = broker.address('kafka');
  await broker.createTopic(topic, { partitions });
  const kafka = clientOf(broker);
  const reader = new Reader(kafka);
  await reader.start();
  await produce(kafka, 4);
  await reader.until(() => reader.seen.length === 4);
  await broker.close();
  const again = await start(dataDir, port);
  await produce(kafka, 4);
  await reader.until(() => new Set(reader.seen).size === 8);
  await reader.consumer.disconnect();
  await again.close();
});
