/**
 * What a round of a load gives, and what is taken of several rounds.
 */
import type { Peer } from './peer.ts';

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface Measure {
  /** What the load is judged by, in the unit of the load. */
  readonly value: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly records: number;
  readonly requests: number;
  /** CPU of the broker and of the generator. */
  readonly cpuMs: number;
  readonly generatorMs: number;
  readonly rssBytes: number;
  readonly latencyMs: Percentiles | null;
}

export interface Counts {
  bytes: number;
  records: number;
  requests: number;
}

export const noLatency: Percentiles = { p50: 0, p99: 0, p999: 0, max: 0 };

/** Latencies in buckets of 2 %: every request is counted, none allocates. */
export class Histogram {
  readonly #counts = new Uint32Array(1024);
  #total = 0;
  #maxMs = 0;

  add(ms: number): void {
    const bucket = ms <= bucketFloorMs ? 0 : Math.log(ms / bucketFloorMs) * bucketScale;
    const index = Math.min(1023, Math.floor(bucket));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  percentiles(): Percentiles {
    return { p50: this.#at(0.5), p99: this.#at(0.99), p999: this.#at(0.999), max: this.#maxMs };
  }

  #at(share: number): number {
    let left = this.#total * share;
    for (let i = 0; i < 1024; i++) {
      left -= this.#counts[i] ?? 0;
      if (left <= 0) return bucketFloorMs * Math.exp((i + 0.5) / bucketScale);
    }
    return this.#maxMs;
  }
}

const bucketFloorMs = 0.001;
const bucketScale = 1 / Math.log(1.02);

/** Runs `work` and measures both sides of it. `valueOf` makes the figure of the load. */
export async function measure(
  peer: Peer,
  counts: Counts,
  histogram: Histogram | null,
  work: () => Promise<void>,
): Promise<Measure> {
  const before = peer.usage();
  const generator = process.cpuUsage();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const spent = process.cpuUsage(generator);
  const after = peer.usage();
  return {
    value: counts.bytes / 1e6 / seconds,
    seconds,
    ...counts,
    cpuMs: after.cpuMs - before.cpuMs,
    generatorMs: (spent.user + spent.system) / 1000,
    rssBytes: after.rssBytes,
    latencyMs: histogram?.percentiles() ?? null,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Field by field. */
export function medianMeasure(rounds: readonly Measure[]): Measure {
  const of = (read: (round: Measure) => number): number => median(rounds.map(read));
  const latencies = rounds.map((round) => round.latencyMs).filter((each) => each !== null);
  const ofLatency = (read: (each: Percentiles) => number): number => median(latencies.map(read));
  return {
    value: of((round) => round.value),
    seconds: of((round) => round.seconds),
    bytes: of((round) => round.bytes),
    records: of((round) => round.records),
    requests: of((round) => round.requests),
    cpuMs: of((round) => round.cpuMs),
    generatorMs: of((round) => round.generatorMs),
    rssBytes: of((round) => round.rssBytes),
    latencyMs:
      latencies.length === 0
        ? null
        : {
            p50: ofLatency((each) => each.p50),
            p99: ofLatency((each) => each.p99),
            p999: ofLatency((each) => each.p999),
            max: ofLatency((each) => each.max),
          },
  };
}
