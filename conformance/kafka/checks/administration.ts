/** Topics made, listed, described and deleted, by each client that can and by Apache's tools. */

import { type Check, expect, expectEqual, expectError, type Program } from '../../check.ts';
import { newTopic } from '../client.ts';
import type { World } from '../world.ts';

const admins = ['librdkafka', 'kafkajs', 'platformatic', 'python', 'java'] as const;
type Admin = (typeof admins)[number];

export function administrationChecks(world: World): Check[] {
  return [
    ...admins.flatMap((name) => [lifeCheck(world, name), refusalCheck(world, name)]),
    recreatedCheck(world),
    clusterCheck(world),
    ...topicToolChecks(world),
    kcatCheck(world),
  ];
}

function lifeCheck(world: World, client: Admin): Check {
  return {
    client,
    feature: 'topics',
    name: `${client} makes, lists, describes and deletes a topic`,
    uses: [client],
    run: async () => {
      const { bootstrap } = world;
      const admin = world[client];
      const topic = newTopic(`admin-${client}`);
      await admin.createTopic(bootstrap, topic, 3, { 'retention.ms': '3600000' });
      expect((await admin.listTopics(bootstrap)).includes(topic), 'it is listed');
      expectEqual((await admin.describeTopic(bootstrap, topic)).partitions, 3, 'partitions');
      await admin.deleteTopic(bootstrap, topic);
      expect(!(await admin.listTopics(bootstrap)).includes(topic), 'it is gone');
    },
  };
}

function refusalCheck(world: World, client: Admin): Check {
  return {
    client,
    feature: 'topics',
    name: `${client} is told why a topic cannot be made or deleted`,
    uses: [client],
    run: async () => {
      const { bootstrap } = world;
      const admin = world[client];
      const topic = newTopic(`refused.${client}`);
      await admin.createTopic(bootstrap, topic, 1);
      if (client === 'kafkajs') {
        // It says no more than that nothing was made.
        const again = await admin.request('createTopic', bootstrap, { topic, partitions: 1 });
        expectEqual(again, false, 'answer to making it twice');
      } else {
        await expectError(admin.createTopic(bootstrap, topic, 1), /exists|TOPIC_ALREADY_EXISTS/i);
      }
      await expectError(
        admin.createTopic(bootstrap, topic.replace('.', '_'), 1),
        /invalid|collide|TOPIC_EXCEPTION/i,
      );
      await expectError(
        admin.createTopic(bootstrap, newTopic('bad-config'), 1, { 'retention.ms': 'soon' }),
        /config/i,
      );
      await expectError(
        admin.createTopic(bootstrap, newTopic('bad-config'), 1, { 'no.such.option': '1' }),
        /config/i,
      );
      await expectError(
        admin.deleteTopic(bootstrap, newTopic('never-made')),
        /unknown|does not host|not host/i,
      );
    },
  };
}

/** A consumer that knows the old topic's id must not read the new one's records by it. */
function recreatedCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'topics',
    name: 'java gets a new id and an empty log for a topic that was deleted and made again',
    uses: ['java'],
    run: async () => {
      const { bootstrap, java } = world;
      const topic = newTopic('again');
      const ids: unknown[] = [];
      for (let i = 0; i < 2; i++) {
        ids.push(await java.request('createTopic', bootstrap, { topic, partitions: 1 }));
        expectEqual(await java.offset(bootstrap, topic, 0, -1), 0, 'records');
        const message = { partition: 0, key: null, value: `life ${i}`, headers: [] };
        await java.produce(bootstrap, topic, [message]);
        const found = await java.read(bootstrap, { topic, partition: 0, offset: 0 }, 1);
        expectEqual(found[0]?.value, `life ${i}`, 'what is read');
        await java.deleteTopic(bootstrap, topic);
      }
      expect(JSON.stringify(ids[0]) !== JSON.stringify(ids[1]), 'the topic id changes');
    },
  };
}

function clusterCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'cluster',
    name: 'java describes the cluster: one node, which is the controller',
    uses: ['java'],
    needs: ['DescribeCluster'],
    run: async () => {
      const cluster = (await world.java.request('describeCluster', world.bootstrap, {})) as {
        readonly clusterId: string;
        readonly nodes: number;
        readonly controller: number;
      };
      expectEqual(cluster.nodes, 1, 'nodes');
      expect(/^[\w-]{22}$/.test(cluster.clusterId), `cluster id ${cluster.clusterId}`);
      expect(cluster.controller >= 0, 'a controller');
      const tool = ['cluster-id', '--bootstrap-server', world.bootstrap];
      const said = await world.apache.run('kafka-cluster', tool);
      expect(said.output.includes(cluster.clusterId), 'kafka-cluster says the same');
    },
  };
}

