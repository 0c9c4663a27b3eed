import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../../simulation/random.ts';
import { topicOptionTable } from '../../../broker/index.ts';
import { configResources } from '../config-entry.ts';
import { kafkaErrors } from '../error-codes.ts';
import { KafkaBench, type TestClient } from '../kafka.fixture.ts';

const {
  topic: topicType,
  broker: brokerType,
  brokerLogger,
  clientMetrics,
  group,
} = configResources;
const sources = { topic: 1, staticBroker: 4, default: 5 };
const operations = { set: 0, delete: 1, append: 2, subtract: 3 };

function started(options: ConstructorParameters<typeof KafkaBench>[0] = {}) {
  const bench = new KafkaBench(options);
  return { bench, client: bench.connect() };
}

interface Wishes {
  readonly version?: number;
  readonly keys?: readonly string[] | null;
  readonly synonyms?: boolean;
  readonly docs?: boolean;
}

function describeOne(client: TestClient, type: number, name: string, wishes: Wishes = {}) {
  const { version = 4, keys = null, synonyms = true, docs = false } = wishes;
  const resources = [{ resourceType: type, resourceName: name, configurationKeys: keys }];
  const { results } = client.call('describeConfigs', version, {
    resources,
    includeSynonyms: synonyms,
    includeDocumentation: docs,
  });
  const [row, ...others] = results;
  assert.ok(row);
  assert.equal(others.length, 0);
  assert.deepEqual([row.resourceType, row.resourceName], [type, name]);
  const find = (config: string) => {
    const found = row.configs.find((each) => each.name === config);
    assert.ok(found, `there is a ${config}`);
    return found;
  };
  return { ...row, find };
}

interface Change {
  readonly name: string;
  readonly op?: keyof typeof operations;
  readonly operation?: number;
  readonly value?: string | null;
}

function resource(resourceType: number, resourceName: string, changes: readonly Change[]) {
  const configs = changes.map(({ name, op = 'set', operation, value = '' }) => {
    return { name, configOperation: operation ?? operations[op], value };
  });
  return { resourceType, resourceName, configs };
}

function alter(
  client: TestClient,
  resources: readonly ReturnType<typeof resource>[],
  only = false,
) {
  const draft = { resources, validateOnly: only };
  return client.call('incrementalAlterConfigs', 1, draft).responses;
}

function alterOne(
  client: TestClient,
  type: number,
  name: string,
  ...changes: readonly Change[]
): number {
  const [row] = alter(client, [resource(type, name, changes)]);
  assert.ok(row);
  assert.equal(row.errorCode === kafkaErrors.none, row.errorMessage === null);
  return row.errorCode;
}

