/** CreatePartitions (37): more partitions for topics that exist. */

import { array, bool, int16, int32, message, string, struct } from '../schema.ts';

export const createPartitionsRequest = message('CreatePartitionsRequest', 2, {
  topics: array(
    struct({
      name: string(),
      /** How many it is to have, not how many more. */
      count: int32(),
      /** Null: wherever the broker likes. */
      assignments: array(struct({ brokerIds: array(int32()) }), { nullable: 0 }),
    }),
  ),
  timeoutMs: int32(),
  validateOnly: bool(),
});

export const createPartitionsResponse = message('CreatePartitionsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  results: array(
    struct({
      name: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: 0, default: null }),
    }),
  ),
});
