/**
 * Apache Kafka's own command line tools: those of today, and those of 2019.
 *
 * They run one after the other in a Java that starts once (ToolHost.java); two of them, so that a tool
 * that waits does not hold up all others. Owns: these processes.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { note } from '../check.ts';
import { type CommandResult, runCommand } from '../commands.ts';

const mains = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-groups': 'org.apache.kafka.tools.GroupsCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  'kafka-reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'kafka-acls': 'org.apache.kafka.tools.AclCommand',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'kafka-verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'kafka-broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'client-compatibility': 'org.apache.kafka.tools.ClientCompatibilityTest',
  'kafka-cluster': 'org.apache.kafka.tools.ClusterTool',
} as const;

const oldMains = {
  'kafka-topics': 'kafka.admin.TopicCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups': 'kafka.admin.ConsumerGroupCommand',
  'kafka-run-class kafka.tools.GetOffsetShell': 'kafka.tools.GetOffsetShell',
  'kafka-delete-records': 'kafka.admin.DeleteRecordsCommand',
  'kafka-log-dirs': 'kafka.admin.LogDirsCommand',
  'kafka-console-producer': 'kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'kafka.tools.ConsoleConsumer',
  'kafka-consumer-perf-test': 'kafka.tools.ConsumerPerformance',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-broker-api-versions': 'kafka.admin.BrokerApiVersionsCommand',
} as const;

/** What they say or do last is in a hook of the JVM. */
const ownProcess: ReadonlySet<string> = new Set([
  'kafka-verifiable-producer',
  'kafka-verifiable-consumer',
]);
const oldOwnProcess: ReadonlySet<string> = new Set(['kafka-console-producer']);

export type ApacheTool = keyof typeof mains;
export type OldApacheTool = keyof typeof oldMains;

export interface ToolOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Short-lived programs: what a good compiler would cost is never earned back. */
const javaFlags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-Xmx256m'];
const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
const timeoutMs = 45_000;

export class ApacheTools {
  readonly #java: readonly string[];
  readonly #hosts: readonly ToolHost[];

  constructor(classPath: string) {
    this.#java = ['java', ...javaFlags, quiet, '-cp', classPath];
    this.#hosts = [new ToolHost(this.#java), new ToolHost(this.#java)];
  }

  run(
    tool: ApacheTool,
    args: readonly string[],
    options: ToolOptions = {},
  ): Promise<CommandResult> {
    if (ownProcess.has(tool)) return runAlone(this.#java, mains[tool], args, options);
    return leastBusy(this.#hosts).run(tool, mains[tool], args, options);
  }

  /** The command that runs Driver.java. */
  get driver(): readonly string[] {
    return [...this.#java, 'Driver'];
  }

  close(): void {
    for (const host of this.#hosts) host.close();
  }
}

export class OldApacheTools {
  readonly #java: readonly string[];
  readonly #host: ToolHost;

  constructor(classPath: string) {
    this.#java = ['java', ...javaFlags, quiet, '-cp', classPath];
    this.#host = new ToolHost(this.#java);
  }

  run(
    tool: OldApacheTool,
    args: readonly string[],
    options: ToolOptions = {},
  ): Promise<CommandResult> {
    if (oldOwnProcess.has(tool)) return runAlone(this.#java, oldMains[tool], args, options);
    return this.#host.run(`old ${tool}`, oldMains[tool], args, options);
  }

  close(): void {
    this.#host.close();
  }
}

function runAlone(
  [command = '', ...java]: readonly string[],
  main: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<CommandResult> {
  return runCommand(command, [...java, main, ...args], { timeoutMs, ...options });
}

function leastBusy(hosts: readonly ToolHost[]): ToolHost {
  const [first, ...others] = hosts;
  if (first === undefined) throw new Error('there is a host');
  return others.reduce((best, one) => (one.waiting < best.waiting ? one : best), first);
}

interface HostAnswer {
  readonly id: number;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class ToolHost {
  /** Runs that have begun or wait to. */
  waiting = 0;
  readonly #java: readonly string[];
  #child: ChildProcess | null = null;
  #onAnswer: ((answer: HostAnswer) => void) | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #runs = 0;

  constructor(java: readonly string[]) {
    this.#java = java;
  }

  async run(
    name: string,
    main: string,
    args: readonly string[],
    options: ToolOptions = {},
  ): Promise<CommandResult> {
    this.waiting++;
    const running = this.#last.then(() => this.#run(main, args, options));
    this.#last = running.catch(() => {});
    const result = await running.finally(() => {
      this.waiting--;
    });
    note(`$ ${[name, ...args].join(' ')}\n${result.output}\n=> ${result.code}`);
    return result;
  }

  #run(main: string, args: readonly string[], options: ToolOptions): Promise<CommandResult> {
    const id = ++this.#runs;
    const input = Buffer.from(options.input ?? '').toString('base64');
    return new Promise((resolve) => {
      const answer = (code: number | null, stdout: Buffer, stderr: string): void => {
        clearTimeout(timer);
        this.#onAnswer = null;
        resolve({ code, stdout, stderr, output: stdout.toString() + stderr });
      };
      const timer = setTimeout(() => {
        this.close();
        answer(null, Buffer.alloc(0), '(killed: it took too long)');
      }, options.timeoutMs ?? timeoutMs);
      this.#onAnswer = ({ code, stdout, stderr }) =>
        answer(code, Buffer.from(stdout, 'base64'), Buffer.from(stderr, 'base64').toString());
      const child = this.#child ?? this.#start();
      child.stdin?.write(`${JSON.stringify({ id, main, args, input })}\n`);
    });
  }

  #start(): ChildProcess {
    const [command = '', ...args] = [...this.#java, 'ToolHost'];
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#onAnswer?.(JSON.parse(line) as HostAnswer);
    });
    child.stdin.on('error', () => {});
    child.on('exit', (code) => {
      if (this.#child !== child) return;
      this.#child = null;
      const stderr = Buffer.from(`the tools' Java has ended with code ${code}`).toString('base64');
      this.#onAnswer?.({ id: 0, code: code ?? 1, stdout: '', stderr });
    });
    this.#child = child;
    return child;
  }

  close(): void {
    const child = this.#child;
    this.#child = null;
    child?.kill('SIGKILL');
  }
}
