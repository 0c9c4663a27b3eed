/**
 * Randomness from the system, fit for secrets and ids.
 *
 * A call into the generator costs about a microsecond whatever it returns, so single numbers come
 * out of a pool. Bytes once handed out are zeroed.
 */

import { randomFillSync } from 'node:crypto';
import type { Random } from '../kernel/ports.ts';

const poolWords = 1024;

export class NodeRandom implements Random {
  private readonly pool = new Uint32Array(poolWords);
  private used = poolWords;

  uint32(): number {
    if (this.used === poolWords) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const value = this.pool[this.used] as number;
    this.pool[this.used++] = 0;
    return value;
  }

  fill(target: Uint8Array): void {
    randomFillSync(target);
  }
}
