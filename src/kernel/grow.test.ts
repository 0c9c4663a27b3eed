import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GrowableF64, GrowableU32, lowerBound } from './grow.ts';

for (const Growable of [GrowableF64, GrowableU32]) {
  test(`${Growable.name}: pushes, truncations and drops leave what an array would hold`, () => {
    const step = fc.tuple(fc.constantFrom('push', 'push', 'push', 'truncate', 'drop'), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const grown = new Growable(1);
        let model: number[] = [];
        for (const [kind, value] of steps) {
          const count = value % (model.length + 1);
          if (kind === 'push') {
            grown.push(value);
            model.push(value);
          } else if (kind === 'truncate') {
            grown.truncate(count);
            model.length = count;
          } else {
            grown.dropFront(count);
            model = model.slice(count);
          }
        }
        assert.equal(grown.length, model.length);
        assert.deepEqual(
          model.map((_, index) => grown.get(index)),
          model,
        );
      }),
    );
  });

  test(`${Growable.name}: memory comes back when most of the content is dropped`, () => {
    const grown = new Growable();
    for (let i = 0; i < 10_000; i++) grown.push(i);
    const full = grown.bytes;
    grown.dropFront(9_990);
    assert.ok(grown.bytes < full / 100);
    assert.equal(grown.get(0), 9_990);
  });

  test(`${Growable.name}: an index outside of the content is a bug that shows`, () => {
    const grown = new Growable();
    grown.push(1);
    grown.set(0, 2);
    assert.equal(grown.get(0), 2);
    for (const use of [
      () => grown.get(1),
      () => grown.set(1, 0),
      () => grown.get(-1),
      () => grown.truncate(2),
      () => grown.dropFront(2),
    ]) {
      assert.throws(use, { name: 'AssertionFailure' });
    }
  });
}

test('the lower bound is the first index whose value is not below', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.nat(60), (values, wanted) => {
      const sorted = Float64Array.from(values).sort();
      const expected = sorted.findIndex((value) => value >= wanted);
      const found = lowerBound(sorted, sorted.length, wanted);
      assert.equal(found, expected < 0 ? sorted.length : expected);
    }),
  );
});
