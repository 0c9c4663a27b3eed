/**
 * Committed records for queues: reads batches ahead, takes them apart, keeps a bounded number.
 *
 * Owns: the record windows of all queues and their budget, one read at a time per partition,
 * decoding of compressed batches. Leaves: which record is wanted to live-partition.ts.
 *
 *   locate(partition, offset) -> a window that covers it
 *                             -> null: a read is under way, `onLoaded` follows; or there is nothing
 *
 * Windows are immutable up to their `length` and committed, so that queues share them. A window is
 * given up when a partition has more than `windowsPerPartitionMax` or all have more than
 * `windowBytesMax` bytes, least recently used first: what is wanted again is read again.
 */

import { assert } from '../../kernel/assert.ts';
import { viewOf } from '../../kernel/bytes.ts';
import { BrokerError } from '../../kernel/errors.ts';
import type { PartitionLog } from '../../log/partition-log.ts';
import { ReadPlan } from '../../log/read-plan.ts';
import {
  batchBaseOffset,
  batchBaseTimestamp,
  batchCodec,
  batchHeaderBytes,
  batchIsControl,
  batchIsLogAppendTime,
  batchLastOffset,
  batchMaxTimestamp,
  batchRecordCount,
  batchSize,
} from '../../record/batch.ts';
import { decompress } from '../../record/compression/index.ts';
import { RecordCursor } from '../../record/records.ts';
import type { QueueLog, QueuePorts } from './ports.ts';
import {
  decodedBytesMax,
  inlineContentBytesMax,
  inlineDecodeBytesMax,
  readBytesMax,
  smallBufferBytes,
  spareBuffersMax,
  windowBytesMax,
  windowsPerPartitionMax,
} from './queue-limits.ts';
import { RecordWindow } from './record-window.ts';

/** The offload task that decodes a record section: parameters are codec number and bytes at most. */
export const decompressTask = 'decompress';

/** The windows of one partition, and the read that is under way. */
interface PartitionWindows {
  readonly log: PartitionLog;
  /** By offset. */
  readonly windows: RecordWindow[];
  /** A read or a decoding is under way. */
  isLoading: boolean;
  /** Read, but not taken apart: what follows a compressed batch waits until it is wanted. */
  rest: Batches | null;
  /** Set once reading has failed: nothing more is read. */
  fault: BrokerError | null;
}

/** A read under way. */
interface Load {
  readonly partition: PartitionWindows;
  readonly plan: ReadPlan;
  /** Null while the plan itself waits for the disk. */
  window: RecordWindow | null;
  /** Where its bytes go in the window. */
  start: number;
  /** The log will call back. */
  isWaiting: boolean;
}

/** Batches that have been read and not been taken apart yet: bytes[position, end) of `window`. */
interface Batches {
  readonly partition: PartitionWindows;
  window: RecordWindow;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position: number;
  readonly end: number;
  readonly lastOffset: number;
}

export class RecordSource {
  /** Called when `locate` is worth another try for the partition. */
  onLoaded: (partitionId: number) => void = () => {};
  private readonly log: QueueLog;
  private readonly ports: QueuePorts;
  private readonly partitions = new Map<number, PartitionWindows>();
  private readonly cursor = new RecordCursor();
  private readonly sparePlans: ReadPlan[] = [];
  private readonly spareBuffers: Uint8Array[] = [];
  /** Empty windows, kept for their tables. */
  private readonly spareWindows: RecordWindow[] = [];
  private newest: RecordWindow | null = null;
  private oldest: RecordWindow | null = null;
  /** Bytes of all windows in the list. */
  memory = 0;

  constructor(log: QueueLog, ports: QueuePorts) {
    this.log = log;
    this.ports = ports;
  }

  /** `offset` lies below the high watermark and not before the log start. */
  locate(log: PartitionLog, offset: number): RecordWindow | null {
    assert(offset < log.highWatermark, 'only committed records are read');
    const partition = this.partitionOf(log);
    const window = findWindow(partition.windows, offset);
    if (window !== null) {
      this.touch(window);
      return window;
    }
    if (partition.isLoading || partition.fault !== null) return null;
    if (!this.isInRest(partition, offset)) this.load(partition, offset);
    return this.takeFromRest(partition, offset);
  }

  /** Whether `offset` lies in what was read and waits. */
  private isInRest(partition: PartitionWindows, offset: number): boolean {
    const { rest } = partition;
    return rest !== null && rest.window.first <= offset && offset <= rest.lastOffset;
  }

