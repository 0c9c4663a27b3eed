/** LeaveGroup: members go, or are sent away by an administrator. */
import { kafkaErrors } from '../error-codes.ts';
import { toGroupError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { leaveGroupRequest, leaveGroupResponse } from '../schemas/leave-group.ts';

/** First version with several members, each with its own error [KIP-345]. */
const severalSince = 3;

export function handleLeaveGroup(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, leaveGroupRequest);
  const isSeveral = head.version >= severalSince;
  const asked = isSeveral
    ? body.members
    : [{ memberId: body.memberId, groupInstanceId: null, reason: null }];
  const outcome = services.broker.groups.leave(
    body.groupId,
    asked.map(({ memberId, groupInstanceId: instanceId, reason }) => ({
      memberId,
      instanceId,
      reason: reason ?? '',
    })),
  );
  const { lsn } = outcome;
  const errorCode = toGroupError(outcome.error);
  const codes = outcome.members.map(toGroupError);
  if (!isSeveral) {
    const code = errorCode === kafkaErrors.none ? (codes[0] ?? errorCode) : errorCode;
    return answer(link, head, leaveGroupResponse, { errorCode: code }, lsn);
  }
  const rows = asked.map(({ memberId, groupInstanceId }, i) => ({
    memberId,
    groupInstanceId,
    errorCode: codes[i] ?? kafkaErrors.unknownMemberId,
  }));
  const members = errorCode === kafkaErrors.none ? rows : [];
  answer(link, head, leaveGroupResponse, { errorCode, members }, lsn);
}
