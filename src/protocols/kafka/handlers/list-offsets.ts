/**
 * ListOffsets: from a time, or a special one below 0, to an offset.
 *
 *   -1 latest   -2 earliest   -3 of the largest timestamp (from 7)   -4 earliest here (from 8)
 *   -5 latest archived (from 9)   -6 earliest to be archived (from 11)
 *
 * Look-ups by time may read from disk. They are done one after the other, so that a request for many
 * partitions takes little memory and lets others have their turn; it is parked until the last one.
 */
import type { Partition, PositionDone } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { leaderEpochError } from '../leader-epoch.ts';
import { answer, bodyOf, type KafkaRequest } from '../request.ts';
import type { DecodedOf } from '../schema.ts';
import { listOffsetsRequest, listOffsetsResponse } from '../schemas/list-offsets.ts';

type AskedTopic = DecodedOf<typeof listOffsetsRequest>['topics'][number];

/** A row of the answer; filled in when its look-up is done. */
interface Row {
  readonly partitionIndex: number;
  errorCode: number;
  timestamp: number;
  offset: number;
  leaderEpoch: number;
}

/** What a row is still to be filled from. */
interface Lookup {
  readonly partition: Partition;
  readonly timestamp: number;
  readonly row: Row;
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

/** Look-ups that were done at once, before others have their turn. */
const lookupsPerTurn = 64;

export function handleListOffsets(request: KafkaRequest): void {
  new OffsetListing(request).run();
}

class OffsetListing {
  readonly #services: KafkaRequest['services'];
  readonly #link: KafkaRequest['link'];
  readonly #life: KafkaRequest['life'];
  readonly #head: KafkaRequest['head'];
  readonly #topics: readonly { readonly name: string; readonly partitions: readonly Row[] }[];
  readonly #lookups: Lookup[] = [];
  #next = 0;
  #isInRun = false;
  #isLooking = false;

  constructor(request: KafkaRequest) {
    this.#services = request.services;
    this.#link = request.link;
    this.#life = request.life;
    this.#head = request.head;
    const { topics } = bodyOf(request, listOffsetsRequest);
    const counts = new Map<string, Map<number, number>>();
    for (const { name, partitions } of topics) {
      const ofTopic = counts.get(name) ?? new Map<number, number>();
      counts.set(name, ofTopic);
      for (const { partitionIndex } of partitions) {
        ofTopic.set(partitionIndex, (ofTopic.get(partitionIndex) ?? 0) + 1);
      }
    }
    this.#topics = topics.map((topic) => ({
      name: topic.name,
      partitions: this.#rowsOf(topic, counts.get(topic.name)),
    }));
  }

  /** Fills rows as long as that is possible at once; goes on when a look-up calls back. */
  run(): void {
    this.#isInRun = true;
    for (let done = 0; !this.#life.isClosed; done++) {
      const lookup = this.#lookups[this.#next];
      if (lookup === undefined) {
        this.#answer();
        break;
      }
      if (done === lookupsPerTurn) {
        this.#services.scheduler.nextSlice(() => this.run());
        this.#park();
        break;
      }
      this.#next++;
      this.#isLooking = true;
      this.#look(lookup);
      if (this.#isLooking) {
        this.#park();
        break;
      }
    }
    this.#isInRun = false;
  }

  #park(): void {
    if (!this.#link.isHeld) this.#link.hold();
  }

  #answer(): void {
    const { catalogLsn } = this.#services.broker;
    answer(this.#link, this.#head, listOffsetsResponse, { topics: this.#topics }, catalogLsn);
    this.#link.resume();
  }

  #rowsOf(
    { name, partitions }: AskedTopic,
    counts: ReadonlyMap<number, number> | undefined,
  ): Row[] {
    const topic = this.#services.broker.topic(name);
    return partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
      const row = { partitionIndex, errorCode: 0, timestamp: -1, offset: -1, leaderEpoch: -1 };
      const partition = topic?.partitions[partitionIndex];
      if ((counts?.get(partitionIndex) ?? 0) > 1) {
        row.errorCode = kafkaErrors.invalidRequest;
      } else if (partition === undefined) {
        row.errorCode = kafkaErrors.unknownTopicOrPartition;
      } else {
        row.errorCode = leaderEpochError(partition, currentLeaderEpoch);
        if (row.errorCode === kafkaErrors.none) this.#fill({ partition, timestamp, row });
      }
      return row;
    });
  }

  /** Fills the row, or leaves it to a look-up. */
  #fill(lookup: Lookup): void {
    const { partition, timestamp, row } = lookup;
    if (timestamp < 0 && this.#head.version < (knownSince[timestamp] ?? Number.POSITIVE_INFINITY)) {
      row.errorCode = kafkaErrors.unsupportedVersion;
      return;
    }
    switch (timestamp) {
      case special.latest:
        row.offset = partition.highWatermark;
        row.leaderEpoch = partition.leaderEpoch;
        return;
      case special.earliest:
      case special.earliestLocal:
        row.offset = partition.logStart;
        row.leaderEpoch = partition.epochAt(row.offset);
        return;
      case special.latestArchived:
      case special.earliestPendingUpload:
        // Nothing is archived, and nothing will be.
        return;
      default:
        this.#lookups.push(lookup);
    }
  }

  #look(lookup: Lookup): void {
    const { broker } = this.#services;
    const { partition, timestamp, row } = lookup;
    // Deleted while the look-ups before this one were under way.
    if (partition.isDeleted) {
      row.errorCode = kafkaErrors.unknownTopicOrPartition;
      this.#isLooking = false;
      return;
    }
    const { logStart } = partition;
    const done: PositionDone = (error, position) => {
      if (error === null) Object.assign(row, position);
      // What it was looking at has been let go meanwhile.
      else if (!partition.isDeleted && partition.logStart !== logStart) this.#lookups.push(lookup);
      else row.errorCode = toKafkaError(error);
      this.#isLooking = false;
      if (!this.#isInRun) this.run();
    };
    if (timestamp === special.maxTimestamp) broker.offsetOfMaxTimestamp(partition, done);
    else broker.offsetForTimestamp(partition, timestamp, done);
  }
}
