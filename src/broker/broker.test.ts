import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchOptions } from '../record/batch-builder.ts';
import { BodyWriter } from './body.ts';
import {
  appendBatch,
  createTopic,
  partitionOf,
  recordsAt,
  TestBench,
  TestRandom,
} from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition } from './catalog/topic.ts';
import { untilSettledOption } from './catalog/topic-options.ts';
import { encodePartitionList, entryKind } from './entries.ts';
import type { Delivery, Queue, QueueConsumer } from './queues/index.ts';

const untilSettled = { [untilSettledOption]: 'true' };

function declare(broker: Broker, partition: Partition): Queue {
  const { topic } = partition;
  const outcome = broker.declareQueue({ topic, name: 'q', start: 'earliest', options: new Map() });
  assert.equal(outcome.error, null);
  assert.ok(outcome.queue);
  return outcome.queue;
}

function consume(broker: Broker, queue: Queue) {
  const seen: { offsets: number[]; cancelled: number } = { offsets: [], cancelled: 0 };
  const consumer = broker.queues.consume(
    queue,
    {
      onDelivery: (delivery: Delivery) => seen.offsets.push(delivery.offset),
      onCancelled: () => {
        seen.cancelled++;
      },
    },
    { credit: 100 },
  );
  assert.ok(consumer);
  return { seen, consumer };
}

function settle(consumer: QueueConsumer, offsets: readonly number[]): void {
  for (const offset of offsets) consumer.settle(0, offset, offset + 1);
}

test('a topic kept until settled lets go of what its queue has settled, and of nothing by time', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partition = partitionOf(createTopic(broker, 'q', { ...untilSettled, 'retention.ms': '1' }));
  const queue = declare(broker, partition);
  for (let i = 0; i < 5; i++) appendBatch(broker, partition, recordsAt(1));
  bench.loop.advance(120_000);
  assert.equal(partition.logStart, 0);
  const { seen, consumer } = consume(broker, queue);
  bench.loop.settle();
  assert.deepEqual(seen.offsets, [0, 1, 2, 3, 4]);
  settle(consumer, [0, 1, 2]);
  bench.loop.advance(120_000);
  bench.loop.settle();
  assert.equal(partition.logStart, 3);
});

test('queues and what they have settled survive a crash', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partition = partitionOf(createTopic(broker, 'q', untilSettled));
  const queue = declare(broker, partition);
  for (let i = 0; i < 4; i++) appendBatch(broker, partition, recordsAt(1));
  bench.loop.settle();
  const { consumer } = consume(broker, queue);
  bench.loop.settle();
  settle(consumer, [1]);
  bench.loop.settle();
  bench.crash();
  const next = bench.open();
  const topic = next.topic('q');
  assert.ok(topic);
  const again = next.declareQueue({ topic, name: 'q', start: 'latest', options: new Map() });
  assert.equal(again.isNew, false);
  assert.ok(again.queue);
  const { seen } = consume(next, again.queue);
  bench.loop.settle();
  assert.deepEqual(seen.offsets, [0, 2, 3]);
});

test('deleting a topic deletes its queues and tells their consumers', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partition = partitionOf(createTopic(broker, 'q', untilSettled));
  const queue = declare(broker, partition);
  const { seen } = consume(broker, queue);
  bench.loop.settle();
  broker.deleteTopic(partition.topic);
  bench.loop.settle();
  assert.equal(seen.cancelled, 1);
  assert.equal(queue.isDeleted, true);
  bench.crash();
  assert.equal(bench.open().topic('q'), undefined);
});

test('queues read the partitions that a topic gets later', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const topic = createTopic(broker, 'q', untilSettled);
  const queue = declare(broker, partitionOf(topic));
  const { seen } = consume(broker, queue);
  broker.addPartitions(topic, 2, false);
  appendBatch(broker, partitionOf(topic, 1), recordsAt(1));
  bench.loop.settle();
  assert.deepEqual(seen.offsets, [0]);
});

test('a draining broker declares no queue', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const { topic } = partitionOf(createTopic(broker, 'q'));
  broker.drain();
  const spec = { topic, name: 'q', start: 'earliest', options: new Map<string, string>() } as const;
  assert.equal(broker.declareQueue(spec).error, 'draining');
  bench.close(broker);
  assert.equal(broker.deleteTopic(topic).error, 'draining');
  assert.equal(broker.deleteRecords(partitionOf(topic), -1).error, 'draining');
});

test('a broker whose disk fails is fenced: waiters get the error, everything is refused', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partition = partitionOf(createTopic(broker, 'orders'));
  bench.loop.settle();
  const errors: (string | undefined)[] = [];
  broker.onFault((error) => errors.push(`fault ${error.code}`));
  let isWoken = false;
  broker.watch(partition, {
    onProgress: () => {
      isWoken = true;
    },
  });
  bench.breakDisk();
  const outcome = appendBatch(broker, partition, recordsAt(1));
  broker.commits.when(outcome.lsn, (error) => errors.push(error?.code));
  bench.loop.settle();
  assert.deepEqual(errors.sort(), ['fault storage_failed', 'storage_failed']);
  assert.ok(isWoken, 'readers that wait learn of it');
  assert.equal(broker.commits.isCovered(outcome.lsn), false);
  assert.equal(appendBatch(broker, partition, recordsAt(1)).error, 'fenced');
  assert.equal(broker.newProducerId().error, 'fenced');
  assert.equal(broker.deleteTopic(partition.topic).error, 'fenced');
  assert.equal(partition.highWatermark, 0, 'what failed is never shown');
});

