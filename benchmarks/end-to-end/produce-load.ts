/**
 * Produce at a full window: batches of 100 B records, a partition for each connection.
 */
import { LoadConnection, RequestTrain } from './connection.ts';
import { type Counts, Histogram, type Measure, measure } from './measure.ts';
import type { Peer } from './peer.ts';
import { createTopic, deleteTopic } from './topics.ts';
import { type Batch, makeBatch, produceErrorAt, produceFrame } from './wire.ts';

export interface ProduceLoad {
  readonly topic: string;
  readonly connections: number;
  /** Requests in flight on each connection. */
  readonly window: number;
  readonly batchBytes: number;
  readonly seconds: number;
  /** Whether old data leave while new ones come. */
  readonly isRecycling: boolean;
}

export async function runProduce(peer: Peer, load: ProduceLoad): Promise<Measure> {
  const options = load.isRecycling ? peer.recyclingOptions : {};
  await createTopic(peer, load.topic, load.connections, options);
  const batch = makeBatch(load.batchBytes, 100);
  const counts: Counts = { bytes: 0, records: 0, requests: 0 };
  const histogram = new Histogram();
  const producers: Producer[] = [];
  for (let i = 0; i < load.connections; i++) {
    producers.push(await Producer.open(peer.port, load.topic, i, batch, load.window));
  }
  const measured = await measure(peer, counts, histogram, async () => {
    const until = performance.now() + load.seconds * 1000;
    await Promise.all(producers.map((producer) => producer.run(until, counts, histogram)));
  });
  for (const producer of producers) producer.close();
  await deleteTopic(peer, load.topic);
  return measured;
}

/** Of the times that are kept: more than are ever in flight or not yet consumed. */
const timesKept = 256;

/** One connection that keeps its window full. */
export class Producer {
  readonly #connection: LoadConnection;
  readonly #train: RequestTrain;
  readonly #batch: Batch;
  readonly #window: number;
  readonly #errorAt: number;
  /** When each of the last batches was sent, in a ring. */
  readonly #sentAt = new Float64Array(timesKept);
  /** followed ≤ answered ≤ sent ≤ followed + leadMax, unless leadMax is infinite. */
  #sent = 0;
  #answered = 0;
  #followed = 0;
  /** How far it may be ahead of `follow`. */
  leadMax = Number.POSITIVE_INFINITY;
  #isOver = (): boolean => true;
  #onDone: () => void = () => {};
  #isQueued = false;

  private constructor(
    connection: LoadConnection,
    topic: string,
    partition: number,
    batch: Batch,
    window: number,
  ) {
    this.#connection = connection;
    this.#batch = batch;
    this.#window = window;
    this.#train = new RequestTrain(produceFrame(topic, partition, batch.bytes), window);
    this.#errorAt = produceErrorAt(topic);
  }

  static async open(
    port: number,
    topic: string,
    partition: number,
    batch: Batch,
    window: number,
  ): Promise<Producer> {
    const connection = await LoadConnection.open(port);
    return new Producer(connection, topic, partition, batch, window);
  }

  /** Resolves when all that was sent until then has been answered. */
  run(until: number, counts: Counts, histogram: Histogram): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#connection.onClose = reject;
      this.#isOver = () => performance.now() >= until;
      this.#onDone = resolve;
      this.#connection.onAnswer = (bytes, start) => {
        const error = bytes.readInt16BE(start + this.#errorAt);
        if (error !== 0) return reject(new Error(`produce failed with error ${error}`));
        histogram.add(performance.now() - this.sentAt(this.#answered));
        this.#answered += 1;
        counts.requests += 1;
        counts.bytes += this.#batch.bytes.length;
        counts.records += this.#batch.records;
        this.#queue();
      };
      this.#fill();
    });
  }

  /** When batch `number` was sent; for the last ones only. */
  sentAt(number: number): number {
    return this.#sentAt[number % timesKept] ?? 0;
  }

  /** Batches up to `number` have been consumed. */
  follow(number: number): void {
    this.#followed = number;
    this.#queue();
  }

  close(): void {
    this.#connection.close();
  }

  /** Goes on after the other answers of this read. */
  #queue(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    process.nextTick(() => {
      this.#isQueued = false;
      this.#fill();
    });
  }

  #fill(): void {
    if (this.#isOver()) {
      if (this.#answered === this.#sent) this.#onDone();
      return;
    }
    const free = this.#window - (this.#sent - this.#answered);
    const count = Math.min(free, this.leadMax - (this.#sent - this.#followed));
    if (count <= 0) return;
    const now = performance.now();
    for (let i = 0; i < count; i++) this.#sentAt[(this.#sent + i) % timesKept] = now;
    this.#sent += count;
    this.#train.send(this.#connection, count);
  }
}
