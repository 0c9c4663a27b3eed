import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import { connected, frame, World } from './server.fixture.ts';

function hasCode(code: BrokerErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.code === code;
}

test('a default port that is busy moves on loudly, one that was asked for is an error', () => {
  const world = new World();
  world.net.busyPorts.add(9092).add(9093);
  const moved = world.listen();
  assert.equal(moved.url, 'echo://127.0.0.1:9094');
  assert.equal(moved.hasMoved, true);
  assert.deepEqual(world.warnings, ['listener.port_moved']);
  assert.throws(() => world.listen({ port: 9093, isFixed: true }), hasCode('port_in_use'));
});

test('the search for a free port ends', () => {
  const world = new World();
  for (let port = 65_000; port < 65_536; port++) world.net.busyPorts.add(port);
  assert.throws(() => world.listen({ port: 65_500 }), hasCode('port_in_use'));
  assert.throws(() => world.listen({ port: 65_001 }), hasCode('port_in_use'));
});

test('off loopback a listener needs permission', () => {
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.0.0.1.example.org']) {
    assert.throws(() => new World().listen({ host }), hasCode('not_loopback'));
    assert.equal(new World({}, true).listen({ host }).address.host, host);
  }
  for (const host of ['localhost', '127.1.2.3', '::1']) new World().listen({ host });
  assert.equal(new World().listen({ host: '::1' }).url, 'echo://[::1]:9092');
});

test('a client is told the advertised address, the bound one, or where it reached us', () => {
  const advertised = { host: 'broker.example.org', port: 1 };
  const told = (host: string, address: typeof advertised | null): unknown => {
    const world = new World({}, true);
    world.listen({ host, advertised: address, port: 0 });
    return world.accept().connection.link.advertised;
  };
  assert.deepEqual(told('127.0.0.1', advertised), advertised);
  assert.deepEqual(told('127.0.0.1', null), { host: '127.0.0.1', port: 40_000 });
  assert.deepEqual(told('0.0.0.0', null), { host: '127.0.0.1', port: 9092 });
});

test('connections over the limit are refused, with one warning', () => {
  const world = connected({ connectionsMax: 1 });
  for (let i = 0; i < 3; i++) assert.throws(() => world.accept());
  assert.deepEqual(world.warnings, ['connection.refused']);
  world.socket.close();
  world.accept();
});

test('a connection without a first frame is closed, one with is not', () => {
  const world = connected({ firstFrameTimeoutMs: 5_000 });
  const talkative = world.accept();
  talkative.socket.receive(frame('e'));
  world.socket.receive(frame('e').subarray(0, 4));
  world.scheduler.advance(4_000);
  assert.equal(world.socket.isDestroyed, false);
  world.scheduler.advance(3_000);
  assert.equal(world.socket.isDestroyed, true);
  assert.equal(talkative.socket.isDestroyed, false);
});

test('an idle connection is closed, one that waits for us is not', () => {
  const world = connected();
  world.protocol.idleTimeoutMs = 10_000;
  const idle = world.accept();
  const active = world.accept();
  const held = world.accept();
  const committing = world.accept();
  idle.socket.receive(frame('e'));
  active.socket.receive(frame('e'));
  held.socket.receive(frame('h'));
  committing.socket.receive(frame('c', [100]));
  world.scheduler.advance(8_000);
  active.socket.receive(frame('e'));
  world.scheduler.advance(4_000);
  assert.deepEqual(
    [idle, active, held, committing].map(({ socket }) => socket.isDestroyed),
    [true, false, false, false],
  );
});

test('a peer that takes no answers is idle', () => {
  const world = new World();
  world.protocol.idleTimeoutMs = 10_000;
  world.listen();
  const { socket } = world.accept();
  socket.room = 0;
  socket.receive(frame('e'));
  world.scheduler.advance(12_000);
  assert.equal(socket.isDestroyed, true);
});

test('an ending connection whose answers are not taken is cut', () => {
  const { socket, scheduler } = connected({ closeTimeoutMs: 5_000 });
  socket.room = 0;
  socket.receive(frame('q'));
  scheduler.advance(4_000);
  assert.equal(socket.isDestroyed, false);
  scheduler.advance(3_000);
  assert.equal(socket.isDestroyed, true);
});

test('a shutdown lets what is under way finish, and cuts the rest at the deadline', () => {
  const world = connected();
  const idle = world.accept();
  const held = world.accept();
  const stuck = world.accept();
  world.socket.receive(frame('c', [5]));
  held.socket.receive(frame('h'));
  stuck.socket.receive(frame('h'));
  world.scheduler.settle();
  let closed = 0;
  world.server.close(3_000, () => closed++);
  world.scheduler.settle();
  assert.deepEqual(
    world.protocol.connections.map(({ shutdowns }) => shutdowns),
    [1, 1, 1, 1],
  );
  assert.equal(world.net.busyPorts.size, 0);
  assert.equal(idle.socket.hasEnded, true);
  assert.equal(world.socket.hasEnded, false);
  assert.equal(held.socket.hasEnded, false);
  world.broker.commit(5);
  held.connection.link.resume();
  world.scheduler.settle();
  assert.equal(world.socket.hasEnded, true);
  assert.equal(held.socket.hasEnded, true);
  for (const { socket } of [world, idle, held]) socket.close();
  assert.equal(closed, 0);
  world.scheduler.advance(3_000);
  assert.equal(stuck.socket.isDestroyed, true);
  assert.equal(world.protocol.closes, 0);
  stuck.socket.close();
  assert.equal(closed, 1);
  assert.equal(world.protocol.closes, 1);
});

test('requests that arrive after the shutdown has begun are not served', () => {
  const { socket, scheduler, server, connection } = connected();
  socket.receive(frame('h'));
  server.close(3_000, () => {});
  socket.receive(frame('e'));
  connection.link.resume();
  scheduler.settle();
  assert.equal(connection.frames, 1);
  assert.equal(socket.hasEnded, true);
});

test('a close without time cuts at once, also after a patient one', () => {
  const world = connected();
  world.socket.receive(frame('h'));
  const order: string[] = [];
  world.server.close(60_000, () => order.push('first'));
  world.scheduler.settle();
  assert.equal(world.socket.isDestroyed, false);
  world.server.close(0, () => order.push('second'));
  assert.equal(world.socket.isDestroyed, true);
  world.socket.close();
  assert.deepEqual(order, ['first', 'second']);
});

test('a server without connections closes at once', () => {
  const world = new World();
  world.listen();
  let closed = 0;
  world.server.close(1_000, () => closed++);
  assert.equal(closed, 0, 'not inside of the call');
  world.scheduler.settle();
  assert.equal(closed, 1);
  world.server.close(0, () => closed++);
  world.scheduler.settle();
  assert.equal(closed, 2);
});
