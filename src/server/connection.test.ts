import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connected, frame, HandBody, pattern, textFrame, World } from './server.fixture.ts';

test('frames that arrive together are answered in one write at the end of the tick', () => {
  const { socket, scheduler } = connected();
  const frames = [textFrame('e', 'one'), textFrame('e', 'two'), textFrame('e', 'three')];
  socket.receive(Buffer.concat(frames));
  assert.equal(socket.writes, 0);
  scheduler.settle();
  assert.equal(socket.writes, 1);
  assert.deepEqual(socket.taken(), Buffer.concat(frames));
});

test('frames arrive whole however they are cut', () => {
  const sizes = [0, 1, 100, 4_000, 5_000, 60_000, 70_000, 300_000, 1_200_000, 10, 3];
  const stream = Buffer.concat(sizes.map((size, i) => frame('e', pattern(size, i))));
  for (const step of [1_000, 4_095, 4_096, 57_344, 65_536, 300_000, stream.length]) {
    const { socket, scheduler, server } = connected();
    for (let at = 0; at < stream.length; at += step) {
      socket.receive(stream.subarray(at, at + step));
      scheduler.settle();
    }
    assert.ok(socket.taken().equals(stream), `cut every ${step} bytes`);
    socket.close();
    assert.equal(server.pool.heldBytes, 0);
    assert.equal(server.pool.warmCount, 0);
  }
});

test('small frames cut at every byte arrive whole', () => {
  const stream = Buffer.concat([textFrame('e', 'ab'), frame('e'), frame('e', pattern(300))]);
  for (let cut = 1; cut < stream.length; cut++) {
    const { socket, scheduler } = connected();
    socket.receive(stream.subarray(0, cut));
    socket.receive(stream.subarray(cut));
    scheduler.settle();
    assert.ok(socket.taken().equals(stream), `cut at ${cut}`);
  }
});

test('the beginnings of frames on many connections hold no slab and do not mix', () => {
  const world = connected();
  const whole = frame('e', pattern(6_000));
  const sockets = Array.from({ length: 200 }, () => world.accept().socket);
  for (const [i, socket] of sockets.entries()) socket.receive(whole.subarray(0, 1 + i * 20));
  assert.equal(world.server.pool.heldBytes, 0);
  for (const [i, socket] of sockets.entries()) socket.receive(whole.subarray(1 + i * 20));
  world.scheduler.settle();
  for (const socket of sockets) assert.ok(socket.taken().equals(whole));
  assert.equal(world.server.pool.heldBytes, 0);
});

test('an announced length reserves no more than a multiple of what has arrived', () => {
  const { socket, server } = connected();
  const head = Buffer.alloc(4);
  head.writeUInt32BE(100 * 1024 * 1024);
  socket.receive(head);
  assert.ok(server.pool.heldBytes <= 64 * 1024);
  socket.receive(Buffer.alloc(1_000_000));
  assert.ok(server.pool.heldBytes <= 8 * 1024 * 1024);
  socket.close();
  assert.equal(server.pool.heldBytes, 0);
});

test('a frame over the limit closes its connection', () => {
  const { socket } = connected({ frameBytesMax: 1000 });
  socket.receive(frame('e', pattern(900)));
  assert.equal(socket.isDestroyed, false);
  socket.receive(frame('e', pattern(1000)).subarray(0, 5));
  assert.equal(socket.isDestroyed, true);
});

test('retained frames stay as they are while the connection reads on', () => {
  const { socket, scheduler, protocol, connection, server } = connected();
  protocol.retains = true;
  const stream = Buffer.concat(
    Array.from({ length: 60 }, (_, i) => frame('e', pattern(70_000 + i * 1000, i))),
  );
  for (let at = 0; at < stream.length; at += 100_000) {
    socket.receive(stream.subarray(at, at + 100_000));
    scheduler.settle();
    // The log writes behind: it holds on to a few.
    while (connection.retained.length > 10) connection.retained.shift()?.slab.release();
    for (const { bytes, copy } of connection.retained) assert.ok(copy.equals(bytes));
  }
  assert.equal(connection.frames, 60);
  assert.ok(socket.taken().equals(stream));
  for (const { slab } of connection.retained) slab.release();
  socket.close();
  assert.equal(server.pool.heldBytes, 0);
});

