/**
 * One connection: between a socket, its protocol and the server.
 *
 * Owns: when bytes are handed to the protocol, pausing, the order of ending, its time limits.
 * Leaves: where bytes land to receive-buffer.ts, what leaves when to outbox.ts, whose turn it is to
 * turns.ts, what bytes mean to the protocol.
 *
 * Back-pressure has three causes and one effect, the socket is not read: a parked request with
 * many bytes behind it (`hold`), too many unsent answers, or a congested broker and a publisher. The
 * kernel's buffers then fill, and the peer waits.
 *
 * Invariants: the protocol's `onClose` is called exactly once, and nothing of it after that; no
 * `receive` while the connection is held, congested, ending or closed.
 */

import { AssertionFailure } from '../kernel/assert.ts';
import type { Clock, Logger, NetAddress, Socket, SocketSink } from '../kernel/ports.ts';
import type { Link, Protocol, ProtocolConnection, ServedBroker } from '../protocols/contract.ts';
import { heldBytesMax, type ServerLimits, savedBytesMax, stagingIdleMs } from './limits.ts';
import type { ConnectionMemory } from './memory.ts';
import { ConnectionOutbox, type OutboxOwner } from './outbox.ts';
import { ReceiveBuffer, type SharedRegion } from './receive-buffer.ts';
import type { MemoryHolder } from './shedding.ts';
import type { SlabPool } from './slab-pool.ts';
import type { Turns, TurnTaker } from './turns.ts';

/** What all connections of a server share. */
export interface ConnectionHost {
  readonly broker: ServedBroker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ServerLimits;
  readonly pool: SlabPool;
  readonly memory: ConnectionMemory;
  readonly shared: SharedRegion;
  readonly turns: Turns;
  onClosed(connection: Connection): void;
  /** Connections hold too much memory. */
  onMemoryOver(): void;
  /** While memory is starving: `connection` receives when it has come back. */
  wantMemory(connection: Connection): void;
  /** An assertion of ours failed: the broker must not go on. */
  onFailure(error: AssertionFailure): void;
}

/** The listener a connection came through, as far as it matters to it. */
export interface Origin {
  readonly url: string;
  readonly protocol: Protocol;
  readonly advertised: NetAddress | null;
}

export class Connection implements Link, SocketSink, OutboxOwner, TurnTaker, MemoryHolder {
  readonly remote: NetAddress;
  readonly local: NetAddress;
  readonly listener: string;
  readonly advertised: NetAddress;
  readonly outbox: ConnectionOutbox;
  isPublisher = false;
  isHeld = false;

  private boundLogger: Logger | null = null;
  private readonly host: ConnectionHost;
  private readonly socket: Socket;
  private readonly buffer: ReceiveBuffer;
  private readonly protocol: ProtocolConnection;
  private readonly idleTimeoutMs: number;
  private readonly openedAt: number;
  /** Monotonic ms of the last byte in, of the last time that all bytes had left, or of the last turn. */
  private activeAt: number;
  private hasHadFrame = false;
  /** Monotonic ms since when the rest of an unfinished frame is waited for; Infinity: for none. */
  private frameSince = Number.POSITIVE_INFINITY;
  private isPaused = false;
  /** The peer has sent its last byte. */
  private isPeerEnded = false;
  /** No more `receive`: the connection ends when its answers have left. */
  private isEnding = false;
  /** As `isEnding`, and a parked request is waited for. */
  private isShuttingDown = false;
  /** Reading has stopped because the outbox was full. */
  private isOutboxStalled = false;
  /** `receiveBuffered` will be called: there may be whole frames unread. */
  private isReceiveDue = false;
  /** Monotonic ms at which an ending connection is cut; meaningful while `isEnding`. */
  private endsBy = 0;
  private hasEnded = false;
  private isDestroyed = false;
  private isClosed = false;

  constructor(host: ConnectionHost, origin: Origin, socket: Socket) {
    this.host = host;
    this.socket = socket;
    this.remote = socket.remote;
    this.local = socket.local;
    this.listener = origin.url;
    this.advertised = origin.advertised ?? socket.local;
    this.openedAt = host.clock.monotonic();
    this.activeAt = this.openedAt;
    this.idleTimeoutMs = idleLimit(origin.protocol.idleTimeoutMs, host.limits.idleTimeoutMs);
    this.buffer = new ReceiveBuffer(host.shared, host.pool);
    this.outbox = new ConnectionOutbox(this, host.broker.commits, host.pool, host.memory);
    this.protocol = origin.protocol.connect(this);
  }

  /** Begins to read. Not in the constructor: whoever is told of the close must know of the start. */
  start(): void {
    this.socket.start(this);
  }

  // ---- Link: what the protocol asks for ----

  /** Made when first used: most connections have nothing to say. */
  get logger(): Logger {
    const { host, port } = this.remote;
    this.boundLogger ??= this.host.logger.child({
      listener: this.listener,
      remote: `${host}:${port}`,
    });
    return this.boundLogger;
  }

