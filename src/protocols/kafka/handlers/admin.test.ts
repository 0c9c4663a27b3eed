import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topicOperations } from '../authorized-operations.ts';
import { configResources } from '../config-entry.ts';
import { kafkaErrors } from '../error-codes.ts';
import { batchOf, KafkaBench, recordsIn, type TestClient } from '../kafka.fixture.ts';
import { zeroUuid } from '../schema.ts';

function started(options: ConstructorParameters<typeof KafkaBench>[0] = {}) {
  const bench = new KafkaBench(options);
  return { bench, client: bench.connect() };
}

describe('DeleteRecords', () => {
  type Asked = readonly [topic: string, partition: number, offset: number];

  /** Rows as topic, partition, low watermark, error. */
  function remove(client: TestClient, asked: readonly Asked[], version = 2) {
    const { topics } = client.call('deleteRecords', version, {
      topics: asked.map(([name, partitionIndex, offset]) => {
        return { name, partitions: [{ partitionIndex, offset }] };
      }),
      timeoutMs: 1000,
    });
    return topics.flatMap(({ name, partitions }) =>
      partitions.map((row) => [name, row.partitionIndex, row.lowWatermark, row.errorCode]),
    );
  }

  it('moves the start up to an offset, and never back, in every version', () => {
    const { bench, client } = started();
    bench.topic('t');
    client.produce('t', batchOf(['a', 'b', 'c', 'd', 'e']));
    for (let version = 0; version <= 2; version++) {
      const offset = version + 1;
      assert.deepEqual(remove(client, [['t', 0, offset]], version), [['t', 0, offset, 0]]);
      assert.deepEqual(remove(client, [['t', 0, 0]], version), [['t', 0, offset, 0]]);
    }
    assert.equal(client.fetch('t', 2).errorCode, kafkaErrors.offsetOutOfRange);
    assert.deepEqual(recordsIn(client.fetch('t', 3).records).slice(-2), ['3:d', '4:e']);
    assert.deepEqual(remove(client, [['t', 0, -1]]), [['t', 0, 5, 0]], 'all there are');
    assert.equal(bench.broker.topic('t')?.partitions[0]?.logStart, 5);
  });

  it('answers for each partition on its own, once', () => {
    const { bench, client } = started();
    bench.topic('t', {}, 2);
    bench.topic('state', { 'cleanup.policy': 'compact' });
    bench.topic('kept', { 'cleanup.policy': '' });
    bench.topic('__consumer_offsets');
    client.produce('t', batchOf(['a', 'b', 'c']));
    const rows = remove(client, [
      ['t', 0, 4],
      ['t', 1, 1],
      ['t', 2, 0],
      ['t', -1, 0],
      ['absent', 0, 0],
      ['state', 0, 0],
      ['kept', 0, 0],
      ['__consumer_offsets', 0, 0],
      ['t', 0, 2],
      ['t', 1, -2],
    ]);
    assert.deepEqual(rows, [
      ['t', 0, 2, 0],
      ['t', 1, -1, kafkaErrors.offsetOutOfRange],
      ['t', 2, -1, kafkaErrors.unknownTopicOrPartition],
      ['t', -1, -1, kafkaErrors.unknownTopicOrPartition],
      ['absent', 0, -1, kafkaErrors.unknownTopicOrPartition],
      ['state', 0, -1, kafkaErrors.policyViolation],
      ['kept', 0, 0, 0],
      ['__consumer_offsets', 0, -1, kafkaErrors.invalidTopicException],
    ]);
  });

  it('is answered when it is committed, and survives a crash', () => {
    const { bench, client } = started();
    bench.topic('t');
    client.produce('t', batchOf(['a', 'b', 'c']));
    bench.gate.isShut = true;
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, offset: 2 }] }];
    client.send('deleteRecords', 2, { topics, timeoutMs: 1 });
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
    bench.restart();
    assert.equal(bench.broker.topic('t')?.partitions[0]?.logStart, 2);
  });
});

