/** @platformatic/kafka behind lines of JSON. */

import { Admin, Consumer, Producer } from '@platformatic/kafka';
import { memberOperations } from './members.mjs';
import { bytesOf, serve, textOf } from './serve.mjs';

const appendTimeBit = 8;
const controlBit = 32;

function optionsOf({ bootstrap, retries }) {
  return {
    clientId: 'platformatic',
    bootstrapBrokers: [bootstrap],
    retries: retries ?? 20,
    retryDelay: 200,
    timeout: 10_000,
  };
}

async function withAdmin(request, action) {
  const admin = new Admin(optionsOf(request));
  try {
    return await action(admin);
  } finally {
    await admin.close();
  }
}

async function withProducer(request, action) {
  const producer = new Producer({
    ...optionsOf(request),
    idempotent: request.idempotent ?? false,
    autocreateTopics: request.autoCreate ?? false,
  });
  try {
    return await action(producer);
  } finally {
    await producer.close();
  }
}

async function withConsumer(request, action) {
  const consumer = new Consumer({ ...optionsOf(request), groupId: request.group ?? 'unused' });
  try {
    return await action(consumer);
  } finally {
    await consumer.close(true);
  }
}

function messageOf(topic, { partition, key, value, headers, timestamp }) {
  const message = { topic, headers: new Map() };
  if (key !== null) message.key = bytesOf(key);
  if (value !== null) message.value = bytesOf(value);
  if (partition !== undefined) message.partition = partition;
  if (timestamp !== undefined) message.timestamp = BigInt(timestamp);
  // Keys that are equal but not the same: a Map keeps both.
  for (const [name, text] of headers ?? []) message.headers.set(Buffer.from(name), bytesOf(text));
  return message;
}

function recordsOf(batch) {
  if ((batch.attributes & controlBit) !== 0) return [];
  const isAppendTime = (batch.attributes & appendTimeBit) !== 0;
  return batch.records.map((record) => ({
    offset: Number(batch.firstOffset) + record.offsetDelta,
    timestamp: isAppendTime
      ? Number(batch.maxTimestamp)
      : Number(batch.firstTimestamp + record.timestampDelta),
    timestampType: isAppendTime ? 'LogAppendTime' : 'CreateTime',
    key: textOf(record.key),
    value: textOf(record.value),
    headers: record.headers.map(([name, value]) => [Buffer.from(name).toString(), textOf(value)]),
  }));
}

async function openMember(request, notes) {
  const { group, topics, reset = 'earliest', sessionTimeoutMs = 10_000 } = request;
  const consumer = new Consumer({
    ...optionsOf(request),
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: sessionTimeoutMs,
    heartbeatInterval: 500,
    maxWaitTime: 200,
    ...(request.instanceId ? { groupInstanceId: request.instanceId } : {}),
  });
  consumer.on('consumer:group:join', ({ assignments }) => {
    const rows = assignments ?? [];
    notes.assigned(
      rows.flatMap(({ topic, partitions }) => partitions.map((partition) => [topic, partition])),
    );
  });
  const stream = await consumer.consume({
    topics,
    autocommit: false,
    mode: 'committed',
    fallbackMode: reset === 'none' ? 'fail' : reset,
  });
  stream.on('data', ({ topic, partition, offset, value }) =>
    notes.received(topic, partition, Number(offset), value),
  );
  stream.on('error', (error) => notes.failed(error));
  return {
    commit: (offsets) =>
      consumer.commit({
        offsets: [...offsets.values()].map(([topic, partition, offset]) => {
          return { topic, partition, offset: BigInt(offset), leaderEpoch: -1 };
        }),
      }),
    seek: async () => {
      throw new Error('@platformatic/kafka has no seek');
    },
    leave: async () => {
      await stream.close();
      await consumer.close(true);
    },
  };
}