  get isCongested(): boolean {
    return (
      this.outbox.isFull ||
      this.host.memory.isStarving ||
      this.isEnding ||
      this.isDestroyed ||
      (this.isPublisher && this.host.broker.isCongested)
    );
  }

  hold(): void {
    this.isHeld = true;
  }

  resume(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    if (this.buffer.unreadBytes > 0) this.frameSince = this.host.clock.monotonic();
    this.wantReceive();
  }

  end(): void {
    if (this.isEnding || this.isClosed) return;
    this.startEnding();
    this.host.turns.wantFlush(this);
  }

  destroy(reason: string): void {
    if (this.isDestroyed || this.isClosed) return;
    this.isDestroyed = true;
    this.logger.info('connection.destroyed', { reason });
    this.socket.destroy();
  }

  // ---- Server: what the owner of all connections asks for ----

  /** Ends the connection once what it has begun is finished; its protocol may say goodbye. */
  shutDown(): void {
    if (this.isEnding || this.isClosed) return;
    this.isShuttingDown = true;
    this.guard(() => this.protocol.onShutdown());
    this.end();
    this.updatePause();
  }

  /** Looks at the time limits. */
  check(now: number): void {
    if (this.isClosed || this.isDestroyed) return;
    const idleMs = now - this.activeAt;
    if (this.isEnding) {
      if (now > this.endsBy) this.destroy('its last answers were not taken in time');
    } else if (!this.hasHadFrame) {
      const { firstFrameTimeoutMs } = this.host.limits;
      if (now - this.openedAt > firstFrameTimeoutMs) this.destroy('no first frame in time');
    } else if (!this.isPaused && now - this.unfinishedSince > this.host.limits.frameTimeoutMs) {
      this.destroy('a frame was not complete in time');
    } else if (this.idleTimeoutMs > 0 && idleMs > this.idleTimeoutMs && !this.isWaitedFor()) {
      this.destroy(this.outbox.isBlocked ? 'its answers were not taken' : 'idle');
    }
    if (idleMs > stagingIdleMs) this.outbox.shrink();
  }

  // ---- MemoryHolder ----

  get heldBytes(): number {
    return this.buffer.ownBytes + this.outbox.heldBytes;
  }

  get waitingSince(): number {
    const since = this.unfinishedSince;
    return this.outbox.isBlocked ? Math.min(this.activeAt, since) : since;
  }

  /** As `frameSince`, but not behind a parked request: that waits for us. */
  private get unfinishedSince(): number {
    if (this.isHeld) return Number.POSITIVE_INFINITY;
    const isStarved = this.host.memory.isStarving && this.buffer.unreadBytes > 0;
    return isStarved ? Math.min(this.activeAt, this.frameSince) : this.frameSince;
  }

  get isLeaving(): boolean {
    return this.isDestroyed;
  }

  shrink(): void {
    this.outbox.shrink();
  }

  // ---- SocketSink ----

  region(): Uint8Array {
    return this.buffer.region();
  }

  // HOT: once per read.
  onRead(count: number): void {
    this.activeAt = this.host.clock.monotonic();
    this.buffer.landed(count);
    this.receive();
  }

  onDrain(): void {
    this.activeAt = this.host.clock.monotonic();
    this.outbox.onDrain();
    this.host.turns.wantFlush(this);
  }

  onEnd(): void {
    if (this.isPeerEnded) return;
    this.isPeerEnded = true;
    this.guard(() => this.protocol.onEnd());
    this.maybeEnd();
  }

  onClose(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.host.turns.forget(this);
    this.buffer.close();
    this.outbox.close();
    if (error !== null) this.logger.debug('connection.failed', { error: error.message });
    this.guard(() => this.protocol.onClose());
    this.host.onClosed(this);
  }

  // ---- OutboxOwner and TurnTaker ----

  write(bytes: Uint8Array): boolean {
    return this.isDestroyed || this.hasEnded || this.socket.write(bytes);
  }

  wantFlush(): void {
    if (!this.isClosed) this.host.turns.wantFlush(this);
  }

  wantCommit(): void {
    if (!this.isClosed) this.host.turns.wantCommit(this);
  }

  get isCommitDue(): boolean {
    return this.outbox.isCovered;
  }

  receiveBuffered(): void {
    this.isReceiveDue = false;
    if (this.isClosed || this.isDestroyed) return;
    if (this.buffer.unreadBytes > 0 && !this.isHeld && !this.isCongested) {
      this.activeAt = this.host.clock.monotonic();
      this.buffer.restore();
      this.receive();
      return;
    }
    this.updatePause();
    this.maybeEnd();
  }

  flush(share: number): void {
    if (this.isClosed || this.isDestroyed) return;
    try {
      this.outbox.flush(share);
    } catch (error) {
      this.onProtocolError(error, 'an answer could not be read to its end');
      return;
    }
    if (this.outbox.isWaitingForCommit) this.host.turns.wantCommit(this);
    if (this.host.memory.isOver) this.host.onMemoryOver();
    if (this.isOutboxStalled && !this.outbox.isFull) {
      this.isOutboxStalled = false;
      this.wantReceive();
    }
    this.maybeEnd();
  }

