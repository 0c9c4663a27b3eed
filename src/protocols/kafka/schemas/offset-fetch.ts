/**
 * OffsetFetch (9): of one group up to version 7, of several from version 8; topics by id from
 * version 10.
 */

import {
  array,
  bool,
  int16,
  int32,
  int64,
  message,
  string,
  struct,
  uuid,
  zeroUuid,
} from '../schema.ts';

export const offsetFetchRequest = message('OffsetFetchRequest', 6, {
  groupId: string({ until: 7, default: '' }),
  /** Null: all that the group has committed. */
  topics: array(struct({ name: string(), partitionIndexes: array(int32()) }), {
    until: 7,
    nullable: 2,
    default: [],
  }),
  groups: array(
    struct({
      groupId: string(),
      memberId: string({ since: 9, nullable: 9, default: null }),
      memberEpoch: int32({ since: 9, default: -1 }),
      /** Null: all that the group has committed. */
      topics: array(
        struct({
          name: string({ until: 9, default: '' }),
          topicId: uuid({ since: 10, default: zeroUuid }),
          partitionIndexes: array(int32()),
        }),
        { nullable: 8 },
      ),
    }),
    { since: 8, default: [] },
  ),
  /** Whether to wait for transactions. */
  requireStable: bool({ since: 7, default: false }),
});

export const offsetFetchResponse = message('OffsetFetchResponse', 6, {
  throttleTimeMs: int32({ since: 3, default: 0 }),
  topics: array(
    struct({
      name: string(),
      partitions: array(
        struct({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ since: 5, default: -1 }),
          metadata: string({ nullable: 0 }),
          errorCode: int16(),
        }),
      ),
    }),
    { until: 7, default: [] },
  ),
  errorCode: int16({ since: 2, until: 7, default: 0 }),
  groups: array(
    struct({
      groupId: string(),
      topics: array(
        struct({
          name: string({ until: 9, default: '' }),
          topicId: uuid({ since: 10, default: zeroUuid }),
          partitions: array(
            struct({
              partitionIndex: int32(),
              committedOffset: int64(),
              committedLeaderEpoch: int32({ default: -1 }),
              metadata: string({ nullable: 8 }),
              errorCode: int16(),
            }),
          ),
        }),
      ),
      errorCode: int16({ default: 0 }),
    }),
    { since: 8, default: [] },
  ),
});
