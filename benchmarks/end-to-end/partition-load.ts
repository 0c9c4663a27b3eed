/**
 * The same rate in the same batches over one or many partitions, each of them touched for the first time.
 */
import { LoadConnection } from './connection.ts';
import { type Counts, Histogram, type Measure, measure } from './measure.ts';
import type { Peer } from './peer.ts';
import { createTopic, deleteTopic } from './topics.ts';
import { makeBatch, produceErrorAt, produceHead } from './wire.ts';

export interface PartitionLoad {
  readonly topic: string;
  readonly partitions: number;
  readonly seconds: number;
}

const megabytesPerSecond = 50;
const connections = 4;
/** Requests in flight on a connection before the schedule slips. */
const inFlightMax = 128;
/** Kafka makes no more in one request. */
const topicPartitionsMax = 1000;
const tickMs = 2;

/** The figure is CPU ms per GB; the longest latency is the longest stall. */
export async function runPartitions(peer: Peer, load: PartitionLoad): Promise<Measure> {
  const topics: string[] = [];
  for (let made = 0; made < load.partitions; made += topicPartitionsMax) {
    const topic = `${load.topic}-${String(topics.length).padStart(2, '0')}`;
    const count = Math.min(topicPartitionsMax, load.partitions - made);
    await createTopic(peer, topic, count, peer.recyclingOptions);
    topics.push(topic);
  }
  const batch = makeBatch(16_000, 100);
  const heads = Array.from({ length: load.partitions }, (_, i) => {
    const topic = topics[Math.floor(i / topicPartitionsMax)] ?? '';
    return produceHead(topic, i % topicPartitionsMax, batch.bytes.length);
  });
  const counts: Counts = { bytes: 0, records: 0, requests: 0 };
  const histogram = new Histogram();
  const lanes: Lane[] = [];
  for (let i = 0; i < connections; i++) {
    const connection = await LoadConnection.open(peer.port);
    lanes.push(new Lane(connection, produceErrorAt(topics[0] ?? ''), histogram));
  }
  const perMs = (megabytesPerSecond * 1000) / batch.bytes.length;
  const measured = await measure(peer, counts, histogram, async () => {
    let sent = 0;
    const started = performance.now();
    for (let elapsed = 0; elapsed < load.seconds * 1000; elapsed = performance.now() - started) {
      const due = Math.floor(elapsed * perMs);
      for (; sent < due; sent++) {
        const lane = lanes[sent % connections];
        if (lane === undefined || lane.isFull) break;
        lane.add(heads[sent % load.partitions] ?? batch.bytes, batch.bytes);
      }
      for (const lane of lanes) lane.flush();
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    }
    await Promise.all(lanes.map((lane) => lane.drained()));
    counts.requests = sent;
    counts.bytes = sent * batch.bytes.length;
    counts.records = sent * batch.records;
  });
  for (const lane of lanes) lane.close();
  for (const topic of topics) await deleteTopic(peer, topic);
  return { ...measured, value: measured.cpuMs / (counts.bytes / 1e9) };
}

/** One connection of a load that sends by the clock. */
class Lane {
  readonly #connection: LoadConnection;
  readonly #sentAt = new Float64Array(inFlightMax);
  readonly #parts: Uint8Array[] = [];
  #sent = 0;
  #answered = 0;
  #fault: Error | null = null;
  #onProgress: () => void = () => {};

  constructor(connection: LoadConnection, errorAt: number, histogram: Histogram) {
    this.#connection = connection;
    connection.onClose = (error) => this.#fail(error);
    connection.onAnswer = (bytes, start) => {
      const error = bytes.readInt16BE(start + errorAt);
      if (error !== 0) this.#fail(new Error(`produce failed with error ${error}`));
      histogram.add(performance.now() - (this.#sentAt[this.#answered % inFlightMax] ?? 0));
      this.#answered += 1;
      this.#onProgress();
    };
  }

  get isFull(): boolean {
    if (this.#fault !== null) throw this.#fault;
    return this.#sent - this.#answered === inFlightMax;
  }

  add(head: Uint8Array, batch: Uint8Array): void {
    this.#parts.push(head, batch);
    this.#sentAt[this.#sent % inFlightMax] = performance.now();
    this.#sent += 1;
  }

  flush(): void {
    if (this.#parts.length === 0) return;
    this.#connection.sendParts(() => {
      for (const part of this.#parts) this.#connection.send(part);
    });
    this.#parts.length = 0;
  }

  async drained(): Promise<void> {
    while (this.#answered < this.#sent) {
      if (this.#fault !== null) throw this.#fault;
      await new Promise<void>((resolve) => {
        this.#onProgress = resolve;
      });
    }
  }

  close(): void {
    this.#connection.close();
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    this.#onProgress();
  }
}
