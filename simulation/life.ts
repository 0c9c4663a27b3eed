/**
 * One life of the broker: a process, its disk, and the broker in it, from start to whatever ends it.
 *
 * Owns: wiring the broker to simulated ports, the end of the life, which errors are excused in it.
 * Leaves: what clients do meanwhile to `clients/`, what comes after to `run.ts`.
 */
import { Broker, type BrokerOptions, defaultBrokerOptions } from '../src/broker/index.ts';
import { decompressTask } from '../src/broker/queues/record-source.ts';
import type { BrokerErrorCode } from '../src/kernel/errors.ts';
import { BrokerError } from '../src/kernel/errors.ts';
import { decompress } from '../src/record/compression/index.ts';
import { SimDisk } from './disk.ts';
import { type CrashKind, calmDisk, calmLoop } from './faults.ts';
import { type OffloadTasks, SimProcess } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { Ending, Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';
import { promise } from './violation.ts';
import type { Volume } from './volume.ts';

const storeId: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => 100 + i);
const clusterId = 'c2ltdWxhdGlvbi1jbHVzdA';
/** Longer than any sum of slow calls: what takes so long never comes. */
const PATIENCE_MICROS = 300_000_000;

export const offloadTasks: OffloadTasks = {
  [decompressTask]: (input, [codec = 0, limit = 0]) =>
    decompress(codec, input, 0, input.length, limit),
};

/** The journal's knobs, drawn anew for each life: no promise depends on them. */
export function journalOptions(scenario: Scenario, draw: SeededRandom) {
  return {
    durability: scenario.durability,
    segmentBytes: scenario.segmentBytes,
    storeId,
    armedSegments: draw.between(1, 3),
    checkpointBytes: draw.pick([128 * 1024, 512 * 1024, 4 * 1024 * 1024]),
    coldChunks: draw.pick([2, 4, 16]),
  };
}

export function brokerOptions(scenario: Scenario, draw: SeededRandom): BrokerOptions {
  return {
    ...defaultBrokerOptions,
    clusterId,
    autoCreateTopics: false,
    defaultPartitions: draw.between(1, 3),
    topicDefaults: new Map([
      ['retention.ms', '-1'],
      // The clock jumps: a batch sent again may be from what is the future now.
      ['message.timestamp.after.max.ms', '9223372036854775807'],
    ]),
    retentionCheckMs: draw.pick([20, 200, 2000]),
    // Forgetting a producer forgets what it sent: duplicates would be right then.
    producerExpiryMs: scenario.producerExpiryMs || Number.MAX_SAFE_INTEGER,
    nodeId: scenario.lives,
    groupInitialRebalanceDelayMs: draw.fork('groups').pick([0, 2, 20]),
    groupSessionTimeoutMsMin: 1,
    groupMaxSize: 3,
    // What is forgotten after a time cannot be checked: the clock jumps.
    offsetsRetentionMs: Number.MAX_SAFE_INTEGER,
    offsetsRetentionCheckMs: 365 * 86_400_000,
  };
}

export class Life {
  readonly stage: Stage;
  readonly process: SimProcess;
  readonly disk: SimDisk;
  readonly broker: Broker;
  readonly random: SeededRandom;
  /** What the next start finds; null while this life lasts. */
  survivors: Volume | null = null;
  isOpen = false;
  isClosing = false;
  wasClean = false;
  openError: BrokerError | null = null;
  private readonly ending: Ending;
  private readonly openedAt: number;

  constructor(stage: Stage, volume: Volume, ending: Ending) {
    const { world, scenario, isHealing, mistake } = stage;
    this.stage = stage;
    this.ending = ending;
    this.openedAt = world.nowMicros;
    const faults = isHealing ? calmLoop : scenario.swarm.loop;
    this.process = new SimProcess(world, 'broker', { faults, tasks: offloadTasks });
    this.random = this.process.random.fork('life');
    this.disk = new SimDisk(this.process, volume, isHealing ? calmDisk : scenario.swarm.disk);
    const disk = mistake.wrapDisk?.(this.disk, this.process) ?? this.disk;
    this.broker = new Broker(
      this.process.ports(disk),
      brokerOptions(scenario, this.random),
      journalOptions(scenario, this.random),
    );
    mistake.wrapBroker?.(this.broker);
  }

  /** Nothing that comes from this life counts any more. */
  get isOver(): boolean {
    return !this.process.isAlive;
  }

  get isServing(): boolean {
    return this.isOpen && !this.isClosing && !this.isOver && this.broker.fault === null;
  }

