/**
 * The journal entries of the broker: kinds 16 and up, their bodies, and what each of them changes.
 *
 * Owns: the numbers, the layouts, encode and decode of the catalog's and the producers' entries.
 * Leaves: kinds below 16 to log/, kinds 21 to 29 to queues/, kinds 40 to 49 to groups/.
 *
 * All integers are little-endian; text is {uint16 length in bytes, UTF-8}. A list of options is
 * {uint16 count, count × {text name, text value}}; a list of partitions is {uint32 count, count ×
 * uint32 id}. Ids are never reused. An entry says what happened, not what was asked.
 *
 *   16 topic-created       uint32 topic | 16 bytes uuid | uint8 flags (1 = internal) | text name
 *                          | partitions | options
 *   17 topic-deleted       uint32 topic | partitions (those it had; each also has its own
 *                          partition-deleted entry, kind 3, right behind)
 *   18 topic-options       uint32 topic | options (all overrides there are from now on)
 *   19 partitions-added    uint32 topic | partitions (appended to those there are)
 *   20 producer-ids        uint64 next (ids below it may have been handed out)
 *   30 producers-expired   uint32 partition | uint32 count | count × uint64 producer id
 */

import { BodyReader, type BodyWriter } from './body.ts';

export const entryKind = {
  topicCreated: 16,
  topicDeleted: 17,
  topicOptions: 18,
  partitionsAdded: 19,
  producerIds: 20,
  queueFirst: 21,
  queueLast: 29,
  producersExpired: 30,
  groupFirst: 40,
  groupLast: 49,
} as const;

/** Types of checkpoint objects: below 16 is log/. */
export const objectType = {
  counters: 16,
  topic: 17,
  producers: 18,
  queueFirst: 32,
  queueLast: 47,
  groupFirst: 48,
  groupLast: 63,
} as const;

/** One row of the table in `docs/internals/journal.md`, which is generated from these. */
export interface EntryDocumentation {
  readonly kind: number;
  readonly name: string;
  readonly body: string;
  /** The objects that `apply` changes. */
  readonly changes: string;
  /** The checkpoint object that includes the change. */
  readonly object: string;
  /** Which answers wait until the entry is committed. */
  readonly awaitedBy: string;
}

export const entryTable: readonly EntryDocumentation[] = [
  {
    kind: entryKind.topicCreated,
    name: 'topic-created',
    body: 'uint32 topic, 16 bytes uuid, uint8 flags (1 = internal), text name, partitions, options',
    changes: 'topic; counters (next topic id, next partition id)',
    object: 'topic (17), counters (16)',
    awaitedBy: 'the creation; every answer that names the topic; "not found" answers (catalog)',
  },
  {
    kind: entryKind.topicDeleted,
    name: 'topic-deleted',
    body: 'uint32 topic, partitions',
    changes: 'topic (gone); producers of each partition named (gone)',
    object: 'topic (17), producers (18): no longer written',
    awaitedBy: 'the deletion; "not found" answers (catalog)',
  },
  {
    kind: entryKind.topicOptions,
    name: 'topic-options',
    body: 'uint32 topic, options',
    changes: 'topic',
    object: 'topic (17)',
    awaitedBy: 'the change; every answer that shows the options',
  },
  {
    kind: entryKind.partitionsAdded,
    name: 'partitions-added',
    body: 'uint32 topic, partitions',
    changes: 'topic; counters (next partition id)',
    object: 'topic (17), counters (16)',
    awaitedBy: 'the change; every answer that names the topic',
  },
  {
    kind: entryKind.producerIds,
    name: 'producer-ids',
    body: 'uint64 next',
    changes: 'counters (next producer id)',
    object: 'counters (16)',
    awaitedBy: 'the answer with an id of the block',
  },
  {
    kind: 21,
    name: 'queue-created',
    body: 'uint32 queue, uint32 topic, text name, options, positions',
    changes: 'queue, with its partitions; queue ids',
    object: 'queues (32 to 47)',
    awaitedBy: 'the declaration; every answer that names the queue',
  },
  {
    kind: 22,
    name: 'queue-deleted',
    body: 'uint32 queue',
    changes: 'queue (gone), with its partitions',
    object: 'queues (32 to 47): no longer written',
    awaitedBy: 'the deletion; "not found" answers (queues)',
  },
  {
    kind: 23,
    name: 'settled',
    body: 'uint32 queue, uint32 partition, uint8 reason, 3 reserved, uint32 count, count × {int64 first offset, uint32 length}',
    changes: 'partition of the queue',
    object: 'queues (32 to 47)',
    awaitedBy: 'confirmed settlements, if the protocol has them',
  },
  {
    kind: 24,
    name: 'returned',
    body: 'uint32 queue, uint32 partition, uint32 count, count × {int64 first offset, uint16 length, uint16 attempts}',
    changes: 'partition of the queue',
    object: 'queues (32 to 47)',
    awaitedBy: 'confirmed returns, if the protocol has them',
  },
  {
    kind: 25,
    name: 'lease-mark',
    body: 'uint32 queue, uint32 partition, int64 mark',
    changes: 'partition of the queue',
    object: 'queues (32 to 47)',
    awaitedBy: 'deliveries from the mark on',
  },
  {
    kind: 26,
    name: 'queue-widened',
    body: 'uint32 queue, positions',
    changes: 'queue, with its new partitions',
    object: 'queues (32 to 47)',
    awaitedBy: 'the growth of the topic',
  },
  {
    kind: entryKind.producersExpired,
    name: 'producers-expired',
    body: 'uint32 partition, uint32 count, count × uint64 producer id',
    changes: 'each producer named (gone from the partition)',
    object: 'producers (18): no longer written',
    awaitedBy: 'nothing',
  },
  {
    kind: 40,
    name: 'group-created',
    body: 'uint32 group, text name',
    changes: 'group; group ids',
    object: 'groups (48 to 63)',
    awaitedBy: 'every answer that names the group',
  },
  {
    kind: 41,
    name: 'group-deleted',
    body: 'uint32 group',
    changes: 'group (gone), with its generation and offsets',
    object: 'groups (48 to 63): no longer written',
    awaitedBy: 'the deletion; "not found" answers (groups)',
  },
  {
    kind: 42,
    name: 'generation-completed',
    body: 'uint32 group, int32 number, int64 time, text protocol type, text protocol, text leader, uint32 count, count × member',
    changes: 'generation of the group (replaced)',
    object: 'groups (48 to 63)',
    awaitedBy: 'the shares of the members; the last leave; every answer that names the group',
  },
  {
    kind: 43,
    name: 'offsets-committed',
    body: 'uint32 group, int64 time, uint32 count, count × {uint32 partition, int64 offset, int32 leader epoch, text metadata}',
    changes: 'each offset named',
    object: 'groups (48 to 63)',
    awaitedBy: 'the commit; every answer that shows offsets of the group',
  },
  {
    kind: 44,
    name: 'offsets-removed',
    body: 'uint32 group, uint32 count, count × uint32 partition',
    changes: 'each offset named (gone)',
    object: 'groups (48 to 63): no longer written',
    awaitedBy: 'the deletion of offsets or of their topic',
  },
];

