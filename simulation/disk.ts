/**
 * The simulated disk of one process life: a volume behind latencies, errors and crash points.
 *
 * Owns: when calls complete, which of them fail, and the moment of the crash.
 * Leaves: what is on the device to `volume.ts`, what survives to `power-cut.ts`.
 *
 * Invariants: a crash point falls behind one disk operation, even inside a synchronous function of
 * the broker. What survives is fixed in that moment. From then on the disk is a ghost: it goes on
 * taking calls and answers them from what it holds, so that the dying function returns without a
 * throw, but nothing of it reaches the survivors and nothing calls back.
 *
 * Lanes, as the real disk has them: `datasync` one after the other in a thread of its own; `sync`
 * and `syncDirectory` one after the other; reads and writes side by side.
 */
import { assert } from '../src/kernel/assert.ts';
import { crc32c } from '../src/kernel/crc32c.ts';
import { type Disk, type DiskDone, DiskError, type DiskFile } from '../src/kernel/ports.ts';
import { type CrashKind, calmDisk, type DiskFaults, type Latency } from './faults.ts';
import { type Inode, PAGE_BYTES } from './inode.ts';
import { afterPowerCut, choosePowerCut, type PowerCut } from './power-cut.ts';
import type { SimProcess } from './process.ts';
import type { SeededRandom } from './random.ts';
import { Volume } from './volume.ts';

interface CrashPoint {
  readonly afterOperation: number;
  readonly kind: CrashKind;
  readonly onCrash: (survivors: Volume) => void;
}

interface WriteUnderWay {
  readonly inode: Inode;
  readonly parts: readonly Uint8Array[];
  readonly position: number;
}

/** When a lane that takes one call at a time is free again, virtual microseconds. */
interface Lane {
  freeAt: number;
}

export class SimDisk implements Disk {
  /** May be replaced at any time: a disk that heals, fills up, slows down. */
  faults: DiskFaults;
  /** Operations so far that could change what survives: what crash points are counted in. */
  operations = 0;
  isDead = false;
  readonly commitLane: Lane = { freeAt: 0 };
  readonly syncLane: Lane = { freeAt: 0 };
  readonly random: SeededRandom;
  private readonly process: SimProcess;
  /** Owned: what another start is to find unchanged must be copied first (`afterKill`). */
  private readonly volume: Volume;
  private readonly writesUnderWay = new Set<WriteUnderWay>();
  private crashPoint: CrashPoint | null = null;

  constructor(process: SimProcess, volume: Volume = new Volume(), faults: DiskFaults = calmDisk) {
    this.process = process;
    this.volume = volume;
    this.faults = faults;
    this.random = process.random.fork('disk');
  }

  /**
   * Crashes once `count` more operations have been done. `onCrash` runs as an event of the world,
   * when the call in which the crash fell has returned.
   */
  crashAfter(count: number, kind: CrashKind, onCrash: (survivors: Volume) => void): void {
    assert(count > 0, 'a crash point lies ahead');
    this.crashPoint = { afterOperation: this.operations + count, kind, onCrash };
  }

  /** Crashes now. The volume returned is what the next start finds; this one is a ghost's. */
  crash(kind: CrashKind, cut: PowerCut = choosePowerCut(this.random)): Volume {
    assert(!this.isDead, 'one dies once');
    this.process.world.note(`disk.${kind}`, this.operations);
    for (const { inode, parts, position } of this.writesUnderWay) {
      inode.write(parts, position, this.random.between(0, lengthOf(parts)));
    }
    const survivors =
      kind === 'kill' ? this.volume.afterKill() : afterPowerCut(this.volume, cut, this.random);
    this.isDead = true;
    this.process.end();
    return survivors;
  }

  list(directory: string): string[] {
    return this.volume.list(directory);
  }

  makeDirectory(directory: string): void {
    this.failName(directory);
    this.volume.makeDirectory(directory);
    this.operated('disk.make_directory');
  }

  exists(path: string): boolean {
    return this.volume.directory(path) !== undefined || this.volume.find(path) !== undefined;
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    const found = this.volume.find(path);
    if (found !== undefined) return new SimFile(this, found, path);
    if (!options.create) throw new DiskError('not-found', path, 'no such file or directory');
    this.failName(path);
    const file = new SimFile(this, this.volume.create(path), path);
    this.operated('disk.create');
    return file;
  }

