/**
 * The rows of one rewrite: every batch that is kept, once for each partition that keeps it.
 *
 * Owns: the columns, and the outputs as ranges of rows with their extents.
 * Leaves: which rows there are and where they go to `rewrite-plan.ts`.
 *
 * Rows are sorted by (partition, base offset); an output is a range of them.
 */
import { assert } from '../kernel/assert.ts';
import { GrowableF64, GrowableU32 } from '../kernel/grow.ts';
import type { BatchLocation } from './batch-index.ts';
import type { FooterSource } from './footer.ts';
import { SEGMENT_HEADER_BYTES } from './limits.ts';

export const RowMark = {
  /** Another segment's batches lie between the row and the one before it. */
  afterGap: 1,
  /** Its bytes are those of an earlier row of the same output. */
  placed: 2,
} as const;

export class RewriteRows {
  /** Place of the source in the list of sources, and of the batch in its file. */
  readonly sources: GrowableU32;
  readonly positions: GrowableU32;
  readonly sizes: GrowableU32;
  readonly partitions: GrowableU32;
  readonly lastDeltas: GrowableU32;
  readonly leaderEpochs: GrowableU32;
  readonly marks: GrowableU32;
  readonly baseOffsets: GrowableF64;
  readonly maxTimestamps: GrowableF64;
  /** Where the batch goes in the file of its output; one for each row that has been laid out. */
  readonly targets: GrowableU32;

  /** With room for `capacity` rows: ten columns that grow at the same row would take long. */
  constructor(capacity: number) {
    this.sources = new GrowableU32(capacity);
    this.positions = new GrowableU32(capacity);
    this.sizes = new GrowableU32(capacity);
    this.partitions = new GrowableU32(capacity);
    this.lastDeltas = new GrowableU32(capacity);
    this.leaderEpochs = new GrowableU32(capacity);
    this.marks = new GrowableU32(capacity);
    this.baseOffsets = new GrowableF64(capacity);
    this.maxTimestamps = new GrowableF64(capacity);
    this.targets = new GrowableU32(capacity);
  }

  get count(): number {
    return this.sizes.length;
  }

  // HOT: up to a million for each rewrite.
  push(source: number, partition: number, location: BatchLocation, mark: number): void {
    this.sources.push(source);
    this.positions.push(location.position);
    this.sizes.push(location.size);
    this.partitions.push(partition);
    this.lastDeltas.push(location.lastOffset - location.baseOffset);
    this.leaderEpochs.push(location.leaderEpoch);
    this.marks.push(mark);
    this.baseOffsets.push(location.baseOffset);
    this.maxTimestamps.push(location.maxTimestamp);
  }
}

/** An archive segment to be. */
export class RewriteOutput implements FooterSource {
  readonly rows: RewriteRows;
  readonly firstRow: number;
  endRow: number;
  /** Position after its last batch. */
  end: number = SEGMENT_HEADER_BYTES;
  readonly #partitions = new GrowableU32();
  /** The first row of each extent. */
  readonly #extentRows = new GrowableU32();

  constructor(rows: RewriteRows, firstRow: number) {
    this.rows = rows;
    this.firstRow = firstRow;
    this.endRow = firstRow;
  }

  get rowCount(): number {
    return this.endRow - this.firstRow;
  }

  get extentCount(): number {
    return this.#partitions.length;
  }

  /** The first offset of the extent that grows. */
  get lastExtentOffset(): number {
    return this.rows.baseOffsets.get(this.#extentRows.get(this.extentCount - 1));
  }

  /** The next row begins an extent. */
  beginExtent(partition: number): void {
    this.#partitions.push(partition);
    this.#extentRows.push(this.endRow);
  }

  partitions(): Uint32Array {
    return this.#partitions.values.subarray(0, this.extentCount);
  }

  rowCountOf(_partition: number, extent: number): number {
    const isLast = extent === this.extentCount - 1;
    const end = isLast ? this.endRow : this.#extentRows.get(extent + 1);
    return end - this.#extentRows.get(extent);
  }

  // HOT
  read(_partition: number, n: number, target: BatchLocation, extent: number): void {
    const { rows } = this;
    const row = this.#extentRows.get(extent) + n;
    assert(row < this.endRow, 'the row belongs to the output');
    target.position = rows.targets.get(row);
    target.size = rows.sizes.get(row);
    target.baseOffset = rows.baseOffsets.get(row);
    target.lastOffset = target.baseOffset + rows.lastDeltas.get(row);
    target.leaderEpoch = rows.leaderEpochs.get(row);
    target.maxTimestamp = rows.maxTimestamps.get(row);
  }
}
