import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../../kernel/bytes.ts';
import { batchSize } from '../../../record/batch.ts';
import { codec } from '../../../record/compression/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import {
  batchOf,
  type FetchExtra,
  fetchDraft,
  KafkaBench,
  recordsIn,
  type TestClient,
} from '../kafka.fixture.ts';

function started(partitions = 1) {
  const bench = new KafkaBench();
  const topic = bench.topic('t', {}, partitions);
  return { bench, topic, client: bench.connect(), producer: bench.connect() };
}

/** Fetches from several partitions; what each brought. */
function fetchAll(
  client: TestClient,
  targets: Parameters<typeof fetchDraft>[0],
  extra: FetchExtra = {},
) {
  const { responses } = client.call('fetch', extra.version ?? 12, fetchDraft(targets, extra));
  return responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, records }) => [partitionIndex, ...recordsIn(records)]),
  );
}

function batchBytes(values: readonly string[]): number {
  return batchSize(viewOf(batchOf(values)), 0);
}

describe('Fetch', () => {
  it('brings what was produced, in every version that clients use', () => {
    const { client, producer, topic } = started();
    producer.produce('t', batchOf(['a', 'b']));
    producer.produce('t', batchOf(['c']));
    for (let version = 4; version <= 18; version++) {
      const row = client.fetch(version >= 13 ? topic.uuidText : 't', 0, { version });
      assert.equal(row.errorCode, kafkaErrors.none, `v${version}`);
      assert.deepEqual(recordsIn(row.records), ['0:a', '1:b', '2:c']);
      assert.equal(row.highWatermark, 3);
      assert.equal(row.lastStableOffset, 3);
      assert.equal(row.logStartOffset, version >= 5 ? 0 : -1);
    }
  });

  it('brings the whole batch when it begins in its middle', () => {
    const { client, producer } = started();
    producer.produce('t', batchOf(['a', 'b', 'c'], { codec: codec.gzip }));
    producer.produce('t', batchOf(['d']));
    assert.deepEqual(recordsIn(client.fetch('t', 1).records), ['0:a', '1:b', '2:c', '3:d']);
    assert.deepEqual(recordsIn(client.fetch('t', 3).records), ['3:d']);
  });

  it('never says null for no records', () => {
    const { client } = started();
    const row = client.fetch('t', 0);
    assert.equal(row.errorCode, kafkaErrors.none);
    assert.deepEqual(row.records, new Uint8Array(0));
    assert.deepEqual(client.fetch('absent', 0).records, new Uint8Array(0));
    assert.deepEqual(client.fetch('t', 9).records, new Uint8Array(0));
  });

  it('lists aborted transactions, none, only for who reads committed ones', () => {
    const { client } = started();
    assert.equal(client.fetch('t', 0, { isolationLevel: 0 }).abortedTransactions, null);
    assert.deepEqual(client.fetch('t', 0, { isolationLevel: 1 }).abortedTransactions, []);
  });

  it('is out of range before the log start and past the log end, and not between', () => {
    const { bench, client, producer, topic } = started();
    for (const value of ['a', 'b', 'c']) producer.produce('t', batchOf([value]));
    const [partition] = topic.partitions;
    assert.ok(partition);
    bench.broker.deleteRecords(partition, 2);
    bench.settle();
    const codes = [0, 1, 2, 3, 4].map((offset) => client.fetch('t', offset).errorCode);
    assert.deepEqual(codes, [1, 1, 0, 0, 1]);
    const row = client.fetch('t', 0);
    assert.equal(row.highWatermark, -1, 'nothing is said on an error');
    assert.equal(client.fetch('t', 2).logStartOffset, 2);
  });

  it('brings nothing that is not committed, and no error for its offsets', () => {
    const { bench, client, producer } = started();
    producer.produce('t', batchOf(['a']));
    bench.gate.isShut = true;
    producer.send('produce', 9, producer.produceDraft('t', batchOf(['b', 'c'])));
    bench.settle();
    for (const offset of [1, 2, 3]) {
      const row = client.fetch('t', offset);
      assert.equal(row.errorCode, kafkaErrors.none);
      assert.deepEqual(recordsIn(row.records), []);
      assert.equal(row.highWatermark, 1);
    }
    assert.deepEqual(recordsIn(client.fetch('t', 0).records), ['0:a']);
    assert.equal(client.fetch('t', 4).errorCode, kafkaErrors.offsetOutOfRange);
  });

  it('knows which leader epochs are over and which are not here yet [KIP-320]', () => {
    const { bench, client } = started();
    const first = bench.broker.leaderEpoch;
    assert.equal(client.fetch('t', 0, { currentLeaderEpoch: first }).errorCode, kafkaErrors.none);
    const newer = client.fetch('t', 0, { currentLeaderEpoch: first + 1 });
    assert.equal(newer.errorCode, kafkaErrors.unknownLeaderEpoch);
    bench.restart();
    const again = bench.connect();
    const older = again.fetch('t', 0, { currentLeaderEpoch: first });
    assert.equal(older.errorCode, kafkaErrors.fencedLeaderEpoch);
    assert.equal(again.fetch('t', 0, { currentLeaderEpoch: -1 }).errorCode, kafkaErrors.none);
  });

  it('does not find a topic that was made anew by its old id [KIP-516]', () => {
    const { bench, client, topic } = started();
    assert.equal(client.fetch(topic.uuidText, 0, { version: 13 }).errorCode, kafkaErrors.none);
    bench.broker.deleteTopic(topic);
    bench.topic('t');
    const row = client.fetch(topic.uuidText, 0, { version: 13 });
    assert.equal(row.errorCode, kafkaErrors.unknownTopicId);
    assert.equal(client.fetch('t', 0).errorCode, kafkaErrors.none);
  });

  it('finds no partition that is not there', () => {
    const { client } = started();
    const draft = fetchDraft([
      ['t', 7, 0],
      ['t', -1, 0],
      ['u', 0, 0],
    ]);
    const rows = client.call('fetch', 12, draft).responses.flatMap(({ partitions }) => partitions);
    assert.deepEqual(
      rows.map(({ errorCode }) => errorCode),
      [3, 3, 3],
    );
  });

  it('says that a topic is there, or is not, only when that is committed', () => {
    const { bench, client, topic } = started();
    bench.gate.isShut = true;
    bench.broker.deleteTopic(topic);
    client.send('fetch', 12, fetchDraft([['t', 0, 0]]));
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);

    bench.gate.isShut = true;
    const spec = { name: 'u', partitions: 1, replicationFactor: 1, options: new Map() };
    bench.broker.createTopic({ ...spec, validateOnly: false });
    client.send('fetch', 12, fetchDraft([['u', 0, 0]]));
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
  });

  it('of a topic stored with zstd is answered in every version: clients know it before they say so', () => {
    const { bench, client } = started();
    bench.topic('z', { 'compression.type': 'zstd' });
    for (const version of [4, 9, 10]) {
      assert.equal(client.fetch('z', 0, { version }).errorCode, kafkaErrors.none);
    }
  });

  it('reads from disk what this process did not write', () => {
    const { bench, producer } = started();
    const values = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(50_000, '.'));
    for (const value of values) producer.produce('t', batchOf([value]));
    bench.restart();
    const client = bench.connect();
    const found: string[] = [];
    for (let offset = 0; offset < values.length; ) {
      const { errorCode, records } = client.fetch('t', offset, { partitionMaxBytes: 200_000 });
      assert.equal(errorCode, kafkaErrors.none);
      const part = recordsIn(records);
      assert.ok(part.length > 0, 'a fetch with no time to wait waits for the disk');
      found.push(...part);
      offset += part.length;
    }
    assert.deepEqual(
      found,
      values.map((value, i) => `${i}:${value}`),
    );
  });
});

