/**
 * The ledger: which partitions there are, what entries do to them, and what of it is committed.
 *
 * Owns: the partitions, the log's own part of `apply`, the list of partitions that a group changes.
 * Leaves: blocks and commits to the pipeline, everything above partitions to the state machine.
 *
 * `apply` is blind: it reads its entry and the partitions which that entry names, nothing else. It is the
 * same live and at replay; a partition skips what its checkpoint includes (`lsn ≤ lastLsn`).
 */
import { assert } from '../kernel/assert.ts';
import { readInt64LittleEndian } from '../kernel/bytes.ts';
import { batchLastOffsetDelta, batchMaxTimestamp, batchSize } from '../record/batch.ts';
import { type BatchIndex, BatchLocation } from './batch-index.ts';
import { type AppendView, EntryKind, type EntryView } from './entry.ts';
import { type Extent, shareOf } from './extents.ts';
import { SEGMENT_HEADER_BYTES, SURVEY_SAMPLES } from './limits.ts';
import type { StateMachine } from './machine.ts';
import { PartitionLog } from './partition-log.ts';
import type { Segment } from './segment.ts';
import type { SegmentExtents } from './segment-extents.ts';
import type { SegmentStore } from './segment-store.ts';

/** A segment that extents move to, and what it holds. */
export interface MoveTarget {
  readonly segment: Segment;
  readonly extents: SegmentExtents;
  /** What of an extent's bytes it has for itself, on average. */
  readonly share: number;
}

export class Ledger {
  readonly #store: SegmentStore;
  readonly #partitions = new Map<number, PartitionLog>();
  /** Changed since the last cut, and by the group in flight. */
  #open: PartitionLog[] = [];
  #cut: PartitionLog[] = [];
  readonly #location = new BatchLocation();
  /** Replay of a journal with accepted losses: offsets may be missing. */
  permitsGaps = false;
  /** Offsets below `end` were given of a partition that there is not, or no more. */
  onUnknown: ((partition: number, end: number) => void) | null = null;
  /** The last extent of a segment is gone. */
  onSegmentDied: () => void = () => {};

  constructor(store: SegmentStore) {
    this.#store = store;
  }

  get partitionCount(): number {
    return this.#partitions.size;
  }

  partition(id: number): PartitionLog | undefined {
    return this.#partitions.get(id);
  }

  partitions(): IterableIterator<PartitionLog> {
    return this.#partitions.values();
  }

  /** A checkpoint's object. */
  restore(partition: PartitionLog): void {
    this.#partitions.set(partition.id, partition);
  }

  /** Applies an entry of the log's own kinds but `append`. */
  apply(entry: EntryView): void {
    const { view, start, lsn } = entry;
    const id = view.getUint32(start, true);
    const partition = this.#partitions.get(id);
    if (entry.kind === EntryKind.partitionCreated) {
      if (partition !== undefined) return;
      const created = new PartitionLog(id, readInt64LittleEndian(view, start + 8), lsn);
      this.#partitions.set(id, created);
      return this.#changed(created);
    }
    if (partition === undefined || lsn <= partition.lastLsn) return;
    if (entry.kind === EntryKind.partitionDeleted) {
      this.#partitions.delete(id);
      partition.isDeleted = true;
      partition.lastLsn = lsn;
    } else if (entry.kind === EntryKind.logStart) {
      const offset = readInt64LittleEndian(view, start + 8);
      if (this.permitsGaps) partition.skipTo(offset);
      partition.trim(lsn, offset);
    } else {
      assert(false, `entry kind ${entry.kind} is known`);
    }
    this.#changed(partition);
  }

