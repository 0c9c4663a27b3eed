/** OffsetForLeaderEpoch (23): where an epoch ends; clients find truncation with it [KIP-320]. */

import { array, int16, int32, int64, message, string, struct } from '../schema.ts';

export const offsetForLeaderEpochRequest = message('OffsetForLeaderEpochRequest', 4, {
  /** -2: not said; -1: a consumer. */
  replicaId: int32({ since: 3, default: -2 }),
  topics: array(
    struct({
      topic: string(),
      partitions: array(
        struct({
          partition: int32(),
          currentLeaderEpoch: int32({ since: 2, default: -1 }),
          leaderEpoch: int32(),
        }),
      ),
    }),
  ),
});

export const offsetForLeaderEpochResponse = message('OffsetForLeaderEpochResponse', 4, {
  throttleTimeMs: int32({ since: 2, default: 0 }),
  topics: array(
    struct({
      topic: string(),
      partitions: array(
        struct({
          errorCode: int16(),
          partition: int32(),
          leaderEpoch: int32({ since: 1, default: -1 }),
          endOffset: int64({ default: -1 }),
        }),
      ),
    }),
  ),
});
