import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BrokerError } from '../../kernel/errors.ts';
import { type Codec, canCompress, codec, codecName, compress, decompress } from './index.ts';
import { compressSnappyRaw } from './snappy.ts';
import { contents, vectors } from './vectors/contents.ts';
import { decompressZstdPortable } from './zstd.ts';

const limit = 1 << 20;
const codecs = [codec.none, codec.gzip, codec.snappy, codec.lz4, codec.zstd] as const;
const written = codecs.filter((c) => canCompress(c));

function decompressAll(codecNumber: number, bytes: Uint8Array, limitBytes = limit): Uint8Array {
  return decompress(codecNumber, bytes, 0, bytes.length, limitBytes);
}

function equalContent(actual: Uint8Array, expected: Uint8Array): void {
  assert.deepEqual(Buffer.from(actual), Buffer.from(expected));
}

/** The code of the BrokerError that `action` throws; anything else thrown fails the test. */
function refusal(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
}

for (const vector of vectors) {
  const input = new Uint8Array(Buffer.from(vector.bytes, 'base64'));
  const expected = contents[vector.content];
  const read = (bytes: Uint8Array, limitBytes = limit) =>
    vector.codec === 'zstd by fzstd'
      ? decompressZstdPortable(bytes, 0, bytes.length, limitBytes)
      : decompressAll(codec[vector.codec], bytes, limitBytes);

  test(`${vector.codec}: ${vector.content}, ${vector.form}, by the reference encoder is read`, () => {
    equalContent(read(input), expected);
    equalContent(read(input, expected.length), expected);
  });

  test(`${vector.codec}: ${vector.content}, ${vector.form}: every prefix is refused`, () => {
    // Cut between two frames or chunks, these are complete with less content.
    const divisible = vector.form === 'two frames' || vector.form === 'framed';
    for (let cut = 1; cut < input.length; cut++) {
      const code = refusal(() => {
        assert.ok(read(input.subarray(0, cut)).length < expected.length);
      });
      assert.ok(code === 'invalid_batch' || (divisible && code === null));
    }
  });

  if (expected.length > 0) {
    test(`${vector.codec}: ${vector.content}, ${vector.form}: a byte over the limit is refused`, () => {
      assert.equal(
        refusal(() => read(input, expected.length - 1)),
        'batch_too_large',
      );
    });
  }

  test(`${vector.codec}: ${vector.content}, ${vector.form}: damage never gets past its limit`, () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (position, flip) => {
        const damaged = input.slice();
        const at = position % damaged.length;
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        refusal(() => assert.ok(read(damaged, 5000).length <= 5000));
      }),
      { numRuns: 300 },
    );
  });
}

const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ maxLength: 12 }), fc.integer({ min: 1, max: 40 })))
  .map((parts) => Buffer.concat(parts.flatMap(([part, times]) => Array(times).fill(part))));

for (const codecNumber of written) {
  test(`${codecName(codecNumber)}: what was compressed comes back`, () => {
    fc.assert(
      fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 3000 })), (content) => {
        equalContent(decompressAll(codecNumber, compress(codecNumber, content)), content);
      }),
    );
  });

  test(`${codecName(codecNumber)}: content of many blocks comes back`, () => {
    const content = Uint8Array.from({ length: 300_000 }, (_, i) => ((i * i) >>> 7) & 0xff);
    content.fill(0, 100_000, 200_000);
    const range = compress(codecNumber, content, 1000, 299_000);
    equalContent(decompressAll(codecNumber, range), content.subarray(1000, 299_000));
  });
}

for (const codecNumber of codecs) {
  test(`${codecName(codecNumber)}: random bytes are refused or stay within the limit`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        refusal(() => assert.ok(decompressAll(codecNumber, bytes, 1000).length <= 1000));
      }),
    );
  });
}

test('raw snappy, as some clients write it, comes back', () => {
  fc.assert(
    fc.property(repetitive, (content) => {
      const raw = compressSnappyRaw(content, 0, content.length);
      equalContent(decompressAll(codec.snappy, raw), content);
    }),
  );
});

