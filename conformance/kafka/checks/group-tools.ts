/** What Apache's tools of today show of groups and do to them. */

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type Check, expect, expectEqual, type Program } from '../../check.ts';
import type { CommandResult } from '../../commands.ts';
import { newTopic } from '../client.ts';
import { DriverMember, untilShared } from '../members.ts';
import type { World } from '../world.ts';
import { groupApis } from './groups.ts';

const uses: readonly Program[] = ['java', 'kafkajs'];
const needs = [...groupApis, 'ListGroups', 'DescribeGroups'];
const partitions = 3;
const each = 10;
const hourMs = 3_600_000;

export function groupToolChecks(world: World): Check[] {
  return [
    describeCheck(world),
    resetCheck(world),
    resetFromFileCheck(world),
    deleteCheck(world),
    listCheck(world),
    consoleCheck(world),
    verifiableCheck(world),
    perfCheck(world),
  ];
}

interface Prepared {
  readonly topic: string;
  readonly group: string;
  readonly member: DriverMember;
  /** Of the first record. */
  readonly firstMs: number;
}

/** Ten records in each partition, a second apart from an hour ago on, all read and committed. */
async function prepare(world: World): Promise<Prepared> {
  const topic = await world.createTopic(newTopic('told'), partitions);
  const firstMs = Date.now() - hourMs;
  const messages = Array.from({ length: partitions * each }, (_, i) => ({
    partition: i % partitions,
    key: null,
    value: `${i}`,
    headers: [],
    timestamp: firstMs + Math.floor(i / partitions) * 1000,
  }));
  await world.kafkajs.produce(world.bootstrap, topic, messages);
  const group = `of-${topic}`;
  const member = await DriverMember.join(world.java, world.bootstrap, { group, topics: [topic] });
  await untilShared([member], [partitions]);
  for (let seen = 0; seen < messages.length; ) seen = (await member.status()).records.length;
  await member.commit();
  return { topic, group, member, firstMs };
}

async function committed(world: World, { topic, group }: Prepared): Promise<number[]> {
  const request = { group, topic, partitions };
  const rows = await world.java.request('committed', world.bootstrap, request);
  return (rows as readonly { readonly offset: number }[]).map(({ offset }) => offset);
}

/** Lines of a table, by the words of its head. */
export function tableOf({ stdout }: CommandResult, firstWord: string): Record<string, string>[] {
  const lines = stdout.toString().split('\n');
  const start = lines.findIndex((line) => line.startsWith(firstWord));
  if (start < 0) return [];
  const names = words(lines[start] ?? '');
  const rows: Record<string, string>[] = [];
  for (const line of lines.slice(start + 1)) {
    if (line.trim() === '') continue;
    rows.push(Object.fromEntries(words(line).map((word, i) => [names[i] ?? `${i}`, word])));
  }
  return rows;
}

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}

function groupsTool(world: World, args: readonly string[]): Promise<CommandResult> {
  const server = ['--bootstrap-server', world.bootstrap];
  return world.apache.run('kafka-consumer-groups', [...server, ...args]);
}

function groupCheck(
  name: string,
  feature: string,
  run: () => Promise<void>,
  more: readonly string[] = [],
): Check {
  return { client: 'java', feature, name, uses, needs: [...needs, ...more], run };
}

