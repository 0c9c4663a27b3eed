/**
 * One seed: lives of the broker, one after the other on one disk, clients that never give up, and
 * checkers that miss nothing.
 *
 *   life, crash, life, crash … → (some seeds) rot: all damage is found, none is served
 *                              → (the others) faults end: everything comes right, space comes back
 *
 * Owns: the sequence. Leaves: what clients do and check to `clients/`, `audit.ts` and the histories.
 */
import { audit, reconcile } from './audit.ts';
import { Admin } from './clients/admin.ts';
import type { Client } from './clients/client.ts';
import { Consumer } from './clients/consumer.ts';
import { GroupMember } from './clients/group-member.ts';
import { FanOutProducer, PlainProducer, Publisher, SequencedProducer } from './clients/producer.ts';
import { Reader, TailReader } from './clients/reader.ts';
import { heal } from './heal.ts';
import { Life } from './life.ts';
import { promiseMended } from './mending.ts';
import { type Mistake, noMistake } from './mistakes.ts';
import { describeState, isAtRest, promiseReplay } from './replay-check.ts';
import { rot } from './rot.ts';
import { chooseEnding, chooseScenario, type Ending } from './scenario.ts';
import { Stage } from './stage.ts';
import { jumpWallClock } from './swarm.ts';
import { promise } from './violation.ts';
import { Volume } from './volume.ts';
import { SimulationFailure, World } from './world.ts';

/** More virtual time than any life needs, however slow its disk. */
const LIFE_MICROS_MAX = 3_600_000_000;
const REST_TRIES = 100;

export interface RunResult {
  readonly seed: number;
  readonly digest: string;
  readonly events: number;
  readonly micros: number;
  /** How often each thing happened, by name. */
  readonly counts: ReadonlyMap<string, number>;
  readonly failure: SimulationFailure | null;
  /** The last things that happened, for a failure's report. */
  readonly tail: string;
}

export function runSeed(seed: number, mistake: Mistake = noMistake): RunResult {
  const world = new World(seed);
  const uninstall = mistake.install?.();
  let failure: SimulationFailure | null = null;
  try {
    const chosen = chooseScenario(world.random);
    const scenario = mistake.tune?.(chosen) ?? chosen;
    new Run(new Stage(world, scenario, mistake)).run();
  } catch (error) {
    failure =
      error instanceof SimulationFailure
        ? error
        : new SimulationFailure(seed, world.nowMicros, error);
  } finally {
    uninstall?.();
  }
  return {
    seed,
    digest: world.trace.digest(),
    events: world.eventCount,
    micros: world.nowMicros,
    counts: world.trace.counts(),
    failure,
    tail: world.trace.tail(),
  };
}

class Run {
  private readonly stage: Stage;
  private readonly clients: Client[] = [];
  private wasClean = true;

  constructor(stage: Stage) {
    this.stage = stage;
    const { workload } = stage.scenario;
    const add = (count: number, make: (name: string) => Client): void => {
      for (let i = 0; i < count; i++) this.clients.push(make(`client ${this.clients.length}`));
    };
    add(1, (name) => new Admin(stage, name));
    add(workload.producers, (name) => new PlainProducer(stage, name));
    add(workload.sequencedProducers, (name) => new SequencedProducer(stage, name));
    add(workload.fanOutProducers, (name) => new FanOutProducer(stage, name));
    add(workload.publishers, (name) => new Publisher(stage, name));
    add(workload.tailReaders, (name) => new TailReader(stage, name));
    add(workload.readers, (name) => new Reader(stage, name));
    add(workload.consumers, (name) => new Consumer(stage, name));
    add(workload.groupMembers, (name) => new GroupMember(stage, name));
  }

  run(): void {
    const { stage } = this;
    const { scenario, world } = stage;
    const stopJumps = jumpWallClock(world, scenario.swarm.clock);
    const draw = stage.random.fork('endings');
    let volume = new Volume();
    for (let i = 0; i < scenario.lives; i++) {
      const ending = chooseEnding(scenario, draw);
      volume = this.live(volume, ending, (life) => this.lookAtRest(life));
    }
    stopJumps();
    stage.isHealing = true;
    if (scenario.rots) this.liveWithRot(volume);
    else this.liveWell(volume);
  }

  /** One life, until it is over. Returns what it leaves. */
  private live(volume: Volume, ending: Ending, more: (life: Life) => void): Volume {
    const { stage } = this;
    stage.isPaused = false;
    stage.bytesLeft = stage.scenario.bytesPerLife;
    stage.batchesLeft = stage.scenario.batchesPerLife;
    stage.world.note('life.started');
    const life = new Life(stage, volume, ending);
    life.start(() => {
      stage.world.note('life.opened');
      reconcile(life, this.wasClean);
      audit(life, () => undefined);
      for (const client of this.clients) client.connect(life);
      more(life);
    });
    stage.world.runUntil(() => life.survivors !== null, LIFE_MICROS_MAX);
    const { survivors } = life;
    promise(survivors !== null, 'a life ends');
    // A life that never came up changes nothing about the one before.
    this.wasClean = life.isOpen ? life.wasClean : this.wasClean && life.wasClean;
    if (life.wasClean) this.checkReplay(survivors, describeState(life.broker));
    return survivors;
  }

  private checkReplay(image: Volume, state: readonly string[]): void {
    promiseReplay(this.stage, image.afterKill(), state);
    this.stage.world.note('replay.compared', state.length);
  }

  /** Some time in the life: everybody waits until nothing is under way, and the state is compared. */
  private lookAtRest(life: Life): void {
    const { stage } = this;
    if (stage.scenario.durability !== 'fsync' || life.random.chance(0.5)) return;
    const { lifeMicros } = stage.scenario;
    let tries = 0;
    const look = (): void => {
      stage.isPaused = life.isServing && ++tries < REST_TRIES;
      if (!stage.isPaused) return;
      if (!isAtRest(life.broker)) return life.post('replay.due', 200, look);
      this.checkReplay(life.disk.durableImage(), describeState(life.broker));
      stage.isPaused = false;
    };
    life.post('replay.due', life.random.between(1, lifeMicros), look);
  }

  private liveWithRot(volume: Volume): void {
    const { stage } = this;
    const { segmentBytes } = stage.scenario;
    const paths = rot(volume, segmentBytes, stage.random.fork('rot'));
    if (paths.size === 0) return this.liveWell(volume);
    stage.rottenPaths = paths;
    stage.world.note('rot.flipped');
    promiseMended(stage, volume.afterKill());
    const ending = { kind: 'kill', operations: 0, afterMicros: 2_000_000 } as const;
    this.live(volume, ending, () => stage.world.note('rot.opened'));
  }

  private liveWell(volume: Volume): void {
    const ending = { kind: 'close', operations: 0, afterMicros: LIFE_MICROS_MAX / 2 } as const;
    const survivors = this.live(volume, ending, (life) => heal(life, this.clients));
    this.stage.isPaused = true;
    this.live(survivors, { kind: 'close', operations: 0, afterMicros: 1000 }, () => undefined);
  }
}
