import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, pattern, World } from './server.fixture.ts';

const MIB = 1024 * 1024;

function listening(limits: ConstructorParameters<typeof World>[0]): World {
  const world = new World(limits);
  world.listen();
  return world;
}

/** The beginning of a frame of `bytes`, as far as `sent`. */
function begun(bytes: number, sent: number): Buffer {
  return frame('e', pattern(bytes)).subarray(0, sent);
}

test('one address gets its share of the connections, and no more', () => {
  const world = listening({ connectionsMax: 10, connectionsPerAddressMax: 2 });
  const first = world.accept();
  world.accept();
  assert.throws(() => world.accept());
  assert.deepEqual(world.warnings, ['connection.refused']);
  first.socket.close();
  world.accept();
  assert.throws(() => world.accept());
});

test('nine tenths of all connections are the most for one address, if nobody says otherwise', () => {
  const world = listening({ connectionsMax: 10 });
  for (let i = 0; i < 9; i++) world.accept();
  assert.throws(() => world.accept());
});

test('a storm of connections over the limit is warned of once in a second', () => {
  const world = listening({ connectionsMax: 1 });
  world.accept();
  for (let second = 0; second < 3; second++) {
    for (let i = 0; i < 100; i++) assert.throws(() => world.accept());
    world.scheduler.advance(1_000);
  }
  assert.deepEqual(world.warnings, new Array(3).fill('connection.refused'));
});

test('a frame that trickles in is cut, also behind others that were quick', () => {
  const world = listening({ frameTimeoutMs: 5_000 });
  const { socket } = world.accept();
  socket.receive(frame('e'));
  const slow = begun(100, 60);
  for (let i = 0; i < 4; i++) {
    socket.receive(slow.subarray(i, i + 1));
    world.scheduler.advance(1_000);
  }
  assert.equal(socket.isDestroyed, false);
  for (let i = 4; i < 8; i++) {
    socket.receive(slow.subarray(i, i + 1));
    world.scheduler.advance(1_000);
  }
  assert.equal(socket.isDestroyed, true);
});

test('many frames one after the other are not one that takes long', () => {
  const world = listening({ frameTimeoutMs: 5_000 });
  const { socket } = world.accept();
  const whole = frame('e', pattern(50));
  const half = whole.length >> 1;
  socket.receive(whole.subarray(0, half));
  for (let i = 0; i < 20; i++) {
    world.scheduler.advance(1_000);
    socket.receive(Buffer.concat([whole.subarray(half), whole.subarray(0, half)]));
  }
  assert.equal(socket.isDestroyed, false);
});

test('a frame behind a parked request is not waited for, so that its time does not run', () => {
  const world = listening({ frameTimeoutMs: 5_000 });
  const { socket, connection } = world.accept();
  socket.receive(Buffer.concat([frame('h'), begun(100, 50)]));
  world.scheduler.advance(60_000);
  assert.equal(socket.isDestroyed, false);
  connection.link.resume();
  world.scheduler.settle();
  world.scheduler.advance(4_000);
  assert.equal(socket.isDestroyed, false);
  world.scheduler.advance(3_000);
  assert.equal(socket.isDestroyed, true);
});

test('with memory short those go that hold much for long, and a quick sender of much stays', () => {
  const world = listening({ memoryBytesMax: 8 * MIB, frameTimeoutMs: 1e9 });
  const slow = Array.from({ length: 5 }, () => world.accept().socket);
  for (const socket of slow) socket.receive(begun(900_000, 270_000));
  world.scheduler.advance(9_000);
  assert.equal(slow.filter(({ isDestroyed }) => isDestroyed).length, 0, 'not over the limit yet');
  const quick = world.accept().socket;
  const whole = frame('e', pattern(3 * MIB));
  quick.receive(whole.subarray(0, 1_200_000));
  world.scheduler.advance(60);
  const gone = slow.filter(({ isDestroyed }) => isDestroyed).length;
  assert.ok(gone > 0 && gone < 5, `${gone} of 5 have gone`);
  assert.deepEqual(world.warnings, ['connection.memory_short']);
  for (const socket of slow) if (socket.isDestroyed) socket.close();
  quick.receive(whole.subarray(1_200_000));
  world.scheduler.settle();
  assert.equal(quick.isDestroyed, false);
  assert.equal(quick.taken().length, whole.length);
});

test('a flood within one tick is stopped at a quarter over the limit', () => {
  const world = listening({ memoryBytesMax: 8 * MIB });
  const flood = Array.from({ length: 100 }, () => world.accept().socket);
  for (const socket of flood) socket.receive(begun(MIB, 260_000));
  assert.ok(world.server.memory.bytes < 8 * MIB * 1.25 + 7 * MIB, `${world.server.memory.bytes}`);
  for (let i = 0; i < 100; i++) {
    world.scheduler.advance(60);
    for (const socket of flood) if (socket.isDestroyed) socket.close();
  }
  assert.ok(world.server.memory.bytes <= 8 * MIB, `${world.server.memory.bytes} bytes`);
  for (const socket of flood) socket.close();
  assert.equal(world.server.memory.bytes, 0);
});

test('peers that take no answers are cut when their answers take too much memory', () => {
  const world = listening({ memoryBytesMax: 8 * MIB });
  const deaf = Array.from({ length: 60 }, () => world.accept().socket);
  for (const socket of deaf) {
    socket.room = 0;
    for (let i = 0; i < 5; i++) socket.receive(frame('e', pattern(50_000)));
  }
  const good = world.accept().socket;
  world.scheduler.advance(2_000);
  for (const socket of deaf) if (socket.isDestroyed) socket.close();
  assert.ok(world.server.memory.bytes <= 8 * MIB, `${world.server.memory.bytes} bytes`);
  good.receive(frame('e', pattern(50_000)));
  world.scheduler.settle();
  assert.equal(good.taken().length, 50_005);
  for (const socket of [...deaf, good]) socket.close();
  assert.equal(world.server.memory.bytes, 0);
});

test('of more large requests than memory holds some are answered, and none is left waiting', () => {
  const world = listening({ memoryBytesMax: 8 * MIB });
  const askers = Array.from({ length: 60 }, () => world.accept().socket);
  const large = frame('e', pattern(900_000));
  let most = 0;
  for (const socket of askers) {
    socket.receive(large);
    most = Math.max(most, world.server.memory.bytes);
  }
  assert.ok(most < 8 * MIB * 1.25 + 6 * MIB, `${most} bytes`);
  for (let i = 0; i < 60; i++) {
    world.scheduler.settle();
    world.scheduler.advance(100);
    for (const socket of askers) if (socket.isDestroyed) socket.close();
  }
  const answered = askers.filter((socket) => socket.taken().length === large.length).length;
  const cut = askers.filter(({ isDestroyed }) => isDestroyed).length;
  assert.equal(answered + cut, 60, `${answered} answered, ${cut} cut`);
  assert.ok(answered >= 7, `${answered} answered, ${cut} cut`);
});
