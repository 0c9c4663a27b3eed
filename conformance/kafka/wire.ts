/**
 * Kafka's protocol by hand, as far as the raw checks need it: a socket, frames, request bodies.
 *
 * Written apart from the broker's own codecs on purpose: what both got wrong would be found equal.
 */

import * as net from 'node:net';
import { until } from '../check.ts';

export const keys = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  apiVersions: 18,
  createTopics: 19,
  initProducerId: 22,
} as const;

/** Names of the API keys that checks may need. */
export const apiNames: Readonly<Record<number, string>> = {
  0: 'Produce',
  1: 'Fetch',
  2: 'ListOffsets',
  3: 'Metadata',
  8: 'OffsetCommit',
  9: 'OffsetFetch',
  10: 'FindCoordinator',
  11: 'JoinGroup',
  12: 'Heartbeat',
  13: 'LeaveGroup',
  14: 'SyncGroup',
  15: 'DescribeGroups',
  16: 'ListGroups',
  18: 'ApiVersions',
  19: 'CreateTopics',
  20: 'DeleteTopics',
  21: 'DeleteRecords',
  22: 'InitProducerId',
  23: 'OffsetForLeaderEpoch',
  29: 'DescribeAcls',
  30: 'CreateAcls',
  31: 'DeleteAcls',
  32: 'DescribeConfigs',
  33: 'AlterConfigs',
  35: 'DescribeLogDirs',
  37: 'CreatePartitions',
  42: 'DeleteGroups',
  44: 'IncrementalAlterConfigs',
  46: 'ListPartitionReassignments',
  47: 'OffsetDelete',
  48: 'DescribeClientQuotas',
  60: 'DescribeCluster',
  68: 'ConsumerGroupHeartbeat',
  74: 'ListConfigResources',
  75: 'DescribeTopicPartitions',
};

/** Grows as it is written to; integers are big-endian. */
export class Body {
  readonly #parts: Buffer[] = [];

  int8(value: number): this {
    return this.raw(Buffer.from([value & 0xff]));
  }

  int16(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeInt16BE(value);
    return this.raw(bytes);
  }

  int32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return this.raw(bytes);
  }

  int64(value: bigint | number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(value));
    return this.raw(bytes);
  }

  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text);
    return this.int16(bytes.length).raw(bytes);
  }

  bytes(value: Buffer): this {
    return this.int32(value.length).raw(value);
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Length, header version 1, body. */
export function frame(key: number, version: number, correlation: number, body: Buffer): Buffer {
  const head = new Body().int16(key).int16(version).int32(correlation).string('raw').done();
  return new Body()
    .int32(head.length + body.length)
    .raw(head)
    .raw(body)
    .done();
}

export interface BatchOptions {
  readonly values: readonly string[];
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly timestamp?: number;
}

/** An uncompressed batch, version 2. */
export function batchOf(options: BatchOptions): Buffer {
  const { values, producerId = -1, producerEpoch = -1, baseSequence = -1 } = options;
  const timestamp = options.timestamp ?? Date.now();
  const records = Buffer.concat(values.map((value, i) => recordOf(value, i)));
  const tail = new Body()
    .int16(0)
    .int32(values.length - 1)
    .int64(timestamp)
    .int64(timestamp)
    .int64(producerId)
    .int16(producerEpoch)
    .int32(baseSequence)
    .int32(values.length)
    .raw(records)
    .done();
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32c(tail));
  return new Body()
    .int64(0)
    .int32(4 + 1 + 4 + tail.length)
    .int32(-1)
    .int8(2)
    .raw(crc)
    .raw(tail)
    .done();
}

function recordOf(value: string, offsetDelta: number): Buffer {
  const text = Buffer.from(value);
  const body = Buffer.concat([
    Buffer.from([0, 0]),
    zigzag(offsetDelta),
    zigzag(-1),
    zigzag(text.length),
    text,
    zigzag(0),
  ]);
  return Buffer.concat([zigzag(body.length), body]);
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

const crcTable = Uint32Array.from({ length: 256 }, (_, i) => {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  return crc >>> 0;
});

function crc32c(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffff_ffff) >>> 0;
}

export interface ProduceBody {
  readonly topic: string;
  readonly batch: Buffer;
  readonly acks?: number;
  readonly transactionalId?: string;
  readonly partition?: number;
}

