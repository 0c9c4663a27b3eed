/** OffsetCommit: each partition on its own, unless what is wrong is the member or the group. */
import type { OffsetCommit, Partition } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toGroupError } from '../group-errors.ts';
import { groupIdError } from '../group-id.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf } from '../schema.ts';
import { offsetCommitRequest, offsetCommitResponse } from '../schemas/offset-commit.ts';
import type { KafkaServices } from '../services.ts';

type Body = DecodedOf<typeof offsetCommitRequest>;
type AskedPartition = Body['topics'][number]['partitions'][number];

/** First version in which a group that is not there has an error of its own. */
const groupNotFoundSince = 9;
const topicIdSince = 10;

/** A row of the answer; filled in when the broker has decided. */
interface Row {
  readonly partitionIndex: number;
  errorCode: number;
}

export function handleOffsetCommit(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const body = bodyOf(request, offsetCommitRequest);
  const plan = new CommitPlan();
  const find = partitionFinder(services, head.version);
  const topics = body.topics.map((topic) => {
    const { name, topicId } = topic;
    const partitions = topic.partitions.map((asked): Row => {
      const found = find(topic, asked.partitionIndex);
      if (typeof found !== 'number') return plan.add(found, asked);
      return { partitionIndex: asked.partitionIndex, errorCode: found };
    });
    return { name, topicId, partitions };
  });
  // What is not found may be gone by an entry that is not committed yet.
  let lsn = broker.catalogLsn;
  const idError = groupIdError(body.groupId);
  if (idError !== kafkaErrors.none) plan.settle(() => idError);
  else if (plan.commits.length > 0) {
    const outcome = broker.groups.commitOffsets(claimOf(body), plan.commits);
    lsn = Math.max(lsn, outcome.lsn);
    plan.settle((i) => toCommitError(outcome.error ?? outcome.partitions[i] ?? null, head.version));
  }
  answer(link, head, offsetCommitResponse, { topics }, lsn);
}

/** What is committed, each partition once: of several offsets the last one counts. */
class CommitPlan {
  readonly commits: OffsetCommit[] = [];
  readonly #rows: { readonly row: Row; readonly at: number }[] = [];
  /** Where in `commits` a partition is, by its id. */
  readonly #places = new Map<number, number>();

  add(partition: Partition, asked: AskedPartition): Row {
    const at = this.#places.get(partition.id) ?? this.commits.length;
    this.#places.set(partition.id, at);
    this.commits[at] = {
      partition,
      offset: asked.committedOffset,
      leaderEpoch: asked.committedLeaderEpoch,
      metadata: asked.committedMetadata ?? '',
    };
    const row = { partitionIndex: asked.partitionIndex, errorCode: kafkaErrors.none };
    this.#rows.push({ row, at });
    return row;
  }

  settle(errorAt: (index: number) => number): void {
    for (const { row, at } of this.#rows) row.errorCode = errorAt(at);
  }
}

function claimOf(body: Body) {
  return {
    groupId: body.groupId,
    generation: body.generationId,
    memberId: body.memberId,
    instanceId: body.groupInstanceId,
  };
}

/** From what a request names to the partition, or to the error. */
function partitionFinder({ broker }: KafkaServices, version: number) {
  return (
    { name, topicId }: { readonly name: string; readonly topicId: string },
    index: number,
  ): Partition | number => {
    const usesIds = version >= topicIdSince;
    const topic = usesIds ? broker.topicByUuid(topicId) : broker.topic(name);
    if (topic === undefined && usesIds) return kafkaErrors.unknownTopicId;
    return topic?.partitions[index] ?? kafkaErrors.unknownTopicOrPartition;
  };
}

function toCommitError(error: Parameters<typeof toGroupError>[0], version: number): number {
  if (error === 'group_not_found' && version < groupNotFoundSince) {
    return kafkaErrors.illegalGeneration;
  }
  if (error === 'limit_exceeded') return kafkaErrors.invalidCommitOffsetSize;
  return toGroupError(error);
}
