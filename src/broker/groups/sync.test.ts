/** Syncing, sessions and leaving: who gets which share, and who is still there. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { bytesOf, protocolsOf, TestGroups, textOf } from './groups.fixture.ts';

/** Two members that have joined and not synced; the first one leads. */
function joinedTwo(t: TestGroups) {
  const first = t.join({ clientId: 'a' });
  const second = t.join({ clientId: 'b' });
  t.gather([first, second]);
  return [first.answer, second.answer] as const;
}

test('members wait for the leader; then each gets its share, and one that is left out gets none', () => {
  const t = new TestGroups();
  const [leader, follower] = joinedTwo(t);
  const waits = t.sync({ memberId: follower.memberId });
  assert.ok(!waits.isAnswered);
  const assignments = [
    { memberId: leader.memberId, assignment: bytesOf('all of it') },
    { memberId: 'stranger', assignment: bytesOf('nothing') },
  ];
  const leads = t.sync({ memberId: leader.memberId, assignments });
  assert.equal(textOf(leads.answer.assignment), 'all of it');
  assert.equal(leads.answer.protocol, 'range');
  assert.equal(leads.answer.protocolType, 'consumer');
  assert.equal(waits.error, null);
  assert.equal(waits.answer.assignment.length, 0);
  assert.equal(t.state, 'Stable');
  assert.deepEqual(
    t.describe().members.map(({ assignment }) => textOf(assignment)),
    ['all of it', ''],
  );
  const repeated = t.sync({ memberId: leader.memberId });
  assert.equal(textOf(repeated.answer.assignment), 'all of it');
});

test('shares are told once they are committed', () => {
  const t = new TestGroups();
  const [leader, follower] = joinedTwo(t);
  t.settle();
  const waits = t.sync({ memberId: follower.memberId });
  const leads = t.sync({ memberId: leader.memberId });
  assert.ok(!t.broker.commits.isCovered(leads.answer.lsn));
  assert.equal(waits.answer.lsn, leads.answer.lsn);
  assert.equal(t.describe().lsn, leads.answer.lsn);
  t.settle();
  assert.ok(t.broker.commits.isCovered(leads.answer.lsn));
});

test('the bytes of a request may change once the call has returned', () => {
  const t = new TestGroups();
  const protocols = protocolsOf({ range: 'topic' });
  const asked = t.join({ protocols });
  protocols[0]?.metadata.fill(0);
  t.pass(10_000);
  const { memberId, members } = asked.answer;
  assert.deepEqual(
    members.map(({ metadata }) => textOf(metadata)),
    ['topic'],
  );
  const assignment = bytesOf('work');
  const share = t.sync({ memberId, assignments: [{ memberId, assignment }] });
  assignment.fill(0);
  assert.equal(textOf(share.answer.assignment), 'work');
});

test('who is not of this generation, or takes the group for another, gets nothing', () => {
  const t = new TestGroups();
  const [{ memberId }] = joinedTwo(t);
  const errorOf = (request: Parameters<TestGroups['sync']>[0]) => t.sync(request).error;
  assert.equal(errorOf({ groupId: '' }), 'invalid_group_id');
  assert.equal(errorOf({ groupId: 'none', memberId }), 'member_not_found');
  assert.equal(errorOf({ memberId: 'none' }), 'member_not_found');
  assert.equal(errorOf({ memberId, generation: 0 }), 'stale_generation');
  assert.equal(errorOf({ memberId, generation: 2 }), 'stale_generation');
  assert.equal(errorOf({ memberId, protocolType: 'connect' }), 'inconsistent_protocol');
  assert.equal(errorOf({ memberId, protocol: 'sticky' }), 'inconsistent_protocol');
  assert.equal(errorOf({ memberId, protocolType: 'consumer', protocol: 'range' }), null);
});

test('a rebalance sends those who wait for their share back to join', () => {
  const t = new TestGroups();
  const [leader, follower] = joinedTwo(t);
  const waits = t.sync({ memberId: follower.memberId });
  t.join({ clientId: 'c' });
  assert.equal(waits.error, 'rebalance_in_progress');
  assert.equal(t.sync({ memberId: leader.memberId }).error, 'rebalance_in_progress');
});

