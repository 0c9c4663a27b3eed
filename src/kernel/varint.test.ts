import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  readVarint,
  readVarlong,
  readZigzag,
  readZigzagLong,
  varint,
  varintInvalid,
  varintShort,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
  writeZigzag,
  writeZigzagLong,
  zigzagLongSize,
  zigzagSize,
} from './varint.ts';

interface Form {
  readonly name: string;
  readonly read: (bytes: Uint8Array, position: number, limit: number) => number;
  readonly write: (target: Uint8Array, position: number, value: number) => number;
  readonly size: (value: number) => number;
  readonly value: fc.Arbitrary<number>;
  /** Value and its bytes. */
  readonly golden: readonly (readonly [number, string])[];
}

const max = Number.MAX_SAFE_INTEGER;

const forms: readonly Form[] = [
  {
    name: 'varint',
    read: readVarint,
    write: writeVarint,
    size: varintSize,
    value: fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff })),
    golden: [
      [0, '00'],
      [127, '7f'],
      [128, '8001'],
      [300, 'ac02'],
      [0xffff_ffff, 'ffffffff0f'],
    ],
  },
  {
    name: 'zigzag',
    read: readZigzag,
    write: writeZigzag,
    size: zigzagSize,
    value: fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer()),
    golden: [
      [0, '00'],
      [-1, '01'],
      [1, '02'],
      [63, '7e'],
      [-64, '7f'],
      [64, '8001'],
      [0x7fff_ffff, 'feffffff0f'],
      [-0x8000_0000, 'ffffffff0f'],
    ],
  },
  {
    name: 'varlong',
    read: readVarlong,
    write: writeVarlong,
    size: varlongSize,
    value: fc.oneof(fc.nat(300), fc.maxSafeNat()),
    golden: [
      [0, '00'],
      [0x1_0000_0000, '8080808010'],
      [max, 'ffffffffffffff0f'],
    ],
  },
  {
    name: 'zigzag long',
    read: readZigzagLong,
    write: writeZigzagLong,
    size: zigzagLongSize,
    value: fc.oneof(fc.integer({ min: -300, max: 300 }), fc.maxSafeInteger()),
    golden: [
      [0, '00'],
      [-1, '01'],
      [-64, '7f'],
      [64, '8001'],
      [0x1_0000_0000, '8080808020'],
      [max, 'feffffffffffff1f'],
      [-max, 'fdffffffffffff1f'],
    ],
  },
];

for (const form of forms) {
  test(`${form.name}: golden bytes are written and read`, () => {
    for (const [value, hex] of form.golden) {
      const target = new Uint8Array(12);
      const end = form.write(target, 0, value);
      assert.equal(Buffer.from(target.subarray(0, end)).toString('hex'), hex);
      assert.equal(form.read(target, 0, end), value);
      assert.equal(varint.end, end);
    }
  });

  test(`${form.name}: a value comes back, in the size foretold, and every prefix is short`, () => {
    fc.assert(
      fc.property(form.value, fc.nat(5), (value, start) => {
        const target = new Uint8Array(20).fill(0xaa);
        const end = form.write(target, start, value);
        assert.equal(end - start, form.size(value));
        assert.equal(form.read(target, start, target.length), value);
        assert.equal(varint.end, end);
        for (let limit = start; limit < end; limit++) {
          assert.equal(form.read(target, start, limit), 0);
          assert.equal(varint.end, varintShort);
        }
      }),
    );
  });

  test(`${form.name}: random bytes yield an exact value inside the limit, or a reason`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 14 }), (bytes) => {
        const value = form.read(bytes, 0, bytes.length);
        assert.ok(Number.isSafeInteger(value));
        if (varint.end < 0) assert.ok(varint.end === varintShort || varint.end === varintInvalid);
        else assert.ok(varint.end >= 1 && varint.end <= bytes.length);
      }),
    );
  });
}

function readHex(form: Form['read'], hex: string): number {
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
  form(bytes, 0, bytes.length);
  return varint.end;
}

test('an integer that does not end within its width is invalid, not short', () => {
  assert.equal(readHex(readVarint, 'ffffffffff01'), varintInvalid);
  assert.equal(readHex(readVarint, 'ffffffff10'), varintInvalid);
  assert.equal(readHex(readVarlong, 'ffffffffffffffffff02'), varintInvalid);
  assert.equal(readHex(readZigzagLong, '80808080808080808080'), varintInvalid);
});

test('a 64-bit integer beyond 2^53 - 1 is invalid', () => {
  assert.equal(readHex(readVarlong, '8080808080808010'), varintInvalid);
  assert.equal(readHex(readVarlong, 'ffffffffffffffffff01'), varintInvalid);
  assert.equal(readHex(readZigzagLong, '8080808080808020'), varintInvalid);
  assert.equal(readHex(readZigzagLong, 'ffffffffffffff1f'), varintInvalid);
  assert.equal(readHex(readZigzagLong, 'ffffffffffffffffff01'), varintInvalid);
});

test('the smallest value may be written with more bytes than it needs', () => {
  assert.equal(readHex(readVarint, '8000'), 2);
  assert.equal(readHex(readZigzagLong, '80808000'), 4);
});
