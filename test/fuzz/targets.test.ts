/** The short form of `npm run fuzz`: the same few rounds of every target, every time. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diceFor, findTargets } from './targets.ts';

const seed = 1;
const roundsMax = 20;
const msMax = 1_500;

const targets = await findTargets();

test('there are targets for the decoders, the connections and the server', () => {
  const names = targets.map(({ name }) => name);
  for (const name of ['kafka decoders', 'kafka connections', 'server outbox']) {
    assert.ok(names.includes(name), `${name} is among ${names}`);
  }
});

for (const target of targets) {
  test(`${target.name}: nonsense does no harm`, () => {
    const endsAt = performance.now() + msMax;
    for (let round = 0; round < roundsMax && performance.now() < endsAt; round++) {
      assert.ok(target.round(diceFor(seed, target, round)) > 0);
    }
  });
}
