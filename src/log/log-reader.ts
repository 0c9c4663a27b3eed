/**
 * Reading the log: from offsets to batches, from batches to bytes.
 *
 * Owns: planning over extents, index and footers; the copy from tail blocks, page cache and cold chunks.
 * Leaves: what may be read to its caller (the committed view of `PartitionLog`).
 *
 * Bytes come from the first that has them: a block still in memory; the page cache, when this process
 * wrote the segment lately (a read on the loop costs less than a hop); else a chunk read away from the
 * loop. Cold bytes are checked against the batch's CRC on their way out, and never served past a fault.
 */
import { assert } from '../kernel/assert.ts';
import { viewOf } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import type { DiskError } from '../kernel/ports.ts';
import {
  batchHeaderBytes,
  batchUnsummedBytes,
  setBatchBaseOffset,
  setBatchLeaderEpoch,
} from '../record/batch.ts';
import { BatchLocation } from './batch-index.ts';
import type { ColdChunks } from './cold-chunks.ts';
import { type FooterCache, FooterCursor } from './footer-cache.ts';
import type { PartitionLog } from './partition-log.ts';
import type { CommitPipeline } from './pipeline.ts';
import { notWaiting, type PlanSource, type ReadPlan } from './read-plan.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';
import { storageDamaged, storageFailed } from './storage-fault.ts';

/** Small batches are read together with their neighbours, as many as fit here. */
const WINDOW_BYTES = 256 * 1024;
/** Foreign bytes between two planned batches that are cheaper to read than to skip. */
const WINDOW_GAP_BYTES = 32 * 1024;
/** Batches from this size on are read straight to where they go. */
const DIRECT_BYTES_MIN = 32 * 1024;
/** Sealed segments this far behind the writer are taken to be in the page cache still. */
const WARM_SEGMENTS = 16;

export type PlanStatus = 'ready' | 'loading';

export class LogReader implements PlanSource {
  readonly #store: SegmentStore;
  readonly #pipeline: CommitPipeline;
  readonly #footers: FooterCache;
  readonly #chunks: ColdChunks;
  readonly #window = new Uint8Array(WINDOW_BYTES);
  #windowSegment = -1;
  #windowStart = 0;
  #windowEnd = 0;
  readonly #location = new BatchLocation();
  readonly #cursor = new FooterCursor();

  constructor(
    store: SegmentStore,
    pipeline: CommitPipeline,
    footers: FooterCache,
    chunks: ColdChunks,
  ) {
    this.#store = store;
    this.#pipeline = pipeline;
    this.#footers = footers;
    this.#chunks = chunks;
  }

  /**
   * Adds to `plan` the committed batches of `partition` from the one that holds `offset` on, until
   * `maxBytes` would be passed; the first batch always.
   * @returns 'loading' when a footer is being read: `ready` is called, then plan again from scratch.
   * @throws BrokerError storage_damaged
   */
  plan(
    partition: PartitionLog,
    offset: number,
    maxBytes: number,
    plan: ReadPlan,
    ready: () => void,
  ): PlanStatus {
    plan.begin(this);
    let from = offset;
    for (let i = partition.extents.find(offset); ; i++) {
      const extent = partition.extents.at(i);
      if (extent === undefined || extent.firstOffset >= partition.highWatermark) return 'ready';
      const segment = this.#store.segment(extent.segmentId);
      assert(segment !== undefined, 'an extent names a segment of the store');
      const planned = this.#planSegment(partition, segment, from, maxBytes, plan, ready);
      if (planned === 'loading') {
        plan.release();
        return 'loading';
      }
      if (planned === 'full') return 'ready';
      from = extent.lastOffset + 1;
    }
  }