  /** Takes more of the rest apart until a window covers `offset`, or no more can be done now. */
  private takeFromRest(partition: PartitionWindows, offset: number): RecordWindow | null {
    for (;;) {
      const window = findWindow(partition.windows, offset);
      if (window !== null) {
        this.touch(window);
        return window;
      }
      if (partition.isLoading || !this.isInRest(partition, offset)) return null;
      const { rest } = partition;
      assert(rest !== null, 'the offset lies in the rest');
      partition.rest = null;
      partition.windows.splice(partition.windows.indexOf(rest.window), 1);
      this.unlink(rest.window);
      this.takeApart(rest);
    }
  }

  /** A read for the partition is under way: `onLoaded` follows. */
  isLoading(partitionId: number): boolean {
    return this.partitions.get(partitionId)?.isLoading ?? false;
  }

  /** Why nothing is read from the partition any more. */
  faultOf(partitionId: number): BrokerError | null {
    return this.partitions.get(partitionId)?.fault ?? null;
  }

  /** Nobody reads the partition any more. */
  forget(partitionId: number): void {
    const partition = this.partitions.get(partitionId);
    if (partition === undefined) return;
    this.partitions.delete(partitionId);
    for (const window of partition.windows.splice(0)) this.discard(window);
  }

  private partitionOf(log: PartitionLog): PartitionWindows {
    let partition = this.partitions.get(log.id);
    if (partition === undefined) {
      partition = { log, windows: [], isLoading: false, rest: null, fault: null };
      this.partitions.set(log.id, partition);
    }
    return partition;
  }

  private isForgotten(partition: PartitionWindows): boolean {
    return this.partitions.get(partition.log.id) !== partition;
  }

  private load(partition: PartitionWindows, offset: number): void {
    const plan = this.sparePlans.pop() ?? new ReadPlan();
    const load: Load = { partition, plan, window: null, start: 0, isWaiting: false };
    try {
      const status = this.log.plan(partition.log, offset, readBytesMax, plan, () =>
        this.resume(load),
      );
      if (status === 'loading') {
        this.wait(load);
        return;
      }
      if (plan.count === 0) {
        this.releasePlan(plan);
        return;
      }
      this.dropRest(partition);
      load.window = this.windowFor(partition, offset, plan.bytes);
      load.start = load.window.length;
      this.fill(load, load.window);
    } catch (error) {
      this.fail(load, error);
    }
  }

  private wait(load: Load): void {
    load.isWaiting = true;
    load.partition.isLoading = true;
  }

  /** The log calls back, perhaps more than once for what it counts as one wait. */
  private resume(load: Load): void {
    const { partition, window } = load;
    if (!load.isWaiting) return;
    load.isWaiting = false;
    if (this.isForgotten(partition)) {
      this.releasePlan(load.plan);
      return;
    }
    partition.isLoading = false;
    try {
      if (window === null) this.releasePlan(load.plan);
      else this.fill(load, window);
    } catch (error) {
      this.fail(load, error);
    }
    if (!partition.isLoading) this.onLoaded(partition.log.id);
  }

  /** Reads what is left of the plan behind what has come; takes it apart when all is there. */
  private fill(load: Load, window: RecordWindow): void {
    const { partition, plan, start } = load;
    const { bytes } = window;
    const length = plan.bytes;
    const ready = (): void => this.resume(load);
    while (plan.bytesLeft > 0) {
      const done = length - plan.bytesLeft;
      if (plan.read(bytes, start + done, length - done, ready) === 0) {
        this.wait(load);
        return;
      }
    }
    const lastOffset = plan.nextOffset - 1;
    this.releasePlan(plan);
    const end = start + length;
    window.length = end;
    window.isOpen = window.isSoleOwner && bytes.length - end >= batchHeaderBytes;
    const view = viewOf(bytes);
    this.takeApart({ partition, window, bytes, view, position: start, end, lastOffset });
  }

  /**
   * Adds the records of the batches to their window, up to and with the first compressed one, which
   * gets a window of its own: decoding further ahead would push out what is wanted first.
   */
  private takeApart(batches: Batches): void {
    const { view, bytes, end } = batches;
    while (batches.position < end) {
      const at = batches.position;
      const size = batchSize(view, at);
      assert(size >= batchHeaderBytes && at + size <= end, 'whole batches are read');
      batches.position = at + size;
      const count = batchRecordCount(view, at);
      if (batchCodec(view, at) !== 0 && count > 0 && !batchIsControl(view, at)) {
        this.decode(batches, at, size);
        return;
      }
      const { window } = batches;
      if (count > 0 && !batchIsControl(view, at)) {
        this.cursor.reset(bytes, at + batchHeaderBytes, at + size, count);
        this.addRecords(window, view, at);
      }
      window.first = Math.min(window.first, batchBaseOffset(view, at));
      window.end = batchLastOffset(view, at) + 1;
    }
    this.finish(batches);
  }

