/** Joining a group: newcomers, members that come again, the vote, the limits. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { groupId, joinOf, protocolsOf, TestGroups, textOf } from './groups.fixture.ts';

test('the first members of a group are in one generation, and only the leader learns who they are', () => {
  const t = new TestGroups();
  const first = t.join({ clientId: 'a' });
  assert.equal(t.state, 'PreparingRebalance');
  t.pass(2000);
  const second = t.join({ clientId: 'b', protocols: protocolsOf({ range: 'u' }) });
  assert.ok(!first.isAnswered && !second.isAnswered, 'they wait for others');
  t.pass(10_000);
  const { answer } = first;
  assert.equal(answer.error, null);
  assert.equal(answer.generation, 1);
  assert.equal(answer.protocol, 'range');
  assert.equal(answer.protocolType, 'consumer');
  assert.equal(answer.leader, answer.memberId);
  assert.deepEqual(
    answer.members.map(({ memberId, metadata }) => [memberId, textOf(metadata)]),
    [
      [answer.memberId, 't'],
      [second.answer.memberId, 'u'],
    ],
  );
  assert.equal(second.answer.leader, answer.memberId);
  assert.equal(second.answer.generation, 1);
  assert.deepEqual(second.answer.members, []);
  assert.equal(t.state, 'CompletingRebalance');
});

test('a dynamic member comes again with the id it was given, if it can [KIP-394]', () => {
  const t = new TestGroups();
  const asked = t.join({ mustReturnWithId: true, clientId: 'me' });
  assert.equal(asked.error, 'member_id_required');
  const { memberId } = asked.answer;
  assert.match(
    memberId,
    /^me-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.equal(t.state, 'Empty');
  const again = t.join({ mustReturnWithId: true, memberId });
  t.pass(3000);
  assert.equal(again.error, null);
  assert.equal(again.answer.memberId, memberId);
  assert.equal(t.groups.describe(groupId)?.members.length, 1);
});

test('the id of a member begins with that of its client, and stays short', () => {
  const t = new TestGroups();
  const asked = t.join({ clientId: 'c'.repeat(30_000), mustReturnWithId: true });
  assert.match(asked.answer.memberId, /^c{255}-[0-9a-f-]{36}$/);
});

test('each member that comes during the first delay lengthens it, up to the rebalance timeout', () => {
  const t = new TestGroups({ groupInitialRebalanceDelayMs: 3000 });
  const first = t.join({ rebalanceTimeoutMs: 7000 });
  t.pass(2900);
  t.join({ rebalanceTimeoutMs: 7000 });
  t.pass(200);
  assert.ok(!first.isAnswered, '3 s more for the second');
  t.pass(2800);
  t.join({ rebalanceTimeoutMs: 7000 });
  t.pass(200);
  assert.ok(!first.isAnswered, 'the third has come during the second delay');
  t.pass(800);
  assert.ok(!first.isAnswered);
  t.pass(200);
  assert.ok(first.isAnswered, 'not longer than 7 s in all');
  assert.equal(first.answer.members.length, 3);
});

test('without a delay those of one moment still come together', () => {
  const t = new TestGroups({ groupInitialRebalanceDelayMs: 0 });
  const asked = [t.join(), t.join(), t.join()];
  t.pass(1);
  assert.deepEqual(
    asked.map(({ answer }) => answer.generation),
    [1, 1, 1],
  );
  assert.equal(asked[0]?.answer.members.length, 3);
});

test('a newcomer makes all others join again', () => {
  const t = new TestGroups();
  const [a, b] = t.stable('a', 'b');
  assert.ok(a && b);
  const c = t.join({ clientId: 'c' });
  assert.equal(t.state, 'PreparingRebalance');
  assert.equal(t.heartbeat(a.answer.memberId, 1), 'rebalance_in_progress');
  const again = [a, b].map(({ answer }) => t.join({ memberId: answer.memberId }));
  assert.ok(c.isAnswered, 'nobody is missing: there is no need to wait');
  for (const asked of [...again, c]) assert.equal(asked.answer.generation, 2);
  assert.equal(again[0]?.answer.leader, a.answer.memberId, 'the leader stays');
});

test('who does not join again in time is out, and another one leads if need be', () => {
  const t = new TestGroups();
  const [a, b] = t.stable('a', 'b');
  assert.ok(a && b);
  const c = t.join({ clientId: 'c' });
  const again = t.join({ memberId: b.answer.memberId });
  // The leader is alive, and busy with its work for longer than the members allow.
  for (let i = 0; i < 9; i++) {
    t.pass(6000);
    assert.equal(t.heartbeat(a.answer.memberId, 1), 'rebalance_in_progress');
  }
  assert.ok(!c.isAnswered);
  t.pass(6001);
  assert.equal(c.answer.generation, 2);
  assert.ok([b.answer.memberId, c.answer.memberId].includes(again.answer.leader));
  assert.equal(t.heartbeat(a.answer.memberId, 1), 'member_not_found');
  assert.equal(t.describe().members.length, 2);
});

test('the leader that joins again always begins a new generation', () => {
  const t = new TestGroups();
  const [only] = t.stable('a');
  assert.ok(only);
  const again = t.join({ memberId: only.answer.memberId });
  assert.equal(again.answer.generation, 2);
});

test('a follower that joins again gets the same generation, unless it has something new to say', () => {
  const t = new TestGroups();
  const [leader, follower] = t.stable('a', 'b');
  assert.ok(leader && follower);
  const { memberId } = follower.answer;
  const same = t.join({ memberId });
  assert.equal(same.answer.generation, 1);
  assert.deepEqual(same.answer.members, []);
  assert.equal(t.state, 'Stable');
  const other = t.join({ memberId, protocols: protocolsOf({ range: 't,u' }) });
  assert.ok(!other.isAnswered);
  assert.equal(t.state, 'PreparingRebalance');
});

test('between join and sync the answer is repeated for who has missed it', () => {
  const t = new TestGroups();
  const asked = [t.join({ clientId: 'a' }), t.join({ clientId: 'b' })];
  t.pass(10_000);
  const [leader, follower] = asked;
  assert.ok(leader && follower);
  assert.deepEqual(t.join({ memberId: leader.answer.memberId }).answer, leader.answer);
  assert.deepEqual(t.join({ memberId: follower.answer.memberId }).answer, follower.answer);
  assert.equal(t.state, 'CompletingRebalance');
  const changed = protocolsOf({ range: 'other' });
  t.join({ memberId: follower.answer.memberId, protocols: changed });
  assert.equal(t.state, 'PreparingRebalance');
});

test('the protocol is one that all know, and that most want', () => {
  const t = new TestGroups();
  const asked = [
    t.join({ protocols: protocolsOf({ x: '', range: '', sticky: '' }) }),
    t.join({ protocols: protocolsOf({ sticky: '', range: '' }) }),
    t.join({ protocols: protocolsOf({ sticky: '', range: '', y: '' }) }),
  ];
  const other = t.join({ protocols: protocolsOf({ x: '' }) });
  assert.equal(other.error, 'inconsistent_protocol');
  assert.equal(t.join({ protocolType: 'connect' }).error, 'inconsistent_protocol');
  t.pass(20_000);
  for (const { answer } of asked) assert.equal(answer.protocol, 'sticky');
});

test('a member that changes its mind must still agree with the others', () => {
  const t = new TestGroups();
  const [a, b] = t.stable('a', 'b');
  assert.ok(a && b);
  const refused = t.join({
    memberId: b.answer.memberId,
    protocols: protocolsOf({ cooperative: 't' }),
  });
  assert.equal(refused.error, 'inconsistent_protocol');
  assert.equal(t.state, 'Stable');
});

test('what is wrong with a request is said before anything is made', () => {
  const t = new TestGroups();
  assert.equal(t.join({ groupId: '' }).error, 'invalid_group_id');
  assert.equal(t.join({ sessionTimeoutMs: 5999 }).error, 'invalid_session_timeout');
  assert.equal(t.join({ sessionTimeoutMs: 1_800_001 }).error, 'invalid_session_timeout');
  assert.equal(t.join({ protocols: [] }).error, 'inconsistent_protocol');
  assert.equal(t.join({ protocolType: '' }).error, 'inconsistent_protocol');
  assert.equal(t.join({ groupId: 'g'.repeat(40_000) }).error, 'limit_exceeded');
  assert.equal(t.join({ clientId: 'ä'.repeat(20_000) }).error, 'limit_exceeded');
  const heavy = [{ name: 'range', metadata: new Uint8Array(5_000_000) }];
  assert.equal(t.join({ memberId: 'nobody', protocols: heavy }).error, 'member_not_found');
  assert.equal(t.join({ memberId: 'nobody' }).answer.memberId, 'nobody');
  assert.equal([...t.groups.list()].length, 0);
  assert.equal(t.broker.topic('__consumer_offsets'), undefined);
  assert.equal(t.join({ protocols: heavy }).error, 'limit_exceeded');
});

test('a member with half a million protocols is refused, and nothing else happens', () => {
  const t = new TestGroups();
  const metadata = new Uint8Array(0);
  const protocols = Array.from({ length: 490_000 }, (_, i) => ({ name: `${i}`, metadata }));
  assert.equal(t.join({ protocols }).error, 'limit_exceeded');
  assert.equal(t.groups.describe(groupId), undefined);
});

test('a group takes so many members and no more; who is in stays in', () => {
  const t = new TestGroups({ groupMaxSize: 2 });
  const [a, b] = t.stable('a', 'b');
  assert.ok(a && b);
  assert.equal(t.join().error, 'group_full');
  assert.equal(t.state, 'Stable');
  const again = t.join({ memberId: b.answer.memberId });
  assert.equal(again.error, null);
  t.join({ memberId: a.answer.memberId });
  const other = t.join({ memberId: b.answer.memberId });
  assert.equal(other.error, null);
});

test('ids handed out count as members to come, for their session, and not without end', () => {
  const t = new TestGroups({ groupMaxSize: 3 });
  const [a] = t.stable('a');
  assert.ok(a);
  const promised = t.join({ mustReturnWithId: true });
  const again = t.join({ memberId: a.answer.memberId });
  assert.ok(!again.isAnswered, 'one is still to come');
  t.pass(10_001);
  assert.equal(again.answer.generation, 2);
  assert.equal(t.join({ memberId: promised.answer.memberId }).error, 'member_not_found');
  for (let i = 0; i < 3; i++) {
    assert.equal(t.join({ mustReturnWithId: true }).error, 'member_id_required');
  }
  assert.equal(t.join({ mustReturnWithId: true }).error, 'group_full');
});

test('a newcomer whose peer is gone is given up after five minutes', () => {
  const t = new TestGroups();
  const [a] = t.stable('a');
  assert.ok(a);
  const b = t.join({ clientId: 'b', rebalanceTimeoutMs: 3_600_000 });
  b.parked?.forget();
  for (let i = 0; i < 61; i++) {
    t.pass(5000);
    t.heartbeat(a.answer.memberId, 1);
  }
  assert.equal(t.describe().members.length, 1);
  assert.ok(!b.isAnswered, 'nobody listens');
  assert.equal(t.join({ memberId: a.answer.memberId }).answer.generation, 2);
});

test('of two joins of one member the later one is answered with the generation', () => {
  const t = new TestGroups();
  const [a, b] = t.stable('a', 'b');
  assert.ok(a && b);
  const early = t.join({ memberId: a.answer.memberId });
  const late = t.join({ memberId: a.answer.memberId });
  assert.equal(early.error, 'rebalance_in_progress');
  assert.equal(early.answer.memberId, a.answer.memberId, 'it keeps its id');
  t.join({ memberId: b.answer.memberId });
  assert.equal(late.answer.generation, 2);
});

test('who is told may ask at once', () => {
  const t = new TestGroups();
  const states: (string | undefined)[] = [];
  for (const clientId of ['a', 'b']) {
    t.groups.join(joinOf({ clientId }), ({ memberId, generation }) => {
      states.push(t.describe().state);
      t.sync({ memberId, generation, assignments: [] });
    });
  }
  t.pass(10_000);
  assert.deepEqual(states, ['CompletingRebalance', 'Stable']);
  assert.equal(t.state, 'Stable');
});
