/**
 * The loads: produce at full window, fetch from the beginning, one produce at a time, bare syncs.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { BrokerProcess } from './broker-process.ts';
import { LoadConnection } from './connection.ts';
import { createTopicFrame, fetchFrame, makeBatch, produceFrame } from './wire.ts';

export interface Result {
  readonly name: string;
  readonly seconds: number;
  readonly bytes: number;
  readonly records: number;
  readonly requests: number;
  /** CPU of the broker, ms. */
  readonly cpuMs: number;
  readonly latencyMs: Percentiles | null;
  readonly rssBytes: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function percentiles(samples: number[]): Percentiles {
  samples.sort((left, right) => left - right);
  const at = (share: number): number => samples[Math.floor((samples.length - 1) * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export interface ProduceLoad {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly connections: number;
  readonly window: number;
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly seconds: number;
  readonly options: Readonly<Record<string, string>>;
}

/** The error code in a Produce v7 answer for one topic and partition. */
function produceError(answer: Buffer): number {
  const topicLength = answer.readInt16BE(8);
  return answer.readInt16BE(8 + 2 + topicLength + 4 + 4);
}

export async function createTopic(
  broker: BrokerProcess,
  topic: string,
  partitions: number,
  options: Readonly<Record<string, string>>,
): Promise<void> {
  const connection = await LoadConnection.connect(broker.port);
  const answer = await connection.call(createTopicFrame(topic, partitions, options));
  const error = answer.readInt16BE(4 + 4 + 4 + 2 + topic.length);
  if (error !== 0) throw new Error(`the topic could not be made: error ${error}`);
  connection.close();
}

/** Keeps `window` requests in flight on each connection for `seconds`. */
export async function runProduce(broker: BrokerProcess, load: ProduceLoad): Promise<Result> {
  await createTopic(broker, load.topic, load.partitions, load.options);
  const { bytes: batch, records } = makeBatch(load.batchBytes, load.recordBytes);
  let requests = 0;
  let isOver = false;
  const latencies: number[] = [];
  const before = broker.usage();
  const started = performance.now();
  const ends: Promise<void>[] = [];
  for (let i = 0; i < load.connections; i++) {
    const connection = await LoadConnection.connect(broker.port);
    const frame = produceFrame(load.topic, i % load.partitions, batch);
    const sentAt: number[] = [];
    let inFlight = 0;
    ends.push(
      new Promise((resolve, reject) => {
        const send = (): void => {
          inFlight += 1;
          sentAt.push(performance.now());
          connection.send(frame);
        };
        connection.onAnswer = (answer) => {
          const error = produceError(answer);
          if (error !== 0) return reject(new Error(`produce failed with error ${error}`));
          inFlight -= 1;
          requests += 1;
          const sent = sentAt.shift() ?? 0;
          if (requests % 16 === 0) latencies.push(performance.now() - sent);
          if (!isOver) send();
          else if (inFlight === 0) {
            connection.close();
            resolve();
          }
        };
        for (let n = 0; n < load.window; n++) send();
      }),
    );
  }
  setTimeout(() => {
    isOver = true;
  }, load.seconds * 1000);
  await Promise.all(ends);
  const seconds = (performance.now() - started) / 1000;
  const after = broker.usage();
  return {
    name: load.name,
    seconds,
    bytes: requests * batch.length,
    records: requests * records,
    requests,
    cpuMs: after.userMs + after.systemMs - before.userMs - before.systemMs,
    latencyMs: percentiles(latencies),
    rssBytes: after.rssBytes,
  };
}

/** Reads `topic` from offset 0 for `seconds`, one fetch of 1 MB at a time on each connection. */
export async function runFetch(
  broker: BrokerProcess,
  topic: string,
  load: { readonly name: string; readonly connections: number; readonly seconds: number },
): Promise<Result> {
  const maxBytes = 1024 * 1024;
  let bytes = 0;
  let requests = 0;
  const before = broker.usage();
  const started = performance.now();
  const end = started + load.seconds * 1000;
  const readers = Array.from({ length: load.connections }, async () => {
    const connection = await LoadConnection.connect(broker.port);
    await new Promise<void>((resolve, reject) => {
      let left = 0;
      let head = Buffer.alloc(0);
      const next = (): void => connection.send(fetchFrame(topic, 0, 0, maxBytes));
      connection.onBytes((chunk) => {
        bytes += chunk.length;
        if (left === 0) {
          head = Buffer.concat([head, chunk]);
          if (head.length < 64) return;
          const size = 4 + head.readInt32BE(0);
          const error = head.readInt16BE(4 + 4 + 4 + 4 + 2 + topic.length + 4 + 4);
          if (error !== 0 || size < 1000)
            return reject(new Error(`fetch: error ${error}, ${size} bytes`));
          left = size - head.length;
          head = Buffer.alloc(0);
        } else {
          left -= chunk.length;
        }
        if (left > 0) return;
        requests += 1;
        if (performance.now() < end) return next();
        connection.close();
        resolve();
      });
      next();
    });
  });
  await Promise.all(readers);
  const seconds = (performance.now() - started) / 1000;
  const after = broker.usage();
  const cpuMs = after.userMs + after.systemMs - before.userMs - before.systemMs;
  return {
    name: load.name,
    seconds,
    bytes,
    records: 0,
    requests,
    cpuMs,
    latencyMs: null,
    rssBytes: after.rssBytes,
  };
}

/** One acknowledged produce of one record at a time. */
export async function runLatency(
  broker: BrokerProcess,
  topic: string,
  count: number,
): Promise<Result> {
  await createTopic(broker, topic, 1, {});
  const { bytes: batch } = makeBatch(200, 100);
  const connection = await LoadConnection.connect(broker.port);
  const frame = produceFrame(topic, 0, batch);
  const samples: number[] = [];
  const before = broker.usage();
  const started = performance.now();
  for (let i = 0; i < count; i++) {
    const sent = performance.now();
    const error = produceError(await connection.call(frame));
    if (error !== 0) throw new Error(`produce failed with error ${error}`);
    samples.push(performance.now() - sent);
  }
  connection.close();
  const after = broker.usage();
  return {
    name: 'one 100 B record at a time',
    seconds: (performance.now() - started) / 1000,
    bytes: count * batch.length,
    records: count,
    requests: count,
    cpuMs: after.userMs + after.systemMs - before.userMs - before.systemMs,
    latencyMs: percentiles(samples),
    rssBytes: after.rssBytes,
  };
}

/** What the disk itself takes: 4 KiB overwritten in a file full of zeros, then fdatasync. */
export function measureSync(directory: string, count: number): Percentiles {
  const file = path.join(directory, 'sync-baseline');
  const fd = fs.openSync(file, 'w+');
  fs.writeSync(fd, Buffer.alloc(16 * 1024 * 1024));
  fs.fsyncSync(fd);
  const page = Buffer.alloc(4096, 7);
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    fs.writeSync(fd, page, 0, page.length, (i * 4096) % (16 * 1024 * 1024));
    const started = performance.now();
    fs.fdatasyncSync(fd);
    samples.push(performance.now() - started);
  }
  fs.closeSync(fd);
  fs.rmSync(file);
  return percentiles(samples);
}

/** A bare loop of 1 MiB writes to a new file, each synced: MB/s. */
export function measureWriteAndSync(directory: string, seconds: number): number {
  const file = path.join(directory, 'write-baseline');
  const fd = fs.openSync(file, 'w');
  const chunk = Buffer.alloc(1024 * 1024, 7);
  const started = performance.now();
  let bytes = 0;
  while (performance.now() - started < seconds * 1000) {
    fs.writeSync(fd, chunk);
    fs.fdatasyncSync(fd);
    bytes += chunk.length;
  }
  const rate = bytes / 1e6 / ((performance.now() - started) / 1000);
  fs.closeSync(fd);
  fs.rmSync(file);
  return rate;
}