describe('CreatePartitions', () => {
  interface Wanted {
    readonly name: string;
    readonly count: number;
    readonly assignments?: readonly (readonly number[])[];
  }

  function grow(client: TestClient, wanted: readonly Wanted[], validateOnly = false, version = 3) {
    const topics = wanted.map(({ name, count, assignments = null }) => {
      const given = assignments?.map((brokerIds) => ({ brokerIds })) ?? null;
      return { name, count, assignments: given };
    });
    const draft = { topics, timeoutMs: 1000, validateOnly };
    return client.call('createPartitions', version, draft).results;
  }

  function growOne(client: TestClient, wanted: Wanted): number {
    const [row, ...others] = grow(client, [wanted]);
    assert.ok(row);
    assert.equal(others.length, 0);
    return row.errorCode;
  }

  it('adds partitions that can be written to, in every version', () => {
    const { bench, client } = started();
    const topic = bench.topic('t');
    for (let version = 0; version <= 3; version++) {
      const count = version + 2;
      assert.deepEqual(grow(client, [{ name: 't', count }], false, version), [
        { name: 't', errorCode: kafkaErrors.none, errorMessage: null },
      ]);
      assert.equal(topic.partitions.length, count);
      const { errorCode } = client.produce('t', batchOf(['x']), { partition: count - 1 });
      assert.equal(errorCode, kafkaErrors.none);
    }
  });

  it('says in Kafka’s words that there is nothing to add', () => {
    const { bench, client } = started();
    bench.topic('t', {}, 3);
    const text = (count: number) => grow(client, [{ name: 't', count }])[0]?.errorMessage;
    assert.equal(text(3), 'Topic already has 3 partition(s).');
    const fewer = 'The topic t currently has 3 partition(s); 2 would not be an increase.';
    assert.equal(text(2), fewer);
    for (const count of [3, 2, 0, -1]) {
      assert.equal(growOne(client, { name: 't', count }), kafkaErrors.invalidPartitions);
    }
  });

  it('has a row for every topic, each on its own, none of them named twice', () => {
    const { bench, client } = started();
    for (const name of ['a', 'b', 'c']) bench.topic(name);
    const rows = grow(client, [
      { name: 'a', count: 2 },
      { name: 'b', count: 2 },
      { name: 'absent', count: 2 },
      { name: '..', count: 2 },
      { name: 'b', count: 3 },
      { name: 'c', count: 2 },
    ]);
    assert.deepEqual(
      rows.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['a', 0],
        ['b', kafkaErrors.invalidRequest],
        ['absent', kafkaErrors.unknownTopicOrPartition],
        ['..', kafkaErrors.unknownTopicOrPartition],
        ['c', 0],
      ],
    );
    assert.equal(bench.broker.topic('b')?.partitions.length, 1);
  });

  it('takes replicas given by hand, one list for each that is added, all here', () => {
    const { bench, client } = started();
    const topic = bench.topic('t');
    const refused: readonly (readonly (readonly number[])[])[] = [
      [[1]],
      [[1], [1], [1]],
      [[1], [2]],
      [[1], []],
      [[1], [1, 1]],
      [[1], [1, 2]],
    ];
    for (const assignments of refused) {
      const code = growOne(client, { name: 't', count: 3, assignments });
      assert.equal(code, kafkaErrors.invalidReplicaAssignment, JSON.stringify(assignments));
    }
    assert.equal(topic.partitions.length, 1);
    assert.equal(growOne(client, { name: 't', count: 3, assignments: [[1], [1]] }), 0);
    assert.equal(topic.partitions.length, 3);
  });

  it('only looks whether it could, where that is asked', () => {
    const { bench, client } = started();
    const topic = bench.topic('t');
    assert.equal(grow(client, [{ name: 't', count: 2 }], true)[0]?.errorCode, 0);
    const [row] = grow(client, [{ name: 't', count: 1 }], true);
    assert.equal(row?.errorCode, kafkaErrors.invalidPartitions);
    assert.equal(topic.partitions.length, 1);
  });

  it('adds no more than a topic may have, and than one request may ask for', () => {
    const { bench, client } = started();
    for (const name of ['a', 'b', 'c', 'd']) bench.topic(name);
    assert.equal(growOne(client, { name: 'a', count: 5000 }), kafkaErrors.invalidPartitions);
    assert.equal(growOne(client, { name: 'a', count: 0x7fff_ffff }), kafkaErrors.policyViolation);
    const wanted = ['a', 'b', 'c', 'd'].map((name) => ({ name, count: 3001 }));
    const codes = grow(client, wanted, true).map(({ errorCode }) => errorCode);
    assert.deepEqual(codes, [0, 0, 0, kafkaErrors.policyViolation]);
  });

  it('is answered when the partitions are committed', () => {
    const { bench, client } = started();
    bench.topic('t');
    bench.gate.isShut = true;
    const topics = [{ name: 't', count: 2, assignments: null }];
    client.send('createPartitions', 3, { topics, timeoutMs: 1, validateOnly: false });
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
    bench.restart();
    assert.equal(bench.broker.topic('t')?.partitions.length, 2);
  });
});

