import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kafkaErrors } from '../error-codes.ts';
import { KafkaBench, type TestClient } from '../kafka.fixture.ts';
import { zeroUuid } from '../schema.ts';
import { operationsNotAsked } from '../schemas/metadata.ts';

type Topics = readonly { readonly name: string | null; readonly topicId?: string }[];

function started(options: ConstructorParameters<typeof KafkaBench>[0] = {}) {
  const bench = new KafkaBench(options);
  return { bench, client: bench.connect() };
}

function named(...names: readonly string[]): Topics {
  return names.map((name) => ({ name }));
}

/** Topics in the answer as `name error partitions`. */
function ask(client: TestClient, topics: Topics | null, version = 13, allowAuto = false) {
  const { topics: found } = client.call('metadata', version, {
    topics,
    allowAutoTopicCreation: allowAuto,
  });
  return found.map(
    ({ name, errorCode, partitions }) => `${name} ${errorCode} ${partitions.length}`,
  );
}

describe('Metadata', () => {
  it('says where the broker is and who leads, in every version', () => {
    const { bench, client } = started();
    const topic = bench.topic('t', {}, 2);
    for (let version = 0; version <= 13; version++) {
      const body = client.call('metadata', version, { topics: named('t') });
      const { nodeId, host, port } = body.brokers[0] ?? {};
      assert.deepEqual([nodeId, host, port], [1, '127.0.0.1', 9092], `v${version}`);
      assert.equal(body.clusterId, version >= 2 ? bench.broker.clusterId : null);
      assert.equal(body.controllerId, version >= 1 ? 1 : -1);
      const [found] = body.topics;
      assert.equal(found?.name, 't');
      assert.equal(found?.topicId, version >= 10 ? topic.uuidText : zeroUuid);
      for (const [index, partition] of (found?.partitions ?? []).entries()) {
        assert.equal(partition.partitionIndex, index);
        assert.equal(partition.leaderId, 1);
        assert.deepEqual([partition.replicaNodes, partition.isrNodes], [[1], [1]]);
        assert.equal(partition.leaderEpoch, version >= 7 ? bench.broker.leaderEpoch : -1);
      }
      assert.equal(found?.partitions.length, 2);
    }
  });

  it('describes all topics for null, and none for none; in version 0 all for none', () => {
    const { bench, client } = started();
    for (const name of ['a', 'b']) bench.topic(name);
    for (const version of [1, 8, 13]) {
      assert.deepEqual(ask(client, null, version), ['a 0 1', 'b 0 1'], `v${version}`);
      assert.deepEqual(ask(client, [], version), []);
    }
    assert.deepEqual(ask(client, [], 0), ['a 0 1', 'b 0 1']);
  });

  it('describes a topic once, however often it is asked for', () => {
    const { bench, client } = started();
    const { uuidText: topicId } = bench.topic('a', {}, 100);
    assert.deepEqual(ask(client, named('a', 'b', 'a', 'b')), ['a 0 100', 'b 3 0']);
    const byId = { name: null, topicId };
    assert.deepEqual(ask(client, [byId, byId, byId]), ['a 0 100']);
  });

  it('finds topics by id from version 12 on [KIP-516]', () => {
    const { bench, client } = started();
    const { uuidText } = bench.topic('a');
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ';
    const byId = (topicId: string) => [{ name: null, topicId }];
    assert.deepEqual(ask(client, byId(uuidText), 12), ['a 0 1']);
    const { topics } = client.call('metadata', 12, { topics: byId(unknown) });
    const [{ errorCode, name, topicId } = {}] = topics;
    assert.deepEqual([errorCode, name, topicId], [kafkaErrors.unknownTopicId, null, unknown]);
    const both = [{ name: 'other', topicId: uuidText }];
    assert.deepEqual(ask(client, both), ['a 0 1'], 'the id decides');
  });

  it('refuses ids, and topics without a name, in versions 10 and 11, which cannot say null', () => {
    const { bench, client } = started();
    const { uuidText } = bench.topic('a');
    for (const version of [10, 11]) {
      assert.deepEqual(ask(client, [{ name: null, topicId: uuidText }], version), [' 42 0']);
      assert.deepEqual(ask(client, [{ name: 'a', topicId: uuidText }], version), ['a 42 0']);
      assert.deepEqual(ask(client, [{ name: null }], version), [' 42 0']);
    }
  });

  it('makes a topic that is asked for: not there yet in the first answer, there in the next', () => {
    const { client } = started({ defaultPartitions: 3 });
    assert.deepEqual(ask(client, named('new'), 9, true), ['new 5 0']);
    assert.deepEqual(ask(client, named('new'), 9, true), ['new 0 3']);
  });

  it('makes one for old clients too, which cannot say whether they want it', () => {
    const { client } = started();
    assert.deepEqual(ask(client, named('new'), 3), ['new 5 0']);
  });

  it('makes none where the client or the broker does not want it', () => {
    const { client } = started();
    assert.deepEqual(ask(client, named('new'), 4, false), ['new 3 0']);
    assert.deepEqual(ask(client, named('new'), 4, false), ['new 3 0']);
    const other = started({ autoCreateTopics: false });
    assert.deepEqual(ask(other.client, named('new'), 9, true), ['new 3 0']);
  });

  it('makes a thousand at most for one request, and the others for the next', () => {
    const { bench, client } = started();
    const names = Array.from({ length: 1500 }, (_, i) => `n${i}`);
    const retriable = names.map((name) => `${name} ${kafkaErrors.leaderNotAvailable} 0`);
    assert.deepEqual(ask(client, named(...names), 13, true), retriable);
    assert.equal(bench.broker.topicCount, 1000);
    ask(client, named(...names), 13, true);
    assert.equal(bench.broker.topicCount, 1500);
  });

  it('makes none with a name that is not allowed or that collides', () => {
    const { bench, client } = started();
    bench.topic('a.b');
    const names = ['', '.', '..', 'ä', 'a b', 'x'.repeat(250), 'a_b'];
    const found = ask(client, named(...names), 9, true);
    assert.deepEqual(
      found,
      names.map((name) => `${name} ${kafkaErrors.invalidTopicException} 0`),
    );
    assert.equal(bench.broker.topicCount, 1);
    assert.deepEqual(ask(client, named('y'.repeat(249)), 9, true), [`${'y'.repeat(249)} 5 0`]);
  });

  it('says nothing of topics that are being made or deleted before that is committed', () => {
    const { bench, client } = started();
    const topic = bench.topic('a');
    bench.gate.isShut = true;
    bench.broker.deleteTopic(topic);
    client.send('metadata', 9, { topics: null });
    client.send('metadata', 9, { topics: named('b'), allowAutoTopicCreation: true });
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 2);
  });

  it('says which topics are the broker’s own', () => {
    const { bench, client } = started();
    for (const name of ['__consumer_offsets', 'mine']) bench.topic(name);
    const { topics } = client.call('metadata', 9, { topics: null });
    assert.deepEqual(
      topics.map(({ name, isInternal }) => [name, isInternal]),
      [
        ['__consumer_offsets', true],
        ['mine', false],
      ],
    );
  });

  it('says which operations are allowed, to who asks [KIP-430]', () => {
    const { bench, client } = started();
    bench.topic('t');
    const operations = (includes: boolean) => {
      const body = client.call('metadata', 10, {
        topics: named('t'),
        includeClusterAuthorizedOperations: includes,
        includeTopicAuthorizedOperations: includes,
      });
      return [body.clusterAuthorizedOperations, body.topics[0]?.topicAuthorizedOperations];
    };
    assert.deepEqual(operations(false), [operationsNotAsked, operationsNotAsked]);
    assert.deepEqual(operations(true), [0b1_1111_1010_0000, 0b1101_1111_1000]);
  });
});
