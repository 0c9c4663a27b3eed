/**
 * A data folder that is only looked at, whoever else is writing to it.
 *
 * Owns: reading files through descriptors that cannot write. Everything else is refused.
 */

import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { type Disk, type DiskDone, DiskError, type DiskFile } from '../kernel/ports.ts';

export class ReadOnlyDisk implements Disk {
  private readonly root: string;

  constructor(root: string) {
    this.root = resolve(root);
  }

  list(directory: string): string[] {
    const path = join(this.root, directory);
    if (!fs.existsSync(path)) return [];
    return attempt(directory, () => fs.readdirSync(path).sort());
  }

  exists(path: string): boolean {
    return fs.existsSync(join(this.root, path));
  }

  open(path: string): DiskFile {
    const fd = attempt(path, () => fs.openSync(join(this.root, path), 'r'));
    return new ReadOnlyFile(path, fd);
  }

  makeDirectory(directory: string): void {
    throw refusal(directory);
  }

  rename(source: string): void {
    throw refusal(source);
  }

  remove(path: string): void {
    throw refusal(path);
  }

  syncDirectory(directory: string): void {
    throw refusal(directory);
  }

  totalBytes(): number {
    return 0;
  }

  freeBytes(): number {
    return 0;
  }
}

class ReadOnlyFile implements DiskFile {
  readonly path: string;
  private readonly fd: number;
  private isClosed = false;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
  }

  size(): number {
    return attempt(this.path, () => fs.fstatSync(this.fd).size);
  }

  readSync(target: Uint8Array, start: number, length: number, position: number): number {
    return attempt(this.path, () => {
      let total = 0;
      while (total < length) {
        const count = fs.readSync(this.fd, target, start + total, length - total, position + total);
        if (count === 0) break;
        total += count;
      }
      return total;
    });
  }

  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: (error: DiskError | null, bytesRead: number) => void,
  ): void {
    fs.read(this.fd, target, start, length, position, (error, count) => {
      if (error !== null) return done(diskError(this.path, error), 0);
      done(null, count);
    });
  }

  writeSync(): void {
    throw refusal(this.path);
  }

  write(_parts: readonly Uint8Array[], _position: number, _done: DiskDone): void {
    throw refusal(this.path);
  }

  datasync(): void {
    throw refusal(this.path);
  }

  sync(): void {
    throw refusal(this.path);
  }

  truncate(): void {
    throw refusal(this.path);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    fs.closeSync(this.fd);
  }
}

function refusal(path: string): DiskError {
  return new DiskError('denied', path, 'the folder is only read');
}

function diskError(path: string, error: unknown): DiskError {
  const text = error instanceof Error ? error.message : String(error);
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return new DiskError(isMissing ? 'not-found' : 'io', path, text, error);
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw diskError(path, error);
  }
}
