/**
 * Which group ids may come into being. Ids are listed all at once (ListGroups): with the longest that
 * Kafka's strings allow, a list would outgrow what one answer can be.
 */
import { utf8Length } from '../../kernel/bytes.ts';
import { type KafkaErrorCode, kafkaErrors } from './error-codes.ts';

const groupIdBytesMax = 1024;

/** What is wrong with the id, or `none`. That it may be empty or not is for the group to say. */
export function groupIdError(groupId: string): KafkaErrorCode {
  return utf8Length(groupId) > groupIdBytesMax ? kafkaErrors.invalidGroupId : kafkaErrors.none;
}
