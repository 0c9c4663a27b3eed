/** What graphical user interfaces for Kafka ask, replayed: every answer decodes and makes sense. */

import { type Check, expectEqual, until } from '../../check.ts';
import { runCommand } from '../../commands.ts';
import { newTopic } from '../client.ts';
import { DriverMember, untilShared } from '../members.ts';
import type { World } from '../world.ts';
import { groupApis } from './groups.ts';

const needs = [...groupApis, 'DescribeGroups', 'ListGroups', 'DeleteGroups', 'DescribeConfigs'];

/** Of what they ask on start and for each page; see UiCalls.java. */
const kafkaUi = {
  'start: cluster': '1 true',
  'start: features': true,
  'start: broker configs': true,
  'start: acls': 'SecurityDisabledException',
  'topics: names': true,
  'topics: description': 2,
  'topics: configs': 'DEFAULT_CONFIG true',
  'topics: offsets': '0..10',
  'topics: missing': 'UnknownTopicOrPartitionException',
  'brokers: log dirs': true,
  'groups: list': true,
  'groups: description': 'Empty 0  1',
  'groups: offsets': 10,
  quotas: 0,
  quorum: 'UnsupportedVersionException',
  producers: 'UnsupportedVersionException',
  'topic: more partitions': true,
  'topic: a config': 'DYNAMIC_TOPIC_CONFIG true',
  'topic: a bad config': 'InvalidConfigurationException',
  'topic: records deleted': 2,
  'topic: made and deleted': true,
  'group: reset': 3,
  'group: offsets of a topic deleted': -1,
  'group: deleted': false,
};

const akhq = {
  'start: cluster': 1,
  'topics: listings': true,
  'topics: description': 2,
  'topics: offsets': '0..10 0',
  'topics: configs': 'DEFAULT_CONFIG true',
  'topics: configs altered': true,
  'nodes: configs': true,
  'nodes: log dirs': true,
  'groups: list': true,
  'groups: description': 'Stable 1',
  'groups: offsets': 10,
  acls: 'SecurityDisabledException',
};

/** See go/main.go. */
const redpandaConsole = {
  'api versions': 1,
  metadata: '1 true',
  'log dirs': true,
  'broker configs': true,
  reassignments: 0,
  quotas: 0,
  acls: 'SECURITY_DISABLED: Security features are disabled.',
  'topic configs': true,
  'topic offsets': '0 0 10',
  'groups listed': 'consumer Stable',
  'group described': 'Stable 1 range',
  'group assignment': 2,
  'group offsets': 10,
  'group lag': 0,
  'absent group': 'GROUP_ID_NOT_FOUND: The group id does not exist.',
  'topic made': 2,
  'topic made again': 'TOPIC_ALREADY_EXISTS: Topic with this name already exists.',
  'partitions added': true,
  'config set': 1,
  'records deleted': 1,
  'topic deleted': true,
  'offsets committed': '2 noted',
  'offset deleted': true,
  'group deleted': true,
  'produced and consumed': 30,
};

export function userInterfaceChecks(world: World): Check[] {
  return [
    javaCheck(world, 'kafka-ui', kafkaUi, 'its group has no members'),
    javaCheck(world, 'akhq', akhq, 'its group has a member'),
    goCheck(world),
  ];
}

/** Ten records in each of two partitions, and a group that has read them. */
async function prepare(world: World) {
  const topic = await world.createTopic(newTopic('shown'), 2);
  const messages = Array.from({ length: 20 }, (_, i) => ({
    partition: i % 2,
    key: `${i}`,
    value: `${i}`,
    headers: [],
  }));
  await world.kafkajs.produce(world.bootstrap, topic, messages);
  const group = `of-${topic}`;
  const member = await DriverMember.join(world.java, world.bootstrap, { group, topics: [topic] });
  await untilShared([member], [2]);
  await until('all is read', 10_000, async () => (await member.status()).records.length === 20);
  await member.commit();
  return { topic, group, member };
}

function javaCheck(
  world: World,
  ui: string,
  wanted: Readonly<Record<string, unknown>>,
  state: string,
): Check {
  return {
    client: 'java',
    feature: 'user interfaces',
    name: `what ${ui} asks is answered; ${state}`,
    uses: ['java', 'kafkajs'],
    needs,
    run: async () => {
      const { topic, group, member } = await prepare(world);
      if (ui === 'kafka-ui') await member.leave();
      const answers = await world.java.request('uiCalls', world.bootstrap, { ui, topic, group });
      expectEqual(answers, wanted, ui);
      if (ui !== 'kafka-ui') await member.leave();
    },
  };
}

function goCheck(world: World): Check {
  return {
    client: 'franzGo',
    feature: 'user interfaces',
    name: 'what Redpanda Console asks is answered, and franz-go reads through a group',
    uses: ['franzGo', 'java', 'kafkajs'],
    needs,
    // Its client takes most of a minute to compile.
    isFullOnly: true,
    timeoutMs: 240_000,
    run: async () => {
      const program = await world.buildGo();
      const { topic, group, member } = await prepare(world);
      const args = [world.bootstrap, topic, group];
      const done = await runCommand(program, args, { timeoutMs: 60_000 });
      expectEqual(JSON.parse(done.stdout.toString() || '{}'), redpandaConsole, done.stderr);
      await member.leave();
    },
  };
}
