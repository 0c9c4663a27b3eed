/**
 * A planned read as the body of an answer. Reused: it goes back to its pool when it has been sent.
 */
import { ReadPlan } from '../../broker/index.ts';
import type { StreamSource } from '../contract.ts';

/** Plans kept by one connection for its next fetches: about 2 KB each. */
const freeMax = 64;

export class PlanStream implements StreamSource {
  readonly plan = new ReadPlan();
  readonly #pool: PlanStream[];

  constructor(pool: PlanStream[]) {
    this.#pool = pool;
  }

  get bytesLeft(): number {
    return this.plan.bytesLeft;
  }

  read(target: Uint8Array, start: number, length: number, ready: () => void): number {
    return this.plan.read(target, start, length, ready);
  }

  release(): void {
    this.plan.release();
    if (this.#pool.length < freeMax) this.#pool.push(this);
  }
}

export class PlanStreams {
  readonly #free: PlanStream[] = [];

  take(): PlanStream {
    return this.#free.pop() ?? new PlanStream(this.#free);
  }
}