test('a held connection reads on while little is behind, and goes on where it was', () => {
  const { socket, scheduler, connection } = connected();
  for (const behind of [textFrame('e', 'b'), frame('e', pattern(10_000)), pattern(100_000)]) {
    socket.receive(frame('h'));
    scheduler.settle();
    assert.deepEqual(socket.taken(), frame('h'));
    assert.equal(socket.isPaused, false, 'a close of the peer must be seen');
    const frames = connection.frames;
    const bytes = behind.length === 100_000 ? frame('e', behind) : behind;
    socket.receive(bytes);
    scheduler.settle();
    assert.equal(socket.isPaused, bytes.length > 2_048, 'a close behind little must be seen, too');
    assert.equal(connection.frames, frames);
    connection.link.resume();
    assert.equal(connection.frames, frames, 'not inside of resume');
    scheduler.settle();
    assert.equal(connection.frames, frames + 1);
    assert.ok(socket.taken().equals(bytes));
    assert.equal(socket.isPaused, false);
  }
});

test('a peer that hangs up behind a parked request and some others is noticed', () => {
  const { socket, scheduler, connection } = connected();
  socket.receive(Buffer.concat([frame('h'), frame('e'), frame('e')]));
  scheduler.settle();
  assert.equal(socket.isPaused, false);
  socket.sink?.onEnd();
  assert.equal(connection.ends, 1);
});

test('what trickles in behind a parked request is kept to some bytes', () => {
  const { socket, scheduler, connection } = connected();
  socket.receive(frame('h'));
  const behind = Buffer.concat(Array.from({ length: 600 }, () => frame('e')));
  for (const byte of behind) socket.receive(Uint8Array.of(byte));
  scheduler.settle();
  assert.ok(socket.unreadBytes > 900, `${socket.unreadBytes} are left to the kernel`);
  const { frames } = connection;
  connection.link.resume();
  scheduler.settle();
  assert.equal(connection.frames, frames + 600);
});

test('an answer leaves when its commit has come, and those behind it wait', () => {
  const { socket, scheduler, broker } = connected();
  socket.receive(
    Buffer.concat([textFrame('e', '1'), frame('c', [5]), textFrame('e', '2'), frame('c', [9])]),
  );
  scheduler.settle();
  assert.deepEqual(socket.taken(), textFrame('e', '1'));
  broker.commit(4);
  scheduler.settle();
  assert.equal(socket.taken().length, 0);
  broker.commit(5);
  scheduler.settle();
  assert.deepEqual(socket.taken(), Buffer.concat([frame('c', [5]), textFrame('e', '2')]));
  socket.receive(frame('c', [7]));
  broker.commit(9);
  scheduler.settle();
  assert.deepEqual(socket.taken(), Buffer.concat([frame('c', [9]), frame('c', [7])]));
});

test('a peer that does not read is not read from, and nothing is lost', () => {
  const { socket, scheduler, connection } = connected();
  socket.room = 10_000;
  const one = frame('e', pattern(10_000));
  for (let i = 0; i < 100; i++) {
    socket.receive(one);
    scheduler.settle();
  }
  assert.equal(socket.isPaused, true);
  assert.ok(connection.link.outbox.isFull);
  assert.ok(connection.frames < 40, 'staged answers are bounded');
  for (let i = 0; socket.isBlocked; i++) {
    assert.ok(i < 1000);
    socket.drain(50_000);
    scheduler.settle();
  }
  assert.equal(connection.frames, 100);
  assert.ok(socket.taken().equals(Buffer.concat(Array.from({ length: 100 }, () => one))));
  assert.equal(socket.isPaused, false);
});

test('a body is sent between the bytes around it, in order, through any room', () => {
  for (const size of [1, 60_000, 300_000, 3_000_000]) {
    const { socket, scheduler, protocol, server } = connected();
    const body = new HandBody(pattern(size));
    protocol.body = body;
    socket.room = 100_000;
    socket.receive(Buffer.concat([textFrame('e', 'before'), frame('s'), textFrame('e', 'after')]));
    scheduler.settle();
    while (socket.isBlocked) {
      assert.ok(server.pool.heldBytes <= 1024 * 1024 + 64 * 1024);
      socket.drain(100_000);
      scheduler.settle();
    }
    const expected = [
      textFrame('e', 'before'),
      frame('s'),
      pattern(size),
      Buffer.from('tail'),
      textFrame('e', 'after'),
    ];
    assert.ok(socket.taken().equals(Buffer.concat(expected)), `${size} bytes`);
    assert.equal(body.releases, 1);
    assert.equal(server.pool.heldBytes, 0);
  }
});

