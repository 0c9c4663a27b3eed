import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c, crc32cPortable, hasNativeCrc32c } from './crc32c.ts';
import { loadPackage } from './load-package.ts';

const paths = [crc32c, crc32cPortable];

/** RFC 3720, appendix B.4. */
const vectors: readonly (readonly [Uint8Array, number])[] = [
  [new Uint8Array(32), 0x8a91_36aa],
  [new Uint8Array(32).fill(0xff), 0x62a8_ab43],
  [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd_794e],
  [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113f_db5c],
  [
    Uint8Array.from(
      Buffer.from(
        '01c00000000000000000000000000000140000000000040000000014000000182800000000000000' +
          '0200000000000000',
        'hex',
      ),
    ),
    0xd996_3a56,
  ],
  [new TextEncoder().encode('123456789'), 0xe306_9283],
  [new Uint8Array(0), 0],
];

test('the vectors of RFC 3720 come out', () => {
  for (const sum of paths) {
    for (const [bytes, expected] of vectors) {
      assert.equal(sum(bytes, 0, bytes.length), expected);
    }
  }
});

/** Bit by bit, from the definition. */
function slow(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffff_ffff;
  for (let at = start; at < end; at++) {
    crc ^= bytes[at] ?? 0;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

test('every path agrees with the definition at every length around its thresholds', () => {
  const bytes = Uint8Array.from({ length: 700 }, (_, i) => (i * 131 + 7) & 0xff);
  for (let length = 0; length <= 680; length++) {
    const expected = slow(bytes, 3, 3 + length);
    for (const sum of paths) assert.equal(sum(bytes, 3, 3 + length), expected);
  }
});

test('a sum can be taken in pieces, wherever it is cut and through whichever path', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 2000 }),
      fc.nat(),
      fc.boolean(),
      (bytes, random, swap) => {
        const [first, second] = swap ? [crc32c, crc32cPortable] : [crc32cPortable, crc32c];
        const cut = random % (bytes.length + 1);
        const head = first(bytes, 0, cut);
        assert.equal(second(bytes, cut, bytes.length, head), crc32c(bytes, 0, bytes.length));
      },
    ),
  );
});

test('a view that begins inside its buffer is summed from its own start', () => {
  const backing = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
  const view = backing.subarray(13, 913);
  for (const sum of paths) assert.equal(sum(view, 5, 900), slow(backing, 18, 913));
});

test('sums are right whatever buffers were summed before', () => {
  const buffers = [1, 2, 3].map((seed) => Uint8Array.from({ length: 64 }, (_, i) => i * seed));
  for (const index of [0, 1, 0, 2, 2, 1, 0, 2, 1]) {
    const bytes = buffers[index] ?? new Uint8Array(0);
    assert.equal(crc32cPortable(bytes, 0, 64), slow(bytes, 0, 64));
  }
});

test('the native package is in use where it is installed, and only there', () => {
  assert.equal(hasNativeCrc32c(), loadPackage('@node-rs/crc32') !== null);
});
