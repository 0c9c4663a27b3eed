/**
 * Topics and partitions as the broker knows them.
 *
 * Owns: names, ids, options in force, the partition list.
 * Leaves: offsets and bytes to the partition's log, changes to catalog.ts (only it writes here).
 */

import { assert } from '../../kernel/assert.ts';
import { formatUuidShort } from '../../kernel/bytes.ts';
import type { PartitionLog } from '../../log/partition-log.ts';
import type { TopicOptions } from './topic-options.ts';

/** How a topic reaches what lies around it; one for all topics of a broker. */
export interface TopicSurroundings {
  partitionLog(id: number): PartitionLog | undefined;
  parseOptions(overrides: ReadonlyMap<string, string>): TopicOptions;
  leaderEpoch(): number;
}

/** Told that something changed for a partition; it looks for itself what. */
export interface Watcher {
  /**
   * High watermark or log start moved, or the partition was deleted. A watcher stays until it is
   * taken away; it may take itself away here.
   */
  onProgress(partition: Partition): void;
}

export class Partition {
  readonly topic: Topic;
  /** Its number in the topic. */
  readonly index: number;
  /** Its number in the journal. Never reused. */
  readonly id: number;
  /** Set when its topic is deleted; it stays readable for whoever holds it. */
  isDeleted = false;
  /** Who wants to hear of progress; null while there is nobody. Owned by fetch.ts. */
  watchers: Set<Watcher> | null = null;
  /** The log start, and the largest timestamp up to the first batch that has one; -1: not known. Owned by retention.ts. */
  headOffset = -1;
  headTime = -1;
  #log: PartitionLog | null = null;
  readonly #surroundings: TopicSurroundings;

  constructor(topic: Topic, index: number, id: number, surroundings: TopicSurroundings) {
    this.topic = topic;
    this.index = index;
    this.id = id;
    this.#surroundings = surroundings;
  }

  /** Only for the broker. */
  get log(): PartitionLog {
    if (this.#log !== null) return this.#log;
    const log = this.#surroundings.partitionLog(this.id);
    assert(log !== undefined, 'a partition of a topic has a log');
    this.#log = log;
    return log;
  }

  /** The first offset that can be read. */
  get logStart(): number {
    return this.log.visibleStart;
  }

  /** The first offset that may not be read yet. */
  get highWatermark(): number {
    return this.log.highWatermark;
  }

  /** The offset that the next record gets. */
  get logEnd(): number {
    return this.log.logEnd;
  }

  /** Kept on the disk, by estimate. */
  get bytes(): number {
    return this.log.liveBytes;
  }

  /** What an answer computed from offsets waits for. */
  get lastLsn(): number {
    return this.log.lastLsn;
  }

  get leaderEpoch(): number {
    return this.#surroundings.leaderEpoch();
  }

  /** The epoch of the record at `offset`; the present one where there is no record yet. */
  epochAt(offset: number): number {
    const epoch = this.log.epochAt(offset);
    return epoch < 0 ? this.leaderEpoch : epoch;
  }
}

export interface TopicIdentity {
  readonly id: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  readonly name: string;
  readonly isInternal: boolean;
}

export class Topic {
  readonly id: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** The uuid in 22 characters. */
  readonly uuidText: string;
  readonly name: string;
  readonly isInternal: boolean;
  isDeleted = false;
  /** Of the last entry that changed the topic itself; records do not. */
  lastLsn: number;
  readonly #partitions: Partition[] = [];
  #overrides: ReadonlyMap<string, string> = new Map();
  #options: TopicOptions | null = null;
  readonly #surroundings: TopicSurroundings;

  constructor(identity: TopicIdentity, lsn: number, surroundings: TopicSurroundings) {
    this.id = identity.id;
    this.uuid = identity.uuid;
    this.uuidText = formatUuidShort(identity.uuid);
    this.name = identity.name;
    this.isInternal = identity.isInternal;
    this.lastLsn = lsn;
    this.#surroundings = surroundings;
  }

  get partitions(): readonly Partition[] {
    return this.#partitions;
  }

  /** What was set for this topic, as it was given. */
  get overrides(): ReadonlyMap<string, string> {
    return this.#overrides;
  }

  /** The options in force: overrides, then the broker's defaults, then the table's. */
  get options(): TopicOptions {
    this.#options ??= this.#surroundings.parseOptions(this.#overrides);
    return this.#options;
  }

  /** Only for catalog.ts. */
  setOverrides(overrides: ReadonlyMap<string, string>): void {
    this.#overrides = overrides;
    this.#options = null;
  }

  /** Only for catalog.ts. */
  addPartition(id: number): Partition {
    const partition = new Partition(this, this.#partitions.length, id, this.#surroundings);
    this.#partitions.push(partition);
    return partition;
  }
}
