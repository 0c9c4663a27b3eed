/**
 * The world around a server in tests: a scheduler and a network moved by hand, a broker whose
 * commits are set, and a protocol of length-prefixed frames that answers with what it was sent.
 *
 *     frame: u32 length of the rest, big-endian; u8 command; payload
 *
 *     command   what the protocol does
 *     e         answers with the frame, at once
 *     c         answers with the frame once LSN = first payload byte is committed
 *     h         holds; the test resumes
 *     p         as e, and marks the connection as a publisher
 *     s         answers with the header and a body streamed from `body`
 *     q         answers with the frame and ends
 *     x         throws
 */

import assert from 'node:assert/strict';
import { AssertionFailure } from '../kernel/assert.ts';
import type {
  Listener,
  Net,
  NetAddress,
  Scheduler,
  Socket,
  SocketSink,
  Timer,
} from '../kernel/ports.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import type { Slab } from '../kernel/slab.ts';
import {
  type Link,
  type Protocol,
  type ProtocolConnection,
  retainedBytesMin,
  type ServedBroker,
  type StreamSource,
} from '../protocols/contract.ts';
import { defaultServerLimits, type ServerLimits } from './limits.ts';
import { type ListenRequest, type OpenListener, Server } from './server.ts';

export class HandScheduler implements Scheduler {
  now = 0;
  private tasks: (() => void)[] = [];
  private timers: { due: number; task: () => void; isCancelled: boolean }[] = [];

  endOfTick(task: () => void): void {
    this.tasks.push(task);
  }

  nextSlice(task: () => void): void {
    this.tasks.push(task);
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = { due: this.now + delayMs, task, isCancelled: false };
    this.timers.push(timer);
    return {
      cancel: () => {
        timer.isCancelled = true;
      },
    };
  }

  /** Runs what is due now, and what that makes due. Returns the number of ticks. */
  settle(): number {
    let ticks = 0;
    for (; this.tasks.length > 0; ticks++) {
      assert.ok(ticks < 10_000, 'the server comes to rest');
      for (const task of this.tasks.splice(0)) task();
    }
    return ticks;
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.timers = this.timers.filter((timer) => !timer.isCancelled);
      const next = this.timers.reduce<(typeof this.timers)[0] | null>(
        (first, timer) => (first === null || timer.due < first.due ? timer : first),
        null,
      );
      if (next === null || next.due > end) break;
      this.now = Math.max(this.now, next.due);
      next.isCancelled = true;
      next.task();
      this.settle();
    }
    this.now = end;
  }
}

export class HandSocket implements Socket {
  readonly remote: NetAddress = { host: '127.0.0.1', port: 50_000 };
  readonly local: NetAddress = { host: '127.0.0.1', port: 9092 };
  sink: SocketSink | null = null;
  isPaused = false;
  hasEnded = false;
  isDestroyed = false;
  writes = 0;
  /** Bytes that the kernel still takes. */
  room = Number.POSITIVE_INFINITY;
  private sent: Buffer[] = [];
  private lent: { bytes: Uint8Array; copy: Buffer } | null = null;
  private lentRegion: Uint8Array = new Uint8Array(0);
  private incoming = Buffer.alloc(0);

  start(sink: SocketSink): void {
    this.sink = sink;
    this.lentRegion = sink.region();
  }

  write(bytes: Uint8Array): boolean {
    assert.equal(this.lent, null, 'nothing is written before the drain');
    assert.ok(!this.hasEnded, 'nothing is written after the end');
    this.writes++;
    this.sent.push(Buffer.from(bytes));
    this.room -= bytes.length;
    if (this.room >= 0) return true;
    this.lent = { bytes, copy: Buffer.from(bytes) };
    return false;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.deliver();
  }

