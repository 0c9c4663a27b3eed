import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError, brokerErrorCodes } from '../kernel/errors.ts';
import { TestApi } from './api.fixture.ts';
import { statusOf } from './index.ts';

interface Finding {
  readonly level: string;
  readonly what: string;
}

async function findingsOf(api: TestApi): Promise<string[]> {
  const { body } = await api.ask('GET', '/v1/broker/diagnosis');
  return body.findings.map(({ level, what }: Finding) => `${level}: ${what}`);
}

test('status and usage are told', async () => {
  const api = new TestApi();
  api.bench.loop.advance(1500);
  const { body } = await api.ask('GET', '/v1/broker');
  assert.deepEqual([body.pid, body.uptimeMs, body.connections], [4711, 1500, 2]);
  assert.deepEqual(body.listeners, ['kafka://127.0.0.1:9092']);
  const usage = await api.ask('GET', '/v1/broker/usage');
  assert.equal(usage.body.segmentBytes, 1024 * 1024);
});

test('a stop is answered before it begins, and refused inside another program', async () => {
  const api = new TestApi();
  assert.equal((await api.ask('POST', '/v1/broker/stop')).status, 202);
  assert.equal(api.around.isStopped, false);
  api.bench.loop.advance(1000);
  assert.equal(api.around.isStopped, true);
  Object.assign(api.context, { stop: null });
  const refused = await api.ask('POST', '/v1/broker/stop');
  assert.deepEqual([refused.status, refused.body.code], [501, 'unsupported']);
});

test('a broker in order is told only what is worth knowing', async () => {
  const api = new TestApi();
  assert.deepEqual(await findingsOf(api), [
    'note: All listeners are on loopback: only programs on this machine can connect.',
  ]);
});

test('troubles come first, each with its own words', async () => {
  const api = new TestApi({ allowAnonymous: true, durability: 'write' });
  const { around } = api;
  around.fault = new BrokerError('storage_failed', 'segments/1.seg');
  around.disk = { freeBytes: 1024 ** 3, totalBytes: 100 * 1024 ** 3 };
  around.listeners = [{ url: 'kafka://0.0.0.0:9092', isRemote: true }];
  around.process = { ...around.process, openFiles: 900, openFilesMax: 1000 };
  const found = await findingsOf(api);
  assert.match(found[0] ?? '', /^error: The broker has stopped serving: The disk failed/);
  assert.match(found[1] ?? '', /^error: The disk .* nearly full: 1024 MiB are free, 1.0 %/);
  const text = found.join('\n');
  assert.match(text, /^warning: Whoever can reach a listener/m);
  assert.match(text, /^warning: 900 of 1000 file descriptors/m);
  assert.match(text, /^note: With durability=write/m);
});

test('few file descriptors, an old Node and a missing listener are noticed', async () => {
  const api = new TestApi();
  api.around.process = { ...api.around.process, openFilesMax: 1024, nodeVersion: 'v20.20.2' };
  api.around.listeners = [];
  const text = (await findingsOf(api)).join('\n');
  assert.match(text, /^note: The process may have 1024 file descriptors: it takes fewer .* 20000/m);
  assert.match(text, /^note: Node v20.20.2 gets no fixes since 2026-04-30/m);
  assert.match(text, /^warning: There is no listener/m);
});

test('every error has a status of HTTP', () => {
  for (const code of brokerErrorCodes) {
    const status = statusOf(code);
    assert.ok(status >= 400 && status < 600, `${code}: ${status}`);
  }
  assert.deepEqual(
    (['topic_not_found', 'topic_exists', 'storage_full', 'fenced'] as const).map(statusOf),
    [404, 409, 507, 503],
  );
});
