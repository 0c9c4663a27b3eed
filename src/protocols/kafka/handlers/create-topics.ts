/** CreateTopics: each topic on its own; one that fails does not hold up the others. */
import type { Topic } from '../../../broker/index.ts';
import { configSourceOf } from '../config-entry.ts';
import { kafkaErrors } from '../error-codes.ts';
import { describeError, toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest, messageOf } from '../request.ts';
import { type DecodedOf, type DraftOf, type ElementDraft, zeroUuid } from '../schema.ts';
import { createTopicsRequest, createTopicsResponse } from '../schemas/create-topics.ts';
import type { KafkaServices } from '../services.ts';
import { topicConfigs } from '../topic-configs.ts';

type Wanted = DecodedOf<typeof createTopicsRequest>['topics'][number];
type Created = ElementDraft<DraftOf<typeof createTopicsResponse>['topics']>;

/** Partitions that one request may ask for, validated only or not; as many as Kafka makes at once. */
const partitionsPerRequestMax = 10_000;

export function handleCreateTopics(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, createTopicsRequest);
  const seen = new Map<string, number>();
  for (const { name } of body.topics) seen.set(name, (seen.get(name) ?? 0) + 1);
  let lsn = 0;
  let partitions = 0;
  const topics: Created[] = [];
  for (const wanted of body.topics) {
    const count = seen.get(wanted.name) ?? 0;
    if (count === 0) continue;
    seen.set(wanted.name, 0);
    if (count > 1) {
      topics.push(refused(wanted.name, kafkaErrors.invalidRequest, 'the topic is named twice'));
      continue;
    }
    partitions += Math.max(1, wanted.numPartitions, wanted.assignments.length);
    if (partitions > partitionsPerRequestMax) {
      topics.push(refused(wanted.name, kafkaErrors.policyViolation, 'too many partitions at once'));
      continue;
    }
    const created = createOne(services, wanted, body.validateOnly);
    lsn = Math.max(lsn, created.lsn);
    topics.push(created.row);
  }
  answer(link, head, createTopicsResponse, { topics }, lsn);
}

function createOne(
  services: KafkaServices,
  wanted: Wanted,
  validateOnly: boolean,
): { readonly row: Created; readonly lsn: number } {
  const { broker } = services;
  const { name } = wanted;
  const options = new Map<string, string>();
  for (const { name: option, value } of wanted.configs) {
    if (value === null) {
      return { row: refused(name, kafkaErrors.invalidConfig, `${option} has no value`), lsn: 0 };
    }
    options.set(option, value);
  }
  const fault = findAssignmentFault(services, wanted);
  if (fault !== null) return { row: fault, lsn: 0 };
  const isAssigned = wanted.assignments.length > 0;
  const outcome = broker.createTopic({
    name,
    partitions: isAssigned ? wanted.assignments.length : wanted.numPartitions,
    replicationFactor: isAssigned ? 1 : wanted.replicationFactor,
    options,
    validateOnly,
  });
  const { error, detail, lsn } = outcome;
  if (error !== null) {
    return { row: refused(name, toKafkaError(error), describeError(error, detail)), lsn };
  }
  const row = {
    name,
    topicId: outcome.topic?.uuidText ?? zeroUuid,
    errorCode: kafkaErrors.none,
    errorMessage: null,
    numPartitions: outcome.partitions,
    replicationFactor: 1,
    configs: describeOptions(services, outcome.topic, options),
  };
  return { row, lsn };
}

/** Replicas by hand: partitions 0, 1, 2 …, each on this node only. */
function findAssignmentFault({ broker }: KafkaServices, wanted: Wanted): Created | null {
  const { assignments, name } = wanted;
  if (assignments.length === 0) return null;
  if (wanted.numPartitions !== -1 || wanted.replicationFactor !== -1) {
    const text = 'assignments exclude a number of partitions and a replication factor';
    return refused(name, kafkaErrors.invalidRequest, text);
  }
  const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex));
  for (let i = 0; i < assignments.length; i++) {
    if (indexes.has(i)) continue;
    return refused(name, kafkaErrors.invalidReplicaAssignment, `partition ${i} has no assignment`);
  }
  const isOurs = assignments.every(
    ({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === broker.nodeId,
  );
  if (isOurs) return null;
  return refused(name, kafkaErrors.invalidReplicaAssignment, `the only node is ${broker.nodeId}`);
}

function refused(name: string, errorCode: number, errorMessage: string): Created {
  const message = messageOf(errorMessage);
  return { name, topicId: zeroUuid, errorCode, errorMessage: message, configs: null };
}

function describeOptions(
  { broker }: KafkaServices,
  topic: Topic | null,
  given: ReadonlyMap<string, string>,
): NonNullable<Created['configs']> {
  return topicConfigs(broker, topic?.overrides ?? given).map((entry) => {
    const { name, value, isReadOnly: readOnly } = entry;
    return { name, value, readOnly, configSource: configSourceOf(entry), isSensitive: false };
  });
}
