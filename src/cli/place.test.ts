import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandFailure } from './failure.ts';
import { parseAge, parsePlace } from './place.ts';

const parse = (text: string): unknown => parsePlace('--from', text);

test('places are read as people write them', () => {
  assert.deepEqual(['earliest', 'beginning', 'latest', 'end'].map(parse), [
    ...['earliest', 'earliest', 'latest', 'latest'],
  ]);
  assert.equal(parse('17'), 17);
  assert.deepEqual(parse('-10'), { fromEnd: 10 });
  assert.deepEqual(parse('2026-01-31T12:00:00Z'), { time: Date.UTC(2026, 0, 31, 12) });
  assert.deepEqual(parse('2026-01-31'), { time: Date.UTC(2026, 0, 31) });
});

test('an age is so long before now', () => {
  const before = Date.now();
  const { time } = parse('10m') as { time: number };
  assert.ok(time >= before - 600_000 && time <= Date.now() - 600_000);
  assert.deepEqual(
    ['5ms', '30s', '10m', '2h', '7d'].map((text) => parseAge('--x', text)),
    [5, 30_000, 600_000, 7_200_000, 604_800_000],
  );
});

test('what is no place is refused', () => {
  for (const text of ['', 'soon', '1.5', '--1', '10 m', '2026-13-01', '31.1.2026', '5w']) {
    assert.throws(() => parse(text), CommandFailure, text);
  }
});