  rename(source: string, target: string): void {
    this.failName(source);
    this.volume.rename(source, target);
    this.operated(renameNote(source, target));
  }

  remove(path: string): void {
    this.failName(path);
    this.volume.remove(path);
    this.operated('disk.remove');
  }

  syncDirectory(name: string, done: DiskDone): void {
    if (this.isDead) return;
    const directory = this.volume.directory(name);
    const captured = directory === undefined ? [] : this.volume.captureNames(directory);
    this.operated('disk.sync_names_begun', captured.length);
    this.later('disk.sync_names', this.syncTurn(this.syncLane), () => {
      let failure: DiskError | null = null;
      if (directory === undefined) {
        failure = new DiskError('not-found', name, 'no such directory');
      } else if (this.random.chance(this.faults.syncErrorRate)) {
        this.volume.abandonNames(captured, this.random);
        failure = ioError(name, 'the sync failed');
      } else {
        this.volume.completeNames(captured);
      }
      if (failure !== null) this.note('disk.sync_failed');
      this.operated('disk.sync_names_ended', failure === null ? 0 : 1);
      if (!this.isDead) done(failure);
    });
  }

  totalBytes(): number {
    return this.faults.bytesMax;
  }

  freeBytes(): number {
    return Math.max(0, this.faults.bytesMax - this.volume.allocatedPages * PAGE_BYTES);
  }

  /** For files. Writes what the device takes; throws when that is not all. */
  writeNow(inode: Inode, path: string, parts: readonly Uint8Array[], position: number): void {
    const length = lengthOf(parts);
    if (this.isDead) {
      inode.write(parts, position, length);
      return;
    }
    const { faults, random } = this;
    const fits = inode.writable(position, length, Math.floor(this.freeBytes() / PAGE_BYTES));
    const isBroken = random.chance(faults.writeErrorRate);
    const written = isBroken ? random.between(0, fits) : fits;
    inode.write(parts, position, written);
    if (random.chance(faults.writebackRate)) inode.writeBack(random);
    this.operated('disk.write', digestOf(parts), position);
    if (isBroken) this.note('disk.write_failed');
    else if (fits < length) this.note('disk.full');
    if (isBroken) throw ioError(path, 'the write failed');
    if (fits < length) throw new DiskError('no-space', path, 'no space left on device');
  }

  /** For files. */
  writeLater(
    inode: Inode,
    path: string,
    parts: readonly Uint8Array[],
    position: number,
    done: DiskDone,
  ): void {
    const write: WriteUnderWay = { inode, parts, position };
    this.writesUnderWay.add(write);
    this.operated('disk.write_begun');
    this.later('disk.write_due', this.duration(this.faults.writeLatency), () => {
      this.writesUnderWay.delete(write);
      let failure: DiskError | null = null;
      try {
        this.writeNow(inode, path, parts, position);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        failure = error;
      }
      if (!this.isDead) done(failure);
    });
  }

  /** For files: a sync of what is dirty now, in one of the lanes. */
  syncLater(inode: Inode, path: string, lane: Lane, done: DiskDone): void {
    const capture = inode.capture();
    this.operated('disk.sync_begun', capture.pages.size, capture.size);
    this.later('disk.sync', this.syncTurn(lane), () => {
      const isBroken = this.random.chance(this.faults.syncErrorRate);
      if (isBroken) inode.abandon(capture, this.random);
      else inode.complete(capture);
      if (isBroken) this.note('disk.sync_failed');
      this.operated('disk.sync_ended', isBroken ? 1 : 0);
      if (!this.isDead) done(isBroken ? ioError(path, 'the sync failed') : null);
    });
  }

  /** For files: completes a call in the process, unless it is gone by then. */
  later(name: string, micros: number, task: () => void): void {
    if (!this.isDead) this.process.post(name, micros, task);
  }

  duration([min, max]: Latency): number {
    const { slowRate, slowFactor } = this.faults;
    const isSlow = this.random.chance(slowRate);
    if (isSlow) this.note('disk.slow');
    return this.random.between(min, max) * (isSlow ? slowFactor : 1);
  }

