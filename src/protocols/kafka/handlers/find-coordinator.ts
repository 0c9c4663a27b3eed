/** FindCoordinator: this node coordinates every group; there are no transactions and share groups. */
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { findCoordinatorRequest, findCoordinatorResponse } from '../schemas/find-coordinator.ts';

const groupKey = 0;
/** First version with several keys [KIP-699]. */
const severalSince = 4;

interface Found {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export function handleFindCoordinator(request: KafkaRequest): void {
  const { link, head } = request;
  const body = bodyOf(request, findCoordinatorRequest);
  const found = findNode(request, body.keyType);
  // Each key once: an answer is not to outgrow its request.
  const keys = Array.from(new Set(body.coordinatorKeys), (key) => ({ key, ...found }));
  const answered = head.version < severalSince ? found : { coordinators: keys };
  answer(link, head, findCoordinatorResponse, answered, 0);
}

function findNode({ services, link }: KafkaRequest, keyType: number): Found {
  const { broker } = services;
  if (keyType !== groupKey) {
    return nobody(kafkaErrors.invalidRequest, 'only groups have a coordinator here');
  }
  if (broker.fault !== null) {
    return nobody(kafkaErrors.coordinatorNotAvailable, 'the broker has stopped serving');
  }
  const { host, port } = link.advertised;
  return { errorCode: kafkaErrors.none, errorMessage: null, nodeId: broker.nodeId, host, port };
}

function nobody(errorCode: number, errorMessage: string): Found {
  return { errorCode, errorMessage, nodeId: -1, host: '', port: -1 };
}
