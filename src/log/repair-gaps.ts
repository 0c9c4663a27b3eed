/**
 * The offsets that a damaged place of the journal has taken, by what is left on both sides of it.
 *
 * Owns: walking a partition's batches around the place. Leaves: sealed segments to their footers.
 */
import { BatchLocation } from './batch-index.ts';
import type { BlockLoss } from './losses.ts';
import type { PartitionLog } from './partition-log.ts';
import type { LostRange } from './repair-segment.ts';
import type { SegmentStore } from './segment-store.ts';

/** Offsets of `partition` that lie between two batches, or behind the last, of which `loss` lies between. */
export function gapsOf(partition: PartitionLog, store: SegmentStore, loss: BlockLoss): LostRange[] {
  const { segmentBytes } = store;
  const lossLsn = loss.segment * segmentBytes + loss.position;
  const gaps: LostRange[] = [];
  let end = partition.logStart;
  let endLsn = -1;
  const meet = (lsn: number, first: number, next: number): void => {
    if (first > end && endLsn < loss.resumeLsn && lsn > lossLsn) {
      gaps.push({ partition: partition.id, first: end, last: first - 1 });
    }
    end = Math.max(end, next);
    endLsn = lsn;
  };
  const location = new BatchLocation();
  for (const extent of partition.extents) {
    const segment = store.segment(extent.segmentId);
    if (segment === undefined) continue;
    const { index } = segment;
    if (index === null) {
      meet(segment.isArchive ? -1 : segment.endLsn, extent.firstOffset, extent.lastOffset + 1);
      continue;
    }
    const rows = index.rowCountOf(partition.id);
    for (let row = 0; row < rows; row++) {
      index.read(partition.id, row, location);
      const lsn = segment.id * segmentBytes + location.position;
      meet(lsn, location.baseOffset, location.lastOffset + 1);
    }
  }
  meet(Number.MAX_SAFE_INTEGER, partition.logEnd, partition.logEnd);
  return gaps;
}
