/**
 * The world: virtual time, what is going to happen in it, and the record of what did.
 *
 * Owns: the event loop of a simulation, the wall clock everybody shares, the trace.
 * Leaves: processes and their ports to `process.ts`, disks to `disk.ts`, faults to `faults.ts`.
 *
 * Invariants: virtual time never goes back and moves only between events. A run is a function of its
 * seed: whoever acts in it draws from `random` (by fork) and waits through `post`, nothing else.
 */
import { assert } from '../src/kernel/assert.ts';
import { EventHeap, type SimEvent } from './event-heap.ts';
import { SeededRandom } from './random.ts';
import { Trace } from './trace.ts';

/** What broke, and the seed that breaks it again. */
export class SimulationFailure extends Error {
  readonly seed: number;
  constructor(seed: number, atMicros: number, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`seed ${seed}, at ${atMicros} us: ${what}`, { cause });
    this.name = 'SimulationFailure';
    this.seed = seed;
  }
}

export interface RunLimits {
  /** Stop before the first event later than this, and let time get there. Virtual microseconds. */
  readonly untilMicros?: number;
  /** More events than this mean that something never ends: a failure. */
  readonly eventsMax?: number;
}

const EVENTS_MAX_DEFAULT = 50_000_000;

/** Wall time at the start of every world: 2026-01-01, plus up to a day by seed. */
const WALL_START_MS = Date.UTC(2026, 0, 1);

export class World {
  readonly seed: number;
  readonly random: SeededRandom;
  readonly trace = new Trace();
  /** Whole virtual microseconds since the start. */
  nowMicros = 0;
  /** Events that have run. */
  eventCount = 0;
  private readonly events = new EventHeap();
  private wallStartMs: number;
  private latestMs = 0;
  private lives = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.wallStartMs = WALL_START_MS + this.random.fork('wall').below(86_400_000);
  }

  /** Unix milliseconds as the machine believes; moved by `jumpWallClock`. */
  wallMs(): number {
    return Math.floor(this.wallStartMs + this.nowMicros / 1000);
  }

  /** The latest that the wall clock has ever shown. */
  latestWallMs(): number {
    return Math.max(this.latestMs, this.wallMs());
  }

  /** An operator, a leap or a bad time server: the wall clock is off by `deltaMs` from now on. */
  jumpWallClock(deltaMs: number): void {
    this.note('clock.jump', deltaMs);
    this.latestMs = this.latestWallMs();
    this.wallStartMs += deltaMs;
  }

  /** Runs `task` `delayMicros` from now, never within this call. */
  post(name: string, delayMicros: number, task: () => void): SimEvent {
    assert(delayMicros >= 0, 'nothing is posted to the past');
    return this.events.push(this.nowMicros + Math.floor(delayMicros), name, task);
  }

  cancel(event: SimEvent): void {
    this.events.cancel(event);
  }

  /** Puts something into the trace beyond the events themselves: contents, decisions. */
  note(name: string, first = 0, second = 0): void {
    this.trace.note(this.nowMicros, name, first, second);
  }

  /** A number for each process that starts, so that its randomness is its own. */
  nextLife(): number {
    return this.lives++;
  }

  /** Events that are still to come. */
  get pending(): number {
    return this.events.length;
  }

  /** Runs the next event. False when there is none. */
  step(): boolean {
    const event = this.events.pop();
    if (event === undefined) return false;
    assert(event.time >= this.nowMicros, 'time does not go back');
    this.nowMicros = event.time;
    this.eventCount++;
    this.trace.note(event.time, event.name);
    event.task();
    return true;
  }

  /**
   * Runs until nothing is left to happen, or until a limit.
   * @throws SimulationFailure around whatever an event threw.
   */
  run(limits: RunLimits = {}): void {
    const untilMicros = limits.untilMicros ?? Number.POSITIVE_INFINITY;
    const last = this.eventCount + (limits.eventsMax ?? EVENTS_MAX_DEFAULT);
    try {
      for (;;) {
        const next = this.events.peek();
        if (next === undefined || next.time > untilMicros) break;
        this.step();
        assert(this.eventCount <= last, 'the run comes to an end');
      }
    } catch (error) {
      throw new SimulationFailure(this.seed, this.nowMicros, error);
    }
    if (untilMicros !== Number.POSITIVE_INFINITY) {
      this.nowMicros = Math.max(this.nowMicros, untilMicros);
    }
  }

  /** Runs until `isDone`, which is asked after every event. False when all ended or time ran out. */
  runUntil(isDone: () => boolean, withinMicros: number): boolean {
    const deadline = this.nowMicros + withinMicros;
    try {
      while (!isDone()) {
        const next = this.events.peek();
        if (next === undefined || next.time > deadline) return false;
        this.step();
      }
    } catch (error) {
      throw new SimulationFailure(this.seed, this.nowMicros, error);
    }
    return true;
  }
}
