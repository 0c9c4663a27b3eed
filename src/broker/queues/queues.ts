/**
 * All queue subscriptions: the part of the broker's state machine that belongs to queues. Durable,
 * blind.
 *
 * Owns: applying the entries 21 to 29, the checkpoint objects 32 to 47, finding queues.
 * Leaves: every decision to queue-service.ts, which appends the entries applied here.
 *
 * An entry for a queue or partition that is gone is skipped; ids are never reused. Definitions and
 * lease marks skip entries up to the LSN of the object they were restored from; settling and
 * attempts need not (queue-partition.ts).
 */

import { assert } from '../../kernel/assert.ts';
import type { EntryView } from '../../log/entry.ts';
import { BodyReader } from '../body.ts';
import type { StatePart } from '../ports.ts';
import { Queue } from './queue.ts';
import {
  decodeQueueCreated,
  decodeQueueWidened,
  type QueuePosition,
  queueEntryKind,
  rangeFirst,
  rangeLength,
  readLeaseMark,
  readPartitionId,
  readQueueId,
  readRangeCount,
  readRunCount,
  runAttempts,
  runFirst,
  runLength,
} from './queue-entries.ts';
import {
  decodeQueue,
  QueueObjectCursor,
  queueObjectType,
  restoreAttempts,
  restoreSettled,
} from './queue-objects.ts';
import { QueuePartition } from './queue-partition.ts';

/** Asked for each partition: is what every queue has settled of no further use? */
export type RetentionTest = (topicId: number) => boolean;

/** The smallest entry that gives a queue's id. */
const createdEntryBytesMin = 16;

export class Queues implements StatePart {
  /** Ids below it may have been used. */
  nextQueueId = 1;
  /** The last creation or deletion: "no such queue" answers wait for it. */
  lastLsn = 0;
  private readonly queues = new Map<number, Queue>();
  /** By topic id, then by name. */
  private readonly names = new Map<number, Map<string, Queue>>();
  /** By partition id: the queues that read it. */
  private readonly readers = new Map<number, QueuePartition[]>();
  private readonly readerTopics = new Map<number, number>();
  private isUntilSettled: RetentionTest = () => false;

  /** How many there are. */
  get size(): number {
    return this.queues.size;
  }

  all(): IterableIterator<Queue> {
    return this.queues.values();
  }

  byId(queueId: number): Queue | undefined {
    return this.queues.get(queueId);
  }

  find(topicId: number, name: string): Queue | undefined {
    return this.names.get(topicId)?.get(name);
  }

  /** The queues of a topic, in the order of their creation. */
  ofTopic(topicId: number): Queue[] {
    return [...(this.names.get(topicId)?.values() ?? [])];
  }

  /** What each queue that reads a partition knows of it. */
  readersOf(partitionId: number): readonly QueuePartition[] {
    return this.readers.get(partitionId) ?? noReaders;
  }

  /** `isUntilSettled` says whether a topic keeps its records until they are settled. */
  useRetention(isUntilSettled: RetentionTest): void {
    this.isUntilSettled = isUntilSettled;
  }

  /** Whether the topic of a partition that queues read keeps its records until they are settled. */
  freesSettled(partitionId: number): boolean {
    const topicId = this.readerTopics.get(partitionId);
    return topicId !== undefined && this.isUntilSettled(topicId);
  }

  /**
   * Whether nobody will ever want [first, last] again: settled in every queue, at least one, of a
   * topic kept until settled. Sure once everything appended so far is committed.
   */
  isDead(partitionId: number, firstOffset: number, lastOffset: number): boolean {
    if (!this.freesSettled(partitionId)) return false;
    const readers = this.readersOf(partitionId);
    for (const reader of readers) {
      if (!reader.isRangeSettled(firstOffset, lastOffset + 1)) return false;
    }
    return readers.length > 0;
  }

  applyEntry(entry: EntryView): void {
    switch (entry.kind) {
      case queueEntryKind.settled:
        return this.applySettled(entry);
      case queueEntryKind.returned:
        return this.applyReturned(entry);
      case queueEntryKind.leaseMark:
        return this.applyLeaseMark(entry);
      case queueEntryKind.created:
        return this.applyCreated(entry);
      case queueEntryKind.deleted:
        return this.applyDeleted(entry);
      case queueEntryKind.widened:
        return this.applyWidened(entry);
      default:
        assert(false, 'an entry of queues is of a known kind');
    }
  }

  /** As many queue ids are passed over as the lost entries can have given. */
  entriesLost(lsn: number, bytes: number): void {
    if (lsn <= this.lastLsn) return;
    this.nextQueueId += Math.ceil(bytes / createdEntryBytesMin);
    this.lastLsn = lsn;
  }

  /** See QueueObjectCursor; the objects' bodies go behind what the writer holds. */
  objects(): QueueObjectCursor {
    return new QueueObjectCursor({
      nextQueueId: this.nextQueueId,
      idsLsn: this.lastLsn,
      queues: this.queues.values(),
    });
  }

  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void {
    const reader = new BodyReader(bytes, start, end);
    if (type === queueObjectType.ids) {
      this.nextQueueId = Math.max(this.nextQueueId, reader.uint32());
      this.lastLsn = Math.max(this.lastLsn, lsn);
      return;
    }
    if (type === queueObjectType.queue) {
      const head = decodeQueue(reader);
      this.add(new Queue(head.queueId, head.topicId, head.name, head.options, lsn));
      return;
    }
    const queue = this.queues.get(reader.uint32());
    const partitionId = reader.uint32();
    assert(queue !== undefined, 'a queue is restored before its partitions');
    const partition = this.addPartition(queue, partitionId, 0, lsn);
    partition.lastLsn = Math.max(partition.lastLsn, lsn);
    if (type === queueObjectType.settled) restoreSettled(reader, partition);
    else if (type === queueObjectType.attempts) restoreAttempts(reader, partition);
    else if (type === queueObjectType.partition) {
      assert(partition.index === reader.uint32(), 'partitions are restored in their order');
      partition.floor = reader.int64();
      partition.leaseMark = reader.int64();
      partition.leaseMarkLsn = lsn;
    } else assert(false, 'a checkpoint object of queues is of a known type');
  }

