/** The rules of groups, byte by byte: what is refused, with which error, and that nothing is half done. */

import { type Check, expect, expectEqual } from '../../check.ts';
import { newTopic } from '../client.ts';
import { Body, type Wire, withWire } from '../wire.ts';
import type { World } from '../world.ts';
import { groupApis, quickGroups } from './groups.ts';

const keys = {
  offsetCommit: 8,
  offsetFetch: 9,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  deleteGroups: 42,
} as const;

const errors = {
  none: 0,
  unknownTopicOrPartition: 3,
  offsetMetadataTooLarge: 12,
  illegalGeneration: 22,
  inconsistentProtocol: 23,
  invalidGroupId: 24,
  unknownMember: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
  nonEmptyGroup: 68,
  groupIdNotFound: 69,
  memberIdRequired: 79,
  fencedInstance: 82,
} as const;

export function groupRuleChecks(world: World): Check[] {
  return [
    rule(world, 'JoinGroup refuses sessions too short or long, no name, no protocol', joinRules),
    rule(
      world,
      'a member is named first from JoinGroup 4 on, and joins at once before',
      namingRules,
    ),
    rule(world, 'wrong members and generations are told apart, in every request', fencingRules),
    rule(world, 'an instance that is started twice fences the first', instanceRules),
    rule(world, 'commits are whole, with their text, and refused to strangers', commitRules),
    rule(world, 'groups in use and groups that are not there are not deleted', deletionRules),
  ];
}

interface Scene {
  readonly wire: Wire;
  readonly group: string;
  readonly topic: string;
}

function rule(world: World, name: string, run: (scene: Scene) => Promise<void>): Check {
  return {
    client: 'raw',
    feature: 'consumer groups',
    name,
    uses: ['kafkajs'],
    needs: groupApis,
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const topic = await world.createTopic(newTopic('rules'), 2, {}, broker.bootstrap);
        await withWire(broker.port, (wire) => run({ wire, group: `of-${topic}`, topic }));
      }),
  };
}

interface JoinOptions {
  readonly version?: number;
  readonly member?: string;
  readonly sessionMs?: number;
  readonly protocols?: readonly string[];
  readonly instanceId?: string;
}

interface Joined {
  readonly error: number;
  readonly generation: number;
  readonly member: string;
  readonly leader: string;
}

async function join(wire: Wire, group: string, options: JoinOptions = {}): Promise<Joined> {
  const { version = 3, member = '', sessionMs = 10_000, protocols = ['range'] } = options;
  const body = new Body().string(group).int32(sessionMs);
  if (version >= 1) body.int32(20_000);
  body.string(member);
  if (version >= 5) body.string(options.instanceId ?? null);
  body.string('consumer').int32(protocols.length);
  for (const name of protocols) body.string(name).bytes(Buffer.from('meta'));
  const answer = await wire.ask(keys.joinGroup, version, body.done());
  let at = version >= 2 ? 4 : 0;
  const error = answer.readInt16BE(at);
  const generation = answer.readInt32BE(at + 2);
  at += 6;
  const text = (): string => {
    const length = Math.max(0, answer.readInt16BE(at));
    at += 2 + length;
    return answer.toString('utf8', at - length, at);
  };
  text();
  const leader = text();
  return { error, generation, leader, member: text() };
}

async function sync(wire: Wire, group: string, { generation, member }: Joined): Promise<number> {
  const body = new Body().string(group).int32(generation).string(member).int32(1).string(member);
  const answer = await wire.ask(keys.syncGroup, 1, body.bytes(Buffer.from('all of it')).done());
  return answer.readInt16BE(4);
}

/** A member of a group that is stable. */
async function member(scene: Scene, options: JoinOptions = {}): Promise<Joined> {
  const joined = await join(scene.wire, scene.group, options);
  expectEqual(joined.error, errors.none, 'error of JoinGroup');
  expectEqual(await sync(scene.wire, scene.group, joined), errors.none, 'error of SyncGroup');
  return joined;
}

async function heartbeat({ wire, group }: Scene, who: Pick<Joined, 'generation' | 'member'>) {
  const body = new Body().string(group).int32(who.generation).string(who.member);
  return (await wire.ask(keys.heartbeat, 1, body.done())).readInt16BE(4);
}

