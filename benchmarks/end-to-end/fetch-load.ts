/**
 * Fetch: of what lies in the page cache, and at the tail while producers write.
 *
 * Batches are all the same size, so that the next offset follows from the number of bytes that came.
 */
import { LoadConnection } from './connection.ts';
import { type Counts, Histogram, type Measure, measure } from './measure.ts';
import type { Peer } from './peer.ts';
import { Producer } from './produce-load.ts';
import { createTopic, deleteTopic } from './topics.ts';
import {
  type Batch,
  fetchErrorAt,
  fetchFrame,
  fetchHeadBytes,
  fetchOffsetFromEnd,
  makeBatch,
} from './wire.ts';

const fetchBytes = 1024 * 1024;
const batchBytes = 65_000;
const window = 8;
/** How many batches a producer may be ahead of its consumer. */
const tailLead = 64;
/** Of what is read from the page cache: 260 MB. */
const cachedBatches = 4000;

export interface FetchLoad {
  readonly topic: string;
  readonly connections: number;
  readonly seconds: number;
}

/** Every connection reads the same partition again and again, each from elsewhere. */
export async function runCachedFetch(peer: Peer, load: FetchLoad): Promise<Measure> {
  await createTopic(peer, load.topic, 1);
  const batch = makeBatch(batchBytes, 100);
  await fillTopic(peer, load.topic, batch);
  const counts: Counts = { bytes: 0, records: 0, requests: 0 };
  const consumers: Consumer[] = [];
  for (let i = 0; i < load.connections; i++) {
    const consumer = await Consumer.open(peer.port, load.topic, 0, batch, counts);
    consumer.startAt(Math.floor((i * cachedBatches) / load.connections), cachedBatches - 32);
    consumers.push(consumer);
  }
  const histogram = new Histogram();
  const measured = await measure(peer, counts, histogram, async () => {
    const until = performance.now() + load.seconds * 1000;
    await Promise.all(consumers.map((consumer) => consumer.run(until, histogram)));
  });
  for (const consumer of consumers) consumer.close();
  await deleteTopic(peer, load.topic);
  return measured;
}

async function fillTopic(peer: Peer, topic: string, batch: Batch): Promise<void> {
  const counts: Counts = { bytes: 0, records: 0, requests: 0 };
  const producer = await Producer.open(peer.port, topic, 0, batch, window);
  while (counts.requests < cachedBatches) {
    await producer.run(performance.now() + 50, counts, new Histogram());
  }
  producer.close();
}

/**
 * A producer and a consumer for each partition; the figure is what the consumers got, and latency is from
 * sending a batch to having it back. A producer waits for a consumer that is far behind.
 */
export async function runTailFetch(peer: Peer, load: FetchLoad): Promise<Measure> {
  await createTopic(peer, load.topic, load.connections, peer.recyclingOptions);
  const batch = makeBatch(batchBytes, 100);
  const counts: Counts = { bytes: 0, records: 0, requests: 0 };
  const produced: Counts = { bytes: 0, records: 0, requests: 0 };
  const histogram = new Histogram();
  const pairs: { readonly consumer: Consumer; readonly producer: Producer }[] = [];
  for (let i = 0; i < load.connections; i++) {
    const consumer = await Consumer.open(peer.port, load.topic, i, batch, counts);
    const producer = await Producer.open(peer.port, load.topic, i, batch, window);
    producer.leadMax = tailLead;
    consumer.onBatches = (first, count) => {
      const now = performance.now();
      for (let n = first; n < first + count; n++) histogram.add(now - producer.sentAt(n));
      producer.follow(first + count);
    };
    pairs.push({ consumer, producer });
  }
  const measured = await measure(peer, counts, histogram, async () => {
    const until = performance.now() + load.seconds * 1000;
    const ends = pairs.map(async ({ consumer, producer }) => {
      const consumed = consumer.run(until, new Histogram());
      await producer.run(until, produced, new Histogram());
      await consumed;
    });
    await Promise.all(ends);
  });
  for (const { consumer, producer } of pairs) {
    consumer.close();
    producer.close();
  }
  await deleteTopic(peer, load.topic);
  return measured;
}

