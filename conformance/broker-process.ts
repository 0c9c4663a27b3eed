/**
 * A broker as users start it: a process of its own, on a port of the system's choice, with a new
 * data folder that goes with it.
 *
 * Invariant: every process started here is stopped by its own id, at the latest when the run ends.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { note } from './check.ts';

const startTimeoutMs = 20_000;
const stopTimeoutMs = 15_000;

const running = new Set<BrokerProcess>();

export class BrokerProcess {
  /** Of the first start; kept by the later ones. */
  port = 0;
  readonly folder: string;
  readonly #root: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | null = null;
  #log = '';

  constructor(root: string, flags: readonly string[]) {
    this.#root = root;
    this.#flags = flags;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-conformance-'));
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** What it has said on standard error since the last start. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const main = process.env.CONFORMANCE_MAIN ?? path.join(this.#root, 'dist/src/cli/main.js');
    const listen = `kafka://127.0.0.1:${this.port}`;
    const args = [main, 'start', '--data-dir', this.folder, '--listen', listen, ...this.#flags];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(this);
    this.#log = '';
    child.stderr.on('data', (bytes: Buffer) => {
      this.#log += bytes.toString();
      note(`broker: ${bytes.toString().trimEnd()}`);
    });
    this.port = await listeningPort(child, () => this.#log);
  }

  /** Asks it to end. @returns its exit code */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  /** Ends it as a power cut would, as far as a process can tell. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#end(signal);
    await this.start();
  }

  /** Stops it and removes its data. @returns its exit code */
  async dispose(): Promise<number | null> {
    const code = await this.stop();
    fs.rmSync(this.folder, { recursive: true, force: true });
    return code;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    running.delete(this);
    if (child === null) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      child.once('exit', (code) => {
        clearTimeout(timer);
        resolve(code);
      });
      child.kill(signal);
    });
  }
}

function listeningPort(child: ChildProcess, log: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`${why}\n${text}${log()}`));
    };
    const timer = setTimeout(() => fail('the broker does not get ready'), startTimeoutMs);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`the broker ended with code ${code}`));
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const port = /^listening kafka:\/\/127\.0\.0\.1:(\d+)/m.exec(text)?.[1];
      if (port === undefined || !/^ready in /m.test(text)) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}

/** A broker for `action` alone. */
export async function withBroker<T>(
  root: string,
  flags: readonly string[],
  action: (broker: BrokerProcess) => Promise<T>,
): Promise<T> {
  const broker = new BrokerProcess(root, flags);
  try {
    await broker.start();
    return await action(broker);
  } finally {
    await broker.dispose();
  }
}

/** For the end of the run, also a sudden one. */
export async function disposeAll(): Promise<void> {
  await Promise.all([...running].map((broker) => broker.dispose()));
}
