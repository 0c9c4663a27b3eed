/**
 * `polylog publish`: records from arguments, lines or JSON, in their order.
 *
 * One request is under way at a time, so that the order holds; meanwhile the next one fills.
 */

import { readInput } from '../node/input-file.ts';
import { type AdminSession, at, withBroker } from './admin-session.ts';
import { assignments, wholeNumber } from './assignments.ts';
import { CommandFailure, exitCode } from './failure.ts';
import { onInterrupt } from './interrupt.ts';
import { note, print, printJson } from './output.ts';
import { Progress } from './progress.ts';
import {
  type LineRules,
  linesOf,
  NotARecord,
  type PublishRecord,
  recordOfJson,
  recordOfLine,
} from './publish-source.ts';

export interface PublishFlags {
  readonly key?: string;
  readonly keySeparator?: string;
  readonly header?: readonly string[];
  readonly partition?: string;
  readonly null?: boolean;
  readonly file?: string;
  readonly json?: boolean;
}

interface Answer {
  readonly published: number;
  readonly results: readonly {
    readonly partition?: number;
    readonly offset?: number;
    readonly error: {
      readonly code: string;
      readonly title: string;
      readonly detail: string;
    } | null;
  }[];
}

const recordsMax = 5000;
const requestBytesMax = 2 * 1024 * 1024;

export async function publish(
  dataDir: string,
  topic: string,
  values: readonly string[],
  flags: PublishFlags,
): Promise<void> {
  const rules = rulesOf(flags);
  if (values.length > 0 && flags.file !== undefined) {
    throw new CommandFailure('values or --file, not both', exitCode.usage);
  }
  const signal = onInterrupt();
  await withBroker(dataDir, async (session) => {
    const sender = new Sender(session, topic, signal);
    try {
      await sendAll(sender, values, rules, flags);
    } finally {
      sender.finish();
    }
    await tell(sender, topic, flags);
  });
}

function rulesOf({ key, keySeparator, header, partition, null: isNull }: PublishFlags): LineRules {
  if (key !== undefined && keySeparator !== undefined) {
    throw new CommandFailure('--key or --key-separator, not both', exitCode.usage);
  }
  if (keySeparator === '') {
    throw new CommandFailure('--key-separator: a text is expected', exitCode.usage);
  }
  const headers = assignments('--header', header).map(([name, value]) => ({ key: name, value }));
  return {
    keySeparator: keySeparator ?? null,
    emptyIsNull: isNull === true,
    defaults: {
      ...(key === undefined ? {} : { key }),
      ...(headers.length === 0 ? {} : { headers }),
      ...(partition === undefined
        ? {}
        : { partition: wholeNumber('--partition', partition, { min: 0, max: 2 ** 31 - 1 }) }),
    },
  };
}

async function sendAll(
  sender: Sender,
  values: readonly string[],
  rules: LineRules,
  { file }: PublishFlags,
): Promise<void> {
  for (const [i, value] of values.entries()) {
    const record = recordOfLine(Buffer.from(value), i + 1, { ...rules, keySeparator: null });
    await sender.add({ ...rules.defaults, ...record }, value.length);
  }
  if (values.length === 0) {
    const stream = openSource(file);
    sender.onInterrupt(() => stream.destroy());
    const why = await sendLines(sender, stream, rules, file !== undefined);
    await sender.flush();
    if (why !== null) throw new CommandFailure(`${why} (${sender.published} were published)`);
  }
  await sender.flush();
}

/** To the end, or to a line that is no record: then why. What came before it is published. */
async function sendLines(
  sender: Sender,
  stream: AsyncIterable<Buffer>,
  rules: LineRules,
  isJson: boolean,
): Promise<string | null> {
  let number = 0;
  try {
    for await (const lines of linesOf(stream)) {
      for (const line of lines) {
        number++;
        if (isJson && line.length === 0) continue;
        const record = isJson ? recordOfJson(line, number) : recordOfLine(line, number, rules);
        await sender.add({ ...rules.defaults, ...record }, line.length);
      }
      // Somebody types: each line is published at once.
      sender.maybeSend();
    }
  } catch (error) {
    if (sender.isInterrupted) return null;
    if (error instanceof NotARecord) return error.message;
    if (isSystemError(error)) throw new CommandFailure(error.message);
    throw error;
  }
  return null;
}

/** The file cannot be read. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

function openSource(file: string | undefined) {
  if (file !== undefined && file !== '-') return readInput(file);
  if (process.stdin.isTTY === true) {
    note('polylog: type records, one a line; Ctrl-D ends');
  }
  return process.stdin;
}

/** Requests, one after the other. */
class Sender {
  readonly failures: { readonly line: string }[] = [];
  published = 0;
  readonly #session: AdminSession;
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #progress = new Progress();
  readonly #startedAt = performance.now();
  #waiting: PublishRecord[] = [];
  #waitingBytes = 0;
  #underWay: Promise<void> | null = null;
  #failure: unknown = null;
  #stop: (() => void) | null = null;

  constructor(session: AdminSession, topic: string, signal: AbortSignal) {
    this.#session = session;
    this.#path = at`/v1/topics/${topic}/records`;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#stop?.());
  }

  onInterrupt(stop: () => void): void {
    this.#stop = stop;
  }

  get isInterrupted(): boolean {
    return this.#signal.aborted;
  }

  async add(record: PublishRecord, bytes: number): Promise<void> {
    this.#check();
    this.#waiting.push(record);
    this.#waitingBytes += bytes + 64;
    if (this.#waiting.length < recordsMax && this.#waitingBytes < requestBytesMax) return;
    await this.#underWay;
    this.#check();
    this.maybeSend();
  }

  /** Sends what waits, unless a request is under way. */
  maybeSend(): void {
    if (this.#underWay !== null || this.#waiting.length === 0 || this.isInterrupted) return;
    const records = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#underWay = this.#send(records)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#underWay = null;
      });
  }

  async flush(): Promise<void> {
    while (this.#underWay !== null || (this.#waiting.length > 0 && !this.isInterrupted)) {
      this.maybeSend();
      await this.#underWay;
      this.#check();
    }
    this.#check();
  }

  finish(): void {
    this.#progress.end();
  }

  async #send(records: readonly PublishRecord[]): Promise<void> {
    const { published, results } = await this.#session.call<Answer>('POST', this.#path, {
      body: { records },
    });
    for (const [i, { error }] of results.entries()) {
      if (error === null) continue;
      const line = `record ${this.published + i + 1}: ${error.title} ${error.detail}`;
      this.failures.push({ line });
    }
    this.published += published;
    this.#progress.show(() => {
      const seconds = Math.max((performance.now() - this.#startedAt) / 1000, 0.001);
      return `${this.published} records published, ${Math.round(this.published / seconds)} a second`;
    });
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.failures.length > 0) {
      const [first] = this.failures;
      throw new CommandFailure(`${first?.line ?? ''} (${this.published} were published)`);
    }
  }
}

async function tell(sender: Sender, topic: string, { json }: PublishFlags): Promise<void> {
  const { published } = sender;
  if (json === true) await printJson({ topic, published });
  else await print(`${published} record${published === 1 ? '' : 's'} published to ${topic}\n`);
  if (sender.isInterrupted) process.exitCode = exitCode.interrupted;
}
