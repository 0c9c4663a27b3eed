/**
 * The real network: TCP servers and the sockets they accept.
 *
 * Owns: reads that land in the owner's memory, the "all of it left" answer of writes, the order of
 * end and close.
 * Leaves: buffers, frames, limits and timeouts to server/.
 *
 * Reading through `onread` into long-lived memory costs a quarter of what 'data' events cost, but a
 * `net.Server` cannot be told to make such sockets. So the handle of an accepted socket is taken
 * from it before a byte was read, and given to a new socket that can. `_handle` is the one
 * undocumented name used; where it is missing, 'data' events are copied into the same regions.
 */

import net from 'node:net';
import timers from 'node:timers';
import { assert } from '../kernel/assert.ts';
import type { Listener, Logger, Net, NetAddress, Socket, SocketSink } from '../kernel/ports.ts';

const { setImmediate, setTimeout, clearTimeout } = timers;

const backlogConnections = 1024;
/** A peer that vanished without a word is noticed after this and nine probes. */
const keepAliveDelayMs = 60_000;
/** How long an ended socket goes on throwing away what the peer still sends. */
const lingerMs = 1_000;
const discardBytes = 64 * 1024;

/** `onread` falls back to `data` by itself where it has to. */
export type ReadMethod = 'onread' | 'data';

type Handle = NonNullable<net.SocketConstructorOpts['handle']>;

let discardRegion: Uint8Array | null = null;

export class NodeNet implements Net {
  private readonly logger: Logger;
  private readonly reads: ReadMethod;

  constructor(logger: Logger, reads: ReadMethod = 'onread') {
    this.logger = logger;
    this.reads = reads;
  }

  listen(
    address: NetAddress,
    onConnection: (socket: Socket) => void,
    ready: (error: (Error & { code?: string }) | null, listener: Listener | null) => void,
  ): void {
    const server = net.createServer(
      {
        pauseOnConnect: true,
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveDelayMs,
      },
      (accepted) => onConnection(new NodeSocket(accepted, this.reads)),
    );
    const onListenError = (error: Error): void => ready(error, null);
    server.once('error', onListenError);
    server.listen({ ...address, backlog: backlogConnections, exclusive: true }, () => {
      server.off('error', onListenError);
      // Out of file descriptors, mostly: this connection is lost, the listener is not.
      server.on('error', (error) =>
        this.logger.warn('connection.accept_failed', { ...address, error: error.message }),
      );
      ready(null, new NodeListener(server));
    });
  }
}

class NodeListener implements Listener {
  readonly address: NetAddress;
  private readonly server: net.Server;

  constructor(server: net.Server) {
    const bound = server.address();
    assert(bound !== null && typeof bound === 'object', 'a TCP server is bound to a port');
    this.server = server;
    this.address = { host: bound.address, port: bound.port };
  }

  close(done: () => void): void {
    // The error says that it was closed before.
    this.server.close(() => done());
  }
}

class NodeSocket implements Socket {
  readonly remote: NetAddress;
  readonly local: NetAddress;
  private readonly reads: ReadMethod;
  private socket: net.Socket;
  private sink: SocketSink | null = null;
  private error: Error | null = null;
  /** The last write was not taken whole; its buffer is still in use. */
  private isBlocked = false;
  private isPaused = false;
  /** `end` was called: reads are thrown away from here on. */
  private isEnding = false;
  private lingerTimer: NodeJS.Timeout | null = null;
  /** Without `onread`: what is left of the last chunk while paused. */
  private chunk: Uint8Array | null = null;
  /** One function for all writes. */
  private readonly onWritten = (error?: Error | null): void => {
    // After a failed write the close follows; a drain would have everything written into the void.
    if (!error) this.maybeDrain();
  };

  constructor(accepted: net.Socket, reads: ReadMethod) {
    this.reads = reads;
    this.socket = accepted;
    // Undefined when the peer has gone already.
    this.remote = addressOf(accepted.remoteAddress, accepted.remotePort);
    this.local = addressOf(accepted.localAddress, accepted.localPort);
    accepted.on('error', (error) => {
      this.error = error;
    });
  }

