/**
 * Makes the checkout ready to run: installs what package-lock.json names, compiles, bundles.
 *
 * Owns: deciding what is stale, and the two stamps below. `npm start`, `npm test` and `npm run
 * check` run it first. Leaves: what is compiled (tsconfig.json), what is bundled (scripts/bundle.ts).
 *
 * Plain JavaScript with `node:` imports only: it runs when nothing is installed, and on a Node too
 * old to run the rest.
 *
 * Invariants:
 * - A failed step leaves no stamp, so that the next run repeats it.
 * - The build stamp carries the time at which the build *began*: an edit made while the compiler
 *   was running counts as newer.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const nodeVersionMin = [20, 19];
const lockWaitMs = 10 * 60_000;

/** What the compiler reads: folders by their content, files by themselves. */
const sourceRoots = [
  'src',
  'simulation',
  'test',
  'scripts',
  'benchmarks',
  'conformance',
  'tsconfig.json',
];
/** Folders in them that hold no source. */
const ignoredFolders = new Set(['node_modules', '.cache']);

/** Written last by npm in every install: its time is the time of the install. */
const installedLock = 'node_modules/.package-lock.json';
/** Holds the hash of the package-lock.json that setup itself installed last. */
const installStamp = 'node_modules/.polylog-install';
const buildStamp = 'dist/.built';

/** @returns {string | undefined} one line saying why this Node will not do */
export function nodeTooOld(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = nodeVersionMin;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return undefined;
  return `Polylog needs Node ${nodeVersionMin.join('.')} or newer; this is Node ${version}.`;
}

/** @param {string} root @returns {boolean} true when `npm ci` must run */
export function installIsStale(root) {
  const lockTime = modifiedAt(path.join(root, 'package-lock.json'));
  if (lockTime === undefined) return false;
  const installTime = modifiedAt(path.join(root, installedLock));
  if (installTime === undefined) return true;
  if (installTime >= lockTime) return false;
  // A branch switch touches the lock without changing it.
  return readText(path.join(root, installStamp)) !== lockHash(root);
}

/** @param {string} root @returns {boolean} true when the compiler must run */
export function buildIsStale(root) {
  const builtAt = modifiedAt(path.join(root, buildStamp));
  if (builtAt === undefined) return true;
  const installTime = modifiedAt(path.join(root, installedLock));
  if (installTime !== undefined && installTime >= builtAt) return true;
  return sourceRoots.some((name) => newerThan(path.join(root, name), builtAt));
}

/** Folder times count too: they are what a deleted file changes. */
function newerThan(file, time) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (stat.mtimeMs >= time) return true;
  if (!stat.isDirectory()) return false;
  for (const entry of fs.readdirSync(file, { withFileTypes: true })) {
    if (ignoredFolders.has(entry.name)) continue;
    const child = path.join(file, entry.name);
    if (entry.isDirectory() || /\.(ts|mts|cts|json)$/.test(entry.name)) {
      if (newerThan(child, time)) return true;
    }
  }
  return false;
}

function install(root) {
  say('installing dependencies (npm ci)');
  // Only npm's own entry point will do: under other package managers this variable names theirs.
  const ownNpm = process.env.npm_execpath ?? '';
  const isNpm = /^npm(-cli)?\.c?js$/.test(path.basename(ownNpm));
  const flags = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  const done = isNpm
    ? run(root, process.execPath, [ownNpm, ...flags])
    : run(root, process.platform === 'win32' ? 'npm.cmd' : 'npm', flags);
  if (!done) return false;
  fs.writeFileSync(path.join(root, installStamp), lockHash(root));
  return true;
}

function build(root) {
  say('compiling');
  const dist = path.join(root, 'dist');
  fs.mkdirSync(dist, { recursive: true });
  fs.rmSync(path.join(root, buildStamp), { force: true });
  const pending = path.join(dist, `.building-${process.pid}`);
  fs.writeFileSync(pending, '');
  try {
    removeOrphans(root, dist);
    const compiler = path.join(root, 'node_modules/ts7/bin/tsc');
    if (!run(root, process.execPath, [compiler, '-p', 'tsconfig.json'])) return false;
    const bundle = path.join(dist, 'scripts/bundle.js');
    if (fs.existsSync(bundle) && !run(root, process.execPath, [bundle])) return false;
    fs.renameSync(pending, path.join(root, buildStamp));
    return true;
  } finally {
    fs.rmSync(pending, { force: true });
  }
}

/** Output whose source is gone would still be imported, run as a test, and published. */
export function removeOrphans(root, dist) {
  for (const top of sourceRoots) {
    const output = path.join(dist, top);
    if (!fs.existsSync(output)) continue;
    for (const name of fs.readdirSync(output, { recursive: true })) {
      const made = /^(.*)\.(js|d\.ts)(\.map)?$/.exec(name);
      if (made === null) continue;
      if (!fs.existsSync(path.join(root, top, `${made[1]}.ts`))) fs.rmSync(path.join(output, name));
    }
  }
}

/**
 * Two terminals may start at once; the second one waits for the first and then finds nothing to do.
 * @template T @param {string} root @param {() => T} action @returns {T}
 */
function withLock(root, action) {
  const lock = path.join(root, 'dist/.setup-lock');
  fs.mkdirSync(path.dirname(lock), { recursive: true });
  const deadline = Date.now() + lockWaitMs;
  while (!takeLock(lock)) {
    if (Date.now() > deadline) throw new Error(`another setup holds ${lock}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  try {
    return action();
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

function takeLock(lock) {
  try {
    fs.writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const holder = Number(readText(lock) ?? 0);
  // Without a process id its maker is about to write it, or died in between.
  const isStale = holder > 0 ? !isAlive(holder) : Date.now() - (modifiedAt(lock) ?? 0) > 10_000;
  if (isStale) fs.rmSync(lock, { force: true });
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function run(root, command, args) {
  const env = { ...process.env };
  // The settings of the npm that started us stay (registry, cache); what describes its script goes.
  for (const name of Object.keys(env)) {
    if (/^npm_(lifecycle|package|command)/.test(name)) delete env[name];
  }
  const shell = command.endsWith('.cmd');
  // Our stdout may be somebody's pipe: progress belongs on stderr.
  const result = spawnSync(command, args, { cwd: root, env, shell, stdio: ['ignore', 2, 2] });
  if (result.error) say(`cannot run ${command}: ${result.error.message}`);
  return result.status === 0;
}

function modifiedAt(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function lockHash(root) {
  const text = fs.readFileSync(path.join(root, 'package-lock.json'));
  return createHash('sha256').update(text).digest('hex');
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/** @param {string} root @returns {boolean} false when a step failed; it has said why */
export function setup(root) {
  if (!installIsStale(root) && !buildIsStale(root)) return true;
  return withLock(root, () => {
    if (installIsStale(root) && !install(root)) {
      say('npm ci failed');
      return false;
    }
    if (buildIsStale(root) && !build(root)) {
      say('the build failed; the errors are above');
      return false;
    }
    return true;
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) {
  const reason = nodeTooOld();
  if (reason !== undefined) {
    say(reason);
    process.exit(1);
  }
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  process.exit(setup(root) ? 0 : 1);
}
