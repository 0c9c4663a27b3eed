/**
 * The checkpoint objects of queues: types 32 to 47.
 *
 * Owns: layouts, cutting large state into objects of at most 64 KiB, the cursor over all of them.
 * Leaves: putting restored parts together to queues.ts.
 *
 * Little-endian, text and options as in queue-entries.ts.
 *
 *   32 queue-ids        uint32 next queue id
 *   33 queue            uint32 queue | uint32 topic | text name | options
 *   34 queue-partition  uint32 queue | uint32 partition | uint32 index | int64 floor | int64 lease mark
 *   35 queue-settled    uint32 queue | uint32 partition | rows up to the end of the object:
 *                       int64 first chunk, uint32 chunks; 0 chunks: 256 bytes of bitmap follow
 *                       (bit i of word i / 32, words little-endian), else so many chunks are full
 *   36 queue-attempts   uint32 queue | uint32 partition | runs up to the end of the object:
 *                       int64 first offset, uint16 length, uint16 attempts
 *
 * A queue comes before its partitions; of a partition the settled rows come first, then attempts, the
 * floor last: what has left the rows since the walk began lies below the floor by then. So the parts
 * may be of different LSNs: see queue-partition.ts for why replay makes them one again. The cursor
 * remembers offsets, not places in arrays, so that state may change between two objects.
 */

import { assert } from '../../kernel/assert.ts';
import { bitmapWords, createBitmap } from '../../kernel/bitmap.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import type { ObjectCursor, ObjectHead } from '../../log/machine.ts';
import { type BodyReader, BodyWriter } from '../body.ts';
import { chunkOffsets } from './offset-set.ts';
import type { Queue } from './queue.ts';
import { decodeOptions, encodeOptions, runLengthMax } from './queue-entries.ts';
import type { QueuePartition } from './queue-partition.ts';

export const queueObjectType = {
  ids: 32,
  queue: 33,
  partition: 34,
  settled: 35,
  attempts: 36,
} as const;

/** Rows or runs are added until an object has this many bytes. */
const objectBytesTarget = 48 * 1024;

/** What the cursor walks over: a live iterator, so that queues may come and go. */
export interface QueueObjectSource {
  readonly nextQueueId: number;
  readonly idsLsn: number;
  readonly queues: IterableIterator<Queue>;
}

/** Writes one object a call. */
export class QueueObjectCursor implements ObjectCursor {
  private readonly head = { type: 0, lsn: 0 };
  private readonly source: QueueObjectSource;
  private isStarted = false;
  private queue: Queue | null = null;
  /** -1: the queue itself comes first. */
  private partitionIndex = -1;
  private stage: 'settled' | 'attempts' | 'head' = 'settled';
  /** Where the next object of this stage goes on: a chunk, or an offset. */
  private resume = 0;

  constructor(source: QueueObjectSource) {
    this.source = source;
  }

  next(output: ByteWriter): ObjectHead | null {
    const writer = new BodyWriter(output);
    if (!this.isStarted) {
      this.isStarted = true;
      writer.uint32(this.source.nextQueueId);
      this.wrote(queueObjectType.ids, this.source.idsLsn);
      return this.head;
    }
    for (;;) {
      if (this.queue === null || this.queue.isDeleted) {
        const next = this.source.queues.next();
        if (next.done === true) return null;
        this.queue = next.value;
        this.partitionIndex = -1;
      }
      if (this.writeNext(writer, this.queue)) return this.head;
    }
  }

  /** Writes one object of `queue`; false when it has no more, or none at this place. */
  private writeNext(writer: BodyWriter, queue: Queue): boolean {
    if (this.partitionIndex === -1) {
      this.partitionIndex = 0;
      writer.uint32(queue.id).uint32(queue.topicId).text(queue.name);
      encodeOptions(writer, queue.options);
      return this.wrote(queueObjectType.queue, queue.lastLsn);
    }
    const partition = queue.partitions[this.partitionIndex];
    if (partition !== undefined) return this.writePartition(writer, queue, partition);
    this.queue = null;
    return false;
  }