function describeCheck(world: World): Check {
  const name = 'kafka-consumer-groups describes offsets, members and state of a group';
  return groupCheck(name, 'kafka-consumer-groups', async () => {
    const { topic, group, member } = await prepare(world);
    const describe = ['--describe', '--group', group];
    const offsets = tableOf(await groupsTool(world, describe), 'GROUP');
    expectEqual(offsets.length, partitions, 'rows of offsets');
    for (const row of offsets) {
      expectEqual([row.GROUP, row.TOPIC], [group, topic], 'group and topic');
      const numbers = [row['CURRENT-OFFSET'], row['LOG-END-OFFSET'], row.LAG];
      expectEqual(numbers, ['10', '10', '0'], 'offsets and lag');
      expect(/^java-/.test(row['CONSUMER-ID'] ?? ''), `consumer ${row['CONSUMER-ID']}`);
      expectEqual([row.HOST, row['CLIENT-ID']], ['/127.0.0.1', 'java'], 'host and client id');
    }
    const members = await groupsTool(world, [...describe, '--members', '--verbose']);
    const [only, ...others] = tableOf(members, 'GROUP');
    expectEqual(others.length, 0, 'more members');
    expectEqual(only?.['#PARTITIONS'], `${partitions}`, 'partitions of the member');
    expect(members.output.includes(`${topic}:0,1,2`), 'its partitions by name');
    const state = await groupsTool(world, [...describe, '--state']);
    expect(/ range\s+Stable\s+1\s*$/m.test(state.output), 'assignor, state, members');
    expect(state.output.includes(world.bootstrap), 'its coordinator');
    const missing = await groupsTool(world, ['--describe', '--group', `no-${group}`]);
    expect(/does not exist|not ?found/i.test(missing.output), 'that a group does not exist');
    await member.leave();
    const empty = await groupsTool(world, [...describe, '--state']);
    expect(/\s+Empty\s+0\s*$/m.test(empty.output), 'that it is empty then');
    const idle = await groupsTool(world, describe);
    expect(/has no active members/.test(idle.output), 'that it has no active members');
    expectEqual(tableOf(idle, 'GROUP').length, partitions, 'rows of offsets without members');
  });
}

function resetCheck(world: World): Check {
  const name = 'kafka-consumer-groups resets offsets in all its ways, of groups without members';
  return groupCheck(name, 'kafka-consumer-groups', async () => {
    const prepared = await prepare(world);
    const { topic, group, member } = prepared;
    const reset = (...how: string[]): Promise<CommandResult> =>
      groupsTool(world, ['--reset-offsets', '--group', group, ...how]);
    const refused = await reset('--topic', topic, '--to-earliest', '--execute');
    expect(/inactive|not empty|active members/i.test(refused.output), 'no reset while it is used');
    expectEqual(await committed(world, prepared), [10, 10, 10], 'after the refusal');
    await member.leave();
    await reset('--topic', topic, '--to-earliest', '--dry-run');
    expectEqual(await committed(world, prepared), [10, 10, 10], 'after the dry run');
    const cases: readonly (readonly [readonly string[], readonly number[]])[] = [
      [
        ['--topic', topic, '--to-earliest'],
        [0, 0, 0],
      ],
      [
        ['--all-topics', '--to-latest'],
        [10, 10, 10],
      ],
      [
        ['--topic', `${topic}:0,2`, '--to-offset', '4'],
        [4, 10, 4],
      ],
      [
        ['--topic', topic, '--shift-by', '-3'],
        [1, 7, 1],
      ],
      [
        ['--topic', topic, '--shift-by', '100'],
        [10, 10, 10],
      ],
      [
        ['--topic', topic, '--to-offset', '6'],
        [6, 6, 6],
      ],
      [
        ['--topic', topic, '--to-current'],
        [6, 6, 6],
      ],
      [
        ['--topic', topic, '--by-duration', 'PT0H30M'],
        [10, 10, 10],
      ],
      [
        ['--topic', topic, '--by-duration', 'PT2H'],
        [0, 0, 0],
      ],
    ];
    for (const [how, wanted] of cases) {
      const done = await reset(...how, '--execute');
      expectEqual(done.code, 0, `code of ${how.join(' ')}`);
      expectEqual(await committed(world, prepared), wanted, how.join(' '));
    }
    const at = new Date(prepared.firstMs + 5_000).toISOString().replace('Z', '');
    await reset('--topic', topic, '--to-datetime', at, '--execute');
    expectEqual(await committed(world, prepared), [5, 5, 5], 'five seconds after the first record');
  });
}

