/**
 * Connections whose requests are slow on the loop: one of them at a time, so that those of others
 * wait for one such request and not for as many as there are.
 *
 * Owns: the queue. Invariant: a connection in it is held.
 */
import type { Scheduler } from '../../kernel/ports.ts';
import type { Link } from '../contract.ts';

interface Waiting {
  readonly link: Link;
  /** Of the connection, which may be gone by its turn. */
  readonly life: { readonly isClosed: boolean };
}

export class SlowTurns {
  readonly #scheduler: Scheduler;
  #queue: Waiting[] = [];
  #isScheduled = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** The connection's next request waits for its turn. */
  wait(link: Link, life: Waiting['life']): void {
    link.hold();
    this.#queue.push({ link, life });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#scheduler.nextSlice(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    const at = this.#queue.findIndex(({ life }) => !life.isClosed);
    const next = this.#queue[at];
    this.#queue = at < 0 ? [] : this.#queue.slice(at + 1);
    if (next === undefined) return;
    next.link.resume();
    if (this.#queue.length > 0) this.#schedule();
  }
}
