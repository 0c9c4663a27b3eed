/**
 * What records cost that no machine makes cheaper, and the most that they may.
 *
 * A limit is about 1.3 times what was measured (largest of Node 20, 24 and 26) when it was written. A change
 * that needs more has to say what for, and raise it here.
 */

import { type SmokeLoad, smokeLoads, type Work } from './loads.ts';
import { type Observation, ObservedBroker, type ObservedOptions } from './observed-broker.ts';

export interface Cost {
  readonly load: string;
  readonly name: string;
  readonly value: number;
  readonly limit: number;
}

type Limits = Readonly<Record<string, Readonly<Record<string, number>>>>;

const limits: Limits = {
  'produce 64 KB': {
    'heap bytes per record': 8.6,
    'buffer bytes per record': 0.05,
    'system calls per 1000 records': 3.7,
    'bytes written per byte': 1.3,
    'bytes copied per byte': 1.45,
  },
  'produce 1 KB': {
    'heap bytes per record': 115,
    'buffer bytes per record': 1,
    'system calls per 1000 records': 16.5,
    'bytes written per byte': 1.45,
    'bytes copied per byte': 1.3,
  },
  'fetch 1 MB': {
    'heap bytes per batch': 1450,
    'buffer bytes per batch': 4,
    'system calls per 1000 records': 2.5,
    'bytes copied per byte': 0.1,
  },
};

const warmUps = 4;
const rounds = 5;

/** Of all loads on one broker; those that copies are counted for, or all others. */
export async function measureCosts(options: ObservedOptions, only = ''): Promise<Cost[]> {
  const broker = await ObservedBroker.start(options);
  const costs: Cost[] = [];
  try {
    for (const load of smokeLoads.filter(({ name }) => name.includes(only))) {
      const measured = await measureLoad(broker, load, options.isCountingCopies);
      for (const [name, limit] of Object.entries(limits[load.name] ?? {})) {
        const value = measured.get(name);
        if (value !== undefined) costs.push({ load: load.name, name, value, limit });
      }
    }
  } finally {
    await broker.stop();
  }
  return costs;
}

/** The least of several rounds: what a round does beside its load only adds. */
async function measureLoad(
  broker: ObservedBroker,
  load: SmokeLoad,
  isCountingCopies: boolean,
): Promise<Map<string, number>> {
  await load.prepare(broker.port);
  for (let i = 0; i < warmUps; i++) await load.run(broker.port);
  const least = new Map<string, number>();
  for (let i = 0; i < rounds; i++) {
    const before = await broker.observe(true);
    const work = await load.run(broker.port);
    const after = await broker.observe(false);
    const costs = isCountingCopies
      ? { 'bytes copied per byte': (after.copiedBytes - before.copiedBytes) / work.bytes }
      : costsOf(before, after, work);
    for (const [name, value] of Object.entries(costs)) {
      least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, value));
    }
  }
  return least;
}

function costsOf(before: Observation, after: Observation, work: Work): Record<string, number> {
  const calls = after.systemCalls - before.systemCalls;
  const kernel = {
    'system calls per 1000 records': (calls * 1000) / work.records,
    'bytes written per byte': (after.writtenBytes - before.writtenBytes) / work.bytes,
  };
  // The collection before the load may be reported after it.
  if (after.collections - before.collections > 1) return kernel;
  const heap = after.heapBytes - before.heapBytes;
  const buffers = after.bufferBytes - before.bufferBytes;
  return {
    ...kernel,
    'heap bytes per record': heap / work.records,
    'heap bytes per batch': heap / work.batches,
    'buffer bytes per record': buffers / work.records,
    'buffer bytes per batch': buffers / work.batches,
  };
}
