import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  copyBytes,
  decodeHex,
  decodeUtf8,
  decodeUtf8Strict,
  encodeHex,
  encodeUtf8,
  equalBytes,
  equalRanges,
  formatUuid,
  formatUuidShort,
  isExact,
  parseUuid,
  parseUuidShort,
  readInt64,
  readInt64LittleEndian,
  utf8Length,
  viewOf,
  writeInt64,
  writeInt64LittleEndian,
  writeUtf8,
} from './bytes.ts';

const max = Number.MAX_SAFE_INTEGER;

test('int64 numbers agree with bigints in both byte orders', () => {
  const edges = [0, 1, -1, max, -max, 2 ** 32, -(2 ** 32), 2 ** 32 - 1, -(2 ** 31)];
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeInteger()), (value) => {
      const view = new DataView(new ArrayBuffer(24));
      writeInt64(view, 3, value);
      assert.equal(view.getBigInt64(3), BigInt(value));
      assert.equal(readInt64(view, 3), value);
      writeInt64LittleEndian(view, 13, value);
      assert.equal(view.getBigInt64(13, true), BigInt(value));
      assert.equal(readInt64LittleEndian(view, 13), value);
    }),
  );
});

test('an int64 reads as exact if and only if it is within 2^53 - 1', () => {
  const bound = BigInt(max);
  const near = fc.bigInt({ min: bound - 4n, max: bound + 4n });
  const any = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(fc.oneof(near, any), fc.boolean(), (value, negate) => {
      const signed = negate && value !== -(2n ** 63n) ? -value : value;
      const view = new DataView(new ArrayBuffer(8));
      view.setBigInt64(0, signed);
      const expected = signed <= bound && signed >= -bound;
      assert.equal(isExact(readInt64(view, 0)), expected);
      if (expected) assert.equal(readInt64(view, 0), Number(signed));
    }),
  );
});

test('ranges are equal when their bytes and lengths are', () => {
  const left = Uint8Array.of(9, 1, 2, 3, 9);
  const right = Uint8Array.of(1, 2, 3);
  assert.equal(equalRanges(left, 1, 4, right, 0, 3), true);
  assert.equal(equalRanges(left, 1, 3, right, 0, 3), false);
  assert.equal(equalRanges(left, 0, 3, right, 0, 3), false);
  assert.equal(equalBytes(left.subarray(1, 4), right), true);
  assert.equal(equalBytes(left, right), false);
});

test('short and long copies change exactly their range', () => {
  for (const length of [0, 1, 32, 33, 200]) {
    const source = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
    const target = new Uint8Array(300);
    copyBytes(source, 7, length, target, 50);
    const expected = new Uint8Array(300);
    expected.set(source.subarray(7, 7 + length), 50);
    assert.deepEqual(target, expected);
  }
});

test('text comes back from a range of a plain array and of a Buffer', () => {
  const text = 'aß€😀';
  const bytes = new Uint8Array(20);
  const written = writeUtf8(bytes, 2, text);
  assert.equal(written, utf8Length(text));
  assert.equal(decodeUtf8(bytes, 2, 2 + written), text);
  assert.equal(decodeUtf8(Buffer.from(bytes), 2, 2 + written), text);
  assert.deepEqual(encodeUtf8(text), bytes.slice(2, 2 + written));
});

test('bytes that are not UTF-8 are told, or replaced, as asked', () => {
  const bytes = Uint8Array.of(0x61, 0xff, 0x62);
  assert.equal(decodeUtf8Strict(bytes), null);
  assert.equal(decodeUtf8(bytes), 'a\ufffdb');
  assert.equal(decodeUtf8Strict(bytes, 2), 'b');
  assert.equal(decodeUtf8Strict(Uint8Array.of(0xef, 0xbb, 0xbf)), '\ufeff');
});

test('text is written up to the last whole character that fits', () => {
  const target = new Uint8Array(4);
  assert.equal(writeUtf8(target, 2, '€'), 0);
  assert.equal(writeUtf8(target, 1, '€'), 3);
});

test('hex goes both ways and refuses what is no hex', () => {
  assert.equal(encodeHex(Uint8Array.of(0, 0xab, 0x10), 1), 'ab10');
  assert.deepEqual(decodeHex('AB10'), Uint8Array.of(0xab, 0x10));
  for (const bad of ['a', 'zz', 'a ']) assert.equal(decodeHex(bad), null);
});

test('a UUID has one short and one long spelling', () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => i * 16 + 15);
  assert.equal(formatUuid(bytes), '0f1f2f3f-4f5f-6f7f-8f9f-afbfcfdfefff');
  assert.equal(formatUuidShort(bytes), 'Dx8vP09fb3-Pn6-_z9_v_w');
  assert.deepEqual(parseUuid('0f1f2f3f-4f5f-6f7f-8f9f-afbfcfdfefff'), bytes);
  assert.deepEqual(parseUuidShort('Dx8vP09fb3-Pn6-_z9_v_w'), bytes);
});

test('what is no UUID is refused, a second spelling of one included', () => {
  assert.equal(parseUuidShort('Dx8vP09fb3-Pn6-_z9_v_x'), null);
  assert.equal(parseUuidShort('Dx8vP09fb3-Pn6-_z9_v'), null);
  assert.equal(parseUuidShort('Dx8vP09fb3+Pn6+/z9/v/w'), null);
  assert.equal(parseUuid('0f1f2f3f4f5f6f7f8f9fafbfcfdfefff'), null);
});

test('a view covers the memory of its array and no more', () => {
  const view = viewOf(Uint8Array.of(1, 2, 3, 4).subarray(1, 3));
  assert.equal(view.byteLength, 2);
  assert.equal(view.getUint16(0), 0x0203);
});
