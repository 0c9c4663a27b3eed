/**
 * What a protocol and the server promise each other.
 *
 * The server owns sockets, memory and time limits; a protocol turns bytes into calls of the broker
 * and answers into bytes. Neither knows how the other does it: a protocol never sees a socket, the
 * server never sees a frame.
 *
 * One connection, in order: `connect`, then `receive` whenever bytes came, then `onEnd` if the peer
 * stops sending first, then `onClose` exactly once. Nothing is called after `onClose`.
 */

import type { Broker } from '../broker/index.ts';
import type { ByteWriter } from '../kernel/byte-writer.ts';
import type { Clock, Logger, NetAddress, Offload, Random, Scheduler } from '../kernel/ports.ts';
import type { Slab } from '../kernel/slab.ts';

/** A protocol folder's only export to the outside. */
export interface ProtocolModule {
  /** The scheme in `--listen NAME://HOST:PORT`. */
  readonly name: string;
  readonly defaultPort: number;
  create(context: ProtocolContext): Protocol;
}

export interface ProtocolContext {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly offload: Offload;
  readonly logger: Logger;
}

/** One instance serves all listeners of its protocol. */
export interface Protocol {
  /** A connection that is silent and waits for nothing is closed after this; 0: never. */
  readonly idleTimeoutMs: number;
  connect(link: Link): ProtocolConnection;
  /** The broker closes; all connections have been closed. */
  close(): void;
}

export interface ProtocolConnection {
  /**
   * The bytes of the frame that begins at the first unconsumed byte, as soon as they are known,
   * else 0. Read after each `receive`: the server makes room by it.
   */
  readonly frameBytes: number;
  /**
   * Consumes as many whole frames of slab.bytes[start, end) as there are, and returns the position
   * of the first byte not consumed. The next call begins with that byte, maybe elsewhere in memory.
   * Stops early, between two frames, when `link.isHeld` or `link.isCongested`.
   *
   * The bytes are borrowed until return. Whoever needs a range of 64 KiB or more for longer retains
   * the slab; smaller ranges are copied, and may not be retained (see `retainedBytesMin`).
   *
   * Never throws for bad input: it answers as its spec says and calls `link.end` or `link.destroy`.
   */
  receive(slab: Slab, start: number, end: number): number;
  /**
   * The peer has sent its last byte. What was received is still served and answered; then the
   * server closes the connection.
   */
  onEnd(): void;
  /** The broker shuts down: finish what is parked, say goodbye if the protocol can. */
  onShutdown(): void;
  /** The connection is gone: forget it and what it had parked. */
  onClose(): void;
}

/** A slab may be retained for ranges from this size on; smaller ones may lie in shared memory. */
export const retainedBytesMin = 64 * 1024;

/** A connection, as its protocol sees it. */
export interface Link {
  readonly remote: NetAddress;
  readonly local: NetAddress;
  /** Of the listener it came through: `kafka://127.0.0.1:9092`. */
  readonly listener: string;
  /** What this client is to be told when it asks for the broker's address. */
  readonly advertised: NetAddress;
  readonly outbox: Outbox;
  /** With the address and the protocol bound to it. */
  readonly logger: Logger;
  /** Set it with the first publish: a congested broker stops reading from publishers only. */
  isPublisher: boolean;
  /** Between `hold` and `resume`. */
  readonly isHeld: boolean;
  /** Answers wait unsent up to their limit, or the broker takes no more from publishers, or it closes. */
  readonly isCongested: boolean;
  /** A request is parked, and those behind it have to wait: no `receive` until `resume`. */
  hold(): void;
  /** `receive` follows in a later turn if there are bytes. */
  resume(): void;
  /** No more `receive`; closes when everything sealed has left, at the latest after some seconds. */
  end(): void;
  /** Closes at once. `reason` is for the log. */
  destroy(reason: string): void;
}

/**
 * The answers of one connection, in order.
 *
 * An answer is what was written and streamed since the last `seal`. It leaves when it is sealed,
 * its LSN is committed, and everything before it has left. All that may leave goes out at the end
 * of the tick, in one write.
 */
export interface Outbox {
  /**
   * Append only. Positions stay valid until the `seal` of their answer; bytes may be patched until
   * then. Do not `reset` it.
   */
  readonly writer: ByteWriter;
  /** Ends the answer. It leaves when the entry at `lsn` is committed; 0: at once. */
  seal(lsn: number): void;
  /** Puts a body after what was written so far of this answer. Its size is announced by the caller. */
  stream(source: StreamSource): void;
  /** Forgets what was written and streamed since the last `seal`. */
  discard(): void;
  /** Finish the answer at hand, then make no more until less waits (part of `link.isCongested`). */
  readonly isFull: boolean;
}

/** A body that is fetched while it is sent, so that its size costs no memory. */
export interface StreamSource {
  readonly bytesLeft: number;
  /**
   * Copies up to `length` of the next bytes to `target` at `start` and returns how many; 0 when
   * they are not there yet, and then calls `ready` once when they are. What it throws closes the
   * connection: an answer cannot be taken back midway.
   */
  read(target: Uint8Array, start: number, length: number, ready: () => void): number;
  /** Called once: all was read, or the connection is gone. */
  release(): void;
}

/** What the server needs from the broker: when answers may leave, and when to stop reading. */
export interface ServedBroker {
  readonly commits: {
    isCovered(lsn: number): boolean;
    /** Called once for each committed group. Returns the undoing. */
    onCommit(listener: () => void): () => void;
  };
  readonly isCongested: boolean;
}