test('of two syncs of one member the later one gets the share', () => {
  const t = new TestGroups();
  const [leader, follower] = joinedTwo(t);
  const early = t.sync({ memberId: follower.memberId });
  const late = t.sync({ memberId: follower.memberId });
  assert.equal(early.error, 'rebalance_in_progress');
  t.sync({ memberId: leader.memberId });
  assert.equal(late.error, null);
});

test('who has not synced within the rebalance timeout is out, and the others join again', () => {
  const t = new TestGroups();
  const [leader, follower] = joinedTwo(t);
  t.sync({ memberId: leader.memberId });
  assert.equal(t.state, 'Stable');
  // It is alive all the time.
  for (let i = 0; i < 12; i++) {
    t.pass(4900);
    assert.equal(t.heartbeat(leader.memberId, 1), null);
    assert.equal(t.heartbeat(follower.memberId, 1), null);
  }
  t.pass(1300);
  assert.equal(t.heartbeat(follower.memberId, 1), 'member_not_found');
  assert.equal(t.heartbeat(leader.memberId, 1), 'rebalance_in_progress');
  assert.equal(t.join({ memberId: leader.memberId }).answer.members.length, 1);
});

test('a generation that is too large for the journal is refused to all, and they may try again', () => {
  const t = new TestGroups();
  const [leader, follower] = joinedTwo(t);
  const waits = t.sync({ memberId: follower.memberId });
  const assignment = new Uint8Array(1024 * 1024);
  const assignments = [{ memberId: leader.memberId, assignment }];
  const leads = t.sync({ memberId: leader.memberId, assignments });
  assert.equal(leads.error, 'limit_exceeded');
  assert.equal(waits.error, 'limit_exceeded');
  assert.equal(t.state, 'PreparingRebalance');
  t.join({ memberId: leader.memberId });
  const again = t.join({ memberId: follower.memberId });
  assert.equal(again.answer.generation, 2);
});

test('protocols that were not chosen are left out of the journal when there is no room', () => {
  const t = new TestGroups();
  const spare = { name: 'spare', metadata: new Uint8Array(500_000) };
  const asked = [0, 1].map(() => t.join({ protocols: [...protocolsOf({ range: 't' }), spare] }));
  t.gather(asked);
  t.share(asked);
  t.crash();
  assert.equal(t.state, 'Stable');
  assert.equal(t.describe().members.length, 2);
  assert.equal(t.describe().protocol, 'range');
});

test('a heartbeat keeps a member alive, in every state; silence ends it', () => {
  const t = new TestGroups();
  const [leader, follower] = joinedTwo(t);
  assert.equal(t.heartbeat(leader.memberId, 1), null, 'shares are being given out');
  t.pass(9000);
  assert.equal(t.heartbeat(leader.memberId, 1), null);
  t.pass(1001);
  assert.equal(t.heartbeat(follower.memberId, 1), 'member_not_found');
  assert.equal(t.heartbeat(leader.memberId, 1), 'rebalance_in_progress');
  assert.equal(t.heartbeat(leader.memberId, 0), 'stale_generation');
  assert.equal(t.heartbeat('nobody', 1), 'member_not_found');
  t.pass(10_001);
  assert.equal(t.state, 'Empty');
  assert.equal(t.describe().generation, 2);
  assert.equal(t.heartbeat(leader.memberId, 2), 'member_not_found');
});

test('who waits for a join or a sync need not be heard of meanwhile', () => {
  const t = new TestGroups();
  const [leader, follower] = t.stable('a', 'b').map(({ answer }) => answer);
  assert.ok(leader && follower);
  const again = t.join({ memberId: leader.memberId });
  for (let i = 0; i < 5; i++) {
    t.pass(9000);
    t.heartbeat(follower.memberId, 1);
  }
  t.join({ memberId: follower.memberId });
  assert.equal(again.answer.generation, 2);
  const waits = t.sync({ memberId: follower.memberId, generation: 2 });
  for (let i = 0; i < 5; i++) {
    t.pass(9000);
    t.heartbeat(leader.memberId, 2);
  }
  t.sync({ memberId: leader.memberId, generation: 2 });
  assert.equal(waits.error, null);
  t.pass(9999);
  assert.equal(t.heartbeat(follower.memberId, 2), null, 'its session began with the answer');
});

