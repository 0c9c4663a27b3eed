/** DescribeCluster: the one broker. */
import { clusterOperations } from '../authorized-operations.ts';
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { describeClusterRequest, describeClusterResponse } from '../schemas/describe-cluster.ts';
import { operationsNotAsked } from '../schemas/metadata.ts';

const endpoints = { brokers: 1, controllers: 2 } as const;

export function handleDescribeCluster(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const body = bodyOf(request, describeClusterRequest);
  const { host, port } = link.advertised;
  const errorCode = endpointError(body.endpointType);
  const isOurs = errorCode === kafkaErrors.none;
  const draft = {
    errorCode,
    errorMessage: isOurs ? null : 'this listener is for brokers',
    endpointType: endpoints.brokers,
    clusterId: broker.clusterId,
    controllerId: broker.nodeId,
    brokers: isOurs ? [{ brokerId: broker.nodeId, host, port }] : [],
    clusterAuthorizedOperations: body.includeClusterAuthorizedOperations
      ? clusterOperations
      : operationsNotAsked,
  };
  answer(link, head, describeClusterResponse, draft, 0);
}

/** [KIP-919] */
function endpointError(endpointType: number): number {
  if (endpointType === endpoints.brokers) return kafkaErrors.none;
  return endpointType === endpoints.controllers
    ? kafkaErrors.mismatchedEndpointType
    : kafkaErrors.unsupportedEndpointType;
}
