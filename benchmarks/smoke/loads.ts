/**
 * Loads of a fixed size on one connection: what they cost does not depend on how long they take.
 */
import { LoadConnection, RequestTrain } from '../end-to-end/connection.ts';
import { createTopic } from '../end-to-end/topics.ts';
import {
  fetchFrame,
  fetchHeadBytes,
  makeBatch,
  produceErrorAt,
  produceFrame,
} from '../end-to-end/wire.ts';

export interface Work {
  /** What a cost is divided by. */
  readonly records: number;
  readonly batches: number;
  readonly bytes: number;
}

export interface SmokeLoad {
  readonly name: string;
  /** Once, before everything. */
  prepare(port: number): Promise<void>;
  run(port: number): Promise<Work>;
}

const recordBytes = 100;

/** `trains` times `window` requests in one write, the next when all of them are answered. */
async function produce(
  port: number,
  topic: string,
  size: { readonly batchBytes: number; readonly window: number; readonly trains: number },
): Promise<Work> {
  const batch = makeBatch(size.batchBytes, recordBytes);
  const train = new RequestTrain(produceFrame(topic, 0, batch.bytes), size.window);
  const errorAt = produceErrorAt(topic);
  const connection = await LoadConnection.open(port);
  let trains = 0;
  let answered = 0;
  await new Promise<void>((resolve, reject) => {
    connection.onClose = reject;
    connection.onAnswer = (bytes, start) => {
      const error = bytes.readInt16BE(start + errorAt);
      if (error !== 0) reject(new Error(`produce failed with error ${error}`));
      answered += 1;
      if (answered < size.window) return;
      answered = 0;
      trains += 1;
      if (trains === size.trains) resolve();
      else train.send(connection, size.window);
    };
    train.send(connection, size.window);
  });
  connection.close();
  const batches = size.trains * size.window;
  return { records: batches * batch.records, batches, bytes: batches * batch.bytes.length };
}

/** 1 MB from the beginning of a topic, one request at a time. */
async function fetch(port: number, topic: string, requests: number): Promise<Work> {
  const batch = makeBatch(64_000, recordBytes);
  const frame = fetchFrame(topic, 0, 1024 * 1024);
  let left = requests;
  let bytes = 0;
  let pending = 0;
  const headBytes = fetchHeadBytes(topic);
  await new Promise<void>((resolve, reject) => {
    const opened = LoadConnection.openBulk(port, (chunk, length) => {
      if (pending === 0) pending = 4 + chunk.readInt32BE(0);
      bytes += length;
      pending -= length;
      if (pending > 0) return;
      left -= 1;
      if (left > 0) void opened.then((connection) => connection.send(frame));
      else {
        void opened.then((connection) => connection.close());
        resolve();
      }
    });
    opened.then((connection) => connection.send(frame), reject);
  });
  bytes -= requests * headBytes;
  const batches = Math.floor(bytes / batch.bytes.length);
  return { records: batches * batch.records, batches, bytes };
}

function makeTopic(port: number, topic: string): Promise<void> {
  return createTopic({ name: 'polylog', port }, topic, 1);
}

const large = { batchBytes: 64_000, window: 8, trains: 20 };

export const smokeLoads: readonly SmokeLoad[] = [
  {
    name: 'produce 64 KB',
    prepare: (port) => makeTopic(port, 'smoke-64k'),
    run: (port) => produce(port, 'smoke-64k', large),
  },
  {
    name: 'produce 1 KB',
    prepare: (port) => makeTopic(port, 'smoke-1k'),
    run: (port) => produce(port, 'smoke-1k', { batchBytes: 1000, window: 50, trains: 40 }),
  },
  {
    name: 'fetch 1 MB',
    prepare: async (port) => {
      await makeTopic(port, 'smoke-fetch');
      await produce(port, 'smoke-fetch', large);
    },
    run: (port) => fetch(port, 'smoke-fetch', 40),
  },
];
