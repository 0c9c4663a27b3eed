/** Chunks read away from the loop: how many there are at once, and that everybody gets theirs. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { RamDisk } from '../kernel/ram-disk.ts';
import { CHUNK_BYTES, ColdChunks } from './cold-chunks.ts';
import { TestLoop } from './journal.fixture.ts';
import { WatchedDisk } from './rewrite.fixture.ts';
import { Segment } from './segment.ts';

const chunksMax = 4;

function bench(chunkCount: number) {
  const loop = new TestLoop();
  const disk = new WatchedDisk(new RamDisk(loop, 2 * chunkCount * CHUNK_BYTES));
  const file = disk.open('segment', { create: true });
  for (let i = 0; i < chunkCount; i++) {
    file.writeSync([new Uint8Array(CHUNK_BYTES).fill(i + 1)], i * CHUNK_BYTES);
  }
  const buffers = new Set<ArrayBufferLike>();
  const { read } = file;
  file.read = (target, ...rest) => {
    buffers.add(target.buffer);
    read.call(file, target, ...rest);
  };
  const segment = new Segment(1, chunkCount * CHUNK_BYTES, file);
  return { loop, segment, buffers, chunks: new ColdChunks(chunksMax) };
}

for (const isLate of [false, true]) {
  test(`many readers at once share few buffers, ${isLate ? 'later' : 'at once'}`, () => {
    const { loop, segment, buffers, chunks } = bench(40);
    const target = new Uint8Array(40);
    const read = (i: number): void => {
      const ready = (): void => (isLate ? loop.nextSlice(() => read(i)) : read(i));
      chunks.copy(segment, i * CHUNK_BYTES, 1, target, i, ready);
    };
    for (let i = 0; i < 40; i++) read(i);
    loop.run();
    assert.deepEqual(
      [...target],
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    assert.ok(buffers.size <= chunksMax, `${buffers.size} buffers`);
    assert.equal(segment.pins, 0);
  });
}

test('readers that have gone away do not hold up the others', () => {
  const { loop, segment, chunks } = bench(40);
  const target = new Uint8Array(1);
  for (let i = 0; i < 39; i++) chunks.copy(segment, i * CHUNK_BYTES, 1, target, 0, () => {});
  const read = (): void => {
    chunks.copy(segment, 39 * CHUNK_BYTES, 1, target, 0, read);
  };
  read();
  loop.run();
  assert.equal(target[0], 40);
});
