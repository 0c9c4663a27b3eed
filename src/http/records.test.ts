import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appendBatch, createTopic, partitionOf, recordsAt } from '../broker/broker.fixture.ts';
import { type Asked, TestApi } from './api.fixture.ts';

const publish = (api: TestApi, topic: string, ...records: object[]): Promise<Asked> =>
  api.ask('POST', `/v1/topics/${topic}/records`, { records });

const read = (api: TestApi, positions: object[], more: object = {}): Promise<Asked> =>
  api.ask('POST', '/v1/records/read', { positions, ...more });

const valuesOf = ({ records }: { records: { value: unknown }[] }): unknown[] =>
  records.map(({ value }) => value);

test('what is published comes back as it was: text, bytes, nothing, headers', async () => {
  const api = new TestApi();
  const records = [
    { key: 'k', value: 'text ✓', headers: [{ key: 'h', value: null }], timestamp: 5 },
    { value: { base64: '/w==' }, headers: [{ key: 'h', value: { base64: 'gA==' } }] },
    { key: { base64: 'YWI=' }, value: null },
    { key: '', value: '' },
  ];
  const published = await publish(api, 'orders', ...records);
  assert.equal(published.body.published, 4);
  const { body } = await api.ask('GET', '/v1/topics/orders/partitions/0/records');
  assert.deepEqual(
    body.records.map(({ key, value }: Record<string, unknown>) => [key, value]),
    [
      ['k', 'text ✓'],
      [null, { base64: '/w==' }],
      ['ab', null],
      ['', ''],
    ],
  );
  assert.deepEqual(body.records[0].headers, [{ key: 'h', value: null }]);
  assert.deepEqual(body.records[1].headers, [{ key: 'h', value: { base64: 'gA==' } }]);
  assert.equal(body.records[0].timestamp, 5);
  assert.deepEqual([body.nextOffset, body.highWatermark], [4, 4]);
});

test('one record at fault does not take the others with it, and is named', async () => {
  const api = new TestApi();
  createTopic(api.broker, 'orders');
  const { status, body } = await publish(
    api,
    'orders',
    { value: 'a' },
    { value: 'b', partition: 9 },
    { value: 'c' },
  );
  assert.deepEqual([status, body.published], [200, 2]);
  assert.equal(body.results[1].error.code, 'partition_not_found');
  assert.deepEqual([body.results[0].offset, body.results[2].offset], [0, 1]);
  const all = await publish(api, 'orders', { value: 'a', partition: 9 });
  assert.deepEqual([all.status, all.body.code], [404, 'partition_not_found']);
  const large = await publish(api, 'orders', { value: 'x'.repeat(2_000_000) });
  assert.deepEqual([large.status, large.body.code], [413, 'batch_too_large']);
});

test('a value that is neither text nor bytes is refused before anything is published', async () => {
  const api = new TestApi();
  for (const value of [7, { base64: '*' }, { base64: 'a' }, {}, ['a']]) {
    assert.equal((await publish(api, 'orders', { value: 'a' }, { value })).status, 400);
  }
  assert.equal(api.broker.topic('orders'), undefined);
});

test('reading begins at an offset, the ends, a time, or so many before the end', async () => {
  const api = new TestApi();
  const topic = createTopic(api.broker, 'orders');
  appendBatch(api.broker, partitionOf(topic), recordsAt(10, 20, 30, 40));
  await api.turn();
  const first = async (at: unknown): Promise<number[]> => {
    const { body } = await read(api, [{ topic: 'orders', partition: 0, at }]);
    return body.partitions[0].records.map(({ offset }: { offset: number }) => offset);
  };
  assert.deepEqual(await first('earliest'), [0, 1, 2, 3]);
  assert.deepEqual(await first('latest'), []);
  assert.deepEqual(await first(2), [2, 3]);
  assert.deepEqual(await first({ time: 25 }), [2, 3]);
  assert.deepEqual(await first({ time: 99 }), []);
  assert.deepEqual(await first({ fromEnd: 1 }), [3]);
  assert.deepEqual(await first({ fromEnd: 100 }), [0, 1, 2, 3]);
  const timed = await api.ask('GET', '/v1/topics/orders/partitions/0/records?at=time:30');
  assert.equal(timed.body.records[0].offset, 2);
});

