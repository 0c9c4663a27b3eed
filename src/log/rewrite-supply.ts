/**
 * Archive segments to be: files that a rewrite may fill.
 *
 * Owns: their ids, which are never given twice, and one file kept ready for when the disk is full.
 * Leaves: making and reusing files to the segment store.
 *
 * A file that the manifest does not name is free at the next start, however far it has been filled.
 */
import { assert } from '../kernel/assert.ts';
import type { DiskError } from '../kernel/ports.ts';
import { ARCHIVE_ID_MIN } from './limits.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

const ID_MAX = 0xffff_ffff;

export type SupplyDone = (error: DiskError | null, segment: Segment | null) => void;

export class ArchiveSupply {
  readonly #store: SegmentStore;
  #nextId: number;
  #spare: Segment | null = null;
  #isFilling = false;

  constructor(store: SegmentStore, nextId: number) {
    assert(nextId >= ARCHIVE_ID_MIN, 'archives have ids of their own');
    this.#store = store;
    this.#nextId = nextId;
  }

  /** A segment to fill. */
  take(done: SupplyDone): void {
    const spare = this.#spare;
    this.#spare = null;
    if (spare !== null) done(null, spare);
    else this.#prepare(done);
  }

  /** Makes a file ready for the next rewrite, if there is none and the disk has room. */
  keepSpare(failed: (error: DiskError) => void): void {
    if (this.#spare !== null || this.#isFilling) return;
    this.#isFilling = true;
    this.#prepare((error, segment) => {
      this.#isFilling = false;
      this.#spare = segment;
      if (error !== null && error.fault !== 'no-space') failed(error);
    });
  }

  /** Takes back a segment that the manifest does not name. */
  giveBack(segment: Segment): void {
    segment.state = 'retired';
    this.#store.recycle(segment);
  }

  #prepare(done: SupplyDone): void {
    const id = this.#nextId++;
    assert(id <= ID_MAX, 'there are archive ids left');
    this.#store.prepare(id, (error, segment) => {
      if (segment !== null) segment.index = null;
      done(error, segment);
    });
  }
}
