import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topicOptionTable } from '../../../broker/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { batchOf, KafkaBench, type TestClient } from '../kafka.fixture.ts';
import { zeroUuid } from '../schema.ts';

interface Wanted {
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly assignments?: readonly { partitionIndex: number; brokerIds: readonly number[] }[];
  readonly configs?: readonly { readonly name: string; readonly value: string | null }[];
}

function started(options: ConstructorParameters<typeof KafkaBench>[0] = {}) {
  const bench = new KafkaBench(options);
  return { bench, client: bench.connect() };
}

function wanted(name: string, extra: Wanted = {}) {
  const { numPartitions = -1, replicationFactor = -1, assignments = [], configs = [] } = extra;
  return { name, numPartitions, replicationFactor, assignments, configs };
}

function create(client: TestClient, name: string, extra: Wanted = {}, validateOnly = false) {
  const topics = [wanted(name, extra)];
  const [row] = client.call('createTopics', 7, { topics, validateOnly }).topics;
  assert.ok(row);
  return row;
}

describe('CreateTopics', () => {
  it('makes topics in every version, and says what they have become', () => {
    const { bench, client } = started({ defaultPartitions: 3 });
    for (let version = 0; version <= 7; version++) {
      const name = `v${version}`;
      const { topics } = client.call('createTopics', version, { topics: [wanted(name)] });
      const [row] = topics;
      assert.equal(row?.errorCode, kafkaErrors.none, name);
      assert.equal(row?.name, name);
      assert.equal(bench.broker.topic(name)?.partitions.length, 3);
      const [numPartitions, replicationFactor] = version >= 5 ? [3, 1] : [-1, -1];
      assert.equal(row?.numPartitions, numPartitions);
      assert.equal(row?.replicationFactor, replicationFactor);
      const uuid = version >= 7 ? bench.broker.topic(name)?.uuidText : zeroUuid;
      assert.equal(row?.topicId, uuid);
    }
  });

  it('says that a topic exists only when that is committed, for who made it and for who is late', () => {
    const { bench, client } = started();
    const late = bench.connect();
    bench.gate.isShut = true;
    client.send('createTopics', 7, { topics: [wanted('t')] });
    late.send('createTopics', 7, { topics: [wanted('t')] });
    bench.settle();
    assert.deepEqual([...client.answers(), ...late.answers()], []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
    const [answer] = late.answers();
    assert.match(JSON.stringify(answer), /"errorCode":36/);
  });

  it('lists every option with its value and where that comes from', () => {
    const { client } = started({ topicDefaults: new Map([['retention.bytes', '5000']]) });
    const { configs } = create(client, 't', { configs: [{ name: 'retention.ms', value: '1000' }] });
    assert.ok(configs);
    assert.equal(configs.length, topicOptionTable.length);
    const found = (name: string) => {
      const config = configs.find((each) => each.name === name);
      return [config?.value, config?.configSource];
    };
    assert.deepEqual(found('retention.ms'), ['1000', 1]);
    assert.deepEqual(found('retention.bytes'), ['5000', 4]);
    assert.deepEqual(found('min.insync.replicas'), ['1', 5]);
    assert.deepEqual(found('cleanup.policy'), ['delete', 5]);
  });

  it('refuses names, counts and options that are not allowed', () => {
    const { bench, client } = started();
    bench.topic('there.is');
    const long = 'z'.repeat(30_000);
    const refused: readonly (readonly [number, string, Wanted?])[] = [
      [kafkaErrors.invalidTopicException, ''],
      [kafkaErrors.invalidTopicException, '..'],
      [kafkaErrors.invalidTopicException, 'a/b'],
      [kafkaErrors.invalidTopicException, long],
      [kafkaErrors.invalidTopicException, 'there_is'],
      [kafkaErrors.topicAlreadyExists, 'there.is'],
      [kafkaErrors.invalidPartitions, 't', { numPartitions: 0 }],
      [kafkaErrors.invalidPartitions, 't', { numPartitions: -2 }],
      [kafkaErrors.invalidPartitions, 't', { numPartitions: 5000 }],
      [kafkaErrors.policyViolation, 't', { numPartitions: 0x7fff_ffff }],
      [kafkaErrors.invalidReplicationFactor, 't', { replicationFactor: -2 }],
      [kafkaErrors.invalidReplicationFactor, 't', { replicationFactor: 0 }],
      [kafkaErrors.invalidConfig, 't', { configs: [{ name: 'no.such', value: '1' }] }],
      [kafkaErrors.invalidConfig, 't', { configs: [{ name: 'retention.ms', value: 'x' }] }],
      [kafkaErrors.invalidConfig, 't', { configs: [{ name: 'retention.ms', value: null }] }],
      [kafkaErrors.invalidConfig, 't', { configs: [{ name: long, value: long }] }],
      [kafkaErrors.invalidConfig, 't', { configs: [{ name: long, value: null }] }],
      [kafkaErrors.invalidConfig, 't', { configs: [{ name: 'cleanup.policy', value: long }] }],
    ];
    for (const [code, name, extra] of refused) {
      const row = create(client, name, extra);
      assert.equal(row.errorCode, code, `${name.slice(0, 20)} ${JSON.stringify(extra)}`);
      assert.equal(row.topicId, zeroUuid);
      assert.ok(row.errorMessage !== null && row.errorMessage.length < 2000);
    }
    const { errorMessage } = create(client, 'there.is');
    assert.equal(errorMessage, 'A topic of this name already exists. (there.is)', 'tools print it');
    assert.equal(bench.broker.topicCount, 1);
  });

  it('says how many replicas a topic has, which are not more than there are nodes', () => {
    const { client } = started();
    assert.equal(create(client, 'a', { replicationFactor: 3 }).replicationFactor, 1);
    const strict = started({ refusesExcessReplicas: true });
    const row = create(strict.client, 'a', { replicationFactor: 3 });
    assert.equal(row.errorCode, kafkaErrors.invalidReplicationFactor);
    assert.equal(strict.bench.broker.topicCount, 0);
  });

  it('takes replicas given by hand, if they are all here', () => {
    const { bench, client } = started();
    const assigned = (...brokers: readonly (readonly number[])[]) =>
      brokers.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
    const wrong = kafkaErrors.invalidReplicaAssignment;
    for (const assignments of [
      assigned([2]),
      assigned([1], [1, 2]),
      assigned([]),
      assigned([1, 1]),
      [{ partitionIndex: 1, brokerIds: [1] }],
      [
        { partitionIndex: 0, brokerIds: [1] },
        { partitionIndex: 0, brokerIds: [1] },
      ],
    ]) {
      assert.equal(create(client, 't', { assignments }).errorCode, wrong);
    }
    const assignments = assigned([1], [1], [1]);
    for (const extra of [{ numPartitions: 3 }, { replicationFactor: 1 }]) {
      const { errorCode } = create(client, 't', { assignments, ...extra });
      assert.equal(errorCode, kafkaErrors.invalidRequest);
    }
    assert.equal(create(client, 't', { assignments }).numPartitions, 3);
    assert.equal(bench.broker.topic('t')?.partitions.length, 3);
  });

  it('only looks whether it could, where that is asked', () => {
    const { bench, client } = started();
    const row = create(client, 't', { numPartitions: 2 }, true);
    assert.deepEqual([row.errorCode, row.numPartitions], [kafkaErrors.none, 2]);
    const { errorCode } = create(client, '..', {}, true);
    assert.equal(errorCode, kafkaErrors.invalidTopicException);
    assert.equal(bench.broker.topicCount, 0);
  });

  it('makes each topic on its own, and none that is named twice', () => {
    const { bench, client } = started();
    const { topics } = client.call('createTopics', 7, {
      topics: [wanted('a'), wanted('b'), wanted('..'), wanted('b'), wanted('c')],
    });
    assert.deepEqual(
      topics.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['a', 0],
        ['b', kafkaErrors.invalidRequest],
        ['..', kafkaErrors.invalidTopicException],
        ['c', 0],
      ],
    );
    assert.equal(bench.broker.topicCount, 2);
  });

  it('makes or looks at no more than ten thousand partitions at once', () => {
    const { client } = started();
    const many = Array.from({ length: 6 }, (_, i) => wanted(`t${i}`, { numPartitions: 2000 }));
    const { topics } = client.call('createTopics', 7, { topics: many, validateOnly: true });
    const codes = topics.map(({ errorCode }) => errorCode);
    assert.deepEqual(codes, [0, 0, 0, 0, 0, kafkaErrors.policyViolation]);
  });
});

