/** DescribeCluster: the one broker. */
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { describeClusterRequest, describeClusterResponse } from '../schemas/describe-cluster.ts';

const brokerEndpoints = 1;

export function handleDescribeCluster(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const { endpointType } = bodyOf(request, describeClusterRequest);
  const { host, port } = link.advertised;
  const isOurs = endpointType === brokerEndpoints;
  answer(
    link,
    head,
    describeClusterResponse,
    {
      errorCode: isOurs ? kafkaErrors.none : kafkaErrors.mismatchedEndpointType,
      errorMessage: isOurs ? null : 'this listener is for brokers, not controllers',
      endpointType: brokerEndpoints,
      clusterId: broker.clusterId,
      controllerId: broker.nodeId,
      brokers: isOurs ? [{ brokerId: broker.nodeId, host, port }] : [],
    },
    0,
  );
}
