/**
 * What the tests of rewriting share: a disk that is watched, and short ways to fill and to compare.
 */
import { strict as assert } from 'node:assert';
import type { Disk, DiskDone, DiskFile } from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';
import { copyDisk, TallyMachine, TestJournal, TestLoop } from './journal.fixture.ts';
import type { JournalOptions } from './journal-options.ts';

/** Small segments, so that little data fill many. */
export const smallSegments: Partial<JournalOptions> = {
  segmentBytes: 256 * 1024,
  checkpointBytes: 512 * 1024,
};

export type DiskStep = 'write' | 'sync' | 'rename' | 'remove' | 'syncDirectory';

/** A disk that tells what is about to happen to it, and that can be slow to sync the journal. */
export class WatchedDisk implements Disk {
  readonly ram: Disk;
  onStep: (step: DiskStep, path: string) => void = () => {};
  /** While true, commits wait; `release` lets them go on. */
  isHeld = false;
  readonly #held: (() => void)[] = [];

  constructor(ram: Disk) {
    this.ram = ram;
  }

  datasync(begin: () => void): void {
    if (this.isHeld) this.#held.push(begin);
    else begin();
  }

  release(): void {
    this.isHeld = false;
    for (const begin of this.#held.splice(0)) begin();
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
    return new WatchedFile(this, this.ram.open(path, options));
  }

  rename(source: string, target: string): void {
    this.onStep('rename', source);
    this.ram.rename(source, target);
  }

  remove(path: string): void {
    this.onStep('remove', path);
    this.ram.remove(path);
  }

  syncDirectory(directory: string, done: DiskDone): void {
    this.onStep('syncDirectory', directory);
    this.ram.syncDirectory(directory, done);
  }

  totalBytes(): number {
    return this.ram.totalBytes();
  }

  freeBytes(): number {
    return this.ram.freeBytes();
  }
}

class WatchedFile implements DiskFile {
  readonly path: string;
  readonly #disk: WatchedDisk;
  readonly #file: DiskFile;

  constructor(disk: WatchedDisk, file: DiskFile) {
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
    done: Parameters<DiskFile['read']>[4],
  ): void {
    assert.ok(length <= 1024 * 1024, 'reads are bounded');
    this.#file.read(target, start, length, position, done);
  }

  writeSync(parts: readonly Uint8Array[], position: number): void {
    this.#disk.onStep('write', this.path);
    this.#file.writeSync(parts, position);
  }

  write(parts: readonly Uint8Array[], position: number, done: DiskDone): void {
    this.#disk.onStep('write', this.path);
    this.#file.write(parts, position, done);
  }

  datasync(done: DiskDone): void {
    this.#disk.onStep('sync', this.path);
    this.#disk.datasync(() => this.#file.datasync(done));
  }

  sync(done: DiskDone): void {
    this.#disk.onStep('sync', this.path);
    this.#file.sync(done);
  }

  truncate(size: number): void {
    this.#file.truncate(size);
  }

  close(): void {
    this.#file.close();
  }
}

export type Death = (partition: number, first: number, last: number) => boolean;

/** A journal on a disk that is watched, with `partitions` partitions from id 1 on. */
export function openWatched(
  partitions: number,
  options: Partial<JournalOptions> = smallSegments,
  dead: Death = () => false,
  diskBytes = 256 * 1024 * 1024,
): { t: TestJournal; disk: WatchedDisk } {
  const loop = new TestLoop();
  const disk = new WatchedDisk(new RamDisk(loop, diskBytes));
  const t = new TestJournal(options, disk, loop, new TallyMachine(dead)).open();
  for (let id = 1; id <= partitions; id++) t.journal.createPartition(id, 0);
  t.loop.run();
  return { t, disk };
}

/** What `t` would find after kill -9, on a disk that is watched; not yet opened. */
export function watchedCopy(
  t: TestJournal,
  options: Partial<JournalOptions> = smallSegments,
): { t: TestJournal; disk: WatchedDisk } {
  const loop = new TestLoop();
  loop.time = t.loop.time;
  const disk = new WatchedDisk(copyDisk(t.disk, loop));
  return { t: new TestJournal(options, disk, loop, new TallyMachine(t.machine.dead)), disk };
}

/** Bytes that differ with `seed`. */
export function payload(seed: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (seed * 31 + i * 7 + (i >> 8)) & 0xff);
}

/** Appends `count` batches of `bytes`, batch i to partition `to(i)`, one group each. */
export function fill(
  t: TestJournal,
  count: number,
  bytes: number,
  to: (i: number) => number = () => 1,
): void {
  for (let i = 0; i < count; i++) {
    t.append(to(i), payload(i, bytes));
    t.loop.run();
  }
}

/** Appends to a partition of its own until all that was there before is older than two checkpoints. */
export function age(t: TestJournal): void {
  const last = 1 + Math.max(...[...t.journal.partitions()].map((partition) => partition.id));
  t.journal.createPartition(last, 0);
  for (let i = 0; i < 8; i++) {
    t.append(last, payload(i, 60_000));
    t.loop.run();
  }
  for (let i = 0; i < 2; i++) {
    t.append(last, 'a checkpoint needs something new');
    t.journal.checkpoint();
    t.loop.run();
  }
  t.journal.deletePartition(last);
  t.loop.run();
}

/** What can be read of each partition: base offset and bytes, as text that is easy to compare. */
export function contentOf(t: TestJournal, dead: Death = () => false): Map<number, string[]> {
  const content = new Map<number, string[]>();
  for (const partition of t.journal.partitions()) {
    const batches = t.read(partition.id, partition.logStart).filter(({ offset }) => {
      return !dead(partition.id, offset, offset);
    });
    const texts = batches.map(
      ({ offset, bytes }) => `${offset}:${Buffer.from(bytes).toString('base64')}`,
    );
    content.set(partition.id, texts);
  }
  return content;
}

/** Ids of the archive segments that the data folder has files of, free ones included. */
export function archiveFiles(disk: Disk): string[] {
  return disk.list('segments').filter((name) => /^[89a-f][0-9a-f]{7}\.seg$/.test(name));
}
