import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../../kernel/bytes.ts';
import { buildBatch } from '../../../record/batch-builder.ts';
import { codec } from '../../../record/compression/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { KafkaBench, type TestClient } from '../kafka.fixture.ts';

const start = 1_800_000_000_000;

function started(partitions = 1) {
  const bench = new KafkaBench();
  const topic = bench.topic('t', {}, partitions);
  return { bench, topic, client: bench.connect() };
}

/** One batch with records at these times after `start`. */
function batchAt(times: readonly number[], kind: (typeof codec)[keyof typeof codec] = codec.none) {
  const records = times.map((time) => ({
    key: null,
    value: encodeUtf8('value '.repeat(20)),
    timestamp: start + time,
  }));
  return buildBatch(records, { codec: kind });
}

interface Asked {
  readonly version?: number;
  readonly topic?: string;
  readonly partition?: number;
  readonly epoch?: number;
}

function draftOf(timestamps: readonly number[], asked: Asked = {}) {
  const { topic: name = 't', partition = 0, epoch = -1 } = asked;
  const partitions = timestamps.map((timestamp, i) => ({
    partitionIndex: partition + i,
    currentLeaderEpoch: epoch,
    timestamp,
  }));
  return { replicaId: -1, topics: [{ name, partitions }] };
}

function ask(client: TestClient, timestamp: number, asked: Asked = {}) {
  const { topics } = client.call('listOffsets', asked.version ?? 11, draftOf([timestamp], asked));
  const row = topics[0]?.partitions[0];
  assert.ok(row);
  return row;
}

