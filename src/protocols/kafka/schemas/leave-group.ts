/** LeaveGroup (13): one member up to version 2, several from version 3. */

import { array, int16, int32, message, string, struct } from '../schema.ts';

export const leaveGroupRequest = message('LeaveGroupRequest', 4, {
  groupId: string(),
  memberId: string({ until: 2, default: '' }),
  members: array(
    struct({
      /** May be empty beside an instance id. */
      memberId: string(),
      groupInstanceId: string({ nullable: 3, default: null }),
      reason: string({ since: 5, nullable: 5, default: null }),
    }),
    { since: 3, default: [] },
  ),
});

export const leaveGroupResponse = message('LeaveGroupResponse', 4, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  errorCode: int16(),
  members: array(
    struct({ memberId: string(), groupInstanceId: string({ nullable: 3 }), errorCode: int16() }),
    { since: 3, default: [] },
  ),
});
