/** The socket in the data folder: HTTP for whoever may enter it; hostile bytes hurt nobody. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import * as net from 'node:net';
import * as path from 'node:path';
import { test } from 'node:test';
import { createBroker } from '../../src/index.ts';
import { Commands, startWithCommands, temporaryFolder } from './cli.fixture.ts';

/** What comes back until the broker closes, which it may do with bytes unread. */
async function send(socketPath: string, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = net.connect(socketPath);
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes;
  });
  for (const piece of pieces) socket.write(piece);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return text;
}

test('any HTTP client may ask', async (t) => {
  const { folder, broker } = await startWithCommands(t);
  const request = http.get({ socketPath: path.join(folder, 'broker.sock'), path: '/v1/broker' });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const piece of response) text += piece;
  assert.equal(response.statusCode, 200);
  assert.equal(JSON.parse(text).pid, broker.cli.child.pid);
});

test('garbage, huge bodies and slow ones do not hurt the broker', async (t) => {
  const { folder, commands } = await startWithCommands(t);
  const socketPath = path.join(folder, 'broker.sock');
  const head =
    'POST /v1/topics/orders/records HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  assert.match(await send(socketPath, '{"op": "status"}\n'), /^HTTP\/1\.1 400 /);
  assert.match(await send(socketPath, Buffer.alloc(100_000, 0xff)), /^(HTTP\/1\.1 400 |$)/);
  const large = `${head}Content-Length: 100000000\r\n\r\n`;
  assert.match(await send(socketPath, large, Buffer.alloc(1_000_000, 97)), /^(HTTP\/1\.1 413 |$)/);
  // Bodies that never come to their end, as many as may connect, and more.
  const slow = Array.from({ length: 200 }, () => {
    const socket = net.connect(socketPath);
    socket.on('error', () => {});
    socket.write(`${head}Content-Length: 10000000\r\n\r\n{"records":[`);
    return socket;
  });
  await Promise.all(slow.map((socket) => once(socket, 'connect')));
  for (const socket of slow) socket.destroy();
  await commands.ok('publish', 'orders', 'still here');
  assert.equal(await commands.ok('consume', 'orders'), 'still here\n');
});

test('a broker inside a program is asked like any other, but not stopped', async (t) => {
  const dataDir = temporaryFolder(t);
  const broker = await createBroker({ dataDir, segmentBytes: 1024 * 1024 });
  const commands = new Commands(t, dataDir);
  await broker.publish('orders', { value: 'from inside' });
  assert.equal(await commands.ok('consume', 'orders'), 'from inside\n');
  const { code, stderr } = await commands.run('stop');
  assert.match(stderr, /^polylog: This is not supported: the broker is part of another program/);
  assert.equal(code, 1);
  await broker.close();
  assert.equal((await commands.run('status')).code, 3);
});
