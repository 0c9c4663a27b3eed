import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bitmapBits,
  bitmapClear,
  bitmapCount,
  bitmapFirstClear,
  bitmapFirstSet,
  bitmapIsFull,
  bitmapSet,
  bitmapSetRange,
  bitmapTest,
  createBitmap,
} from './bitmap.ts';

test('a bitmap does what a set of numbers does', () => {
  const bit = fc.integer({ min: 0, max: bitmapBits - 1 });
  const step = fc.tuple(fc.constantFrom('set', 'clear', 'range'), bit, fc.nat(200));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), bit, (steps, start) => {
      const words = createBitmap();
      const model = new Set<number>();
      for (const [kind, index, length] of steps) {
        const before = model.size;
        if (kind === 'set') {
          model.add(index);
          assert.equal(bitmapSet(words, index), model.size > before);
        } else if (kind === 'clear') {
          assert.equal(bitmapClear(words, index), model.delete(index));
        } else {
          const end = Math.min(index + length, bitmapBits);
          for (let i = index; i < end; i++) model.add(i);
          assert.equal(bitmapSetRange(words, index, end), model.size - before);
        }
      }
      assert.equal(bitmapCount(words), model.size);
      const all = Array.from({ length: bitmapBits }, (_, i) => i);
      assert.deepEqual(
        all.filter((i) => bitmapTest(words, i)),
        all.filter((i) => model.has(i)),
      );
      const clear = all.find((i) => i >= start && !model.has(i)) ?? bitmapBits;
      const set = all.find((i) => i >= start && model.has(i)) ?? bitmapBits;
      assert.equal(bitmapFirstClear(words, start), clear);
      assert.equal(bitmapFirstSet(words, start), set);
    }),
  );
});

test('a bitmap is full when the last bit is set, and not before', () => {
  const words = createBitmap();
  assert.equal(bitmapSetRange(words, 0, bitmapBits), bitmapBits);
  assert.equal(bitmapIsFull(words), true);
  assert.equal(bitmapFirstClear(words), bitmapBits);
  assert.equal(bitmapFirstClear(words, bitmapBits), bitmapBits);
  bitmapClear(words, bitmapBits - 1);
  assert.equal(bitmapIsFull(words), false);
  assert.equal(bitmapFirstClear(words), bitmapBits - 1);
});
