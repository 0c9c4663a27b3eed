/**
 * Reading topics from inside the program: an asynchronous iterator over committed messages.
 *
 * Owns: where it reads in each partition, one stretch of read messages, waiting for more, its end.
 * Leaves: reading and committing to broker/.
 *
 * Invariants: at most one read is under way; messages of a partition come in the order of their
 * offsets, each once; after the end nothing is watched.
 */

import type { Broker, Partition, StoredRecord, Topic, Watcher } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { type IncomingMessage, messageOf } from './message.ts';

/** An offset; or a place: everything there is, what comes from now on, what is not older than a time. */
export type ConsumeFrom = 'earliest' | 'latest' | number | Date;

export interface ConsumeRequest {
  readonly topic: string;
  /** Indexes of partitions; left out, all there are when the call is made. */
  readonly partitions?: readonly number[] | undefined;
  /** Where to begin, in each partition. Left out: `earliest`. */
  readonly from?: ConsumeFrom | undefined;
  /** False: end at what is committed when the call is made. Left out: wait for more. */
  readonly follow?: boolean | undefined;
}

/** What one read asks for. */
const readBytes = 256 * 1024;

interface Place {
  readonly partition: Partition;
  /** The next offset to read; -1 while its time is being looked up. */
  offset: number;
  /** Where it ends; Infinity: never. */
  readonly end: number;
  /** Nothing was delivered yet: retention may move the start. */
  mayMoveOn: boolean;
}

interface Waiter {
  resolve(result: IteratorResult<IncomingMessage, undefined>): void;
  reject(error: unknown): void;
}

const ended = { done: true, value: undefined } as const;

export class TopicCursor implements AsyncIterableIterator<IncomingMessage>, Watcher {
  readonly #broker: Broker;
  readonly #topic: Topic;
  readonly #places: Place[];
  readonly #onEnd: (cursor: TopicCursor) => void;
  /** The place whose turn it is to be read. */
  #turn = 0;
  /** Read and not delivered yet: of the partition `#recordsOf`, from `#next` on. */
  #records: readonly StoredRecord[] = [];
  #recordsOf = 0;
  #next = 0;
  #isReading = false;
  #isEnded = false;
  #failure: unknown = null;
  readonly #waiters: Waiter[] = [];

  /** @throws BrokerError topic_not_found, partition_not_found, offset_out_of_range */
  constructor(broker: Broker, request: ConsumeRequest, onEnd: (cursor: TopicCursor) => void) {
    this.#broker = broker;
    this.#onEnd = onEnd;
    const topic = broker.topic(request.topic);
    if (topic === undefined) throw new BrokerError('topic_not_found', request.topic);
    this.#topic = topic;
    const indexes = request.partitions ?? topic.partitions.map(({ index }) => index);
    this.#places = indexes.map((index) => this.#placeOf(index, request));
    for (const { partition } of this.#places) broker.watch(partition, this);
  }

  /** The next message; waits for it if it has to. */
  next(): Promise<IteratorResult<IncomingMessage, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#go();
    });
  }

  /** Ends it: waiting calls of `next` get the end. Called by leaving a `for await`. */
  return(): Promise<IteratorResult<IncomingMessage, undefined>> {
    this.end();
    return Promise.resolve(ended);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The broker closes, or has failed: `failure` goes to whoever waits. */
  end(failure: unknown = null): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#records = [];
    this.#next = 0;
    for (const { partition } of this.#places) this.#broker.unwatch(partition, this);
    this.#onEnd(this);
    this.#go();
  }

  /** For the broker: one of the partitions has changed. */
  onProgress(): void {
    this.#go();
  }

  #placeOf(index: number, { from = 'earliest', follow = true }: ConsumeRequest): Place {
    const partition = this.#topic.partitions[index];
    if (partition === undefined) {
      throw new BrokerError('partition_not_found', `${this.#topic.name} has no partition ${index}`);
    }
    const { logStart, highWatermark } = partition;
    const end = follow ? Number.POSITIVE_INFINITY : highWatermark;
    const place = { partition, offset: -1, end, mayMoveOn: typeof from !== 'number' };
    if (from === 'earliest') place.offset = logStart;
    else if (from === 'latest') place.offset = highWatermark;
    else if (typeof from === 'number') place.offset = checkedOffset(partition, from);
    else this.#lookUp(place, from);
    return place;
  }

  #lookUp(place: Place, time: Date): void {
    const { highWatermark } = place.partition;
    this.#broker.offsetForTimestamp(place.partition, time.getTime(), (error, { offset }) => {
      if (error !== null) return this.end(new BrokerError(error, this.#nameOf(place.partition)));
      place.offset = offset === -1 ? highWatermark : offset;
      this.#go();
    });
  }

  /** Serves waiting calls as far as it can, and reads when somebody still waits. */
  #go(): void {
    while (this.#waiters.length > 0) {
      const record = this.#records[this.#next];
      if (record !== undefined) {
        this.#next++;
        const value = messageOf(this.#topic.name, this.#recordsOf, record);
        this.#waiters.shift()?.resolve({ done: false, value });
      } else if (this.#isEnded) {
        this.#serveEnd();
      } else if (!this.#maybeRead()) {
        return;
      }
    }
  }

  /** A failure is told once, then it is the end. */
  #serveEnd(): void {
    const waiter = this.#waiters.shift();
    const failure = this.#failure;
    this.#failure = null;
    if (failure === null) waiter?.resolve(ended);
    else waiter?.reject(failure);
  }

  /** True when there is something new to serve: messages, or the end. */
  #maybeRead(): boolean {
    if (this.#isReading) return false;
    if (this.#places.every(({ offset, end }) => offset >= end)) {
      this.end();
      return true;
    }
    for (let i = 0; i < this.#places.length; i++) {
      const place = this.#places[(this.#turn + i) % this.#places.length];
      if (place === undefined || !this.#hasNews(place)) continue;
      this.#turn = (this.#turn + i + 1) % this.#places.length;
      this.#read(place);
      // The broker may have answered within the call.
      return !this.#isReading;
    }
    return this.#isEnded;
  }

  #hasNews({ partition, offset, end }: Place): boolean {
    if (offset < 0 || offset >= end) return false;
    return partition.isDeleted || offset < partition.logStart || offset < partition.highWatermark;
  }

  #read(place: Place): void {
    const { partition } = place;
    if (place.mayMoveOn) place.offset = Math.max(place.offset, partition.logStart);
    this.#isReading = true;
    this.#broker.readRecords(partition, place.offset, readBytes, (error, read) => {
      this.#isReading = false;
      if (this.#isEnded) return;
      if (error === 'offset_out_of_range' && place.mayMoveOn) return this.#go();
      if (error !== null) return this.end(new BrokerError(error, this.#nameOf(partition)));
      const { records, nextOffset } = read;
      const isCut = nextOffset > place.end;
      this.#records = isCut ? records.filter(({ offset }) => offset < place.end) : records;
      this.#recordsOf = partition.index;
      this.#next = 0;
      place.offset = nextOffset;
      if (records.length > 0) place.mayMoveOn = false;
      this.#go();
    });
  }

  #nameOf({ index }: Partition): string {
    return `${this.#topic.name}, partition ${index}`;
  }
}

function checkedOffset({ topic, index, logStart, highWatermark }: Partition, from: number): number {
  if (Number.isInteger(from) && from >= logStart && from <= highWatermark) return from;
  throw new BrokerError(
    'offset_out_of_range',
    `${topic.name}, partition ${index} has ${logStart} to ${highWatermark}, not ${from}`,
  );
}
