/**
 * One partition that a fetch asks for: where from, how much, and what the client was told last.
 */
import type { Broker, Partition, Topic } from '../../broker/index.ts';
import { copyOf, decodeUtf8, formatUuidShort } from '../../kernel/bytes.ts';
import { kafkaErrors } from './error-codes.ts';
import type { FetchRequest } from './fetch-request.ts';
import { leaderEpochError } from './leader-epoch.ts';
import type { PlanStream } from './plan-stream.ts';

const nameBytesMax = 249;

/** A topic as a client named it: by name (versions to 12) or by id. Shared by its targets. */
export class TopicRef {
  /**
   * The name, or the id in 22 characters. In place of a name that is too long for a topic, something
   * short that no topic is called: each of its partitions has a key with this text in it.
   */
  readonly text: string;
  readonly isId: boolean;
  /** The bytes that the answer repeats. */
  readonly bytes: Uint8Array;
  #topic: Topic | undefined;

  /** The name, or with `isId` the 16 bytes, of source[start, end), which are copied. */
  constructor(source: Uint8Array, start: number, end: number, isId: boolean) {
    const bytes = copyOf(source, start, end);
    this.bytes = bytes;
    this.isId = isId;
    if (isId) this.text = formatUuidShort(bytes);
    else this.text = this.isPossible ? decodeUtf8(bytes) : `? ${start}`;
  }

  /** False: no topic can have such a name. */
  get isPossible(): boolean {
    return this.isId || this.bytes.length <= nameBytesMax;
  }

  /** The topic there is now; a recreated one has the name but not the id. */
  find(broker: Broker): Topic | undefined {
    if (this.#topic !== undefined && !this.#topic.isDeleted) return this.#topic;
    this.#topic = this.isId ? broker.topicByUuid(this.text) : broker.topic(this.text);
    return this.#topic;
  }
}

export class FetchTarget {
  readonly topic: TopicRef;
  readonly index: number;
  offset = 0;
  maxBytes = 0;
  leaderEpoch = -1;
  /** What the last answer of the session said; -1: nothing yet, or an error. */
  toldHighWatermark = -1;
  toldLogStart = -1;
  /** Of the last look: the partition, or the error that its answer gets. */
  partition: Partition | null = null;
  error = 0;

  constructor(topic: TopicRef, index: number) {
    this.topic = topic;
    this.index = index;
  }

  get key(): string {
    return targetKey(this.topic.text, this.index);
  }

  update(request: FetchRequest): void {
    this.offset = request.fetchOffset;
    this.maxBytes = request.partitionMaxBytes;
    this.leaderEpoch = request.currentLeaderEpoch;
  }

  /** Looks where the partition is; sets `partition` and `error`. */
  resolve(broker: Broker): void {
    const topic = this.topic.find(broker);
    this.partition = topic?.partitions[this.index] ?? null;
    if (this.partition !== null) this.error = leaderEpochError(this.partition, this.leaderEpoch);
    else if (topic === undefined && this.topic.isId) this.error = kafkaErrors.unknownTopicId;
    else this.error = kafkaErrors.unknownTopicOrPartition;
  }
}

/** What a partition of an answer gets. */
export interface PlannedTarget {
  readonly target: FetchTarget;
  /** Null: no records. */
  stream: PlanStream | null;
}

export function targetKey(topic: string, index: number): string {
  return `${topic} ${index}`;
}
