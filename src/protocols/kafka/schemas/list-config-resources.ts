/** ListConfigResources (74): what has settings of its own [KIP-1142]. */

import { array, int8, int16, int32, message, string, struct } from '../schema.ts';

/** Kafka's number of the subscriptions to client metrics: the only kind that version 0 lists. */
export const clientMetricsResource = 16;

export const listConfigResourcesRequest = message('ListConfigResourcesRequest', 0, {
  /** Empty: all kinds. */
  resourceTypes: array(int8(), { since: 1, default: [] }),
});

export const listConfigResourcesResponse = message('ListConfigResourcesResponse', 0, {
  throttleTimeMs: int32({ default: 0 }),
  errorCode: int16(),
  configResources: array(
    struct({
      resourceName: string(),
      resourceType: int8({ since: 1, default: clientMetricsResource }),
    }),
  ),
});
