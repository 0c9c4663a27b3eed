/** DeleteRecords: moves the start of partitions, each on its own. */
import type { Partition, Topic } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import { deleteRecordsRequest, deleteRecordsResponse } from '../schemas/delete-records.ts';
import type { KafkaServices } from '../services.ts';

const highWatermark = -1;

interface Result {
  readonly lowWatermark: number;
  readonly errorCode: number;
  readonly lsn: number;
}

export function handleDeleteRecords(request: KafkaRequest): void {
  const { services, link, head } = request;
  const { broker } = services;
  // Of a partition that is named twice the last offset counts, as in Kafka.
  const wanted = new Map<string, Map<number, number>>();
  for (const { name, partitions } of bodyOf(request, deleteRecordsRequest).topics) {
    const ofTopic = wanted.get(name) ?? new Map<number, number>();
    wanted.set(name, ofTopic);
    for (const { partitionIndex, offset } of partitions) ofTopic.set(partitionIndex, offset);
  }
  let lsn = broker.catalogLsn;
  const topics = Array.from(wanted, ([name, offsets]) => {
    const topic = broker.topic(name);
    const partitions = Array.from(offsets, ([partitionIndex, offset]) => {
      const partition = topic?.partitions[partitionIndex];
      const result = deleteBefore(services, partition, offset);
      lsn = Math.max(lsn, result.lsn);
      const { lowWatermark, errorCode } = result;
      return { partitionIndex, lowWatermark, errorCode };
    });
    return { name, partitions };
  });
  answer(link, head, deleteRecordsResponse, { topics }, lsn);
}

function deleteBefore(
  { broker }: KafkaServices,
  partition: Partition | undefined,
  offset: number,
): Result {
  if (partition === undefined) return refused(kafkaErrors.unknownTopicOrPartition);
  const why = findTopicFault(partition.topic);
  if (why !== kafkaErrors.none) return refused(why);
  if (offset < highWatermark) return refused(kafkaErrors.offsetOutOfRange);
  const { error, lsn, logStart } = broker.deleteRecords(partition, offset);
  if (error !== null) return { lowWatermark: -1, errorCode: toKafkaError(error), lsn };
  return { lowWatermark: logStart, errorCode: kafkaErrors.none, lsn };
}

/** What is only compacted keeps the last record of each key, whoever asks. */
function findTopicFault({ isInternal, options }: Topic): number {
  if (isInternal) return kafkaErrors.invalidTopicException;
  const isCompactedOnly = options.isCompacting && !options.isDeleting && !options.isUntilSettled;
  return isCompactedOnly ? kafkaErrors.policyViolation : kafkaErrors.none;
}

function refused(errorCode: number): Result {
  return { lowWatermark: -1, errorCode, lsn: 0 };
}
