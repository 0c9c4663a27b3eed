/** DeleteGroups: each group on its own, and once. */
import { toGroupError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { deleteGroupsRequest, deleteGroupsResponse } from '../schemas/delete-groups.ts';

export function handleDeleteGroups(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { groupsNames } = bodyOf(request, deleteGroupsRequest);
  let lsn = 0;
  const results = Array.from(new Set(groupsNames), (groupId) => {
    const outcome = services.broker.groups.delete(groupId);
    lsn = Math.max(lsn, outcome.lsn);
    return { groupId, errorCode: toGroupError(outcome.error) };
  });
  answer(link, head, deleteGroupsResponse, { results }, lsn);
}
