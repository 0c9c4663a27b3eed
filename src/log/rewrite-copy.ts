/**
 * The copy of a rewrite: the batches of one output, from the sources' files into its own.
 *
 * Owns: windows and their buffers, reads and writes of at most 1 MB, the check of every batch.
 * Leaves: where batches go to the plan, footer and durability to `rewrite.ts`.
 *
 * An output is put together in memory, a window at a time. For a window the sources are read from
 * front to back, a piece for each stretch in which batches of the window begin:
 *
 *   source   |· ·A·   ·C  |   B    ·|      stretches of 512 KB
 *                 \  │    ___/
 *   window   |A B C …|                     sorted by partition, then written from front to back
 */
import { assert } from '../kernel/assert.ts';
import { viewOf } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { DiskError, DiskFile } from '../kernel/ports.ts';
import {
  batchCrc,
  batchHeaderBytes,
  batchMagic,
  batchSize,
  batchUnsummedBytes,
  batchVersion,
} from '../record/batch.ts';
import { checkBatch } from './block.ts';
import { REWRITE_IO_BYTES, REWRITE_WINDOW_BYTES } from './limits.ts';
import type { RewritePace } from './rewrite-pace.ts';
import { type RewriteOutput, RowMark } from './rewrite-rows.ts';
import { runInSlices, type SlicePorts, type Stoppable } from './rewrite-slices.ts';
import type { RewriteSource } from './rewrite-source.ts';
import { storageDamaged, storageFailed } from './storage-fault.ts';

/** A batch up to this size is read with its stretch, which is as long: both together are one read. */
const STRETCH_BYTES = REWRITE_IO_BYTES / 2;
/** Rows of one step. */
const STEP_ROWS = 1024;

/** What went wrong: reading a source, or writing the output. */
export type CopyFault =
  | { readonly kind: 'source'; readonly source: RewriteSource; readonly error: BrokerError }
  | { readonly kind: 'target'; readonly error: DiskError };

export interface CopyParts {
  readonly ports: SlicePorts;
  readonly owner: Stoppable;
  readonly pace: RewritePace;
  readonly sources: readonly RewriteSource[];
  readonly buffers: CopyBuffers;
}

/** The memory of one rewrite, used for all its outputs. */
export class CopyBuffers {
  window: Uint8Array = new Uint8Array(0);
  readonly piece: Uint8Array = new Uint8Array(REWRITE_IO_BYTES);
  readonly pieceView: DataView = viewOf(this.piece);

  /** Makes the window at least `bytes` long. */
  reserve(bytes: number): void {
    if (this.window.length < bytes) this.window = new Uint8Array(bytes);
  }
}

export class OutputCopy {
  readonly #parts: CopyParts;
  readonly #output: RewriteOutput;
  readonly #file: DiskFile;
  readonly #done: (fault: CopyFault | null) => void;
  /** The window: rows [#firstRow, #endRow), which lie in [#start, #end) of the output's file. */
  #firstRow = 0;
  #endRow = 0;
  #start = 0;
  #end = 0;
  /** The window's rows ordered by stretch, and where each stretch's rows begin. */
  #order: Uint32Array = new Uint32Array(0);
  readonly #stretchStarts: Uint32Array;
  readonly #stretchesPerSource: number;

  constructor(
    parts: CopyParts,
    output: RewriteOutput,
    file: DiskFile,
    segmentBytes: number,
    done: (fault: CopyFault | null) => void,
  ) {
    this.#parts = parts;
    this.#output = output;
    this.#file = file;
    this.#done = done;
    this.#stretchesPerSource = Math.ceil(segmentBytes / STRETCH_BYTES);
    this.#stretchStarts = new Uint32Array(parts.sources.length * this.#stretchesPerSource + 1);
  }

  run(): void {
    this.#nextWindow(this.#output.firstRow);
  }

  #isPlaced(row: number): boolean {
    return (this.#output.rows.marks.get(row) & RowMark.placed) !== 0;
  }