  /** Starts; `onOpen` is called if it comes up. */
  start(onOpen: () => void): void {
    const { operations, kind, afterMicros } = this.ending;
    if (operations > 0 && kind !== 'close') {
      this.disk.crashAfter(operations, kind, (survivors) => this.over(survivors));
    }
    this.process.post('life.time_up', afterMicros, () => this.endNow());
    this.broker.onFault((error) => this.fenced(error));
    this.broker.open((error) => {
      if (this.isOver) return;
      if (error === null) {
        this.isOpen = true;
        return onOpen();
      }
      promise(error instanceof BrokerError, `the broker does not open: ${error.message}`);
      this.openError = error;
      this.promiseExcused(error.code, `the broker does not open: ${error.message}`);
      this.promiseNamed(error);
      this.stage.world.note('life.not_opened');
      this.crash('kill');
    });
  }

  /** Calls back once the answer may leave: never, when the life ends before. */
  answer(lsn: number, done: (error: BrokerError | null) => void): void {
    this.broker.commits.when(lsn, (error) => {
      if (!this.isOver) done(error);
    });
  }

  /** An answer that was computed from state: with the right planted bug, it does not wait. */
  answerFromState(lsn: number, done: (error: BrokerError | null) => void): void {
    if (this.stage.mistake.answersAtOnce === true) done(null);
    else this.answer(lsn, done);
  }

  /** In this life, `micros` from now. */
  post(name: string, micros: number, task: () => void): void {
    this.process.post(name, micros, task);
  }

  /** Fails unless something that was done to this life explains the error. */
  promiseExcused(code: BrokerErrorCode, what: string): void {
    promise(this.isExcused(code), `${what} (${code})`);
  }

  private isExcused(code: BrokerErrorCode): boolean {
    const { disk } = this;
    switch (code) {
      case 'fenced':
        return this.broker.fault !== null;
      case 'draining':
        return this.isClosing;
      case 'storage_full':
        return disk.faults.bytesMax < calmDisk.bytesMax;
      case 'storage_failed':
        return this.hasDiskErrors;
      case 'storage_damaged':
        return this.stage.rottenPaths.size > 0;
      default:
        return false;
    }
  }

  /** Damage is reported with the file in which it is. */
  private promiseNamed(error: BrokerError): void {
    if (error.code !== 'storage_damaged') return;
    const paths = [...this.stage.rottenPaths];
    const isNamed = paths.some((path) => error.message.includes(path));
    promise(isNamed, `damage in ${paths.join()} is reported as: ${error.message}`);
    this.stage.world.note('rot.refused');
  }

  get hasDiskErrors(): boolean {
    const { readErrorRate, writeErrorRate, syncErrorRate, nameErrorRate } = this.disk.faults;
    return readErrorRate + writeErrorRate + syncErrorRate + nameErrorRate > 0;
  }

  /** A clean end, or a crash. */
  endNow(): void {
    const { kind } = this.ending;
    const canClose = this.isOpen && this.broker.fault === null;
    if (kind !== 'close') return this.crash(kind);
    if (canClose) return this.close();
    if (this.isOpen) return this.crash('kill');
    const waited = this.stage.world.nowMicros - this.openedAt;
    // Nobody stops a broker that has not come up, unless it never does.
    const isStuck = waited > PATIENCE_MICROS;
    promise(!isStuck || this.isExcused('storage_full'), 'the broker comes up or says why not');
    if (isStuck) return this.crash('kill');
    this.post('life.time_up', 1_000_000, () => this.endNow());
  }

  close(): void {
    this.isClosing = true;
    this.stage.world.note('life.closing');
    this.broker.close((error) => {
      if (this.isOver) return;
      // What was never answered may be without a place on a full disk.
      const isFull = error instanceof BrokerError && error.code === 'storage_full';
      const isExcused =
        error === null ||
        this.broker.fault !== null ||
        this.hasDiskErrors ||
        (isFull && this.isExcused('storage_full'));
      promise(isExcused, `closing failed: ${error?.message}`);
      this.wasClean = error === null;
      if (this.wasClean) this.stage.world.note('life.closed');
      this.crash(this.random.chance(0.5) ? 'kill' : 'power');
    });
    this.post('life.close_due', PATIENCE_MICROS, () => {
      promise(this.isExcused('storage_full') || this.broker.fault !== null, 'closing ends');
      this.crash('kill');
    });
  }

  private fenced(error: BrokerError): void {
    if (this.isOver) return;
    const isExcused = this.hasDiskErrors && error.code === 'storage_failed';
    promise(isExcused, `the broker fenced itself: ${error.message}`);
    // The process exits at once, or an embedding program lets it stand for a while.
    const micros = this.random.pick([1, 1000, 3_000_000]);
    const isPower = this.stage.scenario.durability === 'fsync' && this.random.chance(0.3);
    this.post('life.fenced', micros, () => this.crash(isPower ? 'power' : 'kill'));
  }

  crash(kind: CrashKind): void {
    // Without a sync nothing is promised past the page cache.
    const isSafe = this.stage.scenario.durability === 'fsync' || this.wasClean;
    this.over(this.disk.crash(isSafe ? kind : 'kill'));
  }

  private over(survivors: Volume): void {
    this.survivors = survivors;
  }
}
