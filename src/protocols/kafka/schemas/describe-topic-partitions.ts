/** DescribeTopicPartitions (75): as Metadata, a page at a time [KIP-966]. */

import { array, bool, int16, int32, message, string, struct, uuid } from '../schema.ts';
import { operationsNotAsked } from './metadata.ts';

/** Partitions in one page, whatever is asked for. */
export const partitionsPerPageMax = 2000;

/** Where the next page begins. */
const cursor = struct(
  { topicName: string(), partitionIndex: int32() },
  { nullable: 0, default: null },
);

export const describeTopicPartitionsRequest = message('DescribeTopicPartitionsRequest', 0, {
  /** Empty: all topics. */
  topics: array(struct({ name: string() })),
  responsePartitionLimit: int32({ default: partitionsPerPageMax }),
  cursor,
});

export const describeTopicPartitionsResponse = message('DescribeTopicPartitionsResponse', 0, {
  throttleTimeMs: int32({ default: 0 }),
  topics: array(
    struct({
      errorCode: int16(),
      name: string({ nullable: 0 }),
      topicId: uuid(),
      isInternal: bool({ default: false }),
      partitions: array(
        struct({
          errorCode: int16(),
          partitionIndex: int32(),
          leaderId: int32(),
          leaderEpoch: int32({ default: -1 }),
          replicaNodes: array(int32()),
          isrNodes: array(int32()),
          eligibleLeaderReplicas: array(int32(), { nullable: 0, default: null }),
          lastKnownElr: array(int32(), { nullable: 0, default: null }),
          offlineReplicas: array(int32()),
        }),
      ),
      topicAuthorizedOperations: int32({ default: operationsNotAsked }),
    }),
  ),
  nextCursor: cursor,
});
