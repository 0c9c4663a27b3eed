import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8 } from './bytes.ts';
import { keyPartition, murmur2 } from './murmur2.ts';

test('the hash is the one of Kafka clients', () => {
  // The values in the tests of Kafka's own client.
  const vectors: readonly (readonly [string, number])[] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [text, expected] of vectors) assert.equal(murmur2(encodeUtf8(text)), expected);
});

test('a key inside a larger buffer hashes as by itself', () => {
  const bytes = encodeUtf8('--foobar--');
  assert.equal(murmur2(bytes, 2, 8), murmur2(encodeUtf8('foobar')));
});

test('a negative hash still gives a partition', () => {
  assert.equal(keyPartition(10, encodeUtf8('foobar')), (-790332482 & 0x7fff_ffff) % 10);
  assert.equal(keyPartition(1, encodeUtf8('21')), 0);
});
