/**
 * One partition of the log: its offsets, epochs and extents.
 *
 * Owns: what `append`, `log-start` and the life-cycle entries change, and what of it may be shown.
 * Leaves: bytes to segments, decisions to the broker.
 *
 * Two views of the same partition:
 *   applied    logStart ≤ logEnd                   moves when an entry is appended
 *   committed  visibleStart ≤ highWatermark        moves when the group of that entry is durable
 * and visibleStart ≤ logStart, highWatermark ≤ logEnd. Readers get the committed view only.
 */
import { assert } from '../kernel/assert.ts';
import { readInt64LittleEndian, viewOf, writeInt64LittleEndian } from '../kernel/bytes.ts';
import { Extents } from './extents.ts';

const EPOCHS_MAX = 1024;

/** An epoch and the offset of its first batch in this partition. */
export interface EpochStart {
  readonly epoch: number;
  readonly offset: number;
}

export class PartitionLog {
  readonly id: number;
  logStart: number;
  logEnd: number;
  visibleStart: number;
  highWatermark: number;
  /** LSN of the entry that changed it last. */
  lastLsn: number;
  /** What the group that is being written will make visible. */
  #cutStart: number;
  #cutEnd: number;
  #isCutDeleted = false;
  /** True while it waits in the list of partitions that the open group changes. */
  isChanged = false;
  /** Somebody waits for its high watermark. */
  isWatched = false;
  isDeleted = false;
  /** That is committed too: no reader is owed anything. */
  isGone = false;
  readonly extents = new Extents();
  /** Rising in both fields. */
  readonly epochs: EpochStart[] = [];

  constructor(id: number, firstOffset: number, lsn: number) {
    this.id = id;
    this.logStart = firstOffset;
    this.logEnd = firstOffset;
    this.visibleStart = firstOffset;
    this.highWatermark = firstOffset;
    this.#cutStart = firstOffset;
    this.#cutEnd = firstOffset;
    this.lastLsn = lsn;
  }

  /** HOT. Applies a batch. Segments and extents are the caller's. */
  extend(lsn: number, baseOffset: number, lastOffset: number, epoch: number): void {
    assert(baseOffset === this.logEnd, 'a batch follows the one before it');
    this.logEnd = lastOffset + 1;
    this.lastLsn = lsn;
    const last = this.epochs[this.epochs.length - 1];
    if (last !== undefined && last.epoch >= epoch) return;
    this.epochs.push({ epoch, offset: baseOffset });
    // A checkpoint object has its limit; of epochs long past a client is told "unknown".
    if (this.epochs.length > EPOCHS_MAX) this.epochs.shift();
  }

  /** Offsets below `offset` were given to what is lost now. */
  skipTo(offset: number): void {
    if (offset > this.logEnd) this.logEnd = offset;
  }

  /** Applies a new log start; one below the present start changes nothing but the LSN. */
  trim(lsn: number, offset: number): void {
    assert(offset <= this.logEnd, 'the log does not start past its end');
    this.lastLsn = lsn;
    if (offset <= this.logStart) return;
    this.logStart = offset;
    while (this.epochs.length > 1 && (this.epochs[1]?.offset ?? 0) <= offset) this.epochs.shift();
  }

  /** The group with everything applied so far is closed and will be written. */
  cut(): void {
    this.#cutStart = this.logStart;
    this.#cutEnd = this.logEnd;
    this.#isCutDeleted = this.isDeleted;
  }

  /** That group is durable. */
  expose(): void {
    this.visibleStart = this.#cutStart;
    this.highWatermark = this.#cutEnd;
    this.isGone = this.#isCutDeleted;
  }

  /** Bytes kept, by estimate. */
  get liveBytes(): number {
    let bytes = 0;
    for (const extent of this.extents) bytes += extent.live;
    return bytes;
  }

  /**
   * The end offset of the largest epoch ≤ `epoch` in the committed log [KIP-101]; both -1 if there is none.
   */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } {
    let found = -1;
    for (let i = 0; i < this.epochs.length; i++) {
      const start = this.epochs[i];
      if (start !== undefined && start.epoch <= epoch && start.offset < this.highWatermark)
        found = i;
    }
    const at = this.epochs[found];
    if (at === undefined) return { epoch: -1, endOffset: -1 };
    const next = this.epochs[found + 1];
    const end = next === undefined ? this.highWatermark : next.offset;
    return { epoch: at.epoch, endOffset: Math.min(end, this.highWatermark) };
  }

  /** The epoch of the batch at `offset`, or -1 when the log does not know. */
  epochAt(offset: number): number {
    let epoch = -1;
    for (const start of this.epochs) if (start.offset <= offset) epoch = start.epoch;
    return epoch;
  }

  /**
   * The checkpoint object: partition u32, epoch count u32, log start u64, log end u64,
   * then per epoch: epoch u32, reserved u32, offset u64.
   */
  encode(): Uint8Array {
    const body = new Uint8Array(24 + this.epochs.length * 16);
    const view = viewOf(body);
    view.setUint32(0, this.id, true);
    view.setUint32(4, this.epochs.length, true);
    writeInt64LittleEndian(view, 8, this.logStart);
    writeInt64LittleEndian(view, 16, this.logEnd);
    this.epochs.forEach((start, i) => {
      view.setUint32(24 + i * 16, start.epoch, true);
      writeInt64LittleEndian(view, 32 + i * 16, start.offset);
    });
    return body;
  }

  static decode(lsn: number, view: DataView, start: number): PartitionLog {
    const partition = new PartitionLog(
      view.getUint32(start, true),
      readInt64LittleEndian(view, start + 8),
      lsn,
    );
    partition.logEnd = readInt64LittleEndian(view, start + 16);
    const epochCount = view.getUint32(start + 4, true);
    for (let i = 0; i < epochCount; i++) {
      const at = start + 24 + i * 16;
      partition.epochs.push({
        epoch: view.getUint32(at, true),
        offset: readInt64LittleEndian(view, at + 8),
      });
    }
    return partition;
  }
}
