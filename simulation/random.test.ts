import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from './random.ts';

function draw(random: SeededRandom, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

test('a seed gives one sequence, and near seeds give unrelated ones', () => {
  assert.deepEqual(draw(new SeededRandom(1), 100), draw(new SeededRandom(1), 100));
  const first = draw(new SeededRandom(1), 1000);
  const second = draw(new SeededRandom(2), 1000);
  let equalBits = 0;
  first.forEach((value, index) => {
    let same = ~(value ^ (second[index] ?? 0)) >>> 0;
    for (; same !== 0; same &= same - 1) equalBits++;
  });
  assert.ok(Math.abs(equalBits / 32_000 - 0.5) < 0.02, `${equalBits} of 32000 bits are equal`);
});

test('a fork depends on its name and not on what was drawn before', () => {
  const drawn = new SeededRandom(1);
  draw(drawn, 10);
  assert.deepEqual(draw(drawn.fork('disk'), 10), draw(new SeededRandom(1).fork('disk'), 10));
  assert.notDeepEqual(draw(drawn.fork('disk'), 10), draw(drawn.fork('disc'), 10));
  assert.notDeepEqual(draw(drawn.fork('disk'), 10), draw(new SeededRandom(2).fork('disk'), 10));
});

test('draws cover their range evenly', () => {
  const random = new SeededRandom(5);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const value = random.between(3, 12);
    counts[value - 3] = (counts[value - 3] ?? 0) + 1;
  }
  assert.equal(counts.length, 10);
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${counts}`);
  let hits = 0;
  for (let i = 0; i < 100_000; i++) if (random.chance(0.1)) hits++;
  assert.ok(Math.abs(hits - 10_000) < 500);
  assert.equal(random.chance(0), false);
  assert.equal(random.chance(1), true);
});

test('filling a buffer fills all of it', () => {
  const target = new Uint8Array(1000);
  new SeededRandom(9).fill(target);
  assert.ok(new Set(target).size > 200);
  assert.notEqual(target.at(-1), target.at(-2));
});
