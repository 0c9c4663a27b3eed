/**
 * A Kafka client as the checks see it, whatever program it is behind.
 *
 * Keys and values are text here; all of UTF-8 goes through every client. Null is null on the wire.
 */

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

export interface Message {
  readonly partition?: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
  /** Left to the client when missing. */
  readonly timestamp?: number;
}

export interface StoredMessage {
  readonly offset: number;
  readonly timestamp: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

export interface ProduceOptions {
  readonly codec?: Codec;
  readonly acks?: 0 | 1 | -1;
  readonly isIdempotent?: boolean;
  readonly mayCreateTopic?: boolean;
  /** 0: the first error is final. */
  readonly retries?: number;
  /** In the client's own words. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface SteadyOptions {
  readonly topic: string;
  /** Records with the values 0, 1, 2 …, to partition 0. */
  readonly count: number;
  readonly batch: number;
  readonly pauseMs: number;
  readonly isIdempotent: boolean;
}

export interface Client {
  readonly name: string;
  /** Whether it can write what it is told to: a timestamp. */
  readonly setsTimestamps: boolean;
  /** To the partition each message names, all to the same one. Fails with the client's words. */
  produce(
    bootstrap: string,
    topic: string,
    messages: readonly Message[],
    options?: ProduceOptions,
  ): Promise<void>;
  /** At most `count` messages, fewer if there are no more within the time. */
  read(bootstrap: string, from: Place, count: number, timeoutMs?: number): Promise<StoredMessage[]>;
  /** −1 the end, −2 the start, else the first at or after that time, −1 for none. */
  offset(bootstrap: string, topic: string, partition: number, timestamp: number): Promise<number>;
  produceSteadily(bootstrap: string, options: SteadyOptions): Promise<void>;
}

/** What clients with an admin part can do as well. */
export interface AdminClient extends Client {
  createTopic(
    bootstrap: string,
    topic: string,
    partitions: number,
    configs?: Readonly<Record<string, string>>,
  ): Promise<void>;
  deleteTopic(bootstrap: string, topic: string): Promise<void>;
  listTopics(bootstrap: string): Promise<string[]>;
  describeTopic(bootstrap: string, topic: string): Promise<{ readonly partitions: number }>;
  /** Through a consumer group. */
  consume(bootstrap: string, topic: string, group: string, count: number): Promise<number[]>;
}

let topics = 0;

/** A topic name that no other check of this run uses. */
export function newTopic(what: string): string {
  topics++;
  return `${what}-${topics}`;
}
