import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kafkaErrors } from '../error-codes.ts';
import type { KafkaBench, TestClient } from '../kafka.fixture.ts';
import { zeroUuid } from '../schema.ts';
import { groupBench, TestMember } from './group.fixture.ts';

const anybody = { groupId: 'g', generationId: -1, memberId: '' };

interface Committed {
  readonly partition?: number;
  readonly offset: number;
  readonly epoch?: number;
  readonly metadata?: string | null;
}

/** What commits to one topic, by name and by id. */
function commitDraft(bench: KafkaBench, topic: string, rows: readonly Committed[]) {
  const partitions = rows.map(({ partition = 0, offset, epoch = -1, metadata = '' }) => ({
    partitionIndex: partition,
    committedOffset: offset,
    committedLeaderEpoch: epoch,
    committedMetadata: metadata,
  }));
  return { ...anybody, topics: [{ ...namesOf(bench, topic), partitions }] };
}

function namesOf(bench: KafkaBench, topic: string) {
  return { name: topic, topicId: bench.broker.topic(topic)?.uuidText ?? zeroUuid };
}

/** Partition, offset, epoch, metadata, error: of each row, whatever form the answer has. */
function fetchRows(
  bench: KafkaBench,
  client: TestClient,
  version: number,
  asked: Readonly<Record<string, readonly number[]>> | null,
  groupId = 'g',
) {
  const topics =
    asked === null
      ? null
      : Object.entries(asked).map(([topic, partitionIndexes]) => ({
          ...namesOf(bench, topic),
          partitionIndexes,
        }));
  const draft = version < 8 ? { groupId, topics } : { groups: [{ groupId, topics }] };
  const body = client.ask('offsetFetch', version, draft);
  assert.equal(body.errorCode, 0);
  if (version >= 8) {
    assert.deepEqual(
      body.groups.map((group) => [group.groupId, group.errorCode]),
      [[groupId, 0]],
    );
  }
  const found = version < 8 ? body.topics : (body.groups[0]?.topics ?? []);
  return found.flatMap(({ partitions }) =>
    partitions.map((row) => [
      row.partitionIndex,
      row.committedOffset,
      row.committedLeaderEpoch,
      row.metadata,
      row.errorCode,
    ]),
  );
}

function errorsOf(body: {
  readonly topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[];
}): number[] {
  return body.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
}

