/**
 * Guards: nothing that the broker throws in a callback reaches the process.
 *
 * Owns: the scheduler, disk and offload that the broker gets, which catch what its callbacks throw.
 * Leaves: what to do about it to the running broker, which fences itself.
 *
 * After `stop` the guarded ports are inert: they call nothing back, so that a broken instance cannot
 * act any more, and the files that it had open are closed.
 */

import type {
  Disk,
  DiskDone,
  DiskError,
  DiskFile,
  Offload,
  Scheduler,
  Timer,
} from '../kernel/ports.ts';

export type FailureListener = (error: unknown) => void;

/** Runs callbacks until it is stopped; the first that throws is reported. */
export class Guard {
  readonly #onFailure: FailureListener;
  #isStopped = false;
  readonly #openFiles = new Set<DiskFile>();

  constructor(onFailure: FailureListener) {
    this.#onFailure = onFailure;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  stop(): void {
    this.#isStopped = true;
    for (const file of this.#openFiles) file.close();
    this.#openFiles.clear();
  }

  run(action: () => void): void {
    if (this.#isStopped) return;
    try {
      action();
    } catch (error) {
      this.#onFailure(error);
    }
  }

  opened(file: DiskFile): void {
    this.#openFiles.add(file);
  }

  closed(file: DiskFile): void {
    this.#openFiles.delete(file);
  }
}

export class GuardedScheduler implements Scheduler {
  readonly #scheduler: Scheduler;
  readonly #guard: Guard;
  /** Tasks of the end of this tick, in order. */
  #tasks: (() => void)[] = [];
  /** The array swapped in while the other one runs. */
  #spare: (() => void)[] = [];
  readonly #runTasks = (): void => this.#runTick();

  constructor(scheduler: Scheduler, guard: Guard) {
    this.#scheduler = scheduler;
    this.#guard = guard;
  }

  // HOT: no allocation.
  endOfTick(task: () => void): void {
    if (this.#tasks.push(task) === 1) this.#scheduler.endOfTick(this.#runTasks);
  }

  nextSlice(task: () => void): void {
    this.#scheduler.nextSlice(() => this.#guard.run(task));
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#scheduler.after(delayMs, () => this.#guard.run(task));
  }

  #runTick(): void {
    const tasks = this.#tasks;
    this.#tasks = this.#spare;
    for (let i = 0; i < tasks.length; i++) this.#guard.run(tasks[i] as () => void);
    tasks.length = 0;
    this.#spare = tasks;
  }
}

export class GuardedOffload implements Offload {
  readonly #offload: Offload;
  readonly #guard: Guard;

  constructor(offload: Offload, guard: Guard) {
    this.#offload = offload;
    this.#guard = guard;
  }

  run(
    task: string,
    input: Uint8Array,
    parameters: readonly number[],
    done: (error: Error | null, output: Uint8Array | null) => void,
  ): void {
    this.#offload.run(task, input, parameters, (error, output) =>
      this.#guard.run(() => done(error, output)),
    );
  }
}

export class GuardedDisk implements Disk {
  readonly #disk: Disk;
  readonly #guard: Guard;

  constructor(disk: Disk, guard: Guard) {
    this.#disk = disk;
    this.#guard = guard;
  }

  list(directory: string): string[] {
    return this.#disk.list(directory);
  }

  makeDirectory(directory: string): void {
    this.#disk.makeDirectory(directory);
  }

  exists(path: string): boolean {
    return this.#disk.exists(path);
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    return new GuardedFile(this.#disk.open(path, options), this.#guard);
  }

  rename(source: string, target: string): void {
    this.#disk.rename(source, target);
  }

  remove(path: string): void {
    this.#disk.remove(path);
  }

  syncDirectory(directory: string, done: DiskDone): void {
    this.#disk.syncDirectory(directory, (error) => this.#guard.run(() => done(error)));
  }

  totalBytes(): number {
    return this.#disk.totalBytes();
  }

  freeBytes(): number {
    return this.#disk.freeBytes();
  }
}

class GuardedFile implements DiskFile {
  readonly path: string;
  readonly #file: DiskFile;
  readonly #guard: Guard;

  constructor(file: DiskFile, guard: Guard) {
    this.path = file.path;
    this.#file = file;
    this.#guard = guard;
    guard.opened(file);
  }

  size(): number {
    return this.#file.size();
  }

  readSync(target: Uint8Array, start: number, length: number, position: number): number {
    return this.#file.readSync(target, start, length, position);
  }

  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: (error: DiskError | null, bytesRead: number) => void,
  ): void {
    this.#file.read(target, start, length, position, (error, count) =>
      this.#guard.run(() => done(error, count)),
    );
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#file.writeSync(parts, position);
  }

  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    this.#file.write(parts, position, this.#guarded(done));
  }

  datasync(done: DiskDone): void {
    this.#file.datasync(this.#guarded(done));
  }

  sync(done: DiskDone): void {
    this.#file.sync(this.#guarded(done));
  }

  truncate(size: number): void {
    this.#file.truncate(size);
  }

  close(): void {
    this.#guard.closed(this.#file);
    this.#file.close();
  }

  #guarded(done: DiskDone): DiskDone {
    return (error) => this.#guard.run(() => done(error));
  }
}