test('a body that is not there yet is waited for, without a buffer', () => {
  const { socket, scheduler, protocol, server } = connected();
  const body = new HandBody(pattern(1000), 0);
  protocol.body = body;
  socket.receive(Buffer.concat([frame('s'), textFrame('e', 'after')]));
  scheduler.settle();
  assert.deepEqual(socket.taken(), frame('s'));
  assert.equal(server.pool.heldBytes, 0);
  body.arrive(400);
  scheduler.settle();
  assert.deepEqual(socket.taken(), pattern(1000).subarray(0, 400));
  body.arrive(600);
  scheduler.settle();
  const rest = [pattern(1000).subarray(400), Buffer.from('tail'), textFrame('e', 'after')];
  assert.deepEqual(socket.taken(), Buffer.concat(rest));
});

test('a body that fails midway closes the connection, and bodies of a closed one are released', () => {
  const first = connected();
  const failing = new HandBody(pattern(1000), 500);
  first.protocol.body = failing;
  first.socket.receive(frame('s'));
  first.scheduler.settle();
  failing.failure = new Error('the disk');
  failing.arrive(0);
  first.scheduler.settle();
  assert.equal(first.socket.isDestroyed, true);
  first.socket.close();
  assert.equal(failing.releases, 1);

  const second = connected();
  const waiting = new HandBody(pattern(1000), 0);
  second.protocol.body = waiting;
  second.socket.receive(frame('s'));
  second.scheduler.settle();
  second.socket.close(new Error('reset'));
  assert.equal(waiting.releases, 1);
  waiting.arrive(1000);
  second.scheduler.settle();
  assert.equal(second.connection.closes, 1);
});

test('a long body lets others have their turn', () => {
  const world = connected();
  world.protocol.body = new HandBody(pattern(20 << 20));
  world.socket.receive(frame('s'));
  const ticks = world.scheduler.settle();
  assert.ok(ticks >= 5, `${ticks} ticks`);
  assert.equal(world.socket.taken().length, frame('s').length + (20 << 20) + 4);
});

test('discard takes back an answer and its bodies, and leaves the one before', () => {
  const { socket, scheduler, connection } = connected();
  const { outbox } = connection.link;
  const kept = new HandBody(pattern(10));
  const dropped = new HandBody(pattern(20));
  outbox.writer.utf8('kept');
  outbox.stream(kept);
  outbox.seal(0);
  outbox.writer.utf8('dropped');
  outbox.stream(dropped);
  outbox.discard();
  outbox.writer.utf8('last');
  outbox.seal(0);
  scheduler.settle();
  const expected = [Buffer.from('kept'), pattern(10), Buffer.from('last')];
  assert.deepEqual(socket.taken(), Buffer.concat(expected));
  assert.equal(dropped.releases, 1);
});

test('positions in the writer stay valid until the seal, whatever leaves meanwhile', () => {
  const { socket, scheduler, connection } = connected();
  const { outbox } = connection.link;
  outbox.writer.copy(pattern(100_000), 0, 100_000);
  outbox.seal(0);
  const at = outbox.writer.reserve(4);
  scheduler.settle();
  assert.equal(socket.taken().length, 100_000);
  outbox.writer.patchInt32(at, 42);
  outbox.seal(0);
  scheduler.settle();
  assert.deepEqual(socket.taken(), Buffer.from([0, 0, 0, 42]));
});

test('an answer that is being staged does not leave with the one before it', () => {
  const { socket, scheduler, connection } = connected();
  const { outbox } = connection.link;
  outbox.writer.utf8('sealed');
  outbox.seal(0);
  outbox.writer.utf8('open');
  scheduler.settle();
  assert.equal(socket.taken().toString(), 'sealed');
});

test('staging memory does not grow while answers always wait', () => {
  const { socket, scheduler, broker, connection } = connected();
  for (let lsn = 1; lsn < 200; lsn++) {
    socket.receive(frame('c', Buffer.concat([Buffer.from([lsn]), pattern(5_000)])));
    broker.commit(lsn - 1);
    scheduler.settle();
  }
  assert.ok(connection.link.outbox.writer.bytes.length <= 256 * 1024);
  broker.commit(200);
  scheduler.settle();
  assert.equal(socket.taken().length, 199 * 5_006);
});

