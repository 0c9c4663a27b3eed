/**
 * A draft: a data folder as it would be after some changes, none of which has been made.
 *
 * Owns: the changes, in their order, and a view of the folder with them; making them for good.
 * Leaves: which changes to `repair.ts`.
 *
 * What is written through its files is dropped: recovery writes again only what it has read.
 */
import {
  type Disk,
  type DiskDone,
  DiskError,
  type DiskFile,
  type Scheduler,
} from '../kernel/ports.ts';
import { CHECKPOINT_DIRECTORY } from './checkpoint-file.ts';
import { SEGMENT_DIRECTORY } from './segment-store.ts';

interface Patch {
  readonly at: number;
  readonly bytes: Uint8Array;
}

type Change =
  | ({ readonly kind: 'patch'; readonly path: string } & Patch)
  | { readonly kind: 'create'; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: 'remove'; readonly path: string };

export class DraftDisk implements Disk {
  readonly #base: Disk;
  readonly #scheduler: Scheduler;
  readonly #changes: Change[] = [];
  /** Of files that are to be made; null: to be removed. */
  readonly #files = new Map<string, Uint8Array | null>();

  constructor(base: Disk, scheduler: Scheduler) {
    this.#base = base;
    this.#scheduler = scheduler;
  }

  get isChanged(): boolean {
    return this.#changes.length > 0;
  }

  /** Bytes of a file that there is. */
  patch(path: string, at: number, bytes: Uint8Array): void {
    this.#changes.push({ kind: 'patch', path, at, bytes });
  }

  /** A whole file, in place of the one of that name. */
  put(path: string, bytes: Uint8Array): void {
    this.#changes.push({ kind: 'create', path, bytes });
    this.#files.set(path, bytes);
  }

  drop(path: string): void {
    this.#changes.push({ kind: 'remove', path });
    this.#files.set(path, null);
  }