describe('DescribeLogDirs', () => {
  it('says what partitions take of how much, in every version', () => {
    const { bench, client } = started({ storagePath: '/data' });
    bench.topic('t', {}, 2);
    bench.topic('u');
    client.produce('t', batchOf(['x'.repeat(1000)]));
    for (let version = 0; version <= 5; version++) {
      const { errorCode, results } = client.call('describeLogDirs', version, { topics: null });
      const [folder, ...others] = results;
      assert.ok(folder);
      assert.equal(others.length, 0);
      assert.deepEqual([errorCode, folder.errorCode, folder.logDir], [0, 0, '/data']);
      assert.deepEqual(
        folder.topics.map(({ name, partitions }) => [name, partitions.length]),
        [
          ['t', 2],
          ['u', 1],
        ],
      );
      const [first, second] = folder.topics[0]?.partitions ?? [];
      assert.ok((first?.partitionSize ?? 0) > 1000);
      assert.deepEqual(second, {
        partitionIndex: 1,
        partitionSize: 0,
        offsetLag: 0,
        isFutureKey: false,
      });
      assert.equal(folder.isCordoned, false);
      if (version < 4) continue;
      assert.ok(folder.usableBytes > 0);
      assert.ok(folder.totalBytes >= folder.usableBytes);
    }
  });

  it('says so where the disk does not say', () => {
    const { bench, client } = started({ storagePath: '/data' });
    bench.topic('t');
    bench.broker.storageSpace = () => null;
    const [folder] = client.call('describeLogDirs', 4, { topics: null }).results;
    assert.equal(folder?.errorCode, kafkaErrors.kafkaStorageError);
    assert.deepEqual([folder.logDir, folder.topics, folder.totalBytes], ['/data', [], -1]);
  });

  it('leaves out what is not asked for, or not there', () => {
    const { bench, client } = started();
    bench.topic('t', {}, 3);
    bench.topic('u');
    const topics = [
      { topic: 't', partitions: [2, 0, 7, -1] },
      { topic: 'absent', partitions: [0] },
      { topic: 'u', partitions: [] },
      { topic: 't', partitions: [2] },
    ];
    const [folder] = client.call('describeLogDirs', 4, { topics }).results;
    assert.deepEqual(
      folder?.topics.map(({ name, partitions }) => [
        name,
        partitions.map(({ partitionIndex }) => partitionIndex),
      ]),
      [['t', [2, 0]]],
    );
  });
});

