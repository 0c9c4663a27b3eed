/** CreateTopics (19). */

import { array, bool, int8, int16, int32, message, string, struct, uuid } from '../schema.ts';

export const createTopicsRequest = message('CreateTopicsRequest', 5, {
  topics: array(
    struct({
      name: string(),
      /** -1: the broker's default, or as many as there are assignments. */
      numPartitions: int32(),
      /** -1: the broker's default, or what the assignments say. */
      replicationFactor: int16(),
      assignments: array(struct({ partitionIndex: int32(), brokerIds: array(int32()) })),
      configs: array(struct({ name: string(), value: string({ nullable: 0 }) })),
    }),
  ),
  timeoutMs: int32({ default: 60_000 }),
  validateOnly: bool({ since: 1, default: false }),
});

export const createTopicsResponse = message('CreateTopicsResponse', 5, {
  throttleTimeMs: int32({ since: 2, default: 0 }),
  topics: array(
    struct({
      name: string(),
      topicId: uuid({ since: 7 }),
      errorCode: int16(),
      errorMessage: string({ since: 1, nullable: 0 }),
      /** Why there are no configs; the topic itself may well exist. */
      topicConfigErrorCode: int16({ since: 5, tag: 0 }),
      numPartitions: int32({ since: 5, default: -1 }),
      replicationFactor: int16({ since: 5, default: -1 }),
      configs: array(
        struct({
          name: string(),
          value: string({ nullable: 5 }),
          readOnly: bool(),
          configSource: int8({ default: -1 }),
          isSensitive: bool(),
        }),
        { since: 5, nullable: 5 },
      ),
    }),
  ),
});
