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
import { PartitionLog } from './partition-log.ts';
import type { Segment } from './segment.ts';
import type { SegmentExtents } from './segment-extents.ts';
import type { SegmentStore } from './segment-store.ts';

export class Ledger {
  readonly #store: SegmentStore;
  readonly #partitions = new Map<number, PartitionLog>();
  /** Changed since the last cut, and by the group in flight. */
  #open: PartitionLog[] = [];
  #cut: PartitionLog[] = [];
  readonly #location = new BatchLocation();
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
      partition.trim(lsn, readInt64LittleEndian(view, start + 8));
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
      if (partition === undefined || append.lsn <= partition.lastLsn) continue;
      const baseOffset = append.baseOffsets[i]!;
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
      if (partition.isDeleted) this.#forgetExtents(partition, Number.MAX_SAFE_INTEGER);
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
    for (let i = 0; i < extents.count; i++) {
      const bytes = extents.bytes[i] ?? 0;
      segment.batchBytes += bytes;
      const partition = this.#partitions.get(extents.partitions[i] ?? 0);
      const lastOffset = extents.lastOffsets[i] ?? 0;
      if (partition === undefined || lastOffset < partition.logStart) continue;
      partition.extents.insert({
        segmentId: segment.id,
        firstOffset: extents.firstOffsets[i] ?? 0,
        lastOffset,
        bytes,
        live: bytes,
        maxTimestamp: extents.maxTimestamps[i] ?? 0,
      });
      segment.extentCount += 1;
      segment.liveBytes += bytes;
    }
  }

  /** `sources` have been rewritten: their extents give way to those of `target`. */
  replace(
    sources: readonly Segment[],
    target: Segment | null,
    extents: SegmentExtents | null,
  ): void {
    const ids = new Set(sources.map((segment) => segment.id));
    for (const partition of this.#partitions.values()) partition.extents.removeSegments(ids);
    for (const segment of sources) {
      segment.extentCount = 0;
      segment.liveBytes = 0;
    }
    if (target !== null && extents !== null) this.attach(target, extents);
    this.onSegmentDied();
  }

  /** After replay: everything found is committed, and nothing below the log starts counts. */
  exposeAll(): void {
    for (const partition of this.#partitions.values()) {
      partition.isChanged = false;
      partition.cut();
      partition.expose();
      this.#forgetExtents(partition, partition.logStart);
    }
    this.#open.length = 0;
    this.#cut.length = 0;
  }
}
