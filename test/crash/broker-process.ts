/**
 * The broker as a process of its own, started through the command line as anybody would.
 *
 * Owns: starting it, finding its port, ending it by a signal, what it said and how it ended.
 * A process that the suite has started never outlives the suite.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const OUTPUT_MAX = 64 * 1024;

export interface StartOptions {
  readonly dataDir: string;
  /** Options of the broker by the names of their environment variables, without the prefix. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** A command to run it under, with its arguments. */
  readonly under?: readonly string[];
  readonly nodeFlags?: readonly string[];
}

/** How a process ended: by itself with a code, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<BrokerProcess>();
process.once('exit', () => {
  for (const broker of running) broker.kill();
});

export class BrokerProcess {
  port = 0;
  /** From the start of the process until it said that it was ready, milliseconds. */
  measuredMs = 0;
  /** What it said itself. */
  reportedMs = 0;
  /** The end of what it wrote, both streams. */
  output = '';
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #isTraced: boolean;
  #ending: Ending | null = null;
  #onOutput: () => void = () => {};

  constructor({ dataDir, settings = {}, under = [], nodeFlags = [] }: StartOptions) {
    const [command = '', ...args] = [
      ...under,
      process.execPath,
      ...nodeFlags,
      ...[ENTRY, 'start', '--data-dir', dataDir, '--listen', 'kafka://127.0.0.1:0'],
    ];
    const env: NodeJS.ProcessEnv = { ...process.env };
    for (const [name, value] of Object.entries(settings)) env[`POLYLOG_${name}`] = String(value);
    this.#isTraced = under.length > 0;
    this.#child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#heard(chunk));
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#heard(chunk));
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#heard(Buffer.from(error.message)));
      this.#child.once('close', (code, signal) => {
        running.delete(this);
        this.#ending = { code, signal };
        this.#onOutput();
        resolve(this.#ending);
      });
    });
  }

  /** @throws when it ends instead, with what it said. */
  static async start(options: StartOptions): Promise<BrokerProcess> {
    const broker = new BrokerProcess(options);
    await broker.ready();
    return broker;
  }

  #heard(chunk: Buffer): void {
    this.output = (this.output + chunk.toString()).slice(-OUTPUT_MAX);
    this.#onOutput();
  }

  ready(): Promise<void> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        this.#onOutput = () => {};
        action();
      };
      const timer = setTimeout(() => {
        this.kill();
        settle(() => reject(new Error(`not ready in ${START_TIMEOUT_MS} ms: ${this.output}`)));
      }, START_TIMEOUT_MS);
      this.#onOutput = () => {
        const listening = /listening kafka:\/\/127\.0\.0\.1:(\d+)/.exec(this.output);
        const ready = /ready in ([\d.]+) ms/.exec(this.output);
        if (listening !== null && ready !== null) {
          this.port = Number(listening[1]);
          this.reportedMs = Number(ready[1]);
          this.measuredMs = performance.now() - started;
          settle(resolve);
        } else if (this.#ending !== null) {
          const how = this.#ending.signal ?? `code ${this.#ending.code}`;
          settle(() => reject(new Error(`the broker ended with ${how}: ${this.output}`)));
        }
      };
      this.#onOutput();
    });
  }

  get hasEnded(): boolean {
    return this.#ending !== null;
  }

  /** The broker's own process id, also when it runs under another command. */
  get pid(): number {
    const pid = this.#child.pid ?? 0;
    if (!this.#isTraced) return pid;
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return Number(children.split(' ')[0] ?? 0);
  }

  /** Sends a signal; at once, and without waiting for what it does. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.#ending !== null) return;
    try {
      const { pid } = this;
      if (pid > 0) process.kill(pid, signal);
    } catch {
      // It ended in between.
    }
  }

  /** Ends it at once, as a crash does. */
  async crash(): Promise<Ending> {
    this.kill('SIGKILL');
    return this.ended;
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<Ending> {
    this.kill('SIGTERM');
    return this.ended;
  }

  /** Resident memory, bytes. */
  get residentBytes(): number {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }
}
