/**
 * What the parts of the broker's state promise each other.
 *
 * Owns: `StatePart`, the shape of a part of the state machine.
 * Leaves: the whole of it to state.ts, what a checkpoint and a replay are to log/.
 */

import type { AppendView, EntryView } from '../log/entry.ts';
import type { ObjectCursor } from '../log/machine.ts';

export type { ObjectCursor, ObjectHead } from '../log/machine.ts';

/** A part of the state machine: it owns a range of entry kinds and of checkpoint object types. */
export interface StatePart {
  /** Blind: the entry and the objects that it names, nothing else. The entry is borrowed. */
  applyEntry(entry: EntryView): void;
  applyAppend?(append: AppendView): void;
  /** See `StateMachine.entriesLost`. */
  entriesLost?(lsn: number, bytes: number): void;
  objects(): ObjectCursor;
  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void;
  /** Replay is over: what is derived may be built. */
  restored(): void;
  /** Whether a stored range above the log start is needed by nobody any more. */
  isDead(partition: number, firstOffset: number, lastOffset: number): boolean;
}
