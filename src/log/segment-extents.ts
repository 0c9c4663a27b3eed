/**
 * Extents: what a sealed segment holds of each partition, as columns.
 *
 * Owns: the columns and the 44 bytes of an extent, shared by footers and the manifest.
 * Invariants: partitions ascending, and the extents of one partition by offset, without overlap; 0 <=
 * first offset <= last offset; min epoch <= max epoch. A journal segment has one extent for each
 * partition; an archive may hold what lies before and behind a segment that was not rewritten.
 *
 *   off  size  field (little-endian)
 *   0    4     partition
 *   4    4     lowest leader epoch
 *   8    4     highest leader epoch
 *   12   8     first offset
 *   20   8     last offset, inclusive
 *   28   8     batch bytes
 *   36   8     highest timestamp, Unix ms, signed
 */

import { assert } from '../kernel/assert.ts';
import { isExact, readInt64LittleEndian, writeInt64LittleEndian } from '../kernel/bytes.ts';
import { lowerBound } from '../kernel/grow.ts';

export const EXTENT_BYTES = 44;

/** One block of memory with a column per field: segments times partitions is too many for objects. */
export class SegmentExtents {
  readonly count: number;
  readonly firstOffsets: Float64Array;
  /** Inclusive. */
  readonly lastOffsets: Float64Array;
  readonly bytes: Float64Array;
  readonly maxTimestamps: Float64Array;
  readonly partitions: Uint32Array;
  readonly minEpochs: Uint32Array;
  readonly maxEpochs: Uint32Array;

  constructor(count: number) {
    const memory = new ArrayBuffer(count * EXTENT_BYTES);
    this.count = count;
    this.firstOffsets = new Float64Array(memory, 0, count);
    this.lastOffsets = new Float64Array(memory, count * 8, count);
    this.bytes = new Float64Array(memory, count * 16, count);
    this.maxTimestamps = new Float64Array(memory, count * 24, count);
    this.partitions = new Uint32Array(memory, count * 32, count);
    this.minEpochs = new Uint32Array(memory, count * 36, count);
    this.maxEpochs = new Uint32Array(memory, count * 40, count);
  }

  /** The index of the first extent of `partition` that ends at or after `offset`, or -1. */
  find(partition: number, offset: number): number {
    let index = lowerBound(this.partitions, this.count, partition);
    while (this.#isBefore(index, partition, offset)) index++;
    return index < this.count && this.partitions[index] === partition ? index : -1;
  }

  #isBefore(index: number, partition: number, offset: number): boolean {
    if (index >= this.count || this.partitions[index] !== partition) return false;
    return this.lastOffsets[index]! < offset;
  }
}

/** `view` has `EXTENT_BYTES` at `position`. */
// HOT: 10 000 per sealed segment.
export function writeExtent(
  view: DataView,
  position: number,
  extents: SegmentExtents,
  index: number,
): void {
  view.setUint32(position, extents.partitions[index]!, true);
  view.setUint32(position + 4, extents.minEpochs[index]!, true);
  view.setUint32(position + 8, extents.maxEpochs[index]!, true);
  writeInt64LittleEndian(view, position + 12, extents.firstOffsets[index]!);
  writeInt64LittleEndian(view, position + 20, extents.lastOffsets[index]!);
  writeInt64LittleEndian(view, position + 28, extents.bytes[index]!);
  writeInt64LittleEndian(view, position + 36, extents.maxTimestamps[index]!);
}

/**
 * Reads an extent into `extents` at `index`; those before it have been read.
 * @returns false when it breaks an invariant.
 */
// HOT
export function readExtent(
  view: DataView,
  position: number,
  extents: SegmentExtents,
  index: number,
): boolean {
  assert(index < extents.count, 'extent inside its columns');
  const partition = view.getUint32(position, true);
  const firstOffset = readInt64LittleEndian(view, position + 12);
  const lastOffset = readInt64LittleEndian(view, position + 20);
  const bytes = readInt64LittleEndian(view, position + 28);
  const maxTimestamp = readInt64LittleEndian(view, position + 36);
  extents.partitions[index] = partition;
  extents.minEpochs[index] = view.getUint32(position + 4, true);
  extents.maxEpochs[index] = view.getUint32(position + 8, true);
  extents.firstOffsets[index] = firstOffset;
  extents.lastOffsets[index] = lastOffset;
  extents.bytes[index] = bytes;
  extents.maxTimestamps[index] = maxTimestamp;
  if (index > 0 && !follows(extents, index, partition, firstOffset)) return false;
  if (firstOffset < 0 || firstOffset > lastOffset || !isExact(lastOffset)) return false;
  if (extents.minEpochs[index]! > extents.maxEpochs[index]!) return false;
  return bytes >= 0 && isExact(bytes) && isExact(maxTimestamp);
}

function follows(
  extents: SegmentExtents,
  index: number,
  partition: number,
  firstOffset: number,
): boolean {
  const previous = extents.partitions[index - 1]!;
  return (
    previous < partition ||
    (previous === partition && extents.lastOffsets[index - 1]! < firstOffset)
  );
}
