/**
 * A read plan: the batches that answer one read, in order, to be copied out as the receiver takes them.
 *
 * Owns: the planned rows, the pins on their segments, how far the copy has come.
 * Leaves: finding batches and fetching bytes to `LogReader`.
 *
 * Reused by its owner. Invariant: while rows are planned, each of their segments is pinned once.
 */
import { assert } from '../kernel/assert.ts';
import { GrowableF64, GrowableU32 } from '../kernel/grow.ts';
import { batchHeaderBytes } from '../record/batch.ts';
import type { BatchLocation } from './batch-index.ts';
import type { Segment } from './segment.ts';

/** What a plan needs from the log to turn rows into bytes. */
export interface PlanSource {
  /** Copies bytes of `plan` from its cursor on; 0 while a disk read is under way. */
  copy(
    plan: ReadPlan,
    target: Uint8Array,
    start: number,
    length: number,
    ready: () => void,
  ): number;
}

/** For a reader that got some bytes: it asks again anyway, and is not to be called for these. */
export function notWaiting(): void {}

export class ReadPlan {
  readonly segmentIds = new GrowableU32();
  readonly positions = new GrowableU32();
  readonly sizes = new GrowableU32();
  readonly leaderEpochs = new GrowableU32();
  readonly baseOffsets = new GrowableF64();
  readonly maxTimestamps = new GrowableF64();
  readonly #segments: Segment[] = [];
  #source: PlanSource | null = null;
  #bytes = 0;
  #bytesLeft = 0;
  /** A batch header that was copied but did not fit where it goes. */
  readonly #carry = new Uint8Array(batchHeaderBytes);
  #carryLength = 0;
  #carryDone = 0;
  /** The row being copied and the bytes of it that are out. */
  row = 0;
  rowDone = 0;
  /** CRC of the row's bytes so far and the one it must come to; -1: its beginning was not summed. */
  rowCrc = 0;
  rowExpectedCrc = -1;
  /** The offset after the last planned batch; where a further plan would go on. */
  nextOffset = -1;

  /** Planned batches. */
  get count(): number {
    return this.sizes.length;
  }

  /** Bytes of all planned batches. */
  get bytes(): number {
    return this.#bytes;
  }

  get bytesLeft(): number {
    return this.#bytesLeft + this.#carryLength - this.#carryDone;
  }

  begin(source: PlanSource): void {
    assert(this.count === 0, 'a plan is released before it is used again');
    this.#source = source;
    this.#bytes = 0;
    this.#bytesLeft = 0;
    this.row = 0;
    this.rowDone = 0;
    this.rowCrc = 0;
    this.rowExpectedCrc = -1;
    this.nextOffset = -1;
  }

  add(segment: Segment, location: BatchLocation): void {
    if (this.#segments[this.#segments.length - 1] !== segment) {
      segment.pin();
      this.#segments.push(segment);
    }
    this.segmentIds.push(segment.id);
    this.positions.push(location.position);
    this.sizes.push(location.size);
    this.leaderEpochs.push(location.leaderEpoch);
    this.baseOffsets.push(location.baseOffset);
    this.maxTimestamps.push(location.maxTimestamp);
    this.#bytes += location.size;
    this.#bytesLeft += location.size;
    this.nextOffset = location.lastOffset + 1;
  }

  /** The pinned segment of `row`. */
  segmentOf(row: number): Segment {
    const id = this.segmentIds.get(row);
    for (const segment of this.#segments) if (segment.id === id) return segment;
    throw new Error('a planned row has its segment');
  }

  /** `count` more bytes of the current row are out. */
  advance(count: number): void {
    this.rowDone += count;
    this.#bytesLeft -= count;
    if (this.rowDone < this.sizes.get(this.row)) return;
    this.row += 1;
    this.rowDone = 0;
    this.rowCrc = 0;
    this.rowExpectedCrc = -1;
  }

  /**
   * Copies the next bytes, at most `length` (at least 1), to `target` from `start`: batches as their
   * partition's readers see them.
   * @returns the bytes copied; 0 when a disk read is under way: only then is `ready` called, once.
   * @throws BrokerError storage_damaged, storage_failed
   */
  read(target: Uint8Array, start: number, length: number, ready: () => void): number {
    let copied = this.#takeCarried(target, start, length);
    while (copied < length && this.#bytesLeft > 0) {
      const room = length - copied;
      const wake = copied === 0 ? ready : notWaiting;
      const count = this.#needsCarry(room)
        ? this.#copyThroughCarry(target, start + copied, room, wake)
        : this.#open().copy(this, target, start + copied, room, wake);
      if (count === 0) break;
      copied += count;
    }
    return copied;
  }

  /** A header is patched as a whole; where it does not fit, it is handed out in pieces. */
  #needsCarry(room: number): boolean {
    return this.rowDone === 0 && room < batchHeaderBytes && room < this.sizes.get(this.row);
  }

  #copyThroughCarry(target: Uint8Array, start: number, room: number, ready: () => void): number {
    this.#carryLength = this.#open().copy(this, this.#carry, 0, batchHeaderBytes, ready);
    this.#carryDone = 0;
    return this.#takeCarried(target, start, room);
  }

  #takeCarried(target: Uint8Array, start: number, room: number): number {
    const count = Math.min(room, this.#carryLength - this.#carryDone);
    if (count <= 0) return 0;
    target.set(this.#carry.subarray(this.#carryDone, this.#carryDone + count), start);
    this.#carryDone += count;
    return count;
  }

  #open(): PlanSource {
    assert(this.#source !== null, 'a plan is begun before it is read');
    return this.#source;
  }

  /** Gives the segments free. Idempotent. */
  release(): void {
    for (const segment of this.#segments) segment.unpin();
    this.#segments.length = 0;
    this.segmentIds.truncate(0);
    this.positions.truncate(0);
    this.sizes.truncate(0);
    this.leaderEpochs.truncate(0);
    this.baseOffsets.truncate(0);
    this.maxTimestamps.truncate(0);
    this.#bytesLeft = 0;
    this.#carryLength = 0;
    this.#carryDone = 0;
    this.#source = null;
  }
}