describe('the size of a fetch answer [KIP-74]', () => {
  it('is at least one batch, whatever the limits', () => {
    const { client, producer } = started();
    producer.produce('t', batchOf(['a'.repeat(1000)]));
    producer.produce('t', batchOf(['b']));
    for (const limits of [
      { maxBytes: 1 },
      { partitionMaxBytes: 1 },
      { maxBytes: 0 },
      { maxBytes: -1 },
    ]) {
      assert.equal(recordsIn(client.fetch('t', 0, limits).records).length, 1);
    }
  });

  it('is one whole batch of the first partition that has one, and none of others, at its least', () => {
    const { client, producer } = started(3);
    for (const partition of [1, 2])
      producer.produce('t', batchOf(['a'.repeat(1000)]), { partition });
    const targets = [0, 1, 2].map((partition) => ['t', partition, 0] as const);
    const found = fetchAll(client, targets, { maxBytes: 10 });
    assert.deepEqual(
      found.map(([partition, ...records]) => [partition, records.length]),
      [
        [0, 0],
        [1, 1],
        [2, 0],
      ],
    );
  });

  it('stays within the limit of each partition and of all', () => {
    const { client, producer } = started(2);
    const size = batchBytes(['x']);
    for (const partition of [0, 1]) {
      for (let i = 0; i < 5; i++) producer.produce('t', batchOf(['x']), { partition });
    }
    const targets = [0, 1].map((partition) => ['t', partition, 0] as const);
    const counts = (extra: FetchExtra) =>
      fetchAll(client, targets, extra).map((found) => found.length - 1);
    assert.deepEqual(counts({ partitionMaxBytes: size * 3 - 1 }), [2, 2]);
    assert.deepEqual(counts({ partitionMaxBytes: size * 3 }), [3, 3]);
    assert.deepEqual(counts({ maxBytes: size * 7 }), [5, 2]);
    assert.deepEqual(counts({ maxBytes: size * 7 - 1 }), [5, 1]);
  });
});

