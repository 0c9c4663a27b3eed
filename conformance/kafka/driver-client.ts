/**
 * A client that lives in a process of its own and is spoken to in lines of JSON (serve.mjs,
 * Driver.java): kafkajs, @platformatic/kafka and Apache's Java clients.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { note, show } from '../check.ts';
import type {
  AdminClient,
  Message,
  Place,
  ProduceOptions,
  SteadyOptions,
  StoredMessage,
} from './client.ts';

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

/** What a worker says by itself; see serve.mjs. */
export type WorkerEvent =
  | {
      readonly event: 'read';
      readonly at: number;
      readonly partition: number;
      readonly first: number;
      readonly values: readonly string[];
    }
  | {
      readonly event: 'committed';
      readonly at: number;
      readonly offsets: readonly (readonly [partition: number, offset: number])[];
    }
  | { readonly event: 'rebalance'; readonly at: number };

type Base64 = string | null;
interface Row {
  readonly offset: number;
  readonly timestamp: number;
  readonly timestampType: StoredMessage['timestampType'];
  readonly key: Base64;
  readonly value: Base64;
  readonly headers: readonly (readonly [string, Base64])[];
}

const requestTimeoutMs = 120_000;
const logLinesMax = 40;

export class DriverClient implements AdminClient {
  readonly name: string;
  readonly setsTimestamps = true;
  onEvent: (event: WorkerEvent) => void = () => {};
  readonly #command: readonly string[];
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #child: ChildProcess | null = null;
  #lastId = 0;
  #log: string[] = [];

  constructor(name: string, command: readonly string[]) {
    this.name = name;
    this.#command = command;
  }

  another(): DriverClient {
    return new DriverClient(this.name, this.#command);
  }

  async request(
    operation: string,
    bootstrap: string,
    fields: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    const child = this.#child ?? this.#start();
    const id = ++this.#lastId;
    const request = { id, operation, bootstrap, ...fields };
    const startedAt = performance.now();
    note(`${this.name} < ${show(request)}`);
    const answer = await new Promise<Answer>((resolve) => {
      const giveUp = (): void => {
        const error = { name: 'Timeout', message: `no answer within ${requestTimeoutMs} ms` };
        resolve({ id, error });
      };
      const timer = setTimeout(giveUp, requestTimeoutMs);
      this.#waiting.set(id, (given) => {
        clearTimeout(timer);
        resolve(given);
      });
      child.stdin?.write(`${JSON.stringify(request)}\n`);
    });
    this.#waiting.delete(id);
    note(`${this.name} > ${show(answer)} after ${Math.round(performance.now() - startedAt)} ms`);
    if (answer.error === undefined) return answer.result;
    for (const line of this.#log) note(`${this.name}: ${line}`);
    throw new Error(answer.error.message);
  }

  #start(): ChildProcess {
    const [command = '', ...args] = this.#command;
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer | WorkerEvent;
      if ('event' in answer) this.onEvent(answer);
      else this.#waiting.get(answer.id)?.(answer);
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > logLinesMax) this.#log.shift();
    });
    const onEnd = (why: string): void => {
      this.#child = null;
      const error = { name: 'Ended', message: `${this.name} has ended: ${why}` };
      for (const [id, resolve] of this.#waiting) resolve({ id, error });
    };
    child.on('error', (error) => onEnd(error.message));
    child.on('exit', (code) => onEnd(`code ${code}\n${this.#log.join('\n')}`));
    this.#child = child;
    return child;
  }

  close(): void {
    this.#child?.stdin?.end();
  }

  /** As a crash would: nobody is told. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Stops it where it is, as a machine that has gone to sleep; `resume` wakes it. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async produce(
    bootstrap: string,
    topic: string,
    messages: readonly Message[],
    options: ProduceOptions = {},
  ): Promise<void> {
    const rows = (await this.request('produce', bootstrap, {
      topic,
      codec: options.codec,
      acks: options.acks,
      idempotent: options.isIdempotent,
      autoCreate: options.mayCreateTopic,
      retries: options.retries,
      configs: options.settings,
      records: messages.map((message) => ({
        ...message,
        key: encode(message.key),
        value: encode(message.value),
        headers: message.headers.map(([name, value]) => [name, encode(value)]),
      })),
    })) as readonly { readonly error?: { readonly message: string } }[];
    const failure = rows.find((row) => row.error !== undefined);
    if (failure?.error !== undefined) throw new Error(failure.error.message);
  }

  async read(
    bootstrap: string,
    from: Place,
    count: number,
    timeoutMs = 10_000,
  ): Promise<StoredMessage[]> {
    const rows = await this.request('read', bootstrap, { ...from, count, timeoutMs });
    return (rows as readonly Row[]).map((row) => ({
      ...row,
      key: decode(row.key),
      value: decode(row.value),
      headers: row.headers.map(([name, value]) => [name, decode(value)] as const),
    }));
  }

  async offset(
    bootstrap: string,
    topic: string,
    partition: number,
    timestamp: number,
  ): Promise<number> {
    return (await this.request('offset', bootstrap, { topic, partition, timestamp })) as number;
  }

  async produceSteadily(bootstrap: string, options: SteadyOptions): Promise<void> {
    const { isIdempotent, ...rest } = options;
    await this.request('produceSteadily', bootstrap, { ...rest, idempotent: isIdempotent });
  }

  async createTopic(
    bootstrap: string,
    topic: string,
    partitions: number,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await this.request('createTopic', bootstrap, { topic, partitions, configs });
  }

  async deleteTopic(bootstrap: string, topic: string): Promise<void> {
    await this.request('deleteTopic', bootstrap, { topic });
  }

  async listTopics(bootstrap: string): Promise<string[]> {
    return (await this.request('listTopics', bootstrap, {})) as string[];
  }

  async describeTopic(bootstrap: string, topic: string): Promise<{ readonly partitions: number }> {
    return (await this.request('describeTopic', bootstrap, { topic })) as { partitions: number };
  }

  async consume(bootstrap: string, topic: string, group: string, count: number): Promise<number[]> {
    const rows = await this.request('consume', bootstrap, { topic, group, count });
    return (rows as readonly { readonly offset: number }[]).map(({ offset }) => offset);
  }
}

function encode(text: string | null): Base64 {
  return text === null ? null : Buffer.from(text).toString('base64');
}

function decode(text: Base64): string | null {
  return text === null ? null : Buffer.from(text, 'base64').toString();
}
