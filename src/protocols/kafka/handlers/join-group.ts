/**
 * JoinGroup: answered when the group is complete, which may take a rebalance timeout.
 *
 *   version 0   no rebalance timeout: as long as the session timeout
 *   from 4      a dynamic member is first told its id [KIP-394]
 *   from 7      no protocol is null, before that ''
 *   from 9      a returning static leader may be told to keep the assignment [KIP-814]
 */
import type { JoinOutcome, JoinRequest } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toGroupError } from '../group-errors.ts';
import { groupIdError } from '../group-id.ts';
import { type AnswerHead, answer, bodyOf, clientIdOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf, DraftOf } from '../schema.ts';
import { joinGroupRequest, joinGroupResponse } from '../schemas/join-group.ts';

type Body = DecodedOf<typeof joinGroupRequest>;

const returnsWithIdSince = 4;
const nullableProtocolSince = 7;
const skipsAssignmentSince = 9;
/** As long as clients allow. A member's id begins with it and has to fit a string. */
const instanceIdCharactersMax = 249;

export function handleJoinGroup(request: KafkaRequest): void {
  const { services, link, head, parking } = request;
  const body = bodyOf(request, joinGroupRequest);
  const { memberId } = body;
  const refuse = (errorCode: number) => {
    answer(link, head, joinGroupResponse, refused(head, errorCode, memberId), 0);
  };
  const error = findFault(body);
  if (error !== kafkaErrors.none) return refuse(error);
  const join = joinOf(request, body);
  parking.wait<JoinOutcome>({
    begin: (done) => services.broker.groups.join(join, done),
    respond: (outcome) => {
      answer(link, head, joinGroupResponse, draftOf(head, outcome), outcome.lsn);
    },
    giveUp: () => refuse(kafkaErrors.coordinatorNotAvailable),
  });
}

function findFault({ groupId, groupInstanceId }: Body): number {
  if ((groupInstanceId?.length ?? 0) > instanceIdCharactersMax) return kafkaErrors.invalidRequest;
  return groupIdError(groupId);
}

function joinOf(request: KafkaRequest, body: Body): JoinRequest {
  const { version } = request.head;
  return {
    groupId: body.groupId,
    memberId: body.memberId,
    instanceId: body.groupInstanceId,
    clientId: clientIdOf(request),
    clientHost: `/${request.link.remote.host}`,
    sessionTimeoutMs: body.sessionTimeoutMs,
    rebalanceTimeoutMs: version === 0 ? body.sessionTimeoutMs : body.rebalanceTimeoutMs,
    protocolType: body.protocolType,
    protocols: body.protocols,
    mustReturnWithId: version >= returnsWithIdSince,
    canSkipAssignment: version >= skipsAssignmentSince,
    reason: body.reason ?? '',
  };
}

function draftOf(head: AnswerHead, outcome: JoinOutcome): DraftOf<typeof joinGroupResponse> {
  if (outcome.error !== null) return refused(head, toGroupError(outcome.error), outcome.memberId);
  return {
    errorCode: kafkaErrors.none,
    generationId: outcome.generation,
    protocolType: outcome.protocolType,
    protocolName: nameOf(head, outcome.protocol),
    leader: outcome.leader,
    skipAssignment: outcome.skipsAssignment,
    memberId: outcome.memberId,
    members: outcome.members.map(({ memberId, instanceId: groupInstanceId, metadata }) => ({
      memberId,
      groupInstanceId,
      metadata,
    })),
  };
}

function refused(
  head: AnswerHead,
  errorCode: number,
  memberId: string,
): DraftOf<typeof joinGroupResponse> {
  return { errorCode, protocolName: nameOf(head, null), leader: '', memberId, members: [] };
}

function nameOf({ version }: AnswerHead, protocol: string | null): string | null {
  if (version < nullableProtocolSince) return protocol ?? '';
  return protocol === '' ? null : protocol;
}