  private addRecords(window: RecordWindow, view: DataView, at: number): void {
    const baseOffset = batchBaseOffset(view, at);
    const appendTime = batchIsLogAppendTime(view, at) ? batchMaxTimestamp(view, at) : -1;
    const isWhole = window.addRecords(
      this.cursor,
      baseOffset,
      batchBaseTimestamp(view, at),
      appendTime,
    );
    if (!isWhole) {
      this.ports.logger.warn('queue.records_unreadable', {
        partition: window.partitionId,
        baseOffset,
        fault: this.cursor.fault,
      });
    }
  }

  /** Decodes the batch at `at` into a window of its own: a small one at once, others off the loop. */
  private decode(batches: Batches, at: number, size: number): void {
    const { bytes, view, partition } = batches;
    const codec = batchCodec(view, at);
    if (size <= inlineDecodeBytesMax) {
      const section = decodeSmall(bytes, codec, at, size);
      if (section !== null) return this.addDecoded(batches, at, section);
    }
    partition.isLoading = true;
    this.ports.offload.run(
      decompressTask,
      bytes.subarray(at + batchHeaderBytes, at + size),
      [codec, decodedBytesMax],
      (error, output) => {
        if (this.isForgotten(partition)) return;
        // Whatever the worker met, only the codec itself may say that a batch cannot be read.
        const isUnreadable = error instanceof BrokerError;
        if (isUnreadable) this.warnUnreadable(error);
        const isDone = error === null || isUnreadable;
        const section = isDone ? output : this.decodeInline(bytes, codec, at, size);
        partition.isLoading = false;
        this.addDecoded(batches, at, section);
        this.onLoaded(partition.log.id);
      },
    );
  }

  /** Null when the batch cannot be decoded at all. */
  private decodeInline(
    bytes: Uint8Array,
    codec: number,
    at: number,
    size: number,
  ): Uint8Array | null {
    try {
      return decompress(codec, bytes, at + batchHeaderBytes, at + size, decodedBytesMax);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.warnUnreadable(error);
      return null;
    }
  }

  private warnUnreadable({ code, detail }: BrokerError): void {
    this.ports.logger.warn('queue.batch_unreadable', { code, detail });
  }

  /** Closes the window before the batch, adds one for the batch; what follows becomes the rest. */
  private addDecoded(batches: Batches, at: number, section: Uint8Array | null): void {
    const { partition, view } = batches;
    const before = batches.window;
    const baseOffset = batchBaseOffset(view, at);
    const end = batchLastOffset(view, at) + 1;
    const first = before.count === 0 && before.end <= before.first ? before.first : baseOffset;
    before.isSoleOwner = false;
    before.isOpen = false;
    this.finish(batches);

    const decoded = this.newWindow(partition, Math.min(first, baseOffset), section ?? noBytes);
    decoded.end = end;
    if (section !== null) {
      this.cursor.reset(section, 0, section.length, batchRecordCount(view, at));
      this.addRecords(decoded, view, at);
    }
    this.publish(partition, decoded);

    if (batches.position === batches.end) return;
    batches.window = this.newWindow(partition, end, batches.bytes);
    batches.window.isSoleOwner = false;
    partition.rest = batches;
    // It covers nothing, but it counts, and may be given up like others.
    this.publish(partition, batches.window);
  }

  private dropRest(partition: PartitionWindows): void {
    if (partition.rest !== null) this.evict(partition.rest.window);
  }

  private finish(batches: Batches): void {
    const { window, partition } = batches;
    if (window.end > window.first) this.publish(partition, window);
    else if (window.partitionId !== -1 && !partition.windows.includes(window)) window.reset();
  }

  private newWindow(partition: PartitionWindows, first: number, bytes: Uint8Array): RecordWindow {
    const window = this.spareWindows.pop() ?? new RecordWindow();
    window.partitionId = partition.log.id;
    window.first = first;
    window.end = first;
    window.bytes = bytes;
    return window;
  }

