/**
 * Work away from the loop, on one worker thread that starts with the first task.
 *
 * A thread without work ends after a while: its heap keeps what the last tasks left, and nobody would
 * ever collect that.
 *
 * Owns: the thread and its life, the copies in and out, errors across the border.
 * Leaves: which tasks exist to the composition root, which passes the same table to both sides.
 *
 * Where the entry file of the thread is not there (a program bundled into one file), tasks run on
 * the loop, each in a slice of its own.
 */

import { existsSync } from 'node:fs';
import timers from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parentPort, type Transferable, Worker } from 'node:worker_threads';
import { copyOf } from '../kernel/bytes.ts';
import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { Offload, Scheduler } from '../kernel/ports.ts';
import { messageOf } from './system-error.ts';

const { setTimeout, clearTimeout } = timers;

/** Of a thread without work. */
const idleMsMax = 10_000;

export type OffloadTask = (input: Uint8Array, parameters: readonly number[]) => Uint8Array;
export type OffloadTasks = Readonly<Record<string, OffloadTask>>;
export type OffloadDone = (error: Error | null, output: Uint8Array | null) => void;

interface Request {
  readonly id: number;
  readonly task: string;
  readonly input: Uint8Array;
  readonly parameters: readonly number[];
}

interface Failure {
  readonly name: string;
  readonly message: string;
  /** Of a `BrokerError`. */
  readonly code: BrokerErrorCode | null;
  readonly detail: string;
}

interface Response {
  readonly id: number;
  readonly output: Uint8Array | null;
  readonly failure: Failure | null;
}

export class NodeOffload implements Offload {
  private readonly entry: URL | null;
  private readonly tasks: OffloadTasks;
  private readonly scheduler: Scheduler;
  private readonly waiting = new Map<number, OffloadDone>();
  private worker: Worker | null = null;
  private idleTimer: NodeJS.Timeout | null = null;
  private lastId = 0;
  private isClosed = false;

  /** `entry` is a module that calls `serveOffload(tasks)`; null runs all tasks on the loop. */
  constructor(entry: URL | null, tasks: OffloadTasks, scheduler: Scheduler) {
    const isThere =
      entry !== null && (entry.protocol !== 'file:' || existsSync(fileURLToPath(entry)));
    this.entry = isThere ? entry : null;
    this.tasks = tasks;
    this.scheduler = scheduler;
  }

  run(task: string, input: Uint8Array, parameters: readonly number[], done: OffloadDone): void {
    if (this.isClosed) return;
    const copy = copyOf(input);
    if (this.entry === null) {
      this.scheduler.nextSlice(() => this.runHere(task, copy, parameters, done));
      return;
    }
    const worker = this.worker ?? this.start(this.entry);
    if (this.waiting.size === 0) worker.ref();
    this.stopIdleTimer();
    const id = ++this.lastId;
    this.waiting.set(id, done);
    const request: Request = { id, task, input: copy, parameters };
    worker.postMessage(request, [copy.buffer]);
  }

  /** Nothing is called back any more. */
  close(): void {
    this.isClosed = true;
    this.stopIdleTimer();
    this.waiting.clear();
    const worker = this.worker;
    this.worker = null;
    void worker?.terminate();
  }

  private start(entry: URL): Worker {
    const worker = new Worker(entry, { name: 'polylog-offload' });
    let reason = 'the worker thread ended';
    worker.on('message', (response: Response) => this.onResponse(response));
    worker.on('error', (error) => {
      reason = error.message;
    });
    worker.once('exit', () => this.onExit(worker, reason));
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private onResponse(response: Response): void {
    const done = this.waiting.get(response.id);
    this.waiting.delete(response.id);
    if (this.waiting.size === 0) this.rest();
    if (response.failure === null) done?.(null, response.output);
    else done?.(rebuiltError(response.failure), null);
  }

  private rest(): void {
    const { worker } = this;
    if (worker === null) return;
    worker.unref();
    this.idleTimer = setTimeout(() => {
      this.worker = null;
      void worker.terminate();
    }, idleMsMax);
    this.idleTimer.unref();
  }

  private stopIdleTimer(): void {
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    this.idleTimer = null;
  }

  /** Out of memory, mostly. The next task starts a new thread. */
  private onExit(worker: Worker, reason: string): void {
    if (this.worker !== worker) return;
    this.worker = null;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const done of waiting) done(new Error(reason), null);
  }

  private runHere(
    task: string,
    input: Uint8Array,
    parameters: readonly number[],
    done: OffloadDone,
  ): void {
    if (this.isClosed) return;
    let output: Uint8Array;
    try {
      output = execute(this.tasks, task, input, parameters);
    } catch (error) {
      done(rebuiltError(describeFailure(error)), null);
      return;
    }
    done(null, output);
  }
}

/** The other side: called by the entry module, in the worker thread. */
export function serveOffload(tasks: OffloadTasks): void {
  parentPort?.on('message', ({ id, task, input, parameters }: Request) => {
    let response: Response;
    const transfer: Transferable[] = [];
    try {
      const output = ownMemory(execute(tasks, task, input, parameters));
      transfer.push(output.buffer);
      response = { id, output, failure: null };
    } catch (error) {
      response = { id, output: null, failure: describeFailure(error) };
    }
    parentPort?.postMessage(response, transfer);
  });
}

function execute(
  tasks: OffloadTasks,
  task: string,
  input: Uint8Array,
  parameters: readonly number[],
): Uint8Array {
  const action = Object.hasOwn(tasks, task) ? tasks[task] : undefined;
  if (action === undefined) throw new Error(`there is no task named ${task}`);
  return action(input, parameters);
}

/** Only whole, unshared array buffers can change hands. */
function ownMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return isWhole ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

function describeFailure(error: unknown): Failure {
  if (error instanceof BrokerError) {
    return { name: error.name, message: error.message, code: error.code, detail: error.detail };
  }
  const name =
    typeof error === 'object' && error !== null && 'name' in error ? error.name : 'Error';
  return { name: String(name), message: messageOf(error), code: null, detail: '' };
}

function rebuiltError(failure: Failure): Error {
  if (failure.code !== null) return new BrokerError(failure.code, failure.detail);
  const error = new Error(failure.message);
  error.name = failure.name;
  return error;
}
