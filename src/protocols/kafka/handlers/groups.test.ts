import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kafkaErrors } from '../error-codes.ts';
import { groupBench, subscriptionTo, TestMember } from './group.fixture.ts';

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

/** Two members in one generation, synced. */
function startedPair() {
  const bench = groupBench();
  const first = new TestMember(bench).joinAlone();
  const second = new TestMember(bench);
  const joinOfSecond = second.sendJoin();
  const joinOfFirst = first.sendJoin();
  bench.settle();
  const answers = [first.joined(joinOfFirst), second.joined(joinOfSecond)];
  const isFirstLeader = answers[0]?.leader === first.memberId;
  const [leader, follower] = isFirstLeader ? [first, second] : [second, first];
  const shares = { [leader.memberId]: 'for the leader', [follower.memberId]: 'for the other' };
  const syncOfFollower = follower.sendSync();
  const syncOfLeader = leader.sendSync(shares);
  bench.settle();
  leader.client.answer<'syncGroup'>(syncOfLeader);
  follower.client.answer<'syncGroup'>(syncOfFollower);
  return { bench, leader, follower };
}

describe('JoinGroup', () => {
  it('lets one member join, sync and read, in every version', () => {
    for (let version = 0; version <= 9; version++) {
      const bench = groupBench();
      const member = new TestMember(bench);
      const joined = member.join(version);
      assert.equal(joined.errorCode, kafkaErrors.none, `v${version}`);
      assert.equal(joined.generationId, 1);
      assert.equal(joined.leader, member.memberId);
      assert.equal(joined.protocolName, 'range');
      assert.equal(joined.protocolType, version >= 7 ? 'consumer' : null);
      assert.equal(joined.skipAssignment, false);
      assert.deepEqual(
        joined.members.map(({ memberId, metadata }) => [memberId, Buffer.from(metadata)]),
        [[member.memberId, Buffer.from(subscriptionTo(['t']))]],
      );
      const syncVersion = Math.min(version, 5);
      const synced = member.client.ask(
        'syncGroup',
        syncVersion,
        member.syncDraft({ [member.memberId]: 'all' }),
      );
      assert.deepEqual([synced.errorCode, text(synced.assignment)], [0, 'all']);
      const isNamed = syncVersion >= 5;
      assert.equal(synced.protocolType, isNamed ? 'consumer' : null);
      assert.equal(synced.protocolName, isNamed ? 'range' : null);
      for (let beat = 0; beat <= 4; beat++) assert.equal(member.heartbeat(beat), 0);
    }
  });

  it('tells a dynamic member its id first, from version 4 on [KIP-394]', () => {
    for (let version = 0; version <= 9; version++) {
      const member = new TestMember(groupBench());
      const first = member.client.ask('joinGroup', version, member.joinDraft());
      if (version < 4) {
        assert.equal(first.errorCode, kafkaErrors.none, `v${version}`);
        continue;
      }
      assert.equal(first.errorCode, kafkaErrors.memberIdRequired, `v${version}`);
      assert.match(first.memberId, /^test-[0-9a-f-]{36}$/);
      assert.deepEqual([first.generationId, first.leader, first.members], [-1, '', []]);
      assert.equal(first.protocolName, version >= 7 ? null : '');
      member.memberId = first.memberId;
      assert.equal(member.join(version).memberId, first.memberId);
    }
  });

  it('lets a static member in at once, and fences the one whose place it takes [KIP-345]', () => {
    for (const version of [5, 9]) {
      const bench = groupBench();
      const before = new TestMember(bench, { instanceId: 'i' }).joinAlone(version);
      const after = new TestMember(bench, { instanceId: 'i' });
      const joined = after.join(version);
      assert.deepEqual([joined.errorCode, joined.generationId], [0, 1], 'the generation goes on');
      assert.notEqual(after.memberId, before.memberId);
      // [KIP-814] The leader knows that it is one only where it can be told to keep the assignment.
      assert.equal(joined.skipAssignment, version === 9);
      assert.equal(joined.leader === after.memberId, version === 9);
      assert.equal(before.heartbeat(), kafkaErrors.fencedInstanceId);
      assert.equal(before.commit(1), kafkaErrors.fencedInstanceId);
      const { errorCode, assignment } = after.client.ask('syncGroup', 5, after.syncDraft());
      assert.deepEqual([errorCode, text(assignment)], [0, 'all']);
    }
  });

  it('waits for all members, and shows them to the leader only', () => {
    const bench = groupBench();
    const first = new TestMember(bench).joinAlone();
    const second = new TestMember(bench);
    const waiting = second.sendJoin();
    bench.settle();
    assert.deepEqual(second.client.answers(), [], 'the first has to come again');
    assert.equal(first.heartbeat(), kafkaErrors.rebalanceInProgress);
    const again = first.sendJoin();
    bench.settle();
    const joins = [first.joined(again), second.joined(waiting)];
    assert.deepEqual(
      joins.map(({ errorCode, generationId }) => [errorCode, generationId]),
      [
        [0, 2],
        [0, 2],
      ],
    );
    assert.deepEqual(
      joins.map(({ memberId, leader, members }) => [memberId === leader, members.length]).sort(),
      [
        [false, 0],
        [true, 2],
      ],
    );
  });

  it('leaves out members that do not come again in time', () => {
    const bench = groupBench();
    const gone = new TestMember(bench).joinAlone();
    const member = new TestMember(bench);
    const waiting = member.sendJoin();
    bench.advance(9_000);
    assert.deepEqual(member.client.answers(), []);
    bench.advance(2_000);
    const { generationId, members } = member.joined(waiting);
    assert.deepEqual([generationId, members.length], [2, 1], 'its session is over');
    assert.equal(gone.heartbeat(), kafkaErrors.unknownMemberId);
  });

  it('holds what comes behind it on the connection', () => {
    const bench = groupBench();
    const first = new TestMember(bench).joinAlone();
    const second = new TestMember(bench);
    second.sendJoin();
    const behind = second.client.send('listGroups', 5, { statesFilter: [], typesFilter: [] });
    bench.settle();
    assert.deepEqual(second.client.answers(), []);
    first.sendJoin();
    bench.settle();
    const ids = second.client.answers().map(({ correlationId }) => correlationId);
    assert.deepEqual(ids, [behind - 1, behind]);
  });

  it('is answered when the broker shuts down or its client leaves, and is forgotten', () => {
    for (const leave of ['shutdown', 'end'] as const) {
      const bench = groupBench();
      new TestMember(bench).joinAlone();
      const waiting = new TestMember(bench);
      const correlationId = waiting.sendJoin();
      waiting.client.send('heartbeat', 4, waiting.claim);
      bench.settle();
      assert.deepEqual(waiting.client.answers(), []);
      if (leave === 'end') waiting.client.socket.sink?.onEnd();
      else bench.server.close(1000, () => {});
      bench.settle();
      const [answer] = waiting.client.answers();
      assert.equal(answer?.correlationId, correlationId);
      const body = answer.body as { errorCode: number; memberId: string };
      assert.equal(body.errorCode, kafkaErrors.coordinatorNotAvailable);
      assert.equal(body.memberId, waiting.memberId);
    }
  });

  it('does not wait behind one that was given up', () => {
    const bench = groupBench();
    new TestMember(bench).joinAlone();
    const waiting = new TestMember(bench);
    const ids = [waiting.sendJoin(), waiting.sendJoin()];
    ids.push(waiting.client.send('listGroups', 5, {}));
    bench.settle();
    waiting.client.socket.sink?.onEnd();
    bench.settle();
    const answers = waiting.client.answers();
    assert.deepEqual(
      answers.map(({ correlationId }) => correlationId),
      ids,
    );
    const codes = answers.map(({ body }) => (body as { errorCode: number }).errorCode);
    const elsewhere = kafkaErrors.coordinatorNotAvailable;
    assert.deepEqual(codes, [elsewhere, elsewhere, 0]);
    assert.equal(waiting.client.isClosed, true);
  });

  it('does not wait for members whose connection is gone', () => {
    const bench = groupBench();
    const first = new TestMember(bench).joinAlone();
    const second = new TestMember(bench);
    second.sendJoin();
    bench.settle();
    second.client.socket.close();
    bench.settle();
    const again = first.sendJoin();
    bench.settle();
    assert.equal(first.joined(again).errorCode, 0);
  });

  it('takes the session timeout for the rebalance timeout in version 0', () => {
    for (const [version, isThere] of [
      [0, false],
      [1, true],
    ] as const) {
      const bench = groupBench();
      const member = new TestMember(bench, { instanceId: null }).joinAlone(version);
      const other = new TestMember(bench);
      const waiting = other.sendJoin(version);
      // Alive all the time, and yet it does not join again.
      for (let ms = 0; ms < 12_000; ms += 4_000) {
        bench.advance(4_000);
        member.heartbeat();
      }
      assert.equal(member.heartbeat() === kafkaErrors.rebalanceInProgress, isThere, `v${version}`);
      assert.equal(other.client.answers().length === 0, isThere);
      assert.ok(waiting > 0);
    }
  });

  it('refuses what no group takes', () => {
    const cases: [Parameters<typeof refusalOf>[0], number][] = [
      [{ groupId: '' }, kafkaErrors.invalidGroupId],
      [{ groupId: 'ä'.repeat(513) }, kafkaErrors.invalidGroupId],
      [{ sessionTimeoutMs: 5_999 }, kafkaErrors.invalidSessionTimeout],
      [{ sessionTimeoutMs: 1_800_001 }, kafkaErrors.invalidSessionTimeout],
      [{ sessionTimeoutMs: -1 }, kafkaErrors.invalidSessionTimeout],
      [{ memberId: 'nobody' }, kafkaErrors.unknownMemberId],
      [{ protocols: [] }, kafkaErrors.inconsistentGroupProtocol],
      [{ protocolType: '' }, kafkaErrors.inconsistentGroupProtocol],
      [{ groupInstanceId: 'i'.repeat(250) }, kafkaErrors.invalidRequest],
      [{ memberId: 'x', groupInstanceId: 'i' }, kafkaErrors.unknownMemberId],
    ];
    for (const [what, code] of cases) assert.equal(refusalOf(what), code, JSON.stringify(what));
  });

  function refusalOf(change: Partial<ReturnType<TestMember['joinDraft']>>): number {
    const member = new TestMember(groupBench());
    const body = member.client.ask('joinGroup', 9, { ...member.joinDraft(), ...change });
    assert.deepEqual([body.generationId, body.leader, body.members], [-1, '', []]);
    return body.errorCode;
  }

  it('refuses members that have no protocol in common with the others', () => {
    const bench = groupBench();
    new TestMember(bench).joinAlone();
    const metadata = new Uint8Array(0);
    const odd = new TestMember(bench, { protocols: [{ name: 'odd', metadata }] });
    const connect = new TestMember(bench, { protocolType: 'connect' });
    for (const member of [odd, connect]) {
      const { errorCode } = member.client.ask('joinGroup', 3, member.joinDraft());
      assert.equal(errorCode, kafkaErrors.inconsistentGroupProtocol);
    }
  });

  it('refuses members beyond the size that a group may have', () => {
    const bench = groupBench({ groupMaxSize: 1 });
    new TestMember(bench).joinAlone();
    const other = new TestMember(bench);
    const { errorCode, memberId } = other.client.ask('joinGroup', 3, other.joinDraft());
    assert.deepEqual([errorCode, memberId], [kafkaErrors.groupMaxSizeReached, '']);
  });

  it('passes on what members say, whatever it is', () => {
    const bench = groupBench();
    const metadata = new Uint8Array([0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    const member = new TestMember(bench, { protocols: [{ name: 'range', metadata }] });
    const { errorCode, members } = member.join();
    assert.equal(errorCode, 0);
    assert.deepEqual(Buffer.from(members[0]?.metadata ?? []), Buffer.from(metadata));
  });

  it('answers when the new generation is committed', () => {
    const { bench, leader, follower } = startedPair();
    assert.equal(follower.heartbeat(), 0);
    bench.restart();
    const again = new TestMember(bench);
    Object.assign(again, { memberId: leader.memberId, generation: leader.generation });
    assert.equal(again.heartbeat(), 0, 'the group goes on where it was');
  });
});

describe('SyncGroup', () => {
  it('gives everybody the share that the leader decided', () => {
    const { bench, leader, follower } = startedPair();
    for (const [member, share] of [
      [leader, 'for the leader'],
      [follower, 'for the other'],
    ] as const) {
      const again = member.client.ask('syncGroup', 5, member.syncDraft());
      assert.deepEqual([again.errorCode, text(again.assignment)], [0, share]);
    }
    bench.settle();
  });

  it('makes the others wait for the leader', () => {
    const bench = groupBench();
    const first = new TestMember(bench).joinAlone();
    const second = new TestMember(bench);
    const joinOfSecond = second.sendJoin();
    const joinOfFirst = first.sendJoin();
    bench.settle();
    const isFirstLeader = first.joined(joinOfFirst).leader === first.memberId;
    second.joined(joinOfSecond);
    const [leader, follower] = isFirstLeader ? [first, second] : [second, first];
    const waiting = follower.sendSync();
    bench.settle();
    assert.deepEqual(follower.client.answers(), []);
    assert.equal(leader.heartbeat(), 0, 'a member that has not synced yet is alive');
    assert.equal(leader.commit(1), kafkaErrors.rebalanceInProgress);
    leader.sendSync({ [follower.memberId]: 'share' });
    bench.settle();
    assert.equal(text(follower.client.answer<'syncGroup'>(waiting).assignment), 'share');
    assert.equal(leader.client.answers().length, 1);
  });

  it('refuses who is not in this generation, or takes the group for another', () => {
    const bench = groupBench();
    const member = new TestMember(bench).joinAlone();
    const refusal = (change: Partial<ReturnType<TestMember['syncDraft']>>, version = 5) => {
      const draft = { ...member.syncDraft(), ...change };
      const { errorCode, assignment } = member.client.ask('syncGroup', version, draft);
      assert.equal(assignment.length, 0);
      return errorCode;
    };
    assert.equal(refusal({ groupId: '' }), kafkaErrors.invalidGroupId);
    assert.equal(refusal({ groupId: 'none' }), kafkaErrors.unknownMemberId);
    assert.equal(refusal({ memberId: 'nobody' }), kafkaErrors.unknownMemberId);
    assert.equal(refusal({ generationId: 7 }), kafkaErrors.illegalGeneration);
    assert.equal(refusal({ groupInstanceId: 'i' }), kafkaErrors.unknownMemberId);
    for (const odd of [{ protocolType: 'connect' }, { protocolName: 'sticky' }]) {
      assert.equal(refusal(odd), kafkaErrors.inconsistentGroupProtocol);
    }
  });

  it('has to say what it takes the group to be, from version 5 on [KIP-559]', () => {
    const member = new TestMember(groupBench()).joinAlone();
    for (const name of ['protocolType', 'protocolName']) {
      const draft = { ...member.syncDraft(), [name]: null };
      const { errorCode } = member.client.ask('syncGroup', 5, draft);
      assert.equal(errorCode, kafkaErrors.inconsistentGroupProtocol);
      assert.equal(member.client.ask('syncGroup', 4, draft).errorCode, 0);
    }
  });
});

describe('Heartbeat', () => {
  it('tells a member that it is not one, or of another generation', () => {
    const member = new TestMember(groupBench()).joinAlone();
    const error = (change: object) =>
      member.client.ask('heartbeat', 4, { ...member.claim, ...change }).errorCode;
    assert.equal(error({}), 0);
    assert.equal(error({ groupId: '' }), kafkaErrors.invalidGroupId);
    assert.equal(error({ groupId: 'none' }), kafkaErrors.unknownMemberId);
    assert.equal(error({ memberId: 'nobody' }), kafkaErrors.unknownMemberId);
    assert.equal(error({ generationId: 0 }), kafkaErrors.illegalGeneration);
    assert.equal(error({ groupInstanceId: 'i' }), kafkaErrors.unknownMemberId);
  });

  it('keeps a member, and without it a member is gone', () => {
    const bench = groupBench();
    const member = new TestMember(bench).joinAlone();
    for (let i = 0; i < 5; i++) {
      bench.advance(9_000);
      assert.equal(member.heartbeat(), 0);
    }
    bench.advance(10_001);
    assert.equal(member.heartbeat(), kafkaErrors.unknownMemberId);
  });
});

describe('LeaveGroup', () => {
  it('lets a member go, in every version, and the others divide the work anew', () => {
    for (let version = 0; version <= 5; version++) {
      const { leader, follower } = startedPair();
      const { memberId, groupId } = follower;
      const several = [{ memberId, groupInstanceId: null, reason: 'enough' }];
      const draft = version < 3 ? { groupId, memberId } : { groupId, members: several };
      const body = follower.client.ask('leaveGroup', version, draft);
      assert.equal(body.errorCode, kafkaErrors.none, `v${version}`);
      const rows = version < 3 ? [] : [{ memberId, groupInstanceId: null, errorCode: 0 }];
      assert.deepEqual(body.members, rows);
      assert.equal(leader.heartbeat(), kafkaErrors.rebalanceInProgress);
      assert.equal(follower.heartbeat(), kafkaErrors.unknownMemberId);
    }
  });

  it('says of each member what is wrong with it, before version 3 of the one', () => {
    const { bench, leader } = startedPair();
    const { client } = leader;
    const unknown = kafkaErrors.unknownMemberId;
    assert.equal(client.ask('leaveGroup', 2, { groupId: 'g', memberId: 'x' }).errorCode, unknown);
    assert.equal(client.ask('leaveGroup', 0, { groupId: 'no', memberId: 'x' }).errorCode, unknown);
    const members = [
      { memberId: 'x', groupInstanceId: null },
      { memberId: '', groupInstanceId: 'i' },
      { memberId: leader.memberId, groupInstanceId: null },
    ];
    for (const groupId of ['none', 'g']) {
      const body = client.ask('leaveGroup', 5, { groupId, members });
      assert.equal(body.errorCode, 0);
      const last = groupId === 'g' ? 0 : unknown;
      const codes = body.members.map(({ errorCode }) => errorCode);
      assert.deepEqual(codes, [unknown, unknown, last]);
    }
    const refused = client.ask('leaveGroup', 5, { groupId: '', members });
    assert.deepEqual([refused.errorCode, refused.members], [kafkaErrors.invalidGroupId, []]);
    bench.settle();
  });

  it('lets an administrator send static members away by their place', () => {
    const bench = groupBench();
    const member = new TestMember(bench, { instanceId: 'i' }).joinAlone();
    const members = [{ memberId: '', groupInstanceId: 'i', reason: null }];
    const body = bench.connect().ask('leaveGroup', 5, { groupId: 'g', members });
    assert.deepEqual(
      body.members.map(({ groupInstanceId, errorCode }) => [groupInstanceId, errorCode]),
      [['i', 0]],
    );
    assert.equal(member.heartbeat(), kafkaErrors.unknownMemberId);
  });
});
