/** What producers are promised and refused: acknowledgements, limits, topic names, timestamps. */

import { type Check, expect, expectEqual, expectError, type Program } from '../../check.ts';
import { type Message, newTopic, type ProduceOptions } from '../client.ts';
import { batchAttributes, fetchBody, keys, readFetchRow, withWire } from '../wire.ts';
import { programs, type World } from '../world.ts';

function plain(values: readonly string[], key: string | null = null): Message[] {
  return values.map((value) => ({ partition: 0, key, value, headers: [] }));
}

export function produceRuleChecks(world: World): Check[] {
  return [
    ...programs.flatMap((client) => [
      ...acksChecks(world, client),
      oversizeCheck(world, client),
      illegalNameCheck(world, client),
      autoCreateCheck(world, client),
      noAutoCreateCheck(world, client),
      appendTimeCheck(world, client),
      compactedCheck(world, client),
    ]),
    ...(['librdkafka', 'kafkajs', 'platformatic', 'python', 'java'] as const).map((client) =>
      futureCheck(world, client),
    ),
    splitCheck(world),
    ...(['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed'] as const).map((type) =>
      recompressCheck(world, type),
    ),
  ];
}

function acksChecks(world: World, client: Program): Check[] {
  return ([0, 1, -1] as const).map((acks) => ({
    client,
    feature: `acks ${acks === -1 ? 'all' : acks}`,
    name: `${client} produces with acks=${acks === -1 ? 'all' : acks}`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic(`acks${acks}-${client}`));
      const options: ProduceOptions = { acks, isIdempotent: false };
      await world.client(client).produce(world.bootstrap, topic, plain(['a', 'b', 'c']), options);
      const found = await world.kafkajs.read(
        world.bootstrap,
        { topic, partition: 0, offset: 0 },
        3,
      );
      expectEqual(
        found.map(({ value }) => value),
        ['a', 'b', 'c'],
        'what is stored',
      );
    },
  }));
}

/** How the clients say it. */
const tooLarge = /too large|MESSAGE_TOO_LARGE|RecordTooLarge|larger than the max|SizeTooLarge/i;

function oversizeCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'max.message.bytes',
    name: `${client} is told that a message is too large`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const configs = { 'max.message.bytes': '2000' };
      const topic = await world.createTopic(newTopic(`oversize-${client}`), 1, configs);
      const options = { retries: client === 'java' ? undefined : 0 } as ProduceOptions;
      const send = world.client(client).produce;
      const produce = (size: number): Promise<void> =>
        send.call(world.client(client), world.bootstrap, topic, plain(['x'.repeat(size)]), options);
      await expectError(produce(3000), tooLarge);
      await produce(1500);
      expectEqual(await world.kafkajs.offset(world.bootstrap, topic, 0, -1), 1, 'records stored');
    },
  };
}

/** The producer is answered MESSAGE_TOO_LARGE for a batch, halves it and sends the parts. */
function splitCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'max.message.bytes',
    name: 'java splits a batch that is too large, and every record arrives once and in order',
    uses: ['java', 'kafkajs'],
    run: async () => {
      const configs = { 'max.message.bytes': '10000' };
      const topic = await world.createTopic(newTopic('split'), 1, configs);
      const values = Array.from({ length: 60 }, (_, i) => `${i} ${'y'.repeat(900)}`);
      const settings = { 'batch.size': '100000', 'linger.ms': '300' };
      await world.java.produce(world.bootstrap, topic, plain(values), { settings });
      const from = { topic, partition: 0, offset: 0 };
      const found = await world.java.read(world.bootstrap, from, 61, 2_000);
      expectEqual(
        found.map(({ value }) => value),
        values,
        'what is stored',
      );
      const answer = await withWire(world.broker.port, (wire) =>
        wire.ask(keys.fetch, 4, fetchBody(topic, 0, 0, 1_000_000)),
      );
      const batches = batchAttributes(readFetchRow(answer).records).length;
      expect(batches > 1 && batches < 60, `the batch was split into parts: ${batches}`);
    },
  };
}

// kafka-python waits for a topic that may come, whatever it is told of it.
const pythonWaits = 'Failed to update metadata';
const illegal = new RegExp(`invalid.?topic|illegal|unknown topic|${pythonWaits}`, 'i');

function illegalNameCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'illegal topic names',
    name: `${client} is refused a topic with an illegal name, and it is not made`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = `no spaces allowed ${client}`.replaceAll(
        ' ',
        client === 'platformatic' ? '#' : ' ',
      );
      const options: ProduceOptions = {
        mayCreateTopic: true,
        retries: 1,
        settings: quickFailure(client),
      };
      await expectError(
        world.client(client).produce(world.bootstrap, topic, plain(['a']), options),
        illegal,
      );
      const topics = await world.kafkajs.listTopics(world.bootstrap);
      expect(!topics.includes(topic), 'the topic was made');
    },
  };
}

function quickFailure(client: Program): Record<string, string> {
  if (client === 'java')
    return { 'max.block.ms': '3000', 'delivery.timeout.ms': '4000', 'request.timeout.ms': '3000' };
  // How long librdkafka hopes that an unknown topic turns up.
  return client === 'kcat' || client === 'librdkafka'
    ? { 'topic.metadata.propagation.max.ms': '500' }
    : {};
}

function autoCreateCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'topics made on first use',
    name: `${client} writes to a topic that does not exist yet`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = newTopic(`auto-${client}`);
      const messages = plain(['first', 'second']);
      await world
        .client(client)
        .produce(world.bootstrap, topic, messages, { mayCreateTopic: true });
      const found = await world.kafkajs.read(
        world.bootstrap,
        { topic, partition: 0, offset: 0 },
        2,
      );
      expectEqual(
        found.map(({ value }) => value),
        ['first', 'second'],
        'what is stored',
      );
    },
  };
}

/** One broker for all clients: it is started by the first check and ends with the run. */
const strictBrokers = new WeakMap<World, Promise<string>>();

function strictBootstrap(world: World): Promise<string> {
  let started = strictBrokers.get(world);
  if (started === undefined) {
    started = world
      .startBroker(['--auto-create-topics', 'false'])
      .then((broker) => broker.bootstrap);
    strictBrokers.set(world, started);
  }
  return started;
}

const unknown = new RegExp(`unknown.topic|not present in metadata|not host|${pythonWaits}`, 'i');

function noAutoCreateCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'topics made on first use',
    name: `${client} is told that a topic is unknown where topics are not made on first use`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const bootstrap = await strictBootstrap(world);
      const topic = newTopic(`unknown-${client}`);
      const options = { mayCreateTopic: true, retries: 2, settings: quickFailure(client) };
      await expectError(
        world.client(client).produce(bootstrap, topic, plain(['a']), options),
        unknown,
      );
      const topics = await world.kafkajs.listTopics(bootstrap);
      expect(!topics.includes(topic), 'the topic was made');
    },
  };
}

function appendTimeCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'LogAppendTime',
    name: `${client} reads the broker's time from a LogAppendTime topic`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const configs = { 'message.timestamp.type': 'LogAppendTime' };
      const topic = await world.createTopic(newTopic(`append-time-${client}`), 1, configs);
      const one = world.client(client);
      const before = Date.now();
      const old = one.setsTimestamps ? { timestamp: 1_600_000_000_000 } : {};
      const messages = plain(['a', 'b']).map((message) => ({ ...message, ...old }));
      await one.produce(world.bootstrap, topic, messages, { codec: 'gzip' });
      const after = Date.now();
      const from = { topic, partition: 0, offset: 0 };
      for (const { timestamp, timestampType } of await one.read(world.bootstrap, from, 2)) {
        expectEqual(timestampType, 'LogAppendTime', 'type of the timestamp');
        expect(timestamp >= before && timestamp <= after, `the timestamp is ${timestamp}`);
      }
      expectEqual(await one.offset(world.bootstrap, topic, 0, before), 0, 'offset by time');
    },
  };
}

function compactedCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'compacted topics',
    name: `${client} is refused a record without a key in a compacted topic`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const configs = { 'cleanup.policy': 'compact' };
      const topic = await world.createTopic(newTopic(`compacted-${client}`), 1, configs);
      const one = world.client(client);
      const options = { retries: 0, settings: quickFailure(client) };
      await expectError(
        one.produce(world.bootstrap, topic, plain(['a']), options),
        // kafka-python was written before this error was.
        client === 'python' ? /UnknownError/ : /invalid.?record|failed to validate|without a key/i,
      );
      await one.produce(world.bootstrap, topic, plain(['a'], 'key'));
      expectEqual(await world.kafkajs.offset(world.bootstrap, topic, 0, -1), 1, 'records stored');
    },
  };
}

function futureCheck(world: World, client: Exclude<Program, 'kcat'>): Check {
  return {
    client,
    feature: 'timestamp limits',
    name: `${client} is refused a timestamp two hours ahead`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic(`future-${client}`));
      const timestamp = Date.now() + 2 * 60 * 60 * 1000;
      const messages = plain(['a']).map((message) => ({ ...message, timestamp }));
      await expectError(
        world.client(client).produce(world.bootstrap, topic, messages, { retries: 0 }),
        /timestamp/i,
      );
    },
  };
}

const codecBits = { uncompressed: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** What a topic of its own compression type stores, and that every client can read it. */
function recompressCheck(world: World, type: keyof typeof codecBits): Check {
  return {
    client: 'java',
    feature: 'compression.type of the topic',
    name: `a topic with compression.type=${type} takes batches of another codec`,
    uses: ['java', 'kcat', 'kafkajs', 'platformatic'],
    run: async () => {
      const topic = await world.createTopic(newTopic(`type-${type}`), 1, {
        'compression.type': type,
      });
      const value = `${type} `.repeat(500);
      const codec = type === 'gzip' ? 'lz4' : 'gzip';
      await world.java.produce(world.bootstrap, topic, plain([value, value]), { codec });
      const from = { topic, partition: 0, offset: 0 };
      for (const name of programs) {
        const found = await world.client(name).read(world.bootstrap, from, 2);
        expectEqual(
          found.map((one) => one.value),
          [value, value],
          `what ${name} reads`,
        );
      }
    },
  };
}
