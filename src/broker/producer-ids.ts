/**
 * Handing out producer ids: each once, for ever.
 *
 * Owns: the block of ids reserved by an entry; what a crash leaves of it is never handed out.
 */

import type { Journal } from '../log/journal.ts';
import { BodyWriter } from './body.ts';
import type { Counters } from './catalog/counters.ts';
import { encodeProducerIds, entryKind } from './entries.ts';
import { producerIdBlock } from './limits.ts';

export class ProducerIds {
  #next = 0;
  #end = 0;
  /** Of the entry that reserved the block: an id may be told once it is committed. */
  lsn = 0;
  readonly #counters: Counters;
  readonly #journal: Journal;

  constructor(counters: Counters, journal: Journal) {
    this.#counters = counters;
    this.#journal = journal;
  }

  /**
   * Whether the next id costs space that a full disk has not. The first block of a run is paid out of
   * the reserve: Java's producer asks for an id as long as it gets none, and does not even let its
   * records time out meanwhile.
   */
  get needsSpace(): boolean {
    return this.#next === this.#end && this.#end !== 0;
  }

  take(): number {
    if (this.#next === this.#end) this.#reserve();
    return this.#next++;
  }

  #reserve(): void {
    this.#next = this.#counters.nextProducerId;
    this.#end = this.#next + producerIdBlock;
    const body = new BodyWriter();
    encodeProducerIds(body, this.#end);
    this.lsn = this.#journal.appendEntry(entryKind.producerIds, body.bytes, 0, body.length);
  }
}
