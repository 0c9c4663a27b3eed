import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apis } from './api-keys.ts';
import { kafkaErrors } from './error-codes.ts';
import {
  batchOf,
  concatBytes,
  fetchDraft,
  KafkaBench,
  recordsIn,
  type TestClient,
} from './kafka.fixture.ts';
import type { DecodedOf } from './schema.ts';
import type { fetchResponse } from './schemas/fetch.ts';

const nobody = { clientSoftwareName: 'a', clientSoftwareVersion: 'b' };

function started() {
  const bench = new KafkaBench();
  const topic = bench.topic('t');
  return { bench, topic, client: bench.connect() };
}

function idsOf(client: TestClient): number[] {
  return client.answers().map(({ correlationId }) => correlationId);
}

/** A frame of these bytes with its length before it. */
function framed(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + bytes.length);
  new DataView(frame.buffer).setInt32(0, bytes.length);
  frame.set(bytes, 4);
  return frame;
}

/** A request of every API in its last version, as far as it changes nothing. */
function everyRequest(client: TestClient, topicId: string): Uint8Array[] {
  const partitions = [{ partitionIndex: 0, timestamp: 0 }];
  return [
    client.frame('apiVersions', 4, nobody),
    client.frame('metadata', 13, { topics: [{ name: 't' }] }),
    client.frame('produce', 12, client.produceDraft('t', batchOf(['value']))),
    client.frame('fetch', 12, fetchDraft([['t', 0, 0]], { sessionEpoch: 0 })),
    client.frame(
      'fetch',
      18,
      fetchDraft([[topicId, 0, 0]], { version: 18, forgotten: [[topicId, 0]] }),
    ),
    client.frame('listOffsets', 11, { replicaId: -1, topics: [{ name: 't', partitions }] }),
    client.frame('createTopics', 7, {
      topics: [
        {
          name: 't',
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name: 'retention.ms', value: '1' }],
        },
      ],
    }),
    client.frame('deleteTopics', 6, {
      topics: [{ name: 'none', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
      timeoutMs: 1,
    }),
    client.frame('initProducerId', 5, { transactionalId: null, transactionTimeoutMs: 1 }),
    client.frame('offsetForLeaderEpoch', 4, {
      topics: [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 1 }] }],
    }),
    client.frame('describeCluster', 2, { includeClusterAuthorizedOperations: true }),
    ...groupRequests(client, topicId),
    ...configRequests(client),
    ...adminRequests(client),
  ];
}

function groupRequests(client: TestClient, topicId: string): Uint8Array[] {
  const member = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: 'i' };
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'note' }];
  const topics = [{ topicId, partitionIndexes: [0] }];
  const bytes = Uint8Array.of(0, 1);
  return [
    client.frame('findCoordinator', 6, { keyType: 0, coordinatorKeys: ['g'] }),
    client.frame('offsetCommit', 10, { ...member, topics: [{ topicId, partitions }] }),
    client.frame('offsetFetch', 10, { groups: [{ groupId: 'g', topics }] }),
    client.frame('joinGroup', 9, {
      ...member,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: bytes }],
      reason: 'why',
    }),
    client.frame('heartbeat', 4, member),
    client.frame('leaveGroup', 5, {
      groupId: 'g',
      members: [{ memberId: 'm', groupInstanceId: 'i', reason: 'why' }],
    }),
    client.frame('syncGroup', 5, {
      ...member,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId: 'm', assignment: bytes }],
    }),
    client.frame('describeGroups', 6, { groups: ['g'], includeAuthorizedOperations: true }),
    client.frame('listGroups', 5, { statesFilter: ['Stable'], typesFilter: ['classic'] }),
    client.frame('deleteGroups', 2, { groupsNames: ['g'] }),
    client.frame('offsetDelete', 0, {
      groupId: 'g',
      topics: [{ name: 't', partitions: [{ partitionIndex: 0 }] }],
    }),
  ];
}

function configRequests(client: TestClient): Uint8Array[] {
  const topic = { resourceType: 2, resourceName: 't' };
  const config = { name: 'cleanup.policy', value: 'delete' };
  return [
    client.frame('describeConfigs', 4, {
      resources: [
        { ...topic, configurationKeys: ['cleanup.policy'] },
        { resourceType: 4, resourceName: '1', configurationKeys: null },
      ],
      includeSynonyms: true,
      includeDocumentation: true,
    }),
    client.frame('alterConfigs', 2, {
      resources: [{ ...topic, configs: [config] }],
      validateOnly: false,
    }),
    client.frame('incrementalAlterConfigs', 1, {
      resources: [{ ...topic, configs: [{ ...config, configOperation: 2 }] }],
      validateOnly: false,
    }),
    client.frame('listConfigResources', 1, { resourceTypes: [2, 4] }),
  ];
}

