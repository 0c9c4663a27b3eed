/** Apache's tools of today for configs, records and what else is administered. */

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type Check, expect, expectEqual } from '../../check.ts';
import type { CommandResult } from '../../commands.ts';
import type { ApacheTool } from '../apache-tools.ts';
import { newTopic } from '../client.ts';
import type { World } from '../world.ts';
import { toolCheck } from './administration.ts';

export function adminToolChecks(world: World): Check[] {
  return [
    topicConfigCheck(world),
    badConfigCheck(world),
    brokerConfigCheck(world),
    describeTopicsCheck(world),
    moreTopicsCheck(world),
    deleteRecordsCheck(world),
    logDirsCheck(world),
    emptyAnswersCheck(world),
  ];
}

function run(
  world: World,
  tool: ApacheTool,
  args: readonly string[],
  input?: string,
): Promise<CommandResult> {
  const all = ['--bootstrap-server', world.bootstrap, ...args];
  return world.apache.run(tool, all, input === undefined ? {} : { input });
}

async function numberedTopic(world: World, partitions: number, each: number): Promise<string> {
  const topic = await world.createTopic(newTopic('tools'), partitions);
  const messages = Array.from({ length: partitions * each }, (_, i) => ({
    partition: i % partitions,
    key: `${i}`,
    value: `record ${i}`,
    headers: [],
  }));
  await world.kafkajs.produce(world.bootstrap, topic, messages);
  return topic;
}

const configApis = ['DescribeConfigs', 'IncrementalAlterConfigs'];

function topicConfigCheck(world: World): Check {
  const check = toolCheck(
    'kafka-configs sets, shows, extends and deletes options of a topic',
    async () => {
      const topic = await world.createTopic(newTopic('configured'));
      const entity = ['--entity-type', 'topics', '--entity-name', topic];
      const alter = async (...how: string[]): Promise<void> => {
        const done = await run(world, 'kafka-configs', ['--alter', ...entity, ...how]);
        expectEqual(done.code, 0, `code of ${how.join(' ')}`);
        expect(/Completed updating config/.test(done.output), 'it says so');
      };
      const shown = async (...how: string[]): Promise<string> =>
        (await run(world, 'kafka-configs', ['--describe', ...entity, ...how])).output;
      await alter('--add-config', 'retention.ms=60000,cleanup.policy=[compact,delete]');
      const two = await shown();
      expect(/retention\.ms=60000 sensitive=false/.test(two), 'retention.ms is shown');
      expect(/cleanup\.policy=compact,delete/.test(two), 'cleanup.policy is shown');
      expect(/DYNAMIC_TOPIC_CONFIG:retention\.ms=60000/.test(two), 'with its source');
      const all = await shown('--all');
      expect(/max\.message\.bytes=\d+.*DEFAULT_CONFIG/.test(all), 'defaults with --all');
      expect(all.split('\n').length > 15, 'and all of them');
      await alter('--delete-config', 'retention.ms,cleanup.policy');
      expect(!/retention\.ms=60000/.test(await shown()), 'it is gone');
      const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-configs-')), 'some');
      fs.writeFileSync(file, 'segment.bytes=2097152\n');
      await alter('--add-config-file', file);
      expect(/segment\.bytes=2097152/.test(await shown()), 'from a file');
      fs.rmSync(path.dirname(file), { recursive: true });
    },
    { needs: configApis },
  );
  return { ...check, feature: 'kafka-configs' };
}

function badConfigCheck(world: World): Check {
  const check = toolCheck(
    'kafka-configs is refused unknown options, bad values and unknown topics, and nothing changes',
    async () => {
      const topic = await world.createTopic(newTopic('configured'));
      const entity = ['--entity-type', 'topics', '--entity-name'];
      const cases = [
        [topic, ['--add-config', 'no.such.option=1'], /InvalidConfig|Unknown/],
        [topic, ['--add-config', 'retention.ms=soon'], /InvalidConfig/],
        [topic, ['--add-config', 'cleanup.policy=shred'], /InvalidConfig/],
        [topic, ['--add-config', 'retention.bytes=5,max.message.bytes=-7'], /InvalidConfig/],
        [newTopic('absent'), ['--add-config', 'retention.ms=1000'], /UnknownTopic/],
      ] as const;
      for (const [name, how, why] of cases) {
        const told = await run(world, 'kafka-configs', ['--alter', ...entity, name, ...how]);
        expect(told.code !== 0 && why.test(told.output), `${how.join(' ')} is refused`);
      }
      const left = await run(world, 'kafka-configs', ['--describe', ...entity, topic]);
      expect(!/=/.test(left.stdout.toString()), 'no option is set');
    },
    { needs: configApis },
  );
  return { ...check, feature: 'kafka-configs' };
}

