/** What the checks of Kafka work with: the clients, the broker that most of them share. */

import * as path from 'node:path';
import { BrokerProcess, withBroker } from '../broker-process.ts';
import { type Program, type UsedProgram, until } from '../check.ts';
import { buildGo, type Tool, type Tools } from '../tools.ts';
import { ApacheTools, OldApacheTools } from './apache-tools.ts';
import type { AdminClient, Client } from './client.ts';
import { DriverClient } from './driver-client.ts';
import { Kcat } from './kcat.ts';

/** Those behind lines of JSON. */
export type DriverProgram = Exclude<Program, 'kcat'>;

export class World {
  readonly root: string;
  /** With default options; no check may change more of it than topics of its own. */
  readonly broker: BrokerProcess;
  /** Names of the APIs that it advertises. */
  readonly apis: ReadonlySet<string>;
  readonly kcat = new Kcat();
  readonly kafkajs: DriverClient;
  readonly platformatic: DriverClient;
  readonly python: DriverClient;
  readonly librdkafka: DriverClient;
  readonly librdkafkaDebian: DriverClient;
  readonly java: DriverClient;
  readonly apache: ApacheTools;
  /** Of 2019. */
  readonly oldApache: OldApacheTools;
  /** Of releases before the one of `java`, by version. */
  readonly olderJava: ReadonlyMap<string, DriverClient>;

  readonly #commands: Readonly<Record<DriverProgram, readonly string[]>>;
  readonly #drivers: DriverClient[] = [];
  readonly #folder: string;

  constructor(tools: Tools, broker: BrokerProcess, apis: ReadonlySet<string>) {
    this.#commands = driverCommands(tools);
    this.root = tools.root;
    this.#folder = tools.folder;
    this.broker = broker;
    this.apis = apis;
    this.apache = new ApacheTools(tools.classPath);
    this.oldApache = new OldApacheTools(tools.oldToolsClassPath);
    this.kafkajs = this.newDriver('kafkajs');
    this.platformatic = this.newDriver('platformatic');
    this.python = this.newDriver('python');
    this.librdkafka = this.newDriver('librdkafka');
    this.librdkafkaDebian = this.newDriver('librdkafkaDebian');
    this.java = this.newDriver('java');
    this.olderJava = new Map(
      [...tools.olderClassPaths].map(([version, classPath]) => [
        version,
        new DriverClient(`java ${version}`, new ApacheTools(classPath).driver),
      ]),
    );
  }

  /** A process of its own, for a check that stops or kills it. */
  newDriver(name: DriverProgram): DriverClient {
    return this.another(new DriverClient(name, this.#commands[name]));
  }

  /** The same client in one more process. */
  another(driver: DriverClient): DriverClient {
    const other = driver.another();
    this.#drivers.push(other);
    return other;
  }

  get bootstrap(): string {
    return this.broker.bootstrap;
  }

  /** The program with franz-go. */
  buildGo(): Promise<string> {
    return buildGo(this.#folder);
  }

  client(name: Program): Client {
    return name === 'kcat' ? this.kcat : this[name];
  }

  get admins(): readonly AdminClient[] {
    return [this.kafkajs, this.platformatic, this.python, this.java];
  }

  /** A topic made by whoever is at hand. */
  async createTopic(
    topic: string,
    partitions = 1,
    configs: Readonly<Record<string, string>> = {},
    bootstrap = this.bootstrap,
  ): Promise<string> {
    await this.kafkajs.createTopic(bootstrap, topic, partitions, configs);
    return topic;
  }

  /** For a broker that may have no room at the moment. */
  async createTopicWhenPossible(topic: string, bootstrap: string): Promise<string> {
    await until('there is room for a topic', 20_000, () =>
      this.java.createTopic(bootstrap, topic, 1).then(
        () => true,
        () => false,
      ),
    );
    return topic;
  }

  withBroker<T>(flags: readonly string[], action: (broker: BrokerProcess) => Promise<T>) {
    return withBroker(this.root, flags, action);
  }

  /** For several checks; ends with the run. */
  async startBroker(flags: readonly string[]): Promise<BrokerProcess> {
    const broker = new BrokerProcess(this.root, flags);
    await broker.start();
    return broker;
  }

  close(): void {
    for (const client of [...this.#drivers, ...this.olderJava.values()]) client.close();
    this.apache.close();
    this.oldApache.close();
  }
}

function driverCommands(tools: Tools): Readonly<Record<DriverProgram, readonly string[]>> {
  const node = 'command' in tools.node ? tools.node.command : process.execPath;
  const script = (name: string): string => path.join(tools.folder, 'kafka/clients', name);
  const python = (tool: Tool): string[] => {
    const { command, args = [] } = 'command' in tool ? tool : { command: 'python3' };
    return [command, ...args, '-B'];
  };
  return {
    kafkajs: [node, script('kafkajs.mjs')],
    platformatic: [node, script('platformatic.mjs')],
    python: [...python(tools.python), script('kafka-python.py')],
    librdkafka: [...python(tools.librdkafka), script('librdkafka.py')],
    librdkafkaDebian: [...python(tools.librdkafkaDebian), script('librdkafka.py')],
    java: new ApacheTools(tools.classPath).driver,
  };
}

/** Those that write and read everything. Debian's librdkafka does as kcat. */
export const programs: readonly Exclude<Program, 'librdkafkaDebian'>[] = [
  'kcat',
  'librdkafka',
  'kafkajs',
  'platformatic',
  'python',
  'java',
];

/** kafka-python knows no idempotence. */
export const idempotentPrograms: readonly Program[] = programs.filter((name) => name !== 'python');

/** Versions and names for people, by program. */
export function describePrograms(tools: Tools): ReadonlyMap<UsedProgram, string> {
  const { versions, node } = tools;
  const onNode = 'version' in node ? ` on Node ${node.version}` : '';
  const kcat = 'version' in tools.kcat ? `kcat ${tools.kcat.version}` : 'kcat';
  return new Map<UsedProgram, string>([
    ['kcat', kcat],
    ['librdkafka', librdkafkaTitle(tools.librdkafka, 'PyPI')],
    ['librdkafkaDebian', librdkafkaTitle(tools.librdkafkaDebian, 'Debian')],
    ['kafkajs', `kafkajs ${versions.kafkajs}${onNode}`],
    ['platformatic', `@platformatic/kafka ${versions['@platformatic/kafka']}${onNode}`],
    ['python', 'version' in tools.python ? `kafka-python ${tools.python.version}` : 'kafka-python'],
    ['franzGo', `franz-go ${versions.franzGo}`],
    ['java', `Apache Kafka ${versions.apache}, its Java clients and tools`],
  ]);
}

function librdkafkaTitle(tool: Tool, source: string): string {
  const version = 'version' in tool ? ` ${tool.version}` : '';
  return `librdkafka${version} in confluent-kafka from ${source}`;
}

export function missingPrograms(tools: Tools): Map<UsedProgram, string> {
  const missing = new Map<UsedProgram, string>();
  const reasons = [
    ['kcat', tools.kcat],
    ['kafkajs', tools.node],
    ['platformatic', tools.node],
    ['python', tools.python],
    ['librdkafka', tools.librdkafka],
    ['librdkafkaDebian', tools.librdkafkaDebian],
    ['java', tools.java],
    ['franzGo', tools.go],
  ] as const;
  for (const [name, tool] of reasons) if ('missing' in tool) missing.set(name, tool.missing);
  return missing;
}