  /** HOT, per batch. Applies an append to its targets that still exist. */
  applyAppend(append: AppendView): void {
    const lastDelta = batchLastOffsetDelta(append.view, append.batchStart);
    for (let i = 0; i < append.targetCount; i++) {
      const partition = this.#partitions.get(append.partitions[i]!);
      if (partition === undefined && this.onUnknown !== null) {
        this.onUnknown(append.partitions[i]!, append.baseOffsets[i]! + lastDelta + 1);
      }
      if (partition === undefined || append.lsn <= partition.lastLsn) continue;
      const baseOffset = append.baseOffsets[i]!;
      if (this.permitsGaps) partition.skipTo(baseOffset);
      partition.extend(append.lsn, baseOffset, baseOffset + lastDelta, append.epoch);
      this.#changed(partition);
    }
  }

  /**
   * HOT, per batch. Notes where an append lies. Apart from `applyAppend`, because a segment that has no
   * footer yet is indexed again at every start, applied or not.
   */
  locateAppend(append: AppendView, segment: Segment, index: BatchIndex): void {
    const location = this.#location;
    const { view, batchStart } = append;
    const lastDelta = batchLastOffsetDelta(view, batchStart);
    location.segmentId = segment.id;
    location.position = append.position;
    location.size = batchSize(view, batchStart);
    location.leaderEpoch = append.epoch;
    location.maxTimestamp = batchMaxTimestamp(view, batchStart);
    segment.batchBytes += location.size;
    const share = location.size / append.targetCount;
    for (let i = 0; i < append.targetCount; i++) {
      const partition = this.#partitions.get(append.partitions[i]!);
      if (partition === undefined) continue;
      location.baseOffset = append.baseOffsets[i]!;
      location.lastOffset = location.baseOffset + lastDelta;
      index.add(partition.id, location);
      const { extents } = partition;
      if (extents.last?.segmentId !== segment.id) segment.extentCount += 1;
      extents.append(
        segment.id,
        location.baseOffset,
        location.lastOffset,
        share,
        location.maxTimestamp,
      );
      segment.liveBytes += share;
    }
  }