test('a thousand heartbeats set no timer', () => {
  const t = new TestGroups();
  const [only] = t.stable('a').map(({ answer }) => answer);
  assert.ok(only);
  const { loop } = t.bench;
  const after = loop.after.bind(loop);
  let timers = 0;
  loop.after = (delayMs, task) => {
    timers++;
    return after(delayMs, task);
  };
  for (let i = 0; i < 1000; i++) {
    assert.equal(t.heartbeat(only.memberId, 1), null);
    t.pass(100);
  }
  assert.ok(timers < 50, `${timers} timers in 100 s`);
});

test('while the broker stood still nobody could be heard: all get more time', () => {
  const t = new TestGroups();
  const [leader, follower] = t.stable('a', 'b').map(({ answer }) => answer);
  assert.ok(leader && follower);
  const { loop } = t.bench;
  const monotonic = loop.monotonic.bind(loop);
  t.pass(5000);
  loop.monotonic = () => monotonic() + 60_000;
  t.pass(5100);
  for (const { memberId } of [leader, follower]) assert.equal(t.heartbeat(memberId, 1), null);
  t.pass(9000);
  for (const { memberId } of [leader, follower]) assert.equal(t.heartbeat(memberId, 1), null);
  t.pass(70_000);
  assert.equal(t.state, 'Empty', 'silence ends sessions after all');
});

test('members leave, several at once, each with an answer of its own', () => {
  const t = new TestGroups();
  const [a, b, c] = t.stable('a', 'b', 'c').map(({ answer }) => answer);
  assert.ok(a && b && c);
  const pending = t.join({ mustReturnWithId: true }).answer;
  assert.deepEqual(t.leave(a.memberId, 'nobody', b.memberId, pending.memberId), [
    null,
    'member_not_found',
    null,
    null,
  ]);
  assert.equal(t.state, 'PreparingRebalance');
  assert.equal(t.join({ memberId: c.memberId }).answer.generation, 2);
  assert.deepEqual(t.leave(c.memberId), [null]);
  assert.equal(t.state, 'Empty');
  assert.deepEqual(t.leave(c.memberId), ['member_not_found']);
  const unknown = t.groups.leave('none', [{ memberId: 'x', instanceId: null, reason: '' }]);
  assert.deepEqual(unknown.members, ['member_not_found']);
  assert.equal(t.groups.leave('', []).error, 'invalid_group_id');
});

test('the last leave is told once it is committed, and outlives a crash', () => {
  const t = new TestGroups();
  const [only] = t.stable('a').map(({ answer }) => answer);
  assert.ok(only);
  t.settle();
  const { memberId } = only;
  const left = t.groups.leave('g', [{ memberId, instanceId: null, reason: '' }]);
  assert.ok(!t.broker.commits.isCovered(left.lsn));
  t.crash();
  assert.equal(t.state, 'Empty');
  assert.equal(t.describe().generation, 2);
});

test('who leaves while it joins or syncs is told so', () => {
  const t = new TestGroups();
  const [a, b] = t.stable('a', 'b').map(({ answer }) => answer);
  assert.ok(a && b);
  const again = t.join({ memberId: a.memberId });
  t.leave(a.memberId);
  assert.equal(again.error, 'member_not_found');
  const other = t.join({ memberId: b.memberId });
  assert.equal(other.answer.generation, 2);
  t.join({ clientId: 'c' });
  const third = t.join({ memberId: b.memberId });
  assert.equal(third.answer.generation, 3);
  const follower = t.describe().members.find(({ memberId }) => memberId !== b.memberId);
  assert.ok(follower);
  const waits = t.sync({ memberId: follower.memberId, generation: 3 });
  t.leave(follower.memberId);
  assert.equal(waits.error, 'member_not_found');
});
