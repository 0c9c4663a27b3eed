/**
 * Planted bugs: what a broker that is wrong in one way would do, put in from outside.
 *
 * Owns: the six mistakes, each as a wrapper around a port, an object or a client. The product has no
 * switch for any of them. Leaves: finding them to the checkers.
 */
import type { Broker } from '../src/broker/index.ts';
import { equalBytes } from '../src/kernel/bytes.ts';
import type { Disk, DiskDone, DiskFile } from '../src/kernel/ports.ts';
import { Segment } from '../src/log/segment.ts';
import { DiskFileProxy, DiskProxy } from './disk-proxy.ts';
import { calmDisk, calmLoop, noCrashes } from './faults.ts';
import type { SimProcess } from './process.ts';
import type { Scenario } from './scenario.ts';

export interface Mistake {
  readonly name: string;
  wrapDisk?(disk: Disk, process: SimProcess): Disk;
  wrapBroker?(broker: Broker): void;
  /** Answers computed from state leave before that state is committed. */
  readonly answersAtOnce?: boolean;
  /** Makes for seeds in which it shows soon; the promises hold there too. */
  tune?(scenario: Scenario): Scenario;
  /** Changes what all brokers share, until the function returned is called. */
  install?(): () => void;
}

export const noMistake: Mistake = { name: 'none' };

const HASTE_MICROS = 1;

/** Short lives with little in them: many crashes a second. */
function brief(scenario: Scenario): Scenario {
  const { swarm, workload } = scenario;
  return {
    ...scenario,
    durability: 'fsync',
    rots: false,
    lifeMicros: Math.min(scenario.lifeMicros, 100_000),
    bytesPerLife: 512 * 1024,
    batchesPerLife: 200,
    swarm: {
      ...swarm,
      disk: { ...calmDisk, writebackRate: swarm.disk.writebackRate },
      loop: calmLoop,
      crash: { operationsMean: 100, killShare: 0.2, flipsMax: 0 },
    },
    workload: { ...workload, consumers: Math.min(1, workload.consumers), thinkMicros: 500 },
  };
}

/** Readers that take their time, and segments that do not live long. */
function sluggish(scenario: Scenario): Scenario {
  const { swarm, workload } = scenario;
  return {
    ...scenario,
    durability: 'fsync',
    rots: false,
    lives: 2,
    lifeMicros: 1_000_000,
    bytesPerLife: 6 * 1024 * 1024,
    batchesPerLife: 1000,
    kinds: ['size', 'time'],
    retentionMs: 20,
    retentionBytes: 64 * 1024,
    swarm: { ...swarm, disk: calmDisk, loop: calmLoop, crash: noCrashes },
    workload: {
      ...workload,
      producers: 2,
      consumers: 0,
      readers: 3,
      thinkMicros: 2000,
      recordsMax: 4,
      valueBytesMax: 30_000,
      deleteRate: 0.1,
    },
  };
}

class HastyFile extends DiskFileProxy {
  private readonly process: SimProcess;

  constructor(inner: DiskFile, process: SimProcess) {
    super(inner);
    this.process = process;
  }

  override datasync(done: DiskDone): void {
    super.datasync(() => undefined);
    this.process.post('mistake', HASTE_MICROS, () => done(null));
  }
}

class HastyDisk extends DiskProxy {
  private readonly process: SimProcess;

  constructor(inner: Disk, process: SimProcess) {
    super(inner);
    this.process = process;
  }

  override open(path: string, options: { readonly create: boolean }): DiskFile {
    return new HastyFile(super.open(path, options), this.process);
  }
}

/** Acknowledges while the sync is still under way. */
export const answersBeforeSync: Mistake = {
  name: 'answers before the sync',
  wrapDisk: (disk, process) => new HastyDisk(disk, process),
  tune: brief,
};

/** "There is one already", "that was appended before", "settled": said before it is committed. */
export const answersUncommitted: Mistake = {
  name: 'answers from uncommitted state',
  answersAtOnce: true,
  tune: (scenario) => {
    const tuned = brief(scenario);
    // Commits take long and crashes come often: what is said too early is taken back soon.
    const disk = { ...tuned.swarm.disk, syncLatency: [5_000, 20_000] as const };
    const crash = { ...tuned.swarm.crash, operationsMean: 60 };
    return {
      ...tuned,
      lives: 7,
      kinds: ['keep'],
      topicsMax: 1,
      swarm: { ...tuned.swarm, disk, crash },
      workload: { ...tuned.workload, sequencedProducers: 1, consumers: 4, deleteRate: 0 },
    };
  },
};

class NamelessDisk extends DiskProxy {
  private readonly process: SimProcess;

  constructor(inner: Disk, process: SimProcess) {
    super(inner);
    this.process = process;
  }

  override syncDirectory(_directory: string, done: DiskDone): void {
    this.process.post('mistake', HASTE_MICROS, () => done(null));
  }
}

/** Renames and goes on, as if the name were on the device. */
export const renamesWithoutSync: Mistake = {
  name: 'renames without syncing the directory',
  wrapDisk: (disk, process) => new NamelessDisk(disk, process),
  tune: brief,
};

class TrustingFile extends DiskFileProxy {
  override writeSync(parts: readonly Uint8Array[], position: number): void {
    const [part] = parts;
    if (parts.length === 1 && part !== undefined && this.holds(part, position)) return;
    super.writeSync(parts, position);
  }

  private holds(part: Uint8Array, position: number): boolean {
    const found = new Uint8Array(part.length);
    return (
      this.inner.readSync(found, 0, found.length, position) === found.length &&
      equalBytes(found, part)
    );
  }
}

class TrustingDisk extends DiskProxy {
  override open(path: string, options: { readonly create: boolean }): DiskFile {
    const file = super.open(path, options);
    return path.endsWith('.seg') ? new TrustingFile(file) : file;
  }
}

/** What it reads at the start is taken to be on the device: nothing is written that is there already. */
export const exposesFoundTail: Mistake = {
  name: 'exposes the recovered tail without rewriting it',
  wrapDisk: (disk) => new TrustingDisk(disk),
  // A sync that fails leaves in the page cache what no later sync writes.
  tune: (scenario) => {
    const tuned = brief(scenario);
    const disk = { ...calmDisk, syncErrorRate: 0.03 };
    return { ...tuned, lives: 7, swarm: { ...tuned.swarm, disk } };
  },
};

/** `apply` asks the configuration, which is another one at the next start. */
export const appliesByConfig: Mistake = {
  name: 'reads the configuration in apply',
  wrapBroker: (broker) => {
    const { state } = broker.replayed;
    const { applyAppend } = state;
    state.applyAppend = (append) => {
      if (broker.options.defaultPartitions > 1) applyAppend.call(state, append);
    };
  },
  tune: (scenario) => {
    const tuned = brief(scenario);
    return { ...tuned, workload: { ...tuned.workload, sequencedProducers: 2 } };
  },
};

/** Nobody's pins count: a file is used again while somebody reads it. */
export const recyclesUnderReaders: Mistake = {
  name: 'recycles a segment under a reader',
  tune: sluggish,
  install: () => {
    const pins = Object.getOwnPropertyDescriptor(Segment.prototype, 'pins');
    Object.defineProperty(Segment.prototype, 'pins', { configurable: true, get: () => 0 });
    return () => {
      if (pins !== undefined) Object.defineProperty(Segment.prototype, 'pins', pins);
    };
  },
};

export const mistakes: readonly Mistake[] = [
  answersBeforeSync,
  answersUncommitted,
  renamesWithoutSync,
  exposesFoundTail,
  appliesByConfig,
  recyclesUnderReaders,
];
