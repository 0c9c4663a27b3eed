/**
 * Fetch (1), in the declarative form. The broker itself uses fetch-request.ts and
 * fetch-response.ts, which the tests hold against this.
 */

import {
  array,
  int8,
  int16,
  int32,
  int64,
  message,
  records,
  string,
  struct,
  uuid,
  zeroUuid,
} from '../schema.ts';

export const fetchRequest = message('FetchRequest', 12, {
  clusterId: string({ since: 12, nullable: 12, tag: 0, default: null }),
  replicaId: int32({ until: 14, default: -1 }),
  replicaState: struct(
    { replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1 }) },
    { since: 15, tag: 1 },
  ),
  maxWaitMs: int32(),
  minBytes: int32(),
  maxBytes: int32({ since: 3, default: 0x7fff_ffff }),
  isolationLevel: int8({ since: 4, default: 0 }),
  sessionId: int32({ since: 7, default: 0 }),
  sessionEpoch: int32({ since: 7, default: -1 }),
  topics: array(
    struct({
      topic: string({ until: 12, default: '' }),
      topicId: uuid({ since: 13, default: zeroUuid }),
      partitions: array(
        struct({
          partition: int32(),
          currentLeaderEpoch: int32({ since: 9, default: -1 }),
          fetchOffset: int64(),
          lastFetchedEpoch: int32({ since: 12, default: -1 }),
          logStartOffset: int64({ since: 5, default: -1 }),
          partitionMaxBytes: int32(),
          replicaDirectoryId: uuid({ since: 17, tag: 0 }),
          /** The default is the largest int64, as it is read here. */
          highWatermark: int64({ since: 18, tag: 1, default: Number.MAX_SAFE_INTEGER }),
        }),
      ),
    }),
  ),
  forgottenTopicsData: array(
    struct({
      topic: string({ until: 12, default: '' }),
      topicId: uuid({ since: 13, default: zeroUuid }),
      partitions: array(int32()),
    }),
    { since: 7, default: [] },
  ),
  rackId: string({ since: 11, default: '' }),
});

export const fetchResponse = message('FetchResponse', 12, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  errorCode: int16({ since: 7, default: 0 }),
  sessionId: int32({ since: 7, default: 0 }),
  responses: array(
    struct({
      topic: string({ until: 12, default: '' }),
      topicId: uuid({ since: 13, default: zeroUuid }),
      partitions: array(
        struct({
          partitionIndex: int32(),
          errorCode: int16(),
          highWatermark: int64(),
          lastStableOffset: int64({ since: 4, default: -1 }),
          logStartOffset: int64({ since: 5, default: -1 }),
          divergingEpoch: struct(
            { epoch: int32({ default: -1 }), endOffset: int64({ default: -1 }) },
            { since: 12, tag: 0 },
          ),
          currentLeader: struct(
            { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) },
            { since: 12, tag: 1 },
          ),
          snapshotId: struct(
            { endOffset: int64({ default: -1 }), epoch: int32({ default: -1 }) },
            { since: 12, tag: 2 },
          ),
          abortedTransactions: array(struct({ producerId: int64(), firstOffset: int64() }), {
            since: 4,
            nullable: 4,
          }),
          preferredReadReplica: int32({ since: 11, default: -1 }),
          records: records({ nullable: 0 }),
        }),
      ),
    }),
  ),
  nodeEndpoints: array(
    struct({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: 0, default: null }),
    }),
    { since: 16, tag: 0 },
  ),
});
