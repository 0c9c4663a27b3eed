/**
 * Routes about topics: list, describe, create, change, delete.
 */

import { type Broker, type Topic, topicOptionTable } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { committed, settled } from './context.ts';
import { pageOf, pageQuery } from './paging.ts';
import { RequestFault } from './problem.ts';
import { type Route, route } from './route.ts';
import {
  choice,
  flag,
  integer,
  list,
  nullable,
  object,
  optional,
  record,
  text,
  type Value,
  withDefault,
} from './schema.ts';
import { findTopic, topicName } from './topic-lookup.ts';

/** More than there are. */
const optionsMax = 200;

const optionValues = record(text({ max: 32_768 }), {
  max: optionsMax,
  text: 'Options of the topic by their names, values as text.',
});

const partitionAnswer = object({
  partition: integer(),
  logStart: integer({ text: 'The first offset that can be read.' }),
  highWatermark: integer({ text: 'The first offset that cannot be read yet.' }),
  bytes: integer({ text: 'Kept on the disk.' }),
  leaderEpoch: integer(),
});

const optionAnswer = object({
  name: text(),
  value: text(),
  source: choice(['topic', 'broker', 'default'], 'Where the value comes from.'),
  isActive: flag('False: kept and shown, but nothing depends on it.'),
  text: text(),
});

const topicSummary = object({
  name: text(),
  id: text({ text: 'Never given to another topic.' }),
  isInternal: flag(),
  partitions: integer(),
  records: integer({ text: 'Offsets between log start and high watermark, of all partitions.' }),
  bytes: integer({ text: 'Kept on the disk, of all partitions.' }),
});

const topicAnswer = object({
  name: text(),
  id: text(),
  isInternal: flag(),
  partitions: list(partitionAnswer, { max: 10_000 }),
  options: list(optionAnswer, { max: optionsMax }),
});

const listTopics = route({
  method: 'GET',
  path: '/v1/topics',
  operation: 'listTopics',
  text: 'Lists the topics, by name.',
  parameters: {},
  query: { ...pageQuery, internal: withDefault(flag('Also those of the broker itself.'), true) },
  body: null,
  answer: object({ items: list(topicSummary, { max: 1000 }), next: nullable(text()) }),
  errors: [],
  async run({ broker }, { query }) {
    const all = Array.from(broker.topics()).filter((each) => query.internal || !each.isInternal);
    const page = pageOf(all, ({ name }) => name, query);
    const answer = { items: page.items.map(summaryOf), next: page.next };
    await committed(broker, broker.catalogLsn);
    return answer;
  },
});

const createTopic = route({
  method: 'POST',
  path: '/v1/topics',
  operation: 'createTopic',
  text: 'Makes a topic.',
  parameters: {},
  query: {},
  body: object({
    name: topicName,
    partitions: withDefault(integer({ min: -1, text: '-1: as many as the broker likes.' }), -1),
    replicationFactor: withDefault(integer({ min: -1, max: 32_767 }), -1),
    options: withDefault(optionValues, new Map()),
    validateOnly: withDefault(flag('Check, and make nothing.'), false),
  }),
  status: 201,
  answer: object({ name: text(), id: nullable(text()), partitions: integer() }),
  errors: [
    'topic_exists',
    'invalid_topic_name',
    'topic_name_collision',
    'invalid_partitions',
    'invalid_replication_factor',
    'unknown_config',
    'invalid_config',
    'limit_exceeded',
    'storage_full',
  ],
  async run({ broker }, { body }) {
    const outcome = broker.createTopic(body);
    await settled(broker, outcome);
    const { topic, partitions } = outcome;
    return { name: body.name, id: topic?.uuidText ?? null, partitions };
  },
});

const describeTopic = route({
  method: 'GET',
  path: '/v1/topics/{topic}',
  operation: 'describeTopic',
  text: 'A topic with its partitions and every option in force.',
  parameters: { topic: topicName },
  query: {},
  body: null,
  answer: topicAnswer,
  errors: ['topic_not_found'],
  async run({ broker }, { path }) {
    const topic = await findTopic(broker, path.topic);
    const answer = describe(broker, topic);
    await committed(broker, topic.lastLsn);
    return answer;
  },
});

const changeBody = object({
  set: withDefault(optionValues, new Map()),
  unset: withDefault(
    list(text({ max: 300 }), { max: optionsMax, text: 'Options that get their defaults again.' }),
    [],
  ),
  partitions: optional(integer({ min: 1, text: 'So many from now on; never fewer.' })),
  validateOnly: withDefault(flag('Check, and change nothing.'), false),
});