describe('ListOffsets', () => {
  it('knows latest and earliest in every version, and the epochs of both', () => {
    const { bench, client, topic } = started();
    for (const times of [[1], [2, 3], [4]]) client.produce('t', batchAt(times));
    const [partition] = topic.partitions;
    assert.ok(partition);
    bench.broker.deleteRecords(partition, 1);
    bench.settle();
    for (let version = 1; version <= 11; version++) {
      const latest = ask(client, -1, { version });
      const earliest = ask(client, -2, { version });
      assert.deepEqual([latest.offset, latest.timestamp], [4, -1], `v${version}`);
      assert.deepEqual([earliest.offset, earliest.timestamp], [1, -1], `v${version}`);
      const expected: number = version >= 4 ? partition.leaderEpoch : -1;
      assert.deepEqual([latest.leaderEpoch, earliest.leaderEpoch], [expected, expected]);
    }
    const written = partition.leaderEpoch;
    bench.restart();
    const again = bench.connect();
    assert.equal(ask(again, -1).leaderEpoch, bench.broker.leaderEpoch);
    assert.equal(ask(again, -2).leaderEpoch, written, 'the epoch of the record there');
  });

  it('says latest where the committed records end', () => {
    const { bench, client } = started();
    client.produce('t', batchAt([1]));
    bench.gate.isShut = true;
    client.send('produce', 9, client.produceDraft('t', batchAt([2])));
    bench.settle();
    assert.equal(ask(bench.connect(), -1).offset, 1);
  });

  it('finds the largest timestamp, the first of its kind', () => {
    const { client } = started();
    assert.equal(ask(client, -3).offset, -1, 'of an empty partition');
    for (const times of [[5], [30, 90, 10], [90], [20]]) client.produce('t', batchAt(times));
    const row = ask(client, -3);
    assert.deepEqual([row.offset, row.timestamp], [2, start + 90]);
  });

  it('has nothing archived, nor anything to archive', () => {
    const { client } = started();
    client.produce('t', batchAt([1]));
    assert.equal(ask(client, -4).offset, 0, 'what is here begins where everything begins');
    for (const timestamp of [-5, -6]) {
      const row = ask(client, timestamp);
      assert.deepEqual(
        [row.errorCode, row.offset, row.timestamp, row.leaderEpoch],
        [kafkaErrors.none, -1, -1, -1],
      );
    }
  });

  it('refuses special times that the version does not know', () => {
    const { client } = started();
    for (const [timestamp, since] of [
      [-3, 7],
      [-4, 8],
      [-5, 9],
      [-6, 11],
    ] as const) {
      const { errorCode } = ask(client, timestamp, { version: since - 1 });
      assert.equal(errorCode, kafkaErrors.unsupportedVersion, `${timestamp}`);
      assert.equal(ask(client, timestamp, { version: since }).errorCode, kafkaErrors.none);
    }
    for (const timestamp of [-7, -100, Number.MIN_SAFE_INTEGER]) {
      assert.equal(ask(client, timestamp).errorCode, kafkaErrors.unsupportedVersion);
    }
  });

  it('finds the first record at or after a time, to the record', () => {
    for (const kind of [codec.none, codec.gzip, codec.snappy, codec.lz4]) {
      const { client } = started();
      client.produce('t', batchAt([100, 200, 300], kind));
      client.produce('t', batchAt([400, 600, 500], kind));
      const found = [0, 100, 101, 300, 301, 450, 550, 600].map((time) => {
        const row = ask(client, start + time);
        return [row.offset, row.timestamp - start];
      });
      assert.deepEqual(found, [
        [0, 100],
        [0, 100],
        [1, 200],
        [2, 300],
        [3, 400],
        [4, 600],
        [4, 600],
        [4, 600],
      ]);
      const none = ask(client, start + 601);
      assert.deepEqual([none.errorCode, none.offset, none.timestamp], [0, -1, -1]);
    }
  });

  it('finds a time in large compressed batches away from the loop, in the right rows', () => {
    const { bench, client } = started(3);
    const many = Array.from({ length: 3000 }, (_, i) => i * 7);
    for (const partition of [0, 1, 2]) {
      const records = many.map((time, i) => ({
        key: encodeUtf8(Math.imul(i + 1, 0x9e37_79b9).toString(36)),
        value: encodeUtf8(Math.imul(i + 5, 0x85eb_ca6b).toString(36)),
        timestamp: start + time + partition,
      }));
      client.produce('t', buildBatch(records, { codec: codec.gzip }), { partition });
    }
    const offloaded = bench.bench.loop.offloaded;
    const draft = draftOf([start + 700, -1, start + 14_002]);
    const { topics } = client.call('listOffsets', 11, draft);
    const rows = topics[0]?.partitions.map(({ offset, timestamp }) => [offset, timestamp]);
    assert.deepEqual(rows, [
      [100, start + 700],
      [3000, -1],
      [2000, start + 14_002],
    ]);
    assert.equal(bench.bench.loop.offloaded - offloaded, 2);
  });

  it('finds no topic or partition that is not there, and says so when that is committed', () => {
    const { bench, client, topic } = started();
    const missing = kafkaErrors.unknownTopicOrPartition;
    assert.equal(ask(client, -1, { partition: 1 }).errorCode, missing);
    assert.equal(ask(client, -1, { partition: -1 }).errorCode, missing);
    assert.equal(ask(client, start, { topic: 'u' }).errorCode, missing);
    bench.gate.isShut = true;
    bench.broker.deleteTopic(topic);
    client.send('listOffsets', 11, draftOf([-1]));
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
  });

  it('refuses a partition that is asked for twice', () => {
    const { client } = started(2);
    const draft = draftOf([-1, -1]);
    const { topics } = client.call('listOffsets', 11, {
      ...draft,
      topics: [...draft.topics, ...draftOf([start], { partition: 1 }).topics],
    });
    const codes = topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    assert.deepEqual(codes, [[0, kafkaErrors.invalidRequest], [kafkaErrors.invalidRequest]]);
  });

  it('knows which leader epochs are over and which are not here yet [KIP-320]', () => {
    const { bench, client } = started();
    const epoch = bench.broker.leaderEpoch;
    assert.equal(ask(client, -1, { epoch }).errorCode, kafkaErrors.none);
    const { errorCode } = ask(client, -1, { epoch: epoch + 1 });
    assert.equal(errorCode, kafkaErrors.unknownLeaderEpoch);
    bench.restart();
    assert.equal(ask(bench.connect(), -1, { epoch }).errorCode, kafkaErrors.fencedLeaderEpoch);
  });

  it('takes turns with others when it is asked for many partitions', () => {
    const { client } = started(200);
    for (const partition of [0, 150]) client.produce('t', batchAt([5]), { partition });
    const { topics } = client.call('listOffsets', 11, draftOf(new Array(200).fill(start)));
    const found = topics[0]?.partitions.flatMap(({ offset }, i) => (offset === 0 ? [i] : []));
    assert.deepEqual(found, [0, 150]);
  });

  it('says that a topic is gone when it was deleted while it was looked into', () => {
    const { bench, client } = started(200);
    client.send('listOffsets', 11, draftOf(new Array(200).fill(start)));
    const topic = bench.broker.topic('t');
    assert.ok(topic);
    bench.broker.deleteTopic(topic);
    bench.settle();
    const [{ body } = { body: null }] = client.answers();
    const codes = new Set(JSON.stringify(body).match(/"errorCode":\d+/g));
    assert.deepEqual([...codes], ['"errorCode":0', '"errorCode":3']);
  });
});