interface Commit {
  readonly topic?: string;
  readonly partition?: number;
  readonly offset: number;
  readonly metadata?: string | null;
}

async function commit(
  { wire, group, topic }: Scene,
  who: Pick<Joined, 'generation' | 'member'>,
  rows: readonly Commit[],
): Promise<number[]> {
  const body = new Body().string(group).int32(who.generation).string(who.member);
  body.int32(rows.length);
  for (const { topic: name = topic, partition = 0, offset, metadata = '' } of rows) {
    body.string(name).int32(1).int32(partition).int64(offset).string(metadata);
  }
  const answer = await wire.ask(keys.offsetCommit, 5, body.done());
  const found: number[] = [];
  for (let at = 8; at < answer.length; ) {
    at += 2 + answer.readInt16BE(at) + 4;
    found.push(answer.readInt16BE(at + 4));
    at += 6;
  }
  return found;
}

async function committed({ wire, group, topic }: Scene, partition = 0) {
  const body = new Body().string(group).int32(1).string(topic).int32(1).int32(partition);
  const answer = await wire.ask(keys.offsetFetch, 3, body.done());
  const at = 8 + 2 + topic.length + 4 + 4;
  const offset = Number(answer.readBigInt64BE(at));
  const length = Math.max(0, answer.readInt16BE(at + 8));
  return { offset, metadata: answer.toString('utf8', at + 10, at + 10 + length) };
}

async function joinRules({ wire, group }: Scene): Promise<void> {
  const cases = [
    [{ sessionMs: 100 }, group, errors.invalidSessionTimeout],
    [{ sessionMs: 2_000_000_000 }, group, errors.invalidSessionTimeout],
    [{ sessionMs: -1 }, group, errors.invalidSessionTimeout],
    [{}, '', errors.invalidGroupId],
    [{ protocols: [] }, group, errors.inconsistentProtocol],
    [{ member: 'nobody' }, group, errors.unknownMember],
  ] as const;
  for (const [options, name, error] of cases) {
    expectEqual((await join(wire, name, options)).error, error, JSON.stringify(options));
  }
  const first = await join(wire, group);
  expectEqual([first.error, first.generation], [errors.none, 1], 'the first that is in order');
  await sync(wire, group, first);
  const other = await join(wire, group, { protocols: ['another'] });
  expectEqual(other.error, errors.inconsistentProtocol, 'one with nothing in common');
}

async function namingRules({ wire, group }: Scene): Promise<void> {
  for (const version of [0, 1, 2, 3]) {
    const joined = await join(wire, `${group}-${version}`, { version });
    expectEqual(joined.error, errors.none, `version ${version}`);
    expectEqual(joined.leader, joined.member, 'it leads');
  }
  for (const version of [4, 5]) {
    const name = `${group}-${version}`;
    const named = await join(wire, name, { version });
    expectEqual(named.error, errors.memberIdRequired, `version ${version} without a name`);
    expect(named.member.startsWith('raw-'), `its name: ${named.member}`);
    const joined = await join(wire, name, { version, member: named.member });
    expectEqual([joined.error, joined.generation], [errors.none, 1], 'with its name');
  }
  const fixed = await join(wire, `${group}-static`, { version: 5, instanceId: 'one' });
  expectEqual(fixed.error, errors.none, 'a static member is not asked to');
}

