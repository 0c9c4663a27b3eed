/**
 * A disk in memory: what `--storage memory` writes its journal to.
 *
 * Owns: files as lists of chunks, the byte limit, and giving memory back.
 * Leaves: surviving anything to real disks; faults to the simulated one.
 *
 * Invariants: `chargedBytes` is CHUNK_BYTES times the chunks that are not holes, over all files that
 * have a name or an open handle; it never exceeds `bytesMax`. A chunk that was only ever written
 * with zeros is charged but not allocated, so that a segment armed with zeros reserves its space
 * without taking it. No call allocates before all that it needs is known to fit.
 */
import { assert } from './assert.ts';
import type { Disk, DiskDone, DiskFile, Scheduler } from './ports.ts';
import { DiskError } from './ports.ts';

export const CHUNK_BYTES = 64 * 1024;

/** Stands for every chunk that is charged and holds zeros only. Never written to. */
const ZEROS = new Uint8Array(CHUNK_BYTES);

/** Undefined is a hole: it reads as zeros and is not charged. */
type Chunk = Uint8Array | undefined;

class RamInode {
  readonly chunks: Chunk[] = [];
  size = 0;
  handles = 0;
  isNamed = true;
}

type Names = Map<string, RamInode>;

export class RamDisk implements Disk {
  readonly bytesMax: number;
  readonly scheduler: Scheduler;
  private readonly directories = new Map<string, Names>([['', new Map()]]);
  private chargedBytes = 0;

  constructor(scheduler: Scheduler, bytesMax: number) {
    this.scheduler = scheduler;
    this.bytesMax = bytesMax;
  }

  list(directory: string): string[] {
    const names = [...(this.directories.get(directory)?.keys() ?? [])];
    if (directory === '') for (const name of this.directories.keys()) if (name) names.push(name);
    return names.sort();
  }

  makeDirectory(directory: string): void {
    assert(!directory.includes('/'), 'directories are one deep');
    if (!this.directories.has(directory)) this.directories.set(directory, new Map());
  }

  exists(path: string): boolean {
    return this.directories.has(path) || this.namesOf(path)?.has(nameOf(path)) === true;
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    const names = this.namesOf(path);
    let inode = names?.get(nameOf(path));
    if (inode === undefined) {
      if (names === undefined || !options.create) throw notFound(path);
      inode = new RamInode();
      names.set(nameOf(path), inode);
    }
    return new RamFile(this, inode, path);
  }

  rename(source: string, target: string): void {
    const sources = this.namesOf(source);
    const targets = this.namesOf(target);
    const inode = sources?.get(nameOf(source));
    if (sources === undefined || inode === undefined) throw notFound(source);
    if (targets === undefined) throw notFound(source);
    const replaced = targets.get(nameOf(target));
    if (replaced === inode) return;
    sources.delete(nameOf(source));
    targets.set(nameOf(target), inode);
    if (replaced !== undefined) this.unname(replaced);
  }

  remove(path: string): void {
    const names = this.namesOf(path);
    const inode = names?.get(nameOf(path));
    if (names === undefined || inode === undefined) throw notFound(path);
    names.delete(nameOf(path));
    this.unname(inode);
  }

  syncDirectory(directory: string, done: DiskDone): void {
    const failure = this.directories.has(directory) ? null : notFound(directory);
    this.scheduler.nextSlice(() => done(failure));
  }

  totalBytes(): number {
    return this.bytesMax;
  }

  freeBytes(): number {
    return this.bytesMax - this.chargedBytes;
  }

  /** For files: takes `count` more chunks from what is free. @throws DiskError no-space */
  charge(count: number, path: string): void {
    const bytes = count * CHUNK_BYTES;
    if (this.chargedBytes + bytes > this.bytesMax) {
      throw new DiskError(
        'no-space',
        path,
        `the memory limit of ${this.bytesMax} bytes is reached`,
      );
    }
    this.chargedBytes += bytes;
  }

  /** For files: drops all chunks from index `first` on. */
  discharge(inode: RamInode, first: number): void {
    const { chunks } = inode;
    for (let i = first; i < chunks.length; i++) {
      if (chunks[i] !== undefined) this.chargedBytes -= CHUNK_BYTES;
    }
    if (first < chunks.length) chunks.length = first;
    assert(this.chargedBytes >= 0, 'no chunk is given back twice');
  }

  private unname(inode: RamInode): void {
    inode.isNamed = false;
    if (inode.handles === 0) this.discharge(inode, 0);
  }

  private namesOf(path: string): Names | undefined {
    const slash = path.indexOf('/');
    assert(slash < 0 || !path.includes('/', slash + 1), 'paths are at most one directory deep');
    return this.directories.get(slash < 0 ? '' : path.slice(0, slash));
  }
}

class RamFile implements DiskFile {
  readonly path: string;
  private readonly disk: RamDisk;
  private readonly inode: RamInode;
  private isOpen = true;

