import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeClock } from './clock.ts';

test('the clock goes on when a test has replaced Date and performance.now', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1000 });
  const performanceNow = t.mock.method(performance, 'now', () => 7);
  assert.equal(Date.now(), 1000);
  assert.ok(nodeClock.now() > 1.7e12);
  assert.notEqual(nodeClock.monotonic(), 7);
  assert.equal(performanceNow.mock.callCount(), 0);
});

test('wall time is whole and monotonic time does not go back', () => {
  assert.ok(Number.isInteger(nodeClock.now()));
  let last = nodeClock.monotonic();
  for (let i = 0; i < 1000; i++) {
    const now = nodeClock.monotonic();
    assert.ok(now >= last);
    last = now;
  }
});
