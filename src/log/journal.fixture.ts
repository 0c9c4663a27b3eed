/**
 * What tests of the journal share: a loop with a clock of its own, a state machine that keeps a tally,
 * and short ways to append and to read back.
 */
import { strict as assert } from 'node:assert';
import type { ByteWriter } from '../kernel/byte-writer.ts';
import { viewOf } from '../kernel/bytes.ts';
import type { Disk, LogFields, Ports, Scheduler, Timer } from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import { batchBaseOffset, batchNextOffset, batchSize } from '../record/batch.ts';
import { buildBatch } from '../record/batch-builder.ts';
import type { AppendView, EntryView } from './entry.ts';
import { Journal, type JournalOptions } from './journal.ts';
import type { ObjectHead, StateMachine } from './machine.ts';
import type { PartitionLog } from './partition-log.ts';
import { ReadPlan } from './read-plan.ts';

export const storeId: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => 16 - i);

/** Tasks and timers in virtual time. */
export class TestLoop implements Scheduler {
  #tasks: (() => void)[] = [];
  #timers: { at: number; task: () => void }[] = [];
  time = 0;
  /** Called right before each timer's task: what else may happen in that moment. */
  onTimer: () => void = () => {};

  endOfTick(task: () => void): void {
    this.#tasks.push(task);
  }

  nextSlice(task: () => void): void {
    this.#tasks.push(task);
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = { at: this.time + delayMs, task };
    this.#timers.push(timer);
    return {
      cancel: () =>
        this.#timers.splice(
          0,
          this.#timers.length,
          ...this.#timers.filter((each) => each !== timer),
        ),
    };
  }

  now(): number {
    return 1_700_000_000_000 + this.time;
  }

  monotonic(): number {
    return this.time;
  }

  /** Runs everything that is due, and what that makes due, but no timers. */
  run(): void {
    for (let turns = 0; this.#tasks.length > 0; turns++) {
      assert.ok(turns < 1_000_000, 'the loop comes to rest');
      const tasks = this.#tasks;
      this.#tasks = [];
      for (const task of tasks) task();
    }
  }

  /** Lets `ms` pass, timers included. */
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      this.run();
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      this.onTimer();
      next.task();
    }
    this.time = end;
  }
}

/** Sums what it is told; one object per kind of entry. */
export class TallyMachine implements StateMachine {
  readonly sums = new Map<number, { sum: number; lsn: number }>();
  appends = 0;
  readonly dead: (partition: number, first: number, last: number) => boolean;

  constructor(dead: (partition: number, first: number, last: number) => boolean = () => false) {
    this.dead = dead;
  }

  applyEntry(entry: EntryView): void {
    const tally = this.sums.get(entry.kind) ?? { sum: 0, lsn: 0 };
    if (entry.lsn <= tally.lsn) return;
    tally.sum += entry.view.getUint32(entry.start, true);
    tally.lsn = entry.lsn;
    this.sums.set(entry.kind, tally);
  }

  applyAppend(_append: AppendView): void {
    this.appends += 1;
  }

  objects(): { next(writer: ByteWriter): ObjectHead | null } {
    const kinds = [...this.sums.keys()];
    return {
      next: (writer) => {
        const kind = kinds.shift();
        if (kind === undefined) return null;
        const tally = this.sums.get(kind);
        writer.int32(tally?.sum ?? 0);
        return { type: kind, lsn: tally?.lsn ?? 0 };
      },
    };
  }

  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number): void {
    this.sums.set(type, { sum: viewOf(bytes).getInt32(start), lsn });
  }

  restored(): void {}

  isDead(partition: number, first: number, last: number): boolean {
    return this.dead(partition, first, last);
  }
}

export class TestJournal {
  readonly loop: TestLoop;
  readonly disk: Disk;
  readonly machine: TallyMachine;
  readonly journal: Journal;
  /** What was logged for somebody to look at. */
  readonly warnings: { readonly event: string; readonly fields: LogFields }[] = [];

