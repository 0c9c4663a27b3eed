/**
 * In-process publishing: records, not batches, by the name of their topic.
 *
 * Owns: the choice of a partition, gathering the records of one tick into batches, telling each
 * publisher its offset once it is committed.
 * Leaves: the rules to the append path, which treats these batches like any client's.
 *
 * A record with a key goes where every Kafka client puts it; one without a key sticks to a partition
 * for the batches of one tick, and moves on with the next. What waits is bounded in bytes: past
 * that, publishing fails at once.
 */

import { BrokerError } from '../kernel/errors.ts';
import { keyPartition } from '../kernel/murmur2.ts';
import type { Clock, Scheduler } from '../kernel/ports.ts';
import type { Journal } from '../log/journal.ts';
import { BatchBuilder, type RecordInput } from '../record/batch-builder.ts';
import type { RecordHeader } from '../record/records.ts';
import type { Partition, Topic } from './catalog/topic.ts';
import type { CommitQueue } from './commit.ts';
import { publishWaitingBytesMax } from './limits.ts';
import { AppendOutcome } from './outcomes.ts';
import type { Appender } from './publish.ts';

export interface PublishRequest {
  readonly topic: string;
  /** The partition's index; left out, the key or a rota decides. */
  readonly partition?: number;
  readonly key?: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** Unix ms; left out, now. */
  readonly timestamp?: number;
}

export interface Published {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
}

/** Called later, once: with the place when the record is committed, or with the error. */
export type PublishDone = (error: BrokerError | null, published: Published | null) => void;

export interface PublisherParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly journal: Journal;
  readonly appender: Appender;
  readonly commits: CommitQueue;
  /** The topic of this name, made if that is allowed. @throws BrokerError */
  findTopic(name: string): Topic;
}

interface Waiting {
  readonly record: RecordInput;
  readonly done: PublishDone;
}

export class Publisher {
  readonly #parts: PublisherParts;
  readonly #builder = new BatchBuilder();
  readonly #outcome = new AppendOutcome();
  #waiting = new Map<Partition, Waiting[]>();
  #waitingBytes = 0;
  #isFlushScheduled = false;
  /** The partition for records without a key, by topic; moves on after each tick that used it. */
  readonly #rota = new WeakMap<Topic, number>();
  readonly #rotaUsed = new Set<Topic>();

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** The arrays in `request` are borrowed until `done`. */
  publish(request: PublishRequest, done: PublishDone): void {
    const { scheduler, clock } = this.#parts;
    try {
      const partition = this.#choose(request);
      const record: RecordInput = {
        key: request.key ?? null,
        value: request.value,
        headers: request.headers ?? [],
        timestamp: request.timestamp ?? clock.now(),
      };
      this.#add(partition, record, done);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      scheduler.endOfTick(() => done(error, null));
    }
  }

  /** The tick is over, or the journal may have room again. */
  flush(): void {
    this.#isFlushScheduled = false;
    if (this.#waiting.size === 0) return;
    for (const topic of this.#rotaUsed) this.#rota.set(topic, (this.#rota.get(topic) ?? 0) + 1);
    this.#rotaUsed.clear();
    // What a callback publishes meanwhile is left for the next tick.
    for (const [partition, waiting] of [...this.#waiting]) {
      this.#waiting.delete(partition);
      const rest = this.#append(partition, waiting);
      if (rest.length === 0) continue;
      this.#waiting.set(partition, [...rest, ...(this.#waiting.get(partition) ?? [])]);
    }
  }

  #choose(request: PublishRequest): Partition {
    const topic = this.#parts.findTopic(request.topic);
    const count = topic.partitions.length;
    let index = request.partition;
    if (index === undefined) {
      const key = request.key ?? null;
      index = key === null ? this.#nextOf(topic, count) : keyPartition(count, key);
    }
    const partition = topic.partitions[index];
    if (partition !== undefined) return partition;
    throw new BrokerError('partition_not_found', `${request.topic} has no partition ${index}`);
  }

  #nextOf(topic: Topic, count: number): number {
    this.#rotaUsed.add(topic);
    return (this.#rota.get(topic) ?? 0) % count;
  }

  #add(partition: Partition, record: RecordInput, done: PublishDone): void {
    const bytes = sizeOf(record);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > publishWaitingBytesMax) {
      throw new BrokerError('limit_exceeded', `${this.#waitingBytes} bytes wait to be published`);
    }
    this.#waitingBytes += bytes;
    const waiting = this.#waiting.get(partition);
    if (waiting === undefined) this.#waiting.set(partition, [{ record, done }]);
    else waiting.push({ record, done });
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#parts.scheduler.endOfTick(() => this.flush());
  }

  /** Appends the records in as few batches as their limits allow; returns those with no room yet. */
  #append(partition: Partition, waiting: readonly Waiting[]): readonly Waiting[] {
    const builder = this.#builder;
    let first = 0;
    while (first < waiting.length) {
      builder.begin();
      let end = first;
      for (let item = waiting[end]; item !== undefined; item = waiting[++end]) {
        if (!builder.addRecord(item.record)) break;
      }
      if (!this.#hasRoom(builder.size)) break;
      const batch = waiting.slice(first, end);
      for (const { record } of batch) this.#waitingBytes -= sizeOf(record);
      this.#appendBuilt(partition, batch);
      first = end;
    }
    return first === 0 ? waiting : waiting.slice(first);
  }

  /** False while space is being made ready; a refusal is for the append to give. */
  #hasRoom(bytes: number): boolean {
    const { journal } = this.#parts;
    if (journal.fault !== null || !journal.isOpen) return true;
    return !journal.isCongested && journal.admits(bytes) !== 'wait';
  }

  /** Appends what the builder holds: the records of `waiting`. */
  #appendBuilt(partition: Partition, waiting: readonly Waiting[]): void {
    const outcome = this.#outcome;
    const batch = this.#builder.finish();
    this.#parts.appender.append(partition, batch, 0, batch.length, null, outcome);
    const { error } = outcome;
    const mayBeOneRecord = error === 'batch_too_large' || error === 'invalid_timestamp';
    if (mayBeOneRecord && waiting.length > 1) return this.#appendSingly(partition, waiting);
    if (error !== null) {
      const failure = new BrokerError(error, outcome.detail);
      for (const { done } of waiting) done(failure, null);
      return;
    }
    const { baseOffset, logAppendTime } = outcome;
    this.#parts.commits.when(outcome.lsn, (fault) => {
      for (const [i, { record, done }] of waiting.entries()) {
        if (fault !== null) {
          done(fault, null);
          continue;
        }
        const timestamp = logAppendTime >= 0 ? logAppendTime : record.timestamp;
        const { topic, index } = partition;
        done(null, { topic: topic.name, partition: index, offset: baseOffset + i, timestamp });
      }
    });
  }

  /** One record made the batch impossible: only that one fails. */
  #appendSingly(partition: Partition, waiting: readonly Waiting[]): void {
    for (const item of waiting) {
      this.#builder.begin();
      this.#builder.addRecord(item.record);
      this.#appendBuilt(partition, [item]);
    }
  }
}

/** About what the record will take. */
function sizeOf(record: RecordInput): number {
  let bytes = 64 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers ?? []) {
    bytes += 8 + header.key.length + (header.value?.length ?? 0);
  }
  return bytes;
}
