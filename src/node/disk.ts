/**
 * The real disk: one data folder of the file system.
 *
 * Owns: paths, the faults behind system errors, reads and writes that the system cut short, the
 * life of file descriptors while I/O is under way.
 * Leaves: durable commits to sync-thread.ts; what to write where to log/.
 *
 * Invariants: a descriptor is closed only when nothing is under way on it, so its number cannot
 * come to mean another file under a late write. A failed sync is reported once and never retried:
 * the system forgets the error with the report, and the pages may be gone.
 */

import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { assert } from '../kernel/assert.ts';
import {
  type Disk,
  type DiskDone,
  DiskError,
  type DiskFault,
  type DiskFile,
} from '../kernel/ports.ts';
import { SyncThread } from './sync-thread.ts';
import { messageOf, systemCode } from './system-error.ts';

const directoryMode = 0o700;
const fileMode = 0o600;

const faultOfCode: Readonly<Record<string, DiskFault>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  // No file can be opened for a while: it passes like a full disk, and is no reason to stop for good.
  EMFILE: 'no-space',
  ENFILE: 'no-space',
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EEXIST: 'exists',
  ENOTEMPTY: 'exists',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
};

/** @throws what is not an error of the system: that is a bug of ours. */
function diskError(path: string, error: unknown): DiskError {
  const code = systemCode(error);
  if (code === null) throw error;
  return new DiskError(faultOfCode[code] ?? 'io', path, messageOf(error), error);
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw diskError(path, error);
  }
}

export class NodeDisk implements Disk {
  private readonly root: string;
  private readonly syncThread = new SyncThread();

  /** A relative `root` is taken from the working directory of now. It is not created. */
  constructor(root: string) {
    this.root = resolve(root);
  }

  list(directory: string): string[] {
    try {
      return fs.readdirSync(this.absolute(directory)).sort();
    } catch (error) {
      const failure = diskError(directory, error);
      if (failure.fault === 'not-found') return [];
      throw failure;
    }
  }

  makeDirectory(directory: string): void {
    const options = { recursive: true, mode: directoryMode };
    attempt(directory, () => fs.mkdirSync(this.absolute(directory), options));
  }

  exists(path: string): boolean {
    return fs.existsSync(this.absolute(path));
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    const flags = fs.constants.O_RDWR | (options.create ? fs.constants.O_CREAT : 0);
    const fd = attempt(path, () => fs.openSync(this.absolute(path), flags, fileMode));
    return new NodeDiskFile(path, fd, this.syncThread);
  }

  rename(source: string, target: string): void {
    attempt(source, () => fs.renameSync(this.absolute(source), this.absolute(target)));
  }

  remove(path: string): void {
    attempt(path, () => fs.unlinkSync(this.absolute(path)));
  }

  syncDirectory(directory: string, done: DiskDone): void {
    const finish = (error: Error | null): void =>
      done(error === null ? null : diskError(directory, error));
    fs.open(this.absolute(directory), 'r', (openError, fd) => {
      if (openError !== null) return finish(openError);
      fs.fsync(fd, (syncError) =>
        fs.close(fd, (closeError) => finish(syncError ?? closeError ?? null)),
      );
    });
  }

  totalBytes(): number {
    const { blocks, bsize } = attempt('', () => fs.statfsSync(this.root));
    return blocks * bsize;
  }

  freeBytes(): number {
    const { bavail, bsize } = attempt('', () => fs.statfsSync(this.root));
    return bavail * bsize;
  }

  /** Starts the commit thread before the first commit needs it; `ready` may be left out. */
  warmUp(ready?: () => void): void {
    this.syncThread.start(ready);
  }

  /** Ends the commit thread. Files still open go on working. */
  close(): void {
    this.syncThread.close();
  }

  private absolute(relative: string): string {
    return join(this.root, relative);
  }
}

class NodeDiskFile implements DiskFile {
  readonly path: string;
  private readonly fd: number;
  private readonly syncThread: SyncThread;
  /** Calls whose callback has not run. */
  private underWay = 0;
  private isClosed = false;

