/** Metadata: the one broker, and topics by name, by id, or all; may make a topic that is asked for. */
import { isTopicName, type Topic } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DraftOf, ElementDraft } from '../schema.ts';
import { zeroUuid } from '../schema.ts';
import { metadataRequest, metadataResponse } from '../schemas/metadata.ts';
import type { KafkaServices } from '../services.ts';

type TopicDraft = ElementDraft<DraftOf<typeof metadataResponse>['topics']>;

export function handleMetadata(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const body = bodyOf(request, metadataRequest);
  const asked = body.topics;
  const wantsAll = asked === null || (head.version === 0 && asked.length === 0);
  // A topic that is being deleted is gone here already, and one being made is here: hence the catalog's LSN.
  const finder = new MetadataTopics(services, body.allowAutoTopicCreation);
  const topics = wantsAll
    ? [...broker.topics()].map((topic) => describeTopic(services, topic))
    : (asked ?? []).map(({ name, topicId }) => finder.describe(name, topicId));
  const { host, port } = link.advertised;
  answer(
    link,
    head,
    metadataResponse,
    {
      brokers: [{ nodeId: broker.nodeId, host, port }],
      clusterId: broker.clusterId,
      controllerId: broker.nodeId,
      topics,
    },
    broker.catalogLsn,
  );
}

class MetadataTopics {
  readonly #services: KafkaServices;
  readonly #mayCreate: boolean;

  constructor(services: KafkaServices, mayCreate: boolean) {
    this.#services = services;
    this.#mayCreate = mayCreate && services.broker.options.autoCreateTopics;
  }

  describe(name: string | null, topicId: string): TopicDraft {
    const { broker } = this.#services;
    if (name === null || (name === '' && topicId !== zeroUuid)) {
      const topic = broker.topicByUuid(topicId);
      if (topic !== undefined) return describeTopic(this.#services, topic);
      return emptyTopic(null, topicId, kafkaErrors.unknownTopicId);
    }
    const topic = broker.topic(name);
    if (topic !== undefined) return describeTopic(this.#services, topic);
    return emptyTopic(name, zeroUuid, this.#missing(name));
  }

  /** What is said of a topic that does not exist; makes it where that is wanted. */
  #missing(name: string): number {
    if (!isTopicName(name)) return kafkaErrors.invalidTopicException;
    if (!this.#mayCreate) return kafkaErrors.unknownTopicOrPartition;
    const spec = {
      name,
      partitions: -1,
      replicationFactor: -1,
      options: new Map(),
      validateOnly: false,
    };
    const outcome = this.#services.broker.createTopic(spec);
    return outcome.error === null ? kafkaErrors.leaderNotAvailable : toKafkaError(outcome.error);
  }
}

function emptyTopic(name: string | null, topicId: string, errorCode: number): TopicDraft {
  return { errorCode, name, topicId, partitions: [] };
}

function describeTopic({ broker }: KafkaServices, topic: Topic): TopicDraft {
  const replicas = [broker.nodeId];
  return {
    errorCode: kafkaErrors.none,
    name: topic.name,
    topicId: topic.uuidText,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((partition) => ({
      errorCode: kafkaErrors.none,
      partitionIndex: partition.index,
      leaderId: broker.nodeId,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: replicas,
      isrNodes: replicas,
      offlineReplicas: [],
    })),
  };
}
