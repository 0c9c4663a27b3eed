/** DeleteTopics (20): by name, from version 6 by name or id. */

import { array, int16, int32, message, string, struct, uuid } from '../schema.ts';

export const deleteTopicsRequest = message('DeleteTopicsRequest', 4, {
  topics: array(struct({ name: string({ nullable: 6, default: null }), topicId: uuid() }), {
    since: 6,
    default: [],
  }),
  topicNames: array(string(), { until: 5, default: [] }),
  timeoutMs: int32(),
});

export const deleteTopicsResponse = message('DeleteTopicsResponse', 4, {
  throttleTimeMs: int32({ since: 1, default: 0 }),
  responses: array(
    struct({
      name: string({ nullable: 6 }),
      topicId: uuid({ since: 6 }),
      errorCode: int16(),
      errorMessage: string({ since: 5, nullable: 5, default: null }),
    }),
  ),
});
