/** Heartbeat (12). */

import { int16, int32, message, string } from '../schema.ts';

export const heartbeatRequest = message('HeartbeatRequest', 4, {
  groupId: string(),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string({ since: 3, nullable: 3, default: null }),
});

export const heartbeatResponse = message('HeartbeatResponse', 4, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  errorCode: int16(),
});
