/** Static members: whoever has the instance id has the place [KIP-345]. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { protocolsOf, TestGroups, textOf } from './groups.fixture.ts';

/** A leader 'x' and a follower 'y', both static, in a stable group. */
function staticTwo(t: TestGroups) {
  const asked = ['x', 'y'].map((instanceId) => t.join({ instanceId, mustReturnWithId: true }));
  t.gather(asked);
  t.share(asked);
  const [x, y] = asked.map(({ answer }) => answer);
  assert.ok(x && y);
  return [x, y] as const;
}

test('a static member is let in at once, with an id made of its own', () => {
  const t = new TestGroups();
  const [x, y] = staticTwo(t);
  assert.match(x.memberId, /^x-/);
  assert.equal(x.leader, x.memberId);
  assert.deepEqual(
    x.members.map(({ instanceId }) => instanceId),
    ['x', 'y'],
  );
  assert.equal(t.heartbeat(y.memberId, 1, 'y'), null);
  assert.equal(t.heartbeat(y.memberId, 1, 'z'), 'member_not_found');
});

test('its successor gets its share without a rebalance; the old one is fenced', () => {
  const t = new TestGroups();
  const [x, y] = staticTwo(t);
  t.settle();
  const back = t.join({ instanceId: 'y' });
  assert.equal(t.state, 'Stable');
  const { memberId, generation, leader } = back.answer;
  assert.equal(generation, 1);
  assert.notEqual(memberId, y.memberId);
  assert.equal(leader, x.memberId);
  assert.ok(!t.broker.commits.isCovered(back.answer.lsn), 'the new id is durable first');
  const share = t.sync({ memberId, instanceId: 'y' });
  assert.equal(textOf(share.answer.assignment), `work of ${y.memberId}`);
  assert.equal(t.heartbeat(y.memberId, 1, 'y'), 'member_fenced');
  assert.equal(t.heartbeat(y.memberId, 1), 'member_not_found');
  assert.equal(t.sync({ memberId: y.memberId, instanceId: 'y' }).error, 'member_fenced');
  assert.equal(t.join({ memberId: y.memberId, instanceId: 'y' }).error, 'member_fenced');
  assert.deepEqual(t.leave({ memberId: y.memberId, instanceId: 'y' }), ['member_fenced']);
  const fenced = { generation: 1, memberId: y.memberId, instanceId: 'y' };
  assert.equal(t.commit(t.partition(), 1, fenced).error, 'member_fenced');
  t.crash();
  assert.equal(t.heartbeat(memberId, 1, 'y'), null);
  assert.equal(t.heartbeat(y.memberId, 1, 'y'), 'member_fenced');
});

test('a leader that is back keeps its share: it is told to, or not told that it leads [KIP-814]', () => {
  const t = new TestGroups();
  const [x] = staticTwo(t);
  const back = t.join({ instanceId: 'x', canSkipAssignment: true }).answer;
  assert.equal(back.skipsAssignment, true);
  assert.equal(back.leader, back.memberId);
  assert.equal(back.members.length, 2);
  const again = t.join({ instanceId: 'x' }).answer;
  assert.equal(again.skipsAssignment, false);
  assert.equal(again.leader, back.memberId, 'the id it had before');
  assert.deepEqual(again.members, []);
  assert.equal(t.state, 'Stable');
  const share = t.sync({ memberId: again.memberId, instanceId: 'x' });
  assert.equal(textOf(share.answer.assignment), `work of ${x.memberId}`);
});

test('a successor that wants another protocol makes all join again', () => {
  const t = new TestGroups();
  const both = protocolsOf({ range: '', sticky: '' });
  const asked = ['x', 'y'].map((instanceId) => t.join({ instanceId, protocols: both }));
  t.gather(asked);
  t.share(asked);
  const back = t.join({ instanceId: 'y', protocols: protocolsOf({ sticky: '' }) });
  assert.ok(!back.isAnswered);
  assert.equal(t.state, 'PreparingRebalance');
  const first = asked[0]?.answer.memberId ?? '';
  const again = t.join({ memberId: first, instanceId: 'x', protocols: both });
  assert.equal(again.answer.protocol, 'sticky');
});

test('while shares are being given out a successor makes all join again', () => {
  const t = new TestGroups();
  const asked = ['x', 'y'].map((instanceId) => t.join({ instanceId }));
  t.gather(asked);
  const [x, y] = asked.map(({ answer }) => answer);
  assert.ok(x && y);
  const waits = t.sync({ memberId: y.memberId, instanceId: 'y' });
  const back = t.join({ instanceId: 'y' });
  assert.equal(waits.error, 'member_fenced');
  assert.ok(!back.isAnswered);
  t.join({ memberId: x.memberId, instanceId: 'x' });
  assert.equal(back.answer.generation, 2);
});

test('whoever waits under the old id is fenced', () => {
  const t = new TestGroups();
  const [x, y] = staticTwo(t);
  const waits = t.join({ memberId: x.memberId, instanceId: 'x' });
  const back = t.join({ instanceId: 'x' });
  assert.equal(waits.error, 'member_fenced');
  assert.equal(waits.answer.memberId, x.memberId);
  t.join({ memberId: y.memberId, instanceId: 'y' });
  assert.equal(back.answer.generation, 2);
});

test('a static member that is away keeps its place in a rebalance until its session ends', () => {
  const t = new TestGroups();
  const join = { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 10_000 };
  const asked = ['x', 'y'].map((instanceId) => t.join({ instanceId, ...join }));
  t.gather(asked);
  t.share(asked);
  const [x, y] = asked.map(({ answer }) => answer);
  assert.ok(x && y);
  const again = t.join({ memberId: x.memberId, instanceId: 'x', ...join });
  t.pass(10_001);
  assert.equal(again.answer.generation, 2);
  assert.equal(again.answer.members.length, 2, 'the one that is away gets a share too');
  assert.equal(t.heartbeat(y.memberId, 2, 'y'), null);
});

test('nobody asks all the time whether static members are back, even if they have no patience', () => {
  const t = new TestGroups();
  const join = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20 };
  const asked = ['x', 'y'].map((instanceId) => t.join({ instanceId, ...join }));
  t.gather(asked);
  t.share(asked);
  t.leave({ memberId: '', instanceId: 'y' });
  const { loop } = t.bench;
  const after = loop.after.bind(loop);
  let timers = 0;
  loop.after = (delayMs, task) => {
    timers++;
    return after(delayMs, task);
  };
  t.pass(59_000);
  assert.equal(t.describe().members.length, 1);
  assert.ok(timers > 10 && timers < 100, `${timers} timers in a minute`);
});

test('an operator takes a static member out by its instance', () => {
  const t = new TestGroups();
  const [x, y] = staticTwo(t);
  assert.deepEqual(
    t.leave({ memberId: '', instanceId: 'y' }, { memberId: '', instanceId: 'z' }, ''),
    [null, 'member_not_found', 'member_not_found'],
  );
  assert.equal(t.heartbeat(y.memberId, 1, 'y'), 'member_not_found');
  assert.equal(t.heartbeat(x.memberId, 1, 'x'), 'rebalance_in_progress');
});

test('a full group still lets a static member take its place back', () => {
  const t = new TestGroups({ groupMaxSize: 2 });
  staticTwo(t);
  assert.equal(t.join({ instanceId: 'z' }).error, 'group_full');
  assert.equal(t.join({ instanceId: 'y' }).error, null);
});
