/** Committed offsets: who may commit, what comes back, what is forgotten and when. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { groupId, protocolsOf, TestGroups } from './groups.fixture.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

test('what was committed comes back whole, also after a crash and a clean restart', () => {
  const t = new TestGroups();
  const partition = t.partition();
  t.settle();
  const outcome = t.commit(partition, 42, {}, { leaderEpoch: 7, metadata: 'wörk' });
  assert.equal(outcome.error, null);
  assert.deepEqual(outcome.partitions, [null]);
  assert.ok(!t.broker.commits.isCovered(outcome.lsn));
  assert.equal(t.groups.offsetsLsn(groupId), outcome.lsn);
  const expected = {
    offset: 42,
    leaderEpoch: 7,
    metadata: 'wörk',
    committedAt: t.bench.loop.now(),
  };
  const read = () => {
    const found = t.groups.committedOffset(groupId, t.partition());
    assert.ok(found !== undefined);
    const { offset, leaderEpoch, metadata, committedAt } = found;
    return { offset, leaderEpoch, metadata, committedAt };
  };
  assert.deepEqual(read(), expected);
  t.crash();
  assert.deepEqual(read(), expected);
  t.restart();
  assert.deepEqual(read(), expected);
  const all = [...t.groups.committedOffsets(groupId)];
  assert.deepEqual(
    all.map(([{ topic, index }, { offset }]) => [topic.name, index, offset]),
    [['t', 0, 42]],
  );
  assert.equal(t.groups.committedOffset('other', t.partition()), undefined);
  assert.deepEqual([...t.groups.committedOffsets('other')], []);
});

test('without a group to divide work, offsets are committed while nobody is in the group', () => {
  const t = new TestGroups();
  const partition = t.partition();
  assert.equal(t.commit(partition, 1).error, null);
  assert.deepEqual(t.describe(), {
    groupId,
    state: 'Empty',
    protocolType: '',
    protocol: '',
    generation: 0,
    members: [],
    lsn: t.describe().lsn,
  });
  const [member] = t.stable('a').map(({ answer }) => answer);
  assert.ok(member);
  assert.equal(t.commit(partition, 2).error, 'member_not_found');
  assert.equal(t.commit(partition, 2, { memberId: 'x' }).error, 'member_not_found');
  assert.equal(t.commit(partition, 2, { memberId: member.memberId }).error, 'stale_generation');
  t.leave(member.memberId);
  assert.equal(t.commit(partition, 3).error, null);
  assert.equal(t.offset(partition), 3);
});

test('a commit to a group that is not there makes it, unless it speaks of a generation', () => {
  const t = new TestGroups();
  const partition = t.partition();
  const outcome = t.commit(partition, 1, { generation: 1, memberId: 'x' });
  assert.equal(outcome.error, 'group_not_found');
  assert.deepEqual(outcome.partitions, ['group_not_found']);
  const none = t.commit(partition, 1, {}, { metadata: 'x'.repeat(5000) });
  assert.deepEqual(none.partitions, ['offset_metadata_too_large']);
  assert.equal(t.groups.describe(groupId), undefined, 'nothing to keep, nothing made');
  assert.equal(t.commit(partition, 1).error, null);
  assert.equal(t.broker.topic('__consumer_offsets')?.partitions.length, 50);
});

test('members commit in their generation, also while the next one is being prepared', () => {
  const t = new TestGroups();
  const partition = t.partition();
  const [a, b] = t.stable('a', 'b').map(({ answer }) => answer);
  assert.ok(a && b);
  const claim = { memberId: a.memberId, generation: 1 };
  assert.equal(t.commit(partition, 1, claim).error, null);
  assert.equal(t.commit(partition, 1, { ...claim, generation: 0 }).error, 'stale_generation');
  assert.equal(t.commit(partition, 1, { ...claim, generation: 2 }).error, 'stale_generation');
  assert.equal(t.commit(partition, 1, { ...claim, memberId: 'x' }).error, 'member_not_found');
  t.join({ memberId: b.memberId, protocols: protocolsOf({ range: 'u' }) });
  assert.equal(t.state, 'PreparingRebalance');
  assert.equal(t.commit(partition, 2, claim).error, null);
  t.join({ memberId: a.memberId });
  assert.equal(t.state, 'CompletingRebalance');
  assert.equal(t.commit(partition, 3, claim).error, 'stale_generation');
  const next = { ...claim, generation: 2 };
  assert.equal(t.commit(partition, 3, next).error, 'rebalance_in_progress');
  assert.equal(t.offset(partition), 2);
});

test('a commit is a sign of life', () => {
  const t = new TestGroups();
  const [a] = t.stable('a').map(({ answer }) => answer);
  assert.ok(a);
  for (let i = 1; i <= 5; i++) {
    t.pass(9000);
    const outcome = t.commit(t.partition(), i, { memberId: a.memberId, generation: 1 });
    assert.equal(outcome.error, null);
  }
  t.pass(9999);
  assert.equal(t.heartbeat(a.memberId, 1), null);
});

test('each offset is taken or refused by itself', () => {
  const t = new TestGroups({ offsetMetadataBytesMax: 8 });
  const { partitions } = t.topic('t', 4);
  const gone = t.topic('lost').partitions[0];
  assert.ok(gone);
  t.broker.deleteTopic(t.topic('lost'));
  const commits = [...partitions, gone].map((partition, i) => ({
    partition,
    offset: i,
    leaderEpoch: -1,
    metadata: ['', '12345678', 'äöüß', '123456789', ''][i] ?? '',
  }));
  const simple = { groupId, generation: -1, memberId: '', instanceId: null };
  assert.deepEqual(t.groups.commitOffsets(simple, commits).partitions, [
    null,
    null,
    null,
    'offset_metadata_too_large',
    'topic_not_found',
  ]);
  assert.deepEqual(
    partitions.map((partition) => t.offset(partition)),
    [0, 1, 2, undefined],
  );
});

test('many offsets in one commit are all there after a crash', () => {
  const t = new TestGroups();
  const { partitions } = t.topic('t', 3000);
  const metadata = 'm'.repeat(300);
  const commits = partitions.map((partition, offset) => ({
    partition,
    offset,
    leaderEpoch: offset % 5,
    metadata,
  }));
  const simple = { groupId, generation: -1, memberId: '', instanceId: null };
  assert.ok(t.groups.commitOffsets(simple, commits).partitions.every((error) => error === null));
  t.crash(1024 * 1024);
  t.broker.checkpoint();
  t.settle();
  t.crash();
  for (const partition of t.topic().partitions) assert.equal(t.offset(partition), partition.index);
});

test('the offsets of a deleted topic are gone with it, and a new topic of its name has none', () => {
  const t = new TestGroups();
  t.commit(t.partition('t'), 5);
  t.commit(t.partition('u'), 6);
  t.commit(t.partition('t'), 7, { groupId: 'h' });
  t.broker.deleteTopic(t.topic('t'));
  assert.equal(t.offset(t.partition('t')), undefined);
  t.crash();
  assert.equal(t.offset(t.partition('t')), undefined);
  assert.equal(t.offset(t.partition('t'), 'h'), undefined);
  assert.equal(t.offset(t.partition('u')), 6);
  assert.deepEqual([...t.groups.committedOffsets('h')], []);
});

test('what a crash has left of the offsets of a deleted topic is removed at the next start', () => {
  const t = new TestGroups();
  t.commit(t.partition('t'), 5);
  t.commit(t.partition('u'), 6);
  t.groups.forgetPartitions = () => {};
  t.broker.deleteTopic(t.topic('t'));
  assert.equal(t.durable.offsetCount, 2);
  t.crash();
  assert.equal(t.durable.offsetCount, 1);
  t.crash();
  assert.equal(t.durable.offsetCount, 1, 'it is an entry');
  assert.equal(t.offset(t.partition('u')), 6);
});

test('offsets are deleted where no member wants the topic', () => {
  const t = new TestGroups();
  const [wanted, unwanted] = [t.partition('t'), t.partition('u')];
  t.commit(wanted, 1);
  t.commit(unwanted, 2);
  const [a] = t.stable('a').map(({ answer }) => answer);
  assert.ok(a);
  assert.deepEqual(t.groups.deleteOffsets(groupId, [wanted, unwanted]).partitions, [
    'group_subscribed',
    null,
  ]);
  assert.deepEqual([t.offset(wanted), t.offset(unwanted)], [1, undefined]);
  t.leave(a.memberId);
  assert.deepEqual(t.groups.deleteOffsets(groupId, [wanted, unwanted]).partitions, [null, null]);
  assert.equal(t.offset(wanted), undefined);
  assert.equal(t.groups.deleteOffsets('none', [wanted]).error, 'group_not_found');
  assert.equal(t.groups.deleteOffsets('', [wanted]).error, 'invalid_group_id');
  const other = t.join({
    groupId: 'c',
    protocolType: 'connect',
    protocols: protocolsOf({ x: '' }),
  });
  t.gather([other]);
  assert.equal(t.groups.deleteOffsets('c', [wanted]).error, 'group_not_empty');
});

test('a group is deleted with its offsets once it is empty', () => {
  const t = new TestGroups();
  const partition = t.partition();
  const [a] = t.stable('a').map(({ answer }) => answer);
  assert.ok(a);
  t.commit(partition, 4, { memberId: a.memberId, generation: 1 });
  assert.equal(t.groups.delete(groupId).error, 'group_not_empty');
  t.leave(a.memberId);
  t.settle();
  const outcome = t.groups.delete(groupId);
  assert.equal(outcome.error, null);
  assert.ok(!t.broker.commits.isCovered(outcome.lsn));
  assert.equal(t.groups.groupsLsn, outcome.lsn);
  assert.equal(t.groups.offsetsLsn(groupId), outcome.lsn, '"none" waits for the deletion');
  assert.equal(t.groups.describe(groupId), undefined);
  assert.equal(t.groups.delete(groupId).error, 'group_not_found');
  assert.equal(t.groups.delete('').error, 'group_not_found');
  t.crash();
  assert.equal(t.groups.describe(groupId), undefined);
  assert.equal(t.offset(t.partition()), undefined);
  assert.equal(t.commit(t.partition(), 1).error, null);
  assert.equal(t.describe().generation, 0, 'a group of the same name begins anew');
});

test('offsets of a simple consumer are kept for the retention time after each commit', () => {
  const t = new TestGroups();
  t.commit(t.partition('t'), 1);
  t.pass(3 * day);
  t.commit(t.partition('u'), 2);
  t.pass(4 * day + 11 * minute);
  assert.deepEqual([t.offset(t.partition('t')), t.offset(t.partition('u'))], [undefined, 2]);
  t.pass(3 * day);
  assert.equal(t.groups.describe(groupId), undefined, 'a group with nothing in it goes too');
});

test('offsets of a group are kept for the retention time after the last member has left', () => {
  const t = new TestGroups({ groupSessionTimeoutMsMax: 2 ** 31 - 1 });
  const asked = t.join({ sessionTimeoutMs: 20 * day });
  t.gather([asked]);
  t.share([asked]);
  const { memberId } = asked.answer;
  t.commit(t.partition(), 1, { memberId, generation: 1 });
  t.pass(10 * day);
  assert.equal(t.offset(t.partition()), 1, 'a member wants the topic');
  t.leave(memberId);
  t.pass(6 * day);
  t.crash();
  t.pass(day - minute);
  assert.equal(t.offset(t.partition()), 1);
  t.pass(12 * minute);
  assert.equal(t.groups.describe(groupId), undefined);
});

test('offsets of topics that no member wants any more are forgotten, if members say what they want', () => {
  const t = new TestGroups({ groupSessionTimeoutMsMax: 2 ** 31 - 1 });
  const more = { sessionTimeoutMs: 20 * day };
  for (const partition of [t.partition('t'), t.partition('u')]) {
    t.commit(partition, 1);
    t.commit(partition, 1, { groupId: 'c' });
  }
  const asked = t.join(more);
  const connect = { protocolType: 'connect', protocols: protocolsOf({ x: 't' }) };
  const other = t.join({ ...more, ...connect, groupId: 'c' });
  t.gather([asked, other]);
  t.share([asked]);
  const { memberId } = other.answer;
  assert.equal(t.sync({ groupId: 'c', memberId }).error, null);
  t.pass(7 * day + 11 * minute);
  assert.deepEqual([t.offset(t.partition('t')), t.offset(t.partition('u'))], [1, undefined]);
  assert.equal(t.offset(t.partition('t'), 'c'), 1);
  assert.equal(t.offset(t.partition('u'), 'c'), 1);
});

test('an empty group without offsets is removed, but not one that a member is about to join', () => {
  const t = new TestGroups({ groupSessionTimeoutMsMax: day });
  t.join({ mustReturnWithId: true, sessionTimeoutMs: 30 * minute });
  t.pass(25 * minute);
  assert.equal(t.state, 'Empty');
  t.pass(20 * minute);
  assert.equal(t.groups.describe(groupId), undefined);
});
