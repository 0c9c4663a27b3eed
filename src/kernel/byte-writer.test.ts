import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteWriter } from './byte-writer.ts';
import { encodeHex } from './bytes.ts';

describe('ByteWriter', () => {
  it('writes big-endian integers one after the other', () => {
    const writer = new ByteWriter(16);
    writer.int8(-2);
    writer.uint8(0xab);
    writer.int16(-2);
    writer.int32(-2);
    writer.int64(-2);
    writer.int64(Number.MAX_SAFE_INTEGER);
    assert.equal(encodeHex(writer.written()), 'feabfffefffffffefffffffffffffffe001fffffffffffff');
  });

  it('writes varints of every width', () => {
    const writer = new ByteWriter(16);
    writer.uvarint(300);
    writer.uvarint(0xffff_ffff);
    writer.zigzag(-1);
    writer.uvarlong(2 ** 35);
    writer.zigzagLong(-1);
    assert.equal(encodeHex(writer.written()), 'ac02ffffffff0f0180808080800101');
  });

  it('keeps what was written when it grows', () => {
    const writer = new ByteWriter(16);
    for (let i = 0; i < 1000; i++) writer.int32(i);
    assert.equal(writer.position, 4000);
    for (let i = 0; i < 1000; i++) assert.equal(writer.view.getInt32(i * 4), i);
  });

  it('writes text as UTF-8 and says how many bytes it took', () => {
    const writer = new ByteWriter(16);
    assert.equal(writer.utf8('topic'), 5);
    assert.equal(writer.utf8('zürich€😀'), 14);
    const long = 'é'.repeat(500);
    assert.equal(writer.utf8(long), 1000);
    assert.equal(Buffer.from(writer.written()).toString('utf8'), `topiczürich€😀${long}`);
  });

  it('copies short and long ranges alike', () => {
    const source = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
    const writer = new ByteWriter(16);
    writer.copy(source, 1, 4);
    writer.copy(source, 100, 300);
    assert.deepEqual(
      writer.toBytes(),
      Uint8Array.from([...source.subarray(1, 4), ...source.subarray(100, 300)]),
    );
  });

  it('lets a reserved place be patched after the writer has grown', () => {
    const writer = new ByteWriter(16);
    const at = writer.reserve(4);
    const small = writer.reserve(2);
    writer.copy(new Uint8Array(1000).fill(7), 0, 1000);
    writer.patchInt32(at, writer.position - 4);
    writer.patchInt16(small, -5);
    assert.equal(writer.view.getInt32(0), 1002);
    assert.equal(writer.view.getInt16(4), -5);
  });

  it('gives memory above the wanted amount back when it is reset', () => {
    const writer = new ByteWriter(16);
    writer.reserve(100_000);
    writer.reset();
    assert.equal(writer.position, 0);
    assert.ok(writer.bytes.length >= 100_000);
    writer.reset(4096);
    assert.equal(writer.bytes.length, 4096);
    writer.int64(1);
    assert.equal(writer.view.getInt32(4), 1);
  });
});
