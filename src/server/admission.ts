/**
 * How many connections there may be: of all, and of one remote address.
 *
 * Owns: the counts. Invariant: an address is counted exactly while it has connections.
 */

import { addressShare, type ServerLimits } from './limits.ts';

export class Admission {
  readonly connectionsMax: number;
  readonly perAddressMax: number;
  readonly #byAddress = new Map<string, number>();
  #count = 0;

  constructor({ connectionsMax, connectionsPerAddressMax }: ServerLimits) {
    this.connectionsMax = connectionsMax;
    const share = Math.max(1, Math.floor(connectionsMax * addressShare));
    this.perAddressMax = connectionsPerAddressMax === 0 ? share : connectionsPerAddressMax;
  }

  /** False: there is no room. */
  enter(host: string): boolean {
    const ofHost = this.#byAddress.get(host) ?? 0;
    if (this.#count >= this.connectionsMax || ofHost >= this.perAddressMax) return false;
    this.#count++;
    this.#byAddress.set(host, ofHost + 1);
    return true;
  }

  leave(host: string): void {
    const ofHost = this.#byAddress.get(host) ?? 0;
    this.#count--;
    if (ofHost > 1) this.#byAddress.set(host, ofHost - 1);
    else this.#byAddress.delete(host);
  }
}
