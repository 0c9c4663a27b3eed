/**
 * The request of a connection that waits for others: a join, or a sync. There is at most one, for it
 * holds the link and those behind it wait.
 *
 * Owns: that it is answered exactly once, or forgotten with its connection.
 * Leaves: what it waits for to the broker, and every answer to its handler.
 */
import type { Parked } from '../../broker/index.ts';
import { assert } from '../../kernel/assert.ts';
import type { Link } from '../contract.ts';

/** What a request that may wait brings along. */
export interface Wait<Outcome> {
  /** Asks; null when the outcome came before the return. */
  begin(done: (outcome: Outcome) => void): Parked | null;
  respond(outcome: Outcome): void;
  /** Answers in its place when there is no waiting any more. */
  giveUp(): void;
}

export class Parking {
  readonly #link: Link;
  #parked: Parked | null = null;
  #giveUp: (() => void) | null = null;
  /** The client, or the broker, is about to leave. */
  #isImpatient = false;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Answers with the outcome: now, or when it is there, and holds the link until then. */
  wait<Outcome>(wait: Wait<Outcome>): void {
    assert(this.#parked === null, 'a connection has one parked request');
    const parked = wait.begin((outcome) => {
      const wasParked = this.#parked !== null;
      this.#parked = null;
      wait.respond(outcome);
      if (wasParked) this.#link.resume();
    });
    if (parked === null) return;
    this.#parked = parked;
    this.#giveUp = () => wait.giveUp();
    this.#link.hold();
    if (this.#isImpatient) this.finish();
  }

  /** Nobody wants to wait any more. */
  finish(): void {
    this.#isImpatient = true;
    if (this.#parked === null) return;
    this.#forget();
    this.#giveUp?.();
    this.#link.resume();
  }

  /** The connection is gone. */
  close(): void {
    if (this.#parked !== null) this.#forget();
  }

  #forget(): void {
    this.#parked?.forget();
    this.#parked = null;
  }
}
