/**
 * For tests: a broker on a disk in memory, with a loop and a clock that the test moves by hand.
 */

import { assert } from '../kernel/assert.ts';
import {
  type Clock,
  type Disk,
  DiskError,
  type DiskFile,
  type LogFields,
  type Logger,
  type Offload,
  type Ports,
  type Random,
  type Scheduler,
  type Timer,
} from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';
import { type BatchOptions, buildBatch, type RecordInput } from '../record/batch-builder.ts';
import { decompress } from '../record/compression/index.ts';
import { Broker } from './broker.ts';
import type { Partition, Topic } from './catalog/topic.ts';
import { type BrokerOptions, defaultBrokerOptions } from './options.ts';
import { AppendOutcome } from './outcomes.ts';

interface TestTimer {
  readonly at: number;
  readonly task: () => void;
  isCancelled: boolean;
}

/** Runs nothing by itself: `settle` runs what is ready, `advance` moves the time. */
export class TestLoop implements Scheduler, Clock, Offload {
  /** Unix ms. */
  wall = 1_800_000_000_000;
  offloaded = 0;
  #elapsed = 0;
  #ready: (() => void)[] = [];
  #timers: TestTimer[] = [];

  now(): number {
    return this.wall;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  endOfTick(task: () => void): void {
    this.#ready.push(task);
  }

  nextSlice(task: () => void): void {
    this.#ready.push(task);
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = { at: this.#elapsed + delayMs, task, isCancelled: false };
    this.#timers.push(timer);
    return {
      cancel: () => {
        timer.isCancelled = true;
      },
    };
  }

  run(
    task: string,
    input: Uint8Array,
    parameters: readonly number[],
    done: (error: Error | null, output: Uint8Array | null) => void,
  ): void {
    assert(task === 'decompress', 'the only task that the broker has');
    const [codec = 0, limit = 0] = parameters;
    const copy = input.slice();
    this.offloaded++;
    this.endOfTick(() => done(null, decompress(codec, copy, 0, copy.length, limit)));
  }

  /** Runs what is ready now, not what that makes ready. */
  turn(): void {
    const tasks = this.#ready;
    this.#ready = [];
    for (const task of tasks) task();
  }

  settle(): void {
    for (let turns = 0; this.#ready.length > 0; turns++) {
      assert(turns < 100_000, 'the loop comes to rest');
      this.turn();
    }
  }

  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      this.settle();
      const due = this.#timers.filter((timer) => !timer.isCancelled && timer.at <= end);
      const next = due.sort((left, right) => left.at - right.at)[0];
      if (next === undefined) break;
      this.#move(next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.task();
    }
    this.#move(end);
  }

  /** What was going to happen will not: the process is dead. */
  kill(): void {
    this.#ready = [];
    this.#timers = [];
  }

  #move(elapsed: number): void {
    this.wall += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }
}

export class TestRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.uint32();
  }

  below(limit: number): number {
    return this.uint32() % limit;
  }
}

export interface LoggedEvent {
  readonly event: string;
  readonly fields: LogFields;
}

/** A data folder that outlives the brokers opened on it, one after the other. */
export class TestBench {
  readonly loop = new TestLoop();
  readonly logged: LoggedEvent[] = [];
  readonly #disk: RamDisk;
  readonly #random: TestRandom;
  readonly #options: BrokerOptions;
  #isBroken = false;

  /** `diskScheduler`: when the disk calls back; with the loop if left out. */
  constructor(
    options: Partial<BrokerOptions> = {},
    bytesMax = 64 * 1024 * 1024,
    diskScheduler: Scheduler | null = null,
  ) {
    this.#disk = new RamDisk(diskScheduler ?? this.loop, bytesMax);
    this.#random = new TestRandom(1);
    const clusterId = 'AAAAAAAAAAAAAAAAAAAAAA';
    this.#options = { ...defaultBrokerOptions, clusterId, ...options };
  }

  /** `checkpointBytes`: journal growth after which a checkpoint is due. */
  open(checkpointBytes?: number): Broker {
    const broker = new Broker(this.#ports(), this.#options, {
      durability: 'fsync',
      segmentBytes: 1024 * 1024,
      storeId: new Uint8Array(16).fill(7),
      ...(checkpointBytes === undefined ? {} : { checkpointBytes }),
    });
    let isOpen = false;
    broker.open((error) => {
      if (error !== null) throw error;
      isOpen = true;
    });
    this.loop.settle();
    assert(isOpen, 'the broker has opened');
    return broker;
  }

  close(broker: Broker): void {
    let isClosed = false;
    broker.close((error) => {
      if (error !== null) throw error;
      isClosed = true;
    });
    this.loop.settle();
    assert(isClosed, 'the broker has closed');
    this.loop.kill();
  }

  /** The process dies where it stands; what was written stays. */
  crash(): void {
    this.loop.kill();
  }

  /** From now on every write fails. */
  breakDisk(): void {
    this.#isBroken = true;
  }

  /** The disk, whose files fail to write once it is broken. */
  #brittleDisk(): Disk {
    const disk = this.#disk;
    const isBroken = (): boolean => this.#isBroken;
    return new Proxy(disk, {
      get(target, name) {
        if (name !== 'open') return bound(target, name);
        return (path: string, options: { readonly create: boolean }) =>
          brittleFile(target.open(path, options), isBroken);
      },
    });
  }

  #ports(): Ports {
    const { loop } = this;
    return {
      clock: loop,
      random: this.#random,
      scheduler: loop,
      offload: loop,
      disk: this.#brittleDisk(),
      logger: this.#logger(),
    };
  }

  #logger(): Logger {
    const log = (event: string, fields: LogFields = {}): void => {
      this.logged.push({ event, fields });
    };
    return { child: () => this.#logger(), debug: log, info: log, warn: log, error: log };
  }
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}

function brittleFile(file: DiskFile, isBroken: () => boolean): DiskFile {
  return new Proxy(file, {
    get(target, name) {
      if (name === 'writeSync' && isBroken()) {
        return () => {
          throw new DiskError('io', target.path, 'the disk is broken');
        };
      }
      return bound(target, name);
    },
  });
}

export function createTopic(
  broker: Broker,
  name: string,
  options: Readonly<Record<string, string>> = {},
  partitions = 1,
): Topic {
  const outcome = broker.createTopic({
    name,
    partitions,
    replicationFactor: -1,
    options: new Map(Object.entries(options)),
    validateOnly: false,
  });
  assert(outcome.error === null, `a topic is created: ${outcome.error} ${outcome.detail}`);
  assert(outcome.topic !== null, 'a created topic is there');
  return outcome.topic;
}

export function partitionOf(topic: Topic, index = 0): Partition {
  const partition = topic.partitions[index];
  assert(partition !== undefined, 'the topic has the partition');
  return partition;
}

/** Records with these timestamps, and values that tell them apart. */
export function recordsAt(...timestamps: number[]): RecordInput[] {
  return timestamps.map((timestamp, i) => ({
    key: null,
    value: new Uint8Array([i]),
    timestamp,
  }));
}

export function appendBatch(
  broker: Broker,
  partition: Partition,
  records: readonly RecordInput[],
  options: BatchOptions = {},
): AppendOutcome {
  return appendBytes(broker, partition, buildBatch(records, options));
}

export function appendBytes(
  broker: Broker,
  partition: Partition,
  bytes: Uint8Array,
): AppendOutcome {
  const outcome = new AppendOutcome();
  broker.append(partition, bytes, 0, bytes.length, null, outcome);
  return outcome;
}
