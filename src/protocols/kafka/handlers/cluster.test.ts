import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apis } from '../api-keys.ts';
import { kafkaErrors } from '../error-codes.ts';
import { batchOf, KafkaBench, type TestClient } from '../kafka.fixture.ts';

function started() {
  const bench = new KafkaBench();
  bench.topic('t');
  return { bench, client: bench.connect() };
}

describe('ApiVersions [KIP-511]', () => {
  const who = { clientSoftwareName: 'a-client', clientSoftwareVersion: '1.2.3-beta' };

  it('lists what is handled, in every version', () => {
    const { client } = started();
    for (let version = 0; version <= 4; version++) {
      const body = client.call('apiVersions', version, who);
      assert.equal(body.errorCode, kafkaErrors.none, `v${version}`);
      const listed = body.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
        apiKey,
        minVersion,
        maxVersion,
      ]);
      assert.deepEqual(
        listed,
        apis.map(({ key, advertisedMin, max }) => [key, advertisedMin, max]),
      );
      const hasFeatures = version >= 3;
      assert.equal(body.finalizedFeaturesEpoch, hasFeatures ? 0 : -1);
      assert.equal(body.supportedFeatures[0]?.maxVersion, hasFeatures ? 30 : undefined);
      const [finalized] = body.finalizedFeatures;
      assert.equal(finalized?.name, hasFeatures ? 'metadata.version' : undefined);
      assert.equal(finalized?.maxVersionLevel, hasFeatures ? 30 : undefined);
    }
  });

  it('offers Produce from version 0, for clients that look there before they compress', () => {
    const { client } = started();
    const { apiKeys } = client.call('apiVersions', 0, who);
    assert.deepEqual(apiKeys[0], { apiKey: 0, minVersion: 0, maxVersion: 13 });
  });

  it('answers a version of the future in version 0, with the versions there are of itself', () => {
    const { bench, client } = started();
    const frame = client.frame('apiVersions', 4, who);
    const known = frame.slice();
    for (const version of [5, 99, 0x7fff]) {
      new DataView(known.buffer).setInt16(6, version);
      client.socket.receive(known);
      bench.settle();
      const sent = client.socket.taken();
      assert.equal(sent.toString('hex', 8), '0023' + '00000001' + '0012' + '0000' + '0004');
      assert.deepEqual(sent.subarray(4, 8), Buffer.from(frame.subarray(8, 12)), 'correlation id');
    }
    assert.equal(client.isClosed, false);
    assert.equal(client.call('apiVersions', 0, who).errorCode, kafkaErrors.none);
  });

  it('refuses software names that no client would have', () => {
    const { client } = started();
    for (const name of ['', ' ', '-a', 'a-', 'a b', 'ä', 'a\n']) {
      for (const bad of [
        { ...who, clientSoftwareName: name },
        { ...who, clientSoftwareVersion: name },
      ]) {
        const body = client.call('apiVersions', 3, bad);
        assert.equal(body.errorCode, kafkaErrors.invalidRequest, JSON.stringify(bad));
        assert.deepEqual(body.apiKeys, []);
      }
    }
  });
});

describe('DescribeCluster', () => {
  it('describes the one broker, in every version', () => {
    const { bench, client } = started();
    for (let version = 0; version <= 2; version++) {
      const body = client.call('describeCluster', version, {
        includeClusterAuthorizedOperations: version > 0,
      });
      assert.equal(body.errorCode, kafkaErrors.none);
      assert.equal(body.clusterId, bench.broker.clusterId);
      assert.equal(body.controllerId, 1);
      const found = body.brokers.map(({ brokerId, host, port }) => [brokerId, host, port]);
      assert.deepEqual(found, [[1, '127.0.0.1', 9092]]);
      assert.equal(body.clusterAuthorizedOperations > 0, version > 0);
    }
  });

  it('has no controllers, and no other kind of endpoint [KIP-919]', () => {
    const { client } = started();
    for (const [endpointType, code] of [
      [2, kafkaErrors.mismatchedEndpointType],
      [0, kafkaErrors.unsupportedEndpointType],
      [3, kafkaErrors.unsupportedEndpointType],
    ] as const) {
      const draft = { includeClusterAuthorizedOperations: false, endpointType };
      const body = client.call('describeCluster', 1, draft);
      assert.equal(body.errorCode, code);
      assert.deepEqual(body.brokers, []);
    }
  });
});

