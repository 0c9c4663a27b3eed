/**
 * Reading over HTTP: committed records from given places on, of one partition or of many; waits for
 * some when there are none yet. Nothing is taken and no position is kept.
 */

import type { Broker, Partition, ReadRecords, StoredRecord } from '../broker/index.ts';
import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { ApiContext } from './context.ts';
import { offsetAt, type Place, place } from './position.ts';
import { problemOf, RequestFault } from './problem.ts';
import { type Route, route } from './route.ts';
import { integer, list, nullable, object, text, type Value, withDefault } from './schema.ts';
import { jsonBytes, jsonOf } from './stored-bytes.ts';
import { findPartition, findTopic, partitionIndex, topicName } from './topic-lookup.ts';
import { anyProgress } from './waiting.ts';

const positionsMax = 10_000;
const recordsMax = 10_000;
const bytesMax = 8 * 1024 * 1024;
const waitMsMax = 30_000;
/** What one step asks for; it gets more when a batch is larger. */
const readBytes = 64 * 1024;

const limits = {
  maxRecords: withDefault(integer({ min: 1, max: recordsMax }), 500),
  maxBytes: withDefault(
    integer({ min: 1, max: bytesMax, text: 'Of keys, values and headers; one record at least.' }),
    1024 * 1024,
  ),
  waitMs: withDefault(
    integer({ min: 0, max: waitMsMax, text: 'How long to wait when there is nothing yet.' }),
    0,
  ),
} as const;

const recordAnswer = object({
  offset: integer(),
  timestamp: integer({ text: 'Unix ms; -1 when its publisher set none.' }),
  key: jsonBytes,
  value: jsonBytes,
  headers: list(object({ key: text(), value: jsonBytes }), { max: 1_000_000 }),
});

const partitionAnswer = object({
  topic: text(),
  partition: integer(),
  logStart: integer(),
  highWatermark: integer(),
  nextOffset: integer({ text: 'Where to read on.' }),
  records: list(recordAnswer, { max: recordsMax }),
  error: nullable(object({ code: text(), title: text(), detail: text() })),
});

type PartitionAnswer = Value<typeof partitionAnswer>;
type RecordAnswer = Value<typeof recordAnswer>;

const readMany = route({
  method: 'POST',
  path: '/v1/records/read',
  operation: 'readRecords',
  text:
    'Reads from several partitions. The answer has those with records or an error, and those whose ' +
    'place was not given as an offset; read on from their `nextOffset`, and from the same place of the others.',
  parameters: {},
  query: {},
  body: object({
    positions: list(object({ topic: topicName, partition: partitionIndex, at: place }), {
      max: positionsMax,
    }),
    ...limits,
  }),
  bodyBytesMax: 4 * 1024 * 1024,
  answer: object({ partitions: list(partitionAnswer, { max: positionsMax }) }),
  errors: ['limit_exceeded'],
  async run(context, { body, gone }) {
    const places = await Promise.all(
      body.positions.map(async ({ topic, partition: index, at }) => {
        const partition = context.broker.topic(topic)?.partitions[index];
        if (partition === undefined) return missing(context.broker, topic, index);
        return startAt(context.broker, partition, at);
      }),
    );
    return { partitions: await read(context, places, body, gone) };
  },
});

const readOne = route({
  method: 'GET',
  path: '/v1/topics/{topic}/partitions/{partition}/records',
  operation: 'readPartition',
  text: 'Reads from one partition.',
  parameters: { topic: topicName, partition: partitionIndex },
  query: {
    at: withDefault(
      text({ max: 40, text: '`earliest`, `latest`, an offset, or `time:` and Unix ms.' }),
      'earliest',
    ),
    ...limits,
  },
  body: null,
  answer: partitionAnswer,
  errors: ['topic_not_found', 'partition_not_found', 'offset_out_of_range'],
  async run(context, { path, query, gone }) {
    const partition = await findPartition(context.broker, path.topic, path.partition);
    const start = await startAt(context.broker, partition, placeOf(query.at));
    const [answer] = await read(context, [{ ...start, isToBeTold: true }], query, gone);
    if (answer?.error)
      throw new BrokerError(answer.error.code as BrokerErrorCode, answer.error.detail);
    return answer;
  },
});

export const readRoutes: readonly Route[] = [readOne, readMany];

/** Where one partition is read, and what was found so far. */
interface Start {
  readonly partition: Partition | null;
  readonly offset: number;
  /** Also without records: the reader does not know yet where it stands. */
  readonly isToBeTold: boolean;
  readonly answer: PartitionAnswer;
}

interface Limits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly waitMs: number;
}

async function startAt(broker: Broker, partition: Partition, at: Place): Promise<Start> {
  const offset = await offsetAt(broker, partition, at);
  const { topic, index, logStart, highWatermark } = partition;
  return {
    partition,
    offset,
    isToBeTold: typeof at !== 'number',
    answer: {
      ...{ topic: topic.name, partition: index, logStart, highWatermark },
      ...{ nextOffset: offset, records: [], error: null },
    },
  };
}