  end(): void {
    assert.equal(this.lent, null, 'the end comes after the drain');
    this.hasEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  /** Bytes from the peer; they land as far as the socket is read. */
  receive(bytes: Uint8Array): void {
    this.incoming = Buffer.concat([this.incoming, bytes]);
    this.deliver();
  }

  get unreadBytes(): number {
    return this.incoming.length;
  }

  /** The kernel has taken what it had refused, and has room for `room` more. */
  drain(room = Number.POSITIVE_INFINITY): void {
    assert.ok(this.lent, 'there is something to drain');
    assert.deepEqual(Buffer.from(this.lent.bytes), this.lent.copy, 'lent bytes are left alone');
    this.lent = null;
    this.room = room;
    this.sink?.onDrain();
  }

  get isBlocked(): boolean {
    return this.lent !== null;
  }

  close(error: Error | null = null): void {
    const { sink } = this;
    this.sink = null;
    sink?.onClose(error);
  }

  /** What was sent since the last call. */
  taken(): Buffer {
    const bytes = Buffer.concat(this.sent);
    this.sent = [];
    return bytes;
  }

  private deliver(): void {
    while (this.sink !== null && this.incoming.length > 0 && !this.isPaused && !this.isDestroyed) {
      const region = this.lentRegion;
      const count = Math.min(region.length, this.incoming.length);
      region.set(this.incoming.subarray(0, count));
      this.incoming = this.incoming.subarray(count);
      this.sink.onRead(count);
      if (this.sink !== null) this.lentRegion = this.sink.region();
      assert.ok(this.lentRegion.length > 0, 'there is room for a byte');
    }
  }
}

export class HandNet implements Net {
  readonly busyPorts = new Set<number>();
  connect: (socket: Socket) => void = () => {};
  private readonly scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  listen(
    address: NetAddress,
    onConnection: (socket: Socket) => void,
    ready: (error: (Error & { code?: string }) | null, listener: Listener | null) => void,
  ): void {
    this.scheduler.nextSlice(() => {
      const port = address.port === 0 ? 40_000 : address.port;
      if (this.busyPorts.has(port)) {
        ready(Object.assign(new Error('busy'), { code: 'EADDRINUSE' }), null);
        return;
      }
      this.busyPorts.add(port);
      this.connect = onConnection;
      ready(null, {
        address: { host: address.host, port },
        close: (done) => {
          this.busyPorts.delete(port);
          this.scheduler.nextSlice(done);
        },
      });
    });
  }
}

export class HandBroker implements ServedBroker {
  isCongested = false;
  private highWatermark = 1;
  private listener: (() => void) | null = null;
  readonly commits = {
    isCovered: (lsn: number): boolean => lsn < this.highWatermark,
    onCommit: (listener: () => void): (() => void) => {
      this.listener = listener;
      return () => {
        this.listener = null;
      };
    },
  };

  /** Everything up to and with `lsn` is committed. */
  commit(lsn: number): void {
    this.highWatermark = lsn + 1;
    this.listener?.();
  }
}

/** A body whose pieces arrive when the test says so. */
export class HandBody implements StreamSource {
  bytesLeft: number;
  releases = 0;
  failure: Error | null = null;
  /** Bytes that are there. */
  available: number;
  private readonly content: Uint8Array;
  private ready: (() => void) | null = null;

  constructor(content: Uint8Array, available = content.length) {
    this.content = content;
    this.bytesLeft = content.length;
    this.available = available;
  }

  read(target: Uint8Array, start: number, length: number, ready: () => void): number {
    assert.equal(this.releases, 0);
    if (this.failure !== null) throw this.failure;
    const from = this.content.length - this.bytesLeft;
    const count = Math.min(length, this.available - from);
    if (count === 0) this.ready = ready;
    target.set(this.content.subarray(from, from + count), start);
    this.bytesLeft -= count;
    return count;
  }

  release(): void {
    this.releases++;
  }

  arrive(count: number): void {
    this.available = Math.min(this.available + count, this.content.length);
    const { ready } = this;
    this.ready = null;
    ready?.();
  }
}

export class EchoConnection implements ProtocolConnection {
  frameBytes = 0;
  frames = 0;
  ends = 0;
  shutdowns = 0;
  closes = 0;
  readonly link: Link;
  readonly retained: { slab: Slab; bytes: Uint8Array; copy: Buffer }[] = [];
  private readonly owner: EchoProtocol;

  constructor(link: Link, owner: EchoProtocol) {
    this.link = link;
    this.owner = owner;
  }

