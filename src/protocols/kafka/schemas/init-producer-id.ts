/** InitProducerId (22). Version 6 [KIP-939] is not stable in Kafka and not offered here. */

import { int16, int32, int64, message, string } from '../schema.ts';

export const initProducerIdRequest = message('InitProducerIdRequest', 2, {
  transactionalId: string({ nullable: 0 }),
  transactionTimeoutMs: int32(),
  producerId: int64({ since: 3, default: -1 }),
  producerEpoch: int16({ since: 3, default: -1 }),
});

export const initProducerIdResponse = message('InitProducerIdResponse', 2, {
  throttleTimeMs: int32({ default: 0 }),
  errorCode: int16(),
  producerId: int64({ default: -1 }),
  producerEpoch: int16(),
});
