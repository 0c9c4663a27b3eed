/**
 * A broker with the counters of hook.ts in it, and those that the kernel keeps of it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Counters, Plant } from './hook.ts';

const entry = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const hook = new URL('./hook.js', import.meta.url).href;

export interface Observation extends Counters {
  /** Reads and writes of files and sockets; syncs, polls and futexes are not in it. */
  readonly systemCalls: number;
  readonly writtenBytes: number;
}

export interface ObservedOptions {
  readonly plant: Plant;
  /** Counting changes what is allocated: one or the other. */
  readonly isCountingCopies: boolean;
}

export class ObservedBroker {
  readonly #dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-smoke-'));
  readonly #child: ChildProcess;
  port = 0;

  private constructor({ plant, isCountingCopies }: ObservedOptions) {
    // No collection has to happen while a load is measured: new objects fit in the young generation.
    const flags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128'];
    const args = ['start', '--data-dir', this.#dataDir, '--listen', 'kafka://127.0.0.1:0'];
    this.#child = spawn(process.execPath, [...flags, '--import', hook, entry, ...args], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: {
        ...process.env,
        SMOKE_PLANT: plant,
        SMOKE_COUNT_COPIES: isCountingCopies ? '1' : '0',
      },
    });
  }

  static start(options: ObservedOptions): Promise<ObservedBroker> {
    const broker = new ObservedBroker(options);
    let text = '';
    return new Promise((resolve, reject) => {
      broker.#child.once('exit', () => reject(new Error(`the broker does not start: ${text}`)));
      broker.#child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const port = /listening kafka:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
        if (port === undefined || !text.includes('ready in')) return;
        broker.port = Number(port);
        resolve(broker);
      });
    });
  }

  /** After a garbage collection, when asked for. */
  async observe(isCollecting: boolean): Promise<Observation> {
    const counters = await new Promise<Counters>((resolve) => {
      this.#child.once('message', (message) => resolve(message as Counters));
      this.#child.send(isCollecting ? 'collect' : 'look');
    });
    const io = fs.readFileSync(`/proc/${this.#child.pid}/io`, 'utf8');
    const read = (name: string): number => Number(new RegExp(`${name}: (\\d+)`).exec(io)?.[1]);
    return {
      ...counters,
      systemCalls: read('syscr') + read('syscw'),
      writtenBytes: read('wchar'),
    };
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
    fs.rmSync(this.#dataDir, { recursive: true, force: true });
  }
}
