/** OffsetDelete (47): never flexible. */

import { array, int16, int32, message, string, struct } from '../schema.ts';

export const offsetDeleteRequest = message('OffsetDeleteRequest', Number.POSITIVE_INFINITY, {
  groupId: string(),
  topics: array(struct({ name: string(), partitions: array(struct({ partitionIndex: int32() })) })),
});

export const offsetDeleteResponse = message('OffsetDeleteResponse', Number.POSITIVE_INFINITY, {
  errorCode: int16(),
  throttleTimeMs: int32({ default: 0 }),
  topics: array(
    struct({
      name: string(),
      partitions: array(struct({ partitionIndex: int32(), errorCode: int16() })),
    }),
  ),
});
