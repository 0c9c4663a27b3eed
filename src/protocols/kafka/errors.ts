/**
 * The broker's errors in Kafka's words. Total: a new BrokerErrorCode fails to compile until it is
 * mapped here.
 *
 * Owns: the code, and the text for people. Leaves: which answers have room for it to the handlers.
 *
 * Clients act on the code alone, so what decides is what they do: retry (storageFull is
 * `kafkaStorageError` because they retry that with fresh metadata), give up, or refresh. Never
 * `unknownServerError` where the outcome is certain.
 */

import { BrokerError, type BrokerErrorCode } from '../../kernel/errors.ts';
import { type KafkaErrorCode, kafkaErrors } from './error-codes.ts';

const kafkaErrorOf: Readonly<Record<BrokerErrorCode, KafkaErrorCode>> = {
  topic_not_found: kafkaErrors.unknownTopicOrPartition,
  topic_exists: kafkaErrors.topicAlreadyExists,
  topic_id_unknown: kafkaErrors.unknownTopicId,
  invalid_topic_name: kafkaErrors.invalidTopicException,
  topic_internal: kafkaErrors.invalidTopicException,
  topic_name_collision: kafkaErrors.invalidTopicException,
  invalid_partitions: kafkaErrors.invalidPartitions,
  invalid_replication_factor: kafkaErrors.invalidReplicationFactor,
  invalid_config: kafkaErrors.invalidConfig,
  unknown_config: kafkaErrors.invalidConfig,
  partition_not_found: kafkaErrors.unknownTopicOrPartition,
  offset_out_of_range: kafkaErrors.offsetOutOfRange,

  corrupt_batch: kafkaErrors.corruptMessage,
  invalid_batch: kafkaErrors.invalidRecord,
  batch_too_large: kafkaErrors.messageTooLarge,
  invalid_timestamp: kafkaErrors.invalidTimestamp,
  unsupported_compression: kafkaErrors.unsupportedCompressionType,

  out_of_order_sequence: kafkaErrors.outOfOrderSequenceNumber,
  invalid_producer_epoch: kafkaErrors.invalidProducerEpoch,
  producer_fenced: kafkaErrors.producerFenced,

  queue_not_found: kafkaErrors.resourceNotFound,
  queue_exists: kafkaErrors.duplicateResource,
  lease_not_found: kafkaErrors.invalidRecordState,

  invalid_group_id: kafkaErrors.invalidGroupId,
  group_not_found: kafkaErrors.groupIdNotFound,
  group_not_empty: kafkaErrors.nonEmptyGroup,
  group_full: kafkaErrors.groupMaxSizeReached,
  group_subscribed: kafkaErrors.groupSubscribedToTopic,
  member_id_required: kafkaErrors.memberIdRequired,
  member_not_found: kafkaErrors.unknownMemberId,
  member_fenced: kafkaErrors.fencedInstanceId,
  stale_generation: kafkaErrors.illegalGeneration,
  rebalance_in_progress: kafkaErrors.rebalanceInProgress,
  inconsistent_protocol: kafkaErrors.inconsistentGroupProtocol,
  invalid_session_timeout: kafkaErrors.invalidSessionTimeout,
  offset_metadata_too_large: kafkaErrors.offsetMetadataTooLarge,

  limit_exceeded: kafkaErrors.policyViolation,
  fenced: kafkaErrors.notLeaderOrFollower,
  draining: kafkaErrors.notLeaderOrFollower,
  unsupported: kafkaErrors.invalidRequest,

  storage_full: kafkaErrors.kafkaStorageError,
  storage_failed: kafkaErrors.kafkaStorageError,
  storage_damaged: kafkaErrors.kafkaStorageError,

  // Those below stop a start; no client is there to see them.
  data_folder_locked: kafkaErrors.brokerNotAvailable,
  data_folder_newer: kafkaErrors.brokerNotAvailable,
  data_folder_unwritable: kafkaErrors.brokerNotAvailable,
  port_in_use: kafkaErrors.brokerNotAvailable,
  invalid_option: kafkaErrors.brokerNotAvailable,
  not_loopback: kafkaErrors.brokerNotAvailable,
  node_too_old: kafkaErrors.brokerNotAvailable,
};

export function toKafkaError(code: BrokerErrorCode): KafkaErrorCode {
  return kafkaErrorOf[code];
}

/** What tools print in place of the code: a sentence, with the names and sizes of this case. */
export function describeError(code: BrokerErrorCode, detail: string): string {
  return new BrokerError(code, detail).message;
}