describe('OffsetCommit and OffsetFetch', () => {
  it('keep offset, leader epoch and metadata, in every version', () => {
    for (let version = 2; version <= 10; version++) {
      const bench = groupBench();
      const client = bench.connect();
      const draft = commitDraft(bench, 't', [
        { partition: 2, offset: 2 ** 40, epoch: 3, metadata: 'grüße' },
        { partition: 0, offset: 0, metadata: null },
      ]);
      const body = client.ask('offsetCommit', version, draft);
      assert.deepEqual(errorsOf(body), [0, 0], `v${version}`);
      const [topic] = body.topics;
      const expected = version < 10 ? ['t', zeroUuid] : ['', namesOf(bench, 't').topicId];
      assert.deepEqual([topic?.name, topic?.topicId], expected);
      const epoch = version < 6 ? -1 : 3;
      for (const fetched of [1, 4, 5, 7, 8, 9, 10]) {
        const rows = fetchRows(bench, client, fetched, { t: [2, 0, 1] });
        const seen = fetched < 5 ? -1 : epoch;
        assert.deepEqual(rows, [
          [2, 2 ** 40, seen, 'grüße', 0],
          [0, 0, -1, '', 0],
          [1, -1, -1, '', 0],
        ]);
      }
    }
  });

  it('tell all that a group has committed when no topics are named', () => {
    const bench = groupBench();
    const client = bench.connect();
    client.ask('offsetCommit', 9, commitDraft(bench, 't', [{ partition: 1, offset: 5 }]));
    client.ask('offsetCommit', 9, commitDraft(bench, 'u', [{ offset: 6 }]));
    for (let version = 2; version <= 10; version++) {
      const rows = fetchRows(bench, client, version, null);
      assert.deepEqual(rows.sort(), [
        [0, 6, -1, '', 0],
        [1, 5, -1, '', 0],
      ]);
      assert.deepEqual(fetchRows(bench, client, version, null, 'none'), []);
    }
    const { groups } = client.ask('offsetFetch', 10, { groups: [{ groupId: 'g', topics: null }] });
    const ids = groups[0]?.topics.map(({ topicId }) => topicId).sort();
    assert.deepEqual(ids, ['t', 'u'].map((topic) => namesOf(bench, topic).topicId).sort());
  });

  it('answer for several groups, and tell no offset twice', () => {
    const bench = groupBench();
    const client = bench.connect();
    for (const groupId of ['a', 'b']) {
      const draft = commitDraft(bench, 't', [{ offset: groupId === 'a' ? 1 : 2 }]);
      client.ask('offsetCommit', 9, { ...draft, groupId });
    }
    const topics = [{ name: 't', partitionIndexes: [0, 0, 0] }];
    const groups = ['a', 'b', 'a'].map((groupId) => ({ groupId, topics }));
    const body = client.ask('offsetFetch', 9, {
      groups: [...groups, { groupId: 'b', topics: null }],
    });
    const found = body.groups.map(({ groupId, topics: of }) => [
      groupId,
      of.flatMap(({ partitions }) => partitions.map(({ committedOffset }) => committedOffset)),
    ]);
    assert.deepEqual(found, [
      ['a', [1]],
      ['b', [2]],
      ['a', []],
      ['b', []],
    ]);
  });

  it('say which topics are not there', () => {
    const bench = groupBench();
    const client = bench.connect();
    const missing = kafkaErrors.unknownTopicOrPartition;
    for (const version of [2, 9]) {
      const none = client.ask('offsetCommit', version, commitDraft(bench, 'no', [{ offset: 1 }]));
      assert.deepEqual(errorsOf(none), [missing]);
      const draft = commitDraft(bench, 't', [
        { partition: 3, offset: 1 },
        { partition: 1, offset: 1 },
        { partition: -1, offset: 1 },
      ]);
      assert.deepEqual(errorsOf(client.ask('offsetCommit', version, draft)), [missing, 0, missing]);
    }
    const byId = commitDraft(bench, 'no', [{ offset: 1 }]);
    assert.deepEqual(errorsOf(client.ask('offsetCommit', 10, byId)), [kafkaErrors.unknownTopicId]);
    const beyond = commitDraft(bench, 't', [{ partition: 9, offset: 1 }]);
    assert.deepEqual(errorsOf(client.ask('offsetCommit', 10, beyond)), [missing]);
    for (const version of [1, 7, 9]) {
      const rows = fetchRows(bench, client, version, { no: [0], t: [9] });
      assert.deepEqual(rows, [
        [0, -1, -1, '', 0],
        [9, -1, -1, '', 0],
      ]);
    }
    const rows = fetchRows(bench, client, 10, { no: [0], t: [9] });
    assert.deepEqual(rows, [
      [0, -1, -1, '', kafkaErrors.unknownTopicId],
      [9, -1, -1, '', 0],
    ]);
  });

  it('refuse metadata that is too long, and only that', () => {
    const bench = groupBench();
    const client = bench.connect();
    const body = client.ask(
      'offsetCommit',
      9,
      commitDraft(bench, 't', [
        { partition: 0, offset: 1, metadata: 'x'.repeat(4097) },
        { partition: 1, offset: 1, metadata: 'x'.repeat(4096) },
      ]),
    );
    assert.deepEqual(errorsOf(body), [kafkaErrors.offsetMetadataTooLarge, 0]);
    const offsets = fetchRows(bench, client, 9, { t: [0, 1] }).map(([, offset]) => offset);
    assert.deepEqual(offsets, [-1, 1]);
  });

  it('keep the last of several offsets of a partition', () => {
    const bench = groupBench();
    const client = bench.connect();
    const draft = commitDraft(bench, 't', [
      { partition: 1, offset: 4 },
      { partition: 0, offset: 7 },
      { partition: 1, offset: 2 },
    ]);
    const twice = { ...draft, topics: [...draft.topics, ...draft.topics] };
    assert.deepEqual(errorsOf(client.ask('offsetCommit', 9, twice)), [0, 0, 0, 0, 0, 0]);
    const offsets = fetchRows(bench, client, 9, { t: [0, 1] }).map(([, offset]) => offset);
    assert.deepEqual(offsets, [7, 2]);
  });

  it('take group ids as long as a list of them stays within an answer', () => {
    const bench = groupBench();
    const client = bench.connect();
    for (const [length, code] of [
      [1024, 0],
      [1025, kafkaErrors.invalidGroupId],
    ] as const) {
      const draft = { ...commitDraft(bench, 't', [{ offset: 4 }]), groupId: 'g'.repeat(length) };
      assert.deepEqual(errorsOf(client.ask('offsetCommit', 9, draft)), [code]);
    }
  });

  it('know the group of nobody, as the original does', () => {
    const bench = groupBench();
    const client = bench.connect();
    const draft = commitDraft(bench, 't', [{ offset: 4 }]);
    assert.deepEqual(errorsOf(client.ask('offsetCommit', 9, { ...draft, groupId: '' })), [0]);
    assert.equal(fetchRows(bench, client, 9, { t: [0] }, '')[0]?.[1], 4);
    for (const code of [0, kafkaErrors.groupIdNotFound]) {
      const { results } = client.ask('deleteGroups', 2, { groupsNames: [''] });
      assert.deepEqual(results, [{ groupId: '', errorCode: code }]);
    }
  });

  it('take commits of members, and of others only while there are none', () => {
    const bench = groupBench();
    const client = bench.connect();
    const member = new TestMember(bench).joinAlone();
    assert.equal(member.commit(7), 0);
    const error = (claim: object, version = 9) => {
      const draft = { ...commitDraft(bench, 't', [{ offset: 1 }]), ...member.claim, ...claim };
      return errorsOf(client.ask('offsetCommit', version, draft))[0];
    };
    assert.equal(error({ generationId: 0 }), kafkaErrors.illegalGeneration);
    assert.equal(error({ generationId: 2 }), kafkaErrors.illegalGeneration);
    assert.equal(error({ memberId: 'x' }), kafkaErrors.unknownMemberId);
    assert.equal(error({ groupInstanceId: 'i' }), kafkaErrors.unknownMemberId);
    assert.equal(error({ ...anybody, groupInstanceId: null }), kafkaErrors.unknownMemberId);
    assert.equal(fetchRows(bench, client, 9, { t: [0] })[0]?.[1], 7, 'nothing has changed');
    member.client.ask('leaveGroup', 5, {
      groupId: 'g',
      members: [{ memberId: member.memberId, groupInstanceId: null }],
    });
    assert.equal(error({ ...anybody, groupInstanceId: null }), 0);
  });

  it('say that a group is not there in the words of the version', () => {
    const bench = groupBench();
    const client = bench.connect();
    for (const [version, code] of [
      [8, kafkaErrors.illegalGeneration],
      [9, kafkaErrors.groupIdNotFound],
    ] as const) {
      const draft = { ...commitDraft(bench, 't', [{ offset: 1 }]), generationId: 1, memberId: 'm' };
      assert.deepEqual(errorsOf(client.ask('offsetCommit', version, draft)), [code]);
    }
  });

  it('are there after a crash', () => {
    const bench = groupBench();
    const draft = commitDraft(bench, 't', [{ offset: 9, epoch: 2, metadata: 'm' }]);
    assert.deepEqual(errorsOf(bench.connect().ask('offsetCommit', 9, draft)), [0]);
    bench.restart();
    const rows = fetchRows(bench, bench.connect(), 9, { t: [0] });
    assert.deepEqual(rows, [[0, 9, 2, 'm', 0]]);
  });

  it('answer when that is committed of which they speak', () => {
    const bench = groupBench();
    const client = bench.connect();
    bench.gate.isShut = true;
    client.send('offsetCommit', 9, commitDraft(bench, 't', [{ offset: 1 }]));
    const other = bench.connect();
    const groups = [{ groupId: 'g', topics: null }];
    other.send('offsetFetch', 9, { groups });
    bench.settle();
    assert.deepEqual([...client.answers(), ...other.answers()], []);
    bench.gate.open();
    bench.settle();
    assert.deepEqual([client.answers().length, other.answers().length], [1, 1]);
  });

  it('forget what was committed of a topic that is deleted', () => {
    const bench = groupBench();
    const client = bench.connect();
    client.ask('offsetCommit', 9, commitDraft(bench, 't', [{ offset: 1 }]));
    client.ask('deleteTopics', 5, { topicNames: ['t'], topics: [], timeoutMs: 1 });
    assert.deepEqual(fetchRows(bench, client, 9, null), []);
    bench.topic('t');
    assert.deepEqual(fetchRows(bench, client, 9, { t: [0] }), [[0, -1, -1, '', 0]]);
  });

  it('are not asked at all when there is nothing to commit', () => {
    const bench = groupBench();
    const client = bench.connect();
    const body = client.ask('offsetCommit', 9, { ...anybody, topics: [] });
    assert.deepEqual(body.topics, []);
    const { groups } = client.ask('listGroups', 5, { statesFilter: [], typesFilter: [] });
    assert.deepEqual(groups, [], 'no group comes into being');
  });
});

