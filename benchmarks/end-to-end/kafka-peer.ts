/**
 * Apache Kafka beside us: one node in KRaft mode with its defaults, and its own tools.
 *
 * Owns: fetching it from Maven (../kafka/pom.xml names the release) into `.cache`, its settings, its start.
 * Kafka's default is no sync before an acknowledgement; that stays. What differs from its defaults is
 * printed: how soon it looks for data to delete, which by default it would not do within a run.
 */
import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LoadConnection } from './connection.ts';
import type { Usage } from './machine.ts';
import { type Peer, type PeerKind, PeerProcess } from './peer.ts';
import { apiVersionsFrame } from './wire.ts';

const folder = fileURLToPath(new URL('../../../benchmarks/', import.meta.url));
const pom = path.join(folder, 'kafka/pom.xml');
/** As Kafka's own start script gives them. */
const javaFlags = [
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
];
const retention = {
  'log.retention.check.interval.ms': '200',
  'log.initial.task.delay.ms': '1000',
  'log.segment.delete.delay.ms': '1000',
};

/** @returns null when there is no Java 17 or no Maven; it has said so */
export function installKafka(): PeerKind | null {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const javaVersion = /version "(\d+)[^"]*"/.exec(java.stderr ?? '');
  if (Number(javaVersion?.[1] ?? 0) < 17) {
    console.log('no Java 17: Kafka is left out (see .ci/install-clients)');
    return null;
  }
  const jars = fetchJars();
  if (jars === null) return null;
  const release = /<version>([\d.]+)<\/version>\s*<\/dependency>/.exec(
    fs.readFileSync(pom, 'utf8'),
  );
  const options = Object.entries(retention).map(([key, value]) => `${key}=${value}`);
  return {
    name: 'kafka',
    version: `Apache Kafka ${release?.[1]} (KRaft, one node) on Java ${javaVersion?.[1]}`,
    settings: `heap 1 GiB, defaults: no sync before an acknowledgement; ${options.join(' ')}`,
    start: () => KafkaPeer.start(jars),
  };
}

function fetchJars(): string | null {
  const version = createHash('sha256').update(fs.readFileSync(pom)).digest('hex').slice(0, 12);
  const jars = path.join(folder, '.cache', `kafka-${version}`);
  if (fs.existsSync(jars)) return jars;
  console.log('fetching Apache Kafka from Maven');
  const target = `${jars}.part`;
  fs.rmSync(target, { recursive: true, force: true });
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime'];
  const maven = ['-q', '-B', '-f', pom, ...goal, `-DoutputDirectory=${target}`];
  const fetched = spawnSync('mvn', maven, { encoding: 'utf8', timeout: 600_000 });
  if (fetched.status !== 0) {
    console.log(`Kafka cannot be fetched and is left out: ${fetched.stdout ?? fetched.error}`);
    return null;
  }
  fs.renameSync(target, jars);
  return jars;
}

export class KafkaPeer implements Peer {
  readonly name = 'kafka';
  readonly recyclingOptions = {
    'retention.bytes': String(64 * 1024 * 1024),
    'segment.bytes': String(64 * 1024 * 1024),
  };
  readonly #process: PeerProcess;
  readonly port: number;
  readonly readyMs: number;

  private constructor(process: PeerProcess, port: number, readyMs: number) {
    this.#process = process;
    this.port = port;
    this.readyMs = readyMs;
  }

  static async start(jars: string): Promise<KafkaPeer> {
    const dataDir = PeerProcess.folder('kafka');
    const [port = 0, controllerPort = 0] = await freePorts(2);
    const file = path.join(dataDir, 'server.properties');
    fs.writeFileSync(file, propertiesText(path.join(dataDir, 'logs'), port, controllerPort));
    const java = [...javaFlags, '-cp', `${jars}/*`];
    const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
    const format = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', file];
    const formatted = spawnSync('java', [...java, ...format], { encoding: 'utf8' });
    if (formatted.status !== 0) throw new Error(`Kafka cannot format: ${formatted.stderr}`);
    const heap = ['-Xmx1G', '-Xms1G'];
    const broker = new PeerProcess(dataDir, 'java', [...heap, ...java, 'kafka.Kafka', file]);
    await broker.waitUntil(() => answers(port));
    return new KafkaPeer(broker, port, performance.now() - broker.startedAt);
  }

  get dataDir(): string {
    return this.#process.dataDir;
  }

  usage(): Usage {
    return this.#process.usage();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** One of Kafka's tools, in a Java as its own scripts start it. */
export function toolCommand(main: string, args: readonly string[]): string[] {
  const jars = fetchJars();
  if (jars === null) throw new Error('Apache Kafka is not there');
  return [
    'java',
    '-Xmx512M',
    ...javaFlags,
    '-cp',
    `${jars}/*`,
    `org.apache.kafka.tools.${main}`,
    ...args,
  ];
}

function propertiesText(logs: string, port: number, controllerPort: number): string {
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': logs,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    ...retention,
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

async function answers(port: number): Promise<boolean> {
  try {
    const connection = await LoadConnection.open(port);
    await connection.call(apiVersionsFrame());
    connection.close();
    return true;
  } catch {
    return false;
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}
