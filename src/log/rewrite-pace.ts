/**
 * The pace of rewriting: so many bytes a second, as the space left allows.
 *
 * Owns: waiting. Leaves: how fast it may be to the owner, who is asked each time.
 */
import type { Clock, Scheduler, Timer } from '../kernel/ports.ts';

/** Unused time that counts towards the next bytes. */
const BURST_MS = 100;

export class RewritePace {
  readonly #ports: { readonly clock: Clock; readonly scheduler: Scheduler };
  /** Bytes a second; Infinity: no limit. */
  readonly #rate: () => number;
  /** Monotonic time at which everything spent so far has been paid for. */
  #paidAt = 0;
  #timer: Timer | null = null;

  constructor(ports: { readonly clock: Clock; readonly scheduler: Scheduler }, rate: () => number) {
    this.#ports = ports;
    this.#rate = rate;
  }

  /** Calls `next` when `bytes` more may be read or written: at once, or later. */
  spend(bytes: number, next: () => void): void {
    const now = this.#ports.clock.monotonic();
    this.#paidAt = Math.max(now - BURST_MS, this.#paidAt) + (bytes * 1000) / this.#rate();
    const wait = this.#paidAt - now;
    if (wait <= 0) return next();
    this.#timer = this.#ports.scheduler.after(wait, next);
  }

  /** What waits is not called any more. */
  stop(): void {
    this.#timer?.cancel();
  }
}