  // ---- inside ----

  /** Hands the unread bytes to the protocol; they are readable, and are parked on return. */
  // HOT
  private receive(): void {
    const { buffer, protocol } = this;
    if (!this.isHeld && !this.isCongested) {
      try {
        const { start } = buffer;
        buffer.consume(protocol.receive(buffer.slab, start, buffer.end));
        this.noteFrame(buffer.start > start);
      } catch (error) {
        this.onProtocolError(error, 'a frame could not be handled');
      }
    }
    const { frameBytes } = protocol;
    this.checkFrame(frameBytes);
    if (this.isDestroyed) buffer.consume(buffer.end);
    buffer.park(frameBytes);
    this.updatePause();
    this.watchMemory();
    if (this.isPeerEnded) this.maybeEnd();
  }

  // HOT
  private watchMemory(): void {
    const { memory } = this.host;
    this.outbox.countStaging();
    if (!memory.isOver) return;
    if (memory.isExhausted) memory.isStarving = true;
    const isWaited = this.waitingSince !== Number.POSITIVE_INFINITY;
    if (memory.isExhausted && isWaited && this.heldBytes > savedBytesMax) {
      this.destroy('connections hold too much memory, and this one wants more');
    }
    this.host.onMemoryOver();
  }

  /** Keeps the time since when a frame is unfinished. */
  // HOT
  private noteFrame(hasConsumed: boolean): void {
    if (hasConsumed) this.hasHadFrame = true;
    if (this.buffer.unreadBytes === 0) this.frameSince = Number.POSITIVE_INFINITY;
    else if (hasConsumed || this.frameSince === Number.POSITIVE_INFINITY) {
      this.frameSince = this.activeAt;
    }
  }

  private checkFrame(frameBytes: number): void {
    if (frameBytes > this.host.limits.frameBytesMax) {
      this.destroy(`a frame of ${frameBytes} bytes is over the limit`);
    } else if (frameBytes > 0 && this.buffer.unreadBytes >= frameBytes) {
      // Nobody would ever come back to it.
      if (!this.isHeld && !this.isCongested) this.destroy('its protocol left a whole frame unread');
    }
  }

  private wantReceive(): void {
    if (this.isClosed) return;
    this.isReceiveDue = true;
    this.host.turns.wantReceive(this);
  }

  private updatePause(): void {
    if (this.isClosed || this.isDestroyed) return;
    const { isCongested } = this;
    this.isOutboxStalled = this.outbox.isFull;
    // Read on a little behind a parked request: otherwise nobody would notice that the peer has gone.
    const wantsPause = isCongested || (this.isHeld && this.buffer.unreadBytes >= heldBytesMax);
    if (isCongested && !this.isEnding && this.isPublisher && this.host.broker.isCongested) {
      this.isReceiveDue = true;
      this.host.turns.wantRelief(this);
    }
    if (this.host.memory.isStarving && !this.isEnding) {
      this.isReceiveDue = true;
      this.host.wantMemory(this);
    }
    if (wantsPause === this.isPaused) return;
    this.isPaused = wantsPause;
    // While it is not read, it is we who are waited for; but what it holds may be what is wanting.
    const isWantingMemory = this.host.memory.isStarving;
    if (wantsPause && !isWantingMemory) this.frameSince = Number.POSITIVE_INFINITY;
    else if (!wantsPause && this.buffer.unreadBytes > 0) {
      this.frameSince = this.host.clock.monotonic();
    }
    if (wantsPause) this.socket.pause();
    else this.socket.resume();
  }

  /** Closes when somebody wants it closed and nothing is left to do before. */
  private maybeEnd(): void {
    if (this.hasEnded || this.isClosed || this.isDestroyed || !this.outbox.isEmpty) return;
    if (this.outbox.isWaitingForCommit || (this.isShuttingDown && this.isHeld)) return;
    if (!this.isEnding) {
      if (!this.isPeerEnded || this.isHeld || this.isReceiveDue) return;
      this.startEnding();
    }
    this.hasEnded = true;
    this.socket.end();
  }

  private startEnding(): void {
    this.isEnding = true;
    this.endsBy = this.host.clock.monotonic() + this.host.limits.closeTimeoutMs;
  }

  /** Silent, but not idle: we are the ones it waits for. Not so when it does not take its answers. */
  private isWaitedFor(): boolean {
    if (this.outbox.isBlocked) return false;
    return this.isHeld || this.outbox.isWaitingForCommit || this.isPaused;
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.onProtocolError(error, 'the protocol failed');
    }
  }

  /** A protocol does not throw for bad input, so this is a bug; it costs its connection first. */
  private onProtocolError(error: unknown, reason: string): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.logger.error('connection.handler_failed', { error: text });
    this.destroy(reason);
    if (error instanceof AssertionFailure) this.host.onFailure(error);
  }
}

/** The shorter of two limits, of which 0 is none. */
function idleLimit(ofProtocol: number, ofServer: number): number {
  if (ofProtocol === 0 || ofServer === 0) return Math.max(ofProtocol, ofServer);
  return Math.min(ofProtocol, ofServer);
}
