import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BrokerError, brokerErrorCodes } from '../../../kernel/errors.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toGroupError } from '../group-errors.ts';
import { batchOf, type KafkaBench } from '../kafka.fixture.ts';
import { groupBench, TestMember } from './group.fixture.ts';

const anybody = { generationId: -1, memberId: '' };

/** The error of committing to a group that nobody is in. */
function commitTo(bench: KafkaBench, groupId: string): number | undefined {
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }];
  const draft = { ...anybody, groupId, topics: [{ name: 't', partitions }] };
  const { topics } = bench.connect().ask('offsetCommit', 9, draft);
  return topics[0]?.partitions[0]?.errorCode;
}

describe('the errors of groups', () => {
  it('never speak of storage or of a producer, which consumers do not know', () => {
    const unknown: readonly number[] = [
      kafkaErrors.kafkaStorageError,
      kafkaErrors.notLeaderOrFollower,
      kafkaErrors.unknownServerError,
    ];
    for (const code of brokerErrorCodes) assert.ok(!unknown.includes(toGroupError(code)), code);
    assert.equal(toGroupError(null), kafkaErrors.none);
  });
});

describe('a broker that has stopped serving', () => {
  it('sends members to look for a coordinator, and none away', () => {
    const bench = groupBench();
    const member = new TestMember(bench).joinAlone();
    assert.equal(member.commit(1), 0);
    bench.broker.fence(new BrokerError('storage_failed'));
    bench.settle();
    const gone = kafkaErrors.notCoordinator;
    assert.equal(member.heartbeat(), gone);
    assert.equal(member.commit(2), gone);
    const groups = [{ groupId: 'g', topics: null }];
    const { client } = member;
    assert.equal(client.ask('offsetFetch', 8, { groups }).groups[0]?.errorCode, gone);
    const old = client.ask('offsetFetch', 1, {
      groupId: 'g',
      topics: [{ name: 't', partitionIndexes: [0] }],
    });
    assert.equal(old.topics[0]?.partitions[0]?.errorCode, gone);
    assert.equal(client.ask('joinGroup', 9, member.joinDraft()).errorCode, gone);
    assert.equal(client.ask('syncGroup', 5, member.syncDraft()).errorCode, gone);
    const leave = { groupId: 'g', members: [{ memberId: member.memberId }] };
    assert.equal(client.ask('leaveGroup', 5, leave).errorCode, gone);
    assert.equal(client.ask('listGroups', 5, {}).errorCode, gone);
    const described = client.ask('describeGroups', 6, { groups: ['g', 'none'] }).groups;
    assert.deepEqual(
      described.map(({ errorCode }) => errorCode),
      [gone, gone],
    );
    const deleted = client.ask('deleteGroups', 2, { groupsNames: ['g'] }).results;
    assert.equal(deleted[0]?.errorCode, gone);
    assert.equal(client.ask('offsetDelete', 0, { groupId: 'g', topics: [] }).errorCode, gone);
    const found = client.ask('findCoordinator', 3, { key: 'g' });
    assert.equal(found.errorCode, kafkaErrors.coordinatorNotAvailable);
  });

  it('answers those who wait', () => {
    const bench = groupBench();
    new TestMember(bench).joinAlone();
    const waiting = new TestMember(bench);
    const correlationId = waiting.sendJoin();
    bench.settle();
    bench.broker.fence(new BrokerError('storage_failed'));
    bench.settle();
    const { errorCode } = waiting.client.answer<'joinGroup'>(correlationId);
    assert.equal(errorCode, kafkaErrors.notCoordinator);
  });
});

describe('a broker that shuts down', () => {
  it('lets nobody in, and takes the last commits', () => {
    const bench = groupBench();
    const member = new TestMember(bench).joinAlone();
    bench.broker.drain();
    const elsewhere = kafkaErrors.coordinatorNotAvailable;
    const { client } = member;
    assert.equal(client.ask('joinGroup', 9, member.joinDraft()).errorCode, elsewhere);
    assert.equal(client.ask('syncGroup', 5, member.syncDraft()).errorCode, elsewhere);
    assert.equal(member.heartbeat(), elsewhere);
    assert.equal(member.commit(5), 0);
    assert.equal(commitTo(bench, 'new'), elsewhere, 'no new groups');
  });
});

describe('a full disk', () => {
  it('makes no new groups, and those there are go on', () => {
    const bench = groupBench();
    const member = new TestMember(bench).joinAlone();
    const client = bench.connect();
    const batch = batchOf(['x'.repeat(200_000)]);
    for (let i = 0; i < 1000 && !bench.broker.isStorageFull; i++) client.produce('t', batch);
    assert.equal(bench.broker.isStorageFull, true);
    const elsewhere = kafkaErrors.coordinatorNotAvailable;
    assert.equal(commitTo(bench, 'new'), elsewhere);
    const other = new TestMember(bench, { groupId: 'other' });
    assert.equal(client.ask('joinGroup', 3, other.joinDraft()).errorCode, elsewhere);
    assert.equal(member.heartbeat(), 0);
    assert.equal(member.commit(7), 0);
  });
});

describe('what members say of themselves', () => {
  it('has a limit for each group', () => {
    const bench = groupBench();
    const metadata = new Uint8Array(5 * 1024 * 1024);
    const member = new TestMember(bench, { protocols: [{ name: 'range', metadata }] });
    const { errorCode } = member.client.ask('joinGroup', 3, member.joinDraft());
    assert.equal(errorCode, kafkaErrors.policyViolation);
  });

  it('is kept as far as it can be told again', () => {
    const bench = groupBench();
    const member = new TestMember(bench, { instanceId: 'i'.repeat(249) });
    const frame = member.client.frame('joinGroup', 9, member.joinDraft());
    const named = withClientId(frame, '😀'.repeat(8000));
    member.client.socket.receive(named);
    bench.advance(0);
    assert.equal(member.client.answers().length, 1);
    const { groups } = bench.connect().ask('describeGroups', 5, { groups: ['g'] });
    const [described] = groups[0]?.members ?? [];
    assert.equal(described?.memberId.length, 249 + 1 + 36);
    assert.equal(described.clientId.length, 255);
  });
});

/** The same request, of a client that calls itself `clientId`. */
function withClientId(frame: Uint8Array, clientId: string): Uint8Array {
  const text = Buffer.from(clientId);
  const head = Buffer.from(frame.subarray(0, 14));
  const body = frame.subarray(14 + head.readInt16BE(12));
  head.writeInt16BE(text.length, 12);
  head.writeInt32BE(10 + text.length + body.length, 0);
  return Buffer.concat([head, text, body]);
}
