/** Apache's tools of 2019 (2.2.0), as tutorials of that time use them: `--broker-list` and all. */

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type Check, expect, expectEqual, until } from '../../check.ts';
import type { CommandResult } from '../../commands.ts';
import type { OldApacheTool } from '../apache-tools.ts';
import { newTopic } from '../client.ts';
import { DriverMember, untilShared } from '../members.ts';
import type { World } from '../world.ts';
import { tableOf } from './group-tools.ts';
import { groupApis } from './groups.ts';

const feature = "Apache Kafka's tools of 2.2.0";

export function oldToolChecks(world: World): Check[] {
  return [
    topicsCheck(world),
    consoleCheck(world),
    offsetsCheck(world),
    groupsCheck(world),
    configsCheck(world),
    perfCheck(world),
    recordsCheck(world),
  ];
}

function oldCheck(name: string, needs: readonly string[], run: () => Promise<void>): Check {
  return { client: 'java', feature, name, uses: ['java', 'kafkajs'], needs, run };
}

class Tools {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  run(tool: OldApacheTool, args: readonly string[], input = ''): Promise<CommandResult> {
    return this.#world.oldApache.run(tool, args, { input });
  }

  server(tool: OldApacheTool, ...args: readonly string[]): Promise<CommandResult> {
    return this.run(tool, ['--bootstrap-server', this.#world.bootstrap, ...args]);
  }

  brokers(tool: OldApacheTool, ...args: readonly string[]): Promise<CommandResult> {
    return this.run(tool, ['--broker-list', this.#world.bootstrap, ...args]);
  }

  write(topic: string, input: string): Promise<CommandResult> {
    const keys = ['--property', 'parse.key=true', '--property', 'key.separator=:'];
    const place = ['--broker-list', this.#world.bootstrap, '--topic', topic];
    return this.run('kafka-console-producer', [...place, ...keys], input);
  }
}

function topicsCheck(world: World): Check {
  const name = "2.2.0's kafka-topics makes, lists, describes, alters and deletes a topic";
  return oldCheck(name, ['CreatePartitions', 'DescribeConfigs'], async () => {
    const tools = new Tools(world);
    const topic = newTopic('old');
    const make = ['--create', '--topic', topic, '--partitions', '2', '--replication-factor', '1'];
    const made = await tools.server('kafka-topics', ...make, '--config', 'retention.ms=70000');
    expectEqual(made.code, 0, 'code of --create');
    const again = await tools.server('kafka-topics', ...make);
    expect(/already exists/.test(again.output), 'only once');
    const listed = await tools.server('kafka-topics', '--list');
    expect(listed.stdout.toString().split('\n').includes(topic), 'it is listed');
    const more = ['--alter', '--topic', topic, '--partitions', '3'];
    expectEqual((await tools.server('kafka-topics', ...more)).code, 0, 'code of --alter');
    const told = await tools.server('kafka-topics', '--describe', '--topic', topic);
    expect(/PartitionCount:3\s+ReplicationFactor:1/.test(told.output), 'partitions, replicas');
    expect(told.output.includes('retention.ms=70000'), 'its option');
    const gone = await tools.server('kafka-topics', '--delete', '--topic', topic);
    expectEqual(gone.code, 0, 'code of --delete');
    const left = await world.kafkajs.listTopics(world.bootstrap);
    expect(!left.includes(topic), 'it is gone');
  });
}

function consoleCheck(world: World): Check {
  const name = "2.2.0's console producer and consumer with keys, and in a group that goes on";
  return oldCheck(name, groupApis, async () => {
    const tools = new Tools(world);
    const topic = await world.createTopic(newTopic('old'));
    const read = async (...how: string[]): Promise<string[]> => {
      const shown = ['--property', 'print.key=true', '--timeout-ms', '8000'];
      const place = ['--topic', topic, '--from-beginning'];
      const args = [...place, ...how, ...shown];
      const done = await tools.server('kafka-console-consumer', ...args);
      const lines = done.stdout.toString().split('\n');
      return lines.filter((line) => line.includes('\t'));
    };
    await tools.write(topic, 'a:1\nb:2\nключ:☃\n');
    const group = ['--group', `of-${topic}`, '--max-messages'];
    expectEqual(await read(...group, '3'), ['a\t1', 'b\t2', 'ключ\t☃'], 'the first run');
    await tools.write(topic, 'd:4\n');
    expectEqual(await read(...group, '1'), ['d\t4'], 'the second run in its group');
    const place = ['--topic', topic, '--partition', '0', '--offset', '2'];
    const from = await tools.server('kafka-console-consumer', ...place, '--max-messages', '2');
    expectEqual(from.stdout.toString().trim(), '☃\n4', 'by partition and offset');
  });
}

function offsetsCheck(world: World): Check {
  const name = "2.2.0's GetOffsetShell, broker-api-versions and log-dirs";
  return oldCheck(name, ['DescribeLogDirs'], async () => {
    const tools = new Tools(world);
    const topic = await world.createTopic(newTopic('old'));
    await tools.write(topic, 'a:1\nb:2\n');
    const shell = 'kafka-run-class kafka.tools.GetOffsetShell';
    for (const [time, offset] of [
      ['-1', 2],
      ['-2', 0],
      ['0', 0],
    ] as const) {
      const told = await tools.brokers(shell, '--topic', topic, '--time', time);
      expectEqual(told.stdout.toString().trim(), `${topic}:0:${offset}`, `offset at ${time}`);
    }
    const versions = await tools.server('kafka-broker-api-versions');
    expect(/Produce\(0\): .*\[usable: 7\]/.test(versions.output), 'Produce 7 is usable');
    expect(/Fetch\(1\): .*\[usable: 10\]/.test(versions.output), 'Fetch 10 is usable');
    const dirs = await tools.server('kafka-log-dirs', '--describe', '--topic-list', topic);
    expect(dirs.output.includes(`"partition":"${topic}-0"`), 'the partition is in a log dir');
  });
}

function groupsCheck(world: World): Check {
  const name = "2.2.0's kafka-consumer-groups lists, describes, resets and deletes";
  const needs = [...groupApis, 'ListGroups', 'DescribeGroups', 'DeleteGroups'];
  return oldCheck(name, needs, async () => {
    const tools = new Tools(world);
    const topic = await world.createTopic(newTopic('old'));
    await tools.write(topic, 'a:1\nb:2\nc:3\n');
    const group = `of-${topic}`;
    const older = world.olderJava.get('2.1.1') ?? world.java;
    const member = await DriverMember.join(older, world.bootstrap, { group, topics: [topic] });
    await untilShared([member], [1]);
    await until('it has read', 10_000, async () => (await member.status()).records.length === 3);
    await member.commit();
    const groups = (...args: readonly string[]): Promise<CommandResult> =>
      tools.server('kafka-consumer-groups', ...args);
    const listed = await groups('--list');
    expect(listed.stdout.toString().split('\n').includes(group), 'it is listed');
    const describe = ['--describe', '--group', group];
    const [row] = tableOf(await groups(...describe), 'TOPIC');
    const numbers = [row?.['CURRENT-OFFSET'], row?.['LOG-END-OFFSET'], row?.LAG];
    expectEqual(numbers, ['3', '3', '0'], 'offsets and lag');
    const members = await groups(...describe, '--members', '--verbose');
    expect(members.output.includes(`${topic}(0)`), 'its member has the partition');
    const state = await groups(...describe, '--state');
    expect(/range\s+Stable\s+1/.test(state.output), 'its state');
    await member.leave();
    const reset = ['--reset-offsets', '--group', group, '--topic', topic, '--shift-by', '-2'];
    await groups(...reset, '--execute');
    const [after] = tableOf(await groups(...describe), 'TOPIC');
    expectEqual(after?.['CURRENT-OFFSET'], '1', 'offset after the reset');
    const deleted = await groups('--delete', '--group', group);
    expect(/success/i.test(deleted.output), 'it is deleted');
    expect(!(await groups('--list')).output.includes(group), 'it is gone');
  });
}

function configsCheck(world: World): Check {
  const name = "2.2.0's kafka-configs describes the broker's options";
  return oldCheck(name, ['DescribeConfigs'], async () => {
    const tools = new Tools(world);
    const versions = await tools.server('kafka-broker-api-versions');
    const id = /\(id: (\d+) /.exec(versions.output)?.[1] ?? '';
    const entity = ['--entity-type', 'brokers', '--entity-name', id];
    const told = await tools.server('kafka-configs', '--describe', ...entity);
    expectEqual(told.code, 0, 'its code');
    expect(/configs for broker/i.test(told.output), 'what it says');
  });
}

function perfCheck(world: World): Check {
  const name = "2.2.0's producer-perf-test and consumer-perf-test work";
  return oldCheck(name, groupApis, async () => {
    const tools = new Tools(world);
    const topic = await world.createTopic(newTopic('old'), 2);
    const size = ['--num-records', '10000', '--record-size', '100', '--throughput', '-1'];
    const server = ['--producer-props', `bootstrap.servers=${world.bootstrap}`, 'acks=all'];
    const args = ['--topic', topic, ...size, ...server];
    const wrote = await tools.run('kafka-producer-perf-test', args);
    expect(/10000 records sent/.test(wrote.output), 'all are sent');
    const wanted = ['--topic', topic, '--messages', '10000', '--timeout', '20000'];
    const read = await tools.brokers('kafka-consumer-perf-test', ...wanted);
    const count = Number(read.stdout.toString().trim().split('\n').at(-1)?.split(',')[4]);
    expect(count >= 10_000, `it has read ${count} records`);
  });
}

function recordsCheck(world: World): Check {
  const name = "2.2.0's kafka-delete-records deletes up to an offset";
  return oldCheck(name, ['DeleteRecords'], async () => {
    const tools = new Tools(world);
    const topic = await world.createTopic(newTopic('old'));
    await tools.write(topic, 'a:1\nb:2\nc:3\n');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-deletion-'));
    const file = path.join(folder, 'offsets.json');
    const partitions = [{ topic, partition: 0, offset: 2 }];
    fs.writeFileSync(file, JSON.stringify({ partitions, version: 1 }));
    const done = await tools.server('kafka-delete-records', '--offset-json-file', file);
    fs.rmSync(folder, { recursive: true });
    expect(/low_watermark: 2/.test(done.output), 'what it says');
    expectEqual(await world.kafkajs.offset(world.bootstrap, topic, 0, -2), 2, 'the start');
  });
}
