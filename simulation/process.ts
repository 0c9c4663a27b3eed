/**
 * One life of one simulated process: its loop, its clock, its randomness, its offload and its log.
 *
 * Owns: the ports that are not the disk or the network, and their death.
 * Leaves: the disk to `disk.ts`; which faults are on to `faults.ts`.
 *
 * Invariant: after `end` nothing of this life runs any more: no tick, timer, completion or offloaded
 * result. A restart is a new SimProcess.
 *
 * The loop: a turn begins with the first `endOfTick` and lasts `turnMicros`; all that comes due in it
 * is handled before its tasks run, as when several sockets are ready in one turn of a real loop.
 * Tasks added by these tasks belong to the next turn.
 */
import { assert } from '../src/kernel/assert.ts';
import type {
  Clock,
  Disk,
  LogFields,
  Logger,
  Offload,
  Ports,
  Scheduler,
  Timer,
} from '../src/kernel/ports.ts';
import { calmLoop, type LoopFaults } from './faults.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

export interface LogLine {
  readonly atMicros: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

/** Pure functions that stand for what workers do. */
export type OffloadTasks = Readonly<
  Record<string, (input: Uint8Array, parameters: readonly number[]) => Uint8Array>
>;

const LOG_LINES_MAX = 2000;

export class SimProcess implements Scheduler, Clock, Offload {
  readonly world: World;
  readonly name: string;
  readonly random: SeededRandom;
  readonly log: LogLine[] = [];
  isAlive = true;
  private readonly loopRandom: SeededRandom;
  private readonly faults: LoopFaults;
  private readonly tasks: OffloadTasks;
  private ticks: (() => void)[] = [];
  private stalledUntil = 0;
  private readonly runTicks = (): void => this.runTurn();

  constructor(
    world: World,
    name: string,
    options: { readonly faults?: LoopFaults; readonly tasks?: OffloadTasks } = {},
  ) {
    this.world = world;
    this.name = name;
    const random = world.random.fork(`process ${name} ${world.nextLife()}`);
    this.random = random.fork('port');
    this.loopRandom = random.fork('loop');
    this.faults = options.faults ?? calmLoop;
    this.tasks = options.tasks ?? {};
  }

  ports(disk: Disk): Ports {
    const logger = this.logger();
    return { clock: this, random: this.random, scheduler: this, offload: this, disk, logger };
  }

  /** The process is gone: killed, or without power. */
  end(): void {
    this.isAlive = false;
    this.ticks = [];
  }

  /** A long garbage collection, a SIGSTOP, a suspended laptop: nothing of this process runs. */
  stall(micros: number): void {
    this.world.note('process.stall', micros);
    this.stalledUntil = Math.max(this.stalledUntil, this.world.nowMicros + micros);
  }

  /** Runs `task` in this process, `delayMicros` from now at the earliest; never after its end. */
  post(name: string, delayMicros: number, task: () => void): Timer {
    const { world } = this;
    let event = world.post(name, delayMicros, run);
    const self = this;
    function run(): void {
      if (!self.isAlive) return;
      const wait = self.stalledUntil - world.nowMicros;
      if (wait > 0) event = world.post(name, wait, run);
      else task();
    }
    return { cancel: () => world.cancel(event) };
  }

  now(): number {
    return this.world.wallMs();
  }

  monotonic(): number {
    return this.world.nowMicros / 1000;
  }

  endOfTick(task: () => void): void {
    if (!this.isAlive) return;
    if (this.ticks.push(task) === 1) {
      this.post(
        'process.tick',
        this.loopRandom.between(1, this.faults.turnMicrosMax),
        this.runTicks,
      );
    }
  }

  nextSlice(task: () => void): void {
    if (!this.isAlive) return;
    this.post('process.slice', this.loopRandom.between(1, this.faults.turnMicrosMax), task);
  }

  after(delayMs: number, task: () => void): Timer {
    if (!this.isAlive) return deadTimer;
    assert(!Number.isNaN(delayMs), 'a delay is a number');
    const late = this.loopRandom.below(this.faults.timerLateMicrosMax + 1);
    return this.post('process.timer', Math.max(1, delayMs) * 1000 + late, task);
  }

  run(
    task: string,
    input: Uint8Array,
    parameters: readonly number[],
    done: (error: Error | null, output: Uint8Array | null) => void,
  ): void {
    if (!this.isAlive) return;
    const copy = input.slice();
    const body = this.tasks[task];
    const micros = this.loopRandom.between(10, 5000);
    this.post('process.offload', micros, () => {
      if (body === undefined) return done(new Error(`no such task: ${task}`), null);
      let output: Uint8Array;
      try {
        output = body(copy, parameters);
      } catch (error) {
        // A real worker catches whatever its task throws, and sends it back.
        return done(error instanceof Error ? error : new Error(String(error)), null);
      }
      done(null, output);
    });
  }

  private runTurn(): void {
    const tasks = this.ticks;
    this.ticks = [];
    for (const task of tasks) if (this.isAlive) task();
    if (this.loopRandom.chance(this.faults.stallRate)) {
      this.stall(this.loopRandom.between(1000, this.faults.stallMicrosMax));
    }
  }

  private logger(bound: LogFields = {}): Logger {
    const write =
      (level: LogLine['level']) =>
      (event: string, fields: LogFields = {}): void => {
        if (!this.isAlive) return;
        this.world.note(event);
        if (this.log.length === LOG_LINES_MAX) this.log.shift();
        const line = { ...bound, ...fields };
        this.log.push({ atMicros: this.world.nowMicros, level, event, fields: line });
      };
    return {
      child: (fields) => this.logger({ ...bound, ...fields }),
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
  }
}

const deadTimer: Timer = { cancel: () => undefined };