async function missing(broker: Broker, name: string, index: number): Promise<Start> {
  const error = await findTopic(broker, name).then(
    () => new BrokerError('partition_not_found', `${name} has no partition ${index}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof BrokerError)) throw error;
  return {
    partition: null,
    offset: -1,
    isToBeTold: true,
    answer: {
      ...{ topic: name, partition: index, logStart: -1, highWatermark: -1 },
      ...{ nextOffset: -1, records: [], error: briefly(error) },
    },
  };
}

/** Waits at most once: what it waited for may be read by then, or have gone again. */
async function read(
  context: ApiContext,
  starts: readonly Start[],
  limits: Limits,
  gone: AbortSignal,
): Promise<PartitionAnswer[]> {
  const first = await readNow(context.broker, starts, limits);
  const isTold = first.some(({ records, error }) => records.length > 0 || error !== null);
  if (
    isTold ||
    limits.waitMs === 0 ||
    starts.some((start) => start.isToBeTold && start.partition === null)
  ) {
    return told(starts, first);
  }
  const partitions = starts.flatMap(({ partition }) => partition ?? []);
  const isStale = starts.some(
    ({ partition, offset }) => partition !== null && hasNews(partition, offset),
  );
  if (!isStale) await anyProgress(context, partitions, limits.waitMs, gone);
  return told(starts, await readNow(context.broker, starts, limits));
}

function told(starts: readonly Start[], answers: readonly PartitionAnswer[]): PartitionAnswer[] {
  return answers.filter(
    ({ records, error }, i) => starts[i]?.isToBeTold || records.length > 0 || error !== null,
  );
}

function hasNews(partition: Partition, offset: number): boolean {
  return partition.isDeleted || offset !== partition.highWatermark;
}

/** In the order of the starts, until a limit is met. */
async function readNow(
  broker: Broker,
  starts: readonly Start[],
  limits: Limits,
): Promise<PartitionAnswer[]> {
  const answers: PartitionAnswer[] = [];
  const room = { records: limits.maxRecords, bytes: limits.maxBytes };
  for (const { partition, offset, answer } of starts) {
    if (partition === null) {
      answers.push(answer);
      continue;
    }
    const { records, nextOffset, error } = await readPartition(broker, partition, offset, room);
    const { logStart, highWatermark } = partition;
    answers.push({ ...answer, logStart, highWatermark, records, nextOffset, error });
  }
  return answers;
}

/** What may still be put in the answer. */
interface Room {
  records: number;
  bytes: number;
}

/** In small steps: what is read past the limits was decoded for nothing. */
async function readPartition(broker: Broker, partition: Partition, from: number, room: Room) {
  const records: RecordAnswer[] = [];
  let nextOffset = from;
  while (room.records > 0 && room.bytes > 0 && hasNews(partition, nextOffset)) {
    const found = await readRecords(broker, partition, nextOffset);
    if (found instanceof BrokerError) {
      // What was readable before is delivered first.
      const error = records.length > 0 ? null : briefly(found);
      return { records, nextOffset, error };
    }
    const isStuck = found.nextOffset <= nextOffset;
    nextOffset = takeRecords(records, found, room);
    if (isStuck) break;
  }
  return { records, nextOffset, error: null };
}

function readRecords(
  broker: Broker,
  partition: Partition,
  offset: number,
): Promise<ReadRecords | BrokerError> {
  return new Promise((resolve) => {
    broker.readRecords(partition, offset, readBytes, (error, found) => {
      if (error === null) return resolve(found);
      const { logStart, highWatermark, topic, index } = partition;
      const detail =
        error === 'offset_out_of_range'
          ? `${topic.name}, partition ${index} has ${logStart} to ${highWatermark}, not ${offset}`
          : `${topic.name}, partition ${index}`;
      resolve(new BrokerError(error, detail));
    });
  });
}

/** Returns where to read on. */
function takeRecords(records: RecordAnswer[], found: ReadRecords, room: Room): number {
  for (const record of found.records) {
    if (room.records <= 0 || room.bytes <= 0) return record.offset;
    records.push(recordOf(record));
    room.records--;
    room.bytes -= sizeOf(record);
  }
  return found.nextOffset;
}

function recordOf({ offset, timestamp, key, value, headers }: StoredRecord): RecordAnswer {
  return {
    offset,
    timestamp,
    key: jsonOf(key),
    value: jsonOf(value),
    headers: headers.map((header) => ({ key: header.key, value: jsonOf(header.value) })),
  };
}

function sizeOf({ key, value, headers }: StoredRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}

function briefly(error: BrokerError): { code: string; title: string; detail: string } {
  return { code: error.code, title: String(problemOf(error).title), detail: error.detail };
}

function placeOf(at: string): Place {
  if (at === 'earliest' || at === 'latest') return at;
  const time = /^time:(\d{1,15})$/.exec(at)?.[1];
  if (time !== undefined) return { time: Number(time) };
  if (/^\d{1,15}$/.test(at)) return Number(at);
  throw new RequestFault('bad_request', '/query/at: `earliest`, `latest`, an offset or `time:ms`');
}
