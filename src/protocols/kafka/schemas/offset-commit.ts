/** OffsetCommit (8): topics by name up to version 9, by id from version 10. */

import { array, int16, int32, int64, message, string, struct, uuid, zeroUuid } from '../schema.ts';

export const offsetCommitRequest = message('OffsetCommitRequest', 8, {
  groupId: string(),
  /** -1: not a member, and needs no group to divide its work. */
  generationId: int32({ since: 1, default: -1 }),
  memberId: string({ since: 1, default: '' }),
  groupInstanceId: string({ since: 7, nullable: 7, default: null }),
  /** -1: as long as the broker keeps them. */
  retentionTimeMs: int64({ since: 2, until: 4, default: -1 }),
  topics: array(
    struct({
      name: string({ until: 9, default: '' }),
      topicId: uuid({ since: 10, default: zeroUuid }),
      partitions: array(
        struct({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ since: 6, default: -1 }),
          committedMetadata: string({ nullable: 0 }),
        }),
      ),
    }),
  ),
});

export const offsetCommitResponse = message('OffsetCommitResponse', 8, {
  throttleTimeMs: int32({ since: 3, default: 0 }),
  topics: array(
    struct({
      name: string({ until: 9, default: '' }),
      topicId: uuid({ since: 10, default: zeroUuid }),
      partitions: array(struct({ partitionIndex: int32(), errorCode: int16() })),
    }),
  ),
});