test('a congested broker stops publishers only, and they go on when it recovers', () => {
  const world = connected();
  const { broker, scheduler } = world;
  const publisher = world.accept();
  publisher.socket.receive(textFrame('p', '1'));
  broker.isCongested = true;
  publisher.socket.receive(textFrame('p', '2'));
  world.socket.receive(textFrame('e', '1'));
  scheduler.settle();
  assert.equal(publisher.connection.frames, 1);
  assert.equal(publisher.socket.isPaused, true);
  assert.equal(world.connection.frames, 1);
  broker.commit(1);
  scheduler.settle();
  assert.equal(publisher.connection.frames, 1);
  // Without a commit, a timer looks.
  broker.isCongested = false;
  scheduler.advance(50);
  assert.equal(publisher.connection.frames, 2);
  assert.equal(publisher.socket.isPaused, false);
});

test('what the protocol ends is sent to its end first', () => {
  const { socket, scheduler, connection, broker } = connected();
  socket.receive(Buffer.concat([frame('c', [3]), frame('q'), textFrame('e', 'ignored')]));
  scheduler.settle();
  assert.equal(socket.hasEnded, false);
  broker.commit(3);
  scheduler.settle();
  assert.deepEqual(socket.taken(), Buffer.concat([frame('c', [3]), frame('q')]));
  assert.equal(socket.hasEnded, true);
  assert.equal(connection.frames, 2);
});

test('a peer that ended its side gets all answers, parked ones too, then the end', () => {
  const { socket, scheduler, connection } = connected();
  socket.receive(frame('h'));
  socket.sink?.onEnd();
  scheduler.settle();
  assert.equal(connection.ends, 1);
  assert.equal(socket.hasEnded, false);
  connection.link.outbox.writer.utf8('late');
  connection.link.outbox.seal(0);
  connection.link.resume();
  scheduler.settle();
  assert.equal(socket.taken().toString('latin1'), `${frame('h').toString('latin1')}late`);
  assert.equal(socket.hasEnded, true);
});

test('frames that came before the end of the peer are served although answers had to wait', () => {
  const { socket, scheduler, connection } = connected();
  socket.room = 0;
  const frames = Array.from({ length: 10 }, () => frame('e', pattern(50_000)));
  for (const one of frames) {
    socket.receive(one);
    scheduler.settle();
  }
  assert.equal(socket.isPaused, true);
  while (socket.isBlocked) {
    socket.drain(0);
    if (socket.unreadBytes === 0 && connection.ends === 0) socket.sink?.onEnd();
    scheduler.settle();
  }
  assert.equal(connection.frames, 10);
  assert.equal(socket.taken().length, 10 * frame('e', pattern(50_000)).length);
  assert.equal(socket.hasEnded, true);
});

test('a bug in a protocol costs the connection, an assertion the broker', () => {
  const world = connected();
  world.socket.receive(Buffer.concat([frame('x'), frame('e')]));
  assert.equal(world.socket.isDestroyed, true);
  assert.equal(world.connection.frames, 1);
  assert.deepEqual(world.failures, []);
  const other = world.accept();
  other.socket.receive(frame('a'));
  assert.equal(other.socket.isDestroyed, true);
  assert.equal(world.failures.length, 1);
});

test('the close is told once and nothing after it', () => {
  const { socket, scheduler, connection, server } = connected();
  socket.receive(frame('c', [9]));
  connection.link.destroy('no reason');
  connection.link.destroy('again');
  socket.receive(frame('e'));
  socket.close();
  scheduler.settle();
  connection.link.resume();
  connection.link.end();
  connection.link.outbox.writer.utf8('late');
  connection.link.outbox.seal(0);
  scheduler.settle();
  assert.equal(connection.closes, 1);
  assert.equal(connection.frames, 1);
  assert.equal(socket.taken().length, 0);
  assert.equal(server.connectionCount, 0);
});

test('what a turn sends is shared out among those who have something to send', () => {
  const world = new World();
  world.listen();
  const content = pattern(1 << 20);
  const peers = Array.from({ length: 64 }, () => world.accept());
  for (const { connection } of peers) {
    const { outbox } = connection.link;
    for (let i = 0; i < 3; i++) outbox.stream(new HandBody(content));
    outbox.seal(0);
  }
  assert.ok(world.scheduler.settle() >= 6, 'half a megabyte for each in a turn');
  for (const { socket } of peers) assert.equal(socket.taken().length, 3 << 20);
});
