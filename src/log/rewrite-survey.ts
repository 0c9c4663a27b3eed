/**
 * The survey: how much of sealed segments the state machine still wants, by samples.
 *
 * Owns: going round all extents, some at each look. It also brings back after a start what had been
 * noted as dead before it.
 * Leaves: the estimate to the ledger, the exact truth to the plan of a rewrite.
 */
import type { Ledger } from './ledger.ts';
import { SURVEY_EXTENTS } from './limits.ts';
import type { StateMachine } from './machine.ts';
import type { Manifest } from './manifest.ts';
import { runInSlices, type SlicePorts, type Stoppable } from './rewrite-slices.ts';
import type { SegmentStore } from './segment-store.ts';

/** Extents of one step. */
const STEP_EXTENTS = 16;

export interface SurveyParts {
  readonly ports: SlicePorts;
  readonly store: SegmentStore;
  readonly ledger: Ledger;
  readonly machine: StateMachine;
  readonly manifest: Manifest;
}

export class Survey {
  readonly #parts: SurveyParts;
  readonly #owner: Stoppable;
  /** Segments of this round that are still to come. */
  #segmentIds: number[] = [];
  #extent = 0;

  constructor(parts: SurveyParts, owner: Stoppable) {
    this.#parts = parts;
    this.#owner = owner;
  }

  /** Looks at the next extents, at most one round. */
  run(done: () => void): void {
    if (this.#segmentIds.length === 0) {
      this.#segmentIds = [...this.#parts.manifest.segments.keys()].reverse();
      this.#extent = 0;
    }
    let left = SURVEY_EXTENTS;
    const step = (): boolean => {
      left -= STEP_EXTENTS;
      return this.#visitSome(STEP_EXTENTS) && left > 0;
    };
    runInSlices(this.#parts.ports, this.#owner, step, done);
  }

  /** @returns false at the end of the round. */
  #visitSome(count: number): boolean {
    const { store, ledger, machine, manifest } = this.#parts;
    const id = this.#segmentIds[this.#segmentIds.length - 1];
    if (id === undefined) return false;
    const segment = store.segment(id);
    const extents = manifest.segments.get(id)?.extents;
    const end = segment?.state === 'sealed' ? (extents?.count ?? 0) : 0;
    const limit = Math.min(this.#extent + count, end);
    for (; this.#extent < limit; this.#extent++) {
      if (segment === undefined || extents === undefined) break;
      const first = extents.firstOffsets[this.#extent] ?? 0;
      ledger.survey(segment, extents.partitions[this.#extent] ?? 0, first, machine);
    }
    if (this.#extent >= end) {
      this.#segmentIds.pop();
      this.#extent = 0;
    }
    return true;
  }
}
