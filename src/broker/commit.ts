/**
 * When an answer may leave.
 */

import type { BrokerError } from '../kernel/errors.ts';

export interface Commits {
  /** Whether the entry at `lsn` is committed; LSN 0 always is. */
  isCovered(lsn: number): boolean;
  /** Called once for each committed group. Returns the undoing. */
  onCommit(listener: (highWatermark: number) => void): () => void;
  /** Calls back once, later or at once, when `lsn` is committed or never will be. */
  when(lsn: number, done: (error: BrokerError | null) => void): void;
}
