import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Listener, Socket, SocketSink } from '../kernel/ports.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import { NodeNet, type ReadMethod } from './net.ts';

/** Notes what happens to it; reads land in a region of `regionBytes`. */
class Recorder implements SocketSink {
  socket: Socket | null = null;
  text = '';
  ends = 0;
  drains = 0;
  closes: (Error | null)[] = [];
  /** Pauses inside of each read. */
  pauses = false;
  onChange: () => void = () => {};
  private readonly memory: Uint8Array;

  constructor(regionBytes = 64) {
    this.memory = new Uint8Array(regionBytes);
  }

  region(): Uint8Array {
    return this.memory;
  }

  onRead(count: number): void {
    this.text += Buffer.from(this.memory.subarray(0, count)).toString('latin1');
    if (this.pauses) this.socket?.pause();
    this.onChange();
  }

  onDrain(): void {
    this.drains++;
    this.onChange();
  }

  onEnd(): void {
    this.ends++;
    this.onChange();
  }

  onClose(error: Error | null): void {
    this.closes.push(error);
    this.onChange();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.onChange = resolve;
      });
    }
  }
}

function listen(
  onConnection: (socket: Socket) => void,
  port = 0,
  reads: ReadMethod = 'onread',
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    new NodeNet(silentLogger, reads).listen(
      { host: '127.0.0.1', port },
      onConnection,
      (error, listener) => (listener === null ? reject(error) : resolve(listener)),
    );
  });
}

interface Pair {
  readonly recorder: Recorder;
  readonly socket: Socket;
  readonly client: net.Socket;
  readonly listener: Listener;
}

async function connect(
  t: TestContext,
  recorder = new Recorder(),
  reads: ReadMethod = 'onread',
): Promise<Pair> {
  let accept: (socket: Socket) => void = () => {};
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const listener = await listen(
    (socket) => {
      recorder.socket = socket;
      socket.start(recorder);
      accept(socket);
    },
    0,
    reads,
  );
  const client = net.connect({ ...listener.address, allowHalfOpen: true });
  t.after(() => {
    client.destroy();
    recorder.socket?.destroy();
    listener.close(() => {});
  });
  return { recorder, socket: await accepted, client, listener };
}

test('bytes land in the region, however small it is', async (t) => {
  const { recorder, socket, client, listener } = await connect(t, new Recorder(3));
  assert.equal(socket.remote.port, client.localPort);
  assert.deepEqual(socket.local, listener.address);
  client.write('a frame longer than its region');
  await recorder.until(() => recorder.text.length === 30);
  assert.equal(recorder.text, 'a frame longer than its region');
});

test('a write that the kernel takes whole frees its buffer at once', async (t) => {
  const { socket, client } = await connect(t);
  const buffer = Buffer.from('first');
  assert.equal(socket.write(buffer), true);
  buffer.write('other');
  assert.equal(socket.write(buffer), true);
  buffer.fill(0);
  let text = '';
  client.on('data', (chunk) => {
    text += chunk.toString();
  });
  while (text.length < 10) await once(client, 'data');
  assert.equal(text, 'firstother');
});

test('a write that the kernel does not take is drained once, when the reader has caught up', async (t) => {
  const { recorder, socket, client } = await connect(t);
  client.pause();
  const megabyte = Buffer.alloc(1 << 20, 'x');
  let written = 0;
  let taken = true;
  while (taken) {
    taken = socket.write(megabyte);
    written += megabyte.length;
  }
  assert.equal(recorder.drains, 0);
  assert.throws(() => socket.write(megabyte), /between a refused write and its drain/);
  let received = 0;
  client.on('data', (chunk) => {
    received += chunk.length;
  });
  client.resume();
  await recorder.until(() => recorder.drains > 0);
  while (received < written) await once(client, 'data');
  assert.equal(recorder.drains, 1);
  assert.equal(received, written);
  assert.equal(socket.write(Buffer.from('y')), true);
});

test('a write that fails when the peer is gone is not drained: there is nobody to send more to', async (t) => {
  const { recorder, socket, client } = await connect(t);
  client.pause();
  socket.pause();
  while (socket.write(Buffer.alloc(1 << 20, 'x')));
  client.resetAndDestroy();
  await recorder.until(() => recorder.closes.length === 1);
  assert.equal(recorder.drains, 0);
});

test('a paused socket reads nothing until it is resumed, and loses nothing', async (t) => {
  const { recorder, socket, client } = await connect(t);
  client.write('one');
  await recorder.until(() => recorder.text === 'one');
  socket.pause();
  socket.pause();
  client.write('two');
  // The echo of a second connection shows that the loop had its turns.
  const other = await connect(t);
  other.client.write('x');
  await other.recorder.until(() => other.recorder.text === 'x');
  assert.equal(recorder.text, 'one');
  socket.resume();
  await recorder.until(() => recorder.text === 'onetwo');
});

