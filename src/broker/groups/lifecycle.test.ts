/** Groups through the life of a broker: restarts, shutdown, faults, a full disk. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { appendBatch, recordsAt } from '../broker.fixture.ts';
import type { Partition } from '../catalog/topic.ts';
import { groupId, TestGroups, textOf } from './groups.fixture.ts';

test('after a crash the members of the last generation go on without a rebalance', () => {
  const t = new TestGroups();
  const [a, b] = t.stable('a', 'b').map(({ answer }) => answer);
  assert.ok(a && b);
  const before = t.describe();
  t.pass(9000);
  t.crash();
  assert.deepEqual(t.describe(), before);
  assert.equal(before.state, 'Stable');
  t.pass(9000);
  assert.equal(t.heartbeat(a.memberId, 1), null, 'its session began anew');
  assert.equal(t.commit(t.partition(), 1, { memberId: b.memberId, generation: 1 }).error, null);
  const share = t.sync({ memberId: b.memberId });
  assert.equal(textOf(share.answer.assignment), `work of ${b.memberId}`);
  assert.equal(t.join({ memberId: b.memberId }).answer.generation, 1, 'nothing new to say');
  assert.equal(t.join({ memberId: a.memberId }).isAnswered, false, 'the leader leads still');
  t.pass(10_001);
  assert.equal(t.describe().members.length, 1);
});

test('a generation that was not completed is none after a crash', () => {
  const t = new TestGroups();
  const [a] = t.stable('a').map(({ answer }) => answer);
  assert.ok(a);
  const again = t.join({ memberId: a.memberId }).answer;
  assert.equal(again.generation, 2);
  t.crash();
  assert.equal(t.state, 'Stable');
  const { memberId } = a;
  assert.equal(t.sync({ memberId, generation: 2 }).error, 'stale_generation');
  assert.equal(t.heartbeat(memberId, 1), null);
});

test('a group that nobody came back to after a restart becomes empty', () => {
  const t = new TestGroups();
  t.stable('a', 'b');
  t.crash();
  t.pass(10_001);
  assert.equal(t.state, 'Empty');
  t.crash();
  assert.equal(t.state, 'Empty');
  assert.equal(t.describe().generation, 2);
});

test('groups are listed and described as they are', () => {
  const t = new TestGroups();
  t.commit(t.partition(), 1, { groupId: 'simple' });
  t.stable('a');
  const joining = t.join({ groupId: 'new', protocolType: 'connect', instanceId: 'i' });
  assert.ok(!joining.isAnswered);
  assert.deepEqual(
    [...t.groups.list()],
    [
      { groupId: 'simple', protocolType: '', state: 'Empty' },
      { groupId, protocolType: 'consumer', state: 'Stable' },
      { groupId: 'new', protocolType: 'connect', state: 'PreparingRebalance' },
    ],
  );
  const { members, protocol } = t.describe('new');
  assert.equal(protocol, '');
  assert.equal(members.length, 1);
  const [member] = members;
  assert.ok(member);
  assert.equal(member.instanceId, 'i');
  assert.equal(member.clientId, 'client');
  assert.equal(member.clientHost, '/127.0.0.1');
  assert.equal(member.metadata.length + member.assignment.length, 0);
  assert.equal(t.groups.describe('none'), undefined);
});

test('the topic of offsets comes with the first group, is internal, and takes no records', () => {
  const t = new TestGroups();
  assert.equal(t.broker.topic('__consumer_offsets'), undefined);
  t.stable('a');
  const topic = t.broker.topic('__consumer_offsets');
  assert.ok(topic);
  assert.equal(topic.isInternal, true);
  assert.equal(topic.partitions.length, 50);
  assert.equal(topic.overrides.get('cleanup.policy'), 'compact');
  const [partition] = topic.partitions;
  assert.ok(partition);
  assert.equal(appendBatch(t.broker, partition, recordsAt(1)).error, 'topic_internal');
  const warnings = t.bench.logged.filter(({ event }) => event.startsWith('topic.'));
  assert.deepEqual(warnings, [], 'nobody has asked for what is not done');
  t.broker.deleteTopic(topic);
  t.commit(t.partition(), 1);
  assert.equal(t.broker.topic('__consumer_offsets'), undefined);
  t.commit(t.partition(), 1, { groupId: 'another' });
  assert.ok(t.broker.topic('__consumer_offsets'), 'it is there again with the next group');
});

test('while the broker shuts down nobody is let in, and what is done is committed', () => {
  const t = new TestGroups();
  const partition = t.partition();
  const [a, b] = t.stable('a', 'b').map(({ answer }) => answer);
  assert.ok(a && b);
  const waits = t.join({ memberId: a.memberId });
  t.broker.drain();
  assert.equal(waits.error, 'draining');
  assert.equal(waits.answer.memberId, a.memberId);
  assert.equal(t.join().error, 'draining');
  assert.equal(t.heartbeat(b.memberId, 1), 'draining');
  assert.equal(t.sync({ memberId: b.memberId }).error, 'draining');
  assert.equal(t.commit(partition, 8, { memberId: b.memberId, generation: 1 }).error, null);
  assert.equal(t.commit(partition, 8, { groupId: 'new' }).error, 'draining', 'no new group');
  assert.deepEqual(t.leave(b.memberId), [null]);
  t.pass(100_000);
  t.restart();
  assert.equal(t.offset(t.partition()), 8);
  assert.equal(t.state, 'Stable', 'the group goes on where it was');
});

test('after a close every call is answered, and nothing is due any more', () => {
  const t = new TestGroups();
  const partition = t.partition();
  const waits = t.join();
  t.bench.close(t.broker);
  assert.equal(waits.error, 'draining');
  assertRefused(t, 'draining', partition);
});

test('after a fault every call is answered with it, those who wait too', () => {
  const t = new TestGroups();
  const partition = t.partition();
  const [a] = t.stable('a').map(({ answer }) => answer);
  assert.ok(a);
  const waits = t.join({ clientId: 'b' });
  t.bench.breakDisk();
  t.commit(partition, 1, { memberId: a.memberId, generation: 1 });
  t.settle();
  assert.equal(waits.error, 'fenced');
  assertRefused(t, 'fenced', partition);
  t.pass(1_000_000);
});

function assertRefused(t: TestGroups, error: string, partition: Partition): void {
  assert.equal(t.join().error, error);
  assert.equal(t.sync({ memberId: 'a' }).error, error);
  assert.equal(t.heartbeat('a', 1), error);
  const leaving = [{ memberId: 'a', instanceId: null, reason: '' }];
  assert.deepEqual(t.groups.leave(groupId, leaving).members, [error]);
  assert.deepEqual(t.commit(partition, 1).partitions, [error]);
  assert.equal(t.groups.delete(groupId).error, error);
  assert.deepEqual(t.groups.deleteOffsets(groupId, [partition]).partitions, [error]);
}

test('on a full disk commits leave something of the reserve to what frees space', () => {
  const t = new TestGroups({}, 6 * 1024 * 1024);
  const partition = t.partition();
  t.commit(partition, 1);
  fillDisk(t, partition);
  let next = 2;
  const commit = (): string | null => {
    t.settle();
    return t.commit(partition, next++, {}, { metadata: 'm'.repeat(4000) }).error;
  };
  while (next < 2000 && commit() === null);
  assert.ok(next > 50, 'there is a reserve');
  assert.equal(commit(), 'storage_full');
  assert.equal(t.join().error, 'storage_full');
  assert.equal(t.sync({ memberId: 'a' }).error, 'storage_full');
  t.pass(5000);
  assert.equal(commit(), 'storage_full');
  t.broker.deleteTopic(partition.topic);
  t.pass(60_000);
  assert.equal(t.commit(t.partition('u'), 1).error, null);
});

test('on a full disk groups go on: commits, rebalances, leaves and deletions; new ones wait', () => {
  const t = new TestGroups({}, 6 * 1024 * 1024);
  const partition = t.partition();
  const [a] = t.stable('a').map(({ answer }) => answer);
  assert.ok(a);
  t.commit(partition, 1, { groupId: 'old' });
  fillDisk(t, partition);
  assert.equal(t.join({ groupId: 'new' }).error, 'storage_full');
  assert.equal(t.commit(partition, 1, { groupId: 'new' }).error, 'storage_full');
  assert.equal(t.groups.describe('new'), undefined);
  const again = t.join({ memberId: a.memberId });
  t.share([again]);
  const committed = t.commit(partition, 9, { memberId: a.memberId, generation: 2 });
  assert.equal(committed.error, null);
  t.leave(a.memberId);
  assert.equal(t.groups.delete('old').error, null);
  t.settle();
  assert.ok(t.broker.commits.isCovered(t.groups.groupsLsn), 'all of it is on disk');
  t.crash();
  assert.equal(t.offset(t.partition()), 9);
  assert.equal(t.state, 'Empty');
});

function fillDisk(t: TestGroups, partition: Partition): void {
  const batch = recordsAt(...Array.from({ length: 5000 }, () => 1));
  for (let i = 0; i < 1000 && !t.broker.isStorageFull; i++) {
    appendBatch(t.broker, partition, batch);
    t.settle();
  }
  assert.equal(t.broker.isStorageFull, true);
}
