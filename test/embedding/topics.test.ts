/** Topics from inside the program: creating, publishing, reading. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BrokerError, type BrokerOptions, createBroker } from '../../src/index.ts';
import { collect } from './embedding.fixture.ts';

async function started(t: TestContext, options: BrokerOptions = {}) {
  const broker = await createBroker(options);
  t.after(() => broker.close());
  return broker;
}

const hasCode = (code: string) => (error: BrokerError) => error.code === code;

test('a topic has the partitions and options that it was made with', async (t) => {
  const broker = await started(t);
  const topic = await broker.createTopic('orders', {
    ...{ partitions: 3, options: { 'retention.ms': 60_000 } },
  });
  assert.deepEqual(topic, {
    name: 'orders',
    options: { 'retention.ms': '60000' },
    partitions: Array.from({ length: 3 }, () => ({ logStart: 0, highWatermark: 0 })),
  });
  assert.deepEqual(broker.topic('orders'), topic);
  await assert.rejects(broker.createTopic('orders'), hasCode('topic_exists'));
  await assert.rejects(broker.createTopic('a/b'), hasCode('invalid_topic_name'));
  await broker.deleteTopic('orders');
  assert.deepEqual(broker.topics(), []);
  await assert.rejects(broker.deleteTopic('orders'), hasCode('topic_not_found'));
});

test('messages come back as they were given', async (t) => {
  const broker = await started(t);
  const timestamp = new Date('2026-01-02T03:04:05.678Z');
  const given = [
    { key: 'k', value: 'text', headers: { a: 'b', n: null }, timestamp },
    { key: Buffer.from([1, 2]), value: new Uint8Array([0, 255]), timestamp: 5 },
    {
      key: null,
      value: null,
      headers: [
        ['x', '1'],
        ['x', '2'],
      ] as const,
    },
  ];
  const places = await broker.publishMany('t', given);
  assert.deepEqual(
    places.map(({ partition, offset }) => [partition, offset]),
    [
      [0, 0],
      [0, 1],
      [0, 2],
    ],
  );
  assert.deepEqual(
    places.slice(0, 2).map((place) => place.timestamp),
    [timestamp.getTime(), 5],
  );
  const [first, second, third] = await collect(broker.consume({ topic: 't' }), 3);
  assert.deepEqual([String(first?.key), String(first?.value)], ['k', 'text']);
  assert.equal(first?.timestamp, timestamp.getTime());
  assert.deepEqual(
    first?.headers.map(({ key, value }) => [key, value?.toString()]),
    [
      ['a', 'b'],
      ['n', undefined],
    ],
  );
  assert.deepEqual([...(second?.key ?? []), ...(second?.value ?? [])], [1, 2, 0, 255]);
  assert.deepEqual([third?.key, third?.value], [null, null]);
  assert.deepEqual(
    third?.headers.map(({ value }) => String(value)),
    ['1', '2'],
  );
});

test('what is not a message is refused with a TypeError', async (t) => {
  const broker = await started(t);
  const bad = [
    { value: 5 },
    { value: undefined },
    { value: '', key: {} },
    { value: '', timestamp: 1.5 },
  ];
  for (const message of bad) {
    await assert.rejects(broker.publish('t', message as never), TypeError, JSON.stringify(message));
  }
});

test('a publish that cannot be is refused with its code', async (t) => {
  const broker = await started(t, { autoCreateTopics: false });
  await assert.rejects(broker.publish('none', { value: 'x' }), hasCode('topic_not_found'));
  await broker.createTopic('t');
  const elsewhere = broker.publish('t', { value: 'x', partition: 7 });
  await assert.rejects(elsewhere, hasCode('partition_not_found'));
  const large = broker.publish('t', { value: new Uint8Array(2 * 1024 * 1024) });
  await assert.rejects(large, hasCode('batch_too_large'));
});

test('reading begins where it is told to', async (t) => {
  const broker = await started(t);
  for (let i = 0; i < 10; i++) await broker.publish('t', { value: String(i), timestamp: i * 1000 });
  const read = async (from: 'earliest' | 'latest' | number | Date): Promise<string> => {
    const messages = await collect(broker.consume({ topic: 't', from, follow: false }));
    return messages.map(({ value }) => String(value)).join('');
  };
  assert.equal(await read('earliest'), '0123456789');
  assert.equal(await read(7), '789');
  assert.equal(await read(new Date(4500)), '56789');
  assert.equal(await read(new Date(60_000)), '');
  assert.equal(await read('latest'), '');
  assert.throws(() => broker.consume({ topic: 't', from: 11 }), hasCode('offset_out_of_range'));
  assert.throws(() => broker.consume({ topic: 'no' }), hasCode('topic_not_found'));
  assert.throws(
    () => broker.consume({ topic: 't', partitions: [1] }),
    hasCode('partition_not_found'),
  );
});

test('a reader at the end waits, and gets what comes in any of its partitions', async (t) => {
  const broker = await started(t);
  await broker.createTopic('t', { partitions: 3 });
  const reader = broker.consume({ topic: 't', from: 'latest', partitions: [0, 2] });
  const pending = [reader.next(), reader.next(), reader.next()];
  await broker.publish('t', { value: 'a', partition: 2 });
  await broker.publish('t', { value: 'hidden', partition: 1 });
  await broker.publish('t', { value: 'b', partition: 0 });
  const [first, second] = await Promise.all(pending.slice(0, 2));
  assert.deepEqual([String(first?.value?.value), String(second?.value?.value)], ['a', 'b']);
  await reader.return?.();
  assert.deepEqual(await pending[2], { done: true, value: undefined });
  assert.deepEqual(await reader.next(), { done: true, value: undefined });
});

test('many messages are read in order, whatever one read holds', async (t) => {
  const broker = await started(t);
  const value = 'x'.repeat(500);
  const count = 5000;
  await broker.publishMany(
    't',
    Array.from({ length: count }, () => ({ value })),
  );
  let next = 0;
  for await (const { offset } of broker.consume({ topic: 't', follow: false })) {
    assert.equal(offset, next++);
  }
  assert.equal(next, count);
});

test('the deletion of its topic ends a reader with an error', async (t) => {
  const broker = await started(t);
  await broker.createTopic('t');
  const pending = broker.consume({ topic: 't' }).next();
  await broker.deleteTopic('t');
  await assert.rejects(pending, hasCode('topic_not_found'));
});
