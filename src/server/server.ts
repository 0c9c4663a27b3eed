/**
 * The server: all listeners and all connections.
 *
 * Owns: opening ports, the number of connections, time limits, the orderly end.
 * Leaves: a single connection to connection.ts, which ports are wanted to the composition root.
 */

import { AssertionFailure } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import type {
  Clock,
  Listener,
  Logger,
  Net,
  NetAddress,
  Scheduler,
  Socket,
  Timer,
} from '../kernel/ports.ts';
import type { Protocol, ServedBroker } from '../protocols/contract.ts';
import { isLoopback, isWildcard, listenerUrl } from './address.ts';
import { Admission } from './admission.ts';
import { Connection, type ConnectionHost, type Origin } from './connection.ts';
import { portTriesMax, type ServerLimits, shedMs, sweepMs, warningMs } from './limits.ts';
import { ConnectionMemory } from './memory.ts';
import { SharedRegion } from './receive-buffer.ts';
import { shed } from './shedding.ts';
import { SlabPool } from './slab-pool.ts';
import { Turns } from './turns.ts';

export interface ServerOptions {
  readonly net: Net;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly broker: ServedBroker;
  readonly limits: ServerLimits;
  /** Whether listeners may be reached from other machines: there are users, or anonymous is allowed. */
  readonly allowsRemote: boolean;
  /** An assertion of ours failed while a connection was served: fence the broker. */
  readonly onFailure: (error: AssertionFailure) => void;
}

export interface ListenRequest {
  /** As in the URL: `kafka`. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** The port was asked for and must be free; otherwise it is a default, and may move on. */
  readonly isFixed: boolean;
  /** What clients are told; null: where they reached us. */
  readonly advertised: NetAddress | null;
}

export interface OpenListener {
  readonly name: string;
  /** `kafka://127.0.0.1:9092` */
  readonly url: string;
  readonly address: NetAddress;
  /** The port was taken by another program, and `address` has another one than wanted. */
  readonly hasMoved: boolean;
}

export type ListenDone = (error: BrokerError | null, listener: OpenListener | null) => void;

export class Server implements ConnectionHost {
  readonly broker: ServedBroker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ServerLimits;
  readonly pool = new SlabPool();
  readonly memory: ConnectionMemory;
  readonly shared = new SharedRegion();
  readonly turns: Turns;
  private readonly options: ServerOptions;
  private readonly listeners = new Set<Listener>();
  private readonly protocols = new Set<Protocol>();
  private readonly connections = new Set<Connection>();
  private sweepTimer: Timer | null = null;
  private readonly admission: Admission;
  private shedTimer: Timer | null = null;
  /** Connections that are not read for want of memory. */
  private readonly starved = new Set<Connection>();
  private refusals = 0;
  private refusalLoggedAt = Number.NEGATIVE_INFINITY;
  private sheddings = 0;
  private sheddingLoggedAt = Number.NEGATIVE_INFINITY;
  /** `close` was called. */
  isClosing = false;
  private onAllClosed: (() => void) | null = null;