describe('DescribeConfigs', () => {
  it('lists every option of a topic in every version', () => {
    const { bench, client } = started();
    bench.topic('t', { 'retention.ms': '1000' });
    for (let version = 0; version <= 4; version++) {
      const { errorCode, configs, find } = describeOne(client, topicType, 't', { version });
      assert.equal(errorCode, kafkaErrors.none);
      assert.equal(configs.length, topicOptionTable.length);
      const own = find('retention.ms');
      const usual = find('cleanup.policy');
      assert.deepEqual([own.value, usual.value], ['1000', 'delete']);
      assert.deepEqual([own.readOnly, own.isSensitive], [false, false]);
      if (version === 0) {
        assert.deepEqual([own.isDefault, usual.isDefault], [false, true]);
      } else {
        assert.deepEqual([own.configSource, usual.configSource], [1, 5]);
      }
      assert.deepEqual([own.configType, usual.configType], version >= 3 ? [5, 7] : [0, 0]);
    }
  });

  it('says what would count instead, down to the default', () => {
    const topicDefaults = new Map([
      ['retention.ms', '2000'],
      ['remote.log.copy.disable', 'true'],
    ]);
    const { bench, client } = started({ topicDefaults });
    bench.topic('t', { 'retention.ms': '1000' });
    const { find } = describeOne(client, topicType, 't');
    assert.deepEqual(find('retention.ms').synonyms, [
      { name: 'retention.ms', value: '1000', source: sources.topic },
      { name: 'log.retention.ms', value: '2000', source: sources.staticBroker },
      { name: 'log.retention.hours', value: '168', source: sources.default },
    ]);
    assert.deepEqual(find('max.message.bytes').synonyms, [
      { name: 'message.max.bytes', value: '1048588', source: sources.default },
    ]);
    const named = find('remote.log.copy.disable');
    assert.deepEqual([named.value, named.configSource], ['true', sources.staticBroker]);
    for (const name of ['segment.ms', 'flush.ms', 'remote.storage.enable']) {
      assert.deepEqual(find(name).synonyms, [], `Kafka names none for ${name}`);
      assert.equal(find(name).configSource, sources.default);
    }
    const silent = describeOne(client, topicType, 't', { synonyms: false });
    assert.deepEqual(silent.find('retention.ms').synonyms, []);
    assert.equal(silent.find('retention.ms').configSource, sources.topic);
  });

  it('spells a value in one way, however it was given', () => {
    const { bench, client } = started();
    bench.topic('t', {
      'retention.ms': ' +5000 ',
      preallocate: 'TRUE',
      'min.cleanable.dirty.ratio': '0.50',
      'cleanup.policy': ' compact , delete,compact',
      'message.timestamp.type': ' CreateTime',
    });
    const { find } = describeOne(client, topicType, 't');
    assert.equal(find('retention.ms').value, '5000');
    assert.equal(find('preallocate').value, 'true');
    assert.equal(find('min.cleanable.dirty.ratio').value, '0.5');
    assert.equal(find('cleanup.policy').value, 'compact,delete');
    assert.equal(find('message.timestamp.type').value, 'CreateTime');
    const ratio = { name: 'min.cleanable.dirty.ratio', value: '1' };
    alterOne(client, topicType, 't', ratio);
    assert.equal(describeOne(client, topicType, 't').find(ratio.name).value, '1.0');
  });

  it('has documentation where it is asked for, and the keys asked for', () => {
    const { bench, client } = started();
    bench.topic('t');
    const all = describeOne(client, topicType, 't', { docs: true });
    assert.ok(all.configs.every(({ documentation }) => (documentation ?? '') !== ''));
    assert.equal(describeOne(client, topicType, 't').find('retention.ms').documentation, null);
    const few = describeOne(client, topicType, 't', { keys: ['retention.ms', 'no.such'] });
    assert.deepEqual(
      few.configs.map(({ name }) => name),
      ['retention.ms'],
    );
    const none = describeOne(client, topicType, 't', { keys: [] });
    assert.equal(none.configs.length, topicOptionTable.length, 'as good as no list');
  });

  it('lists what this broker was told, for reading only', () => {
    const topicDefaults = new Map([['retention.ms', '2000']]);
    const { client } = started({ defaultPartitions: 3, topicDefaults, storagePath: '/data' });
    const { configs, find } = describeOne(client, brokerType, '1', { docs: true });
    assert.ok(configs.every(({ readOnly, isSensitive }) => readOnly && !isSensitive));
    assert.ok(configs.every(({ documentation }) => (documentation ?? '') !== ''));
    assert.equal(new Set(configs.map(({ name }) => name)).size, configs.length);
    const { staticBroker } = sources;
    for (const [name, value, source] of [
      ['node.id', '1', staticBroker],
      ['broker.id', '1', staticBroker],
      ['log.dirs', '/data', staticBroker],
      ['num.partitions', '3', staticBroker],
      ['log.retention.ms', '2000', staticBroker],
      ['log.retention.hours', '168', sources.default],
      ['log.segment.bytes', '1073741824', sources.default],
      ['log.roll.ms', null, sources.default],
      ['auto.create.topics.enable', 'true', sources.default],
      ['default.replication.factor', '1', sources.default],
      ['delete.topic.enable', 'true', sources.default],
      ['message.max.bytes', '1048588', sources.default],
      ['min.insync.replicas', '1', sources.default],
      ['offsets.retention.minutes', '10080', sources.default],
      ['group.min.session.timeout.ms', '6000', sources.default],
    ] as const) {
      const { value: found, configSource } = find(name);
      assert.deepEqual([found, configSource], [value, source], name);
    }
    assert.match(find('advertised.listeners').value ?? '', /^PLAINTEXT:\/\/127\.0\.0\.1:9092$/);
    assert.deepEqual(find('num.partitions').synonyms, [
      { name: 'num.partitions', value: '3', source: sources.staticBroker },
      { name: 'num.partitions', value: '1', source: sources.default },
    ]);
    const v0 = describeOne(client, brokerType, '1', { version: 0 });
    assert.equal(v0.find('num.partitions').isDefault, false);
    assert.equal(v0.find('default.replication.factor').isDefault, true);
  });

  it('has nothing to say of brokers together, loggers, groups and client metrics', () => {
    const { client } = started();
    for (const [type, name] of [
      [brokerType, ''],
      [brokerLogger, '1'],
      [group, 'g'],
      [clientMetrics, 'm'],
    ] as const) {
      const { errorCode, configs } = describeOne(client, type, name);
      assert.deepEqual([errorCode, configs], [kafkaErrors.none, []], `${type} ${name}`);
    }
  });

  it('refuses what is not there, each on its own', () => {
    const { bench, client } = started();
    bench.topic('t');
    const asked = [
      [topicType, 'absent', kafkaErrors.unknownTopicOrPartition],
      [topicType, 'a/b', kafkaErrors.invalidTopicException],
      [topicType, '', kafkaErrors.invalidTopicException],
      [brokerType, '2', kafkaErrors.invalidRequest],
      [brokerType, 'x', kafkaErrors.invalidRequest],
      [brokerLogger, '2', kafkaErrors.invalidRequest],
      [brokerLogger, '', kafkaErrors.invalidRequest],
      [group, '', kafkaErrors.invalidRequest],
      [clientMetrics, '', kafkaErrors.invalidRequest],
      [0, 't', kafkaErrors.invalidRequest],
      [3, 't', kafkaErrors.invalidRequest],
      [-1, 't', kafkaErrors.invalidRequest],
      [topicType, 't', kafkaErrors.none],
    ] as const;
    const resources = asked.map(([resourceType, resourceName]) => {
      return { resourceType, resourceName, configurationKeys: null };
    });
    const { results } = client.call('describeConfigs', 4, { resources });
    assert.deepEqual(
      results.map((row) => [row.resourceType, row.resourceName, row.errorCode]),
      asked,
    );
    const long = describeOne(client, brokerType, 'x'.repeat(30_000));
    assert.ok((long.errorMessage ?? '').length < 2000);
  });

  it('lets others have their turn while it describes many', () => {
    const { bench, client } = started();
    bench.topic('t');
    const one = { resourceType: topicType, resourceName: 't', configurationKeys: null };
    const resources = Array.from({ length: 500 }, () => one);
    const other = bench.connect();
    client.send('describeConfigs', 4, { resources });
    client.send('metadata', 12, { topics: [] });
    other.send('metadata', 12, { topics: [] });
    for (let turn = 0; turn < 3; turn++) bench.bench.loop.turn();
    assert.equal(other.answers().length, 1);
    assert.deepEqual(client.answers(), []);
    bench.settle();
    const bodies = client.answers().map(({ body }) => body as { results?: unknown[] });
    assert.equal(bodies[0]?.results?.length, 500);
    assert.equal(bodies.length, 2, 'what came behind it waited');
  });

  it('forgets what it was describing when the client goes', () => {
    const { bench, client } = started();
    bench.topic('t');
    const one = { resourceType: topicType, resourceName: 't', configurationKeys: null };
    client.send('describeConfigs', 4, { resources: Array.from({ length: 500 }, () => one) });
    bench.bench.loop.turn();
    client.socket.close();
    bench.settle();
    assert.deepEqual(client.answers(), []);
  });

  it('describes ten thousand resources at once, and no more', () => {
    const { bench, client } = started();
    bench.topic('t');
    const one = { resourceType: topicType, resourceName: 't', configurationKeys: ['retention.ms'] };
    const resources = Array.from({ length: 10_001 }, () => one);
    const { results } = client.call('describeConfigs', 4, { resources });
    assert.equal(results[9_999]?.errorCode, kafkaErrors.none);
    assert.equal(results[10_000]?.errorCode, kafkaErrors.policyViolation);
  });
});

