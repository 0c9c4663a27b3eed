/**
 * A program with a broker inside and a queue in it: a process of its own, so that it can be killed and
 * its memory measured.
 *
 * Owns: both ends of it. `runQueueHost` is the process; `QueueHost` starts one and hears what it says.
 */
import { type ChildProcess, fork } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '../../simulation/random.ts';
import { createBroker, type EmbeddedQueue, type Lease } from '../../src/index.ts';

const ENTRY = fileURLToPath(new URL('./run.js', import.meta.url));
/** The argument by which `run.ts` knows that it is such a process. */
export const QUEUE_HOST = '--queue-host';
const REPORT_MS = 5;
const CONSUMERS = 3;

export interface QueueHostOptions {
  readonly dataDir: string;
  readonly queue: string;
  readonly settings: { readonly segmentBytes?: number; readonly checkpointBytes?: number };
  /** Consumers that settle, release and hold at random; drain: that settle everything. */
  readonly consume: 'none' | 'random' | 'drain';
  readonly seed: number;
}

/** What the process says. Offsets are of partition 0. */
export interface QueueNews {
  readonly port?: number;
  readonly ready?: number;
  /** Milliseconds from the start of the process to its first delivery. */
  readonly servedMs?: number;
  readonly delivered?: readonly number[];
  /** Those of `delivered` that are flagged. */
  readonly redelivered?: readonly number[];
  /** Committed settlements. */
  readonly settled?: readonly number[];
  readonly isEmpty?: boolean;
}

const running = new Set<QueueHost>();
process.once('exit', () => {
  for (const host of running) host.kill();
});

export class QueueHost {
  readonly #child: ChildProcess;
  readonly ended: Promise<void>;
  port = 0;
  ready = 0;
  servedMs = 0;
  isEmpty = false;
  #hasEnded = false;
  #error = '';

  constructor(options: QueueHostOptions, onNews: (news: QueueNews) => void = () => {}) {
    this.#child = fork(ENTRY, [QUEUE_HOST, JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    running.add(this);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#error = (this.#error + chunk.toString()).slice(-4000);
    });
    this.#child.on('message', (message) => {
      const news = message as QueueNews;
      this.port = news.port ?? this.port;
      this.ready = news.ready ?? this.ready;
      this.servedMs = news.servedMs ?? this.servedMs;
      this.isEmpty = news.isEmpty ?? this.isEmpty;
      onNews(news);
    });
    this.ended = new Promise((resolve) =>
      this.#child.once('close', () => {
        this.#hasEnded = true;
        running.delete(this);
        resolve();
      }),
    );
  }

  /** Waits until it has said what `isThere` looks for. */
  async until(what: string, isThere: (host: this) => boolean, limitMs = 60_000): Promise<this> {
    const started = performance.now();
    while (!isThere(this)) {
      if (this.#hasEnded) throw new Error(`the queue host has ended: ${this.#error}`);
      if (performance.now() - started > limitMs) throw new Error(`no ${what} in ${limitMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async crash(): Promise<void> {
    this.kill();
    await this.ended;
  }

  /** Resident memory, bytes. */
  get residentBytes(): number {
    const status = fs.readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }
}

/** The process. It lives until it is killed, or its parent has gone. */
export async function runQueueHost(text: string): Promise<void> {
  const options = JSON.parse(text) as QueueHostOptions;
  const say = (news: QueueNews, said: () => void = () => {}): void => {
    process.send?.(news, undefined, undefined, said);
  };
  process.once('disconnect', () => process.exit());
  const broker = await createBroker({
    dataDir: options.dataDir,
    listeners: { kafka: 0 },
    ...options.settings,
    logLevel: 'warn',
    onFault: (error) => {
      process.stderr.write(`${error.message}\n`);
      process.exit(70);
    },
  });
  const queue = await broker.queue(options.queue).declare();
  const { ready } = queue.depth();
  if (options.consume === 'none') {
    if (ready > 0) await takeOne(queue);
    say({ port: broker.address('kafka').port, ready, servedMs: performance.now() });
    return;
  }
  say({ port: broker.address('kafka').port, ready });
  const notes = new Notes(say, queue);
  for (let i = 0; i < CONSUMERS; i++) {
    const random = new SeededRandom(options.seed).fork(`consumer ${i}`);
    void consume(queue, options.consume === 'random' ? random : null, notes);
  }
}

/** The first message there is, given back at once. */
async function takeOne(queue: EmbeddedQueue): Promise<void> {
  for await (const lease of queue.consume({ credit: 1 })) {
    await lease.release({ isCounted: false });
    return;
  }
}

async function consume(
  queue: EmbeddedQueue,
  random: SeededRandom | null,
  notes: Notes,
): Promise<void> {
  for await (const lease of queue.consume({ credit: 200 })) {
    notes.delivered(lease, () => {
      const fate = random === null ? 1 : random.fraction();
      if (fate < 0.03) void lease.release();
      else if (fate >= 0.04) void lease.settle().then(() => notes.settled(lease.message.offset));
    });
  }
}

/** What has happened since the last report. Nothing is settled before its delivery is reported. */
class Notes {
  readonly #say: (news: QueueNews, said: () => void) => void;
  #delivered: number[] = [];
  #redelivered: number[] = [];
  #settled: number[] = [];
  #next: (() => void)[] = [];

  constructor(say: (news: QueueNews, said: () => void) => void, queue: EmbeddedQueue) {
    this.#say = say;
    setInterval(() => this.#report(queue), REPORT_MS);
  }

  delivered({ message, isRedelivered }: Lease, next: () => void): void {
    this.#delivered.push(message.offset);
    if (isRedelivered) this.#redelivered.push(message.offset);
    this.#next.push(next);
  }

  settled(offset: number): void {
    this.#settled.push(offset);
  }

  #report(queue: EmbeddedQueue): void {
    const { ready, leased } = queue.depth();
    const news = {
      delivered: this.#delivered,
      redelivered: this.#redelivered,
      settled: this.#settled,
      isEmpty: ready === 0 && leased === 0,
    };
    const next = this.#next;
    this.#delivered = [];
    this.#redelivered = [];
    this.#settled = [];
    this.#next = [];
    this.#say(news, () => {
      for (const action of next) action();
    });
  }
}
