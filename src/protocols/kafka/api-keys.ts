/**
 * The APIs this broker speaks: one table.
 *
 * Owns: keys, version ranges, and which schemas belong to them.
 * Leaves: the answer to ApiVersions to its handler, which lists `advertisedMin` to `max`.
 *
 * `handledMin` and `advertisedMin` differ in two cases:
 * - Produce is advertised from 0 although record batches of today begin with 3: older librdkafka
 *   asks whether version 0 is supported before it compresses. Real requests below 3 are decoded so
 *   that they can be answered with UNSUPPORTED_VERSION.
 * - Versions that Kafka 4 dropped [KIP-896] and that cost nothing to decode are handled, unadvertised.
 */

import type { Message } from './schema.ts';
import { apiVersionsRequest, apiVersionsResponse } from './schemas/api-versions.ts';
import { createTopicsRequest, createTopicsResponse } from './schemas/create-topics.ts';
import { deleteTopicsRequest, deleteTopicsResponse } from './schemas/delete-topics.ts';
import { describeClusterRequest, describeClusterResponse } from './schemas/describe-cluster.ts';
import { fetchRequest, fetchResponse } from './schemas/fetch.ts';
import { findCoordinatorRequest, findCoordinatorResponse } from './schemas/find-coordinator.ts';
import { initProducerIdRequest, initProducerIdResponse } from './schemas/init-producer-id.ts';
import { listOffsetsRequest, listOffsetsResponse } from './schemas/list-offsets.ts';
import { metadataRequest, metadataResponse } from './schemas/metadata.ts';
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from './schemas/offset-for-leader-epoch.ts';
import { produceRequest, produceResponse } from './schemas/produce.ts';

export const apiKeys = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  findCoordinator: 10,
  apiVersions: 18,
  createTopics: 19,
  deleteTopics: 20,
  initProducerId: 22,
  offsetForLeaderEpoch: 23,
  describeCluster: 60,
} as const;

export type ApiName = keyof typeof apiKeys;

export interface Api {
  readonly name: ApiName;
  readonly key: number;
  /** Lowest version that is decoded and answered. */
  readonly handledMin: number;
  /** Lowest version that clients are told of. */
  readonly advertisedMin: number;
  readonly max: number;
  /** First version whose headers and body are flexible [KIP-482]. */
  readonly flexibleSince: number;
  readonly request: Message;
  readonly response: Message;
}

/** The versions of one API: handled from, advertised from, up to. */
type Versions = readonly [handledMin: number, advertisedMin: number, max: number];

function api(name: ApiName, versions: Versions, request: Message, response: Message): Api {
  const [handledMin, advertisedMin, max] = versions;
  const flexibleSince = request.flexibleSince;
  return {
    name,
    key: apiKeys[name],
    handledMin,
    advertisedMin,
    max,
    flexibleSince,
    request,
    response,
  };
}

/** In ascending order of keys. */
export const apis: readonly Api[] = [
  api('produce', [0, 0, 13], produceRequest, produceResponse),
  api('fetch', [4, 4, 18], fetchRequest, fetchResponse),
  api('listOffsets', [1, 1, 11], listOffsetsRequest, listOffsetsResponse),
  api('metadata', [0, 0, 13], metadataRequest, metadataResponse),
  api('findCoordinator', [0, 0, 6], findCoordinatorRequest, findCoordinatorResponse),
  api('apiVersions', [0, 0, 4], apiVersionsRequest, apiVersionsResponse),
  api('createTopics', [0, 2, 7], createTopicsRequest, createTopicsResponse),
  api('deleteTopics', [0, 1, 6], deleteTopicsRequest, deleteTopicsResponse),
  api('initProducerId', [0, 0, 5], initProducerIdRequest, initProducerIdResponse),
  api('offsetForLeaderEpoch', [2, 2, 4], offsetForLeaderEpochRequest, offsetForLeaderEpochResponse),
  api('describeCluster', [0, 0, 2], describeClusterRequest, describeClusterResponse),
];

const byKey: (Api | undefined)[] = [];
for (const entry of apis) byKey[entry.key] = entry;

// HOT: once per request.
export function apiOf(key: number): Api | undefined {
  return key >= 0 && key < byKey.length ? byKey[key] : undefined;
}