export function toolCheck(
  name: string,
  run: () => Promise<void>,
  more: { readonly needs?: readonly string[]; readonly isFullOnly?: boolean } = {},
): Check {
  const uses: readonly Program[] = ['java', 'kafkajs'];
  return { client: 'java', feature: 'kafka-topics', name, uses, run, ...more };
}

function topicToolChecks(world: World): Check[] {
  const topics = (args: readonly string[]) =>
    world.apache.run('kafka-topics', ['--bootstrap-server', world.bootstrap, ...args]);
  return [
    toolCheck('kafka-topics makes, lists and deletes a topic', async () => {
      const topic = newTopic('tool');
      const make = ['--create', '--topic', topic, '--partitions', '4'];
      const made = await topics([...make, '--config', 'max.message.bytes=64000']);
      expect(made.output.includes(`Created topic ${topic}`), 'it says that the topic was made');
      expectEqual((await world.kafkajs.describeTopic(world.bootstrap, topic)).partitions, 4, topic);
      const listed = await topics(['--list']);
      expect(listed.stdout.toString().split('\n').includes(topic), 'it is listed');
      expectEqual((await topics(['--delete', '--topic', topic])).code, 0, 'code of --delete');
      const left = await world.kafkajs.listTopics(world.bootstrap);
      expect(!left.includes(topic), 'it is gone');
    }),
    toolCheck(
      'kafka-topics is told that a topic exists, and goes on with --if-not-exists',
      async () => {
        const topic = await world.createTopic(newTopic('tool'));
        const again = await topics(['--create', '--topic', topic]);
        expect(again.code !== 0 && /already exists/.test(again.output), 'it says that it exists');
        const kind = await topics(['--create', '--topic', topic, '--if-not-exists']);
        expectEqual(kind.code, 0, 'code with --if-not-exists');
      },
    ),
    toolCheck(
      'kafka-topics describes a topic with its partitions and options',
      async () => {
        const configs = { 'retention.ms': '3600000' };
        const topic = await world.createTopic(newTopic('tool'), 2, configs);
        const told = await topics(['--describe', '--topic', topic]);
        expectEqual(told.code, 0, 'code of --describe');
        expect(/PartitionCount: ?2/.test(told.output), 'it says how many partitions');
        expect(told.output.includes('retention.ms=3600000'), 'it shows the option');
        expect(/Leader: \d+\s+Replicas: \d+\s+Isr: \d+/.test(told.output), 'and the leader');
      },
      { needs: ['DescribeConfigs'] },
    ),
    toolCheck(
      'kafka-topics adds partitions',
      async () => {
        const topic = await world.createTopic(newTopic('tool'));
        const done = await topics(['--alter', '--topic', topic, '--partitions', '3']);
        expectEqual(done.code, 0, 'code of --alter');
        const { partitions } = await world.kafkajs.describeTopic(world.bootstrap, topic);
        expectEqual(partitions, 3, 'partitions');
      },
      { needs: ['CreatePartitions'] },
    ),
    {
      ...toolCheck('kafka-broker-api-versions lists the APIs', async () => {
        const args = ['--bootstrap-server', world.bootstrap];
        const told = await world.apache.run('kafka-broker-api-versions', args);
        expectEqual(told.code, 0, 'its code');
        expect(/Produce\(0\): .*\[usable: \d+\]/.test(told.output), 'Produce is usable');
        expect(/Fetch\(1\): .*\[usable: \d+\]/.test(told.output), 'Fetch is usable');
      }),
      feature: 'kafka-broker-api-versions',
    },
  ];
}

function kcatCheck(world: World): Check {
  return {
    client: 'kcat',
    feature: 'topics',
    name: 'kcat lists brokers, topics and partitions',
    uses: ['kcat', 'kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic('listed'), 2);
      const told = await world.kcat.run(world.bootstrap, ['-L', '-J']);
      expectEqual(told.code, 0, 'its code');
      const { brokers, topics } = JSON.parse(told.stdout.toString()) as {
        readonly brokers: readonly { readonly name: string }[];
        readonly topics: readonly {
          readonly topic: string;
          readonly partitions: readonly unknown[];
        }[];
      };
      expectEqual(
        brokers.map(({ name }) => name),
        [world.bootstrap],
        'brokers',
      );
      expectEqual(topics.find((one) => one.topic === topic)?.partitions.length, 2, 'partitions');
    },
  };
}