test('snappy reads the distances and lengths that its own encoder never writes', () => {
  // Literal "abcd", copy of 5 from 4 back with 1 byte, copy of 3 from 9 back with 4 bytes.
  const bytes = Buffer.from('0c0c6162636405040b09000000', 'hex');
  assert.equal(Buffer.from(decompressAll(codec.snappy, bytes)).toString(), 'abcdabcdaabc');
});

test('snappy that claims more than its input can yield is refused before it is allocated', () => {
  const liar = Buffer.from('ffffffff0f00', 'hex');
  assert.equal(
    refusal(() => decompressAll(codec.snappy, liar, 2 ** 33)),
    'invalid_batch',
  );
});

const malformed: readonly (readonly [string, Codec, string])[] = [
  ['an lz4 frame with a wrong header checksum', codec.lz4, '04224d18604000 00000000'],
  ['an lz4 frame of an unknown version', codec.lz4, '04224d18204082 00000000'],
  ['an lz4 frame with a dictionary', codec.lz4, '04224d186140 01000000 82 00000000'],
  ['an lz4 match that reaches before the block', codec.lz4, '04224d186040820500000000010000000000'],
  ['an lz4 skippable frame longer than the input', codec.lz4, '502a4d18ff000000 00'],
  ['a snappy copy from distance 0', codec.snappy, '05 00 61 0e 0000'],
  ['a snappy copy that reaches before the content', codec.snappy, '05 00 61 0e 0200'],
  ['a snappy content shorter than announced', codec.snappy, '05 04 6161'],
  [
    'a framed snappy chunk longer than the input',
    codec.snappy,
    '82534e41505059000000000100000001ffffffff00',
  ],
];

for (const [what, codecNumber, hex] of malformed) {
  test(`${what} is refused`, () => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    assert.equal(
      refusal(() => decompressAll(codecNumber, bytes)),
      'invalid_batch',
    );
  });
}

test('lz4 skippable frames are skipped', () => {
  const frame = compress(codec.lz4, Buffer.from('hello'));
  const skippable = Buffer.from('5f2a4d1803000000aabbcc', 'hex');
  const bytes = Buffer.concat([skippable, frame, skippable]);
  assert.equal(Buffer.from(decompressAll(codec.lz4, bytes)).toString(), 'hello');
});

test('a bomb of 64 MiB stops at the limit, in every codec that can be written', () => {
  const zeros = new Uint8Array(64 << 20);
  for (const codecNumber of written) {
    const bomb = compress(codecNumber, zeros);
    assert.equal(
      refusal(() => decompressAll(codecNumber, bomb, 100_000)),
      'batch_too_large',
    );
  }
});

test('zstd by fzstd refuses a window and a content size that it was not asked to hold', () => {
  const read = (hex: string) =>
    refusal(() => {
      const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      decompressZstdPortable(bytes, 0, bytes.length, 1000);
    });
  // A window of 1 TiB for a stored block of one byte: cut down, and read.
  assert.equal(read('28b52ffd 00 f0 090000 61'), null);
  // A content size of 2 GiB.
  assert.equal(read('28b52ffd a0 00000080 090000 61'), 'batch_too_large');
  // A repeated block of 1 001 bytes; a dictionary; a second frame.
  assert.equal(read('28b52ffd 00 58 4b1f00 61'), 'batch_too_large');
  assert.equal(read('28b52ffd 01 58 07 090000 61'), 'invalid_batch');
  assert.equal(read('28b52ffd 00 58 090000 61 28b52ffd 00 58 090000 61'), 'invalid_batch');
});

test('a codec number that means nothing is unsupported', () => {
  for (const number of [5, 6, 7, -1]) {
    assert.equal(
      refusal(() => decompressAll(number, new Uint8Array(1))),
      'unsupported_compression',
    );
    assert.equal(codecName(number), 'unknown');
  }
});

test('without compression nothing is copied, and the limit still holds', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(decompressAll(codec.none, bytes).buffer, bytes.buffer);
  assert.equal(
    refusal(() => decompressAll(codec.none, bytes, 2)),
    'batch_too_large',
  );
});
