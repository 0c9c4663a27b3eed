/**
 * Checkers that find nothing are worth nothing: each planted bug has to be found, and by its absence
 * the same seed has to pass.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Mistake, mistakes } from './mistakes.ts';
import { type RunResult, runSeed } from './run.ts';

const SEEDS_MAX = 500;

function findWith(mistake: Mistake): RunResult | null {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const result = runSeed(seed, mistake);
    if (result.failure !== null) return result;
  }
  return null;
}

for (const mistake of mistakes) {
  test(`a broker that ${mistake.name} is found, and one that does not passes the same seed`, () => {
    const found = findWith(mistake);
    assert.ok(found !== null, `nothing was found in ${SEEDS_MAX} seeds`);
    const { tune } = mistake;
    const right = runSeed(
      found.seed,
      tune === undefined ? { name: 'none' } : { name: 'none', tune },
    );
    assert.equal(right.failure?.message, undefined);
  });
}