  /**
   * Replay is over. Names are built anew: while entries older than an object were replayed, a queue
   * long gone may have taken the name of its successor for a while.
   */
  restored(): void {
    this.names.clear();
    for (const queue of this.queues.values()) {
      this.addName(queue);
      for (const partition of queue.partitions) partition.normalize();
    }
  }

  // HOT: once per tick and partition with settlements.
  private applySettled(entry: EntryView): void {
    const partition = this.target(entry);
    if (partition === undefined) return;
    const count = readRangeCount(entry);
    for (let i = 0; i < count; i++) {
      const first = rangeFirst(entry, i);
      partition.settle(first, first + rangeLength(entry, i));
    }
    partition.lastLsn = Math.max(partition.lastLsn, entry.lsn);
  }

  private applyReturned(entry: EntryView): void {
    const partition = this.target(entry);
    if (partition === undefined) return;
    const count = readRunCount(entry);
    for (let i = 0; i < count; i++) {
      partition.returnRun(runFirst(entry, i), runLength(entry, i), runAttempts(entry, i));
    }
    partition.lastLsn = Math.max(partition.lastLsn, entry.lsn);
  }

  private applyLeaseMark(entry: EntryView): void {
    const partition = this.target(entry);
    if (partition === undefined || entry.lsn <= partition.leaseMarkLsn) return;
    partition.leaseMark = readLeaseMark(entry);
    partition.leaseMarkLsn = entry.lsn;
    partition.lastLsn = Math.max(partition.lastLsn, entry.lsn);
  }

  private applyCreated(entry: EntryView): void {
    const created = decodeQueueCreated(entry.bytes, entry.start, entry.end);
    // A restored id counter may lie past a queue that was deleted before the checkpoint's end.
    this.nextQueueId = Math.max(this.nextQueueId, created.queueId + 1);
    this.lastLsn = Math.max(this.lastLsn, entry.lsn);
    let queue = this.queues.get(created.queueId);
    if (queue === undefined) {
      queue = new Queue(created.queueId, created.topicId, created.name, created.options, entry.lsn);
      this.add(queue);
    }
    this.addPositions(queue, created.positions, entry.lsn);
  }

  private applyWidened(entry: EntryView): void {
    const widened = decodeQueueWidened(entry.bytes, entry.start, entry.end);
    const queue = this.queues.get(widened.queueId);
    if (queue === undefined) return;
    this.addPositions(queue, widened.positions, entry.lsn);
    queue.lastLsn = Math.max(queue.lastLsn, entry.lsn);
  }

  private applyDeleted(entry: EntryView): void {
    this.lastLsn = Math.max(this.lastLsn, entry.lsn);
    const queue = this.queues.get(readQueueId(entry));
    if (queue === undefined) return;
    queue.isDeleted = true;
    queue.lastLsn = Math.max(queue.lastLsn, entry.lsn);
    this.queues.delete(queue.id);
    const names = this.names.get(queue.topicId);
    // At replay a younger queue may already carry the name.
    if (names?.get(queue.name) === queue) names.delete(queue.name);
    if (names?.size === 0) this.names.delete(queue.topicId);
    for (const partition of queue.partitions) this.removeReader(partition);
  }

  private target(entry: EntryView): QueuePartition | undefined {
    return this.queues.get(readQueueId(entry))?.partitionOf(readPartitionId(entry));
  }

  private add(queue: Queue): void {
    if (this.queues.has(queue.id)) return;
    this.queues.set(queue.id, queue);
    this.addName(queue);
  }

  private addName(queue: Queue): void {
    let names = this.names.get(queue.topicId);
    if (names === undefined) {
      names = new Map();
      this.names.set(queue.topicId, names);
    }
    names.set(queue.name, queue);
  }

  private addPositions(queue: Queue, positions: readonly QueuePosition[], lsn: number): void {
    for (const { partitionId, firstOffset } of positions) {
      this.addPartition(queue, partitionId, firstOffset, lsn);
    }
  }

  /** The one there is already, or a new one at the end. */
  private addPartition(
    queue: Queue,
    partitionId: number,
    firstOffset: number,
    lsn: number,
  ): QueuePartition {
    const present = queue.partitionOf(partitionId);
    if (present !== undefined) return present;
    const partition = new QueuePartition(partitionId, queue.partitions.length, firstOffset, lsn);
    queue.partitions.push(partition);
    this.readerTopics.set(partitionId, queue.topicId);
    const readers = this.readers.get(partitionId);
    if (readers === undefined) this.readers.set(partitionId, [partition]);
    else readers.push(partition);
    return partition;
  }

  private removeReader(partition: QueuePartition): void {
    const readers = this.readers.get(partition.partitionId) ?? [];
    const rest = readers.filter((reader) => reader !== partition);
    if (rest.length > 0) {
      this.readers.set(partition.partitionId, rest);
      return;
    }
    this.readers.delete(partition.partitionId);
    this.readerTopics.delete(partition.partitionId);
  }
}

const noReaders: readonly QueuePartition[] = [];
