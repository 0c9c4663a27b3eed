import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kafkaErrors } from '../error-codes.ts';
import { operationsNotAsked } from '../schemas/metadata.ts';
import { groupBench, subscriptionTo, TestMember } from './group.fixture.ts';

const everything = { statesFilter: [], typesFilter: [] };

describe('DescribeGroups', () => {
  it('shows a group and its members, in every version', () => {
    const bench = groupBench();
    const member = new TestMember(bench, { instanceId: 'i' }).joinAlone();
    for (let version = 0; version <= 6; version++) {
      const { groups } = member.client.ask('describeGroups', version, {
        groups: ['g'],
        includeAuthorizedOperations: version >= 3,
      });
      const [group] = groups;
      assert.ok(group);
      const [described] = group.members;
      assert.ok(described);
      assert.deepEqual(
        [group.errorCode, group.errorMessage, group.groupId, group.groupState],
        [0, null, 'g', 'Stable'],
      );
      assert.deepEqual([group.protocolType, group.protocolData], ['consumer', 'range']);
      assert.equal(group.authorizedOperations, version < 3 ? operationsNotAsked : 0xd48);
      assert.equal(described.memberId, member.memberId);
      assert.equal(described.groupInstanceId, version < 4 ? null : 'i');
      assert.equal(described.clientId, 'test');
      assert.match(described.clientHost, /^\/\d+\.\d+\.\d+\.\d+$/);
      const metadata = Buffer.from(described.memberMetadata);
      assert.deepEqual(metadata, Buffer.from(subscriptionTo(['t'])));
      assert.equal(Buffer.from(described.memberAssignment).toString(), 'all');
    }
  });

  it('takes a group that is not there for dead, and from version 6 says so [KIP-1043]', () => {
    const client = groupBench().connect();
    for (const groupId of ['none', '']) {
      for (let version = 0; version <= 6; version++) {
        const { groups } = client.ask('describeGroups', version, { groups: [groupId] });
        const [group] = groups;
        const code = version < 6 ? 0 : kafkaErrors.groupIdNotFound;
        assert.deepEqual([group?.errorCode, group?.groupState, group?.members], [code, 'Dead', []]);
        assert.equal(group?.errorMessage !== null, version >= 6);
      }
    }
  });

  it('shows each group once', () => {
    const client = groupBench().connect();
    const { groups } = client.ask('describeGroups', 5, { groups: ['b', 'a', 'b', 'b'] });
    assert.deepEqual(
      groups.map(({ groupId }) => groupId),
      ['b', 'a'],
    );
  });

  it('shows no metadata while the work is divided', () => {
    const bench = groupBench();
    const member = new TestMember(bench);
    member.join();
    const { groups } = member.client.ask('describeGroups', 5, { groups: ['g'] });
    assert.equal(groups[0]?.groupState, 'CompletingRebalance');
    assert.equal(groups[0]?.protocolData, '');
    assert.deepEqual(
      groups[0]?.members.map(({ memberMetadata }) => memberMetadata.length),
      [0],
    );
  });
});

describe('ListGroups', () => {
  it('lists groups with what the version knows of them', () => {
    const bench = groupBench();
    const { client } = new TestMember(bench).joinAlone();
    for (let version = 0; version <= 5; version++) {
      const { errorCode, groups } = client.ask('listGroups', version, everything);
      assert.equal(errorCode, 0);
      const groupState = version < 4 ? '' : 'Stable';
      const groupType = version < 5 ? '' : 'classic';
      assert.deepEqual(groups, [{ groupId: 'g', protocolType: 'consumer', groupState, groupType }]);
    }
  });

  it('looks at states and types without regard to case', () => {
    const bench = groupBench();
    const { client } = new TestMember(bench).joinAlone();
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }];
    client.ask('offsetCommit', 9, { groupId: 'simple', topics: [{ name: 't', partitions }] });
    const list = (statesFilter: string[], typesFilter: string[] = []) => {
      const { groups } = client.ask('listGroups', 5, { statesFilter, typesFilter });
      return groups.map(({ groupId }) => groupId).sort();
    };
    assert.deepEqual(list([]), ['g', 'simple']);
    assert.deepEqual(list(['stable']), ['g']);
    assert.deepEqual(list(['EMPTY', 'Dead']), ['simple']);
    assert.deepEqual(list(['no such state']), []);
    assert.deepEqual(list([], ['Classic']), ['g', 'simple']);
    assert.deepEqual(list([], ['consumer']), []);
    assert.deepEqual(list(['Stable'], ['consumer', 'classic']), ['g']);
  });
});

describe('DeleteGroups', () => {
  it('deletes groups without members, and each once', () => {
    for (let version = 0; version <= 2; version++) {
      const bench = groupBench();
      const { client } = new TestMember(bench, { groupId: 'busy' }).joinAlone();
      const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }];
      client.ask('offsetCommit', 9, { groupId: 'g', topics: [{ name: 't', partitions }] });
      const { results } = client.ask('deleteGroups', version, {
        groupsNames: ['busy', 'g', 'none', 'g'],
      });
      assert.deepEqual(
        results.map(({ groupId, errorCode }) => [groupId, errorCode]),
        [
          ['busy', kafkaErrors.nonEmptyGroup],
          ['g', 0],
          ['none', kafkaErrors.groupIdNotFound],
        ],
      );
      const { groups } = client.ask('listGroups', 5, everything);
      assert.deepEqual(
        groups.map(({ groupId }) => groupId),
        ['busy'],
      );
      const fetched = client.ask('offsetFetch', 9, { groups: [{ groupId: 'g', topics: null }] });
      assert.deepEqual(fetched.groups[0]?.topics, []);
    }
  });
});

describe('the topic of committed offsets', () => {
  it('is there when there is a group, is internal and takes no records', () => {
    const bench = groupBench();
    const client = bench.connect();
    const internal = () => {
      const { topics } = client.ask('metadata', 12, { topics: null });
      return topics.filter(({ isInternal }) => isInternal).map(({ name }) => name);
    };
    assert.deepEqual(internal(), []);
    new TestMember(bench).join();
    assert.deepEqual(internal(), ['__consumer_offsets']);
    const { errorCode } = client.produce('__consumer_offsets', new Uint8Array([1]));
    assert.equal(errorCode, kafkaErrors.invalidTopicException);
  });
});
