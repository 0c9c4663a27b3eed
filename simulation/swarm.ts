/**
 * Swarm configuration: every seed switches some kinds of fault on, and chooses how often.
 *
 * Owns: the choice, and the driver that makes the wall clock jump.
 *
 * With all faults always on, each run dies early and in the same way; with a random half of them,
 * at random rates, the runs reach corners that no single configuration reaches.
 */
import {
  type ClockFaults,
  type CrashFaults,
  calmClock,
  calmDisk,
  calmLoop,
  type DiskFaults,
  type Latency,
  type LoopFaults,
  noCrashes,
} from './faults.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

export interface Swarm {
  readonly disk: DiskFaults;
  readonly loop: LoopFaults;
  readonly clock: ClockFaults;
  readonly crash: CrashFaults;
}

export const calmSwarm: Swarm = {
  disk: calmDisk,
  loop: calmLoop,
  clock: calmClock,
  crash: noCrashes,
};

export function chooseSwarm(random: SeededRandom): Swarm {
  return {
    disk: chooseDisk(random.fork('swarm disk')),
    loop: chooseLoop(random.fork('swarm loop')),
    clock: chooseClock(random.fork('swarm clock')),
    crash: chooseCrash(random.fork('swarm crash')),
  };
}

/** On in half of the seeds, then somewhere between the two rates on a logarithmic scale. */
function rate(random: SeededRandom, min: number, max: number): number {
  const isOn = random.chance(0.5);
  const value = min * (max / min) ** random.fraction();
  return isOn ? value : 0;
}

/** A device of some speed: its fastest call, and how uneven it is. */
function latency(random: SeededRandom, fastest: number, slowest: number): Latency {
  const min = Math.round(fastest * (slowest / fastest) ** random.fraction());
  return [min, min * random.between(1, 8)];
}

function chooseDisk(random: SeededRandom): DiskFaults {
  return {
    readErrorRate: rate(random, 0.0002, 0.01),
    writeErrorRate: rate(random, 0.0002, 0.01),
    syncErrorRate: rate(random, 0.0002, 0.02),
    nameErrorRate: rate(random, 0.001, 0.05),
    slowRate: rate(random, 0.001, 0.1),
    slowFactor: random.between(5, 200),
    writebackRate: rate(random, 0.01, 0.5),
    bytesMax: random.chance(0.25) ? random.between(6, 20) * 1024 * 1024 : calmDisk.bytesMax,
    readLatency: latency(random, 5, 5000),
    writeLatency: latency(random, 5, 5000),
    syncLatency: latency(random, 10, 20_000),
  };
}

function chooseLoop(random: SeededRandom): LoopFaults {
  return {
    turnMicrosMax: random.pick([1, 10, 100, 2000]),
    timerLateMicrosMax: random.pick([0, 1000, 50_000]),
    stallRate: rate(random, 0.0005, 0.02),
    stallMicrosMax: random.pick([5000, 200_000, 10_000_000]),
  };
}

function chooseClock(random: SeededRandom): ClockFaults {
  if (random.chance(0.5)) return calmClock;
  return {
    jumpEveryMicros: random.pick([50_000, 1_000_000, 30_000_000]),
    jumpMsMax: random.pick([5, 5000, 3_600_000, 400 * 86_400_000]),
  };
}

function chooseCrash(random: SeededRandom): CrashFaults {
  if (random.chance(0.2)) return noCrashes;
  return {
    operationsMean: random.pick([10, 50, 200, 1000]),
    killShare: random.pick([0, 0.3, 1]),
    flipsMax: random.chance(0.25) ? random.between(1, 8) : 0,
  };
}

/** Lets the wall clock jump both ways until the function returned is called. */
export function jumpWallClock(world: World, faults: ClockFaults): () => void {
  if (faults.jumpEveryMicros === 0) return () => undefined;
  const random = world.random.fork('clock jumps');
  let event = next();
  function next() {
    return world.post('clock.due', random.between(1, 2 * faults.jumpEveryMicros), () => {
      world.jumpWallClock(random.between(-faults.jumpMsMax, faults.jumpMsMax));
      event = next();
    });
  }
  return () => world.cancel(event);
}