describe('FindCoordinator', () => {
  it('finds this broker for groups, one key or several [KIP-699]', () => {
    const { client } = started();
    for (let version = 0; version <= 6; version++) {
      const keys = version < 4 ? { key: 'g' } : { coordinatorKeys: ['g', 'h'] };
      const body = client.call('findCoordinator', version, { ...keys, keyType: 0 });
      const rows = version < 4 ? [body] : body.coordinators;
      assert.equal(rows.length, version < 4 ? 1 : 2);
      for (const { errorCode, nodeId, host, port } of rows) {
        assert.deepEqual([errorCode, nodeId, host, port], [0, 1, '127.0.0.1', 9092], `v${version}`);
      }
    }
  });

  it('finds nobody for transactions and share groups: there are none', () => {
    const { client } = started();
    for (const keyType of [1, 2, 9]) {
      const one = client.call('findCoordinator', 3, { key: 'x', keyType });
      assert.deepEqual([one.errorCode, one.nodeId], [kafkaErrors.invalidRequest, -1]);
      const { coordinators } = client.call('findCoordinator', 6, {
        coordinatorKeys: ['x'],
        keyType,
      });
      assert.equal(coordinators[0]?.errorCode, kafkaErrors.invalidRequest);
      assert.equal(coordinators[0]?.key, 'x');
    }
  });
});

describe('InitProducerId [KIP-98]', () => {
  const idempotent = { transactionalId: null, transactionTimeoutMs: 1000 };

  it('gives a new id with epoch 0 to each that asks, whatever it had', () => {
    const { bench, client } = started();
    const given = new Set<number>();
    for (let version = 0; version <= 5; version++) {
      for (const had of [{}, { producerId: 3, producerEpoch: 9 }]) {
        const body = client.call('initProducerId', version, { ...idempotent, ...had });
        assert.deepEqual([body.errorCode, body.producerEpoch], [kafkaErrors.none, 0]);
        given.add(body.producerId);
      }
    }
    assert.equal(given.size, 12);
    bench.restart();
    const { producerId } = bench.connect().call('initProducerId', 5, idempotent);
    assert.ok(!given.has(producerId), 'never twice, not even after a crash');
  });

  it('gives an id only when its reservation is committed', () => {
    const { bench, client } = started();
    bench.gate.isShut = true;
    client.send('initProducerId', 5, idempotent);
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
  });

  it('refuses transactional ids: there are no transactions', () => {
    const { client } = started();
    for (const transactionalId of ['x', '']) {
      const body = client.call('initProducerId', 5, { ...idempotent, transactionalId });
      assert.deepEqual([body.errorCode, body.producerId, body.producerEpoch], [42, -1, -1]);
    }
  });
});

describe('OffsetForLeaderEpoch [KIP-320]', () => {
  function ask(client: TestClient, leaderEpoch: number, currentLeaderEpoch = -1, topic = 't') {
    for (const version of [2, 3]) {
      client.call('offsetForLeaderEpoch', version, {
        topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }],
      });
    }
    const { topics } = client.call('offsetForLeaderEpoch', 4, {
      topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }],
    });
    const [row] = topics[0]?.partitions ?? [];
    assert.ok(row);
    return [row.errorCode, row.leaderEpoch, row.endOffset];
  }

  it('says where each epoch ends, through restarts', () => {
    const { bench, client } = started();
    const first = bench.broker.leaderEpoch;
    assert.deepEqual(ask(client, first), [0, first, 0], 'the present one, without a record');
    client.produce('t', batchOf(['a', 'b']));
    assert.deepEqual(ask(client, first), [0, first, 2]);
    bench.restart();
    const second = bench.broker.leaderEpoch;
    const again = bench.connect();
    assert.deepEqual(ask(again, first), [0, first, 2], 'nothing was written since');
    assert.deepEqual(ask(again, second), [0, second, 2]);
    again.produce('t', batchOf(['c']));
    assert.deepEqual(ask(again, first), [0, first, 2]);
    assert.deepEqual(ask(again, second), [0, second, 3]);
  });

  it('says the log start for an epoch of which nothing is left, and nothing for one that never was', () => {
    const { bench, client } = started();
    bench.restart();
    const epoch = bench.broker.leaderEpoch;
    const again = bench.connect();
    again.produce('t', batchOf(['a']));
    assert.deepEqual(ask(again, epoch - 1), [0, epoch - 1, 0]);
    assert.deepEqual(ask(again, epoch + 1), [0, -1, -1]);
    assert.deepEqual(ask(again, -1), [0, -1, -1]);
    client.socket.close();
  });

  it('refuses epochs of the asker that are over or not here yet, and partitions that are not there', () => {
    const { bench } = started();
    bench.restart();
    const client = bench.connect();
    const epoch = bench.broker.leaderEpoch;
    assert.deepEqual(ask(client, epoch, epoch - 1), [kafkaErrors.fencedLeaderEpoch, -1, -1]);
    assert.deepEqual(ask(client, epoch, epoch + 1), [kafkaErrors.unknownLeaderEpoch, -1, -1]);
    assert.deepEqual(ask(client, epoch, -1, 'u'), [kafkaErrors.unknownTopicOrPartition, -1, -1]);
  });
});