serve({
  ...memberOperations(openMember),

  committed: (request) =>
    withConsumer(request, async (consumer) => {
      const { topic, partitions } = request;
      const list = Array.from({ length: partitions }, (_, i) => i);
      const found = await consumer.listCommittedOffsets({ topics: [{ topic, partitions: list }] });
      return found.get(topic).map((offset) => ({ offset: Number(offset), metadata: '' }));
    }),

  describeGroup: (request) =>
    withAdmin(request, async (admin) => {
      const found = (await admin.describeGroups({ groups: [request.group] })).get(request.group);
      return { state: found.state, members: found.members.size };
    }),

  listGroups: (request) =>
    withAdmin(request, async (admin) => [...(await admin.listGroups()).keys()]),

  deleteGroup: (request) =>
    withAdmin(request, (admin) => admin.deleteGroups({ groups: [request.group] })),

  createTopic: (request) =>
    withAdmin(request, (admin) =>
      admin.createTopics({
        topics: [request.topic],
        partitions: request.partitions ?? 1,
        replicas: 1,
        configs: Object.entries(request.configs ?? {}).map(([name, value]) => ({ name, value })),
      }),
    ),

  deleteTopic: (request) =>
    withAdmin(request, (admin) => admin.deleteTopics({ topics: [request.topic] })),

  listTopics: (request) => withAdmin(request, (admin) => admin.listTopics()),

  describeTopic: (request) =>
    withAdmin(request, async (admin) => {
      const metadata = await admin.metadata({ topics: [request.topic] });
      return {
        name: request.topic,
        partitions: metadata.topics.get(request.topic).partitionsCount,
      };
    }),

  offset: (request) =>
    withConsumer(request, async (consumer) => {
      const { topic, partition, timestamp } = request;
      const offsets = await consumer.listOffsets({
        topics: [topic],
        partitions: { [topic]: [partition] },
        timestamp: BigInt(timestamp),
      });
      return Number(offsets.get(topic)[partition]);
    }),

  produce: (request) =>
    withProducer(request, async (producer) => {
      const { offsets } = await producer.send({
        acks: request.acks ?? -1,
        compression: request.codec ?? 'none',
        messages: request.records.map((record) => messageOf(request.topic, record)),
      });
      return (offsets ?? []).map(({ partition, offset }) => ({
        partition,
        offset: Number(offset),
      }));
    }),

  /** Numbered records, a few each time, for as long as it takes. */
  produceSteadily: (request) =>
    withProducer(request, async (producer) => {
      const { topic, count, batch, pauseMs, codec } = request;
      for (let i = 0; i < count; i += batch) {
        const size = Math.min(batch, count - i);
        const messages = Array.from({ length: size }, (_, k) => ({
          topic,
          partition: 0,
          value: Buffer.from(`${i + k}`),
        }));
        await producer.send({ acks: -1, compression: codec ?? 'none', messages });
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      return count;
    }),

  /** Without a group: the consumer's own low-level fetch. */
  read: (request) =>
    withConsumer(request, async (consumer) => {
      const { topic, partition, offset, count, timeoutMs = 10_000 } = request;
      consumer.topics.track(topic);
      const metadata = await consumer.metadata({ topics: [topic] });
      const { id, partitions } = metadata.topics.get(topic);
      const records = [];
      let next = BigInt(offset);
      const deadline = Date.now() + timeoutMs;
      while (records.length < count && Date.now() < deadline) {
        const wanted = {
          partition,
          currentLeaderEpoch: partitions[partition].leaderEpoch,
          fetchOffset: next,
          lastFetchedEpoch: -1,
          partitionMaxBytes: 1_048_576,
        };
        const { responses } = await consumer.fetch({
          node: partitions[partition].leader,
          maxWaitTime: 500,
          minBytes: 1,
          maxBytes: 10_485_760,
          topics: [{ topicId: id, partitions: [wanted] }],
        });
        for (const batch of responses[0]?.partitions[0]?.records ?? []) {
          records.push(...recordsOf(batch).filter((record) => record.offset >= Number(next)));
          next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
        }
      }
      return records.slice(0, count);
    }),

  /** Through a group. */
  consume: (request) =>
    withConsumer(request, async (consumer) => {
      const stream = await consumer.consume({
        topics: [request.topic],
        mode: 'earliest',
        autocommit: true,
      });
      const records = [];
      for await (const message of stream) {
        records.push({
          offset: Number(message.offset),
          key: textOf(message.key),
          value: textOf(message.value),
        });
        if (records.length === request.count) break;
      }
      return records;
    }),
});
