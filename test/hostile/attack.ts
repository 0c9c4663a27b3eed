/** What an attack is told. */

import type { SeededRandom } from '../../simulation/random.ts';

export interface Attack {
  readonly port: number;
  readonly seconds: number;
  /** 1 for the whole attack, less for the short form. */
  readonly scale: number;
  readonly dice: SeededRandom;
  /** Of the topics that there are for attacks. */
  readonly topics: readonly string[];
}
