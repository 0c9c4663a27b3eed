/** InitProducerId for idempotent producers; transactional ids are refused for good. */
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { initProducerIdRequest, initProducerIdResponse } from '../schemas/init-producer-id.ts';

export function handleInitProducerId(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { transactionalId } = bodyOf(request, initProducerIdRequest);
  if (transactionalId !== null) {
    const refusal = { errorCode: kafkaErrors.invalidRequest, producerId: -1, producerEpoch: -1 };
    return answer(link, head, initProducerIdResponse, refusal, 0);
  }
  // Without a transactional id nobody is fenced: whatever id the client had, it gets a new one.
  const { error, producerId, lsn } = services.broker.newProducerId();
  const errorCode = error === null ? kafkaErrors.none : toKafkaError(error);
  const producerEpoch = error === null ? 0 : -1;
  answer(link, head, initProducerIdResponse, { errorCode, producerId, producerEpoch }, lsn);
}
