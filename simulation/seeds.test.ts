/**
 * A sample of what `npm run simulate` runs at length.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeed } from './run.ts';
import { Totals } from './totals.ts';

const SEEDS = 60;

test(`${SEEDS} seeds keep every promise, and everything happens in them that can go wrong`, () => {
  const totals = new Totals();
  for (let seed = 1; seed <= SEEDS; seed++) totals.add(runSeed(seed));
  assert.deepEqual(totals.failures, []);
  assert.deepEqual(totals.missing(), []);
});

test('the same seed gives the same run, to the last event', () => {
  for (const seed of [3, 7, 12]) {
    const first = runSeed(seed);
    const second = runSeed(seed);
    assert.equal(second.digest, first.digest);
    assert.equal(second.events, first.events);
  }
});