describe('IncrementalAlterConfigs', () => {
  it('sets, deletes, adds and takes, in every version', () => {
    const { bench, client } = started();
    const topic = bench.topic('t', { 'flush.ms': '5' });
    for (let version = 0; version <= 1; version++) {
      const changes = [
        { name: 'retention.ms', value: String(version) },
        { name: 'flush.ms', op: 'delete', value: null },
        { name: 'cleanup.policy', op: 'append', value: 'compact' },
      ] as const;
      const { responses } = client.call('incrementalAlterConfigs', version, {
        resources: [resource(topicType, 't', changes)],
        validateOnly: false,
      });
      assert.deepEqual(responses, [
        { errorCode: 0, errorMessage: null, resourceType: topicType, resourceName: 't' },
      ]);
      assert.deepEqual(
        topic.overrides,
        new Map([
          ['retention.ms', String(version)],
          ['cleanup.policy', 'delete,compact'],
        ]),
      );
    }
    alterOne(client, topicType, 't', { name: 'cleanup.policy', op: 'subtract', value: 'delete' });
    assert.equal(topic.overrides.get('cleanup.policy'), 'compact');
    assert.equal(topic.options.isDeleting, false);
  });

  it('adds to what counts in this broker', () => {
    const { bench, client } = started({ topicDefaults: new Map([['cleanup.policy', 'compact']]) });
    const topic = bench.topic('t');
    alterOne(client, topicType, 't', { name: 'cleanup.policy', op: 'append', value: 'delete' });
    assert.equal(topic.overrides.get('cleanup.policy'), 'compact,delete');
  });

  it('changes nothing of a resource of which one change is wrong', () => {
    const { bench, client } = started();
    const topic = bench.topic('t', { 'retention.ms': '7' });
    const long = 'z'.repeat(30_000);
    const good: Change = { name: 'retention.ms', value: '8' };
    const wrong: readonly (readonly [number, Change])[] = [
      [kafkaErrors.invalidConfig, { name: 'no.such', value: '1' }],
      [kafkaErrors.invalidConfig, { name: long, value: long }],
      [kafkaErrors.invalidConfig, { name: 'flush.ms', value: 'soon' }],
      [kafkaErrors.invalidConfig, { name: 'flush.ms', value: '-1' }],
      [kafkaErrors.invalidConfig, { name: 'flush.ms', op: 'append', value: '1' }],
      [kafkaErrors.invalidConfig, { name: 'no.such', op: 'subtract', value: '1' }],
      [kafkaErrors.invalidConfig, { name: 'cleanup.policy', op: 'append', value: 'shred' }],
      [kafkaErrors.invalidConfig, { name: 'remote.storage.enable', value: 'true' }],
      [kafkaErrors.invalidRequest, { name: 'flush.ms', value: null }],
      [kafkaErrors.invalidRequest, { name: 'cleanup.policy', op: 'append', value: null }],
      [kafkaErrors.invalidRequest, { name: 'flush.ms', operation: 4, value: '1' }],
      [kafkaErrors.invalidRequest, { name: 'flush.ms', operation: -1, value: '1' }],
      [kafkaErrors.invalidRequest, { name: 'retention.ms', op: 'delete' }],
    ];
    for (const [code, change] of wrong) {
      const what = JSON.stringify(change).slice(0, 80);
      const [row] = alter(client, [resource(topicType, 't', [good, change])]);
      assert.equal(row?.errorCode, code, what);
      assert.ok(row.errorMessage !== null && row.errorMessage.length < 2000, what);
      assert.deepEqual(topic.overrides, new Map([['retention.ms', '7']]), what);
    }
  });

  it('deletes what is not set, whatever it is called', () => {
    const { bench, client } = started();
    bench.topic('t');
    const nothing: Change = { name: 'no.such', op: 'delete', value: null };
    for (const [type, name] of [
      [topicType, 't'],
      [brokerType, '1'],
      [brokerType, ''],
      [group, 'g'],
      [clientMetrics, 'm'],
    ] as const) {
      assert.equal(alterOne(client, type, name, nothing), kafkaErrors.none);
      assert.equal(alterOne(client, type, name), kafkaErrors.none, 'so does no change at all');
    }
  });

  it('only looks whether it could, where that is asked', () => {
    const { bench, client } = started();
    const topic = bench.topic('t');
    const good = resource(topicType, 't', [{ name: 'retention.ms', value: '8' }]);
    assert.equal(alter(client, [good], true)[0]?.errorCode, kafkaErrors.none);
    const wrong = resource(topicType, 't', [{ name: 'retention.ms', value: 'x' }]);
    assert.equal(alter(client, [wrong], true)[0]?.errorCode, kafkaErrors.invalidConfig);
    assert.equal(topic.overrides.size, 0);
  });

  it('changes each resource on its own, and none that is named twice', () => {
    const { bench, client } = started();
    for (const name of ['a', 'b', 'c']) bench.topic(name);
    const change = [{ name: 'retention.ms', value: '8' }];
    const rows = alter(client, [
      resource(topicType, 'a', change),
      resource(topicType, 'b', change),
      resource(topicType, 'absent', change),
      resource(topicType, 'b', change),
      resource(topicType, 'c', change),
    ]);
    assert.deepEqual(
      rows.map(({ resourceName, errorCode }) => [resourceName, errorCode]),
      [
        ['a', 0],
        ['b', kafkaErrors.invalidRequest],
        ['absent', kafkaErrors.unknownTopicOrPartition],
        ['b', kafkaErrors.invalidRequest],
        ['c', 0],
      ],
    );
    assert.equal(bench.broker.topic('a')?.options.retentionMs, 8);
    assert.equal(bench.broker.topic('b')?.overrides.size, 0);
  });

  it('refuses whatever is no topic that is there', () => {
    const { client } = started();
    const change: Change = { name: 'log.retention.ms', value: '1' };
    const plus: Change = { name: 'log.retention.ms', op: 'append', value: '1' };
    const { invalidRequest, invalidConfig } = kafkaErrors;
    for (const [type, name, code, what] of [
      [topicType, '', invalidRequest],
      [topicType, 'a/b', kafkaErrors.invalidTopicException],
      [topicType, 'absent', kafkaErrors.unknownTopicOrPartition],
      [brokerType, '1', invalidRequest],
      [brokerType, '', invalidRequest],
      [brokerType, '2', invalidRequest],
      [brokerType, 'x', invalidRequest],
      [brokerLogger, '1', invalidConfig],
      [brokerLogger, '1', invalidRequest, plus],
      [brokerLogger, '2', invalidRequest],
      [group, 'g', invalidConfig],
      [group, '', invalidRequest],
      [clientMetrics, 'm', invalidRequest],
      [clientMetrics, '', invalidRequest],
      [0, 'x', invalidRequest],
      [64, 'x', invalidRequest],
    ] as const) {
      assert.equal(alterOne(client, type, name, what ?? change), code, `${type} ${name}`);
    }
    const [row] = alter(client, [resource(brokerType, '1', [change, { name: 'log.dirs' }])]);
    const text = 'Cannot update these configs dynamically: [log.retention.ms,log.dirs]';
    assert.equal(row?.errorMessage, text, 'tools print it');
  });

  it('is answered when the change is committed, and survives a crash', () => {
    const { bench, client } = started();
    bench.topic('t');
    bench.gate.isShut = true;
    const resources = [resource(topicType, 't', [{ name: 'retention.ms', value: '8' }])];
    client.send('incrementalAlterConfigs', 1, { resources, validateOnly: false });
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
    bench.restart();
    assert.deepEqual(bench.broker.topic('t')?.overrides, new Map([['retention.ms', '8']]));
  });

  it('leaves what a model has, whatever is asked in whatever order, and through crashes', () => {
    const dice = new SeededRandom(47);
    const { bench } = started();
    let client = bench.connect();
    bench.topic('t');
    const pick = <T>(from: readonly T[]): T => {
      const picked = from[dice.below(from.length)];
      assert.ok(picked !== undefined);
      return picked;
    };
    const listName = 'cleanup.policy';
    const valuesOf: Readonly<Record<string, readonly string[]>> = {
      [listName]: ['', 'delete', 'compact', 'delete,compact', 'shred'],
      'retention.ms': ['-1', '5', 'x', '-2'],
      'flush.ms': ['0', '1', ''],
      'no.such': ['1'],
    };
    const wrong = new Set(['shred', 'x', '-2']);
    let model = new Map<string, string>();
    for (let round = 0; round < 400; round++) {
      const next = new Map(model);
      let isWrong = false;
      const names = Object.keys(valuesOf).filter(() => dice.below(5) < 2);
      const changes = names.map((name): Change => {
        const value = pick(valuesOf[name] ?? []);
        const op = pick(['set', 'delete', 'append', 'subtract'] as const);
        if (op === 'delete') {
          next.delete(name);
          return { name, op, value: null };
        }
        const isList = op === 'append' || op === 'subtract';
        if (name === 'no.such' || (isList && name !== listName)) isWrong = true;
        else if (op !== 'subtract' && (wrong.has(value) || (value === '' && name === 'flush.ms'))) {
          isWrong = true;
        }
        const before = (next.get(name) ?? 'delete').split(',').filter((each) => each !== '');
        const named = value.split(',').filter((each) => each !== '');
        if (op === 'set') next.set(name, value);
        else if (op === 'append') next.set(name, [...new Set([...before, ...named])].join(','));
        else next.set(name, before.filter((each) => !named.includes(each)).join(','));
        return { name, op, value };
      });
      const only = dice.below(4) === 0;
      const [row] = alter(client, [resource(topicType, 't', changes)], only);
      assert.equal(row?.errorCode !== kafkaErrors.none, isWrong, JSON.stringify(changes));
      if (!isWrong && !only) model = next;
      if (dice.below(40) === 0) {
        bench.restart();
        client = bench.connect();
      }
      assert.deepEqual(bench.broker.topic('t')?.overrides, model, `round ${round}`);
    }
    assert.ok(model.size > 0);
  });

  it('writes nothing where nothing changes', () => {
    const { bench, client } = started();
    const { lastLsn } = bench.topic('t', { 'retention.ms': '8' });
    alterOne(client, topicType, 't', { name: 'retention.ms', value: '8' });
    assert.equal(bench.broker.topic('t')?.lastLsn, lastLsn);
  });
});

