/**
 * What the tests of stored files share: a scheduler that runs when told, a disk that fails when told.
 */
import { strict as assert } from 'node:assert';
import { BrokerError } from '../kernel/errors.ts';
import {
  type Disk,
  type DiskDone,
  DiskError,
  type DiskFault,
  type DiskFile,
  type Scheduler,
} from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';

export const storeId: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

export class StepScheduler implements Scheduler {
  readonly #tasks: (() => void)[] = [];

  endOfTick(task: () => void): void {
    this.#tasks.push(task);
  }

  nextSlice(task: () => void): void {
    this.#tasks.push(task);
  }

  after(): never {
    assert.fail('stored files need no timers');
  }

  /** Runs one task; false when there was none. */
  step(): boolean {
    const task = this.#tasks.shift();
    task?.();
    return task !== undefined;
  }

  run(): void {
    while (this.step());
  }
}

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'syncDirectory';

/** A RAM disk; `fail` is asked before each operation whether, and how, it fails. */
export class FaultyDisk implements Disk {
  readonly scheduler = new StepScheduler();
  readonly ram = new RamDisk(this.scheduler, 512 * 1024 * 1024);
  readonly counts = new Map<DiskOperation, number>();
  fail: (operation: DiskOperation, path: string) => DiskFault | null = () => null;

  check(operation: DiskOperation, path: string): DiskError | null {
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1);
    const fault = this.fail(operation, path);
    return fault === null ? null : new DiskError(fault, path, `${operation} was made to fail`);
  }

  list(directory: string): string[] {
    return this.ram.list(directory);
  }

  makeDirectory(directory: string): void {
    this.ram.makeDirectory(directory);
  }

  exists(path: string): boolean {
    return this.ram.exists(path);
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    this.#throwing('open', path);
    return new FaultyFile(this, this.ram.open(path, options));
  }

  rename(source: string, target: string): void {
    this.#throwing('rename', source);
    this.ram.rename(source, target);
  }

  remove(path: string): void {
    this.#throwing('remove', path);
    this.ram.remove(path);
  }

  syncDirectory(directory: string, done: DiskDone): void {
    const error = this.check('syncDirectory', directory);
    this.scheduler.nextSlice(() => done(error));
  }

  totalBytes(): number {
    return this.ram.totalBytes();
  }

  freeBytes(): number {
    return this.ram.freeBytes();
  }

  #throwing(operation: DiskOperation, path: string): void {
    const error = this.check(operation, path);
    if (error !== null) throw error;
  }
}

class FaultyFile implements DiskFile {
  readonly path: string;
  readonly #disk: FaultyDisk;
  readonly #file: DiskFile;

  constructor(disk: FaultyDisk, file: DiskFile) {
    this.path = file.path;
    this.#disk = disk;
    this.#file = file;
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
    const error = this.#disk.check('read', this.path);
    if (error === null) this.#file.read(target, start, length, position, done);
    else this.#disk.scheduler.nextSlice(() => done(error, 0));
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    const error = this.#disk.check('write', this.path);
    if (error !== null) throw error;
    this.#file.writeSync(parts, position);
  }

  /** A write that fails has written its first half. */
  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    const error = this.#disk.check('write', this.path);
    if (error === null) {
      this.#file.write(parts, position, done);
      return;
    }
    const all = Buffer.concat(parts);
    this.#file.write([all.subarray(0, all.length >> 1)], position, () => done(error));
  }

  datasync(done: DiskDone): void {
    this.sync(done);
  }

  sync(done: DiskDone): void {
    const error = this.#disk.check('sync', this.path);
    this.#disk.scheduler.nextSlice(() => done(error));
  }

  truncate(size: number): void {
    this.#file.truncate(size);
  }

  close(): void {
    this.#file.close();
  }
}

export function readWhole(disk: FaultyDisk, path: string): Uint8Array {
  const file = disk.ram.open(path, { create: false });
  const bytes = new Uint8Array(file.size());
  file.readSync(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

export function writeWhole(disk: FaultyDisk, path: string, bytes: Uint8Array): void {
  const file = disk.ram.open(path, { create: true });
  file.truncate(0);
  file.writeSync([bytes], 0);
  file.close();
}

/** `bytes` with one bit changed. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** Calls `start` and runs until it has called back. */
export function finish<T>(
  disk: FaultyDisk,
  start: (done: (error: BrokerError | null, value: T) => void) => void,
): { readonly error: BrokerError | null; readonly value: T } {
  const results: { error: BrokerError | null; value: T }[] = [];
  start((error, value) => results.push({ error, value }));
  assert.ok(!results.some(Boolean), 'nothing is called back inside the call');
  disk.scheduler.run();
  const [result] = results;
  assert.ok(result !== undefined && results.length === 1, 'it calls back once');
  return result;
}

/** A predicate for `assert.throws`: the error has `code` and names `path`. */
export function isFault(code: string, path: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof BrokerError && error.code === code && error.detail.includes(path);
}
