/** FindCoordinator: this node coordinates every group; there are no transactions and share groups. */
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { findCoordinatorRequest, findCoordinatorResponse } from '../schemas/find-coordinator.ts';

const groupKey = 0;

export function handleFindCoordinator(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, findCoordinatorRequest);
  const isGroup = body.keyType === groupKey;
  const found = isGroup
    ? { nodeId: services.broker.nodeId, ...link.advertised, errorCode: kafkaErrors.none }
    : { nodeId: -1, host: '', port: -1, errorCode: kafkaErrors.invalidRequest };
  const errorMessage = isGroup ? null : 'only groups have a coordinator here';
  const coordinators = body.coordinatorKeys.map((key) => ({ key, ...found, errorMessage }));
  const answered = head.version < 4 ? { ...found, errorMessage } : { coordinators };
  answer(link, head, findCoordinatorResponse, answered, 0);
}
