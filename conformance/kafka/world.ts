/** What the checks of Kafka work with: the clients, the broker that most of them share. */

import * as path from 'node:path';
import { BrokerProcess, withBroker } from '../broker-process.ts';
import { type Program, until } from '../check.ts';
import type { Tools } from '../tools.ts';
import { ApacheTools } from './apache-tools.ts';
import type { AdminClient, Client } from './client.ts';
import { DriverClient } from './driver-client.ts';
import { Kcat } from './kcat.ts';

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
  readonly java: DriverClient;
  readonly apache: ApacheTools;
  /** Of releases before the one of `java`, by version. */
  readonly olderJava: ReadonlyMap<string, DriverClient>;

  constructor(tools: Tools, broker: BrokerProcess, apis: ReadonlySet<string>) {
    const node = 'command' in tools.node ? tools.node.command : process.execPath;
    const script = (name: string): string => path.join(tools.folder, 'kafka/clients', name);
    this.root = tools.root;
    this.broker = broker;
    this.apis = apis;
    this.apache = new ApacheTools(tools.classPath);
    this.kafkajs = new DriverClient('kafkajs', [node, script('kafkajs.mjs')]);
    this.platformatic = new DriverClient('platformatic', [node, script('platformatic.mjs')]);
    this.python = new DriverClient('python', ['/usr/bin/python3', script('kafka-python.py')]);
    this.java = new DriverClient('java', this.apache.driver);
    this.olderJava = new Map(
      [...tools.olderClassPaths].map(([version, classPath]) => [
        version,
        new DriverClient(`java ${version}`, new ApacheTools(classPath).driver),
      ]),
    );
  }

  get bootstrap(): string {
    return this.broker.bootstrap;
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
    const { kafkajs, platformatic, python, java, olderJava } = this;
    const all = [kafkajs, platformatic, python, java, ...olderJava.values()];
    for (const client of all) client.close();
  }
}

export const programs: readonly Program[] = ['kcat', 'kafkajs', 'platformatic', 'python', 'java'];

/** kafka-python knows no idempotence. */
export const idempotentPrograms: readonly Program[] = programs.filter((name) => name !== 'python');

/** Versions and names for people, by program. */
export function describePrograms(tools: Tools): ReadonlyMap<Program, string> {
  const { versions, node } = tools;
  const onNode = 'version' in node ? ` on Node ${node.version}` : '';
  const kcat = 'version' in tools.kcat ? `kcat ${tools.kcat.version}` : 'kcat';
  return new Map<Program, string>([
    ['kcat', kcat],
    ['kafkajs', `kafkajs ${versions.kafkajs}${onNode}`],
    ['platformatic', `@platformatic/kafka ${versions['@platformatic/kafka']}${onNode}`],
    ['python', 'version' in tools.python ? `kafka-python ${tools.python.version}` : 'kafka-python'],
    ['java', `Apache Kafka ${versions.apache}, its Java clients and tools`],
  ]);
}

export function missingPrograms(tools: Tools): Map<Program, string> {
  const missing = new Map<Program, string>();
  const reasons = [
    ['kcat', tools.kcat],
    ['kafkajs', tools.node],
    ['platformatic', tools.node],
    ['python', tools.python],
    ['java', tools.java],
  ] as const;
  for (const [name, tool] of reasons) if ('missing' in tool) missing.set(name, tool.missing);
  return missing;
}
