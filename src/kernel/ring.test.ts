import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NumberRing, Ring } from './ring.ts';

const command = fc.tuple(
  fc.constantFrom('pushBack', 'pushFront', 'popFront', 'popBack', 'dropFront'),
  fc.nat(1000),
);

test('a number ring does what an array does, growing and wrapping', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const ring = new NumberRing(2);
      const model: number[] = [];
      for (const [kind, value] of commands) {
        if (kind === 'pushBack') model.push(value);
        if (kind === 'pushFront') model.unshift(value);
        if (kind === 'pushBack' || kind === 'pushFront') ring[kind](value);
        else if (kind === 'dropFront') {
          const count = value % (model.length + 1);
          model.splice(0, count);
          ring.dropFront(count);
        } else if (model.length > 0) {
          assert.equal(ring[kind](), kind === 'popFront' ? model.shift() : model.pop());
        }
        assert.equal(ring.length, model.length);
      }
      assert.deepEqual(
        model.map((_, index) => ring.at(index)),
        model,
      );
    }),
  );
});

test('an object ring does what an array does, growing and wrapping', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const ring = new Ring<string>(2);
      const model: string[] = [];
      for (const [kind, value] of commands) {
        if (kind === 'pushFront') {
          model.unshift(`${value}`);
          ring.pushFront(`${value}`);
        } else if (kind === 'pushBack') {
          model.push(`${value}`);
          ring.pushBack(`${value}`);
        } else {
          assert.equal(ring.popFront(), model.shift());
        }
        assert.equal(ring.peekFront(), model[0]);
      }
      assert.deepEqual(
        model.map((_, index) => ring.at(index)),
        model,
      );
      assert.equal(ring.at(model.length), undefined);
    }),
  );
});

test('reading outside of the content of a number ring is a bug that shows', () => {
  const ring = new NumberRing();
  ring.pushBack(1);
  assert.throws(() => ring.at(1), { name: 'AssertionFailure' });
  ring.popFront();
  assert.throws(() => ring.popFront(), { name: 'AssertionFailure' });
  assert.throws(() => ring.dropFront(1), { name: 'AssertionFailure' });
});

test('a cleared ring is empty and usable', () => {
  const numbers = new NumberRing(4);
  const objects = new Ring<number>(4);
  for (const ring of [numbers, objects]) {
    for (let i = 0; i < 6; i++) ring.pushBack(i);
    ring.clear();
    assert.equal(ring.length, 0);
    ring.pushBack(7);
    assert.equal(ring.popFront(), 7);
  }
  numbers.pushBack(1);
  numbers.set(0, 5);
  assert.equal(numbers.at(0), 5);
});
