/** DescribeGroups: each group once, however often it is asked for. */
import type { GroupDescription } from '../../../broker/index.ts';
import { groupOperations } from '../authorized-operations.ts';
import { kafkaErrors } from '../error-codes.ts';
import { coordinatorError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest, messageOf } from '../request.ts';
import type { DraftOf, ElementDraft } from '../schema.ts';
import { describeGroupsRequest, describeGroupsResponse } from '../schemas/describe-groups.ts';
import { operationsNotAsked } from '../schemas/metadata.ts';

type Described = ElementDraft<DraftOf<typeof describeGroupsResponse>['groups']>;

/** First version in which a group that is not there is an error [KIP-1043]; before, it is dead. */
const notFoundSince = 6;

export function handleDescribeGroups(request: KafkaRequest): void {
  const { services, link, head } = request;
  const service = services.broker.groups;
  const body = bodyOf(request, describeGroupsRequest);
  const authorizedOperations = body.includeAuthorizedOperations
    ? groupOperations
    : operationsNotAsked;
  const error = coordinatorError(services.broker);
  const isRefused = error !== kafkaErrors.none;
  let lsn = isRefused ? 0 : service.groupsLsn;
  // Each once: a group's members can be a thousand times as long as its name.
  const groups = Array.from(new Set(body.groups), (groupId): Described => {
    if (isRefused) return { ...emptyRow(groupId), errorCode: error };
    const group = service.describe(groupId);
    lsn = Math.max(lsn, group?.lsn ?? 0);
    const row = group === undefined ? deadRow(groupId, head.version) : describedRow(group);
    return row.errorCode === kafkaErrors.none ? { ...row, authorizedOperations } : row;
  });
  answer(link, head, describeGroupsResponse, { groups }, lsn);
}

function describedRow(group: GroupDescription): Described {
  return {
    errorCode: kafkaErrors.none,
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: group.protocol,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata,
      memberAssignment: member.assignment,
    })),
  };
}

function emptyRow(groupId: string): Omit<Described, 'errorCode'> {
  return { groupId, groupState: '', protocolType: '', protocolData: '', members: [] };
}

function deadRow(groupId: string, version: number): Described {
  const row = { ...emptyRow(groupId), groupState: 'Dead' };
  if (version < notFoundSince) return { ...row, errorCode: kafkaErrors.none };
  const errorMessage = messageOf(`there is no group ${groupId}`);
  return { ...row, errorCode: kafkaErrors.groupIdNotFound, errorMessage };
}