export interface TopicCreated {
  readonly topicId: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  readonly isInternal: boolean;
  readonly name: string;
  readonly partitionIds: readonly number[];
  readonly overrides: ReadonlyMap<string, string>;
}

export interface PartitionList {
  readonly topicId: number;
  readonly partitionIds: readonly number[];
}

export interface TopicOverrides {
  readonly topicId: number;
  readonly overrides: ReadonlyMap<string, string>;
}

export interface ProducersExpired {
  readonly partitionId: number;
  readonly producerIds: readonly number[];
}

const internalFlag = 1;

/** Also the body of the checkpoint object of a topic. */
export function encodeTopicCreated(writer: BodyWriter, topic: TopicCreated): void {
  writer
    .uint32(topic.topicId)
    .raw(topic.uuid)
    .uint8(topic.isInternal ? internalFlag : 0)
    .text(topic.name);
  encodePartitions(writer, topic.partitionIds);
  encodeOverrides(writer, topic.overrides);
}

export function decodeTopicCreated(bytes: Uint8Array, start: number, end: number): TopicCreated {
  const reader = new BodyReader(bytes, start, end);
  const topicId = reader.uint32();
  const uuid = reader.raw(16);
  const isInternal = (reader.uint8() & internalFlag) !== 0;
  const name = reader.text();
  const partitionIds = decodePartitions(reader);
  return { topicId, uuid, isInternal, name, partitionIds, overrides: decodeOverrides(reader) };
}

/** The body of topic-deleted and of partitions-added. */
export function encodePartitionList(writer: BodyWriter, list: PartitionList): void {
  writer.uint32(list.topicId);
  encodePartitions(writer, list.partitionIds);
}

export function decodePartitionList(bytes: Uint8Array, start: number, end: number): PartitionList {
  const reader = new BodyReader(bytes, start, end);
  return { topicId: reader.uint32(), partitionIds: decodePartitions(reader) };
}

export function encodeTopicOptions(writer: BodyWriter, options: TopicOverrides): void {
  writer.uint32(options.topicId);
  encodeOverrides(writer, options.overrides);
}

export function decodeTopicOptions(bytes: Uint8Array, start: number, end: number): TopicOverrides {
  const reader = new BodyReader(bytes, start, end);
  return { topicId: reader.uint32(), overrides: decodeOverrides(reader) };
}

export function encodeProducerIds(writer: BodyWriter, next: number): void {
  writer.int64(next);
}

export function decodeProducerIds(bytes: Uint8Array, start: number, end: number): number {
  return new BodyReader(bytes, start, end).int64();
}

export function encodeProducersExpired(writer: BodyWriter, expired: ProducersExpired): void {
  writer.uint32(expired.partitionId).uint32(expired.producerIds.length);
  for (const id of expired.producerIds) writer.int64(id);
}

export function decodeProducersExpired(
  bytes: Uint8Array,
  start: number,
  end: number,
): ProducersExpired {
  const reader = new BodyReader(bytes, start, end);
  const partitionId = reader.uint32();
  const count = reader.uint32();
  const producerIds: number[] = [];
  for (let i = 0; i < count; i++) producerIds.push(reader.int64());
  return { partitionId, producerIds };
}

function encodePartitions(writer: BodyWriter, ids: readonly number[]): void {
  writer.uint32(ids.length);
  for (const id of ids) writer.uint32(id);
}

function decodePartitions(reader: BodyReader): number[] {
  const count = reader.uint32();
  const ids: number[] = [];
  for (let i = 0; i < count; i++) ids.push(reader.uint32());
  return ids;
}

function encodeOverrides(writer: BodyWriter, overrides: ReadonlyMap<string, string>): void {
  writer.uint16(overrides.size);
  for (const [name, value] of overrides) writer.text(name).text(value);
}

function decodeOverrides(reader: BodyReader): Map<string, string> {
  const count = reader.uint16();
  const overrides = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = reader.text();
    overrides.set(name, reader.text());
  }
  return overrides;
}
