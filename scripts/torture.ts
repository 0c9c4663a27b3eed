/**
 * Everything that takes long, one after the other: the crash suite with its long backlog, the simulator
 * and the fuzz targets for a while each, hostile peers, and all of conformance.
 *
 *     npm run torture                  with half an hour of simulation, and of nonsense
 *     npm run torture -- --minutes 5
 *
 * Owns: the sequence and the sums. Every suite says how it ended in its last line, "N passed, N failed";
 * so does this one.
 */

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { isMain, projectRoot } from './source-tree.ts';

const totalsLine = /^(\d+) passed, (\d+) failed$/;
const minutesDefault = '30';

interface Suite {
  readonly name: string;
  readonly command: readonly string[];
}

interface Ending {
  readonly suite: Suite;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

function suites(minutes: string): readonly Suite[] {
  return [
    { name: 'crash', command: ['crash', '--', '--backlog'] },
    { name: 'simulation', command: ['simulate', '--', '--minutes', minutes] },
    { name: 'fuzz', command: ['fuzz', '--', '--seconds', String(Number(minutes) * 60)] },
    { name: 'hostile', command: ['hostile'] },
    { name: 'conformance', command: ['conformance'] },
  ];
}

/** Runs it with its output passed on. One without totals counts as one check. */
async function run(suite: Suite): Promise<Ending> {
  console.log(`\n== ${suite.name}: npm run ${suite.command.join(' ')}`);
  const started = performance.now();
  const child = spawn('npm', ['run', '--silent', ...suite.command], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let tail = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    process.stdout.write(text);
    tail = (tail + text).slice(-1000);
  });
  const code = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (status) => resolve(status ?? 1));
  });
  const said = totalsLine.exec(tail.trimEnd().split('\n').at(-1) ?? '');
  const passed = Number(said?.[1] ?? (code === 0 ? 1 : 0));
  const failed = Math.max(Number(said?.[2] ?? 0), code === 0 ? 0 : 1);
  return { suite, passed, failed, seconds: (performance.now() - started) / 1000 };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { minutes: { type: 'string' } } });
  const endings: Ending[] = [];
  for (const suite of suites(values.minutes ?? minutesDefault)) endings.push(await run(suite));
  console.log('\n== totals');
  for (const { suite, passed, failed, seconds } of endings) {
    const counts = `${passed} passed, ${failed} failed`.padEnd(24);
    console.log(`${suite.name.padEnd(14)} ${counts} ${seconds.toFixed(0)} s`);
  }
  const sum = (count: (ending: Ending) => number): number =>
    endings.reduce((total, ending) => total + count(ending), 0);
  const failed = sum((ending) => ending.failed);
  console.log(`${sum((ending) => ending.passed)} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

if (isMain(import.meta.url)) await main();