/** One connection with one fetch in flight. */
class Consumer {
  #connection: LoadConnection | null = null;
  readonly #frame: Buffer;
  readonly #head: Buffer;
  readonly #errorAt: number;
  readonly #batch: Batch;
  readonly #counts: Counts;
  #headBytes = 0;
  /** Bytes of the answer that are still to come; counts once its head is whole. */
  #left = 0;
  /** Of the next batch. */
  #next = 0;
  /** Where it turns back to the first one. */
  #wrapAt = Number.POSITIVE_INFINITY;
  /** Batches [first, first + count) have come. */
  onBatches: (first: number, count: number) => void = () => {};
  #onAnswer: () => void = () => {};
  #onError: (error: Error) => void = () => {};

  private constructor(topic: string, partition: number, batch: Batch, counts: Counts) {
    this.#frame = fetchFrame(topic, partition, fetchBytes);
    this.#head = Buffer.alloc(fetchHeadBytes(topic));
    this.#errorAt = fetchErrorAt(topic);
    this.#batch = batch;
    this.#counts = counts;
  }

  static async open(
    port: number,
    topic: string,
    partition: number,
    batch: Batch,
    counts: Counts,
  ): Promise<Consumer> {
    const consumer = new Consumer(topic, partition, batch, counts);
    consumer.#connection = await LoadConnection.openBulk(port, (bytes, length) =>
      consumer.#receive(bytes, length),
    );
    return consumer;
  }

  startAt(batchNumber: number, wrapAt: number): void {
    this.#next = batchNumber;
    this.#wrapAt = wrapAt;
  }

  run(until: number, histogram: Histogram): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onError = reject;
      if (this.#connection !== null) this.#connection.onClose = reject;
      let sentAt = performance.now();
      this.#onAnswer = () => {
        const now = performance.now();
        histogram.add(now - sentAt);
        sentAt = now;
        if (now < until) this.#fetch();
        else resolve();
      };
      this.#fetch();
    });
  }

  close(): void {
    this.#connection?.close();
  }

  #fetch(): void {
    const offset = this.#next * this.#batch.records;
    const at = this.#frame.length - fetchOffsetFromEnd;
    this.#frame.writeUInt32BE(Math.floor(offset / 2 ** 32), at);
    this.#frame.writeUInt32BE(offset % 2 ** 32, at + 4);
    this.#connection?.send(this.#frame);
  }

  #receive(bytes: Buffer, length: number): void {
    let at = 0;
    if (this.#headBytes < this.#head.length) {
      at = bytes.copy(this.#head, this.#headBytes, 0, length);
      this.#headBytes += at;
      if (this.#headBytes < this.#head.length) return;
      this.#left = 4 + this.#head.readInt32BE(0) - this.#head.length;
    }
    this.#left -= length - at;
    if (this.#left === 0) this.#finish();
  }

  #finish(): void {
    this.#headBytes = 0;
    const error = this.#head.readInt16BE(this.#errorAt);
    if (error !== 0) return this.#onError(new Error(`fetch failed with error ${error}`));
    const recordBytes = this.#head.readInt32BE(this.#head.length - 4);
    // A last batch may have been cut: it comes again.
    const batches = Math.max(0, Math.floor(recordBytes / this.#batch.bytes.length));
    this.onBatches(this.#next, batches);
    this.#next += batches;
    if (this.#next >= this.#wrapAt) this.#next = 0;
    this.#counts.requests += 1;
    this.#counts.bytes += batches * this.#batch.bytes.length;
    this.#counts.records += batches * this.#batch.records;
    this.#onAnswer();
  }
}
