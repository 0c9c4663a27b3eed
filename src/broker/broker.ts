/**
 * The façade: the broker as protocols see it.
 */

import type { BrokerErrorCode } from '../kernel/errors.ts';
import type { Slab } from '../kernel/slab.ts';
import type { Partition, Topic } from './catalog/topic.ts';
import type { Watcher } from './fetch.ts';
import type {
  AppendOutcome,
  ChangeOutcome,
  CreateOutcome,
  DeleteRecordsOutcome,
  NewProducerId,
  TopicSpec,
} from './outcomes.ts';
import type { PlanStatus, ReadPlan } from '../log/read-plan.ts';
import type { BrokerOptions } from './options.ts';
import type { Commits } from './commit.ts';

/** A record's place and time. */
export interface RecordPosition {
  /** -1: there is no such record. */
  readonly offset: number;
  /** Unix ms; -1 with offset -1. */
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

export type PositionDone = (error: BrokerErrorCode | null, position: RecordPosition) => void;

/** The surface that `Broker` is being built to; the class replaces it. */
export interface Broker {
  readonly options: BrokerOptions;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly leaderEpoch: number;
  readonly commits: Commits;
  readonly catalogLsn: number;
  readonly isCongested: boolean;
  topic(name: string): Topic | undefined;
  topicByUuid(uuidText: string): Topic | undefined;
  topics(): Iterable<Topic>;
  createTopic(spec: TopicSpec): CreateOutcome;
  deleteTopic(topic: Topic): ChangeOutcome;
  /** `total` partitions from now on. */
  addPartitions(topic: Topic, total: number, validateOnly: boolean): ChangeOutcome;
  /** All overrides there are from now on. */
  setTopicOptions(
    topic: Topic,
    overrides: ReadonlyMap<string, string>,
    validateOnly: boolean,
  ): ChangeOutcome;
  /** The value in force for topics that do not override it. */
  topicDefault(name: string): string;
  /** Before `offset`; -1 is the high watermark. */
  deleteRecords(partition: Partition, offset: number): DeleteRecordsOutcome;
  append(
    partition: Partition,
    bytes: Uint8Array,
    start: number,
    end: number,
    slab: Slab | null,
    outcome: AppendOutcome,
  ): void;
  newProducerId(): NewProducerId;
  planRead(partition: Partition, offset: number, maxBytes: number, plan: ReadPlan): PlanStatus;
  watch(partition: Partition, watcher: Watcher): void;
  unwatch(partition: Partition, watcher: Watcher): void;
  /** The first record at or after `timestamp`, below the high watermark. May call back at once. */
  offsetForTimestamp(partition: Partition, timestamp: number, done: PositionDone): void;
  /** The first record with the largest timestamp, below the high watermark. May call back at once. */
  offsetOfMaxTimestamp(partition: Partition, done: PositionDone): void;
  endOffsetForEpoch(
    partition: Partition,
    epoch: number,
  ): { readonly epoch: number; readonly endOffset: number };
}
