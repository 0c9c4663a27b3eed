/**
 * The thread kept for `fdatasync` of files somebody waits for.
 *
 * Owns: one worker thread, the queue of requests to it, its life.
 * Leaves: which files, and what an error means, to disk.ts.
 *
 * A thread of its own because the shared pool is also where password hashes and large reads run:
 * behind eight of those a sync waits a hundred times its own duration. Requests reach the thread
 * through shared memory, which it sleeps on; results come back as messages, in order. (An
 * `Atomics.waitAsync` on this side was measured and is no faster on Node 20 or 24: both 45 µs for an
 * empty round trip, and a message keeps the process alive for as long as it must be.)
 *
 * Shared memory, Int32:
 *
 *     index      what
 *     0          requests made so far, modulo 2^32; the thread sleeps on this
 *     1 + i      file descriptor of request number n, where n mod 64 = i
 */

import { fdatasync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Ring } from '../kernel/ring.ts';

/** `code` as Node's (`EIO`); null when the bytes are durable. */
export type SyncDone = (code: string | null) => void;

/** Past this many the pool takes over; a journal has one, two at the end of a segment. */
const requestSlots = 64;

/**
 * The worker, as text: a bundle is one file and has no second one to point at. Plain JavaScript of
 * any Node since 12; it must not use imports.
 */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads');
const { fdatasyncSync } = require('node:fs');
const shared = new Int32Array(workerData);
let handled = 0;
parentPort.postMessage('ready');
for (;;) {
  Atomics.wait(shared, 0, handled);
  if (Atomics.load(shared, 0) === handled) continue;
  const fd = shared[1 + ((handled >>> 0) % ${requestSlots})];
  handled = (handled + 1) | 0;
  let code = null;
  try {
    fdatasyncSync(fd);
  } catch (error) {
    code = error.code || 'EIO';
  }
  parentPort.postMessage(code);
}
`;

export class SyncThread {
  private readonly shared = new Int32Array(new SharedArrayBuffer(4 * (1 + requestSlots)));
  private readonly waiting = new Ring<SyncDone>();
  private worker: Worker | null = null;
  private isReady = false;
  private isClosed = false;
  private requests = 0;

  /**
   * Results of one thread come in order; while it starts (20 to 30 ms) and past 64 requests the
   * pool does the work, and the order between the two is open.
   */
  datasync(fd: number, done: SyncDone): void {
    this.start();
    const worker = this.worker;
    if (worker === null || !this.isReady || this.waiting.length === requestSlots) {
      fdatasync(fd, (error) => done(error === null ? null : (error.code ?? 'EIO')));
      return;
    }
    if (this.waiting.length === 0) worker.ref();
    this.waiting.pushBack(done);
    this.shared[1 + (this.requests % requestSlots)] = fd;
    this.requests = (this.requests + 1) >>> 0;
    Atomics.store(this.shared, 0, this.requests | 0);
    Atomics.notify(this.shared, 0);
  }

  /** Starts the thread ahead of the first `datasync`. `ready` is called if this call starts it. */
  start(ready?: () => void): void {
    if (this.worker !== null || this.isClosed) return;
    const worker = new Worker(workerSource, {
      eval: true,
      name: 'polylog-sync',
      workerData: this.shared.buffer,
      // It needs none of the flags and hooks of the main thread, such as a loader.
      execArgv: [],
    });
    this.worker = worker;
    worker.unref();
    worker.once('message', () => {
      this.isReady = true;
      ready?.();
      worker.on('message', (code: string | null) => this.onResult(code));
    });
    // An error is followed by the exit.
    worker.on('error', () => {});
    worker.once('exit', () => this.onExit());
  }

  /** Ends the thread once what is under way is done. Later requests go to the pool. */
  close(): void {
    this.isClosed = true;
    if (this.waiting.length === 0) this.stop();
  }

  private onResult(code: string | null): void {
    const done = this.waiting.popFront();
    if (this.waiting.length === 0) {
      this.worker?.unref();
      if (this.isClosed) this.stop();
    }
    done?.(code);
  }

  /** Whether the syncs under way took place is unknown, and they must not be tried again. */
  private onExit(): void {
    this.worker = null;
    this.isReady = false;
    this.isClosed = true;
    for (let done = this.waiting.popFront(); done; done = this.waiting.popFront()) done('EIO');
  }

  private stop(): void {
    const worker = this.worker;
    this.worker = null;
    this.isReady = false;
    void worker?.terminate();
  }
}
