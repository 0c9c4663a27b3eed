/**
 * Seeded randomness: the only source of choice in a simulation.
 *
 * Owns: the generator (sfc32: 128 bits of state, passes the usual batteries) and drawing from it.
 *
 * Invariant: a fork depends on the seed and on its name, not on what was drawn before. So one more
 * draw in the disk changes nothing in the clock, and a shrunk scenario stays recognisable.
 */
import type { Random } from '../src/kernel/ports.ts';

export class SeededRandom implements Random {
  /** What forks derive from. */
  readonly seed: number;
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.a = scramble(this.seed);
    this.b = scramble(this.a);
    this.c = scramble(this.b);
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** An independent generator for one subsystem. The same name gives the same one again. */
  fork(name: string): SeededRandom {
    let hash = scramble(this.seed ^ 0x5bd1_e995);
    for (let i = 0; i < name.length; i++) hash = scramble(hash ^ name.charCodeAt(i));
    return new SeededRandom(hash);
  }

  uint32(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.uint32() >>> 24;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A uniform integer in [0, end). */
  below(end: number): number {
    return Math.floor(this.fraction() * end);
  }

  /** A uniform integer in [first, last]. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }
}

/** A bijection of 32-bit numbers that leaves no trace of its input's pattern. */
function scramble(value: number): number {
  let x = (value + 0x9e37_79b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0_aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a_2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
