import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertHere } from '../kernel/assert.ts';
import { TestApi } from './api.fixture.ts';
import { routes } from './index.ts';
import { route } from './route.ts';
import { integer, object, text } from './schema.ts';

const bytesOf = (value: string): Uint8Array => Buffer.from(value);

test('the table is whole: paths, names and parameters agree', () => {
  const operations = new Set<string>();
  const places = new Set<string>();
  for (const each of routes) {
    assert.match(each.path, /^(\/(v1|[a-z]+|\{[a-z]+\}))+$/);
    const named = Array.from(each.path.matchAll(/\{(\w+)\}/g), ([, name]) => name);
    assert.deepEqual(named, Object.keys(each.parameters), each.path);
    operations.add(each.operation);
    places.add(`${each.method} ${each.path}`);
    assert.ok(each.method !== 'GET' || each.body === null, 'a GET has no body');
  }
  assert.equal(operations.size, routes.length);
  assert.equal(places.size, routes.length);
});

test('what is at no path, or there by another method, is told apart', async () => {
  const api = new TestApi();
  const nowhere = await api.ask('GET', '/v2/broker');
  assert.deepEqual([nowhere.status, nowhere.body.code], [404, 'no_such_route']);
  assert.equal(nowhere.headers['content-type'], 'application/problem+json');
  const wrong = await api.ask('PUT', '/v1/topics');
  assert.deepEqual([wrong.status, wrong.body.code], [405, 'wrong_method']);
  assert.equal(wrong.headers.allow, 'GET, POST');
});

test('a request that is not as declared is told every place at fault', async () => {
  const api = new TestApi();
  const body = { name: 7, partitions: 'x', options: { a: 1 }, more: true };
  const answer = await api.ask('POST', '/v1/topics', body);
  assert.equal(answer.status, 400);
  const pointers = answer.body.faults.map(({ pointer }: { pointer: string }) => pointer);
  assert.deepEqual(pointers.sort(), ['/more', '/name', '/options/a', '/partitions']);
  const query = await api.ask('GET', '/v1/topics?limit=5000&limits=1');
  assert.match(query.body.detail, /\/query\/limits: there is no such member/);
  assert.match(query.body.detail, /\/query\/limit: a number from 1 to 1000/);
});

test('bodies that are no JSON, no UTF-8 or of another type are refused', async () => {
  const api = new TestApi();
  for (const body of ['{', '', '\u0000', '{"name":"a"} x']) {
    const { status } = await api.begin('POST', '/v1/topics', bytesOf(body));
    assert.equal(status, 400, body);
  }
  const notText = await api.begin('POST', '/v1/topics', Uint8Array.of(0x22, 0xff, 0x22));
  assert.equal(notText.status, 400);
  const signal = new AbortController().signal;
  const form = await api.begin('POST', '/v1/topics', bytesOf('{}'), signal, 'text/plain');
  assert.equal(form.status, 415);
  assert.equal(api.broker.topicCount, 0, 'nothing was made');
});

test('a body nested without end is an answer, not the end of the broker', async () => {
  const api = new TestApi();
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const { status } = await api.begin('POST', '/v1/topics', bytesOf(deep));
  assert.equal(status, 400);
});

test('names that objects have by themselves are names like others', async () => {
  const api = new TestApi();
  const body = '{"name":"a","options":{"__proto__":"x","constructor":"y"}}';
  const answer = await api.begin('POST', '/v1/topics', bytesOf(body));
  assert.equal(answer.status, 400);
  const query = await api.ask('GET', '/v1/topics?__proto__=1');
  assert.equal(query.status, 400);
});

test('a mistake of ours is answered as one, and a failed assertion is handed on', async () => {
  const plain = {
    method: 'GET',
    text: 'x',
    parameters: { what: text() },
    query: {},
    body: null,
    answer: object({ n: integer() }),
    errors: [],
  } as const;
  const broken = route({
    ...plain,
    path: '/v1/broken/{what}',
    operation: 'broken',
    run(_context, { path }) {
      assertHere(path.what !== 'assertion', 'it is not the one');
      throw new TypeError('a mistake');
    },
  });
  const api = new TestApi({}, [broken]);
  const mistake = await api.ask('GET', '/v1/broken/here');
  assert.deepEqual([mistake.status, mistake.body.code], [500, 'internal']);
  assert.equal(mistake.body.detail, '', 'the inside is not shown');
  assert.equal(api.mistakes.length, 0);
  assert.equal((await api.ask('GET', '/v1/broken/assertion')).status, 500);
  assert.equal(api.mistakes.length, 1);
});