  constructor(options: ServerOptions) {
    this.options = options;
    this.broker = options.broker;
    this.clock = options.clock;
    this.limits = options.limits;
    this.memory = new ConnectionMemory(options.limits.memoryBytesMax, this.pool);
    this.admission = new Admission(options.limits);
    this.logger = options.logger;
    this.turns = new Turns(options.scheduler, options.broker);
    this.scheduleSweep();
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** Fails with `port_in_use`, `not_loopback` or `invalid_option`. */
  listen(request: ListenRequest, done: ListenDone): void {
    if (!this.options.allowsRemote && !isLoopback(request.host)) {
      const error = new BrokerError('not_loopback', listenerUrl(request.name, request));
      this.options.scheduler.nextSlice(() => done(error, null));
      return;
    }
    this.protocols.add(request.protocol);
    this.tryListen(request, request.port, done);
  }

  /**
   * Stops accepting, lets each connection finish what it has begun for at most `deadlineMs`, then
   * cuts what is left. 0 cuts at once, as a broker that must not go on has to.
   */
  close(deadlineMs: number, done: () => void): void {
    if (this.isClosing) {
      if (deadlineMs === 0) this.cutAll();
      const first = this.onAllClosed;
      this.onAllClosed = () => {
        first?.();
        done();
      };
      this.options.scheduler.nextSlice(() => this.maybeAllClosed());
      return;
    }
    this.isClosing = true;
    for (const listener of this.listeners) listener.close(() => {});
    this.listeners.clear();
    const deadline = this.options.scheduler.after(deadlineMs, () => this.cutAll());
    this.onAllClosed = () => {
      deadline.cancel();
      this.finishClose();
      done();
    };
    if (deadlineMs === 0) this.cutAll();
    else for (const connection of this.connections) connection.shutDown();
    this.options.scheduler.nextSlice(() => this.maybeAllClosed());
  }

  // ---- ConnectionHost ----

  onClosed(connection: Connection): void {
    this.connections.delete(connection);
    this.starved.delete(connection);
    this.admission.leave(connection.remote.host);
    this.logger.debug('connection.closed', {
      listener: connection.listener,
      remote: connection.remote.host,
    });
    this.maybeAllClosed();
  }

  onMemoryOver(): void {
    this.memory.isShort = true;
    this.shedTimer ??= this.options.scheduler.after(shedMs, () => this.shed());
  }

  wantMemory(connection: Connection): void {
    this.starved.add(connection);
    this.onMemoryOver();
  }

  onFailure(error: AssertionFailure): void {
    this.options.onFailure(error);
  }

  // ---- inside ----

  private tryListen(request: ListenRequest, port: number, done: ListenDone): void {
    // Bound by the first `ready`, and the listener accepts nobody before that.
    let origin: Origin | null = null;
    this.options.net.listen(
      { host: request.host, port },
      (socket) => {
        if (origin === null) socket.destroy();
        else this.accept(socket, origin);
      },
      (error, listener) => {
        if (listener === null) {
          this.onListenError(request, port, error, done);
          return;
        }
        if (this.isClosing) {
          listener.close(() => done(new BrokerError('draining'), null));
          return;
        }
        const opened = this.opened(request, listener);
        origin = {
          url: opened.url,
          protocol: request.protocol,
          advertised: request.advertised ?? (isWildcard(request.host) ? null : listener.address),
        };
        done(null, opened);
      },
    );
  }

  private opened(request: ListenRequest, listener: Listener): OpenListener {
    this.listeners.add(listener);
    const { address } = listener;
    const url = listenerUrl(request.name, address);
    const hasMoved = request.port !== 0 && address.port !== request.port;
    if (hasMoved) this.logger.warn('listener.port_moved', { wanted: request.port, url });
    else this.logger.info('listener.opened', { url });
    return { name: request.name, url, address, hasMoved };
  }

  private onListenError(
    request: ListenRequest,
    port: number,
    error: (Error & { code?: string }) | null,
    done: ListenDone,
  ): void {
    const url = listenerUrl(request.name, { host: request.host, port });
    if (error?.code !== 'EADDRINUSE') {
      done(new BrokerError('invalid_option', `${url}: ${error?.message ?? 'cannot listen'}`), null);
      return;
    }
    const next = port + 1;
    const mayMove = !request.isFixed && port !== 0;
    if (mayMove && next < request.port + portTriesMax && next < 65536 && !this.isClosing) {
      this.tryListen(request, next, done);
    } else {
      done(new BrokerError('port_in_use', url, error), null);
    }
  }

  private accept(socket: Socket, origin: Origin): void {
    const { host } = socket.remote;
    if (this.isClosing || !this.admission.enter(host)) {
      this.refuse(socket, origin);
      return;
    }
    this.logger.debug('connection.opened', { listener: origin.url, remote: socket.remote.host });
    let connection: Connection;
    try {
      connection = new Connection(this, origin, socket);
    } catch (error) {
      this.logger.error('connection.handler_failed', { error: String(error) });
      this.admission.leave(host);
      socket.destroy();
      if (error instanceof AssertionFailure) this.onFailure(error);
      return;
    }
    this.connections.add(connection);
    connection.start();
  }

  private refuse(socket: Socket, origin: Origin): void {
    socket.destroy();
    if (this.isClosing) return;
    this.refusals++;
    const now = this.clock.monotonic();
    if (now - this.refusalLoggedAt < warningMs) return;
    this.refusalLoggedAt = now;
    const { connectionsMax, perAddressMax } = this.admission;
    this.logger.warn('connection.refused', {
      listener: origin.url,
      remote: socket.remote.host,
      connections: this.connections.size,
      connectionsMax,
      perAddressMax,
      refused: this.refusals,
    });
  }

  private shed(): void {
    this.shedTimer = null;
    const now = this.clock.monotonic();
    const count = shed(this.connections, this.memory, now);
    this.sheddings += count;
    this.memory.isShort = this.memory.isOver;
    // With nobody to wait for, those who want something are let on: they bring it back or take it.
    if (!this.memory.isExhausted || (count === 0 && !this.isAnyLeaving())) this.endStarvation();
    else if (this.starved.size > 0) this.onMemoryOver();
    if (this.sheddings === 0 || now - this.sheddingLoggedAt < warningMs) return;
    this.sheddingLoggedAt = now;
    const { bytes, bytesMax } = this.memory;
    this.logger.warn('connection.memory_short', { bytes, bytesMax, closed: this.sheddings });
  }

  private isAnyLeaving(): boolean {
    for (const { isLeaving } of this.connections) if (isLeaving) return true;
    return false;
  }

  private endStarvation(): void {
    this.memory.isStarving = false;
    for (const connection of this.starved) this.turns.wantReceive(connection);
    this.starved.clear();
  }

  private scheduleSweep(): void {
    this.sweepTimer = this.options.scheduler.after(sweepMs, () => {
      const now = this.clock.monotonic();
      for (const connection of this.connections) connection.check(now);
      if (this.memory.isOver) this.onMemoryOver();
      this.pool.trim();
      this.scheduleSweep();
    });
  }

  private cutAll(): void {
    for (const connection of this.connections) connection.destroy('the broker closes');
  }

  private maybeAllClosed(): void {
    if (this.onAllClosed === null || this.connections.size > 0) return;
    const done = this.onAllClosed;
    this.onAllClosed = null;
    done();
  }

  private finishClose(): void {
    this.sweepTimer?.cancel();
    this.shedTimer?.cancel();
    this.turns.close();
    for (const protocol of this.protocols) protocol.close();
  }
}