  constructor(disk: RamDisk, inode: RamInode, path: string) {
    this.path = path;
    this.disk = disk;
    this.inode = inode;
    inode.handles++;
  }

  size(): number {
    this.assertOpen();
    return this.inode.size;
  }

  readSync(target: Uint8Array, start: number, length: number, position: number): number {
    this.assertOpen();
    assert(position >= 0, 'a read begins in the file');
    assert(start + length <= target.length, 'a read fits its target');
    const { chunks, size } = this.inode;
    const count = Math.max(0, Math.min(length, size - position));
    for (let copied = 0; copied < count; ) {
      const inChunk = (position + copied) % CHUNK_BYTES;
      const piece = Math.min(CHUNK_BYTES - inChunk, count - copied);
      const chunk = chunks[(position + copied - inChunk) / CHUNK_BYTES] ?? ZEROS;
      target.set(chunk.subarray(inChunk, inChunk + piece), start + copied);
      copied += piece;
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
    this.disk.scheduler.nextSlice(() => done(null, count));
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.assertOpen();
    assert(position >= 0, 'a write begins in the file');
    let end = position;
    for (const part of parts) end += part.length;
    this.charge(position, end);
    let at = position;
    for (const part of parts) {
      this.writePart(part, at);
      at += part.length;
    }
    if (end > position && end > this.inode.size) this.inode.size = end;
  }

  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    let failure: DiskError | null = null;
    try {
      this.writeSync(parts, position);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      failure = error;
    }
    this.disk.scheduler.nextSlice(() => done(failure));
  }

  /** At the end of the tick, not a slice later: whole commits wait for nothing but this. */
  datasync(done: DiskDone): void {
    this.assertOpen();
    this.disk.scheduler.endOfTick(() => done(null));
  }

  sync(done: DiskDone): void {
    this.assertOpen();
    this.disk.scheduler.nextSlice(() => done(null));
  }

  truncate(size: number): void {
    this.assertOpen();
    assert(size >= 0, 'a size is not negative');
    const inode = this.inode;
    if (size < inode.size) {
      this.disk.discharge(inode, Math.ceil(size / CHUNK_BYTES));
      const inChunk = size % CHUNK_BYTES;
      const last = inode.chunks[(size - inChunk) / CHUNK_BYTES];
      // What is cut off must read as zeros when the file grows over it again.
      if (inChunk > 0 && last !== undefined && last !== ZEROS) last.fill(0, inChunk);
    }
    inode.size = size;
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.inode.handles--;
    if (this.inode.handles === 0 && !this.inode.isNamed) this.disk.discharge(this.inode, 0);
  }

  private assertOpen(): void {
    assert(this.isOpen, 'a file is not used after its close');
  }

  /** Makes every hole in [position, end) a charged chunk of zeros, or throws and changes nothing. */
  private charge(position: number, end: number): void {
    if (position === end) return;
    const { chunks } = this.inode;
    const first = Math.floor(position / CHUNK_BYTES);
    const last = Math.floor((end - 1) / CHUNK_BYTES);
    let holes = 0;
    for (let i = first; i <= last; i++) if (chunks[i] === undefined) holes++;
    if (holes === 0) return;
    this.disk.charge(holes, this.path);
    // Filled up to `last`, so that the list never becomes a sparse one.
    while (chunks.length <= last) chunks.push(undefined);
    for (let i = first; i <= last; i++) chunks[i] ??= ZEROS;
  }

  private writePart(part: Uint8Array, position: number): void {
    const { chunks } = this.inode;
    for (let copied = 0; copied < part.length; ) {
      const inChunk = (position + copied) % CHUNK_BYTES;
      const index = (position + copied - inChunk) / CHUNK_BYTES;
      const piece = Math.min(CHUNK_BYTES - inChunk, part.length - copied);
      const source = part.subarray(copied, copied + piece);
      const isZero = isAllZero(source);
      if (isZero && piece === CHUNK_BYTES) {
        chunks[index] = ZEROS;
      } else if (!isZero || chunks[index] !== ZEROS) {
        let chunk = chunks[index];
        if (chunk === undefined || chunk === ZEROS) {
          chunk = new Uint8Array(CHUNK_BYTES);
          chunks[index] = chunk;
        }
        chunk.set(source, inChunk);
      }
      copied += piece;
    }
  }
}

/** Data nearly always say no within their first bytes; zeros are looked at four bytes at a time. */
function isAllZero(bytes: Uint8Array): boolean {
  const { length } = bytes;
  let at = 0;
  if (bytes.byteOffset % 4 === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, length >>> 2);
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
    at = length & ~3;
  }
  for (; at < length; at++) if (bytes[at] !== 0) return false;
  return true;
}

function nameOf(path: string): string {
  return path.slice(path.indexOf('/') + 1);
}

function notFound(path: string): DiskError {
  return new DiskError('not-found', path, 'no such file or directory');
}
