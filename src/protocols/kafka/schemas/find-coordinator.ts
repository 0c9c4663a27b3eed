/** FindCoordinator (10): one key up to version 3, several from version 4. */

import { array, int8, int16, int32, message, string, struct } from '../schema.ts';

export const findCoordinatorRequest = message('FindCoordinatorRequest', 3, {
  key: string({ until: 3, default: '' }),
  /** 0: group, 1: transaction, 2: share. */
  keyType: int8({ since: 1, default: 0 }),
  coordinatorKeys: array(string(), { since: 4, default: [] }),
});

export const findCoordinatorResponse = message('FindCoordinatorResponse', 3, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  errorCode: int16({ until: 3, default: 0 }),
  errorMessage: string({ since: 1, until: 3, nullable: 1, default: null }),
  nodeId: int32({ until: 3, default: -1 }),
  host: string({ until: 3, default: '' }),
  port: int32({ until: 3, default: -1 }),
  coordinators: array(
    struct({
      key: string(),
      nodeId: int32(),
      host: string(),
      port: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: 4, default: null }),
    }),
    { since: 4, default: [] },
  ),
});
