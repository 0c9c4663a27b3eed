/**
 * Rounds: every peer in turn, again and again, so that what the machine does meanwhile hits all of them.
 */
import { flushDisks } from './machine.ts';
import { type Measure, median, medianMeasure } from './measure.ts';
import type { Peer, PeerKind, PeerName } from './peer.ts';
import { type Load, runStart, startLoad, type Variant } from './plan.ts';

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** By peer: all rounds, and their medians. */
  readonly rounds: ReadonlyMap<PeerName, readonly Measure[]>;
  readonly medians: ReadonlyMap<PeerName, Measure>;
  readonly baseline: { readonly title: string; readonly value: number } | null;
}

export interface Schedule {
  readonly kinds: readonly PeerKind[];
  readonly roundCount: number;
  /** Null: as long as the load says. */
  readonly seconds: number | null;
}

/** Java compiles what it runs while it runs. */
const warmUpSeconds = 8;

export async function runLoad(load: Load, schedule: Schedule): Promise<Result[]> {
  const seconds = schedule.seconds ?? load.seconds;
  const table = new RoundTable();
  const baselines: number[] = [];
  const peers: Peer[] = [];
  try {
    for (const kind of schedule.kinds) peers.push(await kind.start());
    for (const peer of peers) {
      const [first] = load.variants;
      const topic = 'bench-warm-up';
      await first?.run({ peer, topic, seconds: Math.min(warmUpSeconds, seconds) });
    }
    for (let round = 0; round < schedule.roundCount; round++) {
      for (const variant of load.variants) {
        for (const peer of peers) {
          if (variant.only !== undefined && variant.only !== peer.name) continue;
          flushDisks();
          const topic = `bench-${variant.name}-${round}`;
          table.add(variant.name, peer.name, await variant.run({ peer, topic, seconds }));
        }
      }
      if (load.baseline === undefined) continue;
      flushDisks();
      const folder = peers[0]?.dataDir ?? '.';
      baselines.push(load.baseline.run(folder, Math.min(3, seconds)));
    }
  } finally {
    for (const peer of peers) await peer.stop();
  }
  const baseline = load.baseline && { title: load.baseline.title, value: median(baselines) };
  return load.variants.map((variant) => table.result(variant, baseline ?? null));
}

export async function runStarts(schedule: Schedule): Promise<Result> {
  const table = new RoundTable();
  // One start more than counts: it fills the page cache with the program.
  for (let round = 0; round <= schedule.roundCount; round++) {
    for (const kind of schedule.kinds) {
      const measure = await runStart(kind);
      if (round > 0) table.add(startLoad.name, kind.name, measure);
    }
  }
  return table.result(startLoad, null);
}

class RoundTable {
  readonly #rounds = new Map<string, Map<PeerName, Measure[]>>();

  add(variant: string, peer: PeerName, measure: Measure): void {
    const byPeer = this.#rounds.get(variant) ?? new Map<PeerName, Measure[]>();
    this.#rounds.set(variant, byPeer);
    byPeer.set(peer, [...(byPeer.get(peer) ?? []), measure]);
  }

  result(
    { name, title, unit }: Pick<Variant, 'name' | 'title' | 'unit'>,
    baseline: Result['baseline'],
  ): Result {
    const rounds = this.#rounds.get(name) ?? new Map<PeerName, Measure[]>();
    const medians = new Map([...rounds].map(([peer, each]) => [peer, medianMeasure(each)]));
    return { name, title, unit, rounds, medians, baseline };
  }
}