  /** As many rows from `firstRow` on as fit, one at least. */
  #nextWindow(firstRow: number): void {
    const { targets, sizes } = this.#output.rows;
    if (firstRow === this.#output.endRow) return this.#done(null);
    this.#firstRow = firstRow;
    this.#start = -1;
    let row = firstRow;
    const step = (): boolean => {
      const limit = Math.min(row + STEP_ROWS, this.#output.endRow);
      for (; row < limit; row++) {
        if (this.#isPlaced(row)) continue;
        const end = targets.get(row) + sizes.get(row);
        if (this.#start < 0) this.#start = targets.get(row);
        else if (end - this.#start > REWRITE_WINDOW_BYTES) return false;
        this.#end = end;
      }
      return row < this.#output.endRow;
    };
    runInSlices(this.#parts.ports, this.#parts.owner, step, () => {
      this.#endRow = row;
      if (this.#start < 0) return this.#nextWindow(row);
      this.#parts.buffers.reserve(this.#end - this.#start);
      this.#sort();
    });
  }

  #stretchOf(row: number): number {
    const { sources, positions } = this.#output.rows;
    const stretch = Math.floor(positions.get(row) / STRETCH_BYTES);
    return sources.get(row) * this.#stretchesPerSource + stretch;
  }

  /** A counting sort by stretch: counts, sums, places. */
  #sort(): void {
    const starts = this.#stretchStarts.fill(0);
    this.#order = new Uint32Array(this.#endRow - this.#firstRow);
    this.#eachRow(
      (row) => {
        starts[this.#stretchOf(row) + 1]! += 1;
      },
      () => {
        for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
        const next = starts.slice();
        this.#eachRow(
          (row) => {
            this.#order[next[this.#stretchOf(row)]!++] = row;
          },
          () => this.#fill(0),
        );
      },
    );
  }

  /** Visits the window's rows that bring bytes. */
  #eachRow(visit: (row: number) => void, done: () => void): void {
    let row = this.#firstRow;
    const step = (): boolean => {
      const limit = Math.min(row + STEP_ROWS, this.#endRow);
      for (; row < limit; row++) if (!this.#isPlaced(row)) visit(row);
      return row < this.#endRow;
    };
    runInSlices(this.#parts.ports, this.#parts.owner, step, done);
  }

  /** Brings the batches of the stretches from `stretch` on. */
  #fill(stretch: number): void {
    const starts = this.#stretchStarts;
    let at = stretch;
    while (at < starts.length - 1 && starts[at] === starts[at + 1]) at++;
    if (at === starts.length - 1) return this.#write(this.#start);
    const source = this.#parts.sources[Math.floor(at / this.#stretchesPerSource)];
    assert(source !== undefined, 'a stretch lies in a source');
    this.#fillSmall(source, at, () => this.#fillLarge(source, at, starts[at]!));
  }

  /** Reads over all batches of the stretch that fit into a piece. */
  #fillSmall(source: RewriteSource, stretch: number, next: () => void): void {
    const { positions, sizes } = this.#output.rows;
    const rowsEnd = this.#stretchStarts[stretch + 1]!;
    let start = Number.POSITIVE_INFINITY;
    let end = 0;
    for (let i = this.#stretchStarts[stretch]!; i < rowsEnd; i++) {
      const row = this.#order[i]!;
      if (sizes.get(row) > STRETCH_BYTES) continue;
      start = Math.min(start, positions.get(row));
      end = Math.max(end, positions.get(row) + sizes.get(row));
    }
    if (end === 0) return next();
    const { piece } = this.#parts.buffers;
    this.#read(source, piece, 0, end - start, start, () => {
      for (let i = this.#stretchStarts[stretch]!; i < rowsEnd; i++) {
        const row = this.#order[i]!;
        if (sizes.get(row) > STRETCH_BYTES) continue;
        if (!this.#copySmall(row, positions.get(row) - start)) {
          return this.#damaged(source, positions.get(row));
        }
      }
      next();
    });
  }

  /** Copies the batch of `row`, which lies at `from` in the piece. False: it is not sound. */
  #copySmall(row: number, from: number): boolean {
    const { piece, pieceView, window } = this.#parts.buffers;
    const { sizes, targets } = this.#output.rows;
    const size = sizes.get(row);
    const end = from + size;
    if (!isBatchOf(pieceView, from, size) || !checkBatch(piece, pieceView, from, end)) return false;
    window.set(piece.subarray(from, end), targets.get(row) - this.#start);
    return true;
  }

  /** The large batches of the stretch, from place `i` of the order on, are read where they go. */
  #fillLarge(source: RewriteSource, stretch: number, i: number): void {
    const { positions, sizes, targets } = this.#output.rows;
    const end = this.#stretchStarts[stretch + 1]!;
    let place = i;
    while (place < end && sizes.get(this.#order[place]!) <= STRETCH_BYTES) place++;
    if (place === end) {
      this.#parts.ports.scheduler.nextSlice(() => {
        if (!this.#parts.owner.isStopped) this.#fill(stretch + 1);
      });
      return;
    }
    const row = this.#order[place]!;
    const next = (): void => this.#fillLarge(source, stretch, place + 1);
    const size = sizes.get(row);
    const position = positions.get(row);
    const at = targets.get(row) - this.#start;
    const { window } = this.#parts.buffers;
    const view = viewOf(window);
    let crc = 0;
    const readFrom = (done: number): void => {
      if (done === size) {
        if (crc !== batchCrc(view, at)) return this.#damaged(source, position);
        return next();
      }
      const length = Math.min(REWRITE_IO_BYTES, size - done);
      this.#read(source, window, at + done, length, position + done, () => {
        if (done === 0 && !isBatchOf(view, at, size)) return this.#damaged(source, position);
        const from = at + Math.max(done, batchUnsummedBytes);
        crc = crc32c(window, from, at + done + length, crc);
        readFrom(done + length);
      });
    };
    readFrom(0);
  }

  #read(
    source: RewriteSource,
    target: Uint8Array,
    start: number,
    length: number,
    position: number,
    next: () => void,
  ): void {
    const { owner, pace } = this.#parts;
    const { file } = source.segment;
    pace.spend(length, () => {
      if (owner.isStopped) return;
      file.read(target, start, length, position, (error, count) => {
        if (owner.isStopped) return;
        if (error !== null) {
          return this.#done({ kind: 'source', source, error: storageFailed(error) });
        }
        if (count === length) return next();
        const end = storageDamaged(file.path, position + count, 'the file ends here');
        this.#done({ kind: 'source', source, error: end });
      });
    });
  }

  #damaged(source: RewriteSource, position: number): void {
    const { path } = source.segment.file;
    const error = storageDamaged(path, position, 'no sound batch where the footer names one');
    this.#done({ kind: 'source', source, error });
  }

  /** Writes the window from `position` of the file on. */
  #write(position: number): void {
    const { owner, pace, buffers } = this.#parts;
    if (position === this.#end) return this.#nextWindow(this.#endRow);
    const length = Math.min(REWRITE_IO_BYTES, this.#end - position);
    const from = position - this.#start;
    pace.spend(length, () => {
      if (owner.isStopped) return;
      this.#file.write([buffers.window.subarray(from, from + length)], position, (error) => {
        if (owner.isStopped) return;
        if (error !== null) return this.#done({ kind: 'target', error });
        this.#write(position + length);
      });
    });
  }
}

/** Whether a batch of `size` bytes can begin at `at`, as far as its header tells. */
function isBatchOf(view: DataView, at: number, size: number): boolean {
  if (size < batchHeaderBytes || batchSize(view, at) !== size) return false;
  return batchMagic(view, at) === batchVersion;
}
