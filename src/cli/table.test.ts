import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, durationText, renderTable, timeText } from './table.ts';

test('columns are as wide as what is in them, numbers end at the right', () => {
  const rows = [
    ['a', '5'],
    ['long', '1234'],
  ];
  assert.equal(renderTable(['name', 'n'], rows, ['n']), 'name     n\na        5\nlong  1234\n');
});

test('wide characters take two columns', () => {
  assert.equal(
    renderTable(
      ['k', 'v'],
      [
        ['订单', 'x'],
        ['ab', 'y'],
      ],
    ),
    'k     v\n订单  x\nab    y\n',
  );
});

test('what would move the cursor of a terminal is shown instead', () => {
  const text = renderTable(['a'], [['\u001b[2J\n\u202e']]);
  assert.equal(text, 'a\n\\u001b[2J\\n\\u202e\n');
});

test('sizes, durations and times are for people', () => {
  assert.deepEqual([0, 1023, 1024, 5 * 1024 ** 3].map(bytesText), [
    ...['0 B', '1023 B', '1.0 KiB', '5.0 GiB'],
  ]);
  assert.deepEqual([5, 61_000, 93_784_000, 86_400_000].map(durationText), [
    ...['5 ms', '1 min 1 s', '1 d 2 h', '1 d'],
  ]);
  assert.deepEqual([0, -1, 9e15].map(timeText), ['1970-01-01T00:00:00.000Z', '-', '-']);
});
