import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appendBatch, createTopic, partitionOf, recordsAt } from '../broker/broker.fixture.ts';
import { TestApi } from './api.fixture.ts';

test('a topic is made, described and deleted', async () => {
  const api = new TestApi();
  const body = { name: 'orders', partitions: 3, options: { 'retention.ms': '1000' } };
  const made = await api.ask('POST', '/v1/topics', body);
  assert.equal(made.status, 201);
  assert.deepEqual([made.body.name, made.body.partitions], ['orders', 3]);
  const described = await api.ask('GET', '/v1/topics/orders');
  assert.equal(described.body.id, made.body.id);
  assert.deepEqual(
    described.body.partitions.map(({ partition }: { partition: number }) => partition),
    [0, 1, 2],
  );
  const option = described.body.options.find(
    ({ name }: { name: string }) => name === 'retention.ms',
  );
  assert.deepEqual([option.value, option.source, option.isActive], ['1000', 'topic', true]);
  assert.equal((await api.ask('DELETE', '/v1/topics/orders')).status, 200);
  const gone = await api.ask('GET', '/v1/topics/orders');
  assert.deepEqual([gone.status, gone.body.code], [404, 'topic_not_found']);
  assert.equal((await api.ask('DELETE', '/v1/topics/orders')).status, 404);
});

test('what cannot be made is refused with the reason, and nothing is made', async () => {
  const api = new TestApi();
  createTopic(api.broker, 'a.b');
  const cases: [object, number, string][] = [
    [{ name: 'a.b' }, 409, 'topic_exists'],
    [{ name: 'a_b' }, 409, 'topic_name_collision'],
    [{ name: 'a b' }, 400, 'invalid_topic_name'],
    [{ name: 'x', partitions: 0 }, 400, 'invalid_partitions'],
    [{ name: 'x', partitions: 1_000_000 }, 400, 'invalid_partitions'],
    [{ name: 'x', options: { nope: '1' } }, 400, 'unknown_config'],
    [{ name: 'x', options: { 'retention.ms': 'soon' } }, 400, 'invalid_config'],
  ];
  for (const [body, status, code] of cases) {
    const answer = await api.ask('POST', '/v1/topics', body);
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body));
  }
  const dry = await api.ask('POST', '/v1/topics', { name: 'x', validateOnly: true });
  assert.deepEqual([dry.status, dry.body.id], [201, null]);
  assert.equal(api.broker.topic('x'), undefined);
});

test('a list comes in pages, in the order of names, with nothing left out', async () => {
  const api = new TestApi();
  const names = Array.from({ length: 7 }, (_, i) => `t${i}`);
  for (const name of [...names].reverse()) createTopic(api.broker, name);
  const seen: string[] = [];
  let pages = 0;
  for (let after: string | null = ''; after !== null; pages++) {
    const answer = await api.ask('GET', `/v1/topics?internal=false&limit=3&after=${after}`);
    for (const { name } of answer.body.items) seen.push(name);
    after = answer.body.next;
  }
  assert.deepEqual(seen, names);
  assert.equal(pages, 3);
});

test('a list says how much a topic holds', async () => {
  const api = new TestApi();
  const topic = createTopic(api.broker, 'orders', {}, 2);
  appendBatch(api.broker, partitionOf(topic, 0), recordsAt(1, 2));
  appendBatch(api.broker, partitionOf(topic, 1), recordsAt(3));
  await api.turn();
  const [row] = (await api.ask('GET', '/v1/topics?internal=false')).body.items;
  assert.deepEqual([row.name, row.partitions, row.records], ['orders', 2, 3]);
  assert.ok(row.bytes > 100, `${row.bytes}`);
});

test('options are set and unset, partitions added: all of it or nothing', async () => {
  const api = new TestApi();
  createTopic(api.broker, 'orders', { 'retention.ms': '5', 'retention.bytes': '6' });
  const change = { set: { 'retention.ms': '7' }, unset: ['retention.bytes'], partitions: 4 };
  const dry = await api.ask('PATCH', '/v1/topics/orders', { ...change, validateOnly: true });
  assert.equal(dry.body.partitions.length, 1);
  const changed = await api.ask('PATCH', '/v1/topics/orders', change);
  assert.equal(changed.body.partitions.length, 4);
  const overrides = () => Object.fromEntries(api.broker.topic('orders')?.overrides ?? []);
  assert.deepEqual(overrides(), { 'retention.ms': '7' });
  const refused: [object, string][] = [
    [{ set: { 'retention.ms': '8' }, partitions: 2 }, 'invalid_partitions'],
    [{ set: { 'retention.ms': '8', nope: '1' } }, 'unknown_config'],
    [{ set: { 'retention.ms': '8' }, unset: ['nope'] }, 'unknown_config'],
    [{ set: { 'retention.ms': '8' }, unset: ['retention.ms'] }, 'bad_request'],
  ];
  for (const [body, code] of refused) {
    assert.equal((await api.ask('PATCH', '/v1/topics/orders', body)).body.code, code);
    assert.deepEqual(overrides(), { 'retention.ms': '7' });
  }
});

test('the topics of the broker itself are shown, and not changed', async () => {
  const api = new TestApi();
  const name = '__consumer_offsets';
  const offsets = [{ topic: 'orders', partition: 0, offset: 0 }];
  createTopic(api.broker, 'orders');
  await api.ask('PUT', '/v1/groups/g/offsets', { offsets });
  assert.equal((await api.ask('GET', `/v1/topics/${name}`)).body.isInternal, true);
  const calls: [string, string, object | undefined][] = [
    ['DELETE', `/v1/topics/${name}`, undefined],
    ['PATCH', `/v1/topics/${name}`, { partitions: 60 }],
    ['POST', `/v1/topics/${name}/records`, { records: [{ value: 'x' }] }],
  ];
  for (const [method, target, body] of calls) {
    const answer = await api.ask(method, target, body);
    assert.deepEqual([answer.status, answer.body.code], [400, 'topic_internal'], method);
  }
  assert.ok(api.broker.topic(name));
});
