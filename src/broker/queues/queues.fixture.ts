/**
 * What tests of queues share: queues over a real journal on a disk in memory, in virtual time.
 */
import { strict as assert } from 'node:assert';
import { viewOf } from '../../kernel/bytes.ts';
import type { Ports } from '../../kernel/ports.ts';
import { RamDisk } from '../../kernel/ram-disk.ts';
import { silentLogger } from '../../kernel/silent-logger.ts';
import { TestLoop } from '../../log/journal.fixture.ts';
import { Journal } from '../../log/journal.ts';
import type { StateMachine } from '../../log/machine.ts';
import { ReadPlan } from '../../log/read-plan.ts';
import { buildBatch } from '../../record/batch-builder.ts';
import { decompress } from '../../record/compression/index.ts';
import type { RecordHeader } from '../../record/records.ts';
import { copyDelivery, type DeliveredRecord } from './delivery.ts';
import type { ConsumerHandler } from './live-queue.ts';
import type { Queue } from './queue.ts';
import type { QueueConsumer } from './queue-consumer.ts';
import { type ConsumeOptions, QueueService, type QueueStart } from './queue-service.ts';
import { Queues } from './queues.ts';
import { decompressTask } from './record-source.ts';

const storeId: Uint8Array = new Uint8Array(16).fill(9);
const diskBytes = 1024 * 1024 * 1024;
export const topicId = 7;

type Codec = 0 | 1 | 2 | 3;

/** A consumer that keeps what it gets. */
export class TestConsumer implements ConsumerHandler {
  readonly got: DeliveredRecord[] = [];
  readonly expired: number[] = [];
  isCancelled = false;
  handle: QueueConsumer | null = null;
  /** Called with each delivery, before `onDelivery` returns. */
  onRecord: (record: DeliveredRecord) => void = () => {};

  onDelivery(delivery: Parameters<ConsumerHandler['onDelivery']>[0]): void {
    const record = copyDelivery(delivery);
    this.got.push(record);
    this.onRecord(record);
  }

  onCancelled(): void {
    this.isCancelled = true;
  }

  onLeaseExpired(_partition: number, offset: number): void {
    this.expired.push(offset);
  }

  get calls(): QueueConsumer {
    assert.ok(this.handle !== null, 'the consumer consumes');
    return this.handle;
  }

  get offsets(): number[] {
    return this.got.map((record) => record.offset);
  }

  /** What came since the last call. */
  take(): DeliveredRecord[] {
    return this.got.splice(0);
  }

  takeOffsets(): number[] {
    return this.take().map((record) => record.offset);
  }
}

export interface TestOptions {
  readonly checkpointBytes?: number;
  readonly partitions?: readonly number[];
  readonly isUntilSettled?: boolean;
  /** Reads come through late now and then, and say so once or twice. */
  readonly hasSlowReads?: boolean;
}

export class TestQueues {
  readonly loop: TestLoop;
  readonly disk: RamDisk;
  readonly queues = new Queues();
  readonly journal: Journal;
  readonly service: QueueService;
  readonly options: TestOptions;
  /** Offload calls seen. */
  offloaded = 0;

  constructor(options: TestOptions = {}, disk: RamDisk | null = null, loop = new TestLoop()) {
    this.options = options;
    this.loop = loop;
    this.disk = disk ?? new RamDisk(loop, diskBytes);
    const ports = this.makePorts();
    this.queues.useRetention(() => options.isUntilSettled ?? true);
    const journalOptions = {
      durability: 'fsync',
      segmentBytes: 1024 * 1024,
      storeId,
      ...(options.checkpointBytes === undefined
        ? {}
        : { checkpointBytes: options.checkpointBytes }),
    } as const;
    this.journal = new Journal(ports, journalOptions, machineOf(this.queues));
    this.service = new QueueService(this.queues, this.journal, ports);
    if (options.hasSlowReads === true) this.slowDown(new TestRandom(11));
  }

  private slowDown(random: TestRandom): void {
    const { journal, loop } = this;
    const later = (task: () => void): void => {
      loop.endOfTick(task);
      if (random.below(2) === 0) loop.endOfTick(() => loop.endOfTick(task));
    };
    const plan = journal.plan.bind(journal);
    journal.plan = (partition, offset, maxBytes, target, ready) => {
      if (random.below(3) === 0) {
        later(ready);
        return 'loading';
      }
      target.read = (bytes, start, length, again) => {
        if (random.below(2) === 0)
          return ReadPlan.prototype.read.call(target, bytes, start, length, again);
        later(again);
        return 0;
      };
      return plan(partition, offset, maxBytes, target, ready);
    };
  }

  private makePorts(): Ports {
    return {
      clock: this.loop,
      scheduler: this.loop,
      random: { uint32: () => 4, fill: () => {} },
      offload: {
        run: (task, input, parameters, done) => {
          assert.equal(task, decompressTask);
          this.offloaded++;
          const bytes = input.slice();
          const [codec, limit] = parameters;
          this.loop.endOfTick(() => {
            try {
              done(null, decompress(codec ?? 0, bytes, 0, bytes.length, limit ?? 0));
            } catch (error) {
              done(error as Error, null);
            }
          });
        },
      },
      disk: this.disk,
      logger: silentLogger,
    };
  }

  get partitionIds(): readonly number[] {
    return this.options.partitions ?? [1];
  }

