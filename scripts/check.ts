/**
 * Everything that can be judged without running the product, step by step; all steps run, also
 * after one that failed.
 *
 *     npm run check                all
 *     npm run check -- tidy lint   these
 *
 * Owns: the list of steps. Leaves: each rule to its tool's own settings file. What measures or
 * installs (package-check, conformance) is not in here.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { isMain, projectRoot, sourceFolders } from './source-tree.ts';

interface Step {
  readonly name: string;
  readonly promise: string;
  /** A script for Node, from the project's root, and its arguments. */
  readonly command: readonly string[];
}

/** Of the output of one failed step. */
const linesMax = 120;

function existing(folders: readonly string[]): string[] {
  return folders.filter((folder) => existsSync(path.join(projectRoot, folder)));
}

const steps: readonly Step[] = [
  {
    name: 'types',
    promise: 'TypeScript accepts every source',
    command: ['node_modules/ts7/bin/tsc', '-p', 'tsconfig.json', '--noEmit'],
  },
  {
    name: 'lint',
    promise: 'format and lint rules hold (Biome)',
    command: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '.'],
  },
  {
    name: 'promises',
    promise: 'no promise floats (oxlint, with types)',
    command: ['node_modules/oxlint/bin/oxlint', '--type-aware', ...existing(sourceFolders)],
  },
  {
    name: 'boundaries',
    promise: 'imports follow STYLE.md §2 (dependency-cruiser)',
    command: [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      ...existing(['src', 'simulation', 'test', 'scripts']),
    ],
  },
  {
    name: 'dead-code',
    promise: 'no unused file, export or dependency (knip)',
    command: ['node_modules/knip/bin/knip.js', '--no-progress'],
  },
  {
    name: 'tidy',
    promise: 'sizes, names, determinism, references, comments',
    command: ['dist/scripts/tidy.js'],
  },
  {
    name: 'generated',
    promise: 'generated files are up to date',
    command: ['dist/scripts/generate.js', '--check'],
  },
  {
    name: 'removable',
    promise: 'each protocol can be deleted alone',
    command: ['dist/scripts/protocols-removable.js'],
  },
];

function runStep(step: Step): boolean {
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [...step.command], {
    cwd: projectRoot,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const isGood = status === 0;
  console.log(
    `${isGood ? 'ok    ' : 'FAILED'}  ${step.name.padEnd(10)}  ${seconds} s  ${step.promise}`,
  );
  if (!isGood) console.log(shorten(`${stdout}${stderr}`.trimEnd()).replaceAll(/^/gm, '        '));
  return isGood;
}

function shorten(text: string): string {
  const lines = text.split('\n');
  if (lines.length <= linesMax) return text;
  const left = lines.length - linesMax;
  return [...lines.slice(0, linesMax), `… and ${left} more lines`].join('\n');
}

if (isMain(import.meta.url)) {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.log(`no such step: ${unknown.join(', ')}`);
    console.log(`steps: ${steps.map((step) => step.name).join(', ')}`);
    process.exit(2);
  }
  const chosen = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name));
  const passed = chosen.filter(runStep).length;
  console.log(`${passed} passed, ${chosen.length - passed} failed`);
  process.exitCode = passed === chosen.length ? 0 : 1;
}
