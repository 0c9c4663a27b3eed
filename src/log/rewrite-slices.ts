/**
 * Long work on the loop, cut into slices.
 *
 * Owns: when a slice ends. Leaves: what a step is, and stopping in the middle, to the owner.
 */
import type { Clock, Scheduler } from '../kernel/ports.ts';
import { SLICE_MS } from './limits.ts';

/** A bound in steps too: with a clock that stands still a slice still ends. */
const STEPS_MAX = 256;

export interface SlicePorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** Calls back nobody once `isStopped`. */
export interface Stoppable {
  readonly isStopped: boolean;
}

/** Calls `step` until it returns false, then `done`, in a slice of its own; a step is short. */
export function runInSlices(
  ports: SlicePorts,
  owner: Stoppable,
  step: () => boolean,
  done: () => void,
): void {
  const { clock, scheduler } = ports;
  const finish = (): void => {
    if (!owner.isStopped) done();
  };
  const slice = (): void => {
    if (owner.isStopped) return;
    const end = clock.monotonic() + SLICE_MS;
    for (let i = 0; i < STEPS_MAX; i++) {
      if (!step()) return scheduler.nextSlice(finish);
      if (clock.monotonic() >= end) break;
    }
    scheduler.nextSlice(slice);
  };
  slice();
}
