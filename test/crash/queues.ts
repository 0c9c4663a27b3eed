/**
 * Queues through kills: what was settled never comes back, what was not always does, and what may have
 * been delivered before says so.
 */
import type { SeededRandom } from '../../simulation/random.ts';
import { Claims, type Stream } from './claims.ts';
import { shapes } from './content.ts';
import { sleep } from './kills.ts';
import { Producer } from './producer.ts';
import { QueueHost, type QueueHostOptions, type QueueNews } from './queue-host.ts';
import { check, type Report } from './report.ts';

const MIB = 1024 * 1024;
const QUEUE = 'jobs';
const DRAIN_MS = 60_000;

export async function queueKills(
  report: Report,
  plan: { readonly rounds: number; readonly dataDir: string },
  random: SeededRandom,
): Promise<void> {
  const jobs = new Jobs(plan.dataDir, random);
  for (let round = 1; round <= plan.rounds; round++) {
    const name = `queues: kill ${round} of ${plan.rounds}`;
    if (!(await check(report, name, () => jobs.killRound()))) return;
  }
  await check(report, 'queues: what is left is delivered, once settled nothing', () =>
    jobs.drain(),
  );
}

class Jobs {
  readonly #random: SeededRandom;
  readonly #claims = new Claims();
  readonly #stream: Stream;
  readonly #options: QueueHostOptions;
  /** Offsets. */
  readonly #settled = new Set<number>();
  readonly #delivered = new Set<number>();
  #ofEarlierRuns = new Set<number>();

  constructor(dataDir: string, random: SeededRandom) {
    this.#random = random;
    const topic = this.#claims.topic(QUEUE, 1);
    this.#stream = this.#claims.stream(topic, 0, shapes.tiny);
    this.#options = {
      dataDir,
      queue: QUEUE,
      settings: { segmentBytes: MIB, checkpointBytes: 2 * MIB },
      consume: 'random',
      seed: 0,
    };
  }

  readonly #hear = ({ delivered = [], redelivered = [], settled = [] }: QueueNews): void => {
    const flagged = new Set(redelivered);
    for (const offset of delivered) {
      if (this.#settled.has(offset)) this.#claims.violated(`${offset} was settled, and comes back`);
      if (this.#ofEarlierRuns.has(offset) && !flagged.has(offset)) {
        this.#claims.violated(`${offset} was delivered before the kill, and does not say so`);
      }
      this.#delivered.add(offset);
    }
    for (const offset of settled) this.#settled.add(offset);
  };

  #start(consume: QueueHostOptions['consume']): Promise<QueueHost> {
    this.#claims.run += 1;
    this.#ofEarlierRuns = new Set(this.#delivered);
    const options = { ...this.#options, consume, seed: this.#random.uint32() };
    return new QueueHost(options, this.#hear).until('start', ({ port }) => port > 0);
  }

  async killRound(): Promise<string> {
    const host = await this.#start('random');
    try {
      const limits = { bytesMax: Number.POSITIVE_INFINITY, bytesPerSecond: MIB };
      const random = this.#random.fork(`jobs ${this.#claims.run}`);
      const streams = [this.#stream];
      const producer = await Producer.open(this.#claims, host.port, streams, random, limits);
      producer.start();
      const busy = this.#random.below(1200);
      await sleep(busy);
      await host.crash();
      await producer.closed;
      this.#claims.assertKept();
      return `after ${busy} ms; ${this.#delivered.size} delivered so far, ${this.#settled.size} settled`;
    } finally {
      await host.crash();
    }
  }

  async drain(): Promise<string> {
    const host = await this.#start('drain');
    try {
      await host.until('empty queue', ({ isEmpty }) => isEmpty, DRAIN_MS);
      this.#claims.assertKept();
      for (const claim of this.#stream.claims) {
        if (claim.fate !== 'acked') continue;
        for (let i = 0; i < claim.count; i++) {
          if (!this.#delivered.has(claim.offset + i)) {
            this.#claims.violated(`${claim.offset + i} was acked, and never delivered`);
          }
        }
      }
      this.#claims.assertKept();
      return `${this.#delivered.size} delivered in all`;
    } finally {
      await host.crash();
    }
  }
}
