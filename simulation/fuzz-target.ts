/** What a fuzz target is. A file of src named `*.fuzz.ts` that exports `targets` is run by test/fuzz/run.ts. */

import type { SeededRandom } from './random.ts';

export interface FuzzTarget {
  /** Which part of the broker is fed: `kafka decoders`. */
  readonly name: string;
  /**
   * One round, all of whose choices come from `dice`, so that a round can be repeated alone. Returns
   * how many inputs were fed; throws what it has found, with the input in the text.
   */
  round(dice: SeededRandom): number;
}
