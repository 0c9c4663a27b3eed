/**
 * Decisions about topics: create, delete, grow, set options.
 *
 * Owns: what is allowed, the ids given, the order of the entries.
 * Leaves: applying them to catalog.ts, the log of each partition to log/.
 *
 * A decision is one synchronous step. It may be cut short by a crash between two of its entries, so
 * the topic comes first: then an id is never given twice, and what is missing can be made up for
 * (`repair`). A topic that lacks a partition's log gets it; a log without a topic is deleted.
 */

import { formatUuidShort, utf8Length, uuidBytes } from '../../kernel/bytes.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { Logger, Random } from '../../kernel/ports.ts';
import type { Journal } from '../../log/journal.ts';
import { BodyWriter } from '../body.ts';
import {
  encodePartitionList,
  encodeTopicCreated,
  encodeTopicOptions,
  entryKind,
} from '../entries.ts';
import { partitionsMax, partitionsPerTopicMax, topicOptionBytesMax } from '../limits.ts';
import type { BrokerOptions } from '../options.ts';
import type { ChangeOutcome, CreateOutcome, TopicSpec } from '../outcomes.ts';
import type { BrokerState } from '../state.ts';
import type { Topic } from './topic.ts';
import { isInternalName, isTopicName } from './topic-name.ts';
import {
  checkTopicOption,
  defaultValueOf,
  findOptionConflict,
  listMembers,
} from './topic-options.ts';

/** A replica each at most: more copies on one node would be lost together. */
const nodeCount = 1;

type Overrides = ReadonlyMap<string, string>;

interface Fault {
  readonly error: BrokerErrorCode;
  readonly detail: string;
  readonly lsn: number;
}

function fault(error: BrokerErrorCode, detail: string, lsn = 0): Fault {
  return { error, detail, lsn };
}

export interface TopicAdminParts {
  readonly state: BrokerState;
  readonly options: BrokerOptions;
  readonly random: Random;
  readonly logger: Logger;
  /** Why nothing can be created now, or null. */
  refusal(): BrokerErrorCode | null;
}

export class TopicAdmin {
  readonly #parts: TopicAdminParts;
  readonly #journal: Journal;
  readonly #body = new BodyWriter();
  #hasWarnedOfReplicas = false;

  constructor(parts: TopicAdminParts, journal: Journal) {
    this.#parts = parts;
    this.#journal = journal;
  }

