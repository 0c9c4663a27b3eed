/** The pace of rewriting. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { TestLoop } from './journal.fixture.ts';
import { RewritePace } from './rewrite-pace.ts';

const MB = 1024 * 1024;

function timeFor(pace: RewritePace, loop: TestLoop, pieces: number): number {
  const start = loop.time;
  let end = -1;
  const next = (left: number): void => {
    if (left === 0) end = loop.time;
    else pace.spend(MB, () => next(left - 1));
  };
  next(pieces);
  for (let i = 0; i < 100_000 && end < 0; i++) loop.pass(1);
  return end - start;
}

function paceOf(rate: () => number) {
  const loop = new TestLoop();
  loop.time = 10_000;
  return { loop, pace: new RewritePace({ clock: loop, scheduler: loop }, rate) };
}

test('so many bytes take their time', () => {
  const { loop, pace } = paceOf(() => 32 * MB);
  const ms = timeFor(pace, loop, 320);
  assert.ok(ms >= 9_800 && ms <= 10_100, `${ms}`);
});

test('the rate is asked for each time, and may be without limit', () => {
  let rate = Number.POSITIVE_INFINITY;
  const { loop, pace } = paceOf(() => rate);
  assert.equal(timeFor(pace, loop, 1000), 0);
  rate = 10 * MB;
  assert.ok(timeFor(pace, loop, 100) > 9_000);
});

test('a pause is not made up for by a burst of more than a moment', () => {
  const { loop, pace } = paceOf(() => 10 * MB);
  timeFor(pace, loop, 10);
  loop.pass(60_000);
  assert.ok(timeFor(pace, loop, 100) > 9_000);
});

test('what waits when it is stopped is not called', () => {
  const { loop, pace } = paceOf(() => MB);
  let calls = 0;
  pace.spend(100 * MB, () => {
    calls += 1;
  });
  pace.stop();
  loop.pass(1_000_000);
  assert.equal(calls, 0);
});
