/**
 * The Kafka requests that the crash suite sends, and how their answers are read.
 *
 * Owns: which fields. Independent of `src/protocols/kafka`, so that a mistake there is not repeated here.
 */

import { Frame } from '../kafka-frame.ts';

/** Where the correlation id is in a frame. */
export const CORRELATION_AT = 8;

/** Reads an answer in order. */
export class AnswerReader {
  readonly bytes: Buffer;
  at = 4;

  /** `bytes` begin with the correlation id. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  int8(): number {
    this.at += 1;
    return this.bytes.readInt8(this.at - 1);
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  int64(): number {
    this.at += 8;
    return Number(this.bytes.readBigInt64BE(this.at - 8));
  }

  text(): string {
    const length = Math.max(0, this.int16());
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  records(): Buffer {
    const length = Math.max(0, this.int32());
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  list<T>(read: () => T): T[] {
    const count = Math.max(0, this.int32());
    return Array.from({ length: count }, read);
  }
}

export const errors = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopic: 3,
  topicExists: 36,
  outOfOrderSequence: 45,
  storage: 56,
} as const;

/** The part of a request or an answer that belongs to one partition. */
export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

export interface Produced extends PartitionName {
  readonly batch: Uint8Array;
}

export interface ProduceResult extends PartitionName {
  readonly error: number;
  readonly baseOffset: number;
}

export const produce = {
  /** Produce v7, acks of all, in the order of `batches`. */
  request(batches: readonly Produced[]): Buffer {
    const frame = new Frame(0, 7).int16(-1).int16(-1).int32(30_000).int32(batches.length);
    for (const { topic, partition, batch } of batches) {
      frame.text(topic).int32(1).int32(partition).int32(batch.length).raw(batch);
    }
    return frame.finish();
  },
  answer(reader: AnswerReader): ProduceResult[] {
    const topics = reader.list(() => {
      const topic = reader.text();
      return reader.list(() => {
        const partition = reader.int32();
        const error = reader.int16();
        const baseOffset = reader.int64();
        reader.int64();
        reader.int64();
        return { topic, partition, error, baseOffset };
      });
    });
    return topics.flat();
  },
};

export interface Fetched {
  readonly error: number;
  readonly highWatermark: number;
  readonly logStart: number;
  readonly records: Buffer;
}

export interface FetchWish extends PartitionName {
  readonly offset: number;
  readonly maxBytes: number;
}

export const fetch = {
  /** Fetch v5 of one partition. */
  request(wish: FetchWish, waitMs: number): Buffer {
    return new Frame(1, 5)
      .int32(-1)
      .int32(waitMs)
      .int32(1)
      .int32(wish.maxBytes)
      .int8(0)
      .int32(1)
      .text(wish.topic)
      .int32(1)
      .int32(wish.partition)
      .int64(wish.offset)
      .int64(-1)
      .int32(wish.maxBytes)
      .finish();
  },
  answer(reader: AnswerReader): Fetched {
    reader.int32();
    const topics = reader.list(() => {
      reader.text();
      return reader.list(() => {
        reader.int32();
        const error = reader.int16();
        const highWatermark = reader.int64();
        reader.int64();
        const logStart = reader.int64();
        reader.list(() => [reader.int64(), reader.int64()]);
        return { error, highWatermark, logStart, records: reader.records() };
      });
    });
    const fetched = topics[0]?.[0];
    if (fetched === undefined) throw new Error('a fetch is answered for its partition');
    return fetched;
  },
};

export const listOffsets = {
  /** ListOffsets v1. `timestamp` -1 is the latest offset, -2 the earliest. */
  request({ topic, partition }: PartitionName, timestamp: number): Buffer {
    const frame = new Frame(2, 1).int32(-1).int32(1).text(topic).int32(1);
    return frame.int32(partition).int64(timestamp).finish();
  },
  answer(reader: AnswerReader): { readonly error: number; readonly offset: number } {
    const topics = reader.list(() => {
      reader.text();
      return reader.list(() => {
        reader.int32();
        const error = reader.int16();
        reader.int64();
        return { error, offset: reader.int64() };
      });
    });
    return topics[0]?.[0] ?? { error: -1, offset: -1 };
  },
};

export interface TopicFacts {
  readonly name: string;
  readonly error: number;
  readonly partitions: number;
  readonly leaderEpoch: number;
}

export const metadata = {
  /** Metadata v7 of all topics. */
  request(): Buffer {
    return new Frame(3, 7).int32(-1).int8(0).finish();
  },
  answer(reader: AnswerReader): TopicFacts[] {
    reader.int32();
    reader.list(() => [reader.int32(), reader.text(), reader.int32(), reader.text()]);
    reader.text();
    reader.int32();
    return reader.list(() => {
      const error = reader.int16();
      const name = reader.text();
      reader.int8();
      const epochs = reader.list(() => {
        reader.int16();
        reader.int32();
        reader.int32();
        const leaderEpoch = reader.int32();
        for (let i = 0; i < 3; i++) reader.list(() => reader.int32());
        return leaderEpoch;
      });
      return { name, error, partitions: epochs.length, leaderEpoch: Math.max(...epochs) };
    });
  },
};

export interface TopicWish {
  readonly name: string;
  readonly partitions: number;
  readonly options?: Readonly<Record<string, string>>;
}

/** Errors by topic, in the order asked. */
type TopicErrors = readonly number[];

export const createTopics = {
  /** CreateTopics v2. */
  request(topics: readonly TopicWish[]): Buffer {
    const frame = new Frame(19, 2).int32(topics.length);
    for (const { name, partitions, options = {} } of topics) {
      frame.text(name).int32(partitions).int16(1).int32(0);
      const entries = Object.entries(options);
      frame.int32(entries.length);
      for (const [key, value] of entries) frame.text(key).text(value);
    }
    return frame.int32(30_000).int8(0).finish();
  },
  answer(reader: AnswerReader): TopicErrors {
    reader.int32();
    return reader.list(() => {
      reader.text();
      const error = reader.int16();
      reader.text();
      return error;
    });
  },
};

export const deleteTopics = {
  /** DeleteTopics v1. */
  request(names: readonly string[]): Buffer {
    const frame = new Frame(20, 1).int32(names.length);
    for (const name of names) frame.text(name);
    return frame.int32(30_000).finish();
  },
  answer(reader: AnswerReader): TopicErrors {
    reader.int32();
    return reader.list(() => {
      reader.text();
      return reader.int16();
    });
  },
};

export const initProducerId = {
  /** InitProducerId v0 for an idempotent producer. */
  request(): Buffer {
    return new Frame(22, 0).int16(-1).int32(60_000).finish();
  },
  answer(reader: AnswerReader): { readonly error: number; readonly id: number; epoch: number } {
    reader.int32();
    return { error: reader.int16(), id: reader.int64(), epoch: reader.int16() };
  },
};