describe('a fetch that waits', () => {
  const waiting = { maxWaitMs: 500 };

  it('is answered when records come, with them', () => {
    const { bench, client, producer } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], waiting));
    bench.advance(200);
    assert.deepEqual(client.answers(), []);
    producer.produce('t', batchOf(['a']));
    const { responses } = client.answer<'fetch'>(id);
    assert.deepEqual(recordsIn(responses[0]?.partitions[0]?.records ?? null), ['0:a']);
    bench.assertUnwatched('t');
  });

  it('is answered with nothing when its time is over, and not before', () => {
    const { bench, client } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], waiting));
    bench.advance(499);
    assert.deepEqual(client.answers(), []);
    bench.advance(1);
    const { responses } = client.answer<'fetch'>(id);
    assert.deepEqual(recordsIn(responses[0]?.partitions[0]?.records ?? null), []);
    bench.assertUnwatched('t');
  });

  it('waits for as many bytes as it asks for, over all its partitions', () => {
    const { client, producer } = started(2);
    const size = batchBytes(['x']);
    const targets = [0, 1].map((partition) => ['t', partition, 0] as const);
    const id = client.send('fetch', 12, fetchDraft(targets, { ...waiting, minBytes: size * 3 }));
    producer.produce('t', batchOf(['x']));
    producer.produce('t', batchOf(['x']), { partition: 1 });
    assert.deepEqual(client.answers(), []);
    producer.produce('t', batchOf(['x']));
    const { responses } = client.answer<'fetch'>(id);
    assert.deepEqual(
      responses.flatMap(({ partitions }) => partitions.map(({ records }) => recordsIn(records))),
      [['0:x', '1:x'], ['0:x']],
    );
  });

  it('gets at its end what there is, if it is less than asked for', () => {
    const { bench, client, producer } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], { ...waiting, minBytes: 5000 }));
    producer.produce('t', batchOf(['a']));
    assert.deepEqual(client.answers(), []);
    bench.advance(500);
    const { responses } = client.answer<'fetch'>(id);
    assert.deepEqual(recordsIn(responses[0]?.partitions[0]?.records ?? null), ['0:a']);
  });

  it('does not wait for no bytes, for no partitions, or beside an error', () => {
    const { client } = started();
    const long = { maxWaitMs: 100_000 };
    client.fetch('t', 0, { ...long, minBytes: 0 });
    client.call('fetch', 12, fetchDraft([], long));
    const targets = [
      ['t', 0, 0],
      ['absent', 0, 0],
    ] as const;
    client.call('fetch', 12, fetchDraft(targets, long));
  });

  it('is answered when its topic is deleted, and when that is committed', () => {
    const { bench, client, topic } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], { maxWaitMs: 100_000 }));
    bench.settle();
    const [partition] = topic.partitions;
    bench.broker.deleteTopic(topic);
    bench.settle();
    const { responses } = client.answer<'fetch'>(id);
    assert.equal(responses[0]?.partitions[0]?.errorCode, kafkaErrors.unknownTopicOrPartition);
    assert.equal(partition?.watchers, null);
  });

  it('is answered with an error when the broker can promise nothing any more', () => {
    const { bench, client } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], { maxWaitMs: 100_000 }));
    bench.settle();
    bench.bench.breakDisk();
    bench.broker.newProducerId();
    bench.settle();
    assert.ok(bench.broker.fault !== null);
    const { responses } = client.answer<'fetch'>(id);
    assert.equal(responses[0]?.partitions[0]?.errorCode, kafkaErrors.notLeaderOrFollower);
  });

  it('goes on with the new topic when its own was deleted and made anew', () => {
    const { bench, client, producer, topic } = started();
    const id = client.send('fetch', 12, fetchDraft([['t', 0, 0]], { maxWaitMs: 100_000 }));
    bench.settle();
    const [partition] = topic.partitions;
    bench.broker.deleteTopic(topic);
    bench.topic('t');
    assert.deepEqual(client.answers(), []);
    assert.equal(partition?.watchers, null, 'the old one is left alone');
    producer.produce('t', batchOf(['new']));
    const { responses } = client.answer<'fetch'>(id);
    assert.deepEqual(recordsIn(responses[0]?.partitions[0]?.records ?? null), ['0:new']);
    bench.assertUnwatched('t');
  });

  it('is answered when the log start moves past its offset', () => {
    const { bench, client, producer, topic } = started();
    for (let i = 0; i < 3; i++) producer.produce('t', batchOf(['x']));
    const draft = fetchDraft([['t', 0, 0]], { maxWaitMs: 100_000, minBytes: 5000 });
    const id = client.send('fetch', 12, draft);
    bench.settle();
    const [partition] = topic.partitions;
    assert.ok(partition);
    bench.broker.deleteRecords(partition, 2);
    bench.settle();
    const { responses } = client.answer<'fetch'>(id);
    assert.equal(responses[0]?.partitions[0]?.errorCode, kafkaErrors.offsetOutOfRange);
  });

  it('lets those behind it on its connection wait, and no others', () => {
    const { bench, client, producer } = started();
    const ids = [
      client.send('fetch', 12, fetchDraft([['t', 0, 0]], waiting)),
      client.send('metadata', 9, { topics: [] }),
      client.send('fetch', 12, fetchDraft([['t', 0, 1]], waiting)),
      client.send('apiVersions', 0, { clientSoftwareName: '', clientSoftwareVersion: '' }),
    ];
    bench.settle();
    assert.deepEqual(client.answers(), []);
    producer.produce('t', batchOf(['a']));
    assert.deepEqual(
      client.answers().map(({ correlationId }) => correlationId),
      ids.slice(0, 2),
    );
    bench.advance(500);
    assert.deepEqual(
      client.answers().map(({ correlationId }) => correlationId),
      ids.slice(2),
    );
  });
});
