/**
 * ListOffsets: from a time, or a special one below 0, to an offset.
 *
 *   -1 latest   -2 earliest   -3 of the largest timestamp (from 7)   -4 earliest here (from 8)
 *   -5 latest archived (from 9)   -6 earliest to be archived (from 11)
 *
 * Look-ups by time may read from disk: the request is parked until the last one is done.
 */
import type { Partition } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { leaderEpochError } from '../leader-epoch.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf } from '../schema.ts';
import { listOffsetsRequest, listOffsetsResponse } from '../schemas/list-offsets.ts';
import type { KafkaServices } from '../services.ts';

type Asked = DecodedOf<typeof listOffsetsRequest>['topics'][number]['partitions'][number];

/** Filled in when its look-up is done. */
interface Row {
  readonly partitionIndex: number;
  errorCode: number;
  timestamp: number;
  offset: number;
  leaderEpoch: number;
}

const special = {
  latest: -1,
  earliest: -2,
  maxTimestamp: -3,
  earliestLocal: -4,
  latestArchived: -5,
  earliestPendingUpload: -6,
} as const;

/** First version that knows a special timestamp. */
const knownSince: Readonly<Record<number, number>> = {
  [special.latest]: 0,
  [special.earliest]: 0,
  [special.maxTimestamp]: 7,
  [special.earliestLocal]: 8,
  [special.latestArchived]: 9,
  [special.earliestPendingUpload]: 11,
};

export function handleListOffsets(request: KafkaRequest): void {
  const { services, link, head, life } = request;
  const { broker } = services;
  const body = bodyOf(request, listOffsetsRequest);
  let lookups = 1;
  let isParked = false;
  const seen = new Set<string>();
  const topics = body.topics.map(({ name, partitions }) => {
    const topic = broker.topic(name);
    const rows = partitions.map((asked) => {
      const row = emptyRow(asked.partitionIndex);
      const key = `${name} ${asked.partitionIndex}`;
      if (seen.has(key)) {
        row.errorCode = kafkaErrors.invalidRequest;
        return row;
      }
      seen.add(key);
      lookups += 1;
      const partition = topic?.partitions[asked.partitionIndex];
      fillRow(services, partition, asked, head.version, row, done);
      return row;
    });
    return { name, partitions: rows };
  });

  function done(): void {
    lookups -= 1;
    if (lookups > 0 || life.isClosed) return;
    answer(link, head, listOffsetsResponse, { topics }, broker.catalogLsn);
    if (isParked) link.resume();
  }

  done();
  if (lookups === 0) return;
  isParked = true;
  link.hold();
}

function emptyRow(partitionIndex: number): Row {
  const errorCode = kafkaErrors.none;
  return { partitionIndex, errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}

function fillRow(
  { broker }: KafkaServices,
  partition: Partition | undefined,
  asked: Asked,
  version: number,
  row: Row,
  done: () => void,
): void {
  if (partition === undefined) row.errorCode = kafkaErrors.unknownTopicOrPartition;
  else row.errorCode = leaderEpochError(partition, asked.currentLeaderEpoch);
  if (partition === undefined || row.errorCode !== kafkaErrors.none) return done();
  const { timestamp } = asked;
  if (timestamp >= 0) {
    return broker.offsetForTimestamp(partition, timestamp, positionFiller(row, done));
  }
  if (version < (knownSince[timestamp] ?? Number.POSITIVE_INFINITY)) {
    row.errorCode = kafkaErrors.unsupportedVersion;
    return done();
  }
  if (timestamp === special.maxTimestamp) {
    return broker.offsetOfMaxTimestamp(partition, positionFiller(row, done));
  }
  // Nothing is archived: -5 has no answer, and all that could be uploaded is everything.
  if (timestamp !== special.latestArchived) {
    row.offset = timestamp === special.latest ? partition.highWatermark : partition.logStart;
    row.leaderEpoch = partition.leaderEpoch;
  }
  done();
}

function positionFiller(
  row: Row,
  done: () => void,
): Parameters<KafkaServices['broker']['offsetOfMaxTimestamp']>[1] {
  return (error, position) => {
    if (error === null) {
      row.timestamp = position.timestamp;
      row.offset = position.offset;
      row.leaderEpoch = position.leaderEpoch;
    } else {
      row.errorCode = toKafkaError(error);
    }
    done();
  };
}
