/** Runs programs to their end, with input, a time limit and a transcript. */

import { spawn } from 'node:child_process';
import { note } from './check.ts';

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Written piece by piece, this long apart, instead of `input`. */
  readonly slowInput?: { readonly pieces: readonly string[]; readonly pauseMs: number };
}

export interface CommandResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Both, as text. */
  readonly output: string;
}

const timeoutMs = 30_000;

/** Never rejects for what the program does; its code says. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? timeoutMs);
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      const out = Buffer.concat(stdout);
      const err = Buffer.concat(stderr).toString() + (isLate ? '\n(killed: it took too long)' : '');
      note(`$ ${[command, ...args].map(quote).join(' ')}\n${out.toString()}${err}\n=> ${code}`);
      resolve({ code, stdout: out, stderr: err, output: out.toString() + err });
    });
    // It may end before it has read all of it.
    child.stdin.on('error', () => {});
    void feed(child.stdin, options);
  });
}

async function feed(stdin: NodeJS.WritableStream, options: CommandOptions): Promise<void> {
  const { slowInput } = options;
  if (slowInput === undefined) {
    stdin.end(options.input ?? '');
    return;
  }
  for (const piece of slowInput.pieces) {
    stdin.write(piece);
    await new Promise((resolve) => setTimeout(resolve, slowInput.pauseMs));
  }
  stdin.end();
}

function quote(word: string): string {
  return /^[\w@%+=:,./*-]+$/.test(word) ? word : JSON.stringify(word);
}