  start(sink: SocketSink): void {
    assert(this.sink === null, 'a socket is started once');
    this.sink = sink;
    if (this.socket.destroyed) {
      setImmediate(() => this.onClose());
      return;
    }
    const reading = this.reads === 'onread' ? this.takeOver() : null;
    if (reading !== null) this.socket = reading;
    const socket = this.socket;
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('end', () => this.onEnd());
    socket.on('close', () => this.onClose());
    if (reading === null) socket.on('data', (chunk: Uint8Array) => this.onChunk(chunk)).resume();
    else socket.read(0);
  }

  // HOT: one call per connection and tick; no closure.
  write(bytes: Uint8Array): boolean {
    assert(!this.isBlocked, 'nothing is written between a refused write and its drain');
    assert(!this.isEnding, 'nothing is written after the end');
    const { socket } = this;
    if (socket.destroyed || socket.errored) {
      this.isBlocked = true;
      return false;
    }
    socket.write(bytes, this.onWritten);
    this.isBlocked = socket.writableLength > 0;
    return !this.isBlocked;
  }

  pause(): void {
    if (this.isPaused || this.isEnding) return;
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused || this.isEnding) return;
    this.isPaused = false;
    if (this.chunk === null) this.socket.resume();
    else setImmediate(() => this.deliverChunk());
  }

  /**
   * Closing with unread bytes in the kernel would send a reset, which can overtake our last words.
   * So the peer is given a moment to end its side, and what it still sends is thrown away.
   */
  end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    const socket = this.socket;
    if (this.sink === null || socket.destroyed || socket.readableEnded) {
      socket.destroySoon();
      return;
    }
    socket.end(() => {
      if (socket.destroyed) return;
      this.lingerTimer = setTimeout(() => socket.destroy(), lingerMs);
      this.lingerTimer.unref();
    });
    this.chunk = null;
    socket.resume();
  }

  destroy(): void {
    this.isEnding = true;
    this.socket.destroy();
  }

  /** A new socket on the handle of the accepted one; null where there is no handle. */
  private takeOver(): net.Socket | null {
    const shell = this.socket as { _handle?: Handle | null };
    const handle = shell._handle;
    if (!handle) return null;
    shell._handle = null;
    // Without its handle this only takes the empty one off the server's count of connections.
    this.socket.destroy();
    return new net.Socket({
      handle,
      allowHalfOpen: true,
      onread: { buffer: () => this.nextRegion(), callback: (count) => this.onRead(count) },
    });
  }

  private nextRegion(): Uint8Array {
    if (this.isEnding || this.sink === null) {
      discardRegion ??= new Uint8Array(discardBytes);
      return discardRegion;
    }
    const region = this.sink.region();
    assert(region.length > 0, 'a region has room for a byte');
    return region;
  }

  /** Returns whether to go on reading. */
  private onRead(count: number): boolean {
    if (this.isEnding) return true;
    this.sink?.onRead(count);
    return !this.isPaused;
  }

  private onChunk(chunk: Uint8Array): void {
    if (this.isEnding) return;
    assert(this.chunk === null, 'a paused stream brings no data');
    this.chunk = chunk;
    this.deliverChunk();
  }

  private deliverChunk(): void {
    while (this.chunk !== null && !this.isPaused && !this.isEnding) {
      const region = this.nextRegion();
      const count = Math.min(region.length, this.chunk.length);
      region.set(this.chunk.subarray(0, count));
      this.chunk = count === this.chunk.length ? null : this.chunk.subarray(count);
      this.sink?.onRead(count);
    }
    if (this.chunk === null) {
      if (!this.isPaused) this.socket.resume();
    } else {
      this.socket.pause();
    }
  }

  private maybeDrain(): void {
    if (!this.isBlocked || this.socket.writableLength > 0 || this.socket.destroyed) return;
    this.isBlocked = false;
    this.sink?.onDrain();
  }

  private onEnd(): void {
    if (!this.isEnding) this.sink?.onEnd();
    // Our side has ended, so both have. A write may still be on its way out.
    else this.socket.destroySoon();
  }

  private onClose(): void {
    if (this.lingerTimer !== null) clearTimeout(this.lingerTimer);
    const sink = this.sink;
    this.sink = null;
    this.isEnding = true;
    this.chunk = null;
    sink?.onClose(this.error);
  }
}

/** An IPv4 peer of an IPv6 listener is told by its IPv4 address. */
function addressOf(host = '', port = 0): NetAddress {
  return { host: host.replace(/^::ffff:(?=\d+\.)/i, ''), port };
}
