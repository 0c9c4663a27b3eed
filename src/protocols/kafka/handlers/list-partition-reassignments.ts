/** ListPartitionReassignments: with one broker nothing ever moves. */
import { kafkaErrors } from '../error-codes.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import {
  listPartitionReassignmentsRequest,
  listPartitionReassignmentsResponse,
} from '../schemas/list-partition-reassignments.ts';

export function handleListPartitionReassignments(request: KafkaRequest): void {
  bodyOf(request, listPartitionReassignmentsRequest);
  const draft = { errorCode: kafkaErrors.none, errorMessage: null, topics: [] };
  answer(request.link, request.head, listPartitionReassignmentsResponse, draft, 0);
}
