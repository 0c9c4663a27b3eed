/** DeleteTopics: by name, or from version 6 by id. */
import type { Topic } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { type DraftOf, type ElementDraft, zeroUuid } from '../schema.ts';
import { deleteTopicsRequest, deleteTopicsResponse } from '../schemas/delete-topics.ts';
import type { KafkaServices } from '../services.ts';

type Deleted = ElementDraft<DraftOf<typeof deleteTopicsResponse>['responses']>;

export function handleDeleteTopics(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, deleteTopicsRequest);
  const wanted = [
    ...body.topicNames.map((name) => ({ name: name as string | null, topicId: zeroUuid })),
    ...body.topics,
  ];
  let lsn = services.broker.catalogLsn;
  const responses = wanted.map(({ name, topicId }) => {
    const { row, rowLsn } = deleteOne(services, name, topicId);
    lsn = Math.max(lsn, rowLsn);
    return row;
  });
  answer(link, head, deleteTopicsResponse, { responses }, lsn);
}

function deleteOne(
  { broker }: KafkaServices,
  name: string | null,
  topicId: string,
): { readonly row: Deleted; readonly rowLsn: number } {
  if (name !== null && topicId !== zeroUuid) {
    const errorMessage = 'a name or an id, not both';
    return {
      row: { name, topicId, errorCode: kafkaErrors.invalidRequest, errorMessage },
      rowLsn: 0,
    };
  }
  const topic: Topic | undefined = name === null ? broker.topicByUuid(topicId) : broker.topic(name);
  if (topic === undefined) {
    const errorCode =
      name === null ? kafkaErrors.unknownTopicId : kafkaErrors.unknownTopicOrPartition;
    return { row: { name, topicId, errorCode }, rowLsn: 0 };
  }
  const outcome = broker.deleteTopic(topic);
  const row = {
    name: topic.name,
    topicId: topic.uuidText,
    errorCode: outcome.error === null ? kafkaErrors.none : toKafkaError(outcome.error),
    errorMessage: outcome.error === null ? null : outcome.detail,
  };
  return { row, rowLsn: outcome.lsn };
}