test('a pause inside of a read stops the next one', async (t) => {
  const recorder = new Recorder(4);
  const { socket, client } = await connect(t, recorder);
  recorder.pauses = true;
  client.write('12345678');
  const other = await connect(t);
  other.client.write('x');
  await other.recorder.until(() => other.recorder.text === 'x');
  assert.equal(recorder.text, '1234');
  recorder.pauses = false;
  socket.resume();
  await recorder.until(() => recorder.text.length === 8);
});

test('a peer that ends its side can still be answered', async (t) => {
  const { recorder, socket, client } = await connect(t);
  client.end('question');
  await recorder.until(() => recorder.ends === 1);
  assert.equal(recorder.text, 'question');
  assert.deepEqual(recorder.closes, []);
  socket.write(Buffer.from('answer'));
  socket.end();
  const [answer] = await once(client, 'data');
  assert.equal(String(answer), 'answer');
  await recorder.until(() => recorder.closes.length === 1);
  assert.deepEqual(recorder.closes, [null]);
});

test('end sends everything first, even to a peer that goes on sending', async (t) => {
  const { recorder, socket, client } = await connect(t);
  client.write('x'.repeat(300_000));
  await recorder.until(() => recorder.text.length > 0);
  socket.pause();
  const read = recorder.text.length;
  const words = Buffer.alloc(8 << 20, 'w');
  socket.write(words);
  socket.end();
  let received = 0;
  let error: Error | null = null;
  client.on('error', (failure) => {
    error = failure;
  });
  client.on('data', (chunk) => {
    received += chunk.length;
    client.write('more');
  });
  client.on('end', () => client.end());
  await once(client, 'close');
  assert.equal(error, null);
  assert.equal(received, words.length);
  assert.equal(recorder.text.length, read, 'what comes after the end is thrown away');
  await recorder.until(() => recorder.closes.length === 1);
});

test('an ended socket whose peer stays is closed after a moment', async (t) => {
  const { recorder, socket } = await connect(t);
  socket.end();
  await recorder.until(() => recorder.closes.length === 1);
  assert.deepEqual(recorder.closes, [null]);
});

test('a reset closes with its error, and later calls do nothing', async (t) => {
  const { recorder, socket, client } = await connect(t);
  client.write('x');
  await recorder.until(() => recorder.text === 'x');
  client.resetAndDestroy();
  await recorder.until(() => recorder.closes.length === 1);
  assert.equal((recorder.closes[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
  socket.pause();
  socket.resume();
  socket.end();
  socket.destroy();
  assert.equal(recorder.closes.length, 1);
});

test('a write to a connection that the peer has cut closes it', async (t) => {
  const { recorder, socket, client } = await connect(t);
  socket.pause();
  client.resetAndDestroy();
  while (recorder.closes.length === 0) {
    socket.write(Buffer.from('x'));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(recorder.closes.length, 1);
});

test('destroy closes at once and tells the owner', async (t) => {
  const { recorder, socket, client } = await connect(t);
  client.resume();
  client.on('error', () => {});
  socket.destroy();
  await recorder.until(() => recorder.closes.length === 1);
  assert.equal(recorder.ends, 0);
});

test('a socket that was closed before its start is closed after it', async (t) => {
  const recorder = new Recorder();
  const listener = await listen((socket) => {
    socket.destroy();
    setTimeout(() => socket.start(recorder), 1);
  });
  t.after(() => listener.close(() => {}));
  net.connect(listener.address).on('error', () => {});
  await recorder.until(() => recorder.closes.length === 1);
});

test('a closed listener accepts nobody, and its connections live on', async (t) => {
  const { recorder, client, listener } = await connect(t);
  await new Promise<void>((resolve) => listener.close(resolve));
  client.write('still here');
  await recorder.until(() => recorder.text === 'still here');
  const refused = net.connect(listener.address);
  const [error] = await once(refused, 'error');
  assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
});

test('a port in use and a host that is not ours are told by their codes', async (t) => {
  const { listener } = await connect(t);
  await assert.rejects(
    listen(() => {}, listener.address.port),
    { code: 'EADDRINUSE' },
  );
  const foreign = new Promise((_, reject) => {
    new NodeNet(silentLogger).listen({ host: '192.0.2.1', port: 0 }, () => {}, reject);
  });
  await assert.rejects(foreign, { code: 'EADDRNOTAVAIL' });
});

test('with data events, chunks are copied into the regions, and pauses are kept', async (t) => {
  const recorder = new Recorder(4);
  const { client } = await connect(t, recorder, 'data');
  recorder.pauses = true;
  client.write('0123456789');
  const other = await connect(t);
  other.client.write('x');
  await other.recorder.until(() => other.recorder.text === 'x');
  assert.equal(recorder.text, '0123');
  recorder.socket?.resume();
  await recorder.until(() => recorder.text === '01234567');
  recorder.pauses = false;
  recorder.socket?.resume();
  await recorder.until(() => recorder.text === '0123456789');
  client.end();
  await recorder.until(() => recorder.ends === 1);
});