function resetFromFileCheck(world: World): Check {
  const name = 'kafka-consumer-groups exports offsets and takes them back from the file';
  return groupCheck(name, 'kafka-consumer-groups', async () => {
    const prepared = await prepare(world);
    const { topic, group, member } = prepared;
    await member.leave();
    const reset = ['--reset-offsets', '--group', group];
    const plan = ['--topic', topic, '--to-offset', '3', '--dry-run', '--export'];
    const exported = await groupsTool(world, [...reset, ...plan]);
    const lines = exported.stdout.toString().split('\n');
    const csv = lines.filter((line) => line.includes(topic)).sort();
    expectEqual(csv.length, partitions, 'lines of the export');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-offsets-'));
    try {
      const file = path.join(folder, 'offsets.csv');
      fs.writeFileSync(file, `${csv.join('\n')}\n`);
      await groupsTool(world, [...reset, '--from-file', file, '--execute']);
      expectEqual(await committed(world, prepared), [3, 3, 3], 'what was in the file');
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
}

function deleteCheck(world: World): Check {
  const name = 'kafka-consumer-groups deletes offsets and groups, not those in use';
  const run = async (): Promise<void> => {
    const prepared = await prepare(world);
    const { topic, group, member } = prepared;
    const used = await groupsTool(world, ['--delete', '--group', group]);
    expect(/not empty/i.test(used.output), 'a group with members stays');
    const some = ['--delete-offsets', '--group', group, '--topic', `${topic}:1`];
    const subscribed = await groupsTool(world, some);
    expect(/subscribed/i.test(subscribed.output), 'offsets of a topic that is read stay');
    expectEqual(await committed(world, prepared), [10, 10, 10], 'after the refusals');
    await member.leave();
    const gone = await groupsTool(world, some);
    expect(/success/i.test(gone.output), 'offsets of one partition are deleted');
    expectEqual(await committed(world, prepared), [10, -1, 10], 'what is left');
    const deleted = await groupsTool(world, ['--delete', '--group', group]);
    expect(/success/i.test(deleted.output), 'the group is deleted');
    const again = await groupsTool(world, ['--delete', '--group', group]);
    expect(/not exist|not found/i.test(again.output), 'only once');
  };
  return groupCheck(name, 'kafka-consumer-groups', run, ['DeleteGroups', 'OffsetDelete']);
}

function listCheck(world: World): Check {
  const name = 'kafka-consumer-groups and kafka-groups list groups with type and state';
  return groupCheck(name, 'kafka-groups', async () => {
    const { group, member } = await prepare(world);
    const listed = await groupsTool(world, ['--list']);
    expect(listed.stdout.toString().split('\n').includes(group), 'it is listed');
    const stateOf = async (filter: readonly string[]): Promise<string | undefined> => {
      const rows = tableOf(await groupsTool(world, ['--list', '--state', ...filter]), 'GROUP');
      return rows.find((row) => row.GROUP === group)?.STATE;
    };
    expectEqual(await stateOf([]), 'Stable', 'its state');
    expectEqual(await stateOf(['stable']), 'Stable', 'among the stable');
    expectEqual(await stateOf(['empty']), undefined, 'among the empty');
    const typed = tableOf(await groupsTool(world, ['--list', '--type']), 'GROUP');
    expectEqual(typed.find((row) => row.GROUP === group)?.TYPE, 'Classic', 'its type');
    const server = ['--bootstrap-server', world.bootstrap, '--list'];
    for (const filter of [[], ['--consumer'], ['--group-type', 'classic']]) {
      const rows = tableOf(await world.apache.run('kafka-groups', [...server, ...filter]), 'GROUP');
      const row = rows.find((one) => one.GROUP === group);
      expectEqual([row?.TYPE, row?.PROTOCOL], ['Classic', 'consumer'], filter.join(' '));
    }
    const share = await world.apache.run('kafka-groups', [...server, '--share']);
    expect(!share.output.includes(group), 'it is no share group');
    await member.leave();
    expectEqual(await stateOf([]), 'Empty', 'its state without members');
  });
}

function consoleCheck(world: World): Check {
  const name = 'kafka-console-consumer goes on in its group, with keys that the producer wrote';
  return groupCheck(name, 'kafka-console-producer, kafka-console-consumer', async () => {
    const topic = await world.createTopic(newTopic('console-group'), 2);
    const server = ['--bootstrap-server', world.bootstrap, '--topic', topic];
    const write = async (first: number): Promise<void> => {
      const input = Array.from({ length: 5 }, (_, i) => `key-${first + i}:v${first + i}\n`).join(
        '',
      );
      const keys = ['parse.key=true', 'key.separator=:'].flatMap((one) => [
        '--reader-property',
        one,
      ]);
      const wrote = await world.apache.run('kafka-console-producer', [...server, ...keys], {
        input,
      });
      expectEqual(wrote.code, 0, 'code of the producer');
    };
    const read = async (): Promise<string[]> => {
      const how = ['--group', `of-${topic}`, '--from-beginning', '--timeout-ms', '8000'];
      const shown = ['--formatter-property', 'print.key=true', '--max-messages', '5'];
      const args = [...server, ...how, ...shown];
      const done = await world.apache.run('kafka-console-consumer', args);
      const lines = done.stdout.toString().split('\n');
      return lines.filter((line) => line.includes('\t')).sort();
    };
    const wanted = (first: number): string[] =>
      Array.from({ length: 5 }, (_, i) => `key-${first + i}\tv${first + i}`);
    await write(1);
    expectEqual(await read(), wanted(1), 'what the first run reads');
    await write(5);
    expectEqual(await read(), wanted(5), 'what the second run reads');
  });
}

function verifiableCheck(world: World): Check {
  const name = 'kafka-verifiable-consumer reads and commits what was written';
  return groupCheck(name, 'kafka-verifiable-consumer', async () => {
    const { topic, member } = await prepare(world);
    await member.leave();
    const how = ['--group-id', `verified-${topic}`, '--reset-policy', 'earliest'];
    const end = ['--max-messages', `${partitions * each}`, '--verbose'];
    const server = ['--bootstrap-server', world.bootstrap, '--topic', topic];
    const told = await world.apache.run('kafka-verifiable-consumer', [...server, ...how, ...end]);
    const events = told.stdout
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { name: string; success?: boolean; count?: number });
    const names = new Set(events.map((event) => event.name));
    for (const one of ['startup_complete', 'partitions_assigned', 'records_consumed']) {
      expect(names.has(one), `${one} is said`);
    }
    const commits = events.filter((event) => event.name === 'offsets_committed');
    expect(commits.length > 0 && commits.every((one) => one.success === true), 'commits succeed');
    const records = events.filter((event) => event.name === 'record_data');
    expectEqual(records.length, partitions * each, 'records');
  });
}

function perfCheck(world: World): Check {
  const name = 'kafka-consumer-perf-test reads what kafka-producer-perf-test wrote';
  return groupCheck(name, 'kafka-consumer-perf-test', async () => {
    const topic = await world.createTopic(newTopic('measured'), 2);
    const count = 20_000;
    const size = ['--num-records', `${count}`, '--record-size', '100', '--throughput', '-1'];
    const server = ['--bootstrap-server', world.bootstrap, '--topic', topic];
    await world.apache.run('kafka-producer-perf-test', [...server, ...size]);
    const wanted = ['--num-records', `${count}`, '--timeout', '20000'];
    const told = await world.apache.run('kafka-consumer-perf-test', [...server, ...wanted]);
    expectEqual(told.code, 0, 'its code');
    const read = Number(told.stdout.toString().trim().split('\n').at(-1)?.split(',')[4]);
    expect(read >= count, `it has read ${read} records`);
  });
}