  get topic(): { id: number; partitions: { id: number }[]; lastLsn: number } {
    return { id: topicId, partitions: this.partitionIds.map((id) => ({ id })), lastLsn: 0 };
  }

  open(): this {
    let outcome: Error | null | undefined;
    this.journal.open((error) => {
      outcome = error;
    });
    this.loop.run();
    if (outcome instanceof Error) throw outcome;
    assert.equal(outcome, null, 'the journal opens');
    this.service.start();
    for (const id of this.partitionIds) {
      if (this.journal.partition(id) === undefined) this.journal.createPartition(id, 0);
    }
    this.loop.run();
    return this;
  }

  /** What kill -9 leaves behind, opened by another process. */
  crash(): TestQueues {
    const loop = new TestLoop();
    loop.time = this.loop.time;
    return new TestQueues(this.options, copyDisk(this.disk, loop), loop).open();
  }

  /** A clean shutdown, then a start. */
  restart(): TestQueues {
    this.service.drain();
    let isClosed = false;
    this.journal.close((error) => {
      assert.equal(error, null);
      isClosed = true;
    });
    this.loop.run();
    assert.ok(isClosed, 'the journal closes');
    return this.crash();
  }

  declare(name = 'q', options: Record<string, string> = {}, start: QueueStart = 'earliest'): Queue {
    const outcome = this.service.declare({
      topic: this.topic,
      name,
      start,
      options: new Map(Object.entries(options)),
    });
    assert.equal(outcome.error, null);
    assert.ok(outcome.queue !== null);
    return outcome.queue;
  }

  find(name = 'q'): Queue {
    const queue = this.queues.find(topicId, name);
    assert.ok(queue !== undefined, `there is a queue ${name}`);
    return queue;
  }

  /** Appends one batch with these values; commits nothing by itself. */
  append(values: readonly string[], id = this.partitionIds[0] ?? 1, codec: Codec = 0): number {
    return this.appendRecords(
      values.map((value) => ({ value: new TextEncoder().encode(value) })),
      id,
      codec,
    );
  }

  appendRecords(
    records: readonly { value: Uint8Array | null; key?: Uint8Array; headers?: RecordHeader[] }[],
    id: number,
    codec: Codec = 0,
  ): number {
    const bytes = buildBatch(
      records.map(({ value, key, headers }) => ({
        key: key ?? null,
        value,
        headers: headers ?? [],
        timestamp: this.loop.now(),
      })),
      { codec },
    );
    const log = this.journal.partition(id);
    assert.ok(log !== undefined);
    return this.journal.appendBatch(log, bytes, viewOf(bytes), 0, bytes.length, null);
  }

  /** `count` batches of one record each, committed. */
  publish(count: number, id = this.partitionIds[0] ?? 1): void {
    for (let i = 0; i < count; i++) {
      this.append([`m${i}`], id);
      if (i % 1000 === 999) this.loop.run();
    }
    this.loop.run();
  }

  consume(queue: Queue, credit: number, more: Partial<ConsumeOptions> = {}): TestConsumer {
    const consumer = new TestConsumer();
    consumer.handle = this.service.consume(queue, consumer, { credit, ...more });
    return consumer;
  }

  run(): this {
    this.loop.run();
    return this;
  }
}

function machineOf(queues: Queues): StateMachine {
  return {
    applyEntry: (entry) => queues.applyEntry(entry),
    applyAppend: () => {},
    objects: () => queues.objects(),
    restoreObject: (type, lsn, bytes, start, end) =>
      queues.restoreObject(type, lsn, bytes, start, end),
    restored: () => queues.restored(),
    isDead: (partition, first, last) => queues.isDead(partition, first, last),
  };
}

/** The durable state of all queues, in a form that can be compared. */
export function dumpState(queues: Queues): unknown {
  const dump = [...queues.all()].map((queue) => ({
    id: queue.id,
    topicId: queue.topicId,
    name: queue.name,
    options: [...queue.options],
    partitions: queue.partitions.map((partition) => ({
      id: partition.partitionId,
      index: partition.index,
      floor: partition.floor,
      above: rangesOf(partition.above),
      attempts: attemptsOf(partition.attempts),
      leaseMark: partition.leaseMark,
    })),
  }));
  return { nextQueueId: queues.nextQueueId, queues: dump.sort((a, b) => a.id - b.id) };
}

interface Walkable {
  nextPresent(from: number): number;
  nextAbsent(from: number): number;
}

export function rangesOf(set: Walkable): [number, number][] {
  const ranges: [number, number][] = [];
  for (let first = set.nextPresent(0); first !== -1; ) {
    const end = set.nextAbsent(first);
    ranges.push([first, end]);
    first = set.nextPresent(end);
  }
  return ranges;
}

function attemptsOf(counts: {
  next(from: number): number;
  get(offset: number): number;
}): [number, number][] {
  const found: [number, number][] = [];
  for (let at = counts.next(0); at !== -1; at = counts.next(at + 1))
    found.push([at, counts.get(at)]);
  return found;
}

function copyDisk(source: RamDisk, loop: TestLoop): RamDisk {
  const target = new RamDisk(loop, diskBytes);
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

export const textOf = (bytes: Uint8Array | null): string =>
  bytes === null ? '' : new TextDecoder().decode(bytes);

/** Small and seeded: xorshift32. */
export class TestRandom {
  private state: number;

  constructor(seed: number) {
    this.state = (seed * 2654435761) >>> 0 || 1;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state % limit;
  }
}
