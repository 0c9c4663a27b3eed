/**
 * The broker under test as a process of its own: start, port, CPU and memory, stop.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Usage {
  /** CPU of all threads since its start, ms: user and kernel. */
  readonly userMs: number;
  readonly systemMs: number;
  readonly rssBytes: number;
}

export class BrokerProcess {
  readonly dataDir: string;
  readonly flags: readonly string[];
  readonly #child: ChildProcess;
  port = 0;
  readyMs = 0;

  constructor(
    flags: readonly string[],
    dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-bench-')),
  ) {
    this.dataDir = dataDir;
    this.flags = flags;
    const args = [...process.execArgv.filter((arg) => !arg.startsWith('--test')), ENTRY, 'start'];
    args.push('--data-dir', dataDir, '--listen', 'kafka://127.0.0.1:0', ...flags);
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Resolves when the broker says that it is ready. */
  async ready(): Promise<this> {
    const started = performance.now();
    let text = '';
    await new Promise<void>((resolve, reject) => {
      this.#child.once('exit', (code) =>
        reject(new Error(`the broker exited with ${code}: ${text}`)),
      );
      this.#child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const listening = /listening kafka:\/\/127\.0\.0\.1:(\d+)/.exec(text);
        if (listening === null || !text.includes('ready in')) return;
        this.port = Number(listening[1]);
        this.readyMs = performance.now() - started;
        resolve();
      });
    });
    return this;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  usage(): Usage {
    const stat = fs.readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const rss = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
    return {
      userMs: Number(stat[11]) * 10,
      systemMs: Number(stat[12]) * 10,
      rssBytes: rss * 1024,
    };
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.removeAllListeners('exit');
    this.#child.once('exit', () => {});
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill(signal);
    await Promise.race([exited, gone]);
  }

  removeData(): void {
    fs.rmSync(this.dataDir, { recursive: true, force: true });
  }
}
