/**
 * Packs the package, installs it into an empty folder and holds it against what DESIGN promises of
 * its size: few packages, few megabytes, no install scripts, a quick import.
 *
 *     npm run package-check
 *
 * Owns: the limits. It measures time, so it belongs to CI and not to the unit tests.
 */

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { isMain, projectRoot } from './source-tree.ts';

const packagesMax = 25;
const installedBytesMax = 15 * 1024 * 1024;
const importMsMax = 60;
const importRuns = 15;

let passed = 0;
let failed = 0;

function expect(isGood: boolean, text: string): void {
  if (isGood) passed += 1;
  else failed += 1;
  console.log(`${isGood ? 'ok    ' : 'FAILED'}  ${text}`);
}

function runNpm(folder: string, args: readonly string[]): string {
  const own = process.env.npm_execpath;
  const isNpm = own !== undefined && /^npm(-cli)?\.c?js$/.test(path.basename(own));
  const [command, ...start] = isNpm ? [process.execPath, own] : ['npm'];
  const result = spawnSync(command, [...start, ...args], { cwd: folder, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`npm ${args[0]} failed:\n${result.stderr}`);
  return result.stdout;
}

interface PackedFile {
  readonly path: string;
}

/** @returns the tarball */
function pack(folder: string): string {
  // The output of the build that packing runs comes before the JSON.
  const said = runNpm(projectRoot, ['pack', '--json', '--pack-destination', folder]);
  const [packed] = JSON.parse(said.slice(said.search(/^\[/m))) as [
    { filename: string; files: PackedFile[] },
  ];
  const paths = packed.files.map((file) => file.path);
  const tests = paths.filter((file) => /\.(test|fuzz|fixture)\.|\bvectors\//.test(file));
  expect(tests.length === 0, `no tests among ${paths.length} files ${tests.slice(0, 3).join(' ')}`);
  for (const needed of ['LICENSE', 'README.md', 'dist/src/index.d.ts', 'dist/cjs/index.d.cts']) {
    expect(paths.includes(needed), `contains ${needed}`);
  }
  return path.join(folder, packed.filename);
}

function install(folder: string, tarball: string): void {
  fs.writeFileSync(path.join(folder, 'package.json'), '{"name":"host","private":true}');
  runNpm(folder, ['install', '--no-audit', '--no-fund', tarball]);
  const lock = JSON.parse(
    fs.readFileSync(path.join(folder, 'node_modules/.package-lock.json'), 'utf8'),
  ) as { packages: Record<string, { hasInstallScript?: boolean }> };
  const names = Object.keys(lock.packages).filter((name) =>
    fs.existsSync(path.join(folder, name, 'package.json')),
  );
  expect(names.length <= packagesMax, `${names.length} packages, at most ${packagesMax}`);
  const scripted = names.filter((name) => lock.packages[name]?.hasInstallScript === true);
  expect(scripted.length === 0, `no install scripts ${scripted.join(' ')}`);
  const bytes = folderBytes(path.join(folder, 'node_modules'));
  expect(
    bytes <= installedBytesMax,
    `${megabytes(bytes)} MB on disk, at most ${megabytes(installedBytesMax)}`,
  );
}

function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const child = path.join(folder, entry.name);
    bytes += entry.isDirectory() ? folderBytes(child) : fs.lstatSync(child).size;
  }
  return bytes;
}

function megabytes(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(1);
}

function runNode(folder: string, args: readonly string[]): { isGood: boolean; said: string } {
  const result = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  return { isGood: result.status === 0, said: `${result.stdout}${result.stderr}`.trim() };
}

/** Both faces offer the same names, and the CommonJS one without Node's help for ES modules. */
function checkFaces(folder: string): void {
  const print = 'console.log(Object.keys(face).sort().join())';
  const esm = runNode(folder, [
    '--input-type=module',
    '--eval',
    `import * as face from 'polylog'; ${print}`,
  ]);
  const cjs = runNode(folder, [
    '--no-experimental-require-module',
    '--eval',
    `const face = require('polylog'); ${print}`,
  ]);
  expect(esm.isGood, `import 'polylog': ${esm.said.split('\n')[0]}`);
  expect(cjs.isGood, `require('polylog'): ${cjs.said.split('\n')[0]}`);
  expect(esm.said === cjs.said, 'both give the same names');
  const bundle = fs.readFileSync(path.join(folder, 'node_modules/polylog/dist/cjs/index.cjs'));
  expect(!/\bimport\(/.test(stripComments(bundle.toString())), 'no import() in the bundle');
  checkDeclarations(folder);
}

function stripComments(text: string): string {
  return text.replaceAll(/^\s*(\/\/|\/?\*).*$/gm, '');
}

function checkDeclarations(folder: string): void {
  const use = "import * as polylog from 'polylog';\nexport const face: object = polylog;\n";
  fs.writeFileSync(path.join(folder, 'as-module.mts'), use);
  fs.writeFileSync(path.join(folder, 'as-common.cts'), use);
  const compiler = path.join(projectRoot, 'node_modules/ts7/bin/tsc');
  const settings = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--noEmit'];
  const types = ['--types', 'node', '--typeRoots', path.join(projectRoot, 'node_modules/@types')];
  const result = runNode(folder, [
    compiler,
    ...settings,
    ...types,
    'as-module.mts',
    'as-common.cts',
  ]);
  expect(result.isGood, `TypeScript reads both declarations ${result.said}`);
}

function measureImport(folder: string): void {
  const empty: number[] = [];
  const full: number[] = [];
  // Interleaved, so that a busy moment of the machine meets both.
  for (let run = 0; run < importRuns; run += 1) {
    empty.push(timeNode(folder, ''));
    full.push(timeNode(folder, "import 'polylog'"));
  }
  const costMs = median(full) - median(empty);
  expect(
    costMs <= importMsMax,
    `import 'polylog' takes ${costMs.toFixed(1)} ms, at most ${importMsMax} ` +
      `(median of ${importRuns}; an empty process ${median(empty).toFixed(1)} ms)`,
  );
}

function timeNode(folder: string, code: string): number {
  const startedAt = performance.now();
  runNode(folder, ['--input-type=module', '--eval', code]);
  return performance.now() - startedAt;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? 0;
}

if (isMain(import.meta.url)) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-package-'));
  try {
    install(folder, pack(folder));
    checkFaces(folder);
    measureImport(folder);
  } catch (error) {
    expect(false, error instanceof Error ? error.message : String(error));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
