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
import type { SimProcess } from './process.ts';

export interface Mistake {
  readonly name: string;
  wrapDisk?(disk: Disk, process: SimProcess): Disk;
  wrapBroker?(broker: Broker): void;
  /** Answers computed from state leave before that state is committed. */
  readonly answersAtOnce?: boolean;
  /** Changes what all brokers share, until the function returned is called. */
  install?(): () => void;
}

export const noMistake: Mistake = { name: 'none' };

const HASTE_MICROS = 1;

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
};

/** "There is one already", "that was appended before", "settled": said before it is committed. */
export const answersUncommitted: Mistake = {
  name: 'answers from uncommitted state',
  answersAtOnce: true,
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
};

/** `apply` asks the configuration, which is another one at the next start. */
export const appliesByConfig: Mistake = {
  name: 'apply reads the configuration',
  wrapBroker: (broker) => {
    const { state } = broker.replayed;
    const { applyAppend } = state;
    state.applyAppend = (append) => {
      if (broker.options.defaultPartitions > 1) applyAppend.call(state, append);
    };
  },
};

/** Nobody's pins count: a file is used again while somebody reads it. */
export const recyclesUnderReaders: Mistake = {
  name: 'recycles a segment under a reader',
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