function brokerConfigCheck(world: World): Check {
  const check = toolCheck(
    'kafka-configs describes the options of the broker',
    async () => {
      const entity = ['--entity-type', 'brokers', '--entity-name'];
      const brokers = await run(world, 'kafka-broker-api-versions', []);
      const id = /\(id: (\d+) /.exec(brokers.output)?.[1] ?? '';
      const all = await run(world, 'kafka-configs', ['--describe', ...entity, id, '--all']);
      expectEqual(all.code, 0, 'its code');
      for (const name of ['message.max.bytes', 'log.retention.ms', 'auto.create.topics.enable']) {
        expect(all.output.includes(`${name}=`), `${name} is shown`);
      }
      const some = await run(world, 'kafka-configs', ['--describe', ...entity, id]);
      expectEqual(some.code, 0, 'code of the short form');
    },
    { needs: configApis },
  );
  return { ...check, feature: 'kafka-configs' };
}

function describeTopicsCheck(world: World): Check {
  return toolCheck(
    'kafka-topics describes all topics, those with overrides, and none that lack a replica',
    async () => {
      const topic = await world.createTopic(newTopic('described'), 2, { 'retention.ms': '77000' });
      const plain = await world.createTopic(newTopic('described'));
      const all = await run(world, 'kafka-topics', ['--describe', '--exclude-internal']);
      expectEqual(all.code, 0, 'its code');
      expect(all.output.includes(`Topic: ${plain}\t`), 'a topic without overrides');
      expect(/TopicId: [\w-]{22}/.test(all.output), 'topic ids');
      const over = await run(world, 'kafka-topics', ['--describe', '--topics-with-overrides']);
      expect(over.output.includes(`Topic: ${topic}\t`), 'the topic with overrides');
      expect(!over.output.includes(`Topic: ${plain}\t`), 'not the one without');
      for (const filter of [
        '--under-replicated-partitions',
        '--unavailable-partitions',
        '--under-min-isr-partitions',
        '--at-min-isr-partitions',
      ]) {
        const told = await run(world, 'kafka-topics', ['--describe', filter]);
        expectEqual(told.code, 0, `code with ${filter}`);
        if (filter === '--at-min-isr-partitions') continue;
        expectEqual(told.stdout.toString().trim(), '', filter);
      }
      const id = new RegExp(`Topic: ${topic}\\s+TopicId: ([\\w-]{22})`).exec(all.output)?.[1] ?? '';
      const byId = await run(world, 'kafka-topics', ['--describe', '--topic-id', id]);
      expect(byId.output.includes(`Topic: ${topic}\t`), 'by its id');
      const listed = await run(world, 'kafka-topics', ['--list', '--exclude-internal']);
      expect(!listed.output.includes('__consumer_offsets'), 'internal topics are left out');
    },
    { needs: ['DescribeConfigs'] },
  );
}

function moreTopicsCheck(world: World): Check {
  return toolCheck(
    'kafka-topics asks for three replicas, fewer partitions, and topics that are not there',
    async () => {
      const topic = newTopic('clamped');
      const make = ['--create', '--topic', topic, '--partitions', '2'];
      const made = await run(world, 'kafka-topics', [...make, '--replication-factor', '3']);
      expectEqual(made.code, 0, 'code of --create with three replicas');
      const told = await run(world, 'kafka-topics', ['--describe', '--topic', topic]);
      expect(/ReplicationFactor: 1\b/.test(told.output), 'it has as many as there are nodes');
      const alter = ['--alter', '--topic', topic, '--partitions'];
      const fewer = await run(world, 'kafka-topics', [...alter, '1']);
      expect(fewer.code !== 0 && /InvalidPartitions/.test(fewer.output), 'fewer is refused');
      const more = await run(world, 'kafka-topics', [...alter, '5']);
      expectEqual(more.code, 0, 'code of more partitions');
      const { partitions } = await world.kafkajs.describeTopic(world.bootstrap, topic);
      expectEqual(partitions, 5, 'partitions');
      const absent = ['--topic', newTopic('absent')];
      for (const what of [['--describe'], ['--delete'], ['--alter', '--partitions', '3']]) {
        const missing = await run(world, 'kafka-topics', [...what, ...absent]);
        expect(missing.code !== 0 && /does not exist/.test(missing.output), `${what[0]} says so`);
        const kind = await run(world, 'kafka-topics', [...what, ...absent, '--if-exists']);
        expectEqual(kind.code, 0, `code of ${what[0]} with --if-exists`);
      }
    },
    { needs: ['DescribeConfigs', 'CreatePartitions'] },
  );
}

function deleteRecordsCheck(world: World): Check {
  const check = toolCheck(
    'kafka-delete-records deletes up to an offset, and all there is',
    async () => {
      const topic = await numberedTopic(world, 2, 10);
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-deletion-'));
      const file = path.join(folder, 'offsets.json');
      const partitions = [
        { topic, partition: 0, offset: 4 },
        { topic, partition: 1, offset: -1 },
      ];
      fs.writeFileSync(file, JSON.stringify({ partitions, version: 1 }));
      const done = await run(world, 'kafka-delete-records', ['--offset-json-file', file]);
      expectEqual(done.code, 0, 'its code');
      expect(done.output.includes(`${topic}-0\tlow_watermark: 4`), 'the first partition');
      expect(done.output.includes(`${topic}-1\tlow_watermark: 10`), 'the second');
      const ends = await run(world, 'kafka-get-offsets', ['--topic', topic, '--time', '-2']);
      const lines = ends.stdout.toString().trim().split('\n').sort();
      expectEqual(lines, [`${topic}:0:4`, `${topic}:1:10`], 'earliest offsets');
      const beyond = [{ topic, partition: 0, offset: 4711 }];
      fs.writeFileSync(file, JSON.stringify({ partitions: beyond, version: 1 }));
      const wrong = await run(world, 'kafka-delete-records', ['--offset-json-file', file]);
      expect(/OffsetOutOfRange/.test(wrong.output), 'beyond the end is refused');
      fs.rmSync(folder, { recursive: true });
    },
    { needs: ['DeleteRecords'] },
  );
  return { ...check, feature: 'kafka-delete-records' };
}

function logDirsCheck(world: World): Check {
  const check = toolCheck(
    'kafka-log-dirs says how much a partition keeps',
    async () => {
      const topic = await numberedTopic(world, 1, 100);
      const told = await run(world, 'kafka-log-dirs', ['--describe', '--topic-list', topic]);
      expectEqual(told.code, 0, 'its code');
      const line = told.stdout
        .toString()
        .split('\n')
        .find((one) => one.startsWith('{'));
      const { brokers } = JSON.parse(line ?? '{}') as {
        readonly brokers: readonly {
          readonly logDirs: readonly {
            readonly error: string | null;
            readonly partitions: readonly { readonly partition: string; readonly size: number }[];
          }[];
        }[];
      };
      const [dir] = brokers[0]?.logDirs ?? [];
      expectEqual(dir?.error, null, 'error');
      const [only] = dir?.partitions ?? [];
      expectEqual(only?.partition, `${topic}-0`, 'the partition');
      expect((only?.size ?? 0) > 1_000, `its size: ${only?.size}`);
    },
    { needs: ['DescribeLogDirs'] },
  );
  return { ...check, feature: 'kafka-log-dirs' };
}

/** What the broker has not: the tools say so without a stack trace of the protocol. */
function emptyAnswersCheck(world: World): Check {
  const check = toolCheck(
    'kafka-reassign-partitions, kafka-acls and kafka-configs of clients are told that there is nothing',
    async () => {
      const moves = await run(world, 'kafka-reassign-partitions', ['--list']);
      expect(/No partition reassignments found/.test(moves.output), 'no reassignments');
      const quotas = ['--describe', '--entity-type', 'clients', '--entity-default'];
      expectEqual((await run(world, 'kafka-configs', quotas)).code, 0, 'code for quotas');
      const acls = await run(world, 'kafka-acls', ['--list']);
      expect(/No Authorizer is configured|SecurityDisabled/i.test(acls.output), 'no ACLs');
      const cluster = ['list-endpoints', '--bootstrap-server', world.bootstrap];
      const told = await world.apache.run('kafka-cluster', cluster);
      expect(told.output.includes('127.0.0.1'), 'kafka-cluster lists the endpoint');
    },
    { needs: ['ListPartitionReassignments', 'DescribeAcls', 'DescribeClientQuotas'] },
  );
  return { ...check, feature: 'other tools' };
}
