/**
 * Requests that are well-formed and wrong: each gets the error that Kafka gives, and has done nothing.
 *
 * Errors are in Kafka's numbers, with their names beside them.
 */

import { type Check, expectEqual } from '../../check.ts';
import { newTopic } from '../client.ts';
import { Body, batchOf, keys, produceBody, type Wire, withWire } from '../wire.ts';
import type { World } from '../world.ts';

const key = {
  offsetCommit: 8,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  describeGroups: 15,
  deleteTopics: 20,
  deleteRecords: 21,
  describeConfigs: 32,
  alterConfigs: 33,
  createPartitions: 37,
  deleteGroups: 42,
  incrementalAlterConfigs: 44,
  offsetDelete: 47,
} as const;

interface Case {
  readonly what: string;
  readonly key: number;
  readonly version: number;
  readonly body: Body;
  /** From the answer to its error. */
  readonly errorOf: (answer: Buffer) => number;
  readonly error: number;
}

const throttleBytes = 4;
const afterThrottle = (answer: Buffer): number => answer.readInt16BE(throttleBytes);
const atStart = (answer: Buffer): number => answer.readInt16BE(0);
/** Of the only row, which begins with its error. */
const firstInRow = (answer: Buffer): number => answer.readInt16BE(throttleBytes + 4);

/** Of the only row, which begins with a name. */
function afterName(answer: Buffer): number {
  const at = throttleBytes + 4;
  return answer.readInt16BE(at + 2 + answer.readInt16BE(at));
}

/** Of the only partition of the only topic; `skip` bytes of the row come before the error. */
function ofPartition(start: number, skip: number): (answer: Buffer) => number {
  return (answer) => {
    const at = start + 4;
    return answer.readInt16BE(at + 2 + answer.readInt16BE(at) + 4 + skip);
  };
}

export function badInputChecks(world: World): Check[] {
  const check = (name: string, needs: string[], cases: (topic: string) => Case[]): Check => ({
    client: 'raw',
    feature: 'bad input',
    name,
    needs,
    uses: ['kafkajs'],
    run: () => runCases(world, cases),
  });
  return [
    check('groups refuse what makes no sense, each in its words', ['JoinGroup'], groupCases),
    check('topics are made, grown and deleted as they may be or not at all', [], topicCases),
    check('settings that are wrong change nothing', ['DescribeConfigs'], configCases),
  ];
}

/** One topic with three records and one partition; nothing is different afterwards. */
async function runCases(world: World, cases: (topic: string) => Case[]): Promise<void> {
  const topic = await world.createTopic(newTopic('bad-input'));
  await withWire(world.broker.port, async (wire) => {
    const batch = batchOf({ values: ['a', 'b', 'c'] });
    await wire.ask(keys.produce, 7, produceBody(7, { topic, batch }));
    const before = await stateOf(wire, topic);
    for (const each of cases(topic)) {
      const answer = await wire.ask(each.key, each.version, each.body.done());
      expectEqual(each.errorOf(answer), each.error, each.what);
    }
    expectEqual(await stateOf(wire, topic), before, 'the topic afterwards');
  });
}

/** What metadata and offsets say of it, as bytes. */
async function stateOf(wire: Wire, topic: string): Promise<string[]> {
  const asked = new Body().int32(1).string(topic).done();
  const metadata = await wire.ask(keys.metadata, 1, asked);
  const offsets = await Promise.all(
    [-1, -2].map((time) => {
      const body = new Body().int32(-1).int32(1).string(topic).int32(1).int32(0).int64(time);
      return wire.ask(keys.listOffsets, 1, body.done());
    }),
  );
  return [metadata, ...offsets].map((bytes) => bytes.toString('hex'));
}

function joinBody(group: string, sessionMs: number, member: string, protocols: readonly string[]) {
  const body = new Body().string(group).int32(sessionMs).int32(60_000).string(member);
  body.string('consumer').int32(protocols.length);
  for (const name of protocols) body.string(name).bytes(Buffer.alloc(0));
  return body;
}

function commitBody(group: string, generation: number, member: string, topic: string): Body {
  return new Body()
    .string(group)
    .int32(generation)
    .string(member)
    .int64(-1)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(0)
    .int64(1)
    .string('');
}

function groupCases(topic: string): Case[] {
  const group = `${topic}-group`;
  const join = { key: key.joinGroup, version: 3, errorOf: afterThrottle };
  const member = new Body().string(group).int32(1).string('nobody');
  const commit = { key: key.offsetCommit, version: 2, errorOf: ofPartition(0, 4) };
  return [
    { ...join, what: 'no group id', body: joinBody('', 10_000, '', ['range']), error: 24 },
    { ...join, what: 'a short session', body: joinBody(group, 1, '', ['range']), error: 26 },
    { ...join, what: 'a stranger', body: joinBody(group, 10_000, 'x', ['range']), error: 25 },
    { ...join, what: 'no protocol', body: joinBody(group, 10_000, '', []), error: 23 },
    {
      what: 'an assignment by a stranger',
      key: key.syncGroup,
      version: 1,
      body: new Body().string(group).int32(1).string('nobody').int32(0),
      errorOf: afterThrottle,
      error: 25,
    },
    {
      what: 'a heartbeat of a stranger',
      key: key.heartbeat,
      version: 1,
      body: member,
      errorOf: afterThrottle,
      error: 25,
    },
    {
      what: 'a stranger that leaves',
      key: key.leaveGroup,
      version: 1,
      body: new Body().string(group).string('nobody'),
      errorOf: afterThrottle,
      error: 25,
    },
    { ...commit, what: 'another generation', body: commitBody(group, 5, 'x', topic), error: 22 },
    { ...commit, what: 'no such topic', body: commitBody(group, -1, '', 'not-there'), error: 3 },
    {
      what: 'deleting a group that is not there',
      key: key.deleteGroups,
      version: 0,
      body: new Body().int32(1).string(group),
      errorOf: afterName,
      error: 69,
    },
    {
      what: 'deleting offsets of a group that is not there',
      key: key.offsetDelete,
      version: 0,
      body: new Body().string(group).int32(1).string(topic).int32(1).int32(0),
      errorOf: atStart,
      error: 69,
    },
  ];
}

