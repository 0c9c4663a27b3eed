/**
 * Runs the examples as their readers would: install what the lock names, with the package as it is
 * published, then `npm test`.
 *
 *     npm run examples                 all
 *     npm run examples -- vitest       these
 *
 * Owns: their order and the totals. Leaves: what they show to examples/, one folder each.
 *
 * Each installs polylog from `file:../..` with `install-links`: a copy of what `files` in package.json
 * names, not a link to the sources.
 */

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { isMain, projectRoot } from './source-tree.ts';

const installLimitMs = 180_000;
const testLimitMs = 120_000;

function listExamples(): string[] {
  const folder = path.join(projectRoot, 'examples');
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function runNpm(folder: string, args: readonly string[], timeout: number): boolean {
  const own = process.env.npm_execpath;
  const isNpm = own !== undefined && /^npm(-cli)?\.c?js$/.test(path.basename(own));
  const [command, ...start] = isNpm ? [process.execPath, own] : ['npm'];
  const result = spawnSync(command, [...start, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout,
    env: { ...process.env, NO_COLOR: '1' },
  });
  if (result.status !== 0) console.log(`${result.stdout}${result.stderr}`.trimEnd());
  return result.status === 0;
}

function runExample(name: string): boolean {
  const folder = path.join(projectRoot, 'examples', name);
  const startedAt = performance.now();
  // A copy of an earlier build is not what is to be tried.
  fs.rmSync(path.join(folder, 'node_modules/polylog'), { recursive: true, force: true });
  const isGood =
    runNpm(folder, ['ci', '--no-audit', '--no-fund'], installLimitMs) &&
    runNpm(folder, ['test'], testLimitMs);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${isGood ? 'ok    ' : 'FAILED'}  ${name.padEnd(10)}  ${seconds} s`);
  return isGood;
}

if (isMain(import.meta.url)) {
  const wanted = process.argv.slice(2);
  const chosen = listExamples().filter((name) => wanted.length === 0 || wanted.includes(name));
  const passed = chosen.filter(runExample).length;
  console.log(`${passed} passed, ${chosen.length - passed} failed`);
  process.exitCode = chosen.length > 0 && passed === chosen.length ? 0 : 1;
}