function adminRequests(client: TestClient): Uint8Array[] {
  const filter = {
    resourceTypeFilter: 1,
    resourceNameFilter: 't',
    patternTypeFilter: 3,
    principalFilter: 'User:a',
    hostFilter: '*',
    operation: 1,
    permissionType: 1,
  };
  const acl = {
    resourceType: 2,
    resourceName: 't',
    resourcePatternType: 3,
    principal: 'User:a',
    host: '*',
    operation: 3,
    permissionType: 3,
  };
  return [
    client.frame('deleteRecords', 2, {
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0 }] }],
      timeoutMs: 1,
    }),
    client.frame('describeAcls', 3, filter),
    client.frame('createAcls', 3, { creations: [acl] }),
    client.frame('deleteAcls', 3, { filters: [filter] }),
    client.frame('describeLogDirs', 5, { topics: [{ topic: 't', partitions: [0] }] }),
    client.frame('createPartitions', 3, {
      topics: [{ name: 't', count: 2, assignments: [{ brokerIds: [1] }] }],
      timeoutMs: 1,
      validateOnly: true,
    }),
    client.frame('listPartitionReassignments', 0, {
      topics: [{ name: 't', partitionIndexes: [0] }],
    }),
    client.frame('describeClientQuotas', 1, {
      components: [{ entityType: 'user', matchType: 0, match: 'a' }],
      strict: true,
    }),
    client.frame('describeTopicPartitions', 0, {
      topics: [{ name: 't' }],
      cursor: { topicName: 't', partitionIndex: 0 },
    }),
  ];
}

