/** Apache Kafka's own command line tools, each in a Java of its own as its shell scripts start them. */

import { type CommandOptions, type CommandResult, runCommand } from '../commands.ts';

const mains = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'client-compatibility': 'org.apache.kafka.tools.ClientCompatibilityTest',
  'kafka-cluster': 'org.apache.kafka.tools.ClusterTool',
} as const;

export type ApacheTool = keyof typeof mains;

/** Short-lived programs: what a good compiler would cost is never earned back. */
export const javaFlags = [
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Xshare:auto',
  '-Xmx256m',
];
const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';

export class ApacheTools {
  readonly #classPath: string;

  constructor(classPath: string) {
    this.#classPath = classPath;
  }

  run(
    tool: ApacheTool,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    const java = [...javaFlags, quiet, '-cp', this.#classPath, mains[tool]];
    return runCommand('java', [...java, ...args], { timeoutMs: 45_000, ...options });
  }

  /** The command that runs Driver.java. */
  get driver(): readonly string[] {
    return ['java', ...javaFlags, quiet, '-cp', this.#classPath, 'Driver'];
  }
}
