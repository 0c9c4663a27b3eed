/**
 * Which loads there are, and for how long each runs.
 */
import { syncAlone, writeAndSync } from './baselines.ts';
import { runCachedFetch, runTailFetch } from './fetch-load.ts';
import { runLatency } from './latency-load.ts';
import { type Measure, noLatency } from './measure.ts';
import { runPartitions } from './partition-load.ts';
import type { Peer, PeerKind, PeerName } from './peer.ts';
import { runPerfTest } from './perf-test-load.ts';
import { runProduce } from './produce-load.ts';

export interface Round {
  readonly peer: Peer;
  readonly topic: string;
  readonly seconds: number;
}

/** What one line of the results is about. All variants of a load run in each of its rounds. */
export interface Variant {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** Left out for others, who would take minutes. */
  readonly only?: PeerName;
  run(round: Round): Promise<Measure>;
}

export interface Load {
  readonly name: string;
  /** Of a round; `--seconds` says otherwise. */
  readonly seconds: number;
  readonly variants: readonly Variant[];
  readonly baseline?: {
    readonly title: string;
    run(folder: string, seconds: number): number;
  };
}

const produce64k = { connections: 8, window: 16, batchBytes: 65_000 };

export const loads: readonly Load[] = [
  {
    name: 'produce-64k',
    seconds: 60,
    variants: [
      {
        name: 'produce-64k',
        title: 'produce, 64 KB batches, 8 connections, 16 in flight, old data recycled',
        unit: 'MB/s',
        run: ({ peer, topic, seconds }) =>
          runProduce(peer, { ...produce64k, topic, seconds, isRecycling: true }),
      },
    ],
  },
  {
    name: 'produce-growing',
    seconds: 10,
    variants: [
      {
        name: 'produce-growing',
        title: 'produce, 64 KB batches, 8 connections, 16 in flight, data only grow',
        unit: 'MB/s',
        run: ({ peer, topic, seconds }) =>
          runProduce(peer, { ...produce64k, topic, seconds, isRecycling: false }),
      },
    ],
    baseline: { title: 'bare write-and-sync of a new file, MB/s', run: writeAndSync },
  },
  {
    name: 'produce-1k',
    seconds: 15,
    variants: [
      {
        name: 'produce-1k',
        title: 'produce, 1 KB batches, 8 connections, 50 in flight',
        unit: 'MB/s',
        run: ({ peer, topic, seconds }) =>
          runProduce(peer, {
            ...{ topic, seconds, connections: 8, window: 50, batchBytes: 1000 },
            isRecycling: true,
          }),
      },
    ],
  },
  {
    name: 'producer-perf-test',
    seconds: 8,
    variants: [
      {
        name: 'producer-perf-test',
        title: "Apache's producer-perf-test, 100 B records",
        unit: 'k records/s',
        run: ({ peer, topic, seconds }) => runPerfTest(peer, topic, seconds),
      },
    ],
  },
  {
    name: 'fetch-tail',
    seconds: 10,
    variants: [1, 4].map((connections) => ({
      name: `fetch-tail-${connections}`,
      title: `fetch at the tail of ${connections} producers, 64 KB batches`,
      unit: 'MB/s',
      run: ({ peer, topic, seconds }: Round) => runTailFetch(peer, { topic, seconds, connections }),
    })),
  },
  {
    name: 'fetch-cached',
    seconds: 10,
    variants: [1, 4].map((connections) => ({
      name: `fetch-cached-${connections}`,
      title: `fetch 1 MB from the page cache, ${connections} connections`,
      unit: 'MB/s',
      run: ({ peer, topic, seconds }: Round) =>
        runCachedFetch(peer, { topic, seconds, connections }),
    })),
  },
  {
    name: 'partitions',
    seconds: 10,
    variants: [1, 100, 1000, 10_000].map((partitions) => ({
      name: `partitions-${partitions}`,
      title: `50 MB/s in 16 KB batches over ${partitions} partitions`,
      unit: 'CPU ms/GB',
      ...(partitions > 1000 ? { only: 'polylog' as const } : {}),
      run: ({ peer, topic, seconds }: Round) => runPartitions(peer, { topic, seconds, partitions }),
    })),
  },
  {
    name: 'latency',
    seconds: 5,
    variants: [
      {
        name: 'latency',
        title: 'produce, one 100 B record at a time',
        unit: 'ms p50',
        run: ({ peer, topic, seconds }) => runLatency(peer, topic, seconds),
      },
    ],
    baseline: { title: 'bare fdatasync of 4 KiB, ms p50', run: syncAlone },
  },
];

/** Memory is looked at when nothing has happened for this long. */
const idleMs = 1000;

export const startLoad = { name: 'start', title: 'start of the process until ready', unit: 'ms' };

export async function runStart(kind: PeerKind): Promise<Measure> {
  const peer = await kind.start();
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const { cpuMs, rssBytes } = peer.usage();
  await peer.stop();
  return {
    ...{ value: peer.readyMs, seconds: peer.readyMs / 1000, cpuMs, rssBytes },
    ...{ bytes: 0, records: 0, requests: 0, generatorMs: 0 },
    latencyMs: noLatency,
  };
}
