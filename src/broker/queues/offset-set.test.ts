/** Sets of offsets against a plain model. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { chunkOffsets, OffsetSet } from './offset-set.ts';
import { rangesOf, TestRandom } from './queues.fixture.ts';

test('a set agrees with a plain model after random additions and removals', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new TestRandom(seed);
    const set = new OffsetSet();
    const model = new Set<number>();
    const span = chunkOffsets * 5;
    for (let step = 0; step < 120; step++) {
      const first = random.below(span);
      const widths = [1, 1, 60, chunkOffsets, chunkOffsets * 2];
      const end = Math.min(span, first + 1 + random.below(widths[random.below(5)] ?? 1));
      let changed = 0;
      const isAdding = random.below(5) < 3;
      for (let offset = first; offset < end; offset++) {
        if (model.has(offset) === isAdding) continue;
        changed++;
        if (isAdding) model.add(offset);
        else model.delete(offset);
      }
      const returned = isAdding ? set.addRange(first, end) : set.removeRange(first, end);
      assert.equal(returned, changed, `seed ${seed}, step ${step}`);
      assert.equal(set.size, model.size, `seed ${seed}, step ${step}`);
      const at = random.below(span);
      assert.equal(set.has(at), model.has(at));
      assert.equal(
        set.nextPresent(at),
        nextOf(model, at, span, true),
        `seed ${seed}, step ${step}`,
      );
      assert.equal(
        set.nextAbsent(at),
        nextOf(model, at, span, false),
        `seed ${seed}, step ${step}`,
      );
    }
    for (let offset = 0; offset < span; offset++) assert.equal(set.has(offset), model.has(offset));
  }
});

function nextOf(model: Set<number>, from: number, span: number, isPresent: boolean): number {
  for (let offset = from; offset < span; offset++)
    if (model.has(offset) === isPresent) return offset;
  return isPresent ? -1 : span;
}

test('full chunks need no bitmap, and neighbours are one run', () => {
  const set = new OffsetSet();
  for (let offset = 10 * chunkOffsets - 1; offset >= 0; offset--) set.addRange(offset, offset + 1);
  assert.equal(set.bitmaps, 0);
  assert.deepEqual(rangesOf(set), [[0, 10 * chunkOffsets]]);
  assert.equal(set.rowFrom(0)?.chunks, 10);
});

test('a range of ten thousand million offsets costs two bitmaps', () => {
  const set = new OffsetSet();
  assert.equal(set.addRange(5, 1e10 + 5), 1e10);
  assert.equal(set.bitmaps, 2);
  assert.equal(set.nextAbsent(5), 1e10 + 5);
  assert.equal(set.removeRange(100_000, 1e10), 1e10 - 100_000);
  assert.deepEqual(rangesOf(set), [
    [5, 100_000],
    [1e10, 1e10 + 5],
  ]);
});

test('offsets beyond 2^32 are kept apart', () => {
  const set = new OffsetSet();
  const high = 2 ** 40;
  set.addRange(high + 7, high + 9);
  assert.equal(set.has(7), false);
  assert.equal(set.has(high + 8), true);
  assert.equal(set.nextPresent(0), high + 7);
});
