/**
 * What the log needs from the state that is built on it, and what the two share.
 *
 * Owns: the interface; the broker implements it.
 *
 * Everything here is synchronous and blind: an entry and the objects that it names decide, no clock, no
 * configuration, no randomness. The same calls come live and at replay, in the order of the journal.
 */
import type { ByteWriter } from '../kernel/byte-writer.ts';
import type { AppendView, EntryView } from './entry.ts';

/** What a checkpoint says about one object beside its body. */
export interface ObjectHead {
  /** 16 and up for the state machine. */
  readonly type: number;
  /** LSN of the last entry that the body includes. */
  readonly lsn: number;
}

/** Walks over objects while they change. */
export interface ObjectCursor {
  /**
   * Writes the next object's body, at most 64 KiB, to `writer`. Objects that exist all the time come at
   * least once; those born meanwhile may be left out, for they are in the journal.
   * @returns null when there is none left.
   */
  next(writer: ByteWriter): ObjectHead | null;
}

export interface StateMachine {
  /** An entry of kind 16 or above. Skips what the object already includes, and objects that are gone. */
  applyEntry(entry: EntryView): void;
  /** An append, after the log has applied its part. */
  applyAppend(append: AppendView): void;
  /**
   * In `bytes` of the journal before `lsn` entries of any kind are lost: ids that they may have given
   * must not be given again. What includes `lsn` already skips it, as it would an entry.
   */
  entriesLost?(lsn: number, bytes: number): void;
  objects(): ObjectCursor;
  /** An object from a checkpoint; the body is bytes[start, end), borrowed until return. */
  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void;
  /** Replay is over. */
  restored(): void;
  /** Whether [first, last] of a partition may be forgotten though it lies above the log start. */
  isDead(partition: number, first: number, last: number): boolean;
}
