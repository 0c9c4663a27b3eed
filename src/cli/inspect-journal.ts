/**
 * Scanning the blocks of a journal, damaged or not, while somebody may be writing it.
 *
 * Owns: following the chain through the segments, telling its end from damage, finding where sound
 * bytes begin again.
 * Leaves: what blocks look like to log/, what their entries mean to inspect-state.ts.
 *
 * Unlike recovery it goes on behind damage. An unreadable place is damage when the segment is sealed,
 * or when a later block says that the journal was durable beyond it; else it is the end. A place is
 * read again before it is judged: a running broker may have been writing it.
 */

import { entryTable } from '../broker/index.ts';
import { BLOCK_HEADER_BYTES, BlockFlag, pageAlign } from '../log/block.ts';
import { BlockScanner, type ScannedSegment } from '../log/block-scan.ts';
import { type AppendView, EntryKind, type EntryView } from '../log/entry.ts';
import { PAGE_BYTES, SEGMENT_HEADER_BYTES } from '../log/limits.ts';
import type { BlockReport, Damage, JournalReport } from './inspect-report.ts';

export interface JournalSegment extends ScannedSegment {
  readonly path: string;
  /** Where its last block ends, if the manifest names it; else null. */
  readonly sealedEnd: number | null;
}

export interface JournalVisitor {
  onBlock(block: BlockReport): void;
  onEntry(entry: EntryView): void;
  onAppend(append: AppendView): void;
  onDamage(damage: Damage, segmentId: number): void;
}

/** Of one segment. */
export interface ScannedBlocks {
  readonly blocks: number;
  readonly batches: number;
  readonly end: number;
}

export interface ScannedJournal {
  readonly journal: JournalReport | null;
  /** By segment id. */
  readonly segments: ReadonlyMap<number, ScannedBlocks>;
}

const kindNames = new Map<number, string>([
  [EntryKind.append, 'append'],
  [EntryKind.partitionCreated, 'partition-created'],
  [EntryKind.partitionDeleted, 'partition-deleted'],
  [EntryKind.logStart, 'log-start'],
  ...entryTable.map(({ kind, name }): [number, string] => [kind, name]),
]);

const flagNames: readonly (readonly [number, string])[] = [
  [BlockFlag.clean, 'clean'],
  [BlockFlag.epochBegin, 'epoch-begin'],
  [BlockFlag.touch, 'touch'],
];

/** `segments` in the order of their ids; ids that are missing in between were given up. */
export class JournalScan {
  readonly #segments: readonly JournalSegment[];
  readonly #visitor: JournalVisitor;
  readonly #scanner = new BlockScanner();
  readonly #scanned = new Map<number, ScannedBlocks>();
  readonly #entries: Record<string, number> = {};
  #blocks = 0;
  #startLsn = -1;
  #endLsn = -1;
  #durableLsn = 0;
  /** Of the last sound block; a null crc: the chain is interrupted, any block may follow. */
  #crc: number | null = null;
  #epoch = 0;
  #flags = 0;

  constructor(segments: readonly JournalSegment[], visitor: JournalVisitor) {
    this.#segments = segments;
    this.#visitor = visitor;
  }