/** What a client can see of the broker once everything is committed. */
function describe(broker: Broker): string[] {
  const lines: string[] = [];
  for (const topic of broker.topics()) {
    lines.push(`${topic.name} ${topic.uuidText} ${JSON.stringify([...topic.overrides])}`);
    for (const { id, index, logStart, highWatermark, logEnd } of topic.partitions) {
      lines.push(`${topic.name} ${index} ${id} ${logStart} ${highWatermark} ${logEnd}`);
    }
  }
  return lines.sort();
}

/** A client that does something at random, and remembers what it was promised. */
class RandomClient {
  readonly #random: TestRandom;
  readonly #sequences = new Map<string, number>();
  #names = 0;

  constructor(seed: number) {
    this.#random = new TestRandom(seed);
  }

  step(broker: Broker): void {
    const dice = this.#random.below(100);
    const topics = [...broker.topics()];
    const topic = topics[this.#random.below(Math.max(1, topics.length))];
    if (topic === undefined || (dice < 5 && topics.length < 10)) {
      createTopic(broker, `t${this.#names++}`, {}, 1 + this.#random.below(3));
      return;
    }
    const partition = partitionOf(topic, this.#random.below(topic.partitions.length));
    if (dice < 7) broker.deleteTopic(topic);
    else if (dice < 10) broker.addPartitions(topic, topic.partitions.length + 1, false);
    else if (dice < 14) broker.deleteRecords(partition, -1);
    else if (dice < 18) broker.newProducerId();
    else if (dice < 22) {
      const overrides = new Map([['retention.bytes', String(1 + this.#random.below(5000))]]);
      broker.setTopicOptions(topic, overrides, false);
    } else this.#produce(broker, partition);
  }

  #produce(broker: Broker, partition: Partition): void {
    const records = recordsAt(...Array.from({ length: 1 + this.#random.below(5) }, () => 5));
    const producerId = this.#random.below(4) - 1;
    let options: BatchOptions = {};
    const key = `${partition.id} ${producerId}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    if (producerId >= 0) options = { producerId, producerEpoch: 0, baseSequence };
    const outcome = appendBatch(broker, partition, records, options);
    assert.equal(outcome.error, null);
    assert.equal(outcome.isDuplicate, false);
    this.#sequences.set(key, baseSequence + records.length);
  }
}

test('after crashes and restarts at random the broker is what it was', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const bench = new TestBench({ retentionCheckMs: 50 });
    const client = new RandomClient(seed);
    const random = new TestRandom(seed + 1000);
    for (let life = 0; life < 4; life++) {
      const broker = bench.open(64 * 1024);
      for (let i = 0; i < 250; i++) {
        client.step(broker);
        if (random.below(10) === 0) bench.loop.advance(random.below(40));
      }
      bench.loop.settle();
      const before = describe(broker);
      if (random.below(3) === 0) bench.close(broker);
      else bench.crash();
      const next = bench.open();
      assert.deepEqual(describe(next), before, `seed ${seed}, life ${life}`);
      bench.crash();
    }
  }
});

test('what was answered before a crash is there after it', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const bench = new TestBench();
    const random = new TestRandom(seed);
    const broker = bench.open();
    const promised = new Map<string, number>();
    for (let i = 0; i < 60; i++) {
      const name = `t${random.below(6)}`;
      const topic = broker.topic(name) ?? createTopic(broker, name, {}, 2);
      const partition = partitionOf(topic, random.below(2));
      const outcome = appendBatch(broker, partition, recordsAt(5));
      broker.commits.when(outcome.lsn, (error) => {
        if (error === null) promised.set(`${name} ${partition.index}`, outcome.baseOffset + 1);
      });
      if (random.below(5) === 0) bench.loop.turn();
    }
    bench.crash();
    const next = bench.open();
    for (const [key, end] of promised) {
      const [name = '', index = ''] = key.split(' ');
      const topic = next.topic(name);
      assert.ok(topic, `seed ${seed}: ${name}`);
      const { highWatermark } = partitionOf(topic, Number(index));
      assert.ok(highWatermark >= end, `seed ${seed}: ${key} ${highWatermark} ${end}`);
    }
    for (const topic of next.topics()) {
      for (const partition of topic.partitions) assert.ok(partition.logEnd >= 0);
    }
  }
});

test('a deletion that a crash cut short behind the topic is completed at the start', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const topic = createTopic(broker, 'orders');
  const partition = partitionOf(topic);
  declare(broker, partition);
  const other = declare(broker, partitionOf(createTopic(broker, 'others')));
  const body = new BodyWriter();
  encodePartitionList(body.reset(), { topicId: topic.id, partitionIds: [partition.id] });
  const { journal } = broker.replayed;
  journal.appendEntry(entryKind.topicDeleted, body.bytes, 0, body.length);
  bench.loop.settle();
  bench.crash();

  const next = bench.open();
  const found = next.topic('others');
  assert.ok(found);
  assert.equal(declare(next, partitionOf(found)).id, other.id);
  assert.equal(next.topic('orders'), undefined);
  assert.equal(next.replayed.journal.partition(partition.id), undefined);
  bench.close(next);
});