describe('AlterConfigs', () => {
  function replace(client: TestClient, type: number, name: string, ...changes: readonly Change[]) {
    const configs = changes.map(({ name, value = '' }) => ({ name, value }));
    const resources = [{ resourceType: type, resourceName: name, configs }];
    const [row] = client.call('alterConfigs', 2, { resources, validateOnly: false }).responses;
    return row?.errorCode;
  }

  it('sets all that is set from now on, in every version', () => {
    const { bench, client } = started();
    const topic = bench.topic('t', { 'flush.ms': '5' });
    for (let version = 0; version <= 2; version++) {
      const configs = [{ name: 'retention.ms', value: String(version) }];
      const resources = [{ resourceType: topicType, resourceName: 't', configs }];
      const draft = { resources, validateOnly: false };
      const [row] = client.call('alterConfigs', version, draft).responses;
      assert.deepEqual([row?.errorCode, row?.errorMessage], [kafkaErrors.none, null]);
      assert.deepEqual(topic.overrides, new Map([['retention.ms', String(version)]]));
    }
    assert.equal(replace(client, topicType, 't'), kafkaErrors.none);
    assert.equal(topic.overrides.size, 0);
  });

  it('changes nothing where anything is wrong', () => {
    const { bench, client } = started();
    const topic = bench.topic('t', { 'flush.ms': '5' });
    const good = { name: 'retention.ms', value: '1' };
    const { invalidConfig, invalidRequest } = kafkaErrors;
    for (const [code, type, change] of [
      [invalidConfig, topicType, { name: 'no.such', value: '1' }],
      [invalidConfig, topicType, { name: 'segment.ms', value: 'x' }],
      [invalidRequest, topicType, { name: 'segment.ms', value: null }],
      [invalidRequest, topicType, good],
      [invalidRequest, brokerType, { name: 'log.dirs', value: '/' }],
      [invalidRequest, brokerLogger, { name: 'root', value: 'INFO' }],
    ] as const) {
      const name = type === topicType ? 't' : '1';
      assert.equal(replace(client, type, name, good, change), code, JSON.stringify(change));
    }
    assert.deepEqual(topic.overrides, new Map([['flush.ms', '5']]));
  });
});
