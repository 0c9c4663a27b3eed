/**
 * A simulated file system: the names, and which of them the device knows.
 *
 * Owns: directories, the log of directory operations that no `syncDirectory` has covered, copies of
 * the whole (for a killed process), rot.
 * Leaves: file contents to `inode.ts`, what a power cut leaves to `power-cut.ts`, time and errors of
 * the device to `disk.ts`.
 *
 * Invariants: a name and the content behind it survive separately: a synced file may lose its name,
 * a synced name may lead to an empty file. `operations` holds what `live` has and `stable` has not,
 * in order.
 */
import { assert } from '../src/kernel/assert.ts';
import { DiskError } from '../src/kernel/ports.ts';
import { Inode, type Ledger, PAGE_BYTES, Page } from './inode.ts';
import type { SeededRandom } from './random.ts';

export class Directory {
  readonly live = new Map<string, Inode>();
  readonly stable = new Map<string, Inode>();
}

/** A change of names that only the page cache knows. */
export type NameOperation =
  | {
      readonly kind: 'make';
      readonly syncedBy: Directory;
      readonly name: string;
      readonly made: Directory;
    }
  | {
      readonly kind: 'create' | 'remove';
      readonly syncedBy: Directory;
      readonly name: string;
      readonly inode: Inode;
    }
  | {
      readonly kind: 'rename';
      /** Of the target: syncing the source alone is not enough. */
      readonly syncedBy: Directory;
      readonly source: Directory;
      readonly name: string;
      readonly inode: Inode;
    };

/** A part of a file in which a scenario allows rot. */
export interface FileRange {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

export class Volume implements Ledger {
  version = 0;
  allocatedPages = 0;
  readonly root = new Directory();
  readonly directories = new Map<string, Directory>();
  readonly stableDirectories = new Map<string, Directory>();
  operations: NameOperation[] = [];

  list(directory: string): string[] {
    const names = [...(this.directory(directory)?.live.keys() ?? [])];
    if (directory === '') names.push(...this.directories.keys());
    return names.sort();
  }

