import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8, viewOf } from '../kernel/bytes.ts';
import type { BrokerError } from '../kernel/errors.ts';
import { keyPartition } from '../kernel/murmur2.ts';
import { batchRecordCount, batchSize } from '../record/batch.ts';
import type { StoredRecord } from '../record/batch-reader.ts';
import { readBatches } from './batch-read.fixture.ts';
import { appendBatch, createTopic, partitionOf, recordsAt, TestBench } from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition } from './catalog/topic.ts';
import type { Published, PublishRequest } from './publisher.ts';

interface Result {
  error: BrokerError | null;
  published: Published | null;
}

function publish(broker: Broker, request: Partial<PublishRequest>): Result[] {
  const results: Result[] = [];
  const whole = { topic: 'orders', value: new Uint8Array([1]), ...request };
  broker.publish(whole, (error, published) => results.push({ error, published }));
  assert.equal(results.length, 0, 'never called back at once');
  return results;
}

function batchCounts(bench: TestBench, broker: Broker, partition: Partition): number[] {
  const bytes = readBatches(bench, broker, partition, 0);
  const view = viewOf(bytes);
  const counts: number[] = [];
  for (let at = 0; at < bytes.length; at += batchSize(view, at)) {
    counts.push(batchRecordCount(view, at));
  }
  return counts;
}

function read(bench: TestBench, broker: Broker, partition: Partition, from: number) {
  let records: readonly StoredRecord[] = [];
  let next = -1;
  broker.readRecords(partition, from, 1_000_000, (error, answer) => {
    assert.equal(error, null);
    records = answer.records;
    next = answer.nextOffset;
  });
  bench.loop.settle();
  return { records, next };
}

test('a published record is told its place once it is committed, and can be read', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partition = partitionOf(createTopic(broker, 'orders'));
  const headers = [{ key: 'kind', value: encodeUtf8('new') }];
  const results = publish(broker, { key: encodeUtf8('k'), value: encodeUtf8('v'), headers });
  bench.loop.settle();
  const timestamp = bench.loop.wall;
  assert.deepEqual(results, [
    { error: null, published: { topic: 'orders', partition: 0, offset: 0, timestamp } },
  ]);
  const { records, next } = read(bench, broker, partition, 0);
  assert.equal(next, 1);
  assert.deepEqual(records, [
    { offset: 0, timestamp, key: encodeUtf8('k'), value: encodeUtf8('v'), headers },
  ]);
});

test('the records of one tick are gathered, up to 256 records and 64 KiB a batch', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partition = partitionOf(createTopic(broker, 'orders'));
  const results = Array.from({ length: 600 }, (_, i) =>
    publish(broker, { value: new Uint8Array([i & 255]) }),
  );
  bench.loop.settle();
  assert.deepEqual(
    results.map(([result]) => result?.published?.offset),
    results.map((_, i) => i),
  );
  publish(broker, { value: new Uint8Array(40_000) });
  publish(broker, { value: new Uint8Array(40_000) });
  publish(broker, { value: new Uint8Array(200_000) });
  bench.loop.settle();
  assert.deepEqual(batchCounts(bench, broker, partition), [256, 256, 88, 1, 1, 1]);
});

test('a key decides the partition as Kafka clients would, and the partition given goes first', () => {
  const bench = new TestBench();
  const broker = bench.open();
  createTopic(broker, 'orders', {}, 7);
  for (const text of ['a', 'b', 'order-17', '']) {
    const key = encodeUtf8(text);
    const results = publish(broker, { key });
    const forced = publish(broker, { key, partition: 6 });
    bench.loop.settle();
    assert.equal(results[0]?.published?.partition, keyPartition(7, key), text);
    assert.equal(forced[0]?.published?.partition, 6);
  }
  const absent = publish(broker, { partition: 7 });
  bench.loop.settle();
  assert.equal(absent[0]?.error?.code, 'partition_not_found');
});