  constructor(path: string, fd: number, syncThread: SyncThread) {
    this.path = path;
    this.fd = fd;
    this.syncThread = syncThread;
  }

  size(): number {
    this.assertOpen();
    return attempt(this.path, () => fs.fstatSync(this.fd).size);
  }

  readSync(target: Uint8Array, start: number, length: number, position: number): number {
    this.assertOpen();
    let total = 0;
    try {
      while (total < length) {
        const count = fs.readSync(this.fd, target, start + total, length - total, position + total);
        if (count === 0) break;
        total += count;
      }
    } catch (error) {
      throw diskError(this.path, error);
    }
    return total;
  }

  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: (error: DiskError | null, bytesRead: number) => void,
  ): void {
    this.begin();
    let total = 0;
    const step = (): void => {
      fs.read(this.fd, target, start + total, length - total, position + total, (error, count) => {
        if (error === null) total += count;
        if (error === null && count > 0 && total < length) return step();
        this.end();
        done(error === null ? null : diskError(this.path, error), total);
      });
    };
    step();
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.assertOpen();
    let rest = parts;
    let at = position;
    try {
      while (rest.length > 0) {
        const count = this.writeOnceSync(rest, at);
        at += count;
        rest = unwritten(rest, count);
        if (count === 0 && rest.length > 0) throw this.stalled();
      }
    } catch (error) {
      throw error instanceof DiskError ? error : diskError(this.path, error);
    }
  }

  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    this.begin();
    let rest = parts;
    let at = position;
    const step = (): void => {
      fs.writev(this.fd, rest, at, (error, count) => {
        if (error === null) {
          at += count;
          rest = unwritten(rest, count);
          if (rest.length > 0 && count > 0) return step();
        }
        this.end();
        if (error !== null) return done(diskError(this.path, error));
        done(rest.length > 0 ? this.stalled() : null);
      });
    };
    step();
  }

  datasync(done: DiskDone): void {
    this.begin();
    this.syncThread.datasync(this.fd, (code) => {
      this.end();
      if (code === null) return done(null);
      done(new DiskError(faultOfCode[code] ?? 'io', this.path, `fdatasync failed with ${code}`));
    });
  }

  sync(done: DiskDone): void {
    this.begin();
    fs.fsync(this.fd, (error) => {
      this.end();
      done(error === null ? null : diskError(this.path, error));
    });
  }

  truncate(size: number): void {
    this.assertOpen();
    attempt(this.path, () => fs.ftruncateSync(this.fd, size));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.underWay === 0) this.closeDescriptor();
  }

  private writeOnceSync(parts: readonly Uint8Array[], position: number): number {
    // A single part is the usual case on the commit path, and half the price without a vector.
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) {
      return fs.writeSync(this.fd, first, 0, first.length, position);
    }
    return fs.writevSync(this.fd, parts, position);
  }

  /** Never seen on a file; without it a loop would spin. */
  private stalled(): DiskError {
    return new DiskError('io', this.path, 'a write took no bytes and gave no reason');
  }

  private assertOpen(): void {
    assert(!this.isClosed, 'a file is not used after its close');
  }

  private begin(): void {
    this.assertOpen();
    this.underWay++;
  }

  private end(): void {
    this.underWay--;
    if (this.isClosed && this.underWay === 0) this.closeDescriptor();
  }

  private closeDescriptor(): void {
    try {
      fs.closeSync(this.fd);
    } catch (error) {
      // A late write error (network file systems): what was synced is safe, the rest was not promised.
      if (systemCode(error) === null) throw error;
    }
  }
}

/** What is left of `parts` after the first `count` bytes. Without empty parts at the front. */
function unwritten(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let index = 0;
  let left = count;
  for (; index < parts.length; index++) {
    const part = parts[index] as Uint8Array;
    if (left < part.length) {
      return left === 0 ? parts.slice(index) : [part.subarray(left), ...parts.slice(index + 1)];
    }
    left -= part.length;
  }
  assert(left === 0, 'the system writes no more than it was given');
  return [];
}
