/** Metadata: the one broker, and topics by name, by id, or all; may make a topic that is asked for. */
import { isTopicName, type Topic } from '../../../broker/index.ts';
import { clusterOperations, topicOperations } from '../authorized-operations.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { type DecodedOf, type DraftOf, type ElementDraft, zeroUuid } from '../schema.ts';
import { metadataRequest, metadataResponse, operationsNotAsked } from '../schemas/metadata.ts';
import type { KafkaServices } from '../services.ts';

type Asked = NonNullable<DecodedOf<typeof metadataRequest>['topics']>[number];
type TopicDraft = ElementDraft<DraftOf<typeof metadataResponse>['topics']>;

/** First version that may ask by id. Versions 10 and 11 have the field only. */
const topicIdSince = 12;
/** Topics that one request may bring into being; for the rest it has to be sent again, as clients do. */
const createdPerRequestMax = 1000;

export function handleMetadata(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const body = bodyOf(request, metadataRequest);
  const asked = body.topics;
  const wantsAll = asked === null || (head.version === 0 && asked.length === 0);
  const finder = new MetadataTopics(services, head.version, {
    mayCreate: body.allowAutoTopicCreation && broker.options.autoCreateTopics,
    wantsOperations: body.includeTopicAuthorizedOperations,
  });
  const topics = wantsAll ? finder.describeAll() : finder.describeAsked(asked);
  const { host, port } = link.advertised;
  const draft = {
    brokers: [{ nodeId: broker.nodeId, host, port }],
    clusterId: broker.clusterId,
    controllerId: broker.nodeId,
    topics,
    clusterAuthorizedOperations: body.includeClusterAuthorizedOperations
      ? clusterOperations
      : operationsNotAsked,
  };
  // A topic that is being deleted is gone here already, and one being made is here: hence its LSN.
  answer(link, head, metadataResponse, draft, broker.catalogLsn);
}

interface Wishes {
  readonly mayCreate: boolean;
  readonly wantsOperations: boolean;
}

class MetadataTopics {
  readonly #services: KafkaServices;
  readonly #version: number;
  readonly #wishes: Wishes;
  #created = 0;

  constructor(services: KafkaServices, version: number, wishes: Wishes) {
    this.#services = services;
    this.#version = version;
    this.#wishes = wishes;
  }

  describeAll(): TopicDraft[] {
    return Array.from(this.#services.broker.topics(), (topic) => this.#describeTopic(topic));
  }

  /** Each topic once, however often it is asked for: an answer is not to outgrow its request. */
  describeAsked(asked: readonly Asked[]): TopicDraft[] {
    const described: TopicDraft[] = [];
    const seen = new Set<string>();
    for (const wanted of asked) {
      const key = `${wanted.topicId} ${wanted.name ?? ''}`;
      if (seen.has(key)) continue;
      seen.add(key);
      described.push(this.#describe(wanted));
    }
    return described;
  }

  #describe({ name, topicId }: Asked): TopicDraft {
    const hasId = topicId !== zeroUuid;
    if (this.#version < topicIdSince && (name === null || hasId)) {
      return emptyTopic(name ?? '', topicId, kafkaErrors.invalidRequest);
    }
    const { broker } = this.#services;
    if (hasId || name === null) {
      const topic = broker.topicByUuid(topicId);
      if (topic !== undefined) return this.#describeTopic(topic);
      return emptyTopic(null, topicId, kafkaErrors.unknownTopicId);
    }
    const topic = broker.topic(name);
    if (topic !== undefined) return this.#describeTopic(topic);
    return emptyTopic(name, zeroUuid, this.#missing(name));
  }

  /** What is said of a topic that does not exist; makes it where that is wanted. */
  #missing(name: string): number {
    if (!isTopicName(name)) return kafkaErrors.invalidTopicException;
    if (!this.#wishes.mayCreate) return kafkaErrors.unknownTopicOrPartition;
    if (++this.#created > createdPerRequestMax) return kafkaErrors.leaderNotAvailable;
    const outcome = this.#services.broker.createTopic({
      name,
      partitions: -1,
      replicationFactor: -1,
      options: new Map(),
      validateOnly: false,
    });
    return outcome.error === null ? kafkaErrors.leaderNotAvailable : toKafkaError(outcome.error);
  }

  #describeTopic(topic: Topic): TopicDraft {
    const { nodeId } = this.#services.broker;
    const replicas = [nodeId];
    return {
      errorCode: kafkaErrors.none,
      name: topic.name,
      topicId: topic.uuidText,
      isInternal: topic.isInternal,
      partitions: topic.partitions.map((partition) => ({
        errorCode: kafkaErrors.none,
        partitionIndex: partition.index,
        leaderId: nodeId,
        leaderEpoch: partition.leaderEpoch,
        replicaNodes: replicas,
        isrNodes: replicas,
        offlineReplicas: [],
      })),
      topicAuthorizedOperations: this.#wishes.wantsOperations
        ? topicOperations
        : operationsNotAsked,
    };
  }
}

function emptyTopic(name: string | null, topicId: string, errorCode: number): TopicDraft {
  return { errorCode, name, topicId, partitions: [] };
}