const changeTopic = route({
  method: 'PATCH',
  path: '/v1/topics/{topic}',
  operation: 'changeTopic',
  text: 'Sets and unsets options of a topic, adds partitions: all of it, or nothing.',
  parameters: { topic: topicName },
  query: {},
  body: changeBody,
  answer: topicAnswer,
  errors: [
    'topic_not_found',
    'topic_internal',
    'unknown_config',
    'invalid_config',
    'invalid_partitions',
    'limit_exceeded',
    'storage_full',
  ],
  async run({ broker }, { path, body }) {
    const topic = await findOwnTopic(broker, path.topic);
    const lsn = change(broker, topic, body);
    const answer = describe(broker, topic);
    await committed(broker, lsn);
    return answer;
  },
});

const deleteTopic = route({
  method: 'DELETE',
  path: '/v1/topics/{topic}',
  operation: 'deleteTopic',
  text: 'Deletes a topic with its records and queues.',
  parameters: { topic: topicName },
  query: {},
  body: null,
  answer: object({ name: text() }),
  errors: ['topic_not_found', 'topic_internal'],
  async run({ broker }, { path }) {
    const topic = await findOwnTopic(broker, path.topic);
    await settled(broker, broker.deleteTopic(topic));
    return { name: topic.name };
  },
});

export const topicRoutes: readonly Route[] = [
  listTopics,
  createTopic,
  describeTopic,
  changeTopic,
  deleteTopic,
];

/** A topic that users may change. @throws BrokerError topic_not_found, topic_internal */
async function findOwnTopic(broker: Broker, name: string): Promise<Topic> {
  const topic = await findTopic(broker, name);
  if (topic.isInternal) throw new BrokerError('topic_internal', topic.name);
  return topic;
}

/** In one synchronous step; both parts are checked before one is done. Returns the LSN to wait for. */
function change(broker: Broker, topic: Topic, body: Value<typeof changeBody>): number {
  const { set, unset, partitions, validateOnly } = body;
  const overrides = overridesAfter(topic, set, unset);
  const options = (isCheck: boolean) => broker.setTopicOptions(topic, overrides, isCheck);
  const growth = (isCheck: boolean) => broker.addPartitions(topic, partitions ?? 0, isCheck);
  const steps = [
    ...(set.size + unset.length > 0 ? [options] : []),
    ...(partitions === undefined ? [] : [growth]),
  ];
  let lsn = topic.lastLsn;
  for (const isCheck of validateOnly ? [true] : [true, false]) {
    for (const step of steps) {
      const outcome = step(isCheck);
      if (outcome.error !== null) throw new BrokerError(outcome.error, outcome.detail);
      lsn = Math.max(lsn, outcome.lsn);
    }
  }
  return lsn;
}

function overridesAfter(
  topic: Topic,
  set: ReadonlyMap<string, string>,
  unset: readonly string[],
): ReadonlyMap<string, string> {
  const overrides = new Map([...topic.overrides, ...set]);
  for (const name of unset) {
    if (set.has(name)) throw new RequestFault('bad_request', `${name} is both set and unset`);
    if (!topicOptionTable.some((option) => option.name === name)) {
      throw new BrokerError('unknown_config', name);
    }
    overrides.delete(name);
  }
  return overrides;
}

function summaryOf(topic: Topic): Value<typeof topicSummary> {
  let records = 0;
  let bytes = 0;
  for (const partition of topic.partitions) {
    records += partition.highWatermark - partition.logStart;
    bytes += partition.bytes;
  }
  const { name, uuidText, isInternal, partitions } = topic;
  return { name, id: uuidText, isInternal, partitions: partitions.length, records, bytes };
}

function describe(broker: Broker, topic: Topic): Value<typeof topicAnswer> {
  return {
    name: topic.name,
    id: topic.uuidText,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map(({ index, logStart, highWatermark, bytes, leaderEpoch }) => ({
      partition: index,
      logStart,
      highWatermark,
      bytes,
      leaderEpoch,
    })),
    options: topicOptionTable.map(({ name, isActive, text: meaning, defaultValue }) => {
      const override = topic.overrides.get(name);
      const inherited = broker.topicDefault(name);
      const source =
        override !== undefined ? 'topic' : inherited === defaultValue ? 'default' : 'broker';
      return { name, value: override ?? inherited, source, isActive, text: meaning } as const;
    }),
  };
}
