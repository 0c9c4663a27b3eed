/** kafkajs behind lines of JSON. Reads by partition go through its inner cluster: groups are its only public way. */

import { createRequire } from 'node:module';
import zlib from 'node:zlib';
import { lz4Compress, lz4Decompress } from '@platformatic/wasm-utils';
import { memberOperations } from './members.mjs';
import { bytesOf, say, serve, textOf } from './serve.mjs';

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
const load = createRequire(import.meta.url);
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = load('kafkajs');
const Cluster = load('kafkajs/src/cluster');
const { createLogger, LEVELS } = load('kafkajs/src/loggers');
const consoleLogger = load('kafkajs/src/loggers/console');
const socketFactory = load('kafkajs/src/network/socketFactory');

CompressionCodecs[CompressionTypes.Snappy] = load('kafkajs-snappy');
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => lz4Compress(encoder.buffer),
  decompress: async (buffer) => lz4Decompress(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => zlib.zstdCompressSync(encoder.buffer),
  decompress: async (buffer) => zlib.zstdDecompressSync(buffer),
});

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const retry = { initialRetryTime: 100, retries: 12, maxRetryTime: 1000 };

function kafkaOf({ bootstrap, retries }) {
  return new Kafka({
    clientId: 'kafkajs',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: retries === undefined ? retry : { ...retry, retries },
  });
}

async function withAdmin(request, action) {
  const admin = kafkaOf(request).admin();
  await admin.connect();
  try {
    return await action(admin);
  } finally {
    await admin.disconnect();
  }
}

async function withProducer(request, action) {
  const producer = kafkaOf(request).producer({
    idempotent: request.idempotent ?? false,
    allowAutoTopicCreation: request.autoCreate ?? false,
    ...(request.idempotent ? { maxInFlightRequests: 1 } : {}),
  });
  await producer.connect();
  try {
    return await action(producer);
  } finally {
    await producer.disconnect();
  }
}

async function withCluster({ bootstrap }, topic, action) {
  const cluster = new Cluster({
    logger: createLogger({ level: LEVELS.NOTHING, logCreator: consoleLogger }),
    socketFactory: socketFactory(),
    brokers: [bootstrap],
    clientId: 'kafkajs',
    connectionTimeout: 1000,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    retry,
  });
  await cluster.connect();
  try {
    await cluster.addMultipleTargetTopics([topic]);
    return await action(cluster);
  } finally {
    await cluster.disconnect();
  }
}

function messageOf({ partition, key, value, headers, timestamp }) {
  const message = { key: bytesOf(key), value: bytesOf(value), headers: {} };
  if (partition !== undefined) message.partition = partition;
  if (timestamp !== undefined) message.timestamp = String(timestamp);
  for (const [name, text] of headers ?? []) {
    message.headers[name] ??= [];
    message.headers[name].push(bytesOf(text));
  }
  return message;
}

function recordOf({ offset, timestamp, key, value, headers, batchContext }) {
  const list = [];
  for (const [name, values] of Object.entries(headers ?? {})) {
    for (const one of Array.isArray(values) ? values : [values]) list.push([name, textOf(one)]);
  }
  const isAppendTime = batchContext?.timestampType === 1;
  return {
    offset: Number(offset),
    timestamp: Number(timestamp),
    timestampType: isAppendTime ? 'LogAppendTime' : 'CreateTime',
    key: textOf(key),
    value: textOf(value),
    headers: list,
  };
}

async function readFrom(broker, { topic, partition, offset, count, timeoutMs = 10_000 }) {
  const records = [];
  let next = offset;
  const deadline = Date.now() + timeoutMs;
  while (records.length < count && Date.now() < deadline) {
    const { responses } = await broker.fetch({
      replicaId: -1,
      isolationLevel: 1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 10_485_760,
      topics: [
        { topic, partitions: [{ partition, fetchOffset: String(next), maxBytes: 1_048_576 }] },
      ],
      rackId: '',
    });
    const { messages } = responses[0].partitions[0];
    for (const message of messages) {
      if (Number(message.offset) < next) continue;
      if (!message.isControlRecord) records.push(recordOf(message));
      next = Number(message.offset) + 1;
    }
  }
  return records.slice(0, count);
}

async function openMember(request, notes) {
  const { group, topics, reset = 'earliest', sessionTimeoutMs = 10_000 } = request;
  const consumer = kafkaOf(request).consumer({
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 200,
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 50 },
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const rows = Object.entries(payload.memberAssignment);
    notes.assigned(rows.flatMap(([topic, list]) => list.map((partition) => [topic, partition])));
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => notes.failed(payload.error));
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: reset === 'earliest' });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch, isStale }) => {
      for (const { offset, value } of batch.messages) {
        if (isStale()) return;
        notes.received(batch.topic, batch.partition, Number(offset), value);
      }
    },
  });
  return {
    commit: (offsets, metadata = null) =>
      consumer.commitOffsets(
        [...offsets.values()].map(([topic, partition, offset]) => {
          return { topic, partition, offset: String(offset), metadata };
        }),
      ),
    seek: async (topic, partition, offset) =>
      consumer.seek({ topic, partition, offset: String(offset) }),
    leave: () => consumer.disconnect(),
  };
}

const workers = new Map();

