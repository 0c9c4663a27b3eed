import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeRandom } from './random.ts';

test('numbers stay in 32 bits, use all of them, and go on past the pool', () => {
  const random = new NodeRandom();
  const seen = new Set<number>();
  let bits = 0;
  for (let i = 0; i < 5000; i++) {
    const value = random.uint32();
    assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32);
    seen.add(value);
    bits |= value;
  }
  // 5000 draws of 2^32: more than ten repetitions do not happen by chance.
  assert.ok(seen.size > 4990);
  assert.equal(bits >>> 0, 0xffff_ffff);
});

test('fill changes the view given and nothing around it', () => {
  const bytes = new Uint8Array(96);
  new NodeRandom().fill(bytes.subarray(32, 64));
  assert.ok(bytes.subarray(0, 32).every((byte) => byte === 0));
  assert.ok(bytes.subarray(64).every((byte) => byte === 0));
  assert.ok(bytes.subarray(32, 64).some((byte) => byte !== 0));
});
