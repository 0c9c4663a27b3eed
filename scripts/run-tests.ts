/**
 * Runs the unit tests of the compiled output under the Node that runs this script.
 *
 *     npm test                            all of src, simulation and test
 *     npm test -- src/log test/tooling    those under these paths
 *     npm test -- --test-name-pattern=x   flags go to node
 *
 * Owns: which files are tests, and ending a run that hangs. Leaves: the output (test-reporter.ts).
 *
 * Files are named one by one: `node --test FOLDER` works on Node 20 only, globs from 22 on. They are
 * found through their sources, so that what is left in dist of a deleted test does not run.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import * as path from 'node:path';
import { isMain, listFiles, projectRoot } from './source-tree.ts';

const testFolders = ['src', 'simulation', 'test'];
const concurrency = 2;
const testTimeoutMs = 180_000;
/** From Node 22 on, a test that timed out but left a handle open keeps its process, and the run. */
const silenceMs = 240_000;
const killDelayMs = 5_000;

const totalsLine = /^(\d+) passed, (\d+) failed$/;

/** Compiled test files, in the order of their paths. */
export function findTests(root: string, paths: readonly string[]): string[] {
  const wanted = paths.map((name) => path.relative(root, path.resolve(name)).replaceAll('\\', '/'));
  return testFolders
    .flatMap((folder) => listFiles(root, folder, /\.test\.ts$/))
    .filter((file) => wanted.length === 0 || wanted.some((start) => file.startsWith(start)))
    .map((file) => `dist/${file.replace(/\.ts$/, '.js')}`);
}

/** @returns the exit code */
async function runTests(files: readonly string[], flags: readonly string[]): Promise<number> {
  const runner = spawn(
    process.execPath,
    [
      '--enable-source-maps',
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${testTimeoutMs}`,
      '--test-reporter=./dist/scripts/test-reporter.js',
      '--test-reporter-destination=stdout',
      ...flags,
      ...files,
    ],
    { cwd: projectRoot, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lastLine = passThrough(runner);
  const code = await new Promise<number>((resolve) => {
    runner.once('close', (status) => resolve(status ?? 1));
  });
  const totals = totalsLine.exec(lastLine());
  if (totals === null) {
    console.log('the test runner ended without totals\n0 passed, 1 failed');
    return 1;
  }
  return code === 0 && totals[2] === '0' ? 0 : 1;
}

/** Copies the runner's output and ends it when it falls silent. @returns what was said last */
function passThrough(runner: ChildProcess): () => string {
  let tail = '';
  const watchdog = setTimeout(() => {
    console.log(`no test ended in ${silenceMs / 1000} s; the files below were running`);
    runner.kill('SIGTERM');
    setTimeout(() => runner.kill('SIGKILL'), killDelayMs).unref();
  }, silenceMs);
  runner.stdout?.setEncoding('utf8');
  runner.stdout?.on('data', (text: string) => {
    watchdog.refresh();
    process.stdout.write(text);
    tail = (tail + text).slice(-1_000);
  });
  runner.once('close', () => clearTimeout(watchdog));
  return () => tail.trimEnd().split('\n').at(-1) ?? '';
}

if (isMain(import.meta.url)) {
  const args = process.argv.slice(2);
  const flags = args.filter((argument) => argument.startsWith('-'));
  const files = findTests(
    projectRoot,
    args.filter((argument) => !argument.startsWith('-')),
  );
  if (files.length === 0) {
    console.log('no test files there\n0 passed, 1 failed');
    process.exitCode = 1;
  } else {
    process.exitCode = await runTests(files, flags);
  }
}
