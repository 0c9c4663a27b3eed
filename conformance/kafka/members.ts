/** Members of consumer groups that stay while a check goes on: behind a driver, or a kcat each. */

import { type ChildProcess, spawn } from 'node:child_process';
import { note, until } from '../check.ts';
import type { DriverClient } from './driver-client.ts';
import { librdkafkaNetwork } from './kcat.ts';

export type Seen = readonly [partition: number, offset: number, value: string];

export interface MemberStatus {
  /** What it is to read now. */
  readonly partitions: readonly number[];
  /** Everything it has read, in that order. */
  readonly records: readonly Seen[];
  readonly history: readonly (readonly ['granted' | 'revoked', readonly number[]])[];
  readonly error: string | null;
}

export interface MemberOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly reset?: 'earliest' | 'latest' | 'none';
  readonly assignor?: 'range' | 'roundrobin' | 'cooperative-sticky';
  readonly instanceId?: string;
  readonly sessionTimeoutMs?: number;
}

export interface Member {
  status(): Promise<MemberStatus>;
  /** Everything it has read of what it has now. */
  commit(metadata?: string): Promise<void>;
  leave(): Promise<void>;
}

let members = 0;

export class DriverMember implements Member {
  readonly #driver: DriverClient;
  readonly #bootstrap: string;
  readonly #name: string;

  private constructor(driver: DriverClient, bootstrap: string) {
    members++;
    this.#driver = driver;
    this.#bootstrap = bootstrap;
    this.#name = `member ${members}`;
  }

  static async join(
    driver: DriverClient,
    bootstrap: string,
    options: MemberOptions,
  ): Promise<DriverMember> {
    const member = new DriverMember(driver, bootstrap);
    await member.#request('memberJoin', { ...options });
    return member;
  }

  async status(): Promise<MemberStatus> {
    return (await this.#request('memberStatus')) as MemberStatus;
  }

  async commit(metadata?: string): Promise<void> {
    await this.#request('memberCommit', metadata === undefined ? {} : { metadata });
  }

  async seek(topic: string, partition: number, offset: number): Promise<void> {
    await this.#request('memberSeek', { topic, partition, offset });
  }

  async leave(): Promise<void> {
    await this.#request('memberLeave');
  }

  #request(operation: string, fields: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#driver.request(operation, this.#bootstrap, { member: this.#name, ...fields });
  }
}

/** Commits by itself: all that it has printed, when it loses partitions and at its end. */
export class KcatMember implements Member {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #out = '';
  #err = '';

  constructor(bootstrap: string, { group, topics, reset = 'earliest' }: MemberOptions) {
    const settings = [`auto.offset.reset=${reset}`, 'heartbeat.interval.ms=500'];
    const args = ['-b', bootstrap, ...librdkafkaNetwork, '-E', '-u', '-f', '%p %o %s\\n'];
    for (const one of settings) args.push('-X', one);
    this.#child = spawn('kcat', [...args, '-G', group, ...topics], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (bytes: Buffer) => {
      this.#out += bytes.toString();
    });
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      note(`kcat: ${bytes.toString().trimEnd()}`);
      this.#err += bytes.toString();
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  async status(): Promise<MemberStatus> {
    const lines = this.#out.split('\n').slice(0, -1);
    const records = lines.map((line): Seen => {
      const [partition, offset, ...words] = line.split(' ');
      return [Number(partition), Number(offset), words.join(' ')];
    });
    const history = [...this.#err.matchAll(/rebalanced .*?: (assigned|revoked): (.*)/g)].map(
      ([, kind, list = '']) => {
        const partitions = [...list.matchAll(/\[(\d+)\]/g)].map(([, digits]) => Number(digits));
        return [kind === 'assigned' ? 'granted' : 'revoked', partitions] as const;
      },
    );
    const last = history.at(-1);
    const partitions = last?.[0] === 'granted' ? [...last[1]].sort((a, b) => a - b) : [];
    const error = /ERROR: (.*)/.exec(this.#err)?.[1] ?? null;
    return { partitions, records, history, error };
  }

  async commit(): Promise<void> {}

  async leave(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

const settledMs = 25_000;

/** Waits until the members have all partitions among them, each `each` of them. */
export async function untilShared(members: readonly Member[], each: readonly number[]) {
  let owned: (readonly number[])[] = [];
  const isShared = async (): Promise<boolean> => {
    owned = (await Promise.all(members.map((member) => member.status()))).map(
      ({ partitions }) => partitions,
    );
    const all = owned.flat();
    const sizes = owned.map((list) => list.length).sort((a, b) => a - b);
    return new Set(all).size === all.length && sizes.join() === [...each].sort().join();
  };
  await until(`members have ${each.join(' and ')} partitions`, settledMs, isShared).catch(
    async (error: Error) => {
      const errors = await Promise.all(
        members.map(async (member) => (await member.status()).error),
      );
      throw new Error(`${error.message}: they have ${JSON.stringify(owned)}, ${errors.join(', ')}`);
    },
  );
}

/** All that the members have read so far. */
export async function seenBy(members: readonly Member[]): Promise<Seen[]> {
  const all = await Promise.all(members.map((member) => member.status()));
  return all.flatMap(({ records }) => records);
}
