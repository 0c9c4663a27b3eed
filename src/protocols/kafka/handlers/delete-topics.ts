/** DeleteTopics: by name, or from version 6 by id. What is named twice is not touched. */
import { kafkaErrors } from '../error-codes.ts';
import { describeError, toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest, messageOf } from '../request.ts';
import { type DraftOf, type ElementDraft, zeroUuid } from '../schema.ts';
import { deleteTopicsRequest, deleteTopicsResponse } from '../schemas/delete-topics.ts';
import type { KafkaServices } from '../services.ts';

type Deleted = ElementDraft<DraftOf<typeof deleteTopicsResponse>['responses']>;

interface Wanted {
  readonly name: string | null;
  readonly topicId: string;
}

export function handleDeleteTopics(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, deleteTopicsRequest);
  const wanted: Wanted[] = [
    ...body.topicNames.map((name) => ({ name, topicId: zeroUuid })),
    ...body.topics,
  ];
  const counts = new Map<string, number>();
  for (const each of wanted) counts.set(keyOf(each), (counts.get(keyOf(each)) ?? 0) + 1);
  // What is not found may be gone by an entry that is not committed yet.
  let lsn = services.broker.catalogLsn;
  const responses: Deleted[] = [];
  for (const each of wanted) {
    const count = counts.get(keyOf(each)) ?? 0;
    counts.set(keyOf(each), 0);
    if (count === 1) {
      const deleted = deleteOne(services, each);
      lsn = Math.max(lsn, deleted.lsn);
      responses.push(deleted.row);
    } else if (count > 1) {
      responses.push(refused(each, kafkaErrors.invalidRequest, 'the topic is named twice'));
    }
  }
  answer(link, head, deleteTopicsResponse, { responses }, lsn);
}

function keyOf({ name, topicId }: Wanted): string {
  return `${topicId} ${name ?? ''}`;
}

function deleteOne(
  { broker }: KafkaServices,
  wanted: Wanted,
): { readonly row: Deleted; readonly lsn: number } {
  const { name, topicId } = wanted;
  if ((name !== null) === (topicId !== zeroUuid)) {
    const row = refused(wanted, kafkaErrors.invalidRequest, 'a name or an id, one of them');
    return { row, lsn: 0 };
  }
  const topic = name === null ? broker.topicByUuid(topicId) : broker.topic(name);
  if (topic === undefined) {
    const errorCode =
      name === null ? kafkaErrors.unknownTopicId : kafkaErrors.unknownTopicOrPartition;
    return { row: refused(wanted, errorCode, 'there is no such topic'), lsn: 0 };
  }
  const { error, detail, lsn } = broker.deleteTopic(topic);
  const found = { name: topic.name, topicId: topic.uuidText };
  if (error !== null) {
    return { row: refused(found, toKafkaError(error), describeError(error, detail)), lsn };
  }
  return { row: { ...found, errorCode: kafkaErrors.none }, lsn };
}

function refused({ name, topicId }: Wanted, errorCode: number, message: string): Deleted {
  return { name, topicId, errorCode, errorMessage: messageOf(message) };
}
