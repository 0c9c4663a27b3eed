/** OffsetDelete: a group forgets partitions of topics that none of its members reads. */
import type { Partition } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toGroupError } from '../group-errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { offsetDeleteRequest, offsetDeleteResponse } from '../schemas/offset-delete.ts';

/** A row of the answer; filled in when the broker has decided. */
interface Row {
  readonly partitionIndex: number;
  errorCode: number;
}

export function handleOffsetDelete(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  const body = bodyOf(request, offsetDeleteRequest);
  const deleted: Row[] = [];
  const found: Partition[] = [];
  const topics = body.topics.map(({ name, partitions }) => {
    const topic = broker.topic(name);
    const rows = partitions.map(({ partitionIndex }): Row => {
      const partition = topic?.partitions[partitionIndex];
      if (partition === undefined) {
        return { partitionIndex, errorCode: kafkaErrors.unknownTopicOrPartition };
      }
      const row = { partitionIndex, errorCode: kafkaErrors.none };
      deleted.push(row);
      found.push(partition);
      return row;
    });
    return { name, partitions: rows };
  });
  const outcome = broker.groups.deleteOffsets(body.groupId, found);
  const lsn = Math.max(outcome.lsn, broker.catalogLsn);
  const errorCode = toGroupError(outcome.error);
  if (errorCode !== kafkaErrors.none) {
    return answer(link, head, offsetDeleteResponse, { errorCode, topics: [] }, lsn);
  }
  deleted.forEach((row, i) => {
    row.errorCode = toGroupError(outcome.partitions[i] ?? null);
  });
  answer(link, head, offsetDeleteResponse, { errorCode, topics }, lsn);
}