  /** The contents of every file as a process would read them, for checkers and tests. */
  files(): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const directory of ['', ...this.directories.keys()]) {
      for (const [name, inode] of this.directory(directory)?.live ?? []) {
        const bytes = new Uint8Array(inode.size);
        inode.read(bytes, 0, bytes.length, 0);
        found.set(directory === '' ? name : `${directory}/${name}`, bytes);
      }
    }
    return found;
  }

  directory(name: string): Directory | undefined {
    return name === '' ? this.root : this.directories.get(name);
  }

  makeDirectory(name: string): void {
    assert(!name.includes('/'), 'directories are one deep');
    if (this.directory(name) !== undefined) return;
    const made = new Directory();
    this.directories.set(name, made);
    this.operations.push({ kind: 'make', syncedBy: this.root, name, made });
  }

  find(path: string): Inode | undefined {
    return this.parent(path)?.live.get(nameOf(path));
  }

  create(path: string): Inode {
    const directory = this.parent(path);
    if (directory === undefined) throw notFound(path);
    const inode = new Inode(this);
    inode.links = 1;
    directory.live.set(nameOf(path), inode);
    this.operations.push({ kind: 'create', syncedBy: directory, name: nameOf(path), inode });
    return inode;
  }

  remove(path: string): void {
    const directory = this.parent(path);
    const inode = this.find(path);
    if (directory === undefined || inode === undefined) throw notFound(path);
    directory.live.delete(nameOf(path));
    this.operations.push({ kind: 'remove', syncedBy: directory, name: nameOf(path), inode });
    unlink(inode);
  }

  rename(path: string, target: string): void {
    const source = this.parent(path);
    const inode = this.find(path);
    const syncedBy = this.parent(target);
    if (source === undefined || inode === undefined) throw notFound(path);
    if (syncedBy === undefined) throw notFound(path);
    const name = nameOf(target);
    const replaced = syncedBy.live.get(name);
    if (replaced === inode) return;
    source.live.delete(nameOf(path));
    syncedBy.live.set(name, inode);
    this.operations.push({ kind: 'rename', syncedBy, source, name, inode });
    if (replaced !== undefined) unlink(replaced);
  }

  /** Begins a sync of names: the operations it covers. */
  captureNames(directory: Directory): NameOperation[] {
    return this.operations.filter((operation) => operation.syncedBy === directory);
  }

  completeNames(captured: readonly NameOperation[]): void {
    // Another sync may have covered some of them meanwhile.
    const done = new Set(this.operations.filter((operation) => captured.includes(operation)));
    for (const operation of done) {
      applyName(operation, (directory) => directory.stable, this.stableDirectories);
    }
    this.operations = this.operations.filter((operation) => !done.has(operation));
  }

  /**
   * A failed sync of names: some first ones got there. The others stay to be synced: a file system
   * that cannot write its own metadata goes read-only, it does not forget what it has to write.
   */
  abandonNames(captured: readonly NameOperation[], random: SeededRandom): void {
    this.completeNames(captured.slice(0, random.between(0, captured.length)));
  }

  /** What a killed process leaves: the page cache, with what is and what is not stable. */
  afterKill(): Volume {
    const copy = new Volume();
    copy.version = this.version;
    const inodeOf = remember((inode: Inode) => copyInode(inode, copy));
    const directoryOf = remember((directory: Directory) => {
      const twin = directory === this.root ? copy.root : new Directory();
      for (const [name, inode] of directory.live) twin.live.set(name, inodeOf(inode));
      for (const [name, inode] of directory.stable) twin.stable.set(name, inodeOf(inode));
      return twin;
    });
    directoryOf(this.root);
    for (const [name, made] of this.directories) copy.directories.set(name, directoryOf(made));
    for (const [name, made] of this.stableDirectories) {
      copy.stableDirectories.set(name, directoryOf(made));
    }
    copy.operations = this.operations.map((operation) => {
      const syncedBy = directoryOf(operation.syncedBy);
      if (operation.kind === 'make')
        return { ...operation, syncedBy, made: directoryOf(operation.made) };
      const inode = inodeOf(operation.inode);
      if (operation.kind !== 'rename') return { ...operation, syncedBy, inode };
      return { ...operation, syncedBy, inode, source: directoryOf(operation.source) };
    });
    copy.countLinks();
    return copy;
  }

  /** Links of every file, from the names; files without any give their space back. */
  countLinks(): void {
    for (const directory of [this.root, ...this.directories.values()]) {
      for (const inode of directory.live.values()) inode.links++;
    }
    for (const { stable } of [this.root, ...this.directories.values()]) {
      for (const inode of stable.values()) inode.maybeFree();
    }
    for (const operation of this.operations) {
      if (operation.kind !== 'make') operation.inode.maybeFree();
    }
  }

  /** Flips `count` bits at rest, each in one of `eligible`. Returns where. Nothing there may be dirty. */
  flipBits(random: SeededRandom, count: number, eligible: readonly FileRange[]): FileRange[] {
    const ranges = eligible.filter(({ start, end }) => end > start);
    let total = 0;
    for (const { start, end } of ranges) total += end - start;
    const flipped: FileRange[] = [];
    for (let i = 0; i < count && total > 0; i++) {
      let at = random.below(total);
      for (const { path, start, end } of ranges) {
        if (at < end - start) {
          this.flipBit(path, start + at, random.below(8));
          flipped.push({ path, start: start + at, end: start + at + 1 });
          break;
        }
        at -= end - start;
      }
    }
    return flipped;
  }

  private flipBit(path: string, position: number, bit: number): void {
    const inode = this.find(path);
    assert(inode !== undefined && position < inode.size, 'rot is in a file');
    const index = Math.floor(position / PAGE_BYTES);
    assert(!inode.unsynced.has(index), 'rot is in what is at rest');
    const page = inode.pages[index] ?? new Page();
    if (inode.pages[index] === undefined) inode.adopt(index, page);
    const bytes = page.stable.slice();
    bytes[position % PAGE_BYTES] = (bytes[position % PAGE_BYTES] ?? 0) ^ (1 << bit);
    page.stable = bytes;
    page.cache = bytes;
  }

  private parent(path: string): Directory | undefined {
    const slash = path.indexOf('/');
    assert(slash < 0 || !path.includes('/', slash + 1), 'paths are at most one directory deep');
    return this.directory(slash < 0 ? '' : path.slice(0, slash));
  }
}

/**
 * Does `operation` to a set of names. Made for any subset of a history: it never fails, and no file
 * gets two names.
 */
export function applyName(
  operation: NameOperation,
  namesOf: (directory: Directory) => Map<string, Inode>,
  directories: Map<string, Directory>,
): void {
  const { kind, name } = operation;
  if (kind === 'make') {
    directories.set(name, operation.made);
    return;
  }
  const { inode } = operation;
  const names = namesOf(operation.syncedBy);
  if (kind === 'rename') {
    forget(namesOf(operation.source), inode);
    forget(names, inode);
  }
  if (kind !== 'remove') names.set(name, inode);
  else if (names.get(name) === inode) names.delete(name);
}

function forget(names: Map<string, Inode>, inode: Inode): void {
  for (const [name, found] of names) if (found === inode) names.delete(name);
}

function unlink(inode: Inode): void {
  inode.links--;
  inode.maybeFree();
}

function copyInode(inode: Inode, target: Ledger): Inode {
  const copy = new Inode(target);
  copy.size = inode.size;
  copy.sizeVersion = inode.sizeVersion;
  copy.stableSize = inode.stableSize;
  copy.stableSizeVersion = inode.stableSizeVersion;
  copy.isSizeDirty = inode.isSizeDirty;
  inode.pages.forEach((page, index) => {
    if (page === undefined) return;
    page.isOwned = false;
    copy.adopt(index, Object.assign(new Page(), page));
  });
  return copy;
}

function remember<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    let value = made.get(key);
    if (value === undefined) {
      value = make(key);
      made.set(key, value);
    }
    return value;
  };
}

function nameOf(path: string): string {
  return path.slice(path.indexOf('/') + 1);
}

function notFound(path: string): DiskError {
  return new DiskError('not-found', path, 'no such file or directory');
}