describe('OffsetDelete', () => {
  function deleteFrom(client: TestClient, topic: string, partition: number, groupId = 'g') {
    const topics = [{ name: topic, partitions: [{ partitionIndex: partition }] }];
    return client.ask('offsetDelete', 0, { groupId, topics });
  }

  it('forgets offsets of topics that nobody in the group reads', () => {
    const bench = groupBench();
    const client = bench.connect();
    const both = commitDraft(bench, 't', [
      { partition: 0, offset: 1 },
      { partition: 1, offset: 1 },
    ]);
    client.ask('offsetCommit', 9, both);
    assert.deepEqual(errorsOf(deleteFrom(client, 't', 0)), [0]);
    assert.deepEqual(errorsOf(deleteFrom(client, 't', 2)), [0], 'there was none');
    const offsets = fetchRows(bench, client, 9, { t: [0, 1] }).map(([, offset]) => offset);
    assert.deepEqual(offsets, [-1, 1]);
  });

  it('leaves those of topics that a member subscribes to', () => {
    const bench = groupBench();
    const client = bench.connect();
    client.ask('offsetCommit', 9, commitDraft(bench, 't', [{ offset: 1 }]));
    client.ask('offsetCommit', 9, commitDraft(bench, 'u', [{ offset: 1 }]));
    new TestMember(bench, { topics: ['t'] }).joinAlone();
    const subscribed = kafkaErrors.groupSubscribedToTopic;
    assert.deepEqual(errorsOf(deleteFrom(client, 't', 0)), [subscribed]);
    assert.deepEqual(errorsOf(deleteFrom(client, 'u', 0)), [0]);
  });

  it('refuses groups that are not there, or of which nobody knows what they read', () => {
    const bench = groupBench();
    const client = bench.connect();
    const refusal = (groupId: string) => {
      const { errorCode, topics } = deleteFrom(client, 't', 0, groupId);
      assert.deepEqual(topics, []);
      return errorCode;
    };
    assert.equal(refusal(''), kafkaErrors.invalidGroupId);
    assert.equal(refusal('none'), kafkaErrors.groupIdNotFound);
    new TestMember(bench, { groupId: 'c', protocolType: 'connect' }).joinAlone();
    assert.equal(refusal('c'), kafkaErrors.nonEmptyGroup);
  });

  it('says which topics are not there', () => {
    const bench = groupBench();
    const client = bench.connect();
    client.ask('offsetCommit', 9, commitDraft(bench, 't', [{ offset: 1 }]));
    for (const [topic, partition] of [
      ['no', 0],
      ['t', 9],
    ] as const) {
      const codes = errorsOf(deleteFrom(client, topic, partition));
      assert.deepEqual(codes, [kafkaErrors.unknownTopicOrPartition]);
    }
  });
});
