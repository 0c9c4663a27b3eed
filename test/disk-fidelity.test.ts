/**
 * The three disks against each other: what holds on the real one must hold in memory and in the
 * simulation, or tests on these prove nothing. The same random calls, the same answers.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimDisk } from '../simulation/disk.ts';
import { SimProcess } from '../simulation/process.ts';
import { SeededRandom } from '../simulation/random.ts';
import { World } from '../simulation/world.ts';
import { type Disk, DiskError, type DiskFile } from '../src/kernel/ports.ts';
import { RamDisk } from '../src/kernel/ram-disk.ts';
import { NodeDisk } from '../src/node/disk.ts';

const directories = ['', 'd', 'e'] as const;
const paths = ['a', 'b', 'c', 'd/a', 'd/b', 'e/a'] as const;
const bytesMax = 300_000;
const handlesMax = 6;
const steps = 250;

/** Calls a disk at random and writes down all that it answers. */
class Caller {
  readonly transcript: string[] = [];
  private readonly disk: Disk;
  /** Lets time pass where it does not pass on its own. */
  private readonly pump: () => void;
  private readonly random: SeededRandom;
  private readonly files: DiskFile[] = [];

  constructor(disk: Disk, pump: () => void, seed: number) {
    this.disk = disk;
    this.pump = pump;
    this.random = new SeededRandom(seed);
  }

  async run(): Promise<string[]> {
    for (let step = 0; step < steps; step++) {
      const isFileCall = this.files.length > 0 && this.random.chance(0.7);
      await (isFileCall ? this.callFile() : this.callDisk());
    }
    for (const file of this.files) file.close();
    for (const path of paths) {
      if (this.disk.exists(path)) this.note(`end ${path}`, () => this.contents(path));
    }
    return this.transcript;
  }

  private async callDisk(): Promise<void> {
    const { disk, random } = this;
    const path = random.pick(paths);
    const other = random.pick(paths);
    const directory = random.pick(directories);
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        return this.open(path, random.chance(0.8));
      case 3:
        return this.note(`rename ${path} ${other}`, () => disk.rename(path, other));
      case 4:
        return this.note(`remove ${path}`, () => disk.remove(path));
      case 5:
        return this.note(`list ${directory}`, () => disk.list(directory).join());
      case 6:
        // Rarely, so that there is a time without the directories.
        if (random.chance(0.3)) disk.makeDirectory('d');
        if (random.chance(0.1)) disk.makeDirectory('e');
        return this.note(`exists ${path}`, () => disk.exists(path));
      default:
        return this.later(`sync ${directory}`, (done) => disk.syncDirectory(directory, done));
    }
  }

  private async callFile(): Promise<void> {
    const { random } = this;
    const index = random.below(this.files.length);
    const file = this.files[index] ?? assert.fail('an index below the length');
    const position = random.below(bytesMax);
    const length = random.below(random.pick([20, 5000, 100_000]));
    const target = new Uint8Array(length + 10).fill(7);
    switch (random.below(9)) {
      case 0:
        return this.note('writeSync', () => file.writeSync(this.parts(), position));
      case 1:
        await this.later('write', (done) => file.write(this.parts(), position, done));
        return;
      case 2:
        this.note('readSync', () => file.readSync(target, 5, length, position));
        return this.note('read', () => digest(target));
      case 3:
        await this.later('read', (done) => file.read(target, 5, length, position, done));
        return this.note('read', () => digest(target));
      case 4:
        return this.note('truncate', () => file.truncate(random.below(bytesMax)));
      case 5:
        return this.later('datasync', (done) => file.datasync(done));
      case 6:
        return this.later('sync', (done) => file.sync(done));
      case 7:
        return this.note('size', () => file.size());
      default:
        this.files.splice(index, 1);
        // What is under way when a file is closed still happens, and still calls back.
        return this.later('write and close', (done) => {
          file.write(this.parts(), position, done);
          file.close();
          file.close();
        });
    }
  }

  private open(path: string, create: boolean): void {
    this.note(`open ${path} ${create}`, () => {
      const file = this.disk.open(path, { create });
      if (this.files.push(file) > handlesMax) this.files.shift()?.close();
      return file.path;
    });
  }

  private contents(path: string): string {
    const file = this.disk.open(path, { create: false });
    const bytes = new Uint8Array(file.size());
    const count = file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    return `${count} of ${bytes.length} ${digest(bytes)}`;
  }

  /** Some buffers, some of them empty, some of them zeros. */
  private parts(): Uint8Array[] {
    return Array.from({ length: this.random.below(4) }, () => {
      const bytes = new Uint8Array(this.random.below(this.random.pick([1, 50, 5000, 90_000])));
      if (this.random.chance(0.7)) bytes.fill(this.random.below(256));
      return bytes;
    });
  }

  private note(call: string, action: () => unknown): void {
    let answer: unknown;
    try {
      answer = action();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      answer = `${error.fault} ${error.path}`;
    }
    this.transcript.push(`${call}: ${answer}`);
  }

  private async later(
    call: string,
    action: (done: (error: DiskError | null, count?: number) => void) => void,
  ): Promise<void> {
    await new Promise<void>((resolve) => {
      let isIn = true;
      action((error, count) => {
        assert.equal(isIn, false, 'no callback within the call');
        this.transcript.push(`${call}: ${error === null ? count : error.fault}`);
        resolve();
      });
      isIn = false;
      this.pump();
    });
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex').slice(0, 8);
}

async function simulated(seed: number, diskOf: (process: SimProcess) => Disk): Promise<string[]> {
  const world = new World(seed);
  const disk = diskOf(new SimProcess(world, 'a'));
  return new Caller(disk, () => world.run(), seed).run();
}

test('the disks in memory, in the simulation and in the system give the same answers', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'disk-fidelity-'));
  const faults = new Set<string>();
  const disks: NodeDisk[] = [];
  t.after(() => {
    for (const disk of disks) disk.close();
    rmSync(folder, { recursive: true, force: true });
  });
  for (let seed = 1; seed <= 12; seed++) {
    const root = mkdtempSync(join(folder, 'seed-'));
    const disk = new NodeDisk(root);
    disks.push(disk);
    const real = await new Caller(disk, () => undefined, seed).run();
    const inMemory = await simulated(seed, (process) => new RamDisk(process, 2 ** 30));
    assert.deepEqual(inMemory, real, `in memory, seed ${seed}`);
    const inSimulation = await simulated(seed, (process) => new SimDisk(process));
    assert.deepEqual(inSimulation, real, `in the simulation, seed ${seed}`);
    assert.ok(real.length > steps);
    for (const line of real) faults.add(line.match(/: (not-found)/)?.[1] ?? 'none');
  }
  assert.deepEqual([...faults].sort(), ['none', 'not-found']);
});
