/**
 * What can go wrong, as rates: the vocabulary of faults, and its calm values.
 *
 * Owns: the knobs. A rate is a probability per call; times are virtual microseconds.
 * Leaves: choosing them per seed to `swarm.ts`; making them happen to the ports they belong to.
 */

/** Fastest and slowest usual duration, uniform between them. */
export type Latency = readonly [minMicros: number, maxMicros: number];

export interface DiskFaults {
  /** EIO of a read. */
  readonly readErrorRate: number;
  /** EIO of a write: some first part of it may have been written. */
  readonly writeErrorRate: number;
  /** EIO of a sync: some pages may have reached the device, the others count as clean from now on. */
  readonly syncErrorRate: number;
  /** EIO of creating, renaming or removing: nothing has happened. */
  readonly nameErrorRate: number;
  /** One call in so many takes `slowFactor` times as long. */
  readonly slowRate: number;
  readonly slowFactor: number;
  /** After a write the kernel starts writing back on its own: unsynced pages become stable early. */
  readonly writebackRate: number;
  /** Past this, writes that need new pages fail with no-space. */
  readonly bytesMax: number;
  readonly readLatency: Latency;
  readonly writeLatency: Latency;
  readonly syncLatency: Latency;
}

export const calmDisk: DiskFaults = {
  readErrorRate: 0,
  writeErrorRate: 0,
  syncErrorRate: 0,
  nameErrorRate: 0,
  slowRate: 0,
  slowFactor: 1,
  writebackRate: 0,
  bytesMax: Number.MAX_SAFE_INTEGER,
  readLatency: [20, 100],
  writeLatency: [20, 200],
  syncLatency: [100, 1000],
};

export interface LoopFaults {
  /** Longest turn of the event loop; what comes due within one turn shares one end of tick. */
  readonly turnMicrosMax: number;
  /** How late a timer may fire. */
  readonly timerLateMicrosMax: number;
  /** Per turn: the process stops for up to `stallMicrosMax` (collection, SIGSTOP, suspend). */
  readonly stallRate: number;
  readonly stallMicrosMax: number;
}

export const calmLoop: LoopFaults = {
  turnMicrosMax: 1,
  timerLateMicrosMax: 0,
  stallRate: 0,
  stallMicrosMax: 1000,
};

export interface ClockFaults {
  /** Mean time between jumps of the wall clock; 0 is never. */
  readonly jumpEveryMicros: number;
  /** Largest jump, either way. */
  readonly jumpMsMax: number;
}

export const calmClock: ClockFaults = { jumpEveryMicros: 0, jumpMsMax: 0 };

/** `kill` ends the process and leaves the page cache; `power` takes what was not synced with it. */
export type CrashKind = 'kill' | 'power';

export interface CrashFaults {
  /** Mean number of disk operations between crashes; 0 is never. */
  readonly operationsMean: number;
  /** The share of crashes that leave the page cache. */
  readonly killShare: number;
  /** Bits that rot while the power is off, in ranges which the scenario declares. */
  readonly flipsMax: number;
}

export const noCrashes: CrashFaults = { operationsMean: 0, killShare: 0, flipsMax: 0 };