  /** For files: counts an operation, and dies when its time has come. */
  operated(name: string, first = 0, second = 0): void {
    if (this.isDead) return;
    this.operations++;
    this.process.world.note(name, first, second);
    const point = this.crashPoint;
    if (point === null || this.operations < point.afterOperation) return;
    const survivors = this.crash(point.kind);
    this.process.world.post('disk.crashed', 0, () => point.onCrash(survivors));
  }

  /** For files. */
  note(name: string): void {
    if (!this.isDead) this.process.world.note(name);
  }

  /** What a power cut right now would leave at least: all that is durable, nothing else. */
  durableImage(): Volume {
    const nothing = { contents: 'nothing', names: 'nothing', tearRate: 0 } as const;
    return afterPowerCut(this.volume, nothing, this.random.fork('image'));
  }

  private syncTurn(lane: Lane): number {
    const { nowMicros } = this.process.world;
    lane.freeAt = Math.max(lane.freeAt, nowMicros) + this.duration(this.faults.syncLatency);
    return lane.freeAt - nowMicros;
  }

  private failName(path: string): void {
    if (this.isDead || !this.random.chance(this.faults.nameErrorRate)) return;
    this.note('disk.name_failed');
    throw ioError(path, 'the directory could not be changed');
  }
}

class SimFile implements DiskFile {
  readonly path: string;
  private readonly disk: SimDisk;
  private readonly inode: Inode;
  private underWay = 0;
  private isOpen = true;

  constructor(disk: SimDisk, inode: Inode, path: string) {
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
    this.failRead();
    return this.inode.read(target, start, length, position);
  }

  read(
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    done: (error: DiskError | null, bytesRead: number) => void,
  ): void {
    this.begin();
    assert(start + length <= target.length, 'a read fits its target');
    this.disk.later('disk.read', this.disk.duration(this.disk.faults.readLatency), () => {
      let failure: DiskError | null = null;
      let count = 0;
      try {
        this.failRead();
        count = this.inode.read(target, start, length, position);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        failure = error;
      }
      this.end();
      done(failure, count);
    });
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.assertOpen();
    assert(position >= 0, 'a write begins in the file');
    this.disk.writeNow(this.inode, this.path, parts, position);
  }

  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    this.begin();
    this.disk.writeLater(this.inode, this.path, parts, position, this.ending(done));
  }

  datasync(done: DiskDone): void {
    this.begin();
    this.disk.syncLater(this.inode, this.path, this.disk.commitLane, this.ending(done));
  }

  sync(done: DiskDone): void {
    this.begin();
    this.disk.syncLater(this.inode, this.path, this.disk.syncLane, this.ending(done));
  }

  truncate(size: number): void {
    this.assertOpen();
    assert(size >= 0, 'a size is not negative');
    this.inode.truncate(size);
    this.disk.operated('disk.truncate', size);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.maybeRelease();
  }

  private failRead(): void {
    const { disk } = this;
    if (disk.isDead || !disk.random.chance(disk.faults.readErrorRate)) return;
    disk.note('disk.read_failed');
    throw ioError(this.path, 'the read failed');
  }

  private ending(done: DiskDone): DiskDone {
    return (error) => {
      this.end();
      done(error);
    };
  }

  private assertOpen(): void {
    assert(this.isOpen, 'a file is not used after its close');
  }

  private begin(): void {
    this.assertOpen();
    this.underWay++;
  }

  private end(): void {
    this.underWay--;
    this.maybeRelease();
  }

  private maybeRelease(): void {
    if (this.isOpen || this.underWay > 0) return;
    this.inode.handles--;
    this.inode.maybeFree();
  }
}

/** Which step of a segment's life a rename is: for those who count. */
function renameNote(source: string, target: string): string {
  if (!target.endsWith('.seg')) return 'disk.rename';
  if (target >= 'segments/8') return 'disk.archive_made';
  return source.includes('new-') ? 'disk.segment_made' : 'disk.segment_recycled';
}

function ioError(path: string, detail: string): DiskError {
  return new DiskError('io', path, detail);
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

function digestOf(parts: readonly Uint8Array[]): number {
  let crc = 0;
  for (const part of parts) crc = crc32c(part, 0, part.length, crc);
  return crc;
}
