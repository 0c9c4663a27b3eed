/** `createBroker`: starting, stopping, and what is left behind. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { mock, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { type BrokerError, createBroker } from '../../src/index.ts';
import { collect, temporaryFolder } from './embedding.fixture.ts';

const compiledIndex = new URL('../../src/index.js', import.meta.url).href;

/** Runs a module in a process of its own and returns what it printed. */
function runModule(code: string): { readonly status: number | null; readonly said: string } {
  const text = code.replaceAll("'polylog'", `'${compiledIndex}'`);
  const result = spawnSync(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', text],
    {
      encoding: 'utf8',
      timeout: 20_000,
    },
  );
  return { status: result.status, said: `${result.stdout}${result.stderr}`.trim() };
}

test('a broker in memory serves a Kafka client on a port that the system chose', async () => {
  const broker = await createBroker({ storage: 'memory', listeners: { kafka: 0 } });
  const { host, port } = broker.address('kafka');
  assert.equal(host, '127.0.0.1');
  assert.deepEqual(broker.listeners, [`kafka://127.0.0.1:${port}`]);
  await broker.createTopic('orders', { partitions: 2 });
  const kafka = new Kafka({ brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({
    topic: 'orders',
    messages: [{ key: 'k', value: 'v', partition: 1, headers: { a: 'b' } }],
  });
  await producer.disconnect();
  const [message] = await collect(broker.consume({ topic: 'orders', follow: false }));
  assert.ok(message);
  assert.deepEqual([message.partition, message.offset], [1, 0]);
  assert.deepEqual([String(message.key), String(message.value)], ['k', 'v']);
  assert.deepEqual(
    message.headers.map(({ key, value }) => [key, String(value)]),
    [['a', 'b']],
  );
  await broker.close();
});

test('without options it opens no listener, and close may be called twice', async () => {
  const broker = await createBroker();
  assert.deepEqual(broker.listeners, []);
  assert.throws(() => broker.address('kafka'), /no listener 0 for kafka/);
  const first = broker.close();
  assert.equal(broker.close(), first);
  await first;
  await broker[Symbol.asyncDispose]();
});

test('after the close every call says so', async () => {
  const broker = await createBroker();
  const queue = await broker.queue('jobs').declare();
  await broker.close();
  const isDraining = (error: BrokerError): boolean => error.code === 'draining';
  await assert.rejects(broker.publish('t', { value: 'x' }), isDraining);
  await assert.rejects(broker.createTopic('t'), isDraining);
  await assert.rejects(queue.publish({ value: 'x' }), isDraining);
  assert.throws(() => broker.topics(), isDraining);
  assert.throws(() => broker.consume({ topic: 't' }), isDraining);
  assert.throws(() => queue.consume(), isDraining);
});

test('what was published is there after a restart on the same folder', async (t) => {
  const dataDir = temporaryFolder(t);
  const first = await createBroker({ dataDir, segmentBytes: 1024 * 1024 });
  await first.publishMany('orders', [{ value: '1' }, { value: '2' }]);
  const queue = await first.queue('jobs').declare();
  await queue.publish({ value: 'job' });
  await first.close();
  assert.ok(!fs.existsSync(path.join(dataDir, 'broker.sock')));
  const second = await createBroker({ dataDir });
  const messages = await collect(second.consume({ topic: 'orders', follow: false }));
  assert.deepEqual(
    messages.map(({ value }) => String(value)),
    ['1', '2'],
  );
  assert.equal((await second.queue('jobs').declare()).depth().ready, 1);
  await second.close();
});

test('a start that fails leaves nothing: the folder is free, the ports are free', async (t) => {
  const dataDir = temporaryFolder(t);
  const other = await createBroker({ listeners: { kafka: 0 } });
  const { port } = other.address('kafka');
  const isBusy = (error: BrokerError): boolean => error.code === 'port_in_use';
  const listeners = { kafka: [0, port] };
  await assert.rejects(createBroker({ dataDir, listeners, segmentBytes: 1024 * 1024 }), isBusy);
  await other.close();
  const broker = await createBroker({ dataDir, listeners: { kafka: port } });
  assert.equal(broker.address('kafka').port, port);
  await broker.close();
});

test('a folder in use is refused', async (t) => {
  const dataDir = temporaryFolder(t);
  const broker = await createBroker({ dataDir, segmentBytes: 1024 * 1024 });
  const isLocked = (error: BrokerError): boolean => error.code === 'data_folder_locked';
  await assert.rejects(createBroker({ dataDir }), isLocked);
  await broker.close();
});

test('bad options are refused by their names', async () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ listeners: { mqtt: 0 } }, /there is no protocol mqtt; there is: kafka/],
    [{ listeners: { kafka: { host: '0.0.0.0', port: 0 } } }, /add allowAnonymous: true/],
    [{ listeners: { kafka: 70_000 } }, /listen: kafka:\/\/127\.0\.0\.1:70000/],
    [{ storge: 'memory' }, /unknown option storge; did you mean storage\?/],
    [{ topicDefaults: { 'retention.ms': 'x' } }, /retention\.ms/],
  ];
  for (const [options, text] of cases) await assert.rejects(createBroker(options), text);
});

