/**
 * The plan of a rewrite: which batches of the sources live, and where each of them goes.
 *
 * Owns: merging the sources' footers by (partition, base offset), the judgement of each row, outputs.
 * Leaves: reading footers to `rewrite-source.ts`, copying to `rewrite-copy.ts`.
 *
 * A row lives when its partition exists, it reaches to the log start, its batch is no accepted loss,
 * and the state machine does not call it dead. The last batch of a partition always lives: a reader before a gap gets past it by the
 * next batch. All this is read from what is applied: `Rewrite` waits until that is durable.
 *
 * A batch that several partitions share is placed once for each output. What lies before and behind
 * a segment that stays makes two extents, so that extents never overlap.
 */
import { assert } from '../kernel/assert.ts';
import type { BrokerError } from '../kernel/errors.ts';
import { GrowableU32 } from '../kernel/grow.ts';
import { pageAlign } from './block.ts';
import { fitsFooter, footerBytes } from './footer.ts';
import type { Ledger } from './ledger.ts';
import { REWRITE_ROWS_MAX } from './limits.ts';
import type { StateMachine } from './machine.ts';
import type { PartitionLog } from './partition-log.ts';
import { RewriteOutput, RewriteRows, RowMark } from './rewrite-rows.ts';
import { runInSlices, type SlicePorts, type Stoppable } from './rewrite-slices.ts';
import type { RewriteSource } from './rewrite-source.ts';

/** Rows of one step. */
const STEP_ROWS = 64;

export interface RewritePlan {
  readonly rows: RewriteRows;
  readonly outputs: readonly RewriteOutput[];
  /** Everything of which the sources hold rows, kept or not; ascending. */
  readonly partitions: GrowableU32;
  /** Extents of the sources with a row that is kept. */
  readonly extentsBefore: number;
  readonly extentsAfter: number;
}

/** Why there is no plan. `source` null: more rows than fit into memory. */
export interface PlanFault {
  readonly source: RewriteSource | null;
  readonly error: BrokerError | null;
}

export interface PlannerParts {
  readonly ports: SlicePorts;
  readonly ledger: Ledger;
  readonly machine: StateMachine;
}

export class RewritePlanner {
  readonly #parts: PlannerParts;
  readonly #owner: Stoppable;
  readonly #sources: readonly RewriteSource[];
  readonly #sourceIds: ReadonlySet<number>;
  readonly #segmentBytes: number;
  readonly #done: (fault: PlanFault | null, plan: RewritePlan | null) => void;
  readonly #rows: RewriteRows;
  readonly #partitions = new GrowableU32();
  /** The partition whose rows come now; undefined when it is gone. */
  #partition: PartitionLog | undefined;
  #partitionId = -1;
  /** Of that partition's last kept row; -1: none. */
  #lastOffset = -1;
  #extentsAfter = 0;
  readonly #outputs: RewriteOutput[] = [];
  #output: RewriteOutput | null = null;
  /** In the output at hand: where shared batches lie, by source and position. */
  readonly #placed = new Map<number, number>();

  constructor(
    parts: PlannerParts,
    owner: Stoppable,
    sources: readonly RewriteSource[],
    done: (fault: PlanFault | null, plan: RewritePlan | null) => void,
  ) {
    this.#parts = parts;
    this.#owner = owner;
    this.#sources = sources;
    this.#sourceIds = new Set(sources.map((source) => source.segment.id));
    this.#segmentBytes = sources[0]?.segment.bytes ?? 0;
    this.#rows = new RewriteRows(Math.min(rowsIn(sources), REWRITE_ROWS_MAX + 1));
    this.#done = done;
  }

  run(): void {
    this.#open(0);
  }

