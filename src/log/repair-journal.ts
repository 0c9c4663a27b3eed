/**
 * A way past damage in the journal: where sound blocks begin again, and what is left of a bad one.
 *
 * Owns: finding the next block of the chain, telling lost batches from lost blocks, the offsets that
 * what is lost may have given.
 * Leaves: what is damaged to `recovery.ts`, which asks.
 *
 *   the block's own checksum holds    its entries do: only batches with a wrong checksum are lost
 *   it does not                       nothing in it can be trusted: all of it is lost
 *
 * Of a lost block the entries that can still be read are hints. Offsets go on behind whatever the
 * hints or later entries name; where the block cannot be walked to its end, a partition without a later
 * entry goes on `OFFSETS_PER_BYTE` × lost bytes later: more than the block can have given.
 */

import { viewOf } from '../kernel/bytes.ts';
import { batchLastOffsetDelta, batchRecordCount } from '../record/batch.ts';
import { BLOCK_HEADER_BYTES, pageAlign, readEntry } from './block.ts';
import { BlockScanner } from './block-scan.ts';
import { AppendView, EntryKind, EntryView, readAppend } from './entry.ts';
import type { Ledger } from './ledger.ts';
import { PAGE_BYTES, SEGMENT_HEADER_BYTES } from './limits.ts';
import type { BlockLoss, Losses } from './losses.ts';
import type { DamagedPlace, LossFinder } from './recovery.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

/** A compressed record takes a few bits at least, for its offset is not that of the one before. */
const OFFSETS_PER_BYTE = 64;

/** Offsets that a partition may have given in what is lost. */
interface Doubt {
  readonly partition: number;
  /** Its log end before. */
  readonly from: number;
  /** Behind the last that may have been given. */
  readonly to: number;
}

/** A damaged place that was passed, for people. */
export interface BlockFinding {
  readonly path: string;
  readonly loss: BlockLoss;
}

export class JournalRepair implements LossFinder {
  readonly losses: Losses;
  readonly findings: BlockFinding[] = [];
  readonly #ledger: Ledger;
  readonly #store: SegmentStore;
  /** Segments without a file whose extents are known. */
  readonly #gone: ReadonlySet<number>;
  readonly #scanner = new BlockScanner();
  readonly #doubts: Doubt[] = [];

  constructor(losses: Losses, ledger: Ledger, store: SegmentStore, gone: ReadonlySet<number>) {
    this.#gone = gone;
    this.losses = losses;
    this.#ledger = ledger;
    this.#store = store;
  }

  find(place: DamagedPlace): BlockLoss {
    const { segment, position } = place;
    const entries: number[] = [];
    const isWhole =
      this.#scanner.readDamaged(segment, position, (at) => entries.push(at)) &&
      (place.isIncluded || this.#scanner.block.previousCrc === place.crc) &&
      entries.length > 0;
    const from = position + (isWhole ? pageAlign(this.#scanner.block.length) : PAGE_BYTES);
    const crc = isWhole ? this.#scanner.block.crc : place.crc;
    const next = this.#resume(place, from, crc);
    const lostBytes = next.lsn - (segment.id * segment.bytes + position);
    if (!place.isIncluded) {
      if (isWhole) this.#doubtBatches(segment, entries);
      else if (!this.#isIndexed(segment, next.lsn)) this.#doubtBlock(segment, position, lostBytes);
    }
    const loss = {
      segment: segment.id,
      position,
      resumeLsn: next.lsn,
      previousCrc: next.previousCrc,
      entries: isWhole ? entries : null,
      lostBytes: isWhole ? 0 : lostBytes,
    };
    this.findings.push({ path: segment.file.path, loss });
    return loss;
  }

  /** After replay: what no later entry has settled goes into the losses. */
  settle(): void {
    for (const { partition, from, to } of this.#doubts) {
      const log = this.#ledger.partition(partition);
      if (to <= from || (log !== undefined && log.logEnd !== from)) continue;
      this.losses.raiseEnd(partition, to);
      log?.skipTo(to);
    }
  }

  /** The first sound block from `from` on; without one, the end of what was durable. */
  #resume(place: DamagedPlace, from: number, crc: number): { lsn: number; previousCrc: number } {
    const { block } = this.#scanner;
    for (const segment of this.#segmentsFrom(place.segment)) {
      const start = segment === place.segment ? from : SEGMENT_HEADER_BYTES;
      for (let at = start; at < segment.bytes; at += PAGE_BYTES) {
        const lsn = segment.id * segment.bytes + at;
        if (lsn > place.durableLsn) break;
        if (!this.#scanner.hasHeader(segment, at) || block.epoch < place.epoch) continue;
        if (!this.#scanner.readBlock(segment, at)) continue;
        return { lsn, previousCrc: block.previousCrc };
      }
    }
    if (place.isIncluded) return { lsn: place.durableLsn, previousCrc: crc };
    const lsn = Math.max(place.durableLsn, place.segment.id * place.segment.bytes + from);
    return { lsn: placeFor(pageAlign(lsn), place.segment.bytes), previousCrc: crc };
  }

  #segmentsFrom(first: Segment): Segment[] {
    return [...this.#store.segments()]
      .filter((segment) => !segment.isArchive && segment.id >= first.id)
      .sort((left, right) => left.id - right.id);
  }

  /** Whether footers, or the manifest, know all batches of what is lost: they vouch for the offsets. */
  #isIndexed(segment: Segment, resumeLsn: number): boolean {
    const endId = Math.floor((resumeLsn - SEGMENT_HEADER_BYTES - 1) / segment.bytes);
    for (let id = segment.id; id <= endId; id++) {
      if (!this.#gone.has(id) && this.#store.segment(id)?.index !== null) return false;
    }
    return true;
  }

  #doubtBatches(segment: Segment, entries: readonly number[]): void {
    const lost = new Set(entries);
    this.#walk(segment, entries[0] ?? 0, segment.bytes, (at, append) => {
      if (lost.has(at)) this.#doubtAppend(append);
      lost.delete(at);
      return lost.size > 0;
    });
  }

  #doubtAppend(append: AppendView): void {
    const { view, batchStart, batchEnd } = append;
    const most = (batchEnd - batchStart) * OFFSETS_PER_BYTE;
    const named = Math.max(
      batchLastOffsetDelta(view, batchStart) + 1,
      batchRecordCount(view, batchStart),
    );
    const count = named > 0 && named <= most ? named : most;
    for (let i = 0; i < append.targetCount; i++) {
      const from = append.baseOffsets[i] ?? 0;
      this.#doubt(append.partitions[i] ?? 0, from, from + count);
    }
  }

  #doubt(partition: number, from: number, to: number): void {
    this.#doubts.push({ partition, from, to });
  }

