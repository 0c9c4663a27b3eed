/** DeleteGroups (42). */

import { array, int16, int32, message, string, struct } from '../schema.ts';

export const deleteGroupsRequest = message('DeleteGroupsRequest', 2, {
  groupsNames: array(string()),
});

export const deleteGroupsResponse = message('DeleteGroupsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  results: array(struct({ groupId: string(), errorCode: int16() })),
});
