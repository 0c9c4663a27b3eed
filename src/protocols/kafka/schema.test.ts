import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../simulation/random.ts';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { decodeHex, encodeHex } from '../../kernel/bytes.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { apis } from './api-keys.ts';
import { decode, decodeFrom } from './decode.ts';
import { encode } from './encode.ts';
import { encodeLoosely, randomMessage } from './random-message.fuzz.ts';
import { Reader } from './reader.ts';
import {
  array,
  bool,
  bytes,
  type DraftOf,
  int16,
  int32,
  int64,
  message,
  string,
  struct,
  uuid,
} from './schema.ts';

const sample = message('Sample', 2, {
  name: string({ nullable: 1 }),
  count: int32({ since: 1, default: -1 }),
  old: bool({ until: 1, default: true }),
  parts: array(struct({ index: int16(), data: bytes({ nullable: 0 }) }), { nullable: 1 }),
  note: string({ since: 2, tag: 0, nullable: 2, default: null }),
  leader: struct(
    { id: int32({ default: -1 }), epoch: int64({ default: -1 }) },
    { since: 2, tag: 3 },
  ),
});

function toHex(version: number, draft: DraftOf<typeof sample>): string {
  const writer = new ByteWriter();
  encode(sample, version, draft, writer);
  return encodeHex(writer.written());
}

function fromHex(version: number, hex: string): ReturnType<typeof decodeSample> {
  return decodeSample(version, decodeHex(hex) ?? new Uint8Array(0));
}

function decodeSample(version: number, input: Uint8Array) {
  return decode(sample, version, input, 0, input.length);
}

function isViolation(error: unknown): boolean {
  return error instanceof ProtocolViolation && error.specRef === 'KAFKA-PROTOCOL';
}

describe('the schema language', () => {
  it('writes classic lengths before the flexible version and compact ones from it', () => {
    const draft = { name: 'ab', old: false, parts: [{ index: 1, data: new Uint8Array([9]) }] };
    assert.equal(toHex(0, draft), '00026162000000000100010000000109');
    assert.equal(toHex(1, draft), '00026162ffffffff000000000100010000000109');
    assert.equal(toHex(2, draft), '036162ffffffff02000102090000');
  });

  it('writes null as length -1 or as compact 0', () => {
    assert.equal(toHex(1, { name: null, parts: null }), 'ffffffffffff01ffffffff');
    assert.equal(toHex(2, { name: null, parts: null }), '00ffffffff0000');
  });

  it('writes tagged fields in order, only when they differ from their default', () => {
    const hex = toHex(2, {
      name: '',
      parts: [],
      leader: { id: 5, epoch: 6 },
      note: 'n'.repeat(200),
    });
    const note = 'c901' + '6e'.repeat(200);
    assert.equal(
      hex,
      `01ffffffff01` + `02` + `00ca01${note}` + `030d` + '00000005' + '0000000000000006' + '00',
    );
    assert.equal(toHex(2, { name: '', parts: [], leader: {} }), '01ffffffff0100');
  });

  it('decodes fields that the version lacks, and tagged ones left out, as their default', () => {
    assert.deepEqual(fromHex(0, '0000' + '01' + '00000000'), {
      name: '',
      count: -1,
      old: true,
      parts: [],
      note: null,
      leader: { id: -1, epoch: -1 },
    });
  });

  it('skips unknown tagged fields by their size', () => {
    const withTags = fromHex(2, '0261' + '00000007' + '01' + '02' + '00020278' + '0702abcd');
    assert.equal(withTags.note, 'x');
    assert.equal(withTags.count, 7);
  });

  it('refuses a tagged field that reaches past its own size', () => {
    assert.throws(() => fromHex(2, '01ffffffff01' + '01' + '0001' + '0378'), isViolation);
  });

  it('refuses null where the version does not allow it', () => {
    assert.throws(() => fromHex(0, 'ffff' + '01' + '00000000'), isViolation);
    assert.throws(() => fromHex(0, '0000' + '01' + 'ffffffff'), isViolation);
  });

  it('ignores bytes after the last field', () => {
    assert.equal(fromHex(0, '00016101' + '00000000' + 'dead').name, 'a');
  });

  it('reads an int64 beyond 2^53 as the bound', () => {
    const wide = message('Wide', 0, { high: int64(), low: int64() });
    const input = decodeHex('7fffffffffffffff' + '8000000000000000' + '00');
    assert.ok(input);
    assert.deepEqual(decode(wide, 0, input, 0, input.length), {
      high: Number.MAX_SAFE_INTEGER,
      low: Number.MIN_SAFE_INTEGER,
    });
  });

  it('writes a uuid as its sixteen bytes, of no topic as zeros', () => {
    const ids = message('Ids', 0, { first: uuid(), second: uuid() });
    const writer = new ByteWriter();
    encode(ids, 0, { first: 'AAECAwQFBgcICQoLDA0ODw', second: 'AAAAAAAAAAAAAAAAAAAAAA' }, writer);
    const hex = `000102030405060708090a0b0c0d0e0f${'00'.repeat(16)}00`;
    assert.equal(encodeHex(writer.written()), hex);
    assert.deepEqual(decode(ids, 0, writer.written(), 0, 33), {
      first: 'AAECAwQFBgcICQoLDA0ODw',
      second: 'AAAAAAAAAAAAAAAAAAAAAA',
    });
  });

  it('refuses an array whose elements cannot fit into the bytes that are left', () => {
    for (const count of ['7fffffff', '00000003', '40000000']) {
      assert.throws(
        () => fromHex(0, `000001${count}${'00'.repeat(12)}`),
        /more elements than bytes/,
      );
    }
    assert.throws(() => fromHex(2, '0100000000ffffffff0f0000'), /more elements than bytes/);
    assert.throws(() => fromHex(2, '0100000000ffffffff1f0000'), /varint/);
  });
});

describe('every message of every version', () => {
  it('decodes to what was encoded, to the last byte', () => {
    const dice = new SeededRandom(41);
    const reader = new Reader();
    for (const { request, response, handledMin, max } of apis) {
      for (let version = handledMin; version <= max; version++) {
        for (const schema of [request, response]) {
          for (let round = 0; round < 8; round++) {
            const values = randomMessage(schema, version, dice);
            const encoded = encodeLoosely(schema, version, values);
            reader.reset(encoded, 0, encoded.length);
            assert.deepEqual(
              decodeFrom(schema, version, reader),
              values,
              `${schema.name} ${version}`,
            );
            assert.equal(reader.position, encoded.length, `${schema.name} ${version}`);
          }
        }
      }
    }
  });
});
