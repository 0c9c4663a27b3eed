import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BrokerErrorCode } from '../kernel/errors.ts';
import type { BatchOptions, RecordInput } from '../record/batch-builder.ts';
import { codec } from '../record/compression/index.ts';
import {
  appendBatch,
  createTopic,
  partitionOf,
  recordsAt,
  TestBench,
  TestRandom,
} from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition } from './catalog/topic.ts';
import type { PositionDone, RecordPosition } from './time-lookup.ts';

const nowhere = { offset: -1, timestamp: -1, leaderEpoch: -1 };

function bench() {
  const testBench = new TestBench();
  const broker = testBench.open();
  const partition = partitionOf(createTopic(broker, 'orders', { 'retention.ms': '-1' }));
  const append = (records: readonly RecordInput[], options: BatchOptions = {}) => {
    assert.equal(appendBatch(broker, partition, records, options).error, null);
    testBench.loop.settle();
  };
  return { testBench, broker, partition, append };
}

function answerOf(testBench: TestBench, ask: (done: PositionDone) => void): RecordPosition {
  let answer: { error: BrokerErrorCode | null; position: RecordPosition } | null = null;
  const done: PositionDone = (error, position) => {
    assert.equal(answer, null, 'answered once');
    answer = { error, position };
  };
  ask(done);
  testBench.loop.settle();
  assert.ok(answer !== null, 'answered');
  const { error, position } = answer as { error: BrokerErrorCode | null; position: RecordPosition };
  assert.equal(error, null);
  return position;
}

function at(testBench: TestBench, broker: Broker, partition: Partition, timestamp: number) {
  return answerOf(testBench, (done) => broker.offsetForTimestamp(partition, timestamp, done));
}

function latest(testBench: TestBench, broker: Broker, partition: Partition) {
  return answerOf(testBench, (done) => broker.offsetOfMaxTimestamp(partition, done));
}

test('the first record that is late enough is found inside its batch, in every codec', () => {
  for (const codecNumber of [codec.none, codec.gzip, codec.snappy, codec.lz4]) {
    const { testBench, broker, partition, append } = bench();
    append(recordsAt(10, 20, 30), { codec: codecNumber });
    append(recordsAt(40, 50), { codec: codecNumber });
    const leaderEpoch = broker.leaderEpoch;
    for (const [timestamp, offset, found] of [
      [0, 0, 10],
      [10, 0, 10],
      [11, 1, 20],
      [30, 2, 30],
      [31, 3, 40],
      [50, 4, 50],
    ] as const) {
      const expected = { offset, timestamp: found, leaderEpoch };
      assert.deepEqual(at(testBench, broker, partition, timestamp), expected, `${timestamp}`);
    }
    assert.deepEqual(at(testBench, broker, partition, 51), nowhere);
  }
});

test('timestamps out of order: the first record in offset order counts', () => {
  const { testBench, broker, partition, append } = bench();
  append(recordsAt(100, 5));
  append(recordsAt(20, 60));
  append(recordsAt(50));
  assert.equal(at(testBench, broker, partition, 90).offset, 0);
  assert.equal(at(testBench, broker, partition, 6).offset, 0);
  assert.equal(latest(testBench, broker, partition).offset, 0);
});

test('records that are deleted or not committed are not found', () => {
  const { testBench, broker, partition, append } = bench();
  assert.deepEqual(at(testBench, broker, partition, 0), nowhere);
  assert.deepEqual(latest(testBench, broker, partition), nowhere);
  append(recordsAt(90, 30, 20));
  append(recordsAt(10));
  broker.deleteRecords(partition, 1);
  testBench.loop.settle();
  assert.equal(at(testBench, broker, partition, 15).offset, 1, 'inside a batch that begins before');
  assert.deepEqual(at(testBench, broker, partition, 31), nowhere);
  appendBatch(broker, partition, recordsAt(99));
  let found = -2;
  broker.offsetForTimestamp(partition, 95, (_error, position) => {
    found = position.offset;
  });
  assert.equal(found, -1, 'not committed yet');
  testBench.loop.settle();
  assert.equal(at(testBench, broker, partition, 95).offset, 4);
});

test('the largest timestamp is found exactly, the first of equal ones', () => {
  const { testBench, broker, partition, append } = bench();
  append(recordsAt(10, 70, 70));
  append(recordsAt(70, 5));
  const leaderEpoch = broker.leaderEpoch;
  assert.deepEqual(latest(testBench, broker, partition), { offset: 1, timestamp: 70, leaderEpoch });
  broker.deleteRecords(partition, 2);
  testBench.loop.settle();
  assert.equal(latest(testBench, broker, partition).offset, 2);
  broker.deleteRecords(partition, 4);
  testBench.loop.settle();
  assert.deepEqual(latest(testBench, broker, partition), { offset: 4, timestamp: 5, leaderEpoch });
});

test('with log append time every record of a batch has the time of the broker', () => {
  const testBench = new TestBench();
  const broker = testBench.open();
  const options = { 'message.timestamp.type': 'LogAppendTime' };
  const partition = partitionOf(createTopic(broker, 'stamped', options));
  appendBatch(broker, partition, recordsAt(1, 2));
  testBench.loop.settle();
  const first = testBench.loop.wall;
  testBench.loop.advance(500);
  appendBatch(broker, partition, recordsAt(1, 2));
  testBench.loop.settle();
  assert.equal(at(testBench, broker, partition, 3).offset, 0);
  assert.equal(at(testBench, broker, partition, first + 1).offset, 2);
  assert.equal(latest(testBench, broker, partition).timestamp, first + 500);
});

test('a look into a small batch that holds much happens away from the loop', () => {
  const { testBench, broker, partition, append } = bench();
  const value = new Uint8Array(1_200_000);
  append(
    [
      { key: null, value, timestamp: 10 },
      { key: null, value, timestamp: 20 },
    ],
    { codec: codec.gzip },
  );
  assert.equal(at(testBench, broker, partition, 11).offset, 1);
  assert.equal(testBench.loop.offloaded, 1);
});

test('a look into a large compressed batch happens away from the loop', () => {
  const { testBench, broker, partition, append } = bench();
  const value = new Uint8Array(60_000);
  new TestRandom(3).fill(value);
  append(
    [
      { key: null, value, timestamp: 10 },
      { key: null, value, timestamp: 20 },
    ],
    { codec: codec.gzip },
  );
  assert.equal(testBench.loop.offloaded, 0);
  assert.equal(at(testBench, broker, partition, 11).offset, 1);
  assert.equal(testBench.loop.offloaded, 1);
});

test('look-ups work over many segments and after a restart', () => {
  const { testBench, broker, partition, append } = bench();
  for (let i = 0; i < 60; i++) {
    append([{ key: null, value: new Uint8Array(60_000), timestamp: i * 10 }]);
  }
  assert.equal(at(testBench, broker, partition, 301).offset, 31);
  testBench.close(broker);
  const next = testBench.open();
  const topic = next.topic('orders');
  assert.ok(topic);
  assert.equal(at(testBench, next, partitionOf(topic), 5).offset, 1);
  assert.equal(at(testBench, next, partitionOf(topic), 301).offset, 31);
  assert.equal(latest(testBench, next, partitionOf(topic)).offset, 59);
});
