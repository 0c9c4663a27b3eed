/** CreatePartitions: each topic on its own; every topic gets its row. */
import type { Topic } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { describeError, toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest, messageOf } from '../request.ts';
import type { DecodedOf } from '../schema.ts';
import { createPartitionsRequest, createPartitionsResponse } from '../schemas/create-partitions.ts';
import type { KafkaServices } from '../services.ts';

type Wanted = DecodedOf<typeof createPartitionsRequest>['topics'][number];

interface Result {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly lsn: number;
}

/** Partitions that one request may add; as many as Kafka makes at once. */
const partitionsPerRequestMax = 10_000;

export function handleCreatePartitions(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { topics, validateOnly } = bodyOf(request, createPartitionsRequest);
  const counts = new Map<string, number>();
  for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1);
  // What is not found may be gone by an entry that is not committed yet.
  let lsn = services.broker.catalogLsn;
  let room = partitionsPerRequestMax;
  const results = [];
  for (const wanted of topics) {
    const { name } = wanted;
    const count = counts.get(name) ?? 0;
    if (count === 0) continue;
    counts.set(name, 0);
    const before = services.broker.topic(name)?.partitions.length ?? 0;
    const result =
      count > 1
        ? refused(kafkaErrors.invalidRequest, 'Duplicate topic name.')
        : addTo(services, wanted, room, validateOnly);
    if (result.errorCode === kafkaErrors.none) room -= wanted.count - before;
    lsn = Math.max(lsn, result.lsn);
    const { errorCode, errorMessage } = result;
    results.push({ name, errorCode, errorMessage });
  }
  answer(link, head, createPartitionsResponse, { results }, lsn);
}

function addTo(
  { broker }: KafkaServices,
  wanted: Wanted,
  room: number,
  validateOnly: boolean,
): Result {
  const topic = broker.topic(wanted.name);
  if (topic === undefined) {
    return refused(kafkaErrors.unknownTopicOrPartition, 'there is no such topic');
  }
  const fault = findCountFault(topic, wanted.count) ?? findAssignmentFault(topic, wanted, broker);
  if (fault !== null) return fault;
  if (wanted.count - topic.partitions.length > room) {
    return refused(kafkaErrors.policyViolation, 'too many partitions at once');
  }
  const { error, detail, lsn } = broker.addPartitions(topic, wanted.count, validateOnly);
  if (error === null) return { errorCode: kafkaErrors.none, errorMessage: null, lsn };
  return { ...refused(toKafkaError(error), describeError(error, detail)), lsn };
}

/** In Kafka's words: scripts look for them, to see that there is nothing left to do. */
function findCountFault({ name, partitions }: Topic, count: number): Result | null {
  const present = partitions.length;
  if (count > present) return null;
  const text =
    count === present
      ? `Topic already has ${present} partition(s).`
      : `The topic ${name} currently has ${present} partition(s); ${count} would not be an increase.`;
  return refused(kafkaErrors.invalidPartitions, text);
}

/** Replicas by hand: on this node only. */
function findAssignmentFault(
  { partitions }: Topic,
  { assignments, count }: Wanted,
  { nodeId }: KafkaServices['broker'],
): Result | null {
  if (assignments === null) return null;
  const added = count - partitions.length;
  if (assignments.length !== added) {
    const text = `${added} partition(s) are to be added, and ${assignments.length} are assigned`;
    return refused(kafkaErrors.invalidReplicaAssignment, text);
  }
  const isOurs = assignments.every(
    ({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === nodeId,
  );
  if (isOurs) return null;
  return refused(kafkaErrors.invalidReplicaAssignment, `the only node is ${nodeId}`);
}

function refused(errorCode: number, text: string): Result {
  return { errorCode, errorMessage: messageOf(text), lsn: 0 };
}
