/**
 * The ports: everything the broker needs from the outside world, as interfaces.
 *
 * Owns: the shape of time, randomness, disk, network, scheduling, off-loop work and logging.
 * Leaves: the real ones to `node/`, the simulated ones to `simulation/`, the RAM disk to `ram-disk.ts`.
 *
 * Rules for every implementation:
 * - Callbacks never run inside the call that registered them; they run later, one at a time.
 * - After its owner has crashed (simulation) or closed, a port goes inert: it accepts calls, does
 *   nothing, and calls nothing back.
 */

export interface Clock {
  /** Wall time, Unix milliseconds, whole. May jump either way; never used to order anything. */
  now(): number;
  /** Milliseconds since an arbitrary start, fractional. Never goes back. */
  monotonic(): number;
}

export interface Random {
  /** A uniform integer in [0, 2^32). */
  uint32(): number;
  /** Fills `target` with random bytes. */
  fill(target: Uint8Array): void;
}

export interface Timer {
  /** Idempotent; a cancelled timer's task never runs. */
  cancel(): void;
}

export interface Scheduler {
  /** Runs `task` once everything that is ready in this turn of the loop has been handled. */
  endOfTick(task: () => void): void;
  /** Runs `task` after waiting I/O has had a turn: for long work cut into slices. */
  nextSlice(task: () => void): void;
  /** Runs `task` once, `delayMs` from now by the monotonic clock. Does not keep a process alive. */
  after(delayMs: number, task: () => void): Timer;
}

/** Named pure functions that run away from the loop. Which tasks exist is the composition root's choice. */
export interface Offload {
  /**
   * Runs `task` on `input` with small numeric `parameters`. The input is copied before return.
   * Errors arrive in `done`, never thrown.
   */
  run(
    task: string,
    input: Uint8Array,
    parameters: readonly number[],
    done: (error: Error | null, output: Uint8Array | null) => void,
  ): void;
}

/** Why a disk refused: `no-space` is met with back-pressure, everything else fences the broker. */
export type DiskFault = 'no-space' | 'io' | 'not-found' | 'exists' | 'denied';

export class DiskError extends Error {
  readonly fault: DiskFault;
  readonly path: string;
  constructor(fault: DiskFault, path: string, detail: string, cause?: unknown) {
    super(`${path}: ${detail}`, cause === undefined ? undefined : { cause });
    this.name = 'DiskError';
    this.fault = fault;
    this.path = path;
  }
}

export type DiskDone = (error: DiskError | null) => void;

/**
 * One data folder. Paths are relative to it, with `/` between names; at most one directory deep.
 * Calls without a callback act at once and throw `DiskError`.
 */
export interface Disk {
  /** Names in `directory` ('' is the folder itself), sorted. A missing directory lists nothing. */
  list(directory: string): string[];
  makeDirectory(directory: string): void;
  exists(path: string): boolean;
  /** Opens for reading and writing. `create` makes the file when it is missing. */
  open(path: string, options: { readonly create: boolean }): DiskFile;
  /** Replaces `target` if it exists. Survives a power cut only after `syncDirectory`. */
  rename(source: string, target: string): void;
  /** Survives a power cut only after `syncDirectory`. */
  remove(path: string): void;
  /** Makes the names in `directory` (creations, renames, removals) survive a power cut. */
  syncDirectory(directory: string, done: DiskDone): void;
  /** Bytes that files may have in all, others' files included. */
  totalBytes(): number;
  /** Bytes that can still be written to new files. */
  freeBytes(): number;
}

export interface DiskFile {
  readonly path: string;
  size(): number;
  /** Reads up to `length` bytes at `position` into `target` from `start`; returns how many there were. */
  readSync(target: Uint8Array, start: number, length: number, position: number): number;
  /** As `readSync`, away from the loop. `target` is borrowed until `done`. */
  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: (error: DiskError | null, bytesRead: number) => void,
  ): void;
  /** Writes all of `parts`, one after the other, from `position`. Into the page cache: not durable. */
  writeSync(parts: readonly Uint8Array[], position: number): void;
  /** As `writeSync`, away from the loop. `parts` are borrowed until `done`. */
  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void;
  /** Makes the bytes written so far durable, in the thread kept for commits. Never retried on error. */
  datasync(done: DiskDone): void;
  /** As `datasync`, size included, in the background lane: for files nobody waits for. */
  sync(done: DiskDone): void;
  /** Shortens or lengthens (with zeros) the file. */
  truncate(size: number): void;
  /** Idempotent. Calls under way still call back. */
  close(): void;
}

export interface NetAddress {
  readonly host: string;
  readonly port: number;
}

export interface Net {
  /** `port` 0 lets the system choose. `ready` gets the bound address, or the error (`code` as Node's). */
  listen(
    address: NetAddress,
    onConnection: (socket: Socket) => void,
    ready: (error: (Error & { code?: string }) | null, listener: Listener | null) => void,
  ): void;
}

export interface Listener {
  readonly address: NetAddress;
  /** Stops accepting; connections already accepted live on. */
  close(done: () => void): void;
}

/** What a socket's owner gives: where reads land, and what happens. */
export interface SocketSink {
  /** The region the next read may fill: at least 1 byte, borrowed until `onRead` or `onClose`. */
  region(): Uint8Array;
  /** `count` bytes have landed at the start of the last region. */
  onRead(count: number): void;
  /** All that was written has left; the buffers passed to `write` belong to their owner again. */
  onDrain(): void;
  /** The peer has sent its last byte. */
  onEnd(): void;
  /** The last call on this sink. */
  onClose(error: Error | null): void;
}

export interface Socket {
  readonly remote: NetAddress;
  readonly local: NetAddress;
  /** Begins to read. Called once. */
  start(sink: SocketSink): void;
  /**
   * Sends `bytes`. True: the kernel took all of it and the buffer is free again. False: the buffer is
   * borrowed until `onDrain`, and nothing more may be written before that.
   */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Sends what is written, then closes. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** `event` is a `noun.verb_past` constant; the rest is data. */
export interface Logger {
  child(fields: LogFields): Logger;
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  /** Somebody should look. */
  warn(event: string, fields?: LogFields): void;
  /** Somebody must look. */
  error(event: string, fields?: LogFields): void;
}

export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly offload: Offload;
  readonly disk: Disk;
  readonly logger: Logger;
}