  #planSegment(
    partition: PartitionLog,
    segment: Segment,
    offset: number,
    maxBytes: number,
    plan: ReadPlan,
    ready: () => void,
  ): 'full' | 'more' | 'loading' {
    const location = this.#location;
    location.segmentId = segment.id;
    const index = segment.index;
    if (index === null) {
      return this.#planSealed(partition, segment, offset, maxBytes, plan, ready);
    }
    const rowCount = index.rowCountOf(partition.id);
    for (let row = index.find(partition.id, offset); row < rowCount; row++) {
      index.read(partition.id, row, location);
      if (!admits(partition, plan, maxBytes, location)) return 'full';
      plan.add(segment, location);
    }
    return 'more';
  }

  #planSealed(
    partition: PartitionLog,
    segment: Segment,
    offset: number,
    maxBytes: number,
    plan: ReadPlan,
    ready: () => void,
  ): 'full' | 'more' | 'loading' {
    const cursor = this.#cursor;
    let found = this.#footers.locate(segment, partition.id, offset, cursor);
    while (found === 'found') {
      if (segment.lostBatches?.has(cursor.location.position) !== true) {
        if (!admits(partition, plan, maxBytes, cursor.location)) return 'full';
        plan.add(segment, cursor.location);
      }
      found = this.#footers.next(segment, cursor);
    }
    if (found === 'none') return 'more';
    if (plan.count > 0) return 'full';
    segment.pin();
    this.#footers.whenLoaded(() => {
      segment.unpin();
      ready();
    });
    return 'loading';
  }

  /** HOT, per batch. See `ReadPlan.read`. */
  copy(
    plan: ReadPlan,
    target: Uint8Array,
    start: number,
    length: number,
    ready: () => void,
  ): number {
    let copied = 0;
    while (plan.row < plan.count) {
      const left = plan.sizes.get(plan.row) - plan.rowDone;
      const room = length - copied;
      if (room === 0) break;
      if (plan.rowDone === 0 && room < left && room < batchHeaderBytes) break;
      const wake = copied === 0 ? ready : notWaiting;
      const count = this.#copyRow(plan, target, start + copied, Math.min(left, room), wake);
      if (count === 0) break;
      copied += count;
    }
    return copied;
  }

  /** Copies up to `length` bytes of the plan's current row; 0 while its bytes are being read. */
  #copyRow(
    plan: ReadPlan,
    target: Uint8Array,
    start: number,
    length: number,
    ready: () => void,
  ): number {
    const segment = plan.segmentOf(plan.row);
    const position = plan.positions.get(plan.row) + plan.rowDone;
    let count = length;
    if (!this.#pipeline.copyFromTail(segment.id, position, length, target, start)) {
      if (this.#isWarm(segment)) this.#copyWarm(plan, segment, position, target, start, length);
      else count = this.#copyCold(plan, segment, position, target, start, length, ready);
    }
    if (count === 0) return 0;
    if (plan.rowDone === 0) this.#patch(plan, segment, target, start);
    plan.advance(count);
    return count;
  }

  #isWarm(segment: Segment): boolean {
    if (segment.index !== null) return true;
    return segment.isWrittenHere && segment.id + WARM_SEGMENTS >= this.#pipeline.segment.id;
  }

  #copyWarm(
    plan: ReadPlan,
    segment: Segment,
    position: number,
    target: Uint8Array,
    start: number,
    length: number,
  ): void {
    try {
      if (length >= DIRECT_BYTES_MIN) {
        const count = segment.file.readSync(target, start, length, position);
        if (count !== length)
          throw storageDamaged(segment.file.path, position, 'the file ends here');
        return;
      }
      const end = position + length;
      if (!this.#windowHolds(segment.id, position, end)) this.#fillWindow(plan, segment, position);
      const from = position - this.#windowStart;
      target.set(this.#window.subarray(from, from + length), start);
    } catch (error) {
      throw isDiskError(error) ? storageFailed(error) : error;
    }
  }

  #windowHolds(segmentId: number, start: number, end: number): boolean {
    return (
      this.#windowSegment === segmentId && this.#windowStart <= start && end <= this.#windowEnd
    );
  }

  /** Reads from `position` over the planned batches that follow closely; never past a planned one. */
  #fillWindow(plan: ReadPlan, segment: Segment, position: number): void {
    let end = plan.positions.get(plan.row) + plan.sizes.get(plan.row);
    for (let row = plan.row + 1; row < plan.count; row++) {
      if (plan.segmentIds.get(row) !== segment.id) break;
      const next = plan.positions.get(row);
      const nextEnd = next + plan.sizes.get(row);
      if (next < end || next - end > WINDOW_GAP_BYTES || nextEnd - position > WINDOW_BYTES) break;
      end = nextEnd;
    }
    end = Math.min(end, position + WINDOW_BYTES);
    this.#windowSegment = -1;
    const count = segment.file.readSync(this.#window, 0, end - position, position);
    if (count !== end - position) {
      throw storageDamaged(segment.file.path, position, 'the file ends here');
    }
    this.#windowSegment = segment.id;
    this.#windowStart = position;
    this.#windowEnd = end;
  }

  #copyCold(
    plan: ReadPlan,
    segment: Segment,
    position: number,
    target: Uint8Array,
    start: number,
    length: number,
    ready: () => void,
  ): number {
    const count = this.#chunks.copy(segment, position, length, target, start, ready);
    if (count === 0) return 0;
    if (plan.rowDone === 0 && count < length && count < batchHeaderBytes) {
      return this.#copyAcrossChunks(plan, segment, position, target, start, count, length, ready);
    }
    this.#checkCold(plan, segment, target, start, count);
    return count;
  }

  /** A batch header that lies across two chunks is copied whole, so that it can be patched. */
  #copyAcrossChunks(
    plan: ReadPlan,
    segment: Segment,
    position: number,
    target: Uint8Array,
    start: number,
    have: number,
    length: number,
    ready: () => void,
  ): number {
    const rest = this.#chunks.copy(
      segment,
      position + have,
      length - have,
      target,
      start + have,
      ready,
    );
    if (rest === 0) return 0;
    this.#checkCold(plan, segment, target, start, have + rest);
    return have + rest;
  }

  /** Sums the row's bytes as they pass; at its end the sum must be the one in its header. */
  #checkCold(
    plan: ReadPlan,
    segment: Segment,
    target: Uint8Array,
    start: number,
    count: number,
  ): void {
    const size = plan.sizes.get(plan.row);
    const position = plan.positions.get(plan.row);
    const view = viewOf(target);
    if (plan.rowDone === 0) {
      if (view.getInt32(start + 8) !== size - 12 || view.getInt8(start + 16) !== 2) {
        throw storageDamaged(segment.file.path, position, 'no batch of the expected size');
      }
      plan.rowExpectedCrc = view.getUint32(start + 17);
      plan.rowCrc = crc32c(target, start + batchUnsummedBytes, start + count);
    } else {
      if (plan.rowExpectedCrc === -1) return;
      plan.rowCrc = crc32c(target, start, start + count, plan.rowCrc);
    }
    if (plan.rowDone + count === size && plan.rowCrc !== plan.rowExpectedCrc) {
      throw storageDamaged(segment.file.path, position, 'the checksum of the batch does not match');
    }
  }

  /** The header as this partition's readers see it; also the check that this is the planned batch. */
  #patch(plan: ReadPlan, segment: Segment, target: Uint8Array, start: number): void {
    const view = viewOf(target);
    if (view.getInt32(start + 8) !== plan.sizes.get(plan.row) - 12) {
      const position = plan.positions.get(plan.row);
      throw storageDamaged(segment.file.path, position, 'no batch of the expected size');
    }
    setBatchBaseOffset(view, start, plan.baseOffsets.get(plan.row));
    setBatchLeaderEpoch(view, start, plan.leaderEpochs.get(plan.row));
  }
}

/** Whether the batch at `location` belongs into the plan. */
function admits(
  partition: PartitionLog,
  plan: ReadPlan,
  maxBytes: number,
  location: BatchLocation,
): boolean {
  if (location.lastOffset >= partition.highWatermark) return false;
  return plan.count === 0 || plan.bytes + location.size <= maxBytes;
}

function isDiskError(error: unknown): error is DiskError {
  return error instanceof Error && error.name === 'DiskError';
}
