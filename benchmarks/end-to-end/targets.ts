/**
 * What the results are to be, and whether they are.
 */
import type { Measure } from './measure.ts';
import type { PeerName } from './peer.ts';
import type { Result } from './rounds.ts';

export interface Verdict {
  readonly target: string;
  readonly measured: string;
  readonly isMet: boolean;
}

type Results = ReadonlyMap<string, Result>;

/** @returns null when the loads it is about did not run */
type Target = (results: Results) => Verdict | null;

function ratioTarget(name: string, least: number): Target {
  return (results) => {
    const result = results.get(name);
    const ours = result?.medians.get('polylog');
    const theirs = result?.medians.get('kafka');
    if (ours === undefined || theirs === undefined) return null;
    const ratio = ours.value / theirs.value;
    return {
      target: `${name}: at least ${least} × Kafka`,
      measured: `${ratio.toFixed(2)} ×`,
      isMet: ratio >= least,
    };
  };
}

function ownTarget(
  name: string,
  text: string,
  judge: (ours: Measure, result: Result) => { measured: string; isMet: boolean },
): Target {
  return (results) => {
    const result = results.get(name);
    const ours = result?.medians.get('polylog');
    if (result === undefined || ours === undefined) return null;
    return { target: `${name}: ${text}`, ...judge(ours, result) };
  };
}

const mebibyte = 1024 * 1024;
/** What a client would notice, unless the machine does as badly with one partition. */
const stallMs = 100;
const stallRatio = 1.5;

const targets: readonly Target[] = [
  ownTarget('produce-64k', 'at least 700 MB/s', ({ value }) => ({
    measured: `${value.toFixed(0)} MB/s`,
    isMet: value >= 700,
  })),
  ratioTarget('produce-64k', 1.8),
  ownTarget('produce-growing', 'at least 0.6 × bare write-and-sync', ({ value }, { baseline }) => {
    const ratio = value / (baseline?.value ?? 0);
    return { measured: `${ratio.toFixed(2)} ×`, isMet: ratio >= 0.6 };
  }),
  ratioTarget('produce-1k', 3),
  ratioTarget('producer-perf-test', 1.2),
  ratioTarget('fetch-tail-1', 1.2),
  ratioTarget('fetch-tail-4', 1.2),
  partitionCost,
  firstTouch,
  ownTarget('latency', 'p50 at most 0.15 ms over fdatasync', ({ value }, { baseline }) => {
    const over = value - (baseline?.value ?? 0);
    return { measured: `${over.toFixed(2)} ms over`, isMet: over <= 0.15 };
  }),
  ownTarget('start', 'ready in less than 400 ms', ({ value }) => ({
    measured: `${value.toFixed(0)} ms`,
    isMet: value < 400,
  })),
  ownTarget('start', 'idle in less than 100 MB', ({ rssBytes }) => ({
    measured: `${(rssBytes / mebibyte).toFixed(0)} MiB`,
    isMet: rssBytes < 100e6,
  })),
];

function partitionCost(results: Results): Verdict | null {
  const one = results.get('partitions-1')?.medians.get('polylog');
  const many = results.get('partitions-10000')?.medians.get('polylog');
  if (one === undefined || many === undefined) return null;
  const over = many.value / one.value - 1;
  return {
    target: 'partitions: CPU per GB of 10 000 within 15 % of one',
    measured: `${(over * 100).toFixed(0)} %`,
    isMet: over <= 0.15,
  };
}

function firstTouch(results: Results): Verdict | null {
  const longestOf = (name: string): number | undefined =>
    results.get(name)?.medians.get('polylog')?.latencyMs?.max;
  const one = longestOf('partitions-1');
  const many = longestOf('partitions-10000');
  if (one === undefined || many === undefined) return null;
  return {
    target: `partitions: longest answer of 10 000 at most ${stallMs} ms or ${stallRatio} × that of one`,
    measured: `${many.toFixed(0)} ms, ${one.toFixed(0)} ms`,
    isMet: many <= Math.max(stallMs, one * stallRatio),
  };
}

export function judge(results: readonly Result[]): Verdict[] {
  const byName = new Map(results.map((result) => [result.name, result]));
  return targets.map((target) => target(byName)).filter((verdict) => verdict !== null);
}

export const peerNames: readonly PeerName[] = ['polylog', 'kafka'];
