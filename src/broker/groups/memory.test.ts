/** What groups cost, in memory and on disk: as much as there is, however often it changes. Counted. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { membersBytesMax } from './group-limits.ts';
import { groupId, joinOf, protocolsOf, TestGroups } from './groups.fixture.ts';
import type { MemberTally } from './live-group.ts';

/** Bytes of all checkpoint objects of groups. */
function stateBytes(t: TestGroups): number {
  const writer = new ByteWriter(64 * 1024);
  const cursor = t.durable.objects();
  let bytes = 0;
  for (;;) {
    writer.position = 0;
    if (cursor.next(writer) === null) return bytes;
    assert.ok(writer.position <= 64 * 1024, 'an object is at most 64 KiB');
    bytes += writer.position;
  }
}

const tallyOf = (t: TestGroups): MemberTally => Reflect.get(t.groups, 'tally') as MemberTally;

test('a hundred thousand commits of the same partitions cost what the last ones do', () => {
  const t = new TestGroups();
  const { partitions } = t.topic('t', 4);
  const commits = partitions.map((partition) => ({ partition, leaderEpoch: 0, metadata: 'm' }));
  const claim = { groupId, generation: -1, memberId: '', instanceId: null };
  const segments = () => t.broker.usage().segments;
  let state = 0;
  for (let i = 1; i <= 100_000; i++) {
    t.groups.commitOffsets(
      claim,
      commits.map((commit) => ({ ...commit, offset: i })),
    );
    if (i % 500 === 0) t.settle();
    if (i === 50_000) state = stateBytes(t);
  }
  assert.equal(stateBytes(t), state);
  assert.ok(segments() < 12, `${segments()} segments of 1 MiB`);
  assert.deepEqual([t.durable.offsetCount, t.durable.metadataSize], [4, 4]);
  t.crash();
  assert.equal(t.offset(t.partition('t', 3)), 100_000);
});

test('the most that commits may carry still fits its checkpoint objects', () => {
  const t = new TestGroups({ offsetMetadataBytesMax: 32_767 });
  const { partitions } = t.topic('t', 20);
  const metadata = 'x'.repeat(32_767);
  const commits = partitions.map((partition) => ({
    partition,
    offset: partition.index,
    leaderEpoch: 0,
    metadata,
  }));
  const claim = { groupId, generation: -1, memberId: '', instanceId: null };
  t.groups.commitOffsets(claim, commits);
  assert.ok(stateBytes(t) > 20 * 32_767);
  t.broker.checkpoint();
  t.crash();
  for (const partition of t.topic().partitions) assert.equal(t.offset(partition), partition.index);
});

test('members that are gone leave nothing, however they went', () => {
  const t = new TestGroups();
  const heavy = protocolsOf({ range: 'x'.repeat(10_000) });
  for (let round = 0; round < 20; round++) {
    const asked = ['a', 'b', 'c'].map((instanceId) => {
      const isStatic = round % 2 === 0;
      return t.join({ protocols: heavy, ...(isStatic ? { instanceId } : {}) });
    });
    t.gather(asked);
    t.share(asked);
    const [a] = asked.map(({ answer }) => answer);
    assert.ok(a);
    if (round % 2 === 0) t.join({ instanceId: 'b', protocols: heavy });
    if (round % 3 === 0) t.leave(a.memberId);
    t.pass(70_000);
    assert.equal(t.groups.describe(groupId)?.members.length ?? 0, 0);
    assert.equal(tallyOf(t).bytes, 0);
  }
});

test('what members say is bounded over all groups', () => {
  const t = new TestGroups();
  tallyOf(t).bytes = membersBytesMax - 1000;
  const large = protocolsOf({ range: 'x'.repeat(2000) });
  assert.equal(t.join({ protocols: large }).error, 'limit_exceeded');
  assert.ok(!t.join().isAnswered, 'there is room for a small one');
});

test('an id handed out costs nothing once its time is over', () => {
  const t = new TestGroups();
  for (let i = 0; i < 1000; i++) {
    t.groups.join(joinOf({ mustReturnWithId: true }), () => {});
  }
  t.pass(10_001);
  const live = Reflect.get(t.groups, 'live') as ReadonlyMap<
    string,
    { pendingJoins: { size: number } }
  >;
  assert.equal(live.get(groupId)?.pendingJoins.size, 0);
});
