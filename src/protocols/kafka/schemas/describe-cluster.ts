/** DescribeCluster (60). */

import { array, bool, int8, int16, int32, message, string, struct } from '../schema.ts';
import { operationsNotAsked } from './metadata.ts';

export const describeClusterRequest = message('DescribeClusterRequest', 0, {
  includeClusterAuthorizedOperations: bool(),
  /** 1: brokers, 2: controllers. */
  endpointType: int8({ since: 1, default: 1 }),
  includeFencedBrokers: bool({ since: 2, default: false }),
});

export const describeClusterResponse = message('DescribeClusterResponse', 0, {
  throttleTimeMs: int32({ default: 0 }),
  errorCode: int16(),
  errorMessage: string({ nullable: 0, default: null }),
  endpointType: int8({ since: 1, default: 1 }),
  clusterId: string(),
  controllerId: int32({ default: -1 }),
  brokers: array(
    struct({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: 0, default: null }),
      isFenced: bool({ since: 2, default: false }),
    }),
  ),
  clusterAuthorizedOperations: int32({ default: operationsNotAsked }),
});