  #open(next: number): void {
    const source = this.#sources[next];
    if (source === undefined) return this.#collect();
    source.open((error) => {
      if (error !== null) this.#done({ source, error }, null);
      else this.#open(next + 1);
    });
  }

  /** Merges until some source must read on, or all are through. */
  #collect(): void {
    const waiting = this.#sources.find((source) => source.needsPage);
    if (waiting !== undefined) {
      waiting.loadPage((error) => {
        if (error !== null) this.#done({ source: waiting, error }, null);
        else this.#collect();
      });
      return;
    }
    runInSlices(
      this.#parts.ports,
      this.#owner,
      () => this.#mergeSome(),
      () => {
        if (this.#rows.count > REWRITE_ROWS_MAX) this.#done({ source: null, error: null }, null);
        else if (this.#sources.some((source) => source.needsPage)) this.#collect();
        else this.#layOut();
      },
    );
  }

  // HOT
  #mergeSome(): boolean {
    for (let i = 0; i < STEP_ROWS; i++) {
      const ordinal = this.#least();
      const source = this.#sources[ordinal];
      if (source === undefined || this.#rows.count > REWRITE_ROWS_MAX) return false;
      this.#take(source, ordinal);
      if (source.needsPage) return false;
    }
    return true;
  }

  /** The source whose row comes first; -1 when there is none. */
  #least(): number {
    let least = -1;
    let partition = 0;
    let baseOffset = 0;
    for (let i = 0; i < this.#sources.length; i++) {
      const source = this.#sources[i]!;
      if (source.isAtEnd) continue;
      const isLess =
        least < 0 ||
        source.partition < partition ||
        (source.partition === partition && source.location.baseOffset < baseOffset);
      if (!isLess) continue;
      least = i;
      partition = source.partition;
      baseOffset = source.location.baseOffset;
    }
    return least;
  }

  #take(source: RewriteSource, ordinal: number): void {
    if (source.partition !== this.#partitionId) this.#enter(source.partition);
    const partition = this.#partition;
    if (partition === undefined || source.extentLastOffset < partition.logStart) {
      return source.skipExtent();
    }
    if (this.#isLive(partition, source)) this.#keep(partition, source, ordinal);
    source.advance();
  }

  #enter(partitionId: number): void {
    assert(partitionId > this.#partitionId, 'partitions come in order');
    this.#partitionId = partitionId;
    this.#partition = this.#parts.ledger.partition(partitionId);
    this.#partitions.push(partitionId);
    this.#lastOffset = -1;
  }

  #isLive(partition: PartitionLog, source: RewriteSource): boolean {
    const { baseOffset, lastOffset, position } = source.location;
    if (lastOffset < partition.logStart) return false;
    if (source.segment.lostBatches?.has(position) === true) return false;
    if (lastOffset + 1 === partition.logEnd) return true;
    return !this.#parts.machine.isDead(partition.id, baseOffset, lastOffset);
  }

  #keep(partition: PartitionLog, source: RewriteSource, ordinal: number): void {
    const { location } = source;
    assert(location.baseOffset > this.#lastOffset, 'the rows of a partition do not overlap');
    const mark = this.#isAfterGap(partition, location.baseOffset) ? RowMark.afterGap : 0;
    this.#lastOffset = location.lastOffset;
    source.keep();
    this.#rows.push(ordinal, partition.id, location, mark);
  }

  /** Whether a segment that stays holds offsets between the last kept row and `baseOffset`. */
  #isAfterGap(partition: PartitionLog, baseOffset: number): boolean {
    if (this.#lastOffset < 0 || this.#lastOffset + 1 === baseOffset) return false;
    const { extents } = partition;
    for (let i = extents.find(this.#lastOffset + 1); i < extents.count; i++) {
      const extent = extents.at(i);
      if (extent === undefined || extent.firstOffset >= baseOffset) return false;
      if (!this.#sourceIds.has(extent.segmentId)) return true;
    }
    return false;
  }

  #layOut(): void {
    runInSlices(
      this.#parts.ports,
      this.#owner,
      () => this.#placeSome(),
      () =>
        this.#done(null, {
          rows: this.#rows,
          outputs: this.#outputs,
          partitions: this.#partitions,
          extentsBefore: this.#sources.reduce((sum, source) => sum + source.keptExtents, 0),
          extentsAfter: this.#extentsAfter,
        }),
    );
  }

  // HOT
  #placeSome(): boolean {
    const rows = this.#rows;
    for (let i = 0; i < STEP_ROWS; i++) {
      const row = rows.targets.length;
      if (row === rows.count) return false;
      const output = this.#output;
      if (output === null || !this.#fits(output, row)) this.#beginOutput(row);
      this.#place(row);
    }
    return true;
  }

  #beginOutput(row: number): void {
    this.#output = new RewriteOutput(this.#rows, row);
    this.#outputs.push(this.#output);
    this.#placed.clear();
    assert(this.#fits(this.#output, row), 'a batch fits an empty segment');
  }

  #beginsExtent(output: RewriteOutput, row: number): boolean {
    const { partitions, marks } = this.#rows;
    if (row === output.firstRow || partitions.get(row) !== partitions.get(row - 1)) return true;
    return (marks.get(row) & RowMark.afterGap) !== 0;
  }

  #fits(output: RewriteOutput, row: number): boolean {
    const beginsExtent = this.#beginsExtent(output, row);
    if (!beginsExtent && !fitsFooter(output.lastExtentOffset, this.#rows.baseOffsets.get(row))) {
      return false;
    }
    const end = output.end + (this.#placedAt(row) === undefined ? this.#rows.sizes.get(row) : 0);
    const extentCount = output.extentCount + (beginsExtent ? 1 : 0);
    const footer = footerBytes(output.rowCount + 1, extentCount);
    return pageAlign(end) + footer <= this.#segmentBytes;
  }

  #isShared(row: number): boolean {
    const source = this.#sources[this.#rows.sources.get(row)];
    assert(source !== undefined, 'a row has its source');
    return source.isShared(this.#rows.positions.get(row));
  }

  #keyOf(row: number): number {
    return this.#rows.sources.get(row) * 0x1_0000_0000 + this.#rows.positions.get(row);
  }

  #placedAt(row: number): number | undefined {
    return this.#isShared(row) ? this.#placed.get(this.#keyOf(row)) : undefined;
  }

  #place(row: number): void {
    const output = this.#output;
    const rows = this.#rows;
    assert(output !== null, 'a row goes to an output');
    if (this.#beginsExtent(output, row)) {
      output.beginExtent(rows.partitions.get(row));
      this.#extentsAfter += 1;
    }
    const placed = this.#placedAt(row);
    if (placed === undefined) {
      rows.targets.push(output.end);
      if (this.#isShared(row)) this.#placed.set(this.#keyOf(row), output.end);
      output.end += rows.sizes.get(row);
    } else {
      rows.targets.push(placed);
      rows.marks.set(row, rows.marks.get(row) | RowMark.placed);
    }
    output.endRow = row + 1;
  }
}

function rowsIn(sources: readonly RewriteSource[]): number {
  return sources.reduce((sum, { segment }) => sum + (segment.footer?.rowCount ?? 0), 0);
}
