/** DeleteRecords (21): moves the start of partitions. */

import { array, int16, int32, int64, message, string, struct } from '../schema.ts';

export const deleteRecordsRequest = message('DeleteRecordsRequest', 2, {
  topics: array(
    struct({
      name: string(),
      /** Offset -1: the high watermark. */
      partitions: array(struct({ partitionIndex: int32(), offset: int64() })),
    }),
  ),
  timeoutMs: int32(),
});

export const deleteRecordsResponse = message('DeleteRecordsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  topics: array(
    struct({
      name: string(),
      partitions: array(
        struct({
          partitionIndex: int32(),
          /** The first offset that is left; -1 on error. */
          lowWatermark: int64(),
          errorCode: int16(),
        }),
      ),
    }),
  ),
});