describe('DeleteTopics', () => {
  it('deletes by name in every version', () => {
    const { bench, client } = started();
    for (let version = 0; version <= 6; version++) {
      const { uuidText } = bench.topic('t');
      const byName =
        version >= 6
          ? { topics: [{ name: 't' as string | null, topicId: zeroUuid }] }
          : { topicNames: ['t'] };
      const { responses } = client.call('deleteTopics', version, { ...byName, timeoutMs: 1 });
      const [row] = responses;
      assert.deepEqual([row?.name, row?.errorCode], ['t', kafkaErrors.none], `v${version}`);
      assert.equal(row?.topicId, version >= 6 ? uuidText : zeroUuid);
      assert.equal(bench.broker.topic('t'), undefined);
      assert.equal(client.fetch('t', 0).errorCode, kafkaErrors.unknownTopicOrPartition);
    }
  });

  it('deletes by id, and not a topic made anew under the same name [KIP-516]', () => {
    const { bench, client } = started();
    const first = bench.topic('t').uuidText;
    const remove = (topicId: string) =>
      client.call('deleteTopics', 6, { topics: [{ name: null, topicId }], timeoutMs: 1 })
        .responses[0];
    const row = remove(first);
    assert.deepEqual([row?.name, row?.topicId, row?.errorCode], ['t', first, kafkaErrors.none]);
    bench.topic('t');
    const again = remove(first);
    assert.deepEqual([again?.name, again?.errorCode], [null, kafkaErrors.unknownTopicId]);
    assert.ok(bench.broker.topic('t'));
  });

  it('refuses a name together with an id, neither of both, and anything twice', () => {
    const { bench, client } = started();
    const { uuidText } = bench.topic('t');
    const other = bench.topic('u').uuidText;
    const { responses } = client.call('deleteTopics', 6, {
      topics: [
        { name: 't', topicId: uuidText },
        { name: null, topicId: zeroUuid },
        { name: 'absent', topicId: zeroUuid },
        { name: 't', topicId: zeroUuid },
        { name: 't', topicId: zeroUuid },
        { name: null, topicId: other },
        { name: null, topicId: other },
      ],
      timeoutMs: 1,
    });
    assert.deepEqual(
      responses.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['t', kafkaErrors.invalidRequest],
        [null, kafkaErrors.invalidRequest],
        ['absent', kafkaErrors.unknownTopicOrPartition],
        ['t', kafkaErrors.invalidRequest],
        [null, kafkaErrors.invalidRequest],
      ],
    );
    assert.equal(bench.broker.topicCount, 2);
  });

  it('says that a topic is gone only when that is committed, for who deleted it and for who is late', () => {
    const { bench, client } = started();
    bench.topic('t');
    const late = bench.connect();
    bench.gate.isShut = true;
    for (const each of [client, late])
      each.send('deleteTopics', 5, { topicNames: ['t'], timeoutMs: 1 });
    bench.settle();
    assert.deepEqual([...client.answers(), ...late.answers()], []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
    assert.match(JSON.stringify(late.answers()), /"errorCode":3/);
  });

  it('takes the records with the topic', () => {
    const { bench, client } = started();
    bench.topic('t');
    client.produce('t', batchOf(['old']));
    client.call('deleteTopics', 5, { topicNames: ['t'], timeoutMs: 1 });
    bench.topic('t');
    const { highWatermark, logStartOffset } = client.fetch('t', 0);
    assert.deepEqual([highWatermark, logStartOffset], [0, 0]);
  });
});
