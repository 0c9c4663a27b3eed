/** OffsetForLeaderEpoch: where an epoch ends, so that clients notice a truncated log [KIP-320]. */
import type { Partition } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { leaderEpochError } from '../leader-epoch.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from '../schemas/offset-for-leader-epoch.ts';
import type { KafkaServices } from '../services.ts';

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
      return { errorCode, partition: index, ...endOfEpoch(services, partition, leaderEpoch) };
    });
    return { topic: name, partitions: rows };
  });
  answer(link, head, offsetForLeaderEpochResponse, { topics }, broker.catalogLsn);
}

/** The largest epoch up to the one asked for and its end; both -1 for one that never was. */
function endOfEpoch(
  { broker }: KafkaServices,
  partition: Partition,
  leaderEpoch: number,
): { readonly leaderEpoch: number; readonly endOffset: number } {
  if (leaderEpoch < 0 || leaderEpoch > partition.leaderEpoch) {
    return { leaderEpoch: -1, endOffset: -1 };
  }
  // The present epoch goes on to the end, with or without a batch of its own.
  if (leaderEpoch === partition.leaderEpoch) {
    return { leaderEpoch, endOffset: partition.highWatermark };
  }
  const { epoch, endOffset } = broker.endOffsetForEpoch(partition, leaderEpoch);
  // Nothing of it or before it is left: whoever was there goes on at the start.
  if (epoch < 0) return { leaderEpoch, endOffset: partition.logStart };
  return { leaderEpoch: epoch, endOffset };
}