/** Reads, says what it has read, commits it, says so; for as long as it lives. */
async function work({ member, group, topic, sessionTimeoutMs, chunk, workMs, ...request }) {
  const consumer = kafkaOf(request).consumer({
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: 16_384,
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 200 },
  });
  workers.set(member, consumer);
  let rebalances = 0;
  for (const event of [consumer.events.REBALANCING, consumer.events.GROUP_JOIN]) {
    consumer.on(event, () => {
      rebalances++;
      say({ event: 'rebalance' });
    });
  }
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, isRunning, isStale, resolveOffset, heartbeat }) => {
      const { partition, messages } = batch;
      for (let i = 0; i < messages.length && isRunning() && !isStale(); i += chunk) {
        const part = messages.slice(i, i + chunk);
        const first = Number(part[0].offset);
        say({ event: 'read', partition, first, values: part.map(({ value }) => String(value)) });
        const next = first + part.length;
        const before = rebalances;
        await new Promise((resolve) => setTimeout(resolve, workMs));
        // It joins again while a batch is worked on, and would commit as the new member.
        if (rebalances !== before) return;
        resolveOffset(String(next - 1));
        await consumer.commitOffsets([{ topic, partition, offset: String(next) }]);
        // One that is stopped commits nothing, and does not say so.
        if (!isRunning() || rebalances !== before) return;
        say({ event: 'committed', offsets: [[partition, next]] });
        await heartbeat();
      }
    },
  });
  return true;
}

serve({
  ...memberOperations(openMember),

  work,

  stopWork: async ({ member }) => {
    await workers.get(member).disconnect();
    return true;
  },

  committed: (request) =>
    withAdmin(request, async (admin) => {
      const { group, topic } = request;
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return found.partitions
        .sort((a, b) => a.partition - b.partition)
        .map(({ offset, metadata }) => ({ offset: Number(offset), metadata: metadata ?? '' }));
    }),

  describeGroup: (request) =>
    withAdmin(request, async (admin) => {
      const { groups } = await admin.describeGroups([request.group]);
      return { state: groups[0].state, members: groups[0].members.length };
    }),

  listGroups: (request) =>
    withAdmin(request, async (admin) =>
      (await admin.listGroups()).groups.map(({ groupId }) => groupId),
    ),

  deleteGroup: (request) => withAdmin(request, (admin) => admin.deleteGroups([request.group])),

  createTopic: (request) =>
    withAdmin(request, (admin) =>
      admin.createTopics({
        topics: [
          {
            topic: request.topic,
            numPartitions: request.partitions ?? 1,
            configEntries: Object.entries(request.configs ?? {}).map(([name, value]) => ({
              name,
              value,
            })),
          },
        ],
      }),
    ),

  deleteTopic: (request) =>
    withAdmin(request, (admin) => admin.deleteTopics({ topics: [request.topic] })),

  listTopics: (request) => withAdmin(request, (admin) => admin.listTopics()),

  describeTopic: (request) =>
    withAdmin(request, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [request.topic] });
      return { name: topics[0].name, partitions: topics[0].partitions.length };
    }),

  offset: (request) =>
    withAdmin(request, async (admin) => {
      const { topic, partition, timestamp } = request;
      const rows =
        timestamp < 0
          ? await admin.fetchTopicOffsets(topic)
          : await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
      const row = rows.find((one) => one.partition === partition);
      return Number(timestamp === -2 ? row.low : row.offset);
    }),

  produce: (request) =>
    withProducer(request, async (producer) => {
      const rows = await producer.send({
        topic: request.topic,
        acks: request.acks ?? -1,
        compression: codecs[request.codec ?? 'none'],
        messages: request.records.map(messageOf),
      });
      return rows.map(({ partition, baseOffset }) => ({ partition, offset: Number(baseOffset) }));
    }),

  /** Numbered records, a few each time, for as long as it takes. */
  produceSteadily: (request) =>
    withProducer(request, async (producer) => {
      const { topic, count, batch, pauseMs, codec } = request;
      for (let i = 0; i < count; i += batch) {
        const size = Math.min(batch, count - i);
        const messages = Array.from({ length: size }, (_, k) => ({
          partition: 0,
          value: `${i + k}`,
        }));
        await producer.send({ topic, acks: -1, compression: codecs[codec ?? 'none'], messages });
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      return count;
    }),

  read: (request) =>
    withCluster(request, request.topic, async (cluster) => {
      const leader = cluster.findTopicPartitionMetadata(request.topic)[request.partition].leader;
      return readFrom(await cluster.findBroker({ nodeId: String(leader) }), request);
    }),

  /** Through a group. */
  consume: async (request) => {
    const consumer = kafkaOf(request).consumer({ groupId: request.group });
    const records = [];
    await consumer.connect();
    try {
      await consumer.subscribe({ topics: [request.topic], fromBeginning: true });
      await new Promise((resolve, reject) => {
        setTimeout(
          () => reject(new Error(`${records.length} records`)),
          request.timeoutMs ?? 20_000,
        );
        consumer
          .run({
            eachMessage: async ({ message }) => {
              records.push(recordOf(message));
              if (records.length === request.count) resolve();
            },
          })
          .catch(reject);
      });
    } finally {
      await consumer.disconnect();
    }
    return records;
  },
});