test('limits cut an answer, and nextOffset goes on behind the cut', async () => {
  const api = new TestApi();
  await publish(api, 'orders', ...Array.from({ length: 10 }, (_, i) => ({ value: `${i}` })));
  const seen: unknown[] = [];
  for (let at = 0; at < 10; ) {
    const { body } = await read(api, [{ topic: 'orders', partition: 0, at }], { maxRecords: 4 });
    seen.push(...valuesOf(body.partitions[0]));
    at = body.partitions[0].nextOffset;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 10 }, (_, i) => `${i}`),
  );
  const position = [{ topic: 'orders', partition: 0, at: 0 }];
  const small = await read(api, position, { maxBytes: 1 });
  assert.deepEqual(valuesOf(small.body.partitions[0]), ['0']);
});

test('an offset that is not there, and what does not exist, are errors of their partition', async () => {
  const api = new TestApi();
  await publish(api, 'orders', { value: 'a' });
  const { body } = await read(api, [
    { topic: 'orders', partition: 0, at: 7 },
    { topic: 'orders', partition: 3, at: 0 },
    { topic: 'nope', partition: 0, at: 0 },
    { topic: 'orders', partition: 0, at: 0 },
  ]);
  const codes = body.partitions.map(({ error }: { error: { code: string } | null }) => error?.code);
  assert.deepEqual(codes, [
    'offset_out_of_range',
    'partition_not_found',
    'topic_not_found',
    undefined,
  ]);
  const one = await api.ask('GET', '/v1/topics/orders/partitions/0/records?at=7');
  assert.deepEqual([one.status, one.body.code], [400, 'offset_out_of_range']);
  assert.match(one.body.detail, /has 0 to 1, not 7/);
});

test('a long poll ends with a record, with its time, or when nobody waits any more', async () => {
  const api = new TestApi();
  const topic = createTopic(api.broker, 'orders');
  await api.turn();
  const position = { topic: 'orders', partition: 0, at: 0 };
  const body = Buffer.from(JSON.stringify({ positions: [position], waitMs: 20_000 }));
  const gone = new AbortController();
  const wait = (): { answer: unknown } => {
    const waiting: { answer: unknown } = { answer: null };
    void api.begin('POST', '/v1/records/read', body, gone.signal).then((answer) => {
      waiting.answer = JSON.parse(Buffer.from(answer.body).toString());
    });
    return waiting;
  };
  const first = wait();
  await api.turn();
  assert.equal(api.context.waitingPositions, 1);
  appendBatch(api.broker, partitionOf(topic), recordsAt(1));
  await api.turn();
  await api.turn();
  const { partitions } = first.answer as { partitions: { records: unknown[] }[] };
  assert.equal(partitions[0]?.records.length, 1);
  position.at = 1;
  body.set(Buffer.from(JSON.stringify({ positions: [position], waitMs: 20_000 })));
  const second = wait();
  await api.turn();
  api.bench.loop.advance(20_000);
  await api.turn();
  assert.deepEqual(second.answer, { partitions: [] });
  const third = wait();
  await api.turn();
  assert.equal(partitionOf(topic).watchers?.size, 1);
  gone.abort();
  await api.turn();
  assert.deepEqual(third.answer, { partitions: [] });
  assert.equal(partitionOf(topic).watchers, null);
  assert.equal(api.context.waitingPositions, 0);
});

test('what all long polls wait for together is bounded', async () => {
  const api = new TestApi();
  createTopic(api.broker, 'orders');
  api.context.waitingPositions = 200_000;
  const { status, body } = await read(api, [{ topic: 'orders', partition: 0, at: 0 }], {
    waitMs: 1000,
  });
  assert.deepEqual([status, body.code], [429, 'limit_exceeded']);
});
