/** Joining a group: newcomers, members that come again, the vote, the limits. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { groupId, protocolsOf, TestGroups, textOf } from './groups.fixture.ts';

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