  /** The last window, if it ends here and has room; else a new one with a fitting buffer. */
  private windowFor(partition: PartitionWindows, offset: number, length: number): RecordWindow {
    const last = partition.windows[partition.windows.length - 1];
    if (last?.isOpen && last.end === offset && last.bytes.length - last.length >= length) {
      // Out of the list while it changes its size, and so that it is not given up meanwhile.
      partition.windows.pop();
      this.unlink(last);
      return last;
    }
    return this.newWindow(partition, offset, this.takeBuffer(length));
  }

  private takeBuffer(length: number): Uint8Array {
    if (length * 2 <= smallBufferBytes) return new Uint8Array(smallBufferBytes);
    if (length > readBytesMax) return new Uint8Array(length);
    return this.spareBuffers.pop() ?? new Uint8Array(readBytesMax);
  }

  /** Makes a window findable, and room for it. */
  private publish(partition: PartitionWindows, window: RecordWindow): void {
    const { windows } = partition;
    let at = windows.length;
    while (at > 0 && windows[at - 1]!.first > window.first) at--;
    windows.splice(at, 0, window);
    this.link(window);
    if (windows.length > windowsPerPartitionMax) this.evictOldestOf(windows, window);
    while (this.memory > windowBytesMax && this.oldest !== null && this.oldest !== window) {
      this.evict(this.oldest);
    }
  }

  private evictOldestOf(windows: readonly RecordWindow[], kept: RecordWindow): void {
    let oldest = this.oldest;
    while (oldest !== null && (oldest === kept || !windows.includes(oldest))) oldest = oldest.newer;
    if (oldest !== null) this.evict(oldest);
  }

  private evict(window: RecordWindow): void {
    const partition = this.partitions.get(window.partitionId);
    assert(partition !== undefined, 'a window in the list belongs to a partition');
    partition.windows.splice(partition.windows.indexOf(window), 1);
    if (partition.rest?.window === window) partition.rest = null;
    this.discard(window);
  }

  private discard(window: RecordWindow): void {
    this.unlink(window);
    const { bytes } = window;
    const isSpare = window.isSoleOwner && bytes.length === readBytesMax;
    if (isSpare && this.spareBuffers.length < spareBuffersMax) this.spareBuffers.push(bytes);
    window.reset();
    const isSmall = window.memory <= readBytesMax;
    if (isSmall && this.spareWindows.length < spareBuffersMax) this.spareWindows.push(window);
  }

  private touch(window: RecordWindow): void {
    if (this.newest === window) return;
    this.unlink(window);
    this.link(window);
  }

  private link(window: RecordWindow): void {
    window.older = this.newest;
    window.newer = null;
    if (this.newest !== null) this.newest.newer = window;
    this.newest = window;
    this.oldest ??= window;
    this.memory += window.memory;
  }

  private unlink(window: RecordWindow): void {
    if (window.newer !== null) window.newer.older = window.older;
    else this.newest = window.older;
    if (window.older !== null) window.older.newer = window.newer;
    else this.oldest = window.newer;
    window.newer = null;
    window.older = null;
    this.memory -= window.memory;
  }

  private releasePlan(plan: ReadPlan): void {
    plan.release();
    if (this.sparePlans.length < 16) this.sparePlans.push(plan);
  }

  /** The partition's data cannot be read: nothing is skipped, the queue stands still and says so. */
  private fail(load: Load, error: unknown): void {
    const { partition } = load;
    load.isWaiting = false;
    this.releasePlan(load.plan);
    if (!(error instanceof BrokerError)) throw error;
    partition.isLoading = false;
    partition.fault = error;
    this.ports.logger.error('queue.read_failed', {
      partition: partition.log.id,
      code: error.code,
      detail: error.detail,
    });
  }
}

const noBytes = new Uint8Array(0);

/** The window that covers `offset`; few windows, nearly always the last. */
// HOT: once per window and queue.
function findWindow(windows: readonly RecordWindow[], offset: number): RecordWindow | null {
  for (let i = windows.length - 1; i >= 0; i--) {
    const window = windows[i]!;
    if (window.first <= offset && offset < window.end) return window;
  }
  return null;
}

/** Null when it cannot be decoded, or gets so large that the loop is not the place for it. */
function decodeSmall(
  bytes: Uint8Array,
  codec: number,
  at: number,
  size: number,
): Uint8Array | null {
  try {
    return decompress(codec, bytes, at + batchHeaderBytes, at + size, inlineContentBytesMax);
  } catch (error) {
    if (error instanceof BrokerError) return null;
    throw error;
  }
}
