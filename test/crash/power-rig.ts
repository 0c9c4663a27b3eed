/**
 * The power-cut rig: a file system in a file, of which only what was synced survives.
 *
 * Owns: mounting, the cut, cleaning up. Needs root and loop devices; `unavailable` says what is missing.
 *
 *   tmpfs ─ disk.img ─ loop ─ ext4 (commit=300) ─ data folder ─ broker
 *
 * At the cut the broker is killed and the image copied at once: what the kernel held back is not in the
 * copy. The broker then goes on with the copy.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${stderr}${error?.message ?? ''}`);
}

const mounted = new Set<string>();
process.once('exit', () => {
  for (const folder of [...mounted].reverse()) spawnSync('umount', ['-l', folder]);
});

function mount(folder: string, ...args: string[]): void {
  fs.mkdirSync(folder, { recursive: true });
  run('mount', ...args, folder);
  mounted.add(folder);
}

function unmount(folder: string): void {
  if (!mounted.has(folder)) return;
  run('umount', folder);
  mounted.delete(folder);
}

/** A file system in memory of its own, of `bytes`. */
export class MemoryMount {
  readonly folder: string;

  constructor(folder: string, bytes: number) {
    this.folder = folder;
    mount(folder, '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs');
  }

  close(): void {
    unmount(this.folder);
  }
}

/** An ext4 in a file on a loop device, of `bytes`. */
export class PowerRig {
  readonly #memory: MemoryMount;
  readonly #bytes: number;
  #generation = 0;
  /** Where the file system is mounted. */
  folder = '';

  constructor(folder: string, bytes: number) {
    // The image and its copy.
    this.#memory = new MemoryMount(folder, 2 * bytes + 16 * 1024 * 1024);
    this.#bytes = bytes;
    const image = this.#image();
    fs.writeFileSync(image, '');
    fs.truncateSync(image, bytes);
    run('mkfs.ext4', '-q', '-F', image);
    this.#mount();
  }

  #image(): string {
    return path.join(this.#memory.folder, `disk-${this.#generation}.img`);
  }

  #mount(): void {
    this.folder = path.join(this.#memory.folder, `mount-${this.#generation}`);
    mount(this.folder, '-o', 'loop,commit=300', this.#image());
  }

  /**
   * Keeps what is on stable storage now and forgets the rest; nobody may write to it any more. `inspect`
   * sees both file systems: as it was going to be, and as it is after the cut.
   */
  cut(inspect: (before: string, after: string) => void = () => {}): void {
    const { folder } = this;
    const image = this.#image();
    this.#generation += 1;
    fs.copyFileSync(image, this.#image());
    this.#mount();
    inspect(folder, this.folder);
    unmount(folder);
    fs.rmSync(image);
    fs.rmdirSync(folder);
  }

  get bytes(): number {
    return this.#bytes;
  }

  close(): void {
    unmount(this.folder);
    this.#memory.close();
  }
}

/** Why there can be no rig here; null when there can. */
export function rigUnavailable(): string | null {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!fs.existsSync('/dev/loop-control')) return 'there are no loop devices';
  const tool = ['mount', 'umount', 'mkfs.ext4'].find((name) => {
    return spawnSync(name, ['-V']).error !== undefined;
  });
  return tool === undefined ? null : `there is no ${tool}`;
}
