/**
 * Answers that may have to wait, and the outbox through which all of them leave.
 *
 * Owns: telling each asker once, after the step that decided is complete: whoever is told may ask
 * the next thing at once, and has to find groups in order.
 */

import type { Parked } from './group-messages.ts';

/** A join or sync that is being answered: told at once, or parked. */
export class WaitingAnswer<Outcome> implements Parked {
  /** Null: nobody listens any more. */
  private done: ((outcome: Outcome) => void) | null;
  private outcome: Outcome | null = null;

  constructor(done: (outcome: Outcome) => void) {
    this.done = done;
  }

  get isDecided(): boolean {
    return this.outcome !== null;
  }

  forget(): void {
    this.done = null;
  }

  /** The first decision counts. */
  decide(outcome: Outcome): void {
    this.outcome ??= outcome;
  }

  tell(): void {
    const { done, outcome } = this;
    this.done = null;
    if (done !== null && outcome !== null) done(outcome);
  }
}

export class AnswerOutbox {
  private decided: { tell(): void }[] = [];

  answer<Outcome>(waiting: WaitingAnswer<Outcome>, outcome: Outcome): void {
    if (waiting.isDecided) return;
    waiting.decide(outcome);
    this.decided.push(waiting);
  }

  /** Tells everybody; called at the end of a step. */
  flush(): void {
    while (this.decided.length > 0) {
      const decided = this.decided;
      this.decided = [];
      for (const waiting of decided) waiting.tell();
    }
  }
}