describe('a Kafka connection', () => {
  it('answers in the order of requests, and nothing before a commit that comes first', () => {
    const { bench, client } = started();
    bench.gate.isShut = true;
    const ids = [
      client.send('metadata', 9, { topics: [] }),
      client.send('produce', 9, client.produceDraft('t', batchOf(['a']))),
      client.send('apiVersions', 0, nobody),
      client.send('fetch', 12, fetchDraft([['t', 0, 0]])),
      client.send('produce', 9, client.produceDraft('t', batchOf(['b']))),
    ];
    bench.settle();
    assert.deepEqual(idsOf(client), ids.slice(0, 1));
    bench.gate.open();
    bench.settle();
    assert.deepEqual(idsOf(client), ids.slice(1));
  });

  it('streams records between answers, however large, in the order of requests', () => {
    const { bench, client } = started();
    const values = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(20_000));
    for (const value of values)
      client.send('produce', 9, client.produceDraft('t', batchOf([value])));
    bench.settle();
    client.answers();
    const ids = [0, 10, 19].map((offset) =>
      client.send('fetch', 12, fetchDraft([['t', 0, offset]])),
    );
    ids.push(client.send('metadata', 9, { topics: [] }));
    bench.settle();
    const answers = client.answers();
    assert.deepEqual(
      answers.map(({ correlationId }) => correlationId),
      ids,
    );
    const second = answers[1]?.body as DecodedOf<typeof fetchResponse> | undefined;
    const records = second?.responses[0]?.partitions[0]?.records ?? null;
    assert.deepEqual(
      recordsIn(records),
      values.slice(10).map((value, i) => `${i + 10}:${value}`),
    );
  });

  it('understands requests however they are cut into pieces', () => {
    const { bench, topic, client } = started();
    const frames = everyRequest(client, topic.uuidText);
    for (const byte of concatBytes(...frames)) client.socket.receive(Uint8Array.of(byte));
    bench.settle();
    assert.equal(client.answers().length, frames.length);
    assert.equal(client.isClosed, false);
  });

  it('handles every API that it advertises', () => {
    const { topic, client } = started();
    const frames = everyRequest(client, topic.uuidText);
    const keys = new Set(frames.map((frame) => new DataView(frame.buffer).getInt16(4)));
    assert.deepEqual(
      [...keys].sort((a, b) => a - b),
      apis.map(({ key }) => key),
    );
  });

  it('closes for an API, a version or a length that is not served', () => {
    for (const bytes of [
      framed(Uint8Array.of(0, 4, 0, 0, 0, 0, 0, 1, 0, 0)),
      framed(Uint8Array.of(0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0, 0)),
      framed(Uint8Array.of(0xff, 0xff, 0, 0, 0, 0, 0, 1, 0, 0)),
      framed(Uint8Array.of(0, 3, 0, 99, 0, 0, 0, 1, 0, 0)),
      framed(Uint8Array.of(0, 1, 0, 3, 0, 0, 0, 1, 0, 0)),
      Uint8Array.of(0, 0, 0, 0),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff),
      Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0, 0),
      Uint8Array.of(0x02, 0, 0, 0, 0, 3),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    ]) {
      const { bench, client } = started();
      client.socket.receive(bytes);
      bench.settle();
      assert.equal(client.isClosed, true, Buffer.from(bytes).toString('hex'));
      assert.deepEqual(client.answers(), []);
    }
  });

  it('closes for text that is not UTF-8, and for more elements than anybody means', () => {
    const { bench, client } = started();
    const frame = client.frame('metadata', 1, { topics: [{ name: 'abc' }] });
    frame[frame.length - 1] = 0xff;
    client.socket.receive(frame);
    bench.settle();
    assert.equal(client.isClosed, true);

    const other = bench.connect();
    const topics = new Array(600_000).fill({ name: '' });
    other.socket.receive(other.frame('metadata', 9, { topics }));
    bench.settle();
    assert.equal(other.isClosed, true);

    const third = bench.connect();
    const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 0 };
    const wide = { topic: 't', partitions: new Array(600_000).fill(partition) };
    third.socket.receive(third.frame('fetch', 4, { ...fetchDraft([]), topics: [wide] }));
    bench.settle();
    assert.equal(third.isClosed, true);

    const fourth = bench.connect();
    const empty = {
      name: 't',
      partitionData: new Array(600_000).fill({ index: 0, records: null }),
    };
    const draft = { ...fourth.produceDraft('t', null), topicData: [empty] };
    fourth.socket.receive(fourth.frame('produce', 3, draft));
    bench.settle();
    assert.equal(fourth.isClosed, true);
  });

  it('answers what came before a violation no more, and does nothing of what comes after it', () => {
    const { bench, client } = started();
    const good = client.frame('produce', 9, client.produceDraft('t', batchOf(['a'])));
    client.socket.receive(concatBytes(good, framed(new Uint8Array(8).fill(0xff)), good));
    bench.settle();
    assert.equal(client.isClosed, true);
    assert.equal(bench.connect().produce('t', batchOf(['b'])).baseOffset, 1);
  });

  it('does nothing of a produce request that is malformed at its end', () => {
    const { bench, client } = started();
    const frame = client.frame('produce', 9, client.produceDraft('t', batchOf(['a'])));
    frame[frame.length - 1] = 0x7f;
    client.socket.receive(frame);
    bench.settle();
    assert.equal(client.isClosed, true);
    assert.equal(bench.connect().produce('t', batchOf(['b'])).baseOffset, 0);
  });

  it('survives every request cut short or damaged at every byte', () => {
    const { bench, topic, client } = started();
    const frames = everyRequest(client, topic.uuidText);
    for (const frame of frames) {
      for (let at = 4; at < frame.length; at++) {
        const cut = framed(frame.subarray(4, at));
        const damaged = frame.slice();
        damaged[at] = (damaged[at] ?? 0) ^ 0xff;
        for (const bytes of [cut, damaged]) {
          const hostile = bench.connect();
          hostile.socket.receive(bytes);
          bench.settle();
          hostile.socket.close();
          bench.settle();
        }
      }
    }
    bench.assertUnwatched('t');
    assert.equal(bench.server.connectionCount, 1);
    const { errorCode } = bench.connect().produce('t', batchOf(['alive']));
    assert.equal(errorCode, kafkaErrors.none);
  });
});