test('records without a key stick to a partition for a tick and move on with the next', () => {
  const bench = new TestBench();
  const broker = bench.open();
  createTopic(broker, 'orders', {}, 3);
  const used: (number | undefined)[][] = [];
  for (let tick = 0; tick < 4; tick++) {
    const results = [publish(broker, {}), publish(broker, {})];
    bench.loop.settle();
    used.push(results.map(([result]) => result?.published?.partition));
  }
  assert.deepEqual(used, [
    [0, 0],
    [1, 1],
    [2, 2],
    [0, 0],
  ]);
});

test('a topic comes into being by being published to, if that is allowed', () => {
  const open = new TestBench();
  const broker = open.open();
  const results = publish(broker, { topic: 'fresh' });
  const bad = publish(broker, { topic: 'not/allowed' });
  open.loop.settle();
  assert.equal(results[0]?.published?.topic, 'fresh');
  assert.equal(bad[0]?.error?.code, 'invalid_topic_name');
  const closed = new TestBench({ autoCreateTopics: false });
  const strict = closed.open();
  const refused = publish(strict, { topic: 'fresh' });
  closed.loop.settle();
  assert.equal(refused[0]?.error?.code, 'topic_not_found');
});

test('one record that is refused does not take the others of its tick with it', () => {
  const bench = new TestBench();
  const broker = bench.open();
  createTopic(broker, 'orders', { 'max.message.bytes': '200' });
  const results = [
    publish(broker, { value: new Uint8Array(50) }),
    publish(broker, { value: new Uint8Array(500) }),
    publish(broker, { timestamp: bench.loop.wall + 7_200_000 }),
    publish(broker, { value: new Uint8Array(60) }),
  ];
  bench.loop.settle();
  assert.deepEqual(
    results.map(([result]) => result?.error?.code ?? result?.published?.offset),
    [0, 'batch_too_large', 'invalid_timestamp', 1],
  );
});

test('records waiting beyond the limit are refused at once, and space comes back', () => {
  const bench = new TestBench({}, 256 * 1024 * 1024);
  const broker = bench.open();
  createTopic(broker, 'orders');
  const value = new Uint8Array(1_000_000);
  const results = Array.from({ length: 80 }, () => publish(broker, { value }));
  bench.loop.settle();
  const codes = results.map(([result]) => result?.error?.code ?? 'published');
  assert.equal(codes.filter((code) => code === 'published').length, 67);
  assert.equal(codes.at(-1), 'limit_exceeded');
  const later = publish(broker, { value });
  bench.loop.settle();
  assert.equal(later[0]?.error, null);
});

test('with LogAppendTime publishers are told the time of the broker', () => {
  const bench = new TestBench();
  const broker = bench.open();
  createTopic(broker, 'orders', { 'message.timestamp.type': 'LogAppendTime' });
  const results = publish(broker, { timestamp: 5 });
  bench.loop.settle();
  assert.equal(results[0]?.published?.timestamp, bench.loop.wall);
});

test('what is published before a drain is committed, what comes after is refused', () => {
  const bench = new TestBench();
  const broker = bench.open();
  createTopic(broker, 'orders');
  const before = publish(broker, {});
  broker.drain();
  const after = publish(broker, {});
  bench.close(broker);
  assert.equal(before[0]?.published?.offset, 0);
  assert.equal(after[0]?.error?.code, 'draining');
});

test('reading begins at the offset asked for, inside a batch too, and ends at the high watermark', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const partition = partitionOf(createTopic(broker, 'orders'));
  appendBatch(broker, partition, recordsAt(1, 2, 3));
  appendBatch(broker, partition, recordsAt(4));
  bench.loop.settle();
  const { records, next } = read(bench, broker, partition, 1);
  assert.deepEqual(
    records.map((record) => [record.offset, record.timestamp]),
    [
      [1, 2],
      [2, 3],
      [3, 4],
    ],
  );
  assert.equal(next, 4);
  assert.deepEqual(read(bench, broker, partition, 4), { records: [], next: 4 });
  broker.readRecords(partition, 9, 100, (error) => assert.equal(error, 'offset_out_of_range'));
});
