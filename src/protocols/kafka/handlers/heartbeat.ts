/** Heartbeat: the member is there, and learns whether it has to join again. */
import { toGroupError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { heartbeatRequest, heartbeatResponse } from '../schemas/heartbeat.ts';

export function handleHeartbeat(request: KafkaRequest): void {
  const { services, link, head } = request;
  const body = bodyOf(request, heartbeatRequest);
  const { error, lsn } = services.broker.groups.heartbeat({
    groupId: body.groupId,
    generation: body.generationId,
    memberId: body.memberId,
    instanceId: body.groupInstanceId,
  });
  answer(link, head, heartbeatResponse, { errorCode: toGroupError(error) }, lsn);
}
