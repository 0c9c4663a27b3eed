/** JoinGroup (11). */

import { array, bool, bytes, int16, int32, message, string, struct } from '../schema.ts';

export const joinGroupRequest = message('JoinGroupRequest', 6, {
  groupId: string(),
  sessionTimeoutMs: int32(),
  /** Version 0: as the session timeout. */
  rebalanceTimeoutMs: int32({ since: 1, default: -1 }),
  /** Empty the first time. */
  memberId: string(),
  groupInstanceId: string({ since: 5, nullable: 5, default: null }),
  protocolType: string(),
  protocols: array(struct({ name: string(), metadata: bytes() })),
  reason: string({ since: 8, nullable: 8, default: null }),
});

export const joinGroupResponse = message('JoinGroupResponse', 6, {
  throttleTimeMs: int32({ since: 2, default: 0 }),
  errorCode: int16(),
  generationId: int32({ default: -1 }),
  protocolType: string({ since: 7, nullable: 7, default: null }),
  protocolName: string({ nullable: 7 }),
  leader: string(),
  skipAssignment: bool({ since: 9, default: false }),
  memberId: string(),
  /** Of the leader: all; of others: none. */
  members: array(
    struct({
      memberId: string(),
      groupInstanceId: string({ since: 5, nullable: 5, default: null }),
      metadata: bytes(),
    }),
  ),
});
