/**
 * How far long work is, on standard error: one line that is written over, if that is a terminal.
 */

import { printable } from './output.ts';

const paintMs = 100;

export class Progress {
  readonly #isShown = process.stderr.isTTY === true;
  #paintedAt = 0;
  #hasLine = false;

  show(line: () => string): void {
    const now = performance.now();
    if (!this.#isShown || now - this.#paintedAt < paintMs) return;
    this.#paintedAt = now;
    this.#hasLine = true;
    const width = process.stderr.columns ?? 80;
    process.stderr.write(`\r${printable(line()).slice(0, width - 1)}\u001b[K`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#hasLine) process.stderr.write('\r\u001b[K');
    this.#hasLine = false;
  }
}
