/**
 * Ports that let no mistake of ours escape: an assertion that fails in a callback fences the broker instead
 * of ending the process that it is embedded in.
 *
 * Owns: the way from an `AssertionFailure` thrown in a callback to its handler. Everything else that is
 * thrown goes on as it is.
 */
import { AssertionFailure } from '../kernel/assert.ts';
import type {
  Disk,
  DiskDone,
  DiskFile,
  Offload,
  Ports,
  Scheduler,
  Timer,
} from '../kernel/ports.ts';

export type OnFailure = (failure: AssertionFailure) => void;

type Guard = (action: () => void) => void;

export function guardPorts(ports: Ports, onFailure: OnFailure): Ports {
  const guard: Guard = (action) => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof AssertionFailure)) throw error;
      onFailure(error);
    }
  };
  return {
    ...ports,
    scheduler: new GuardedScheduler(ports.scheduler, guard),
    offload: guardOffload(ports.offload, guard),
    disk: new GuardedDisk(ports.disk, guard),
  };
}

class GuardedScheduler implements Scheduler {
  readonly #inner: Scheduler;
  readonly #guard: Guard;

  constructor(inner: Scheduler, guard: Guard) {
    this.#inner = inner;
    this.#guard = guard;
  }

  endOfTick(task: () => void): void {
    this.#inner.endOfTick(() => this.#guard(task));
  }

  nextSlice(task: () => void): void {
    this.#inner.nextSlice(() => this.#guard(task));
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#inner.after(delayMs, () => this.#guard(task));
  }
}

function guardOffload(inner: Offload, guard: Guard): Offload {
  return {
    run: (task, input, parameters, done) =>
      inner.run(task, input, parameters, (error, output) => guard(() => done(error, output))),
  };
}

class GuardedDisk implements Disk {
  readonly #inner: Disk;
  readonly #guard: Guard;

  constructor(inner: Disk, guard: Guard) {
    this.#inner = inner;
    this.#guard = guard;
  }

  list(directory: string): string[] {
    return this.#inner.list(directory);
  }

  makeDirectory(directory: string): void {
    this.#inner.makeDirectory(directory);
  }

  exists(path: string): boolean {
    return this.#inner.exists(path);
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    return new GuardedFile(this.#inner.open(path, options), this.#guard);
  }

  rename(source: string, target: string): void {
    this.#inner.rename(source, target);
  }

  remove(path: string): void {
    this.#inner.remove(path);
  }

  syncDirectory(directory: string, done: DiskDone): void {
    this.#inner.syncDirectory(directory, (error) => this.#guard(() => done(error)));
  }

  freeBytes(): number {
    return this.#inner.freeBytes();
  }
}

class GuardedFile implements DiskFile {
  readonly path: string;
  readonly #inner: DiskFile;
  readonly #guard: Guard;

  constructor(inner: DiskFile, guard: Guard) {
    this.path = inner.path;
    this.#inner = inner;
    this.#guard = guard;
  }

  size(): number {
    return this.#inner.size();
  }

  readSync(target: Uint8Array, start: number, length: number, position: number): number {
    return this.#inner.readSync(target, start, length, position);
  }

  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: Parameters<DiskFile['read']>[4],
  ): void {
    this.#inner.read(target, start, length, position, (error, bytesRead) =>
      this.#guard(() => done(error, bytesRead)),
    );
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#inner.writeSync(parts, position);
  }

  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    this.#inner.write(parts, position, (error) => this.#guard(() => done(error)));
  }

  datasync(done: DiskDone): void {
    this.#inner.datasync((error) => this.#guard(() => done(error)));
  }

  sync(done: DiskDone): void {
    this.#inner.sync((error) => this.#guard(() => done(error)));
  }

  truncate(size: number): void {
    this.#inner.truncate(size);
  }

  close(): void {
    this.#inner.close();
  }
}