  receive(slab: Slab, start: number, end: number): number {
    assert.equal(this.closes, 0, 'nothing is received after the close');
    let at = start;
    this.frameBytes = 0;
    while (!this.link.isHeld && !this.link.isCongested) {
      if (end - at < 4) return at;
      const frameBytes = 4 + slab.view.getUint32(at);
      this.frameBytes = frameBytes;
      if (end - at < frameBytes) return at;
      this.frameBytes = 0;
      this.handle(slab, at, at + frameBytes);
      at += frameBytes;
    }
    if (end - at >= 4) this.frameBytes = 4 + slab.view.getUint32(at);
    return at;
  }

  private handle(slab: Slab, start: number, end: number): void {
    this.frames++;
    const { outbox } = this.link;
    const command = String.fromCharCode(slab.bytes[start + 4] ?? 0);
    if (end - start >= retainedBytesMin + 4 && this.owner.retains) {
      slab.retain();
      const bytes = slab.bytes.subarray(start, end);
      this.retained.push({ slab, bytes, copy: Buffer.from(bytes) });
    }
    if (command === 'x') throw new Error('planned');
    if (command === 'a') throw new AssertionFailure('planned');
    if (command === 'h') this.link.hold();
    if (command === 'p') this.link.isPublisher = true;
    outbox.writer.copy(slab.bytes, start, end);
    if (command === 's' && this.owner.body !== null) outbox.stream(this.owner.body);
    if (command === 's') outbox.writer.utf8('tail');
    outbox.seal(command === 'c' ? (slab.bytes[start + 5] ?? 0) : 0);
    if (command === 'q') this.link.end();
  }

  onEnd(): void {
    this.ends++;
  }

  onShutdown(): void {
    this.shutdowns++;
  }

  onClose(): void {
    this.closes++;
  }
}

export class EchoProtocol implements Protocol {
  idleTimeoutMs = 0;
  retains = false;
  body: StreamSource | null = null;
  closes = 0;
  readonly connections: EchoConnection[] = [];

  connect(link: Link): EchoConnection {
    const connection = new EchoConnection(link, this);
    this.connections.push(connection);
    return connection;
  }

  close(): void {
    this.closes++;
  }
}

export function frame(command: string, payload: Uint8Array | readonly number[] = []): Buffer {
  const body = Buffer.concat([Buffer.from(command), Uint8Array.from(payload)]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

export function textFrame(command: string, text: string): Buffer {
  return frame(command, Buffer.from(text));
}

/** A payload in which every byte differs from its neighbours, so that moved bytes show. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8) * 13 + seed) & 0xff;
  return bytes;
}

export class World {
  readonly scheduler = new HandScheduler();
  readonly net = new HandNet(this.scheduler);
  readonly broker = new HandBroker();
  readonly protocol = new EchoProtocol();
  readonly failures: Error[] = [];
  readonly warnings: string[] = [];
  readonly server: Server;

  constructor(limits: Partial<ServerLimits> = {}, allowsRemote = false) {
    const { scheduler } = this;
    const logger = {
      ...silentLogger,
      warn: (event: string): void => {
        this.warnings.push(event);
      },
    };
    this.server = new Server({
      net: this.net,
      clock: { now: () => scheduler.now, monotonic: () => scheduler.now },
      scheduler,
      logger,
      broker: this.broker,
      limits: { ...defaultServerLimits, ...limits },
      allowsRemote,
      onFailure: (error) => this.failures.push(error),
    });
  }

  listen(request: Partial<ListenRequest> = {}): OpenListener {
    let result: OpenListener | null = null;
    let failure: Error | null = null;
    const whole: ListenRequest = {
      name: 'echo',
      protocol: this.protocol,
      host: '127.0.0.1',
      port: 9092,
      isFixed: false,
      advertised: null,
      ...request,
    };
    this.server.listen(whole, (error, listener) => {
      failure = error;
      result = listener;
    });
    this.scheduler.settle();
    if (failure !== null) throw failure;
    assert.ok(result);
    return result;
  }

  accept(): { socket: HandSocket; connection: EchoConnection } {
    const socket = new HandSocket();
    const before = this.protocol.connections.length;
    this.net.connect(socket);
    const connection = this.protocol.connections[before];
    assert.ok(connection);
    return { socket, connection };
  }
}

/** A world with one connection. */
export function connected(limits: Partial<ServerLimits> = {}): World & ReturnType<World['accept']> {
  const world = new World(limits);
  world.listen();
  return Object.assign(world, world.accept());
}
