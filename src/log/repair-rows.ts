/**
 * The footer rows of a journal segment, found again in its blocks.
 *
 * Owns: the walk over the blocks, damaged ones left out; which batches the footer had rows for.
 */
import type { DiskFile } from '../kernel/ports.ts';
import { batchLastOffsetDelta, batchMaxTimestamp, batchSize } from '../record/batch.ts';
import { BatchLocation } from './batch-index.ts';
import { pageAlign } from './block.ts';
import { BlockScanner } from './block-scan.ts';
import type { AppendView } from './entry.ts';
import { PAGE_BYTES, SEGMENT_HEADER_BYTES } from './limits.ts';
import type { SealedSegment } from './manifest-record.ts';

/** Rows by extent of `sealed`, each extent's in order. */
export function rowsFromBlocks(
  file: DiskFile,
  segmentBytes: number,
  sealed: SealedSegment,
): BatchLocation[][] {
  const { extents, id } = sealed;
  const rows: BatchLocation[][] = Array.from({ length: extents.count }, () => []);
  const scanner = new BlockScanner();
  const segment = { id, bytes: segmentBytes, file };
  const take = (append: AppendView): void => {
    for (let i = 0; i < append.targetCount; i++) {
      const location = locationOf(append, i);
      // Of partitions that were gone when the footer was made it has no rows.
      const extent = extents.find(append.partitions[i] ?? 0, location.baseOffset);
      if (extent >= 0) rows[extent]?.push(location);
    }
  };
  for (let at = SEGMENT_HEADER_BYTES; at < sealed.blocksEnd; ) {
    if (!scanner.readBlock(segment, at)) {
      at += PAGE_BYTES;
      continue;
    }
    scanner.entries(id, ignore, take);
    at += pageAlign(scanner.block.length);
  }
  return rows;
}

function locationOf(append: AppendView, target: number): BatchLocation {
  const { view, batchStart } = append;
  const location = new BatchLocation();
  location.segmentId = append.segmentId;
  location.position = append.position;
  location.size = batchSize(view, batchStart);
  location.baseOffset = append.baseOffsets[target] ?? 0;
  location.lastOffset = location.baseOffset + batchLastOffsetDelta(view, batchStart);
  location.leaderEpoch = append.epoch;
  location.maxTimestamp = batchMaxTimestamp(view, batchStart);
  return location;
}

function ignore(): void {}
