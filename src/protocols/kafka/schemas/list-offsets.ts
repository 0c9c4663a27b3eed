/** ListOffsets (2): from a time, or a special one below 0, to an offset. */

import { array, int8, int16, int32, int64, message, string, struct } from '../schema.ts';

export const listOffsetsRequest = message('ListOffsetsRequest', 6, {
  replicaId: int32(),
  isolationLevel: int8({ since: 2, default: 0 }),
  topics: array(
    struct({
      name: string(),
      partitions: array(
        struct({
          partitionIndex: int32(),
          currentLeaderEpoch: int32({ since: 4, default: -1 }),
          timestamp: int64(),
        }),
      ),
    }),
  ),
  timeoutMs: int32({ since: 10, default: 0 }),
});

export const listOffsetsResponse = message('ListOffsetsResponse', 6, {
  throttleTimeMs: int32({ since: 2, default: 0 }),
  topics: array(
    struct({
      name: string(),
      partitions: array(
        struct({
          partitionIndex: int32(),
          errorCode: int16(),
          timestamp: int64({ since: 1, default: -1 }),
          offset: int64({ since: 1, default: -1 }),
          leaderEpoch: int32({ since: 4, default: -1 }),
        }),
      ),
    }),
  ),
});
