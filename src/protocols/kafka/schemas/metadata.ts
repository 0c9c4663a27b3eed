/** Metadata (3): brokers, topics, leaders. */

import { array, bool, int16, int32, message, string, struct, uuid, zeroUuid } from '../schema.ts';

/** The bit field of authorized operations when nobody asked for it. */
export const operationsNotAsked = -0x8000_0000;

export const metadataRequest = message('MetadataRequest', 9, {
  /** Null: all topics. Empty: none, but in version 0 all. */
  topics: array(
    struct({ topicId: uuid({ since: 10, default: zeroUuid }), name: string({ nullable: 10 }) }),
    { nullable: 1 },
  ),
  allowAutoTopicCreation: bool({ since: 4, default: true }),
  includeClusterAuthorizedOperations: bool({ since: 8, until: 10, default: false }),
  includeTopicAuthorizedOperations: bool({ since: 8, default: false }),
});

export const metadataResponse = message('MetadataResponse', 9, {
  throttleTimeMs: int32({ since: 3, default: 0 }),
  brokers: array(
    struct({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ since: 1, nullable: 1, default: null }),
    }),
  ),
  clusterId: string({ since: 2, nullable: 2, default: null }),
  controllerId: int32({ since: 1, default: -1 }),
  topics: array(
    struct({
      errorCode: int16(),
      name: string({ nullable: 12 }),
      topicId: uuid({ since: 10 }),
      isInternal: bool({ since: 1, default: false }),
      partitions: array(
        struct({
          errorCode: int16(),
          partitionIndex: int32(),
          leaderId: int32(),
          leaderEpoch: int32({ since: 7, default: -1 }),
          replicaNodes: array(int32()),
          isrNodes: array(int32()),
          offlineReplicas: array(int32(), { since: 5, default: [] }),
        }),
      ),
      topicAuthorizedOperations: int32({ since: 8, default: operationsNotAsked }),
    }),
  ),
  clusterAuthorizedOperations: int32({ since: 8, until: 10, default: operationsNotAsked }),
  errorCode: int16({ since: 13, default: 0 }),
});
