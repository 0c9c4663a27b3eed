/** DescribeLogDirs: what partitions take on disk, and how much of that there is. */
import type { Broker, Topic } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf, DraftOf, ElementDraft } from '../schema.ts';
import { describeLogDirsRequest, describeLogDirsResponse } from '../schemas/describe-log-dirs.ts';

type Asked = DecodedOf<typeof describeLogDirsRequest>['topics'];
type Folder = ElementDraft<DraftOf<typeof describeLogDirsResponse>['results']>;
type FolderTopic = ElementDraft<Folder['topics']>;

export function handleDescribeLogDirs(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const { topics } = bodyOf(request, describeLogDirsRequest);
  const { storagePath: logDir } = broker.options;
  const space = broker.storageSpace();
  const folder: Folder =
    space === null
      ? { errorCode: kafkaErrors.kafkaStorageError, logDir, topics: [] }
      : { errorCode: kafkaErrors.none, logDir, topics: describeTopics(broker, topics), ...space };
  const draft = { results: [folder] };
  answer(link, head, describeLogDirsResponse, draft, broker.catalogLsn);
}

/** What does not exist is left out. */
function describeTopics(broker: Broker, asked: Asked): FolderTopic[] {
  if (asked === null) {
    return Array.from(broker.topics(), (topic) => describeTopic(topic, topic.partitions.keys()));
  }
  const wanted = new Map<Topic, Set<number>>();
  for (const { topic: name, partitions } of asked) {
    const topic = broker.topic(name);
    if (topic === undefined) continue;
    const indexes = wanted.get(topic) ?? new Set<number>();
    wanted.set(topic, indexes);
    for (const index of partitions) {
      if (topic.partitions[index] !== undefined) indexes.add(index);
    }
  }
  return Array.from(wanted, ([topic, indexes]) => describeTopic(topic, indexes)).filter(
    ({ partitions }) => partitions.length > 0,
  );
}

function describeTopic(topic: Topic, indexes: Iterable<number>): FolderTopic {
  const partitions = Array.from(indexes, (partitionIndex) => ({
    partitionIndex,
    partitionSize: Math.round(topic.partitions[partitionIndex]?.bytes ?? 0),
    offsetLag: 0,
    isFutureKey: false,
  }));
  return { name: topic.name, partitions };
}