  constructor(
    options: Partial<JournalOptions> = {},
    disk?: Disk,
    loop = new TestLoop(),
    machine = new TallyMachine(),
  ) {
    this.loop = loop;
    this.disk = disk ?? new RamDisk(loop, 1024 * 1024 * 1024);
    this.machine = machine;
    const ports: Ports = {
      clock: loop,
      scheduler: loop,
      random: { uint32: () => 4, fill: () => {} },
      offload: { run: () => assert.fail('the log offloads nothing') },
      disk: this.disk,
      logger: {
        ...silentLogger,
        warn: (event, fields = {}) => this.warnings.push({ event, fields }),
      },
    };
    const defaults: JournalOptions = { durability: 'fsync', segmentBytes: 1024 * 1024, storeId };
    this.journal = new Journal(ports, { ...defaults, ...options }, machine);
  }

  open(): this {
    let outcome: Error | null | undefined;
    this.journal.open((error) => {
      outcome = error;
    });
    this.loop.run();
    if (outcome instanceof Error) throw outcome;
    assert.equal(outcome, null, 'the journal opens');
    return this;
  }

  close(): void {
    let isClosed = false;
    this.journal.close((error) => {
      assert.equal(error, null);
      isClosed = true;
    });
    this.loop.run();
    assert.ok(isClosed, 'the journal closes');
  }

  /** A folder with the same content after kill -9, opened again. */
  restart(options: Partial<JournalOptions> = {}): TestJournal {
    return this.reopened(options).open();
  }

  reopened(options: Partial<JournalOptions> = {}): TestJournal {
    const loop = new TestLoop();
    loop.time = this.loop.time;
    const machine = new TallyMachine(this.machine.dead);
    return new TestJournal(options, copyDisk(this.disk, loop), loop, machine);
  }

  partition(id: number): PartitionLog {
    const partition = this.journal.partition(id);
    assert.ok(partition !== undefined, `partition ${id} exists`);
    return partition;
  }

  /** Appends one record of `size` bytes to `id`; commits nothing by itself. */
  append(id: number, value: string | Uint8Array): number {
    const bytes = buildBatch([
      {
        key: null,
        value: typeof value === 'string' ? new TextEncoder().encode(value) : value,
        headers: [],
        timestamp: this.loop.now(),
      },
    ]);
    return this.journal.appendBatch(
      this.partition(id),
      bytes,
      viewOf(bytes),
      0,
      bytes.length,
      null,
    );
  }

  /** Everything readable of `id` from `offset`, as base offsets and the batches' bytes. */
  read(id: number, offset: number): { offset: number; bytes: Uint8Array }[] {
    const found: { offset: number; bytes: Uint8Array }[] = [];
    const plan = new ReadPlan();
    let from = offset;
    for (let tries = 0; tries < 10_000; tries++) {
      const status = this.journal.plan(this.partition(id), from, 256 * 1024, plan, () => {});
      if (status === 'loading') {
        this.loop.run();
        continue;
      }
      if (plan.count === 0) return found;
      from = plan.nextOffset;
      splitBatches(this.copy(plan), found);
      plan.release();
    }
    assert.fail('reading comes to an end');
  }

  copy(plan: ReadPlan): Uint8Array {
    const target = new Uint8Array(plan.bytes);
    let at = 0;
    while (plan.bytesLeft > 0) {
      const count = plan.read(target, at, target.length - at, () => {});
      if (count === 0) this.loop.run();
      at += count;
    }
    return target;
  }
}

/** A disk with the same files. */
export function copyDisk(source: Disk, loop: TestLoop): Disk {
  const target = new RamDisk(loop, 1024 * 1024 * 1024);
  for (const directory of ['', 'segments', 'checkpoints']) {
    if (directory !== '') target.makeDirectory(directory);
    for (const name of source.list(directory)) {
      const path = directory === '' ? name : `${directory}/${name}`;
      if (path === 'segments' || path === 'checkpoints') continue;
      const file = source.open(path, { create: false });
      const bytes = new Uint8Array(file.size());
      file.readSync(bytes, 0, bytes.length, 0);
      target.open(path, { create: true }).writeSync([bytes], 0);
    }
  }
  return target;
}

function splitBatches(bytes: Uint8Array, target: { offset: number; bytes: Uint8Array }[]): void {
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; at += batchSize(view, at)) {
    const end = at + batchSize(view, at);
    target.push({ offset: batchBaseOffset(view, at), bytes: bytes.subarray(at, end) });
    assert.ok(batchNextOffset(view, at) > batchBaseOffset(view, at));
  }
}
