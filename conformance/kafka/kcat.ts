/**
 * kcat, and librdkafka behind it.
 *
 * It takes headers and "empty means null" once for all messages of a run: messages that differ in
 * them are written by several runs, in order.
 */

import { expect, Skipped } from '../check.ts';
import { type CommandOptions, type CommandResult, runCommand } from '../commands.ts';
import type {
  Client,
  Message,
  Place,
  ProduceOptions,
  SteadyOptions,
  StoredMessage,
} from './client.ts';

export const librdkafkaNetwork = [
  '-X',
  'broker.address.family=v4',
  '-X',
  'reconnect.backoff.max.ms=500',
] as const;

const keyEnd = '\x1f';
const messageEnd = '\x1e';

/** As `kcat -J` prints it. */
interface Printed {
  readonly offset: number;
  readonly ts: number;
  readonly tstype: 'create' | 'logappend';
  readonly headers?: readonly (string | null)[];
  readonly key: string | null;
  readonly payload: string | null;
}

export class Kcat implements Client {
  readonly name = 'kcat';
  readonly setsTimestamps = false;

  async run(
    bootstrap: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    return runCommand('kcat', ['-b', bootstrap, ...librdkafkaNetwork, ...args], options);
  }

  async produce(
    bootstrap: string,
    topic: string,
    messages: readonly Message[],
    options: ProduceOptions = {},
  ): Promise<void> {
    for (const group of groupsOf(messages)) {
      const [first] = group;
      if (first === undefined) continue;
      const args = ['-P', '-t', topic, '-p', `${first.partition ?? -1}`, '-D', messageEnd];
      args.push('-K', keyEnd, '-z', options.codec ?? 'none', ...settingsOf(options));
      if (needsNull(first)) args.push('-Z');
      for (const [name, value] of first.headers) {
        args.push('-H', value === null ? name : `${name}=${value}`);
      }
      const input = group
        .map(({ key, value }) => (key === null ? '' : `${key}${keyEnd}`) + (value ?? ''))
        .join(messageEnd);
      const done = await this.run(bootstrap, args, { input });
      if (done.code !== 0 || /Delivery failed/.test(done.output)) throw new Error(done.output);
    }
  }

  async read(
    bootstrap: string,
    { topic, partition, offset }: Place,
    count: number,
    timeoutMs = 10_000,
  ): Promise<StoredMessage[]> {
    const place = ['-t', topic, '-p', `${partition}`, '-o', `${offset}`];
    const args = ['-C', ...place, '-c', `${count}`, '-e', '-q', '-J'];
    const done = await this.run(bootstrap, args, { timeoutMs });
    expect(done.code === 0, `kcat has failed: ${done.stderr}`);
    const lines = done.stdout
      .toString()
      .split('\n')
      .filter((line) => line !== '');
    return lines.map((line) => storedOf(JSON.parse(line) as Printed));
  }

  async offset(
    bootstrap: string,
    topic: string,
    partition: number,
    timestamp: number,
  ): Promise<number> {
    const done = await this.run(bootstrap, ['-Q', '-t', `${topic}:${partition}:${timestamp}`]);
    const offset = /offset (-?\d+)/.exec(done.output)?.[1];
    if (offset === undefined) throw new Error(done.output);
    return Number(offset);
  }

  async produceSteadily(bootstrap: string, options: SteadyOptions): Promise<void> {
    const { topic, count, batch, pauseMs, isIdempotent } = options;
    const pieces: string[] = [];
    for (let i = 0; i < count; i += batch) {
      const size = Math.min(batch, count - i);
      pieces.push(Array.from({ length: size }, (_, k) => `${i + k}\n`).join(''));
    }
    // -E: a broker that is away for a while is no reason to give up.
    const args = ['-P', '-E', '-t', topic, '-p', '0', '-X', `enable.idempotence=${isIdempotent}`];
    const slowInput = { pieces, pauseMs };
    const done = await this.run(bootstrap, args, { slowInput, timeoutMs: 60_000 });
    if (done.code !== 0) throw new Error(done.output);
  }
}

function settingsOf({ acks, isIdempotent, retries, settings }: ProduceOptions): string[] {
  const all: Record<string, string> = { ...settings };
  if (acks !== undefined) all.acks = `${acks}`;
  if (isIdempotent !== undefined) all['enable.idempotence'] = `${isIdempotent}`;
  if (retries !== undefined) all.retries = `${retries}`;
  return Object.entries(all).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
}

function needsNull({ value }: Message): boolean {
  return value === null;
}

function groupsOf(messages: readonly Message[]): Message[][] {
  const groups: Message[][] = [];
  let previous = '';
  for (const message of messages) {
    if (message.timestamp !== undefined) throw new Skipped('kcat cannot set a timestamp');
    const { headers, partition } = message;
    const key = JSON.stringify([headers, partition, needsNull(message)]);
    if (key !== previous) groups.push([]);
    groups.at(-1)?.push(message);
    previous = key;
  }
  return groups;
}

function storedOf({ offset, ts, tstype, headers = [], key, payload }: Printed): StoredMessage {
  const pairs: [string, string | null][] = [];
  for (let i = 0; i < headers.length; i += 2)
    pairs.push([headers[i] ?? '', headers[i + 1] ?? null]);
  return {
    offset,
    timestamp: ts,
    timestampType: tstype === 'logappend' ? 'LogAppendTime' : 'CreateTime',
    key,
    value: payload,
    headers: pairs,
  };
}
