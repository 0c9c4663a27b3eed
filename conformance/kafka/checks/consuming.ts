/** How consumers begin, wait and go on: resets, tails, isolation, limits. */

import { type Check, expect, expectEqual } from '../../check.ts';
import { type Message, newTopic } from '../client.ts';
import type { World } from '../world.ts';

function numbered(count: number): Message[] {
  return Array.from({ length: count }, (_, i) => ({
    partition: 0,
    key: null,
    value: `${i}`,
    headers: [],
  }));
}

export function consumingChecks(world: World): Check[] {
  return [
    resetCheck(world, 'earliest', ['0', '1', '2']),
    resetCheck(world, 'latest', []),
    noResetCheck(world),
    committedCheck(world),
    smallFetchCheck(world),
    compatibilityCheck(world),
    ...kcatChecks(world),
  ];
}

async function filled(world: World, count: number): Promise<string> {
  const topic = await world.createTopic(newTopic('consuming'));
  await world.kafkajs.produce(world.bootstrap, topic, numbered(count));
  return topic;
}

async function javaValues(
  world: World,
  fields: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const rows = await world.java.request('read', world.bootstrap, { partition: 0, ...fields });
  const decode = (text: string): string => Buffer.from(text, 'base64').toString();
  return (rows as { readonly value: string }[]).map(({ value }) => decode(value));
}

function resetCheck(world: World, reset: string, wanted: readonly string[]): Check {
  return {
    client: 'java',
    feature: 'auto.offset.reset',
    name: `java at an offset that is not there goes to the ${reset}`,
    uses: ['java', 'kafkajs'],
    run: async () => {
      const topic = await filled(world, 3);
      const configs = { 'auto.offset.reset': reset };
      const request = { topic, offset: 1000, count: 3, timeoutMs: 3_000, configs };
      expectEqual(await javaValues(world, request), wanted, 'what it reads');
    },
  };
}

function noResetCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'auto.offset.reset',
    name: 'java at an offset that is not there, without a reset, is told so',
    uses: ['java', 'kafkajs'],
    run: async () => {
      const topic = await filled(world, 3);
      const end = await javaValues(world, { topic, offset: 1000, count: 1, timeoutMs: 5_000 }).then(
        (found) => `${found.length} records`,
        (error: Error) => error.message,
      );
      expect(/OffsetOutOfRange/.test(end), `how the read ended: ${end}`);
    },
  };
}

function committedCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'isolation.level',
    name: 'java reads with isolation.level=read_committed',
    uses: ['java', 'kafkajs'],
    run: async () => {
      const topic = await filled(world, 5);
      const configs = { 'isolation.level': 'read_committed' };
      const found = await javaValues(world, { topic, offset: 0, count: 5, configs });
      expectEqual(found, ['0', '1', '2', '3', '4'], 'what it reads');
    },
  };
}

/** Many fetches, each for less than a batch: no client may be stuck or skip. */
function smallFetchCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'fetch limits',
    name: 'java reads 200 records with limits smaller than a batch, and with a minimum it waits for',
    uses: ['java', 'kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic('limits'));
      for (let i = 0; i < 10; i++) {
        await world.kafkajs.produce(world.bootstrap, topic, numbered(20));
      }
      const wanted = Array.from({ length: 200 }, (_, i) => `${i % 20}`);
      for (const configs of [
        { 'max.partition.fetch.bytes': '1', 'fetch.max.bytes': '1' },
        { 'fetch.min.bytes': '100000', 'fetch.max.wait.ms': '300' },
      ]) {
        const found = await javaValues(world, { topic, offset: 0, count: 200, configs });
        expectEqual(found, wanted, `what it reads with ${JSON.stringify(configs)}`);
      }
    },
  };
}

/** Apache's own test of what a broker can do for its clients, and of how they are told what it cannot. */
function compatibilityCheck(world: World): Check {
  return {
    client: 'java',
    feature: "Apache's ClientCompatibilityTest",
    name: "Apache's ClientCompatibilityTest finds what the broker advertises",
    uses: ['java', 'kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic('compatibility'));
      const has = (api: string): string => `${world.apis.has(api)}`;
      const features = [
        ['--offsets-for-times-supported', 'true'],
        ['--cluster-id-supported', 'true'],
        ['--expect-record-too-large-exception', 'false'],
        ['--num-cluster-nodes', '1'],
        ['--create-topics-supported', has('CreateTopics')],
        ['--describe-acls-supported', has('DescribeAcls')],
        ['--describe-configs-supported', has('DescribeConfigs')],
        ['--idempotent-producer-supported', has('InitProducerId')],
      ].flat();
      const server = ['--bootstrap-server', world.bootstrap, '--topic', topic];
      const done = await world.apache.run('client-compatibility', [...server, ...features]);
      expectEqual(done.code, 0, 'its code');
      expect(done.output.includes('SUCCESS'), 'it says so');
    },
  };
}

function kcatChecks(world: World): Check[] {
  const read = async (topic: string, args: readonly string[]): Promise<string[]> => {
    const all = ['-C', '-t', topic, '-p', '0', '-e', '-q', ...args];
    const done = await world.kcat.run(world.bootstrap, all);
    return done.stdout
      .toString()
      .split('\n')
      .filter((line) => line !== '');
  };
  const uses = ['kcat', 'kafkajs'] as const;
  return [
    {
      client: 'kcat',
      feature: 'fetch by offset',
      name: 'kcat reads the last three messages, and from the stored end nothing',
      uses,
      run: async () => {
        const topic = await filled(world, 10);
        expectEqual(await read(topic, ['-o', '-3']), ['7', '8', '9'], 'with -o -3');
        expectEqual(await read(topic, ['-o', 'end']), [], 'with -o end');
        expectEqual(await read(topic, ['-o', '8']), ['8', '9'], 'with -o 8');
      },
    },
    {
      client: 'kcat',
      feature: 'offsets by time',
      name: 'kcat reads from one time to another',
      uses,
      run: async () => {
        const topic = await world.createTopic(newTopic('times'));
        const first = Date.now() - 60_000;
        const messages = numbered(10).map((one, i) => ({ ...one, timestamp: first + i * 1000 }));
        await world.kafkajs.produce(world.bootstrap, topic, messages);
        const range = ['-o', `s@${first + 3000}`, '-o', `e@${first + 6000}`];
        expectEqual(await read(topic, range), ['3', '4', '5'], 'what it reads');
      },
    },
    {
      client: 'kcat',
      feature: 'fetch limits',
      name: 'kcat reads 200 messages with limits smaller than a batch',
      uses,
      run: async () => {
        const topic = await world.createTopic(newTopic('limits'));
        await world.kafkajs.produce(world.bootstrap, topic, numbered(200), { codec: 'zstd' });
        const limits = ['-X', 'fetch.message.max.bytes=1', '-X', 'fetch.max.bytes=1100000'];
        const found = await read(topic, ['-o', '0', ...limits]);
        expectEqual(found.length, 200, 'messages');
      },
    },
  ];
}
