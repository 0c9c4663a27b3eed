/**
 * Routes about the broker as a whole: how it is, what it holds, what is wrong with it, its end.
 */

import { version } from '../config/version.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { ApiContext } from './context.ts';
import { findingLevels, findings } from './findings.ts';
import { type Route, route } from './route.ts';
import { choice, flag, integer, list, nullable, object, text } from './schema.ts';

const statusAnswer = object({
  version: text(),
  pid: integer(),
  node: text({ text: 'The version of Node.' }),
  startedAt: integer({ text: 'Unix ms.' }),
  uptimeMs: integer(),
  storage: choice(['journal', 'memory']),
  durability: choice(['fsync', 'write']),
  clusterId: text(),
  nodeId: integer(),
  leaderEpoch: integer({ text: 'One more with every start.' }),
  listeners: list(text(), { max: 1000 }),
  connections: integer(),
  topics: integer(),
  storageFull: flag('Nothing can be published for want of space.'),
  fault: nullable(text({ text: 'Why it has stopped serving.' })),
});

const usageAnswer = object({
  segments: integer(),
  archiveSegments: integer(),
  freeSegments: integer({ text: 'Ready to be written again.' }),
  segmentBytes: integer({ text: 'Size of each.' }),
  liveBytes: integer({ text: 'Of records that are kept.' }),
  partitions: integer(),
  disk: nullable(object({ freeBytes: integer(), totalBytes: integer() })),
});

const diagnosisAnswer = object({
  time: integer({ text: 'Unix ms, by the broker.' }),
  residentBytes: integer(),
  openFiles: nullable(integer()),
  openFilesMax: nullable(integer()),
  findings: list(object({ level: choice(findingLevels), what: text(), remedy: text() }), {
    max: 100,
  }),
});

const getStatus = route({
  method: 'GET',
  path: '/v1/broker',
  operation: 'getStatus',
  text: 'What runs here and how it is. While it starts, the answer is 503 with the `pid`.',
  parameters: {},
  query: {},
  body: null,
  answer: statusAnswer,
  errors: [],
  run: statusOf,
});

const getUsage = route({
  method: 'GET',
  path: '/v1/broker/usage',
  operation: 'getUsage',
  text: 'Segments and bytes.',
  parameters: {},
  query: {},
  body: null,
  answer: usageAnswer,
  errors: [],
  run(context) {
    const { segments, archiveSegments, freeSegments, segmentBytes, liveBytes, partitions } =
      context.broker.usage();
    return {
      ...{ segments, archiveSegments, freeSegments, segmentBytes, liveBytes, partitions },
      disk: context.diskFacts(),
    };
  },
});

const getDiagnosis = route({
  method: 'GET',
  path: '/v1/broker/diagnosis',
  operation: 'getDiagnosis',
  text: 'What is wrong or worth knowing, in words, with what to do about it.',
  parameters: {},
  query: {},
  body: null,
  answer: diagnosisAnswer,
  errors: [],
  run(context) {
    const { residentBytes, openFiles, openFilesMax } = context.processFacts();
    return {
      time: context.clock.now(),
      ...{ residentBytes, openFiles, openFilesMax },
      findings: findings(context),
    };
  },
});

const stopBroker = route({
  method: 'POST',
  path: '/v1/broker/stop',
  operation: 'stopBroker',
  text: 'Begins an orderly shutdown. It is over when the data folder is free.',
  parameters: {},
  query: {},
  body: null,
  status: 202,
  answer: object({ pid: integer() }),
  errors: ['unsupported'],
  run({ stop, processFacts, scheduler }) {
    if (stop === null) {
      throw new BrokerError('unsupported', 'the broker is part of another program, which stops it');
    }
    // The answer leaves first.
    scheduler.after(stopDelayMs, stop);
    return { pid: processFacts().pid };
  },
});

const stopDelayMs = 10;

export const brokerRoutes: readonly Route[] = [getStatus, getUsage, getDiagnosis, stopBroker];

function statusOf(context: ApiContext) {
  const { broker, config, clock, startedAt } = context;
  const { pid, nodeVersion } = context.processFacts();
  return {
    version,
    pid,
    node: nodeVersion,
    startedAt,
    uptimeMs: Math.max(0, clock.now() - startedAt),
    storage: config.storage,
    durability: config.durability,
    clusterId: broker.clusterId,
    nodeId: broker.nodeId,
    leaderEpoch: broker.leaderEpoch,
    listeners: context.listeners().map(({ url }) => url),
    connections: context.connectionCount(),
    topics: broker.topicCount,
    storageFull: broker.isStorageFull,
    fault: context.fault()?.message ?? null,
  };
}