describe('DescribeTopicPartitions', () => {
  type Cursor = { readonly topicName: string; readonly partitionIndex: number };

  function page(
    client: TestClient,
    names: readonly string[],
    limit = 2000,
    cursor: Cursor | null = null,
  ) {
    return client.call('describeTopicPartitions', 0, {
      topics: names.map((name) => ({ name })),
      responsePartitionLimit: limit,
      cursor,
    });
  }

  it('describes topics by name, sorted, each once', () => {
    const { bench, client } = started();
    const topic = bench.topic('b', {}, 2);
    bench.topic('a');
    const { topics, nextCursor } = page(client, ['b', 'absent', 'a/b', 'b']);
    assert.equal(nextCursor, null);
    assert.deepEqual(
      topics.map(({ name, errorCode, topicId }) => [name, errorCode, topicId]),
      [
        ['a/b', kafkaErrors.invalidTopicException, zeroUuid],
        ['absent', kafkaErrors.unknownTopicOrPartition, zeroUuid],
        ['b', kafkaErrors.none, topic.uuidText],
      ],
    );
    const found = topics[2];
    assert.equal(found?.topicAuthorizedOperations, topicOperations);
    assert.equal(found.isInternal, false);
    assert.deepEqual(found.partitions[1], {
      errorCode: 0,
      partitionIndex: 1,
      leaderId: 1,
      leaderEpoch: bench.broker.leaderEpoch,
      replicaNodes: [1],
      isrNodes: [1],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    });
  });

  it('describes all, page after page, nothing twice and nothing left out', () => {
    const { bench, client } = started();
    const counts = { a: 1, b: 5, c: 2, d: 3 };
    for (const [name, count] of Object.entries(counts)) bench.topic(name, {}, count);
    for (const asked of [[], ['d', 'b', 'c', 'a']]) {
      for (let limit = 1; limit <= 12; limit++) {
        const seen: string[] = [];
        let cursor: Cursor | null = null;
        do {
          const { topics, nextCursor } = page(client, asked, limit, cursor);
          const rows = topics.flatMap(({ name, partitions }) =>
            partitions.map(({ partitionIndex }) => `${name}${partitionIndex}`),
          );
          assert.ok(rows.length > 0 && rows.length <= limit);
          seen.push(...rows);
          cursor = nextCursor;
        } while (cursor !== null);
        const all = Object.entries(counts).flatMap(([name, count]) =>
          Array.from({ length: count }, (_, i) => `${name}${i}`),
        );
        assert.deepEqual(seen, all, `limit ${limit}`);
      }
    }
  });

  it('has at most two thousand partitions in a page, and at least one', () => {
    const { bench, client } = started();
    bench.topic('t', {}, 2001);
    for (const [limit, count] of [
      [0x7fff_ffff, 2000],
      [0, 1],
      [-5, 1],
    ] as const) {
      const { topics, nextCursor } = page(client, [], limit);
      assert.equal(topics[0]?.partitions.length, count);
      assert.deepEqual(nextCursor, { topicName: 't', partitionIndex: count });
    }
  });

  it('refuses a cursor that points nowhere; one past the end finds nothing more', () => {
    const { bench, client } = started();
    bench.topic('a');
    bench.topic('b');
    const elsewhere = page(client, ['a'], 10, { topicName: 'b', partitionIndex: 0 });
    assert.equal(elsewhere.topics[0]?.errorCode, kafkaErrors.invalidRequest);
    const negative = page(client, ['a'], 10, { topicName: 'a', partitionIndex: -1 });
    assert.equal(negative.topics[0]?.errorCode, kafkaErrors.invalidRequest);
    const past = page(client, [], 10, { topicName: 'a', partitionIndex: 9 });
    assert.deepEqual(
      past.topics.map(({ name, partitions }) => [name, partitions.length]),
      [
        ['a', 0],
        ['b', 1],
      ],
    );
    // Deleted since the page before: the next ones follow.
    const deleted = page(client, [], 10, { topicName: 'aa', partitionIndex: 3 });
    assert.deepEqual(
      deleted.topics.map(({ name }) => name),
      ['b'],
    );
  });
});

