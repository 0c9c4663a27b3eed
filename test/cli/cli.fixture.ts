/** Running the compiled command as a process. */

import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty folder that goes with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-cli-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class CliProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  #onOutput: (() => void) | null = null;

  /** `input` is what it reads; null: nothing, at its end at once. */
  constructor(
    t: TestContext,
    args: readonly string[],
    environment: Record<string, string> = {},
    input: string | Buffer | 'open' | null = null,
  ) {
    // Nothing of the caller's own configuration.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('POLYLOG_'));
    this.child = spawn(process.execPath, [program, ...args], {
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    if (input !== 'open') this.child.stdin?.end(input);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#onOutput?.();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
        this.#onOutput?.();
      });
    });
    t.after(() => this.child.kill('SIGKILL'));
  }

  /** Resolves when a line matches; rejects when the process ends first. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.stdout);
        if (match !== null) resolve(match);
        else if (this.child.exitCode !== null || this.child.signalCode !== null) {
          reject(new Error(`it ended without ${pattern}: ${this.stdout}${this.stderr}`));
        }
      };
      this.#onOutput = look;
      look();
    });
  }

  signal(name: NodeJS.Signals): Promise<Ended> {
    this.child.kill(name);
    return this.ended;
  }
}

export function runCli(
  t: TestContext,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  return new CliProcess(t, args, environment).ended;
}

/** Runs commands on one data folder. */
export class Commands {
  readonly #t: TestContext;
  readonly #dataDir: string;

  constructor(t: TestContext, dataDir: string) {
    this.#t = t;
    this.#dataDir = dataDir;
  }

  start(args: readonly string[], input: string | Buffer | 'open' | null = null): CliProcess {
    return new CliProcess(this.#t, args, { POLYLOG_DATA_DIR: this.#dataDir }, input);
  }

  run(...args: readonly string[]): Promise<Ended> {
    return this.start(args).ended;
  }

  runWith(input: string | Buffer, ...args: readonly string[]): Promise<Ended> {
    return this.start(args, input).ended;
  }

  /** Its standard output; fails when the command does. */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`${args.join(' ')}: ${code}: ${stderr}`);
    return stdout;
  }
}

/** A broker in a folder of its own, and commands for it. */
export async function startWithCommands(
  t: TestContext,
  ...more: readonly string[]
): Promise<{
  readonly commands: Commands;
  readonly broker: StartedBroker;
  readonly folder: string;
}> {
  const folder = temporaryFolder(t);
  const broker = await startBroker(t, folder, ...more);
  return { commands: new Commands(t, folder), broker, folder };
}

export interface StartedBroker {
  readonly cli: CliProcess;
  /** `127.0.0.1:12345` */
  readonly address: string;
}

/** `polylog start` on a port that the system chooses, ready. Small segments: they are written once. */
export async function startBroker(
  t: TestContext,
  dataDir: string,
  ...more: readonly string[]
): Promise<StartedBroker> {
  const cli = new CliProcess(t, [
    ...['start', '--data-dir', dataDir, '--listen', 'kafka://127.0.0.1:0'],
    ...['--segment-bytes', '1048576', ...more],
  ]);
  const [, address = ''] = await cli.line(/^listening kafka:\/\/(\S+)$/m);
  await cli.line(/^ready in \d+ ms$/m);
  return { cli, address };
}