  run(): ScannedJournal {
    this.#segments.forEach((segment, index) => {
      if (this.#segments[index - 1]?.id !== segment.id - 1) this.#crc = null;
      this.#scanSegment(segment, index);
    });
    const journal: JournalReport = {
      startLsn: this.#startLsn,
      endLsn: this.#endLsn,
      durableLsn: this.#durableLsn,
      epoch: this.#epoch,
      blocks: this.#blocks,
      entries: this.#entries,
      isClean: (this.#flags & BlockFlag.clean) !== 0,
    };
    return { journal: this.#blocks === 0 ? null : journal, segments: this.#scanned };
  }

  #scanSegment(segment: JournalSegment, index: number): void {
    const limit = segment.sealedEnd ?? segment.bytes;
    let position: number = SEGMENT_HEADER_BYTES;
    let blocks = 0;
    let batches = 0;
    while (position < limit) {
      if (this.#follows(segment, position)) {
        batches += this.#take(segment, position);
        blocks += 1;
        position += pageAlign(this.#scanner.block.length);
        continue;
      }
      const next = this.#skip(segment, position, index);
      if (next === null) break;
      position = next;
    }
    this.#scanned.set(segment.id, { blocks, batches, end: position });
  }

  /** A sound block that continues the chain. Looked at twice: it may just be being written. */
  #follows(segment: JournalSegment, position: number): boolean {
    for (let look = 0; look < 2; look++) {
      if (look > 0) this.#scanner.reset();
      if (!this.#scanner.readBlock(segment, position)) continue;
      const { previousCrc, epoch } = this.#scanner.block;
      if (this.#crc === null || (previousCrc === this.#crc && epoch >= this.#epoch)) return true;
    }
    return false;
  }

  /** Reports the block that was just read, and its entries. @returns how many batches it holds */
  #take(segment: JournalSegment, position: number): number {
    const { block } = this.#scanner;
    this.#crc = block.crc;
    this.#epoch = block.epoch;
    this.#flags = block.flags;
    this.#durableLsn = Math.max(this.#durableLsn, block.durableLsn);
    if (this.#startLsn === -1) this.#startLsn = block.lsn;
    this.#endLsn = block.lsn + pageAlign(block.length);
    this.#blocks += 1;
    const entries: Record<string, number> = {};
    const count = (kind: number): void => {
      const name = kindNames.get(kind) ?? `kind-${kind}`;
      entries[name] = (entries[name] ?? 0) + 1;
      this.#entries[name] = (this.#entries[name] ?? 0) + 1;
    };
    let batches = 0;
    this.#scanner.entries(
      segment.id,
      (entry) => {
        count(entry.kind);
        this.#visitor.onEntry(entry);
      },
      (append) => {
        count(EntryKind.append);
        batches += 1;
        this.#visitor.onAppend(append);
      },
    );
    this.#visitor.onBlock({
      lsn: block.lsn,
      file: segment.path,
      position,
      bytes: Math.max(block.length, BLOCK_HEADER_BYTES),
      epoch: block.epoch,
      durableLsn: block.durableLsn,
      time: block.time,
      flags: flagNames.filter(([flag]) => (block.flags & flag) !== 0).map(([, name]) => name),
      entries,
    });
    return batches;
  }

  /** At an unreadable place: where to go on, null when the segment ends here rightly. */
  #skip(segment: JournalSegment, position: number, index: number): number | null {
    if (segment.sealedEnd !== null) return this.#skipDamage(segment, position, segment.sealedEnd);
    if (this.#continuesIn(this.#segments[index + 1], segment.id + 1)) return null;
    const endLsn = segment.id * segment.bytes + position;
    if ((this.#flags & BlockFlag.clean) !== 0) return null;
    if (Math.max(this.#durableLsn, this.#durableBeyond(index, position)) <= endLsn) return null;
    // Another look: what is durable beyond may have been written after the first one.
    if (this.#follows(segment, position)) return position;
    return this.#skipDamage(segment, position, segment.bytes);
  }

  #continuesIn(next: JournalSegment | undefined, id: number): boolean {
    return next?.id === id && this.#follows(next, SEGMENT_HEADER_BYTES);
  }

  /** Reports [position, the next sound block). @returns where that is, null: none before `limit` */
  #skipDamage(segment: JournalSegment, position: number, limit: number): number | null {
    this.#crc = null;
    let at = position + PAGE_BYTES;
    while (at < limit && !this.#scanner.readBlock(segment, at)) at += PAGE_BYTES;
    const end = at < limit ? at : null;
    const what = 'no readable block';
    const damage = { file: segment.path, position, end: end ?? segment.sealedEnd, what };
    this.#visitor.onDamage(damage, segment.id);
    return end;
  }

  /** The highest durable LSN that a sound block behind `position` names, in this epoch or a later one. */
  #durableBeyond(index: number, position: number): number {
    let highest = 0;
    let at = position;
    let id = this.#segments[index]?.id ?? 0;
    for (const segment of this.#segments.slice(index)) {
      if (segment.id !== id++) break;
      for (; at < segment.bytes; at += PAGE_BYTES) {
        if (!this.#scanner.hasHeader(segment, at)) continue;
        if (this.#scanner.block.epoch < this.#epoch) continue;
        if (!this.#scanner.readBlock(segment, at)) continue;
        highest = Math.max(highest, this.#scanner.block.durableLsn);
      }
      at = SEGMENT_HEADER_BYTES;
    }
    return highest;
  }
}
