/** OffsetForLeaderEpoch: where an epoch ends, so that clients notice a truncated log [KIP-320]. */
import { kafkaErrors } from '../error-codes.ts';
import { leaderEpochError } from '../leader-epoch.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from '../schemas/offset-for-leader-epoch.ts';

export function handleOffsetForLeaderEpoch(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const body = bodyOf(request, offsetForLeaderEpochRequest);
  const topics = body.topics.map(({ topic: name, partitions }) => {
    const topic = broker.topic(name);
    const rows = partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
      const partition = topic?.partitions[index];
      if (partition === undefined) {
        return { errorCode: kafkaErrors.unknownTopicOrPartition, partition: index };
      }
      const errorCode = leaderEpochError(partition, currentLeaderEpoch);
      if (errorCode !== kafkaErrors.none) return { errorCode, partition: index };
      const end = broker.endOffsetForEpoch(partition, leaderEpoch);
      return { errorCode, partition: index, leaderEpoch: end.epoch, endOffset: end.endOffset };
    });
    return { topic: name, partitions: rows };
  });
  answer(link, head, offsetForLeaderEpochResponse, { topics }, broker.catalogLsn);
}
