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
import {
  createAclsRequest,
  createAclsResponse,
  deleteAclsRequest,
  deleteAclsResponse,
  describeAclsRequest,
  describeAclsResponse,
} from './schemas/acls.ts';
import {
  alterConfigsRequest,
  alterConfigsResponse,
  incrementalAlterConfigsRequest,
  incrementalAlterConfigsResponse,
} from './schemas/alter-configs.ts';
import { apiVersionsRequest, apiVersionsResponse } from './schemas/api-versions.ts';
import { createPartitionsRequest, createPartitionsResponse } from './schemas/create-partitions.ts';
import { createTopicsRequest, createTopicsResponse } from './schemas/create-topics.ts';
import { deleteGroupsRequest, deleteGroupsResponse } from './schemas/delete-groups.ts';
import { deleteRecordsRequest, deleteRecordsResponse } from './schemas/delete-records.ts';
import { deleteTopicsRequest, deleteTopicsResponse } from './schemas/delete-topics.ts';
import {
  describeClientQuotasRequest,
  describeClientQuotasResponse,
} from './schemas/describe-client-quotas.ts';
import { describeClusterRequest, describeClusterResponse } from './schemas/describe-cluster.ts';
import { describeConfigsRequest, describeConfigsResponse } from './schemas/describe-configs.ts';
import { describeGroupsRequest, describeGroupsResponse } from './schemas/describe-groups.ts';
import { describeLogDirsRequest, describeLogDirsResponse } from './schemas/describe-log-dirs.ts';
import {
  describeTopicPartitionsRequest,
  describeTopicPartitionsResponse,
} from './schemas/describe-topic-partitions.ts';
import { fetchRequest, fetchResponse } from './schemas/fetch.ts';
import { findCoordinatorRequest, findCoordinatorResponse } from './schemas/find-coordinator.ts';
import { heartbeatRequest, heartbeatResponse } from './schemas/heartbeat.ts';
import { initProducerIdRequest, initProducerIdResponse } from './schemas/init-producer-id.ts';
import { joinGroupRequest, joinGroupResponse } from './schemas/join-group.ts';
import { leaveGroupRequest, leaveGroupResponse } from './schemas/leave-group.ts';
import {
  listConfigResourcesRequest,
  listConfigResourcesResponse,
} from './schemas/list-config-resources.ts';
import { listGroupsRequest, listGroupsResponse } from './schemas/list-groups.ts';
import { listOffsetsRequest, listOffsetsResponse } from './schemas/list-offsets.ts';
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from './schemas/list-partition-reassignments.ts';
import { metadataRequest, metadataResponse } from './schemas/metadata.ts';
import { offsetCommitRequest, offsetCommitResponse } from './schemas/offset-commit.ts';
import { offsetDeleteRequest, offsetDeleteResponse } from './schemas/offset-delete.ts';
import { offsetFetchRequest, offsetFetchResponse } from './schemas/offset-fetch.ts';
import {
  offsetForLeaderEpochRequest,
  offsetForLeaderEpochResponse,
} from './schemas/offset-for-leader-epoch.ts';
import { produceRequest, produceResponse } from './schemas/produce.ts';
import { syncGroupRequest, syncGroupResponse } from './schemas/sync-group.ts';

export const apiKeys = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  offsetFetch: 9,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  describeGroups: 15,
  listGroups: 16,
  apiVersions: 18,
  createTopics: 19,
  deleteTopics: 20,
  deleteRecords: 21,
  initProducerId: 22,
  offsetForLeaderEpoch: 23,
  describeAcls: 29,
  createAcls: 30,
  deleteAcls: 31,
  describeConfigs: 32,
  alterConfigs: 33,
  describeLogDirs: 35,
  createPartitions: 37,
  deleteGroups: 42,
  incrementalAlterConfigs: 44,
  listPartitionReassignments: 46,
  offsetDelete: 47,
  describeClientQuotas: 48,
  describeCluster: 60,
  listConfigResources: 74,
  describeTopicPartitions: 75,
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
  api('offsetCommit', [2, 2, 10], offsetCommitRequest, offsetCommitResponse),
  api('offsetFetch', [1, 1, 10], offsetFetchRequest, offsetFetchResponse),
  api('findCoordinator', [0, 0, 6], findCoordinatorRequest, findCoordinatorResponse),
  api('joinGroup', [0, 0, 9], joinGroupRequest, joinGroupResponse),
  api('heartbeat', [0, 0, 4], heartbeatRequest, heartbeatResponse),
  api('leaveGroup', [0, 0, 5], leaveGroupRequest, leaveGroupResponse),
  api('syncGroup', [0, 0, 5], syncGroupRequest, syncGroupResponse),
  api('describeGroups', [0, 0, 6], describeGroupsRequest, describeGroupsResponse),
  api('listGroups', [0, 0, 5], listGroupsRequest, listGroupsResponse),
  api('apiVersions', [0, 0, 4], apiVersionsRequest, apiVersionsResponse),
  api('createTopics', [0, 2, 7], createTopicsRequest, createTopicsResponse),
  api('deleteTopics', [0, 1, 6], deleteTopicsRequest, deleteTopicsResponse),
  api('deleteRecords', [0, 0, 2], deleteRecordsRequest, deleteRecordsResponse),
  api('initProducerId', [0, 0, 5], initProducerIdRequest, initProducerIdResponse),
  api('offsetForLeaderEpoch', [2, 2, 4], offsetForLeaderEpochRequest, offsetForLeaderEpochResponse),
  api('describeAcls', [0, 1, 3], describeAclsRequest, describeAclsResponse),
  api('createAcls', [0, 1, 3], createAclsRequest, createAclsResponse),
  api('deleteAcls', [0, 1, 3], deleteAclsRequest, deleteAclsResponse),
  api('describeConfigs', [0, 1, 4], describeConfigsRequest, describeConfigsResponse),
  api('alterConfigs', [0, 0, 2], alterConfigsRequest, alterConfigsResponse),
  api('describeLogDirs', [0, 1, 5], describeLogDirsRequest, describeLogDirsResponse),
  api('createPartitions', [0, 0, 3], createPartitionsRequest, createPartitionsResponse),
  api('deleteGroups', [0, 0, 2], deleteGroupsRequest, deleteGroupsResponse),
  api(
    'incrementalAlterConfigs',
    [0, 0, 1],
    incrementalAlterConfigsRequest,
    incrementalAlterConfigsResponse,
  ),
  api(
    'listPartitionReassignments',
    [0, 0, 0],
    listPartitionReassignmentsRequest,
    listPartitionReassignmentsResponse,
  ),
  api('offsetDelete', [0, 0, 0], offsetDeleteRequest, offsetDeleteResponse),
  api('describeClientQuotas', [0, 0, 1], describeClientQuotasRequest, describeClientQuotasResponse),
  api('describeCluster', [0, 0, 2], describeClusterRequest, describeClusterResponse),
  api('listConfigResources', [0, 0, 1], listConfigResourcesRequest, listConfigResourcesResponse),
  api(
    'describeTopicPartitions',
    [0, 0, 0],
    describeTopicPartitionsRequest,
    describeTopicPartitionsResponse,
  ),
];

const byKey: (Api | undefined)[] = [];
for (const entry of apis) byKey[entry.key] = entry;

// HOT: once per request.
export function apiOf(key: number): Api | undefined {
  return key >= 0 && key < byKey.length ? byKey[key] : undefined;
}