async function fencingRules(scene: Scene): Promise<void> {
  const { wire, group } = scene;
  const stranger = { generation: 1, member: 'nobody' };
  expectEqual(await heartbeat(scene, stranger), errors.unknownMember, 'no such group');
  const first = await member(scene);
  const late = { ...first, generation: first.generation + 1 };
  const early = { ...first, generation: first.generation - 1 };
  expectEqual(await heartbeat(scene, first), errors.none, 'heartbeat');
  for (const [who, error] of [
    [stranger, errors.unknownMember],
    [late, errors.illegalGeneration],
    [early, errors.illegalGeneration],
  ] as const) {
    const joined = { error: 0, leader: '', ...who };
    expectEqual(await heartbeat(scene, who), error, 'heartbeat');
    expectEqual(await sync(wire, group, joined), error, 'sync');
    expectEqual(await commit(scene, who, [{ offset: 5 }]), [error], 'commit');
  }
  expectEqual((await committed(scene)).offset, -1, 'what strangers have committed');
  // One more comes: the first is told by its heartbeat, and the generation goes on.
  await withWire(wire.socket.remotePort ?? 0, async (other) => {
    const coming = join(other, group);
    const deadline = Date.now() + 5_000;
    let told: number = errors.none;
    while (told === errors.none && Date.now() < deadline) told = await heartbeat(scene, first);
    expectEqual(told, errors.rebalanceInProgress, 'heartbeat while another joins');
    expectEqual(await commit(scene, first, [{ offset: 7 }]), [errors.none], 'commit meanwhile');
    const again = await join(wire, group, { member: first.member });
    const second = await coming;
    expectEqual([again.generation, second.generation], [2, 2], 'generations');
    expectEqual(await heartbeat(scene, first), errors.illegalGeneration, 'with the old one');
  });
}

async function instanceRules(scene: Scene): Promise<void> {
  const { wire, group } = scene;
  const options = { version: 5, instanceId: 'one' } as const;
  const first = await member(scene, options);
  const second = await join(wire, group, options);
  expectEqual(second.error, errors.none, 'the same instance again');
  expect(second.member !== first.member, 'it has another name');
  const beat = async (name: string): Promise<number> => {
    const body = new Body().string(group).int32(second.generation).string(name).string('one');
    return (await wire.ask(keys.heartbeat, 3, body.done())).readInt16BE(4);
  };
  expectEqual(await beat(first.member), errors.fencedInstance, 'heartbeat of the first');
  expectEqual(await beat(second.member), errors.none, 'heartbeat of the second');
}

async function commitRules(scene: Scene): Promise<void> {
  const simple = { generation: -1, member: '' };
  const rows = [
    { offset: 1, metadata: 'kept ☃' },
    { offset: 2, metadata: 'x'.repeat(5_000), partition: 1 },
    { offset: 3, topic: 'absent' },
    { offset: 4, partition: 9 },
  ];
  expectEqual(
    await commit(scene, simple, rows),
    [
      errors.none,
      errors.offsetMetadataTooLarge,
      errors.unknownTopicOrPartition,
      errors.unknownTopicOrPartition,
    ],
    'errors of rows',
  );
  expectEqual(await committed(scene), { offset: 1, metadata: 'kept ☃' }, 'the first row');
  expectEqual((await committed(scene, 1)).offset, -1, 'the second row');
  const nulled = await commit(scene, simple, [{ offset: 2, metadata: null }]);
  expectEqual(nulled, [errors.none], 'without a text');
  expectEqual(await committed(scene), { offset: 2, metadata: '' }, 'without a text');
  const first = await member(scene);
  const refused = await commit(scene, simple, [{ offset: 9 }]);
  expectEqual(refused, [errors.unknownMember], 'by nobody, while there are members');
  expectEqual(await commit(scene, first, [{ offset: 6 }]), [errors.none], 'by the member');
  expectEqual((await committed(scene)).offset, 6, 'what the member has committed');
}

async function deletionRules(scene: Scene): Promise<void> {
  const { wire, group } = scene;
  const remove = async (): Promise<number> => {
    const answer = await wire.ask(keys.deleteGroups, 0, new Body().int32(1).string(group).done());
    return answer.readInt16BE(4 + 4 + 2 + group.length);
  };
  expectEqual(await remove(), errors.groupIdNotFound, 'one that is not there');
  const first = await member(scene);
  expectEqual(await commit(scene, first, [{ offset: 6 }]), [errors.none], 'commit');
  expectEqual(await remove(), errors.nonEmptyGroup, 'one with a member');
  expectEqual((await committed(scene)).offset, 6, 'what was committed');
  const leave = new Body().string(group).string(first.member).done();
  expectEqual((await wire.ask(keys.leaveGroup, 1, leave)).readInt16BE(4), errors.none, 'leave');
  const again = (await wire.ask(keys.leaveGroup, 1, leave)).readInt16BE(4);
  expectEqual(again, errors.unknownMember, 'leave again');
  expectEqual(await remove(), errors.none, 'one without members');
  expectEqual((await committed(scene)).offset, -1, 'what is left of it');
}