  /**
   * Makes the changes in `target`, one after the other, each durable before the next. What they were
   * found by is made durable first: the page cache may hold what the disk does not.
   */
  apply(target: Disk, done: DiskDone): void {
    syncAll(target, this.#scheduler, (error) => {
      if (error === null) this.#applyChanges(target, done);
      else done(error);
    });
  }

  #applyChanges(target: Disk, done: DiskDone): void {
    const next = (i: number): void => {
      const change = this.#changes[i];
      if (change === undefined) return done(null);
      make(target, change, (error) => {
        if (error !== null) done(error);
        else next(i + 1);
      });
    };
    next(0);
  }

  list(directory: string): string[] {
    const names = new Set(this.#base.list(directory));
    const prefix = directory === '' ? '' : `${directory}/`;
    for (const [path, bytes] of this.#files) {
      const name = path.slice(prefix.length);
      if (!path.startsWith(prefix) || name.includes('/')) continue;
      if (bytes === null) names.delete(name);
      else names.add(name);
    }
    return [...names].sort();
  }

  exists(path: string): boolean {
    const bytes = this.#files.get(path);
    return bytes === undefined ? this.#base.exists(path) : bytes !== null;
  }

  open(path: string): DiskFile {
    const bytes = this.#files.get(path);
    if (bytes === null) throw new DiskError('not-found', path, 'it is to be removed');
    if (bytes !== undefined) return new DraftFile(this.#scheduler, path, null, [{ at: 0, bytes }]);
    const patches: Patch[] = [];
    for (const change of this.#changes) {
      if (change.kind === 'patch' && change.path === path) patches.push(change);
    }
    const base = this.#base.open(path, { create: false });
    return new DraftFile(this.#scheduler, path, base, patches);
  }

  makeDirectory(): void {}
  rename(): void {}
  remove(): void {}

  syncDirectory(_directory: string, done: DiskDone): void {
    this.#scheduler.endOfTick(() => done(null));
  }

  totalBytes(): number {
    return 0;
  }

  freeBytes(): number {
    return 0;
  }
}

const DIRECTORIES = ['', SEGMENT_DIRECTORY, CHECKPOINT_DIRECTORY] as const;

/** Syncs every file of the log, and the names of all. */
function syncAll(disk: Disk, scheduler: Scheduler, done: DiskDone): void {
  const paths: string[] = [];
  for (const directory of DIRECTORIES) {
    for (const name of disk.list(directory)) {
      // Beside them the folder holds its directories and a socket.
      if (directory !== '') paths.push(`${directory}/${name}`);
      else if (/^manifest-\d+$|^clean-end$|\.json$/.test(name)) paths.push(name);
    }
  }
  const syncNames = (i: number): void => {
    const directory = DIRECTORIES[i];
    if (directory === undefined) return done(null);
    if (disk.list(directory).length === 0) return syncNames(i + 1);
    disk.syncDirectory(directory, (error) => (error === null ? syncNames(i + 1) : done(error)));
  };
  const syncFile = (i: number): void => {
    const path = paths[i];
    if (path === undefined) return syncNames(0);
    const file = openIn(disk, path, done);
    file?.sync((error) => {
      file.close();
      if (error === null) syncFile(i + 1);
      else done(error);
    });
  };
  scheduler.endOfTick(() => syncFile(0));
}

/** Null, and the error told, when it cannot be opened. */
function openIn(disk: Disk, path: string, failed: DiskDone): DiskFile | null {
  try {
    return disk.open(path, { create: false });
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    failed(error);
    return null;
  }
}

/** A file as it would be. What is written to it goes nowhere. */
class DraftFile implements DiskFile {
  readonly path: string;
  readonly #scheduler: Scheduler;
  readonly #base: DiskFile | null;
  readonly #patches: readonly Patch[];

  constructor(
    scheduler: Scheduler,
    path: string,
    base: DiskFile | null,
    patches: readonly Patch[],
  ) {
    this.#scheduler = scheduler;
    this.path = path;
    this.#base = base;
    this.#patches = patches;
  }

  size(): number {
    return this.#base?.size() ?? this.#patches[0]?.bytes.length ?? 0;
  }

  readSync(target: Uint8Array, start: number, length: number, position: number): number {
    const count =
      this.#base?.readSync(target, start, length, position) ??
      Math.max(0, Math.min(length, this.size() - position));
    for (const { at, bytes } of this.#patches) {
      const from = Math.max(at, position);
      const end = Math.min(at + bytes.length, position + count);
      if (from < end) target.set(bytes.subarray(from - at, end - at), start + from - position);
    }
    return count;
  }

  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: (error: DiskError | null, bytesRead: number) => void,
  ): void {
    const count = this.readSync(target, start, length, position);
    this.#scheduler.endOfTick(() => done(null, count));
  }

  writeSync(): void {}

  write(_parts: readonly Uint8Array[], _position: number, done: DiskDone): void {
    this.#scheduler.endOfTick(() => done(null));
  }

  datasync(done: DiskDone): void {
    this.#scheduler.endOfTick(() => done(null));
  }

  sync(done: DiskDone): void {
    this.#scheduler.endOfTick(() => done(null));
  }

  truncate(): void {}

  close(): void {
    this.#base?.close();
  }
}

function make(disk: Disk, change: Change, done: DiskDone): void {
  try {
    if (change.kind === 'patch') patch(disk, change, done);
    else if (change.kind === 'create') create(disk, change, done);
    else {
      if (disk.exists(change.path)) disk.remove(change.path);
      disk.syncDirectory(directoryOf(change.path), done);
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    done(error);
  }
}

function patch(disk: Disk, { path, at, bytes }: Patch & { path: string }, done: DiskDone): void {
  const file = disk.open(path, { create: false });
  file.writeSync([bytes], at);
  file.sync((error) => {
    file.close();
    done(error);
  });
}

function create(disk: Disk, change: { path: string; bytes: Uint8Array }, done: DiskDone): void {
  const { path, bytes } = change;
  const temporary = `${path}.tmp`;
  const file = disk.open(temporary, { create: true });
  file.truncate(0);
  file.writeSync([bytes], 0);
  file.sync((error) => {
    file.close();
    if (error !== null) return done(error);
    try {
      disk.rename(temporary, path);
    } catch (failure) {
      if (!(failure instanceof DiskError)) throw failure;
      return done(failure);
    }
    disk.syncDirectory(directoryOf(path), done);
  });
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}
