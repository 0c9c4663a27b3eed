/**
 * A disk that passes every call on: to be told apart by those who want one call to go wrong.
 *
 * Owns: the passing on. Leaves: what goes wrong to `mistakes.ts`.
 */
import type { Disk, DiskDone, DiskError, DiskFile } from '../src/kernel/ports.ts';

export class DiskProxy implements Disk {
  protected readonly inner: Disk;

  constructor(inner: Disk) {
    this.inner = inner;
  }

  list(directory: string): string[] {
    return this.inner.list(directory);
  }

  makeDirectory(directory: string): void {
    this.inner.makeDirectory(directory);
  }

  exists(path: string): boolean {
    return this.inner.exists(path);
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    return this.inner.open(path, options);
  }

  rename(source: string, target: string): void {
    this.inner.rename(source, target);
  }

  remove(path: string): void {
    this.inner.remove(path);
  }

  syncDirectory(directory: string, done: DiskDone): void {
    this.inner.syncDirectory(directory, done);
  }

  totalBytes(): number {
    return this.inner.totalBytes();
  }

  freeBytes(): number {
    return this.inner.freeBytes();
  }
}

export class DiskFileProxy implements DiskFile {
  protected readonly inner: DiskFile;

  constructor(inner: DiskFile) {
    this.inner = inner;
  }

  get path(): string {
    return this.inner.path;
  }

  size(): number {
    return this.inner.size();
  }

  readSync(target: Uint8Array, start: number, length: number, position: number): number {
    return this.inner.readSync(target, start, length, position);
  }

  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: (error: DiskError | null, bytesRead: number) => void,
  ): void {
    this.inner.read(target, start, length, position, done);
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.inner.writeSync(parts, position);
  }

  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    this.inner.write(parts, position, done);
  }

  datasync(done: DiskDone): void {
    this.inner.datasync(done);
  }

  sync(done: DiskDone): void {
    this.inner.sync(done);
  }

  truncate(size: number): void {
    this.inner.truncate(size);
  }

  close(): void {
    this.inner.close();
  }
}
