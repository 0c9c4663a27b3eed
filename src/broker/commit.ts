/**
 * When an answer may leave: the waiters for LSNs.
 *
 * Owns: who waits for which LSN inside the broker, and who hears of every commit.
 * Leaves: moving the high watermark to log/, ordering the answers of a connection to server/.
 *
 * Invariant: waiters are sorted by LSN, equal ones in the order of their coming; none is covered
 * between two commits.
 */

import type { BrokerError } from '../kernel/errors.ts';

/** `Journal`, as far as it matters here. */
interface CommittedEnd {
  readonly highWatermark: number;
}

/** Called once: null when the LSN is committed, the error when it never will be. */
export type CommitDone = (error: BrokerError | null) => void;

export interface Commits {
  /** Whether the entry at `lsn` is committed; LSN 0 always is. */
  isCovered(lsn: number): boolean;
  /** Called once for each committed group. Returns the undoing. */
  onCommit(listener: (highWatermark: number) => void): () => void;
  /** Calls back once, later or at once. */
  when(lsn: number, done: CommitDone): void;
}

interface Waiter {
  readonly lsn: number;
  readonly done: CommitDone;
}

export class CommitQueue implements Commits {
  readonly #journal: CommittedEnd;
  #waiters: Waiter[] = [];
  /** Waiters before it have been called; the array is cut now and then. */
  #first = 0;
  #fault: BrokerError | null = null;
  #listeners: readonly ((highWatermark: number) => void)[] = [];

  constructor(journal: CommittedEnd) {
    this.#journal = journal;
  }

  get waiterCount(): number {
    return this.#waiters.length - this.#first;
  }

  // HOT
  isCovered(lsn: number): boolean {
    return lsn === 0 || lsn < this.#journal.highWatermark;
  }

  onCommit(listener: (highWatermark: number) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  when(lsn: number, done: CommitDone): void {
    if (this.isCovered(lsn)) return done(null);
    if (this.#fault !== null) return done(this.#fault);
    const waiters = this.#waiters;
    let at = waiters.length;
    // LSNs come nearly in order: the place is at the end or close to it.
    while (at > this.#first && (waiters[at - 1]?.lsn ?? 0) > lsn) at--;
    if (at === waiters.length) waiters.push({ lsn, done });
    else waiters.splice(at, 0, { lsn, done });
  }

  /** The high watermark has moved: calls the waiters that it covers. */
  release(highWatermark: number): void {
    for (;;) {
      const waiter = this.#waiters[this.#first];
      if (waiter === undefined || waiter.lsn >= highWatermark) break;
      this.#first++;
      waiter.done(null);
    }
    if (this.#first === this.#waiters.length) {
      this.#waiters.length = 0;
      this.#first = 0;
    } else if (this.#first > 1024) {
      this.#waiters = this.#waiters.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Everything that waited has been told; now whoever hears of every commit. */
  announce(highWatermark: number): void {
    for (const listener of this.#listeners) listener(highWatermark);
  }

  /** Nothing will be committed any more: all that wait get `error`, now and from now on. */
  fail(error: BrokerError): void {
    if (this.#fault !== null) return;
    this.#fault = error;
    const waiters = this.#waiters.slice(this.#first);
    this.#waiters = [];
    this.#first = 0;
    for (const waiter of waiters) waiter.done(error);
  }
}
