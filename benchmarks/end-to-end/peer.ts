/**
 * A broker under load: a process of its own, ours or another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Usage, usageOf } from './machine.ts';

export type PeerName = 'polylog' | 'kafka';

export interface Peer {
  readonly name: PeerName;
  readonly port: number;
  /** From the start of the process until it is ready. */
  readonly readyMs: number;
  readonly dataDir: string;
  /** Options of a topic whose old data are to leave while new ones come. */
  readonly recyclingOptions: Readonly<Record<string, string>>;
  usage(): Usage;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
}

export interface PeerKind {
  readonly name: PeerName;
  readonly version: string;
  readonly settings: string;
  start(): Promise<Peer>;
}

/** A child process with a folder of its own; what both kinds have in common. */
export class PeerProcess {
  readonly dataDir: string;
  readonly startedAt = performance.now();
  readonly child: ChildProcess;
  /** Its output so far. */
  text = '';
  readonly #exited: Promise<void>;

  constructor(dataDir: string, command: string, args: readonly string[]) {
    this.dataDir = dataDir;
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        this.text = (this.text + text).slice(-10_000);
      });
    }
    this.#exited = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
  }

  static folder(name: string): string {
    return fs.mkdtempSync(path.join(os.tmpdir(), `bench-${name}-`));
  }

  /** Looks every few milliseconds until `isReady`. */
  async waitUntil(isReady: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isReady())) {
      if (this.child.exitCode !== null || performance.now() - this.startedAt > 60_000) {
        throw new Error(`the broker does not start: ${this.text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  usage(): Usage {
    return usageOf(this.child.pid ?? 0);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.#exited;
    clearTimeout(timer);
    fs.rmSync(this.dataDir, { recursive: true, force: true });
  }
}