  create(spec: TopicSpec): CreateOutcome {
    const partitions = spec.partitions === -1 ? this.#defaultPartitions : spec.partitions;
    const why = this.#findCreateFault(spec, partitions);
    if (why !== null) return { ...why, topic: null, partitions: -1 };
    if (spec.validateOnly) return { error: null, detail: '', lsn: 0, topic: null, partitions };
    const { state } = this.#parts;
    const topicId = state.counters.nextTopicId;
    const partitionIds = this.#newPartitionIds(partitions);
    encodeTopicCreated(this.#body.reset(), {
      topicId,
      uuid: this.#newUuid(),
      isInternal: isInternalName(spec.name),
      name: spec.name,
      partitionIds,
      overrides: spec.options,
    });
    this.#append(entryKind.topicCreated);
    const lsn = this.#createLogs(partitionIds);
    this.#warnOfLimits(spec.name, spec.options);
    this.#warnOfReplicas(spec);
    return {
      error: null,
      detail: '',
      lsn,
      topic: state.catalog.topicById(topicId) ?? null,
      partitions,
    };
  }

  /** `deleteReaders` deletes what reads the topic, before the logs that it reads. */
  delete(topic: Topic, deleteReaders: () => void): ChangeOutcome {
    const { catalog } = this.#parts.state;
    if (topic.isDeleted) return fault('topic_not_found', topic.name, catalog.lastLsn);
    const partitionIds = topic.partitions.map((partition) => partition.id);
    encodePartitionList(this.#body.reset(), { topicId: topic.id, partitionIds });
    let lsn = this.#append(entryKind.topicDeleted);
    deleteReaders();
    for (const id of partitionIds) lsn = this.#journal.deletePartition(id);
    return { error: null, detail: '', lsn };
  }

  /** `total` partitions from now on. */
  addPartitions(topic: Topic, total: number, validateOnly: boolean): ChangeOutcome {
    const why = this.#findGrowthFault(topic, total);
    if (why !== null) return why;
    if (validateOnly) return { error: null, detail: '', lsn: topic.lastLsn };
    const partitionIds = this.#newPartitionIds(total - topic.partitions.length);
    encodePartitionList(this.#body.reset(), { topicId: topic.id, partitionIds });
    this.#append(entryKind.partitionsAdded);
    return { error: null, detail: '', lsn: this.#createLogs(partitionIds) };
  }

  /** `overrides` are all there are from now on. */
  setOptions(topic: Topic, overrides: Overrides, validateOnly: boolean): ChangeOutcome {
    if (topic.isDeleted) {
      return fault('topic_not_found', topic.name, this.#parts.state.catalog.lastLsn);
    }
    const why = this.#findOptionsFault(overrides) ?? this.#findRefusal();
    if (why !== null) return why;
    if (validateOnly) return { error: null, detail: '', lsn: topic.lastLsn };
    encodeTopicOptions(this.#body.reset(), { topicId: topic.id, overrides });
    const lsn = this.#append(entryKind.topicOptions);
    this.#warnOfLimits(topic.name, overrides);
    return { error: null, detail: '', lsn };
  }

  /** After replay: completes what a crash has cut short. */
  repair(orphans: Iterable<number>): void {
    const journal = this.#journal;
    for (const topic of this.#parts.state.catalog.topics()) {
      for (const partition of topic.partitions) {
        if (journal.partition(partition.id) === undefined) journal.createPartition(partition.id, 0);
      }
    }
    for (const id of orphans) journal.deletePartition(id);
  }

  get #defaultPartitions(): number {
    return this.#parts.options.defaultPartitions;
  }

  #findCreateFault(spec: TopicSpec, partitions: number): Fault | null {
    const { catalog } = this.#parts.state;
    const { name } = spec;
    if (!isTopicName(name)) return fault('invalid_topic_name', name.slice(0, 300));
    const colliding = catalog.topicColliding(name);
    if (colliding !== undefined) {
      const code = colliding.name === name ? 'topic_exists' : 'topic_name_collision';
      return fault(code, colliding.name, colliding.lastLsn);
    }
    if (partitions < 1 || partitions > partitionsPerTopicMax) {
      return fault(
        'invalid_partitions',
        `${partitions} is not between 1 and ${partitionsPerTopicMax}`,
      );
    }
    const { replicationFactor } = spec;
    const isTooMany = replicationFactor > nodeCount && this.#parts.options.refusesExcessReplicas;
    if (replicationFactor < -1 || replicationFactor === 0 || isTooMany) {
      return fault('invalid_replication_factor', `${replicationFactor} with ${nodeCount} broker`);
    }
    return (
      this.#findOptionsFault(spec.options) ??
      this.#findTotalFault(partitions) ??
      this.#findRefusal()
    );
  }

  #findOptionsFault(overrides: Overrides): Fault | null {
    let size = 0;
    for (const [name, value] of overrides) {
      const why = checkTopicOption(name, value);
      if (why !== null) return fault(why.error, why.detail);
      size += utf8Length(name) + utf8Length(value);
    }
    if (size > topicOptionBytesMax) {
      return fault('limit_exceeded', `${size} bytes of options of ${topicOptionBytesMax}`);
    }
    const { topicDefaults } = this.#parts.options;
    const why = findOptionConflict(
      (name) => overrides.get(name) ?? topicDefaults.get(name) ?? defaultValueOf(name),
    );
    return why === null ? null : fault(why.error, why.detail);
  }

  #findGrowthFault(topic: Topic, total: number): Fault | null {
    const { catalog } = this.#parts.state;
    if (topic.isDeleted) return fault('topic_not_found', topic.name, catalog.lastLsn);
    const count = topic.partitions.length;
    if (total <= count || total > partitionsPerTopicMax) {
      const range = `${count + 1} and ${partitionsPerTopicMax}`;
      return fault('invalid_partitions', `${total} is not between ${range}`, topic.lastLsn);
    }
    return this.#findTotalFault(total - count) ?? this.#findRefusal();
  }

  #findTotalFault(added: number): Fault | null {
    const total = this.#parts.state.catalog.partitionCount + added;
    return total <= partitionsMax
      ? null
      : fault('limit_exceeded', `${total} partitions of ${partitionsMax}`);
  }

  #findRefusal(): Fault | null {
    const error = this.#parts.refusal();
    return error === null ? null : fault(error, '');
  }

  #newPartitionIds(count: number): number[] {
    const first = this.#parts.state.counters.nextPartitionId;
    return Array.from({ length: count }, (_, i) => first + i);
  }

  #newUuid(): Uint8Array {
    const uuid = new Uint8Array(uuidBytes);
    for (;;) {
      this.#parts.random.fill(uuid);
      // The version and variant of a random UUID; a leading '-' reads like an option in a shell.
      uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x40;
      uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
      const text = formatUuidShort(uuid);
      const isTaken = this.#parts.state.catalog.topicByUuid(text) !== undefined;
      if (!text.startsWith('-') && !isTaken) return uuid;
    }
  }

  #createLogs(partitionIds: readonly number[]): number {
    let lsn = 0;
    for (const id of partitionIds) lsn = this.#journal.createPartition(id, 0);
    return lsn;
  }

  #append(kind: number): number {
    return this.#journal.appendEntry(kind, this.#body.bytes, 0, this.#body.length);
  }

  /** Once: whoever asks for it once asks for it always. */
  #warnOfReplicas({ name: topic, replicationFactor: wanted }: TopicSpec): void {
    if (wanted <= nodeCount || this.#hasWarnedOfReplicas) return;
    this.#hasWarnedOfReplicas = true;
    this.#parts.logger.warn('topic.replication_factor_clamped', {
      topic,
      wanted,
      nodes: nodeCount,
    });
  }

  /** Options that are kept but not acted on although a user may count on them. */
  #warnOfLimits(topic: string, overrides: Overrides): void {
    const { logger } = this.#parts;
    // Nobody has asked for the broker's own topics.
    if (isInternalName(topic)) return;
    if (listMembers(overrides.get('cleanup.policy') ?? '').includes('compact')) {
      logger.warn('topic.compaction_ignored', { topic });
    }
    if (Number(overrides.get('min.insync.replicas') ?? '1') > 1) {
      logger.warn('topic.insync_replicas_ignored', { topic });
    }
  }
}
