/**
 * What the broker needs from the log below it, and what the parts of its state promise each other.
 *
 * Owns: the narrow view of the journal that this module is written against, and `StatePart`.
 * Leaves: the journal itself to log/, which fits these interfaces by shape.
 */

import type { BrokerError } from '../kernel/errors.ts';
import type { Slab } from '../kernel/slab.ts';
import type { AppendView, EntryView } from '../log/entry.ts';
import type { ObjectCursor } from '../log/state-machine.ts';

/** A part of the state machine: it owns a range of entry kinds and of checkpoint object types. */
export interface StatePart {
  /** Blind: the entry and the objects that it names, nothing else. The entry is borrowed. */
  applyEntry(entry: EntryView): void;
  applyAppend?(entry: AppendView): void;
  objects(): ObjectCursor;
  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void;
  /** Replay is over: what is derived may be built. */
  restored(): void;
  /** Whether a stored range above the log start is needed by nobody any more. */
  isDead(partition: number, firstOffset: number, lastOffset: number): boolean;
}

/** See `Journal` in log/ for what each of these promises. */
export interface Log {
  readonly epoch: number;
  readonly endLsn: number;
  readonly highWatermark: number;
  readonly isCongested: boolean;
  readonly fault: BrokerError | null;
  readonly lastLsn: number;
  open(done: (error: Error | null) => void): void;
  close(done: (error: Error | null) => void): void;
  admits(bytes: number): 'yes' | 'wait' | 'full';
  appendEntry(kind: number, body: Uint8Array, start: number, end: number): number;
  appendBatch(
    partitionId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    slab: Slab | null,
  ): number;
  createPartition(id: number, firstOffset: number): number;
  deletePartition(id: number): number;
  advanceLogStart(id: number, offset: number): number;
  partition(id: number): PartitionLog | undefined;
  onCommit(listener: (highWatermark: number) => void): void;
  onFence(listener: (error: BrokerError) => void): void;
}

/** See `PartitionLog` in log/. */
export interface PartitionLog {
  readonly id: number;
  readonly logStart: number;
  readonly logEnd: number;
  /** The first offset that may not be read yet. */
  readonly highWatermark: number;
  /** Of the last entry that changed it. */
  readonly lastLsn: number;
}
