/**
 * Just enough of Kafka's wire protocol to load a broker: frames are built once and sent again and again.
 *
 * Owns: the bytes of the requests that the benchmarks send. Independent of `src/protocols/kafka`, so that
 * a mistake there is not repeated here.
 */
import { buildBatch } from '../../src/record/batch-builder.ts';
import { Frame } from '../../test/kafka-frame.ts';

const CLIENT_ID = 'bench';

function request(apiKey: number, version: number): Frame {
  return new Frame(apiKey, version, CLIENT_ID);
}

/** ApiVersions v0. */
export function apiVersionsFrame(): Buffer {
  return request(18, 0).finish();
}

/** CreateTopics v2: one topic with options. */
export function createTopicFrame(
  name: string,
  partitions: number,
  options: Readonly<Record<string, string>>,
): Buffer {
  const frame = request(19, 2).int32(1).text(name).int32(partitions).int16(1).int32(0);
  const entries = Object.entries(options);
  frame.int32(entries.length);
  for (const [key, value] of entries) frame.text(key).text(value);
  return frame.int32(30_000).int8(0).finish();
}

/** DeleteTopics v1. */
export function deleteTopicFrame(name: string): Buffer {
  return request(20, 1).int32(1).text(name).int32(30_000).finish();
}

/** ListOffsets v1: the end of every partition. */
export function listOffsetsFrame(topic: string, partitions: number): Buffer {
  const frame = request(2, 1).int32(-1).int32(1).text(topic).int32(partitions);
  for (let i = 0; i < partitions; i++) frame.int32(i).int64(-1);
  return frame.finish();
}

/** Produce v7 of `batch` to one partition. */
export function produceFrame(topic: string, partition: number, batch: Uint8Array): Buffer {
  return Buffer.concat([produceHead(topic, partition, batch.length), batch]);
}

/** All of a Produce v7 before a batch of `batchBytes`. */
export function produceHead(topic: string, partition: number, batchBytes: number): Buffer {
  const head = request(0, 7)
    .int16(-1)
    .int16(-1)
    .int32(30_000)
    .int32(1)
    .text(topic)
    .int32(1)
    .int32(partition)
    .int32(batchBytes)
    .finish();
  head.writeInt32BE(head.length - 4 + batchBytes, 0);
  return head;
}

/** The error in a Produce v7 answer that begins at `start`, its length left out. */
export function produceErrorAt(topic: string): number {
  return 4 + 4 + 2 + topic.length + 4 + 4;
}

/** Fetch v4 of one partition; its offset is where `fetchOffsetAt` says. */
export function fetchFrame(topic: string, partition: number, maxBytes: number): Buffer {
  return request(1, 4)
    .int32(-1)
    .int32(500)
    .int32(1)
    .int32(maxBytes)
    .int8(0)
    .int32(1)
    .text(topic)
    .int32(1)
    .int32(partition)
    .int64(0)
    .int32(maxBytes)
    .finish();
}

/** From the end of a fetch frame. */
export const fetchOffsetFromEnd = 12;

/**
 * What stands before the records of a Fetch v4 answer, its length included:
 *
 *     length 4, correlation id 4, throttle 4, topics 4, name 2 + n, partitions 4, index 4, error 2,
 *     high watermark 8, last stable offset 8, aborted transactions 4, length of the records 4
 */
export function fetchHeadBytes(topic: string): number {
  return 4 + 4 + 4 + 4 + 2 + topic.length + 4 + 4 + 2 + 8 + 8 + 4 + 4;
}

/** Of the error, in such a head. */
export function fetchErrorAt(topic: string): number {
  return fetchHeadBytes(topic) - 26;
}

export interface Batch {
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** A batch of records with `recordBytes` of value each, of about `batchBytes` in all. */
export function makeBatch(batchBytes: number, recordBytes: number): Batch {
  const value = new Uint8Array(recordBytes).map((_, i) => 97 + (i % 26));
  const perRecord = recordBytes + 8;
  const records = Math.max(1, Math.floor((batchBytes - 61) / perRecord));
  const inputs = Array.from({ length: records }, () => ({
    key: null,
    value,
    timestamp: Date.now(),
  }));
  return { bytes: buildBatch(inputs), records };
}
