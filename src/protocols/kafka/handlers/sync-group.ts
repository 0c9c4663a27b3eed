/** SyncGroup: answered when the leader has divided the work. */
import type { SyncOutcome } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toGroupError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { syncGroupRequest, syncGroupResponse } from '../schemas/sync-group.ts';

/** First version that says what it takes the group to be [KIP-559]. */
const protocolSince = 5;
const nothing = new Uint8Array(0);

export function handleSyncGroup(request: KafkaRequest): void {
  const { services, link, head, parking } = request;
  const body = bodyOf(request, syncGroupRequest);
  const refuse = (errorCode: number) =>
    answer(link, head, syncGroupResponse, { errorCode, assignment: nothing }, 0);
  const { protocolType, protocolName: protocol } = body;
  if (head.version >= protocolSince && (protocolType === null || protocol === null)) {
    return refuse(kafkaErrors.inconsistentGroupProtocol);
  }
  const sync = {
    groupId: body.groupId,
    generation: body.generationId,
    memberId: body.memberId,
    instanceId: body.groupInstanceId,
    protocolType,
    protocol,
    assignments: body.assignments,
  };
  parking.wait<SyncOutcome>({
    begin: (done) => services.broker.groups.sync(sync, done),
    respond: (outcome) => {
      const draft = {
        errorCode: toGroupError(outcome.error),
        protocolType: outcome.protocolType,
        protocolName: outcome.protocol,
        assignment: outcome.assignment,
      };
      answer(link, head, syncGroupResponse, draft, outcome.lsn);
    },
    giveUp: () => refuse(kafkaErrors.coordinatorNotAvailable),
  });
}