/** For versions 0 to 8. */
export function produceBody(version: number, options: ProduceBody): Buffer {
  const body = new Body();
  if (version >= 3) body.string(options.transactionalId ?? null);
  return body
    .int16(options.acks ?? -1)
    .int32(10_000)
    .int32(1)
    .string(options.topic)
    .int32(1)
    .int32(options.partition ?? 0)
    .bytes(options.batch)
    .done();
}

/** For version 4, from one partition. */
export function fetchBody(topic: string, partition: number, offset: number, bytesMax: number) {
  const limits = new Body().int32(-1).int32(0).int32(1).int32(bytesMax).int8(0);
  return limits
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int64(offset)
    .int32(bytesMax)
    .done();
}

export interface ProduceRow {
  readonly error: number;
  readonly baseOffset: number;
}

/** The only row of an answer of version 0 to 8. */
export function readProduceRow(body: Buffer): ProduceRow {
  const at = 4 + 2 + body.readInt16BE(4) + 4 + 4;
  return { error: body.readInt16BE(at), baseOffset: Number(body.readBigInt64BE(at + 2)) };
}

/** Error and batches of the only row of an answer of version 4. */
export function readFetchRow(body: Buffer): { readonly error: number; readonly records: Buffer } {
  let at = 4 + 4;
  at += 2 + body.readInt16BE(at);
  at += 4 + 4;
  const error = body.readInt16BE(at);
  at += 2 + 8 + 8;
  const aborted = body.readInt32BE(at);
  at += 4 + Math.max(0, aborted) * 16;
  return { error, records: body.subarray(at + 4, at + 4 + body.readInt32BE(at)) };
}

/** Attributes of each batch. */
export function batchAttributes(records: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + 61 <= records.length; ) {
    found.push(records.readInt16BE(at + 21));
    at += 12 + records.readInt32BE(at + 8);
  }
  return found;
}

export interface Answer {
  readonly correlation: number;
  /** After the correlation id. */
  readonly body: Buffer;
}

/** A connection that hides nothing. */
export class Wire {
  readonly socket: net.Socket;
  isClosed = false;
  #unread = Buffer.alloc(0);
  readonly #answers: Answer[] = [];
  #correlation = 0;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => {
      this.#unread = Buffer.concat([this.#unread, bytes]);
      this.#split();
    });
    // A reset is one way to be closed.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  static connect(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Wire(socket));
      });
    });
  }

  /** The next answer, in the order of arrival. */
  async next(timeoutMs = 10_000): Promise<Answer> {
    await until('an answer', timeoutMs, () => this.#answers.length > 0 || this.isClosed);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error('the broker has closed the connection');
    return answer;
  }

  get answersWaiting(): number {
    return this.#answers.length;
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** One request, one answer. */
  async ask(key: number, version: number, body: Buffer): Promise<Buffer> {
    this.send(frame(key, version, ++this.#correlation, body));
    return (await this.next()).body;
  }

  async closedWithin(ms: number): Promise<void> {
    await until('the broker closes the connection', ms, () => this.isClosed);
  }

  close(): void {
    this.socket.destroy();
  }

  #split(): void {
    while (this.#unread.length >= 8) {
      const end = 4 + this.#unread.readInt32BE(0);
      if (this.#unread.length < end) return;
      const correlation = this.#unread.readInt32BE(4);
      this.#answers.push({ correlation, body: this.#unread.subarray(8, end) });
      this.#unread = this.#unread.subarray(end);
    }
  }
}

export async function withWire<T>(port: number, action: (wire: Wire) => Promise<T>): Promise<T> {
  const wire = await Wire.connect(port);
  try {
    return await action(wire);
  } finally {
    wire.close();
  }
}

/** API key → lowest and highest version. */
export async function readApiVersions(port: number): Promise<Map<number, [number, number]>> {
  const body = await withWire(port, (wire) => wire.ask(keys.apiVersions, 0, Buffer.alloc(0)));
  const versions = new Map<number, [number, number]>();
  for (let at = 6; at + 6 <= body.length; at += 6) {
    versions.set(body.readInt16BE(at), [body.readInt16BE(at + 2), body.readInt16BE(at + 4)]);
  }
  return versions;
}

/** Attributes of all batches of a partition. */
export async function storedAttributes(port: number, topic: string): Promise<number[]> {
  return withWire(port, async (wire) => {
    const answer = await wire.ask(keys.fetch, 4, fetchBody(topic, 0, 0, 8_000_000));
    return batchAttributes(readFetchRow(answer).records);
  });
}
