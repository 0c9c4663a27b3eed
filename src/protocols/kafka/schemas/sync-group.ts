/** SyncGroup (14). */

import { array, bytes, int16, int32, message, string, struct } from '../schema.ts';

export const syncGroupRequest = message('SyncGroupRequest', 4, {
  groupId: string(),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string({ since: 3, nullable: 3, default: null }),
  protocolType: string({ since: 5, nullable: 5, default: null }),
  protocolName: string({ since: 5, nullable: 5, default: null }),
  /** From the leader; others send none. */
  assignments: array(struct({ memberId: string(), assignment: bytes() })),
});

export const syncGroupResponse = message('SyncGroupResponse', 4, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  errorCode: int16(),
  protocolType: string({ since: 5, nullable: 5, default: null }),
  protocolName: string({ since: 5, nullable: 5, default: null }),
  assignment: bytes(),
});
