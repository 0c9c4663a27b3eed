import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import type { HttpAnswer, HttpHandler } from '../kernel/http.ts';
import { defaultHttpLimits, type HttpLimits, HttpServer } from './http-server.ts';

const answer = (status: number, text: string): HttpAnswer => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body: Buffer.from(text),
});

/** Answers with the size of the body; `/wait` when the test says so; `/no` at once. */
class Echo implements HttpHandler {
  readonly gone: boolean[] = [];
  readonly waiting: (() => void)[] = [];

  begin({ method, target }: { readonly method: string; readonly target: string }) {
    if (target === '/no') return answer(404, 'no');
    return {
      bodyBytesMax: 1000,
      run: async (body: Uint8Array, gone: AbortSignal): Promise<HttpAnswer> => {
        gone.addEventListener('abort', () => this.gone.push(true));
        if (target === '/wait') await new Promise<void>((resolve) => this.waiting.push(resolve));
        return answer(200, `${method} ${body.length}`);
      },
    };
  }

  refuse(status: number, detail: string): HttpAnswer {
    return answer(status, detail);
  }
}

async function serve(t: TestContext, limits: Partial<HttpLimits> = {}) {
  const handler = new Echo();
  const server = new HttpServer(handler, { ...defaultHttpLimits, ...limits });
  const listener = net.createServer((socket) => server.accept(socket));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    server.close();
    listener.close();
  });
  const { port } = listener.address() as net.AddressInfo;
  return { handler, server, port };
}

/** Sends bytes; resolves to everything that came back when the connection is over. */
async function exchange(port: number, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes;
  });
  for (const piece of pieces) socket.write(piece);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return text;
}

async function post(port: number, body: string, path = '/'): Promise<[number, string]> {
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', path });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const piece of response) text += piece;
  return [response.statusCode ?? 0, text];
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

test('a body is given whole to the handler, and its answer comes back', async (t) => {
  const { port } = await serve(t);
  assert.deepEqual(await post(port, 'x'.repeat(1000)), [200, 'POST 1000']);
  assert.deepEqual(await post(port, 'x', '/no'), [404, 'no']);
});

test('a body over the limit is refused, said or not said beforehand', async (t) => {
  const { port } = await serve(t);
  assert.equal((await post(port, 'x'.repeat(1001)))[0], 413);
  const chunk = `${(600).toString(16)}\r\n${'x'.repeat(600)}\r\n`;
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  assert.match(await exchange(port, head, chunk, chunk), /^HTTP\/1\.1 413 /);
  const huge = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n';
  assert.match(await exchange(port, huge), /^HTTP\/1\.1 413 /);
});

test('a client that asks first is told to go on, or not', async (t) => {
  const { port } = await serve(t);
  const head = (bytes: number): string =>
    `POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`;
  assert.match(await exchange(port, head(3), 'abc'), /^HTTP\/1\.1 100 [\s\S]*POST 3$/);
  assert.match(await exchange(port, head(5000)), /^HTTP\/1\.1 413 /);
});

test('what is no HTTP ends its connection and no other', async (t) => {
  const { port, handler } = await serve(t);
  const other = post(port, 'abc', '/wait');
  const hostile = [
    '\0\0\0\u0001garbage',
    '{"op": "status"}\n',
    `GET / HTTP/1.1\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
  ];
  for (const bytes of hostile) {
    const text = await exchange(port, bytes);
    assert.match(text, /^(HTTP\/1\.1 4\d\d |$)/, bytes.slice(0, 40));
  }
  handler.waiting.shift()?.();
  assert.deepEqual(await other, [200, 'POST 3']);
});

test('a head or a body that does not come to its end is not waited for', async (t) => {
  const { port } = await serve(t, { headMs: 20, bodyMs: 20 });
  assert.equal(await exchange(port, 'GET / HT'), '');
  assert.equal(await exchange(port), '');
  const half = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc';
  assert.equal(await exchange(port, half), '');
  const second = await exchange(port, get('/'), 'GET /');
  assert.match(second, /^HTTP\/1\.1 200 [\s\S]*GET 0$/);
});

test('an answer may take its time, and who goes away meanwhile is noticed', async (t) => {
  const { port, handler } = await serve(t, { headMs: 20, bodyMs: 20 });
  const socket = net.connect(port, '127.0.0.1');
  socket.write(get('/wait'));
  while (handler.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  while (handler.gone.length === 0) await new Promise((resolve) => setImmediate(resolve));
  handler.waiting.shift()?.();
});

test('connections, requests that wait on one, and bodies together are bounded', async (t) => {
  const { port, handler } = await serve(t, {
    ...{ connectionsMax: 2, pipelinedMax: 3, bodyBytesTotalMax: 1500 },
  });
  const many = await exchange(port, get('/wait').repeat(4));
  assert.equal(many, '');
  const first = net.connect(port, '127.0.0.1');
  first.write('POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n');
  first.write('x'.repeat(900));
  while (handler.waiting.length < 4) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await post(port, 'x'.repeat(900)))[0], 503);
  const second = net.connect(port, '127.0.0.1');
  second.write(get('/wait'));
  while (handler.waiting.length < 5) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await exchange(port, get('/')), '');
  first.destroy();
  second.destroy();
});

test('closing sends what is answered and ends what waits', async (t) => {
  const { port, server, handler } = await serve(t);
  const waiting = exchange(port, get('/wait'));
  while (handler.waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const idle = exchange(port, get('/'));
  await post(port, 'x');
  server.close();
  assert.equal(await waiting, '');
  assert.match(await idle, /GET 0$/);
});

test('a body behind a request that waits is let go with its connection', async (t) => {
  const { handler, port } = await serve(t, { bodyBytesTotalMax: 1500 });
  for (let i = 0; i < 3; i++) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST /wait HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n');
    socket.write(`POST /wait HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n${'x'.repeat(900)}`);
    while (handler.waiting.length < 2 * (i + 1))
      await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    while (handler.gone.length < 2 * (i + 1)) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await post(port, 'y'.repeat(900)), [200, 'POST 900']);
});

test('an answer that was taken leaves the next request its time', async (t) => {
  const { handler, port } = await serve(t, { answerMs: 50 });
  const socket = net.connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes;
  });
  let isClosed = false;
  socket.once('close', () => {
    isClosed = true;
  });
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /wait HTTP/1.1\r\nhost: a\r\n\r\n');
  while (!text.includes('GET 0')) await once(socket, 'data');
  await new Promise<void>((resolve) => setTimeout(resolve, 200));
  assert.ok(!isClosed);
  handler.waiting[0]?.();
  await once(socket, 'data');
  assert.equal(text.match(/GET 0/g)?.length, 2);
});
