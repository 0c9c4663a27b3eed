/** ListPartitionReassignments (46): replicas under way from one broker to another. */

import { array, int16, int32, message, string, struct } from '../schema.ts';

export const listPartitionReassignmentsRequest = message('ListPartitionReassignmentsRequest', 0, {
  timeoutMs: int32({ default: 60_000 }),
  /** Null: all. */
  topics: array(struct({ name: string(), partitionIndexes: array(int32()) }), {
    nullable: 0,
    default: null,
  }),
});

export const listPartitionReassignmentsResponse = message('ListPartitionReassignmentsResponse', 0, {
  throttleTimeMs: int32({ default: 0 }),
  errorCode: int16(),
  errorMessage: string({ nullable: 0 }),
  topics: array(
    struct({
      name: string(),
      partitions: array(
        struct({
          partitionIndex: int32(),
          replicas: array(int32()),
          addingReplicas: array(int32()),
          removingReplicas: array(int32()),
        }),
      ),
    }),
  ),
});
