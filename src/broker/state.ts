/**
 * The state machine above the log: everything the broker knows durably, computed from entries.
 *
 * Owns: which part an entry or a checkpoint object belongs to; the order of objects in a checkpoint.
 * Leaves: what an entry does to the part; every decision.
 *
 * `apply` is blind: it reads its entry and the objects that the entry names, each on its own; no
 * clock, no randomness, no options, no other object. Each object keeps the LSN of its last change
 * and skips entries up to it, so that a checkpoint may be written while the state changes. An entry
 * for an object that is gone is skipped; ids are never reused.
 */

import { assert } from '../kernel/assert.ts';
import type { ByteWriter } from '../kernel/byte-writer.ts';
import type { AppendView, EntryView } from '../log/entry.ts';
import type { ObjectCursor, ObjectHead, StateMachine } from '../log/machine.ts';
import { Catalog } from './catalog/catalog.ts';
import { Counters } from './catalog/counters.ts';
import type { Topic, TopicSurroundings } from './catalog/topic.ts';
import { decodePartitionList, decodeProducerIds, entryKind, objectType } from './entries.ts';
import type { StatePart } from './ports.ts';
import { Producers } from './producers.ts';

export class BrokerState implements StateMachine {
  readonly counters: Counters;
  readonly catalog: Catalog;
  readonly producers: Producers;
  readonly #queues: StatePart;
  readonly #groups: StatePart;

  constructor(surroundings: TopicSurroundings, queues: StatePart, groups: StatePart) {
    this.counters = new Counters();
    this.catalog = new Catalog(this.counters, surroundings);
    this.producers = new Producers();
    this.#queues = queues;
    this.#groups = groups;
  }

  applyEntry(entry: EntryView): void {
    const { kind } = entry;
    switch (kind) {
      case entryKind.topicDeleted:
        this.catalog.applyEntry(entry);
        this.#dropProducers(entry);
        return;
      case entryKind.topicCreated:
      case entryKind.topicOptions:
      case entryKind.partitionsAdded:
        this.catalog.applyEntry(entry);
        return;
      case entryKind.producerIds: {
        const next = decodeProducerIds(entry.bytes, entry.start, entry.end);
        this.counters.noteProducerIds(entry.lsn, next);
        return;
      }
      case entryKind.producersExpired:
        this.producers.applyEntry(entry);
        return;
      default:
        this.#partOf(kind).applyEntry(entry);
    }
  }

  // HOT
  applyAppend(append: AppendView): void {
    this.producers.applyAppend(append);
    this.#queues.applyAppend?.(append);
  }

  entriesLost(lsn: number, bytes: number): void {
    this.counters.skip(lsn, bytes);
    this.#queues.entriesLost?.(lsn, bytes);
  }

  objects(): ObjectCursor {
    return new StateCursor(this.counters, this.catalog, [
      this.producers.objects(),
      this.#queues.objects(),
      this.#groups.objects(),
    ]);
  }

  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void {
    switch (type) {
      case objectType.counters:
        this.counters.restore(lsn, bytes, start, end);
        return;
      case objectType.topic:
        this.catalog.restoreTopic(lsn, bytes, start, end);
        return;
      case objectType.producers:
        this.producers.restoreObject(bytes, start, end);
        return;
      default: {
        const isQueues = type >= objectType.queueFirst && type <= objectType.queueLast;
        const isGroups = type >= objectType.groupFirst && type <= objectType.groupLast;
        assert(isQueues || isGroups, 'the type of a checkpoint object is known');
        const part = isQueues ? this.#queues : this.#groups;
        part.restoreObject(type, lsn, bytes, start, end);
      }
    }
  }

  /** Replay is over. */
  restored(): void {
    this.catalog.restored();
    this.#queues.restored();
    this.#groups.restored();
  }

  isDead(partition: number, firstOffset: number, lastOffset: number): boolean {
    return this.#queues.isDead(partition, firstOffset, lastOffset);
  }

  #partOf(kind: number): StatePart {
    if (kind >= entryKind.groupFirst && kind <= entryKind.groupLast) return this.#groups;
    assert(
      kind >= entryKind.queueFirst && kind <= entryKind.queueLast,
      'the kind of an entry is known',
    );
    return this.#queues;
  }

  #dropProducers(entry: EntryView): void {
    const { partitionIds } = decodePartitionList(entry.bytes, entry.start, entry.end);
    for (const id of partitionIds) this.producers.dropPartition(id);
  }
}

/** Counters, topics, then the cursors of the other parts. */
class StateCursor implements ObjectCursor {
  readonly #head = { type: 0, lsn: 0 };
  readonly #counters: Counters;
  readonly #catalog: Catalog;
  readonly #topics: Iterator<Topic>;
  readonly #rest: ObjectCursor[];
  #hasCounters = false;

  constructor(counters: Counters, catalog: Catalog, rest: ObjectCursor[]) {
    this.#counters = counters;
    this.#catalog = catalog;
    this.#topics = catalog.topics()[Symbol.iterator]();
    this.#rest = rest;
  }

  next(writer: ByteWriter): ObjectHead | null {
    if (!this.#hasCounters) {
      this.#hasCounters = true;
      this.#counters.encode(writer);
      return this.#headOf(objectType.counters, this.#counters.lastLsn);
    }
    const topic = this.#topics.next();
    if (topic.done !== true) {
      this.#catalog.encodeTopic(topic.value, writer);
      return this.#headOf(objectType.topic, topic.value.lastLsn);
    }
    for (;;) {
      const cursor = this.#rest[0];
      if (cursor === undefined) return null;
      const head = cursor.next(writer);
      if (head !== null) return head;
      this.#rest.shift();
    }
  }

  #headOf(type: number, lsn: number): ObjectHead {
    this.#head.type = type;
    this.#head.lsn = lsn;
    return this.#head;
  }
}