describe('ListConfigResources', () => {
  it('lists what has settings: topics and this broker', () => {
    const { bench, client } = started();
    bench.topic('t');
    const list = (resourceTypes: readonly number[], version = 1) => {
      const { errorCode, configResources: found } = client.call('listConfigResources', version, {
        resourceTypes,
      });
      assert.equal(errorCode, kafkaErrors.none);
      return found.map(({ resourceName, resourceType }) => [resourceType, resourceName]);
    };
    const { topic, broker, brokerLogger, clientMetrics, group } = configResources;
    const all = [
      [topic, 't'],
      [broker, '1'],
      [brokerLogger, '1'],
    ];
    assert.deepEqual(list([]), all);
    assert.deepEqual(list([topic, topic, clientMetrics]), [[topic, 't']]);
    assert.deepEqual(list([group]), []);
    assert.deepEqual(list([], 0), [], 'version 0 lists client metrics only');
    const unknown = client.call('listConfigResources', 1, { resourceTypes: [topic, 7] });
    assert.equal(unknown.errorCode, kafkaErrors.unsupportedVersion);
    assert.deepEqual(unknown.configResources, []);
  });
});

describe('without users', () => {
  const acl = {
    resourceType: 2,
    resourceName: 't',
    resourcePatternType: 3,
    principal: 'User:a',
    host: '*',
    operation: 3,
    permissionType: 3,
  };
  const filter = {
    resourceTypeFilter: 1,
    resourceNameFilter: null,
    patternTypeFilter: 3,
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  };
  const refusal = [kafkaErrors.securityDisabled, 'No Authorizer is configured on the broker'];

  it('there are no ACLs, which is said in every version as Kafka says it', () => {
    const { client } = started();
    for (let version = 0; version <= 3; version++) {
      const described = client.call('describeAcls', version, filter);
      assert.deepEqual([described.errorCode, described.errorMessage], refusal);
      assert.deepEqual(described.resources, []);
      const { results } = client.call('createAcls', version, { creations: [acl, acl] });
      assert.deepEqual(
        results.map(({ errorCode, errorMessage }) => [errorCode, errorMessage]),
        [refusal, refusal],
      );
      const { filterResults } = client.call('deleteAcls', version, { filters: [filter] });
      const [row] = filterResults;
      assert.deepEqual([row?.errorCode, row?.errorMessage], refusal);
      assert.deepEqual(row?.matchingAcls, []);
    }
  });

  it('there are no quotas, and a filter that makes no sense is refused', () => {
    const { client } = started();
    const quotas = (version: number, ...components: readonly [string, number, string | null][]) =>
      client.call('describeClientQuotas', version, {
        components: components.map(([entityType, matchType, match]) => {
          return { entityType, matchType, match };
        }),
        strict: false,
      });
    for (let version = 0; version <= 1; version++) {
      const { errorCode, entries } = quotas(version, ['user', 0, 'a'], ['client-id', 2, null]);
      assert.deepEqual([errorCode, entries], [kafkaErrors.none, []]);
    }
    assert.deepEqual(quotas(1).entries, []);
    const { invalidRequest, unsupportedVersion } = kafkaErrors;
    assert.equal(quotas(1, ['planet', 0, 'a']).errorCode, unsupportedVersion);
    assert.equal(quotas(1, ['user', 0, null]).errorCode, invalidRequest);
    assert.equal(quotas(1, ['user', 1, 'a']).errorCode, invalidRequest);
    assert.equal(quotas(1, ['user', 3, null]).errorCode, invalidRequest);
    assert.equal(quotas(1, ['user', 0, 'a'], ['user', 0, 'b']).errorCode, invalidRequest);
    assert.equal(quotas(1, ['planet', 0, 'a']).entries, null);
  });

  it('nothing moves from broker to broker', () => {
    const { bench, client } = started();
    bench.topic('t');
    for (const topics of [null, [{ name: 't', partitionIndexes: [0] }]]) {
      const { errorCode, topics: moving } = client.call('listPartitionReassignments', 0, {
        topics,
      });
      assert.deepEqual([errorCode, moving], [kafkaErrors.none, []]);
    }
  });
});
