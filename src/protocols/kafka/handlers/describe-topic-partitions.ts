/**
 * DescribeTopicPartitions: as Metadata, a page at a time [KIP-966]. Topics come in the order of their
 * names, so that a cursor means the same in the next request.
 */
import { isTopicName, type Topic } from '../../../broker/index.ts';
import { topicOperations } from '../authorized-operations.ts';
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { type DecodedOf, type DraftOf, type ElementDraft, zeroUuid } from '../schema.ts';
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
  partitionsPerPageMax,
} from '../schemas/describe-topic-partitions.ts';
import type { KafkaServices } from '../services.ts';

type Request = DecodedOf<typeof describeTopicPartitionsRequest>;
type Response = DraftOf<typeof describeTopicPartitionsResponse>;
type Described = ElementDraft<Response['topics']>;
type Cursor = NonNullable<Request['cursor']>;

export function handleDescribeTopicPartitions(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, describeTopicPartitionsRequest);
  const draft = isCursorWrong(body) ? refuse(body) : describePage(services, body);
  answer(link, head, describeTopicPartitionsResponse, draft, services.broker.catalogLsn);
}

/** It has to point at one of the topics asked for. */
function isCursorWrong({ topics, cursor }: Request): boolean {
  if (cursor === null) return false;
  const isAsked = topics.length === 0 || topics.some(({ name }) => name === cursor.topicName);
  return cursor.partitionIndex < 0 || !isAsked;
}

/** The answer has no error of its own: each topic gets it. */
function refuse({ topics }: Request): Response {
  const names = new Set(topics.map(({ name }) => name));
  return { topics: Array.from(names, (name) => failed(name, kafkaErrors.invalidRequest)) };
}

function describePage(services: KafkaServices, body: Request): Response {
  const { cursor } = body;
  const described: Described[] = [];
  let room = Math.max(Math.min(body.responsePartitionLimit, partitionsPerPageMax), 1);
  for (const name of namesOf(services, body)) {
    if (room === 0)
      return { topics: described, nextCursor: { topicName: name, partitionIndex: 0 } };
    const topic = services.broker.topic(name);
    if (topic === undefined) {
      const isName = isTopicName(name);
      const { unknownTopicOrPartition, invalidTopicException } = kafkaErrors;
      described.push(failed(name, isName ? unknownTopicOrPartition : invalidTopicException));
      continue;
    }
    const first = startOf(cursor, name);
    const end = Math.min(topic.partitions.length, first + room);
    described.push(describe(services, topic, first, end));
    if (end < topic.partitions.length) {
      return { topics: described, nextCursor: { topicName: name, partitionIndex: end } };
    }
    room -= Math.max(0, end - first);
  }
  return { topics: described };
}

/** Each name once, sorted, from the cursor on. */
function namesOf({ broker }: KafkaServices, { topics, cursor }: Request): string[] {
  const names =
    topics.length > 0
      ? new Set(topics.map(({ name }) => name))
      : Array.from(broker.topics(), ({ name }) => name);
  const from = cursor?.topicName ?? '';
  return [...names].filter((name) => name >= from).sort();
}

function startOf(cursor: Cursor | null, name: string): number {
  return cursor?.topicName === name ? cursor.partitionIndex : 0;
}

function describe({ broker }: KafkaServices, topic: Topic, first: number, end: number): Described {
  const replicas = [broker.nodeId];
  return {
    errorCode: kafkaErrors.none,
    name: topic.name,
    topicId: topic.uuidText,
    isInternal: topic.isInternal,
    partitions: topic.partitions.slice(first, end).map((partition) => ({
      errorCode: kafkaErrors.none,
      partitionIndex: partition.index,
      leaderId: broker.nodeId,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: replicas,
      isrNodes: replicas,
      // None are left over from earlier: every replica is in sync.
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: topicOperations,
  };
}

function failed(name: string, errorCode: number): Described {
  return { errorCode, name, topicId: zeroUuid, partitions: [] };
}
