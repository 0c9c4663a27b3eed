/** DescribeGroups (15). */

import { array, bool, bytes, int16, int32, message, string, struct } from '../schema.ts';
import { operationsNotAsked } from './metadata.ts';

export const describeGroupsRequest = message('DescribeGroupsRequest', 5, {
  groups: array(string()),
  includeAuthorizedOperations: bool({ since: 3, default: false }),
});

export const describeGroupsResponse = message('DescribeGroupsResponse', 5, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  groups: array(
    struct({
      errorCode: int16(),
      errorMessage: string({ since: 6, nullable: 6, default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      /** The protocol's name, when the group is stable. */
      protocolData: string(),
      members: array(
        struct({
          memberId: string(),
          groupInstanceId: string({ since: 4, nullable: 4, default: null }),
          clientId: string(),
          clientHost: string(),
          memberMetadata: bytes(),
          memberAssignment: bytes(),
        }),
      ),
      authorizedOperations: int32({ since: 3, default: operationsNotAsked }),
    }),
  ),
});
