/** DescribeGroups: each group once, however often it is asked for. */
import type { GroupDescription } from '../../../broker/index.ts';
import { groupOperations } from '../authorized-operations.ts';
import { type KafkaErrorCode, kafkaErrors } from '../error-codes.ts';
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
  // A group's members can be a thousand times as long as its name.
  const groupIds = new Set(body.groups);
  const error = coordinatorError(services.broker);
  if (error !== kafkaErrors.none) {
    const groups = Array.from(groupIds, (groupId) => missingRow(groupId, '', error, null));
    return answer(link, head, describeGroupsResponse, { groups }, 0);
  }
  const operations = body.includeAuthorizedOperations ? groupOperations : operationsNotAsked;
  let lsn = service.groupsLsn;
  const groups: Described[] = [];
  for (const groupId of groupIds) {
    const group = service.describe(groupId);
    if (group !== undefined) {
      lsn = Math.max(lsn, group.lsn);
      groups.push(describedRow(group, operations));
    } else if (head.version < notFoundSince) {
      groups.push(missingRow(groupId, 'Dead', kafkaErrors.none, null, operations));
    } else {
      const text = messageOf(`there is no group ${groupId}`);
      groups.push(missingRow(groupId, 'Dead', kafkaErrors.groupIdNotFound, text));
    }
  }
  answer(link, head, describeGroupsResponse, { groups }, lsn);
}

function describedRow(group: GroupDescription, authorizedOperations: number): Described {
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
    authorizedOperations,
  };
}

function missingRow(
  groupId: string,
  groupState: string,
  errorCode: KafkaErrorCode,
  errorMessage: string | null,
  authorizedOperations: number = operationsNotAsked,
): Described {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState,
    protocolType: '',
    protocolData: '',
    members: [],
    authorizedOperations,
  };
}