test('a process that has closed its broker ends by itself and leaves no files', (t) => {
  const folder = temporaryFolder(t);
  const before = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('polylog-'));
  const { status, said } = runModule(`
    import { createBroker } from 'polylog';
    for (const options of [{}, { dataDir: ${JSON.stringify(folder)} }]) {
      const broker = await createBroker({ ...options, listeners: { kafka: 0 } });
      await broker.publish('t', { value: 'x' });
      const pending = broker.consume({ topic: 't', from: 'latest' }).next();
      const queue = await broker.queue('q').declare();
      const worker = queue.consume(() => {});
      await broker.close();
      await worker.ended;
      console.log((await pending).done);
    }
    // A thread takes a moment to end.
    const open = () => process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|Imm)/.test(name));
    for (let turn = 0; open().length > 0 && turn < 100_000; turn++) await new Promise(setImmediate);
    console.log(open().length);
  `);
  assert.equal(said, 'true\ntrue\n0');
  assert.equal(status, 0);
  const after = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('polylog-'));
  assert.deepEqual(
    after.filter((name) => !before.includes(name) && name.includes('sock')),
    [],
  );
});

test('fake timers that were set before the first start do not stop it', () => {
  const { status, said } = runModule(`
    import { createBroker } from 'polylog';
    import { mock } from 'node:test';
    mock.timers.enable();
    const broker = await createBroker({ listeners: { kafka: 0 } });
    const { offset } = await broker.publish('t', { value: 'x' });
    await broker.close();
    console.log(offset);
  `);
  assert.equal(said, '0');
  assert.equal(status, 0);
});

test('a disk that fails is an event, not the end of the process', async (t) => {
  const dataDir = temporaryFolder(t);
  const faults: BrokerError[] = [];
  const broker = await createBroker({
    ...{ dataDir, segmentBytes: 1024 * 1024, listeners: { kafka: 0 } },
    onFault: (error) => faults.push(error),
  });
  await broker.publish('t', { value: 'kept' });
  const waiting = broker.consume({ topic: 't', from: 'latest' }).next();
  const failing = mock.method(fs, 'writeSync', () => {
    throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' });
  });
  const isFailed = (error: BrokerError): boolean => error.code === 'storage_failed';
  await assert.rejects(broker.publish('t', { value: 'lost' }), isFailed);
  failing.mock.restore();
  await assert.rejects(waiting, isFailed);
  assert.deepEqual(
    faults.map(({ code }) => code),
    ['storage_failed'],
  );
  assert.equal(broker.fault, faults[0]);
  await assert.rejects(broker.publish('t', { value: 'late' }), isFailed);
  await broker.close();
  const again = await createBroker({ dataDir });
  const messages = await collect(again.consume({ topic: 't', follow: false }));
  assert.deepEqual(
    messages.map(({ value }) => String(value)),
    ['kept'],
  );
  await again.close();
});

test('both faces of the package are made from one source', () => {
  const cjs = fileURLToPath(new URL('../../cjs/index.cjs', import.meta.url));
  if (!fs.existsSync(cjs)) return;
  const { said } = runModule(`
    import { createRequire } from 'node:module';
    import * as esm from 'polylog';
    const cjs = createRequire(import.meta.url)(${JSON.stringify(cjs)});
    console.log(Object.keys(esm).sort().join() === Object.keys(cjs).sort().join());
    const broker = await cjs.createBroker({ listeners: { kafka: 0 } });
    console.log((await broker.publish('t', { value: 'x' })).offset);
    await broker.close();
  `);
  assert.equal(said, 'true\n0');
});
