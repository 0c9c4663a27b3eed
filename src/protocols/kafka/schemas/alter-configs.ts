/** AlterConfigs (33), which sets all settings of a resource, and IncrementalAlterConfigs (44). */

import { array, bool, int8, int16, int32, message, string, struct } from '../schema.ts';

const responses = array(
  struct({
    errorCode: int16(),
    errorMessage: string({ nullable: 0 }),
    resourceType: int8(),
    resourceName: string(),
  }),
);

export const alterConfigsRequest = message('AlterConfigsRequest', 2, {
  resources: array(
    struct({
      resourceType: int8(),
      resourceName: string(),
      configs: array(struct({ name: string(), value: string({ nullable: 0 }) })),
    }),
  ),
  validateOnly: bool(),
});

export const alterConfigsResponse = message('AlterConfigsResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  responses,
});

export const incrementalAlterConfigsRequest = message('IncrementalAlterConfigsRequest', 1, {
  resources: array(
    struct({
      resourceType: int8(),
      resourceName: string(),
      configs: array(
        struct({ name: string(), configOperation: int8(), value: string({ nullable: 0 }) }),
      ),
    }),
  ),
  validateOnly: bool(),
});

export const incrementalAlterConfigsResponse = message('IncrementalAlterConfigsResponse', 1, {
  throttleTimeMs: int32({ default: 0 }),
  responses,
});