function createBody(name: string, partitions: number, replicas: number, configs: string[][]): Body {
  const body = new Body().int32(1).string(name).int32(partitions).int16(replicas).int32(0);
  body.int32(configs.length);
  for (const [option = '', value = ''] of configs) body.string(option).string(value);
  return body.int32(10_000).int8(0);
}

function growBody(name: string, count: number): Body {
  return new Body().int32(1).string(name).int32(count).int32(-1).int32(10_000).int8(0);
}

function topicCases(topic: string): Case[] {
  const create = { key: keys.createTopics, version: 2, errorOf: afterName };
  const grow = { key: key.createPartitions, version: 0, errorOf: afterName };
  const other = `${topic}-other`;
  const deleteRecords = new Body().int32(1).string(topic).int32(1).int32(0).int64(4).int32(10_000);
  return [
    { ...create, what: 'a topic that exists', body: createBody(topic, 1, 1, []), error: 36 },
    { ...create, what: 'a name that is none', body: createBody('a b', 1, 1, []), error: 17 },
    { ...create, what: 'no partitions', body: createBody(other, 0, 1, []), error: 37 },
    { ...create, what: 'no replicas', body: createBody(other, 1, 0, []), error: 38 },
    {
      ...create,
      what: 'a setting that does not exist',
      body: createBody(other, 1, 1, [['no.such', '1']]),
      error: 40,
    },
    {
      ...create,
      what: 'a value that is none',
      body: createBody(other, 1, 1, [['retention.ms', 'soon']]),
      error: 40,
    },
    { ...grow, what: 'as many partitions as there are', body: growBody(topic, 1), error: 37 },
    { ...grow, what: 'fewer than there are', body: growBody(topic, 0), error: 37 },
    { ...grow, what: 'growing what is not there', body: growBody(other, 2), error: 3 },
    {
      what: 'deleting what is not there',
      key: key.deleteTopics,
      version: 1,
      body: new Body().int32(1).string(other).int32(10_000),
      errorOf: afterName,
      error: 3,
    },
    {
      what: 'deleting records past the end',
      key: key.deleteRecords,
      version: 0,
      body: deleteRecords,
      errorOf: ofPartition(throttleBytes, 4 + 8),
      error: 1,
    },
  ];
}

const topicResource = 2;

function alterBody(type: number, name: string, option: string, value: string): Body {
  const body = new Body().int32(1).int8(type).string(name).int32(1).string(option).string(value);
  return body.int8(0);
}

function stepBody(name: string, option: string, operation: number, value: string): Body {
  const body = new Body().int32(1).int8(topicResource).string(name).int32(1).string(option);
  return body.int8(operation).string(value).int8(0);
}

function configCases(topic: string): Case[] {
  const alter = { key: key.alterConfigs, version: 0, errorOf: firstInRow };
  const step = { key: key.incrementalAlterConfigs, version: 0, errorOf: firstInRow };
  const describe = { key: key.describeConfigs, version: 0, errorOf: firstInRow };
  const asked = (type: number, name: string): Body => {
    return new Body().int32(1).int8(type).string(name).int32(-1);
  };
  return [
    {
      ...alter,
      what: 'a topic that is not there',
      body: alterBody(topicResource, 'not-there', 'retention.ms', '1'),
      error: 3,
    },
    {
      ...alter,
      what: 'a setting that does not exist',
      body: alterBody(topicResource, topic, 'no.such', '1'),
      error: 40,
    },
    {
      ...alter,
      what: 'a resource of no kind',
      body: alterBody(99, topic, 'retention.ms', '1'),
      error: 42,
    },
    {
      ...step,
      what: 'a value that is none',
      body: stepBody(topic, 'retention.ms', 0, 'x'),
      error: 40,
    },
    {
      ...step,
      what: 'adding to what is no list',
      body: stepBody(topic, 'retention.ms', 2, '1'),
      error: 40,
    },
    {
      ...step,
      what: 'an operation that does not exist',
      body: stepBody(topic, 'retention.ms', 9, '1'),
      error: 42,
    },
    { ...describe, what: 'describing what is not there', body: asked(2, 'not-there'), error: 3 },
    { ...describe, what: 'describing no kind of thing', body: asked(99, topic), error: 42 },
  ];
}