  #changed(partition: PartitionLog): void {
    if (partition.isChanged) return;
    partition.isChanged = true;
    this.#open.push(partition);
  }

  /** The group is closed. */
  cut(): void {
    const cut = this.#cut;
    this.#cut = this.#open;
    this.#open = cut;
    for (const partition of this.#cut) {
      partition.isChanged = false;
      partition.cut();
    }
  }

  /** The group is durable: its partitions show it. Returns them; valid until the next cut. */
  expose(): readonly PartitionLog[] {
    for (const partition of this.#cut) {
      partition.expose();
      if (partition.isGone) this.#forgetExtents(partition, Number.MAX_SAFE_INTEGER);
      else if ((partition.extents.first?.firstOffset ?? Infinity) < partition.visibleStart) {
        this.#forgetExtents(partition, partition.visibleStart);
      }
    }
    return this.#cut;
  }

  /** The caller has seen the exposed partitions. */
  exposed(): void {
    this.#cut.length = 0;
  }

  /** Drops what lies below `offset`, and lowers the live bytes of the segments. */
  #forgetExtents(partition: PartitionLog, offset: number): void {
    partition.extents.dropBefore(offset, this.#dropped);
    const first = partition.extents.first;
    if (first === undefined || first.firstOffset >= offset) return;
    this.#lowerLive(first, shareOf(first, offset, first.lastOffset));
  }

  readonly #dropped = (extent: Extent): void => {
    const segment = this.#store.segment(extent.segmentId);
    if (segment === undefined) return;
    segment.liveBytes -= extent.live;
    segment.extentCount -= 1;
    assert(segment.extentCount >= 0, 'an extent is dropped once');
    if (segment.extentCount === 0) this.onSegmentDied();
  };

  #lowerLive(extent: Extent, live: number): void {
    if (live >= extent.live) return;
    const segment = this.#store.segment(extent.segmentId);
    if (segment !== undefined) segment.liveBytes -= extent.live - live;
    extent.live = live;
  }

  /** Offsets [first, last] will not be read again though they lie above the log start. */
  noteDead(id: number, first: number, last: number): void {
    const partition = this.#partitions.get(id);
    if (partition === undefined) return;
    const { extents } = partition;
    for (let i = extents.find(first); i < extents.count; i++) {
      const extent = extents.at(i);
      if (extent === undefined || extent.firstOffset > last) return;
      this.#lowerLive(extent, Math.max(0, extent.live - shareOf(extent, first, last)));
    }
  }

  /** Notes that sealed `segment` holds `extents`; those of partitions that are gone are dead. */
  attach(segment: Segment, extents: SegmentExtents): void {
    let sum = 0;
    for (let i = 0; i < extents.count; i++) sum += extents.bytes[i]!;
    // A batch that partitions share is counted by each of them, and lies there once.
    segment.batchBytes = Math.min(sum, segment.blocksEnd - SEGMENT_HEADER_BYTES);
    const share = sum === 0 ? 0 : segment.batchBytes / sum;
    for (let i = 0; i < extents.count; i++) {
      const partition = this.#partitions.get(extents.partitions[i]!);
      if (partition === undefined || extents.lastOffsets[i]! < partition.logStart) continue;
      this.#insert(partition, segment, extents, i, share);
    }
  }

  #insert(
    partition: PartitionLog,
    segment: Segment,
    extents: SegmentExtents,
    i: number,
    share: number,
  ): void {
    const bytes = extents.bytes[i]! * share;
    partition.extents.insert({
      segmentId: segment.id,
      firstOffset: extents.firstOffsets[i]!,
      lastOffset: extents.lastOffsets[i]!,
      bytes,
      live: bytes,
      maxTimestamp: extents.maxTimestamps[i]!,
    });
    segment.extentCount += 1;
    segment.liveBytes += bytes;
    if (this.permitsGaps) partition.skipTo(extents.lastOffsets[i]! + 1);
  }

  /**
   * What `sources` hold of partition `id` lies in `targets` now: its extents there give way. A deleted
   * partition keeps its extents until that is committed, then all of them go.
   */
  move(id: number, sources: ReadonlySet<number>, targets: readonly MoveTarget[]): void {
    const partition = this.#partitions.get(id);
    if (partition === undefined) return;
    partition.extents.removeSegments(sources, this.#dropped);
    for (const { segment, extents, share } of targets) {
      const first = extents.find(id, partition.visibleStart);
      for (let i = first; extents.partitions[i] === id; i++) {
        this.#insert(partition, segment, extents, i, share);
      }
    }
    this.#forgetExtents(partition, partition.visibleStart);
  }

  /** Lowers the live bytes of what `segment` holds of partition `id` from `first` on by samples. */
  survey(segment: Segment, id: number, first: number, machine: StateMachine): void {
    const partition = this.#partitions.get(id);
    if (partition === undefined) return;
    const from = Math.max(first, partition.visibleStart);
    const extent = partition.extents.at(partition.extents.find(from));
    if (extent?.segmentId !== segment.id) return;
    const start = Math.max(from, extent.firstOffset);
    const width = (extent.lastOffset - start + 1) / SURVEY_SAMPLES;
    let alive = 0;
    for (let i = 0; i < SURVEY_SAMPLES; i++) {
      const offset = start + Math.floor((i + 0.5) * width);
      if (!machine.isDead(id, offset, offset)) alive += 1;
    }
    const share = shareOf(extent, start, extent.lastOffset);
    this.#lowerLive(extent, (share * alive) / SURVEY_SAMPLES);
  }

  /** After replay: everything found is committed, and nothing below the log starts counts. */
  exposeAll(): void {
    for (const partition of this.#open) {
      if (partition.isDeleted) this.#forgetExtents(partition, Number.MAX_SAFE_INTEGER);
    }
    for (const partition of this.#partitions.values()) {
      partition.isChanged = false;
      partition.cut();
      partition.expose();
      this.#forgetExtents(partition, partition.logStart);
    }
    this.#open.length = 0;
    this.#cut.length = 0;
    this.permitsGaps = false;
  }
}
