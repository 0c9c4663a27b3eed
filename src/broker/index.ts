/**
 * The surface of the broker: what protocols, the composition root and the simulation may use.
 */

export type { Slab } from '../kernel/slab.ts';
export { ReadPlan } from '../log/read-plan.ts';
export type { StoredRecord } from '../record/batch-reader.ts';
export type { RecordHeader } from '../record/records.ts';
export { Broker } from './broker.ts';
export type { Partition, Topic, Watcher } from './catalog/topic.ts';
export { isTopicName, offsetsTopicPartitions } from './catalog/topic-name.ts';
export {
  listMembers,
  type OptionFault,
  type TopicOption,
  type TopicOptions,
  type TopicOptionType,
  topicOptionTable,
  untilSettledOption,
} from './catalog/topic-options.ts';
export type { Commits } from './commit.ts';
export { type EntryDocumentation, entryTable, objectType } from './entries.ts';
export type { ReadStatus } from './fetch.ts';
export type * from './groups/group-messages.ts';
export type { GroupCoordinator, SubscriptionReader } from './groups/index.ts';
export { type BrokerOptions, defaultBrokerOptions } from './options.ts';
export {
  AppendOutcome,
  type ChangeOutcome,
  type CreateOutcome,
  type DeleteRecordsOutcome,
  type NewProducerId,
  type StorageSpace,
  type TopicSpec,
} from './outcomes.ts';
export type { PublishDone, Published, PublishRequest } from './publisher.ts';
export {
  type ConsumeOptions,
  type ConsumerHandler,
  copyDelivery,
  type DeclareOutcome,
  type DeliveredRecord,
  Delivery,
  type Queue,
  type QueueConsumer,
  type QueueDepth,
  type QueueService,
  type QueueSpec,
  type QueueStart,
  queueOption,
} from './queues/index.ts';
export type { ReadRecords, RecordsDone } from './record-read.ts';
export { inspected } from './record-rules.ts';
export type { PositionDone, RecordPosition } from './time-lookup.ts';
