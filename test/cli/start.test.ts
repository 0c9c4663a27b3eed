/** `polylog start` as a process: what it prints, how it ends, what survives. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as net from 'node:net';
import { test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { createBroker } from '../../src/index.ts';
import { CliProcess, runCli, startBroker, temporaryFolder } from './cli.fixture.ts';

async function produce(address: string, topic: string, values: readonly string[]): Promise<void> {
  const retry = { retries: 3, initialRetryTime: 50 };
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

async function readAll(dataDir: string, topic: string): Promise<string[]> {
  const broker = await createBroker({ dataDir });
  try {
    const values: string[] = [];
    for await (const { value } of broker.consume({ topic, follow: false })) {
      values.push(String(value));
    }
    return values;
  } finally {
    await broker.close();
  }
}

test('it prints one line for each listener and one when it is ready, and ends orderly', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const { cli } = await startBroker(t, temporaryFolder(t));
    const { code, stdout, stderr } = await cli.signal(signal);
    assert.match(stdout, /^listening kafka:\/\/127\.0\.0\.1:\d+\nready in \d+ ms\n$/);
    assert.equal(stderr, '');
    assert.equal(code, 0);
  }
});

test('acknowledged messages survive an orderly end and a killed process', async (t) => {
  const folder = temporaryFolder(t);
  const first = await startBroker(t, folder);
  await produce(first.address, 'orders', ['1', '2']);
  assert.equal((await first.cli.signal('SIGTERM')).code, 0);
  const second = await startBroker(t, folder);
  await produce(second.address, 'orders', ['3']);
  await second.cli.signal('SIGKILL');
  const third = await startBroker(t, folder);
  await produce(third.address, 'orders', ['4']);
  await third.cli.signal('SIGINT');
  assert.deepEqual(await readAll(folder, 'orders'), ['1', '2', '3', '4']);
});

test('a second signal ends it at once', async (t) => {
  const { cli, address } = await startBroker(t, temporaryFolder(t), '--drain-ms', '60000');
  // A frame that never ends keeps the first signal waiting.
  const [host = '', port = ''] = address.split(':');
  const socket = net.connect(Number(port), host);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  t.after(() => socket.destroy());
  cli.child.kill('SIGTERM');
  cli.child.kill('SIGINT');
  const { code } = await cli.ended;
  assert.ok(code === 130 || code === 143, `${code}`);
});

test('a default port that is busy moves on, and says so', async (t) => {
  const server = net.createServer();
  const isOurs = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(9092, '127.0.0.1', () => resolve(true));
  });
  t.after(() => isOurs && server.close());
  const cli = new CliProcess(t, ['start', '--storage', 'memory']);
  const [, port] = await cli.line(/^listening kafka:\/\/127\.0\.0\.1:(\d+) \(another program/m);
  assert.ok(Number(port) > 9092);
  await cli.signal('SIGTERM');
});

test('off loopback it serves when anonymous access is allowed', async (t) => {
  const args = ['start', '--storage', 'memory', '--allow-anonymous'];
  const listen = ['--listen', 'kafka://0.0.0.0:0', '--advertise', 'kafka://broker.example:9092'];
  const cli = new CliProcess(t, [...args, ...listen]);
  await cli.line(/^listening kafka:\/\/0\.0\.0\.0:\d+$/m);
  assert.equal((await cli.signal('SIGTERM')).code, 0);
});

test('a disk that refuses a write ends it with code 70 and one line', async (t) => {
  if (spawnSync('prlimit', ['--version']).error !== undefined) return t.skip('no prlimit here');
  const { cli, address } = await startBroker(t, temporaryFolder(t), '--log-level', 'silent');
  // No file may grow or be written past its first page from now on.
  const { pid } = cli.child;
  assert.equal(spawnSync('prlimit', ['--pid', String(pid), '--fsize=4096']).status, 0);
  await assert.rejects(produce(address, 'orders', ['lost']));
  const { code, stderr } = await cli.ended;
  assert.match(stderr, /^polylog: [^\n]+\n$/);
  assert.equal(code, 70);
});

test('the socket in the data folder answers status and topics, and stops the broker', async (t) => {
  const folder = temporaryFolder(t);
  const { cli, address } = await startBroker(t, folder);
  await produce(address, 'orders', ['1', '2', '3']);
  const status = await runCli(t, ['status', '--data-dir', folder, '--json']);
  const answer = JSON.parse(status.stdout);
  assert.equal(answer.pid, cli.child.pid);
  assert.deepEqual(answer.listeners, [`kafka://${address}`]);
  assert.equal(answer.usage.segmentBytes, 1048576);
  const topics = await runCli(t, ['topics', '--data-dir', folder]);
  assert.match(topics.stdout, /^orders +1 +3 +\d+ B$/m);
  const stop = await runCli(t, ['stop', '--data-dir', folder]);
  assert.equal(stop.stdout, 'stopped\n');
  assert.equal((await cli.ended).code, 0);
});

test('a broker in memory needs no folder', async (t) => {
  const listen = ['--listen', 'kafka://127.0.0.1:0'];
  const cli = new CliProcess(t, ['start', '--storage', 'memory', ...listen], {
    POLYLOG_DATA_DIR: '/dev/null/none',
  });
  const [, address = ''] = await cli.line(/^listening kafka:\/\/(\S+)$/m);
  await produce(address, 'orders', ['1']);
  assert.equal((await cli.signal('SIGTERM')).code, 0);
});