describe('a Kafka connection that ends', () => {
  const waiting = { maxWaitMs: 100_000 };

  it('lets go of its waiting fetch', () => {
    const { bench, client } = started();
    client.send('fetch', 12, fetchDraft([['t', 0, 0]], { ...waiting, sessionEpoch: 0 }));
    bench.settle();
    assert.ok(bench.broker.topic('t')?.partitions[0]?.watchers);
    client.socket.close();
    bench.assertUnwatched('t');
    bench.connect().produce('t', batchOf(['a']));
    bench.advance(200_000);
    assert.equal(bench.server.connectionCount, 1);
    assert.deepEqual(client.answers(), []);
  });

  it('lets go of its waiting fetch in the tick that would have answered it', () => {
    const { bench, client } = started();
    client.send('fetch', 12, fetchDraft([['t', 0, 0]], waiting));
    bench.settle();
    const producer = bench.connect();
    producer.send('produce', 9, producer.produceDraft('t', batchOf(['a'])));
    // Told after the waiting fetch was woken, and before it looks.
    bench.broker.commits.onCommit(() => client.socket.close());
    bench.settle();
    assert.equal(producer.answers().length, 1);
    bench.assertUnwatched('t');
    assert.deepEqual(client.answers(), []);
  });

  it('gets one answer when it ends its side in the tick that would have answered it', () => {
    const { bench, client } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], waiting));
    bench.settle();
    bench.broker.commits.onCommit(() => client.socket.sink?.onEnd());
    bench.connect().produce('t', batchOf(['a']));
    assert.deepEqual(idsOf(client), [id]);
  });

  it('gets the answer of its waiting fetch at once when it has sent its last byte', () => {
    const { bench, client } = started();
    const ids = [0, 0].map((offset) =>
      client.send('fetch', 12, fetchDraft([['t', 0, offset]], waiting)),
    );
    bench.settle();
    client.socket.sink?.onEnd();
    bench.settle();
    assert.deepEqual(idsOf(client), ids);
    assert.equal(client.socket.hasEnded, true);
    bench.assertUnwatched('t');
  });

  it('gets the answer of its waiting fetch when the broker shuts down', () => {
    const { bench, client } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], waiting));
    bench.settle();
    let isClosed = false;
    bench.server.close(5000, () => {
      isClosed = true;
    });
    bench.settle();
    assert.deepEqual(idsOf(client), [id]);
    assert.equal(client.socket.hasEnded, true);
    client.socket.close();
    bench.settle();
    assert.equal(isClosed, true);
  });

  it('leaves a look-up that is under way alone', () => {
    const { bench, client } = started();
    bench.topic('wide', {}, 200);
    const partitions = Array.from({ length: 200 }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: 0,
    }));
    client.send('listOffsets', 11, { replicaId: -1, topics: [{ name: 'wide', partitions }] });
    client.socket.close();
    bench.settle();
    assert.deepEqual(client.answers(), []);
    assert.equal(bench.server.connectionCount, 0);
  });

  it('gives back the segments of an answer that it did not take', () => {
    const { bench, client } = started();
    const large = batchOf(['x'.repeat(500_000)]);
    for (let i = 0; i < 4; i++) client.produce('t', large);
    client.socket.room = 1000;
    client.send(
      'fetch',
      12,
      fetchDraft([['t', 0, 0]], { maxBytes: 10_000_000, partitionMaxBytes: 10_000_000 }),
    );
    bench.settle();
    assert.equal(client.socket.isBlocked, true);
    client.socket.close();
    bench.settle();
    const topic = bench.broker.topic('t');
    assert.ok(topic);
    bench.broker.deleteTopic(topic);
    bench.settle();
    bench.bench.close(bench.broker);
  });
});

describe('a broker that fails', () => {
  function broken() {
    const { bench, client } = started();
    client.produce('t', batchOf(['a']));
    return { bench, client, waiter: bench.connect() };
  }

  it('acknowledges nothing that it could not store', () => {
    const { bench, client } = broken();
    bench.bench.breakDisk();
    client.send('produce', 9, client.produceDraft('t', batchOf(['b'])));
    bench.settle();
    assert.ok(bench.broker.fault);
    assert.deepEqual(client.answers(), []);
    assert.deepEqual(bench.failures, []);
  });

  it('sends away who asks it again, and answers a waiting fetch in its time', () => {
    const { bench, client, waiter } = broken();
    const id = waiter.send('fetch', 12, fetchDraft([['t', 0, 1]], { maxWaitMs: 500 }));
    bench.settle();
    bench.bench.breakDisk();
    client.send('produce', 9, client.produceDraft('t', batchOf(['b'])));
    bench.settle();
    bench.advance(500);
    const { responses } = waiter.answer<'fetch'>(id);
    assert.equal(responses[0]?.partitions[0]?.errorCode, kafkaErrors.notLeaderOrFollower);
    const fresh = bench.connect();
    const { errorCode } = fresh.fetch('t', 0, { maxWaitMs: 500 });
    assert.equal(errorCode, kafkaErrors.notLeaderOrFollower);
    const made = fresh.call('initProducerId', 5, {
      transactionalId: null,
      transactionTimeoutMs: 1,
    });
    assert.equal(made.errorCode, kafkaErrors.notLeaderOrFollower);
  });

  it('cuts its connections and leaves nothing behind', () => {
    const { bench, client, waiter } = broken();
    waiter.send('fetch', 12, fetchDraft([['t', 0, 1]], { maxWaitMs: 500 }));
    bench.bench.breakDisk();
    client.send('produce', 9, client.produceDraft('t', batchOf(['b'])));
    bench.settle();
    bench.server.close(0, () => {});
    for (const each of [client, waiter]) {
      assert.equal(each.socket.isDestroyed, true);
      each.socket.close();
    }
    bench.settle();
    bench.assertUnwatched('t');
    assert.equal(bench.server.connectionCount, 0);
  });

  it('that drains publishes no more, and sends producers elsewhere', () => {
    const { bench, client } = started();
    client.produce('t', batchOf(['a']));
    bench.broker.drain();
    const { errorCode } = client.produce('t', batchOf(['b']));
    assert.equal(errorCode, kafkaErrors.notLeaderOrFollower);
    assert.deepEqual(recordsIn(client.fetch('t', 0).records), ['0:a']);
  });
});
