/**
 * Keeps the process alive while something waits that has no handle of the system: all timers of the
 * scheduler are unref'd.
 */

import timers from 'node:timers';

const { setInterval, clearInterval } = timers;

const longestIntervalMs = 2 ** 31 - 1;

export class KeepAlive {
  private timer: NodeJS.Timeout | null = null;

  /** Idempotent. */
  hold(): void {
    this.timer ??= setInterval(() => {}, longestIntervalMs);
  }

  /** Idempotent. */
  release(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
