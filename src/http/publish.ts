/**
 * Publishing over HTTP: records by the name of their topic, a batch in a request.
 *
 * No transaction: when some records fail, the others are published; the answer says which.
 */

import type { Broker, Published, PublishRequest } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { problemOf } from './problem.ts';
import { type Route, route } from './route.ts';
import {
  integer,
  list,
  nullable,
  object,
  optional,
  text,
  type Value,
  withDefault,
} from './schema.ts';
import { bytesOf, jsonBytes } from './stored-bytes.ts';
import { partitionIndex, topicName } from './topic-lookup.ts';

const recordsMax = 10_000;
const bodyBytesMax = 16 * 1024 * 1024;

const headerBody = object({ key: text({ max: 32_767 }), value: jsonBytes });

const recordBody = object({
  key: withDefault(jsonBytes, null),
  value: jsonBytes,
  headers: withDefault(list(headerBody, { max: 1000 }), []),
  partition: optional(partitionIndex),
  timestamp: optional(integer({ min: 0, text: 'Unix ms. Left out: now.' })),
});

const resultAnswer = object({
  partition: optional(integer()),
  offset: optional(integer()),
  timestamp: optional(integer({ text: 'Unix ms.' })),
  error: nullable(object({ code: text(), title: text(), detail: text() })),
});

type RecordResult = Value<typeof resultAnswer>;

const publishRecords = route({
  method: 'POST',
  path: '/v1/topics/{topic}/records',
  operation: 'publishRecords',
  text:
    'Publishes records in their order, and answers when they are durable. Records with the same key go ' +
    'to the same partition. The topic is made when there is none, if the broker does so.',
  parameters: { topic: topicName },
  query: {},
  body: object({ records: list(recordBody, { max: recordsMax }) }),
  bodyBytesMax,
  answer: object({
    published: integer({ text: 'How many of them.' }),
    results: list(resultAnswer, { max: recordsMax, text: 'In the order of the records.' }),
  }),
  errors: [
    'topic_not_found',
    'topic_internal',
    'invalid_topic_name',
    'storage_full',
    'limit_exceeded',
  ],
  async run({ broker }, { path, body }) {
    const requests = body.records.map((each) => requestOf(path.topic, each));
    const results = await Promise.all(requests.map((request) => publishOne(broker, request)));
    const failures = results.filter((result) => result instanceof BrokerError);
    const [first] = failures;
    // All for the same reason: the request is what has failed.
    const isWhole = failures.length === results.length;
    if (first !== undefined && isWhole && failures.every(({ code }) => code === first.code)) {
      throw first;
    }
    return { published: results.length - failures.length, results: results.map(resultOf) };
  },
});

export const publishRoutes: readonly Route[] = [publishRecords];

function requestOf(topic: string, record: Value<typeof recordBody>): PublishRequest {
  const { key, value, headers, partition, timestamp } = record;
  return {
    topic,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headers.map((header) => ({ key: header.key, value: bytesOf(header.value) })),
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp }),
  };
}

/** Resolves to the error: one record's is not the others'. */
function publishOne(broker: Broker, request: PublishRequest): Promise<Published | BrokerError> {
  return new Promise((resolve) => {
    broker.publish(request, (error, published) => {
      resolve(error ?? published ?? new BrokerError('fenced'));
    });
  });
}

function resultOf(result: Published | BrokerError): RecordResult {
  if (result instanceof BrokerError) {
    const { title } = problemOf(result);
    return {
      ...nowhere,
      error: { code: result.code, title: String(title), detail: result.detail },
    };
  }
  const { partition, offset, timestamp } = result;
  return { partition, offset, timestamp, error: null };
}

const nowhere = { partition: undefined, offset: undefined, timestamp: undefined };
