/** The server on real sockets: what a kernel and hostile peers do to it. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../kernel/silent-logger.ts';
import { nodeClock } from '../node/clock.ts';
import { NodeNet, type ReadMethod } from '../node/net.ts';
import { NodeScheduler } from '../node/scheduler.ts';
import { defaultServerLimits, type ServerLimits } from './limits.ts';
import { EchoProtocol, frame, HandBody, HandBroker, pattern } from './server.fixture.ts';
import { type OpenListener, Server } from './server.ts';

interface RealWorld {
  readonly server: Server;
  readonly protocol: EchoProtocol;
  readonly broker: HandBroker;
  readonly listener: OpenListener;
  connect(): net.Socket;
}

async function start(
  t: TestContext,
  limits: Partial<ServerLimits> = {},
  reads: ReadMethod = 'onread',
): Promise<RealWorld> {
  const broker = new HandBroker();
  const protocol = new EchoProtocol();
  const server = new Server({
    net: new NodeNet(silentLogger, reads),
    clock: nodeClock,
    scheduler: new NodeScheduler(),
    logger: silentLogger,
    broker,
    limits: { ...defaultServerLimits, ...limits },
    allowsRemote: false,
    onFailure: (error) => assert.fail(error),
  });
  t.after(() => new Promise<void>((resolve) => server.close(0, resolve)));
  const listener = await new Promise<OpenListener>((resolve, reject) => {
    server.listen(
      {
        name: 'echo',
        protocol,
        host: '127.0.0.1',
        port: 0,
        isFixed: true,
        advertised: null,
      },
      (error, opened) => (opened === null ? reject(error) : resolve(opened)),
    );
  });
  const connect = (): net.Socket => {
    const socket = net.connect({ ...listener.address, allowHalfOpen: true });
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    return socket;
  };
  return { server, protocol, broker, listener, connect };
}

/** The next `count` bytes. */
async function received(socket: net.Socket, count: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  while (bytes < count) {
    const piece: Buffer | null = socket.read();
    if (piece === null) {
      await once(socket, 'readable');
      continue;
    }
    bytes += piece.length;
    pieces.push(piece);
  }
  assert.equal(bytes, count);
  return Buffer.concat(pieces);
}

async function echoed(socket: net.Socket, bytes: Buffer): Promise<void> {
  socket.write(bytes);
  assert.ok((await received(socket, bytes.length)).equals(bytes));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

for (const reads of ['onread', 'data'] as const) {
  test(`small, large and retained frames are echoed whole over ${reads}`, async (t) => {
    const { server, protocol, connect } = await start(t, {}, reads);
    protocol.retains = true;
    const socket = connect();
    await echoed(socket, frame('e'));
    const sizes = [10, 5_000, 70_000, 2_000_000, 64_000, 8_000_000, 1];
    await echoed(socket, Buffer.concat(sizes.map((size, i) => frame('e', pattern(size, i)))));
    const [connection] = protocol.connections;
    assert.equal(connection?.retained.length, 3);
    for (const { slab, bytes, copy } of connection?.retained ?? []) {
      assert.ok(copy.equals(bytes));
      slab.release();
    }
    socket.destroy();
    await until(() => server.connectionCount === 0);
    assert.equal(server.pool.heldBytes, 0);
  });
}

test('a reader slower than the server costs bounded memory and gets everything', async (t) => {
  const { server, protocol, connect } = await start(t);
  const content = pattern(30 << 20);
  protocol.body = new HandBody(content);
  const socket = connect();
  socket.pause();
  socket.write(Buffer.concat([frame('s'), frame('e', pattern(5))]));
  const other = connect();
  for (let i = 0; i < 20; i++) {
    await echoed(other, frame('e', pattern(1000)));
    assert.ok(server.pool.heldBytes <= 1024 * 1024);
  }
  const answer = await received(socket, 5 + content.length + 4 + 10);
  assert.ok(answer.subarray(5, 5 + content.length).equals(content));
  assert.equal(server.pool.heldBytes, 0);
});

test('a peer that sends and never reads is stopped, and others are served', async (t) => {
  const { protocol, connect } = await start(t);
  const deaf = connect();
  deaf.pause();
  const one = frame('e', pattern(100_000));
  // Its own buffer filling up means that nobody reads.
  while (deaf.writableLength < 1 << 20) {
    deaf.write(one);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await echoed(connect(), frame('e', pattern(1000)));
  const [connection] = protocol.connections;
  assert.ok(connection);
  assert.ok(connection.link.outbox.isFull);
});

test('garbage costs its own connection only', async (t) => {
  const { server, connect } = await start(t, { frameBytesMax: 1 << 20 });
  const good = connect();
  await echoed(good, frame('e', pattern(10)));
  for (let seed = 0; seed < 30; seed++) {
    const bad = connect();
    bad.on('end', () => bad.destroy()).resume();
    bad.write(Buffer.concat([Buffer.from([0xff, seed]), pattern(3_000, seed)]));
    await once(bad, 'close');
  }
  await echoed(good, frame('e', pattern(100_000)));
  await until(() => server.connectionCount === 1);
});

test('hundreds of connections with a beginning of a frame hold no slab, and are cut in time', async (t) => {
  const { server, connect } = await start(t, { firstFrameTimeoutMs: 500 });
  const sockets = Array.from({ length: 300 }, connect);
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const [i, socket] of sockets.entries())
    socket.write(frame('e', pattern(3_000)).subarray(0, i));
  await until(() => server.connectionCount === 300);
  assert.ok(server.pool.heldBytes <= 64 * 1024);
  for (const socket of sockets) socket.resume();
  await until(() => server.connectionCount === 0);
});

test('a peer that ends its side gets its answers, then the end', async (t) => {
  const { broker, connect, protocol } = await start(t);
  const socket = connect();
  socket.end(frame('c', [7]));
  await until(() => protocol.connections[0]?.ends === 1);
  broker.commit(7);
  assert.deepEqual(await received(socket, 6), frame('c', [7]));
  socket.resume();
  await once(socket, 'end');
  await until(() => protocol.connections[0]?.closes === 1);
});

test('peers that vanish midway leave nothing behind', async (t) => {
  const { server, protocol, connect } = await start(t);
  protocol.retains = false;
  for (let i = 0; i < 50; i++) {
    const socket = connect();
    await once(socket, 'connect');
    const large = frame('e', pattern(300_000));
    socket.write(large.subarray(0, 1 + i * 5_000));
    if (i % 2 === 0) socket.write(large);
    await new Promise((resolve) => setImmediate(resolve));
    socket.resetAndDestroy();
  }
  await until(() => protocol.connections.length === 50 && server.connectionCount === 0);
  assert.equal(server.pool.heldBytes, 0);
  assert.ok(protocol.connections.every(({ closes }) => closes === 1));
});

test('a shutdown sends the last answers and closes', async (t) => {
  const { server, broker, connect } = await start(t);
  const socket = connect();
  socket.write(frame('c', [3]));
  const idle = connect();
  await echoed(idle, frame('e'));
  await until(() => server.connectionCount === 2);
  const closed = new Promise<void>((resolve) => server.close(5_000, resolve));
  broker.commit(3);
  assert.deepEqual(await received(socket, 6), frame('c', [3]));
  for (const open of [socket, idle]) open.resume().end();
  await closed;
  assert.equal(server.connectionCount, 0);
});
