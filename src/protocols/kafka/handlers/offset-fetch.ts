/**
 * OffsetFetch: what groups have committed. What they have not is -1 and no error, and so is a topic
 * that does not exist, except by id.
 *
 * No offset is told twice in one answer, however often it is asked for: its metadata can be a
 * thousand times as long as the question. There are no transactions that anybody could wait for.
 */
import type { Broker, CommittedOffset, Topic } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { coordinatorError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf, DraftOf, ElementDraft } from '../schema.ts';
import { offsetFetchRequest, offsetFetchResponse } from '../schemas/offset-fetch.ts';

type GroupDraft = ElementDraft<NonNullable<DraftOf<typeof offsetFetchResponse>['groups']>>;
type TopicDraft = ElementDraft<GroupDraft['topics']>;
type PartitionDraft = ElementDraft<TopicDraft['partitions']>;
type AskedTopic = NonNullable<
  DecodedOf<typeof offsetFetchRequest>['groups'][number]['topics']
>[number];

/** First version with an error that stands for all. */
const groupErrorSince = 2;
const severalSince = 8;
const topicIdSince = 10;

export function handleOffsetFetch(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, offsetFetchRequest);
  const search = new OffsetSearch(services.broker, head.version);
  if (head.version >= severalSince) {
    const groups = body.groups.map(({ groupId, topics }) => search.find(groupId, topics));
    return answer(link, head, offsetFetchResponse, { groups }, search.lsn);
  }
  const asked = body.topics?.map((topic) => ({ ...topic, topicId: '' })) ?? null;
  const { topics, errorCode = 0 } = search.find(body.groupId, asked);
  const named = topics.map(({ name = '', partitions }) => ({ name, partitions }));
  answer(link, head, offsetFetchResponse, { topics: named, errorCode }, search.lsn);
}

class OffsetSearch {
  /** What the answer waits for. */
  lsn: number;
  readonly #broker: Broker;
  readonly #version: number;
  /** Ids of the partitions whose offset has been told, by group. */
  readonly #told = new Map<string, Set<number>>();

  constructor(broker: Broker, version: number) {
    this.#broker = broker;
    this.#version = version;
    // What is not found may be gone by an entry that is not committed yet.
    this.lsn = broker.fault === null ? broker.catalogLsn : 0;
  }

  /** `asked` is null for all. */
  find(groupId: string, asked: readonly AskedTopic[] | null): GroupDraft {
    if (this.#broker.fault !== null) return this.#refuse(groupId, asked ?? []);
    this.lsn = Math.max(this.lsn, this.#broker.groups.offsetsLsn(groupId));
    const told = this.#told.get(groupId) ?? new Set();
    this.#told.set(groupId, told);
    const topics =
      asked === null
        ? this.#findAll(groupId, told)
        : asked.map((topic) => this.#findAsked(groupId, told, topic));
    return { groupId, topics };
  }

  /** The disk is gone: the client is to look for a coordinator. */
  #refuse(groupId: string, asked: readonly AskedTopic[]): GroupDraft {
    const errorCode = coordinatorError(this.#broker);
    if (this.#version >= groupErrorSince) return { groupId, topics: [], errorCode };
    const topics = asked.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => noOffset(index, errorCode)),
    }));
    return { groupId, topics };
  }

  #findAll(groupId: string, told: Set<number>): TopicDraft[] {
    const rows = new Map<Topic, PartitionDraft[]>();
    for (const [partition, committed] of this.#broker.groups.committedOffsets(groupId)) {
      if (told.has(partition.id)) continue;
      told.add(partition.id);
      const ofTopic = rows.get(partition.topic) ?? [];
      rows.set(partition.topic, ofTopic);
      ofTopic.push(offsetRow(partition.index, committed));
    }
    return Array.from(rows, ([topic, partitions]) => ({
      name: topic.name,
      topicId: topic.uuidText,
      partitions,
    }));
  }

  #findAsked(groupId: string, told: Set<number>, asked: AskedTopic): TopicDraft {
    const { name, topicId, partitionIndexes } = asked;
    const usesIds = this.#version >= topicIdSince;
    const topic = usesIds ? this.#broker.topicByUuid(topicId) : this.#broker.topic(name);
    const missing = usesIds && topic === undefined ? kafkaErrors.unknownTopicId : kafkaErrors.none;
    const partitions = partitionIndexes.flatMap((index): readonly PartitionDraft[] => {
      const partition = topic?.partitions[index];
      if (partition === undefined) return [noOffset(index, missing)];
      if (told.has(partition.id)) return [];
      told.add(partition.id);
      const committed = this.#broker.groups.committedOffset(groupId, partition);
      return [committed === undefined ? noOffset(index, 0) : offsetRow(index, committed)];
    });
    return { name, topicId, partitions };
  }
}

function offsetRow(partitionIndex: number, committed: CommittedOffset): PartitionDraft {
  const { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata } = committed;
  return { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode: 0 };
}

function noOffset(partitionIndex: number, errorCode: number): PartitionDraft {
  return {
    partitionIndex,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode,
  };
}
