/** ListGroups: all, or those in some states or of some types; all of ours are classic. */
import { kafkaErrors } from '../error-codes.ts';
import { coordinatorError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DraftOf, ElementDraft } from '../schema.ts';
import { listGroupsRequest, listGroupsResponse } from '../schemas/list-groups.ts';

type Listed = ElementDraft<DraftOf<typeof listGroupsResponse>['groups']>;

const groupType = 'classic';

export function handleListGroups(request: KafkaRequest): void {
  const { services, link, head } = request;
  const service = services.broker.groups;
  const body = bodyOf(request, listGroupsRequest);
  const errorCode = coordinatorError(services.broker);
  if (errorCode !== kafkaErrors.none) {
    return answer(link, head, listGroupsResponse, { errorCode, groups: [] }, 0);
  }
  const states = new Set(body.statesFilter.map((state) => state.trim().toLowerCase()));
  const types = new Set(body.typesFilter.map((type) => type.trim().toLowerCase()));
  const groups: Listed[] = [];
  if (types.size === 0 || types.has(groupType)) {
    for (const { groupId, protocolType, state: groupState } of service.list()) {
      if (states.size > 0 && !states.has(groupState.toLowerCase())) continue;
      groups.push({ groupId, protocolType, groupState, groupType });
    }
  }
  answer(link, head, listGroupsResponse, { errorCode, groups }, service.groupsLsn);
}