  /** Nothing here is sure: hints first, and if they do not suffice, everybody is in doubt. */
  #doubtBlock(segment: Segment, position: number, lostBytes: number): void {
    const before = new Map<number, number>();
    const endLsn = segment.id * segment.bytes + position + lostBytes;
    for (const { id, logEnd, lastLsn } of this.#ledger.partitions()) {
      if (lastLsn < endLsn) before.set(id, logEnd);
    }
    const ends = new Map(before);
    let isClear = true;
    const start = position + BLOCK_HEADER_BYTES;
    const stop = this.#walk(segment, start, position + lostBytes, (_at, append) => {
      isClear = this.#follow(append, ends) && isClear;
      return true;
    });
    // All of it was walked if the header can be read, and says so.
    isClear =
      isClear &&
      this.#scanner.hasHeader(segment, position) &&
      stop === position + this.#scanner.block.length &&
      pageAlign(this.#scanner.block.length) === lostBytes;
    for (const [id, from] of before) {
      const named = ends.get(id) ?? from;
      if (isClear && named === from) continue;
      this.#doubt(id, from, isClear ? named : Math.max(named, from + lostBytes * OFFSETS_PER_BYTE));
    }
  }

  /** Moves `ends` on. False: the entry is not what could be expected there. */
  #follow(append: AppendView, ends: Map<number, number>): boolean {
    const count = batchLastOffsetDelta(append.view, append.batchStart) + 1;
    if (count !== batchRecordCount(append.view, append.batchStart)) return false;
    for (let i = 0; i < append.targetCount; i++) {
      const id = append.partitions[i] ?? 0;
      const base = append.baseOffsets[i] ?? -1;
      if (ends.get(id) !== base) return false;
      // A flipped bit in the id may have made it another's: so whoever stands as far moves along.
      for (let bit = 0; bit < 32; bit++) {
        const other = (id ^ (1 << bit)) >>> 0;
        if (ends.get(other) === base) ends.set(other, base + count);
      }
      ends.set(id, base + count);
    }
    return true;
  }

  /**
   * Reads entries from file position `start` on, as far as they look like some. @returns where it ends.
   */
  #walk(
    segment: Segment,
    start: number,
    end: number,
    visit: (at: number, append: AppendView) => boolean,
  ): number {
    const bytes = new Uint8Array(Math.min(end, segment.bytes) - start);
    const count = segment.file.readSync(bytes, 0, bytes.length, start);
    const view = viewOf(bytes);
    const entry = new EntryView();
    const append = new AppendView();
    let at = 0;
    while (at + 8 <= count && isEntryHeader(view, at)) {
      const next = readEntry(bytes, view, at, count, entry);
      if (next < 0) break;
      if (entry.kind === EntryKind.append) {
        if (!readAppend(entry, append) || !visit(start + at, append)) break;
      }
      at = next;
    }
    return start + at;
  }
}

function isEntryHeader(view: DataView, at: number): boolean {
  const head = view.getUint32(at, true);
  return head > 0 && head <= 0xff;
}

/** The place at or after `lsn` where a block can begin with a page to spare. */
function placeFor(lsn: number, segmentBytes: number): number {
  const position = lsn % segmentBytes;
  const first = lsn - position;
  if (position < SEGMENT_HEADER_BYTES) return first + SEGMENT_HEADER_BYTES;
  if (segmentBytes - position > 4 * PAGE_BYTES) return lsn;
  return first + segmentBytes + SEGMENT_HEADER_BYTES;
}