  private wrote(type: number, lsn: number): true {
    this.head.type = type;
    this.head.lsn = lsn;
    return true;
  }

  /** Writes one object of `partition`: the floor as the last. */
  private writePartition(writer: BodyWriter, queue: Queue, partition: QueuePartition): true {
    if (this.stage === 'settled') {
      if (this.writeSettled(writer, queue, partition)) {
        return this.wrote(queueObjectType.settled, partition.lastLsn);
      }
      this.stage = 'attempts';
      this.resume = 0;
    }
    if (this.stage === 'attempts') {
      if (this.writeAttempts(writer, queue, partition)) {
        return this.wrote(queueObjectType.attempts, partition.lastLsn);
      }
      this.stage = 'head';
    }
    writer.uint32(queue.id).uint32(partition.partitionId).uint32(partition.index);
    writer.int64(partition.floor).int64(partition.leaseMark);
    this.partitionIndex++;
    this.stage = 'settled';
    this.resume = 0;
    return this.wrote(queueObjectType.partition, partition.lastLsn);
  }

  private writeSettled(writer: BodyWriter, queue: Queue, partition: QueuePartition): boolean {
    const { above } = partition;
    let row = above.rowFrom(this.resume);
    if (row === undefined) return false;
    writer.uint32(queue.id).uint32(partition.partitionId);
    const end = writer.length + objectBytesTarget;
    while (row !== undefined && writer.length < end) {
      // A run may have grown downwards over what was written before: only the rest is new.
      const first = Math.max(row.chunk, this.resume);
      const rowEnd = row.chunk + row.chunks;
      writer.int64(first);
      if (row.words === null) {
        writer.uint32(rowEnd - first);
      } else {
        writer.uint32(0);
        for (let word = 0; word < bitmapWords; word++) writer.uint32(row.words[word] ?? 0);
      }
      this.resume = rowEnd;
      row = above.rowFrom(rowEnd);
    }
    return true;
  }

  private writeAttempts(writer: BodyWriter, queue: Queue, partition: QueuePartition): boolean {
    const { attempts } = partition;
    let first = attempts.next(this.resume);
    if (first === -1) return false;
    writer.uint32(queue.id).uint32(partition.partitionId);
    const objectEnd = writer.length + objectBytesTarget;
    while (first !== -1 && writer.length < objectEnd) {
      const count = attempts.get(first);
      let end = first + 1;
      while (attempts.get(end) === count && end - first < runLengthMax) end++;
      writer
        .int64(first)
        .uint16(end - first)
        .uint16(count);
      this.resume = end;
      // Neighbours nearly always have counts too: no search through the chunks for them.
      first = attempts.get(end) > 0 ? end : attempts.next(end);
    }
    return true;
  }
}

export interface QueueHead {
  readonly queueId: number;
  readonly topicId: number;
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

export function decodeQueue(reader: BodyReader): QueueHead {
  const queueId = reader.uint32();
  const topicId = reader.uint32();
  const name = reader.text();
  return { queueId, topicId, name, options: decodeOptions(reader) };
}

/** Adds the rows of a queue-settled object. `reader` stands behind the ids. */
export function restoreSettled(reader: BodyReader, partition: QueuePartition): void {
  while (reader.bytesLeft > 0) {
    const chunk = reader.int64();
    const chunks = reader.uint32();
    if (chunks > 0) {
      partition.above.addRange(chunk * chunkOffsets, (chunk + chunks) * chunkOffsets);
      continue;
    }
    const words = createBitmap();
    for (let word = 0; word < bitmapWords; word++) words[word] = reader.uint32();
    partition.above.addBitmap(chunk, words);
  }
}

/** Adds the runs of a queue-attempts object. `reader` stands behind the ids. */
export function restoreAttempts(reader: BodyReader, partition: QueuePartition): void {
  while (reader.bytesLeft > 0) {
    const first = reader.int64();
    const length = reader.uint16();
    const attempts = reader.uint16();
    assert(length > 0, 'a run of attempts is not empty');
    partition.attempts.raise(first, length, attempts);
  }
}
