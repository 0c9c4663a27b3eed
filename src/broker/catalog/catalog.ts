/**
 * The catalog: which topics and partitions there are. A part of the state machine.
 *
 * Owns: topics by id, name and uuid; partitions by id; the catalog's entries and checkpoint objects.
 * Leaves: what may be created, and under which id, to topic-admin.ts; offsets to log/.
 *
 * While the journal is replayed two topics may bear one name: one whose deletion is still to come.
 * Names are therefore looked up only after `restored`.
 *
 * Checkpoint object of a topic (type 17): the body of topic-created, as it would be now.
 */

import { assert } from '../../kernel/assert.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import type { EntryView } from '../../log/entry.ts';
import { BodyWriter } from '../body.ts';
import {
  decodePartitionList,
  decodeTopicCreated,
  decodeTopicOptions,
  encodeTopicCreated,
  entryKind,
  type TopicCreated,
} from '../entries.ts';
import type { Counters } from './counters.ts';
import { type Partition, Topic, type TopicSurroundings } from './topic.ts';
import { collisionKey } from './topic-name.ts';

export class Catalog {
  /** Of the last topic created or deleted in this life: what "not found" waits for. */
  lastLsn = 0;
  readonly #topics = new Map<number, Topic>();
  readonly #partitions = new Map<number, Partition>();
  readonly #byName = new Map<string, Topic>();
  readonly #byUuid = new Map<string, Topic>();
  /** Names by what they may not collide with. */
  readonly #byCollisionKey = new Map<string, Topic>();
  #isReplaying = true;
  readonly #counters: Counters;
  readonly #surroundings: TopicSurroundings;

  constructor(counters: Counters, surroundings: TopicSurroundings) {
    this.#counters = counters;
    this.#surroundings = surroundings;
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  get partitionCount(): number {
    return this.#partitions.size;
  }

  /** In the order of their creation. */
  topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  topic(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  topicById(id: number): Topic | undefined {
    return this.#topics.get(id);
  }

  topicByUuid(uuidText: string): Topic | undefined {
    return this.#byUuid.get(uuidText);
  }

  /** A topic whose name is this one or cannot live beside it. */
  topicColliding(name: string): Topic | undefined {
    return this.#byCollisionKey.get(collisionKey(name));
  }

  partition(id: number): Partition | undefined {
    return this.#partitions.get(id);
  }

  applyEntry(entry: EntryView): void {
    const { bytes, start, end, lsn } = entry;
    switch (entry.kind) {
      case entryKind.topicCreated:
        return this.#applyCreated(lsn, decodeTopicCreated(bytes, start, end));
      case entryKind.topicDeleted:
        return this.#applyDeleted(lsn, decodePartitionList(bytes, start, end).topicId);
      case entryKind.topicOptions: {
        const { topicId, overrides } = decodeTopicOptions(bytes, start, end);
        const topic = this.#changing(lsn, topicId);
        topic?.setOverrides(overrides);
        return;
      }
      case entryKind.partitionsAdded: {
        const { topicId, partitionIds } = decodePartitionList(bytes, start, end);
        for (const id of partitionIds) this.#counters.notePartition(lsn, id);
        const topic = this.#changing(lsn, topicId);
        if (topic !== undefined) for (const id of partitionIds) this.#addPartition(topic, id);
        return;
      }
      default:
        assert(false, 'an entry of the catalog');
    }
  }

  encodeTopic(topic: Topic, writer: ByteWriter): void {
    encodeTopicCreated(new BodyWriter(writer), {
      topicId: topic.id,
      uuid: topic.uuid,
      isInternal: topic.isInternal,
      name: topic.name,
      partitionIds: topic.partitions.map((partition) => partition.id),
      overrides: topic.overrides,
    });
  }

  restoreTopic(lsn: number, bytes: Uint8Array, start: number, end: number): void {
    const created = decodeTopicCreated(bytes, start, end);
    // Written twice, it is the later state: it replaces the earlier one.
    const earlier = this.#topics.get(created.topicId);
    if (earlier !== undefined) this.#remove(earlier);
    this.#add(lsn, created);
  }

  /** Replay is over: names are unique again. */
  restored(): void {
    assert(this.#isReplaying, 'replay ends once');
    this.#isReplaying = false;
    for (const topic of this.#topics.values()) this.#addNames(topic);
  }

  #applyCreated(lsn: number, created: TopicCreated): void {
    this.#counters.noteTopic(lsn, created.topicId);
    for (const id of created.partitionIds) this.#counters.notePartition(lsn, id);
    this.lastLsn = lsn;
    if (this.#topics.has(created.topicId)) return;
    this.#add(lsn, created);
  }

  #applyDeleted(lsn: number, topicId: number): void {
    this.lastLsn = lsn;
    const topic = this.#topics.get(topicId);
    if (topic === undefined) return;
    assert(lsn > topic.lastLsn, 'nothing changes a topic that is gone');
    this.#remove(topic);
  }

  /** The topic that the entry at `lsn` changes; undefined when it is gone or includes the change. */
  #changing(lsn: number, topicId: number): Topic | undefined {
    const topic = this.#topics.get(topicId);
    if (topic === undefined || lsn <= topic.lastLsn) return undefined;
    topic.lastLsn = lsn;
    return topic;
  }

  #add(lsn: number, created: TopicCreated): void {
    const { topicId: id, uuid, name, isInternal } = created;
    const topic = new Topic({ id, uuid, name, isInternal }, lsn, this.#surroundings);
    topic.setOverrides(created.overrides);
    this.#topics.set(id, topic);
    for (const partitionId of created.partitionIds) this.#addPartition(topic, partitionId);
    if (!this.#isReplaying) this.#addNames(topic);
  }

  #addPartition(topic: Topic, id: number): void {
    assert(!this.#partitions.has(id), 'a partition has one topic');
    this.#partitions.set(id, topic.addPartition(id));
  }

  #addNames(topic: Topic): void {
    assert(!this.#byName.has(topic.name), 'a name has one topic');
    this.#byName.set(topic.name, topic);
    this.#byUuid.set(topic.uuidText, topic);
    this.#byCollisionKey.set(collisionKey(topic.name), topic);
  }

  #remove(topic: Topic): void {
    topic.isDeleted = true;
    this.#topics.delete(topic.id);
    for (const partition of topic.partitions) {
      partition.isDeleted = true;
      this.#partitions.delete(partition.id);
    }
    if (this.#isReplaying) return;
    this.#byName.delete(topic.name);
    this.#byUuid.delete(topic.uuidText);
    this.#byCollisionKey.delete(collisionKey(topic.name));
  }
}
