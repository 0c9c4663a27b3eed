/**
 * Produce (0), in the declarative form. The broker itself uses produce-request.ts and
 * produce-response.ts, which the tests hold against this.
 *
 * Versions 0 to 2 are described because they are answered, with UNSUPPORTED_VERSION.
 */

import {
  array,
  int16,
  int32,
  int64,
  message,
  records,
  string,
  struct,
  uuid,
  zeroUuid,
} from '../schema.ts';

export const produceRequest = message('ProduceRequest', 9, {
  transactionalId: string({ since: 3, nullable: 3, default: null }),
  acks: int16(),
  timeoutMs: int32(),
  topicData: array(
    struct({
      name: string({ until: 12, default: '' }),
      topicId: uuid({ since: 13, default: zeroUuid }),
      partitionData: array(struct({ index: int32(), records: records({ nullable: 0 }) })),
    }),
  ),
});

export const produceResponse = message('ProduceResponse', 9, {
  responses: array(
    struct({
      name: string({ until: 12, default: '' }),
      topicId: uuid({ since: 13, default: zeroUuid }),
      partitionResponses: array(
        struct({
          index: int32(),
          errorCode: int16(),
          baseOffset: int64(),
          logAppendTimeMs: int64({ since: 2, default: -1 }),
          logStartOffset: int64({ since: 5, default: -1 }),
          recordErrors: array(
            struct({
              batchIndex: int32(),
              batchIndexErrorMessage: string({ nullable: 8, default: null }),
            }),
            { since: 8, default: [] },
          ),
          errorMessage: string({ since: 8, nullable: 8, default: null }),
          currentLeader: struct(
            { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) },
            { since: 10, tag: 0 },
          ),
        }),
      ),
    }),
  ),
  throttleTimeMs: int32({ since: 1, default: 0 }),
  nodeEndpoints: array(
    struct({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: 0, default: null }),
    }),
    { since: 10, tag: 0 },
  ),
});
