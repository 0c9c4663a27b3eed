/**
 * The surface of the broker: what protocols, the composition root and the simulation may use.
 */

export type { Broker, PositionDone, RecordPosition } from './broker.ts';
export type { Partition, Topic } from './catalog/topic.ts';
export { isInternalName, isTopicName } from './catalog/topic-name.ts';
export {
  checkTopicOption,
  findTopicOption,
  listMembers,
  type OptionFault,
  type TopicOption,
  type TopicOptions,
  type TopicOptionType,
  topicOptionTable,
} from './catalog/topic-options.ts';
export type { Commits } from './commit.ts';
export { type EntryDocumentation, entryKind, entryTable, objectType } from './entries.ts';
export type { Watcher } from './fetch.ts';
export { type BrokerOptions, defaultBrokerOptions } from './options.ts';
export {
  AppendOutcome,
  type ChangeOutcome,
  type CreateOutcome,
  type DeleteRecordsOutcome,
  type NewProducerId,
  type TopicSpec,
} from './outcomes.ts';
