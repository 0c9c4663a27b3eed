/** ListGroups (16). */

import { array, int16, int32, message, string, struct } from '../schema.ts';

export const listGroupsRequest = message('ListGroupsRequest', 3, {
  /** Empty: in any state. */
  statesFilter: array(string(), { since: 4, default: [] }),
  /** Empty: of any type. */
  typesFilter: array(string(), { since: 5, default: [] }),
});

export const listGroupsResponse = message('ListGroupsResponse', 3, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  errorCode: int16(),
  groups: array(
    struct({
      groupId: string(),
      protocolType: string(),
      groupState: string({ since: 4, default: '' }),
      groupType: string({ since: 5, default: '' }),
    }),
  ),
});
