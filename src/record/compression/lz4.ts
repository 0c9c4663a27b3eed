/**
 * LZ4 frames, read and written.
 *
 * Owns: the frame around the blocks, with every length and checksum verified.
 * Leaves: the blocks to lz4-block.ts. Dictionaries and the legacy frame are refused.
 *
 * All integers are little-endian.
 *
 *     frame   4 magic 0x184D2204 | 1 flags | 1 block size | [8 content size] | [4 dictionary id]
 *             | 1 header checksum | blocks | 4 end mark 0 | [4 content checksum]
 *     flags   bits 7-6 version 01, 5 blocks independent, 4 block checksums, 3 content size,
 *             2 content checksum, 1 reserved, 0 dictionary id
 *     size    bits 6-4: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB at most in a block
 *     block   4 size, bit 31 = stored as it is | data | [4 checksum]
 *
 * Header checksum: bits 8-15 of the xxh32 from the flags up to it. Skippable frames (magic
 * 0x184D2A50 to 5F, 4 size, data) are skipped; frames may follow each other.
 */

import { isExact } from '../../kernel/bytes.ts';
import { BrokerError } from '../../kernel/errors.ts';
import {
  blockMalformed,
  blockTooLarge,
  decodeLz4Block,
  encodeLz4Block,
  lz4BlockMax,
  lz4OutputMax,
} from './lz4-block.ts';
import { xxh32 } from './xxh32.ts';

const frameMagic = 0x184d_2204;
const skippableMagic = 0x184d_2a50;
const storedBit = 0x8000_0000;

const flag = { independent: 0x20, blockChecksums: 0x10, contentSize: 0x08, contentChecksum: 0x04 };

function invalid(what: string): BrokerError {
  return new BrokerError('invalid_batch', `lz4: ${what}`);
}

/**
 * Decompresses the frames in [start, end). The result may be a view of something a little larger.
 * @throws invalid_batch; batch_too_large past `limit` bytes
 */
export function decompressLz4(
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
): Uint8Array {
  // The first walk follows the sizes only, so that the output is allocated once and no larger than
  // the input can fill.
  const measure = new FrameReader(bytes, start, end);
  let outputMax = 0;
  while (measure.nextBlock()) outputMax += measure.blockOutputMax();

  const output = new Uint8Array(Math.min(outputMax, limit));
  const reader = new FrameReader(bytes, start, end);
  reader.verifiesBlocks = true;
  let written = 0;
  let frameStart = 0;
  while (reader.nextBlock()) {
    if (reader.startsFrame) frameStart = written;
    written = decodeBlock(reader, output, written, frameStart);
    if (reader.endsFrame) reader.checkContent(output, frameStart, written);
  }
  return output.subarray(0, written);
}

function decodeBlock(
  reader: FrameReader,
  output: Uint8Array,
  position: number,
  frameStart: number,
): number {
  const { bytes, blockStart, blockEnd, blockBytesMax } = reader;
  const end = Math.min(output.length, position + blockBytesMax);
  if (reader.blockStored) {
    if (blockEnd - blockStart > end - position) throw tooLarge(output.length);
    output.set(bytes.subarray(blockStart, blockEnd), position);
    return position + blockEnd - blockStart;
  }
  if (blockStart === blockEnd) return position;
  const floor = reader.independent ? position : frameStart;
  const written = decodeLz4Block(bytes, blockStart, blockEnd, { output, position, end, floor });
  if (written === blockMalformed) throw invalid('a block is malformed');
  if (written !== blockTooLarge) return written;
  throw end < output.length ? invalid('a block is larger than announced') : tooLarge(output.length);
}

function tooLarge(limit: number): BrokerError {
  return new BrokerError('batch_too_large', `lz4: more than ${limit} bytes when decompressed`);
}

/** Steps from block to block; each frame ends with a step on an empty block, `endsFrame`. */
class FrameReader {
  readonly bytes: Uint8Array;
  verifiesBlocks = false;
  // The current frame.
  independent = true;
  blockBytesMax = 0;
  // The current block.
  startsFrame = false;
  endsFrame = false;
  blockStored = false;
  blockStart = 0;
  blockEnd = 0;

  private readonly end: number;
  private at: number;
  private inFrame = false;
  private flags = 0;
  private contentSize = -1;
  private contentChecksum = -1;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  nextBlock(): boolean {
    this.startsFrame = false;
    this.endsFrame = false;
    if (!this.inFrame && !this.openFrame()) return false;

    const size = this.readWord();
    this.blockStored = size >= storedBit;
    this.blockStart = this.at;
    this.blockEnd = this.at + (size % storedBit);
    if (this.blockEnd > this.end) throw invalid('cut short');
    if (this.blockStored && this.blockEnd - this.at > this.blockBytesMax) {
      throw invalid('a block is larger than announced');
    }
    this.at = this.blockEnd;
    if (size === 0) this.closeFrame();
    else if ((this.flags & flag.blockChecksums) !== 0) this.checkBlock(this.readWord());
    return true;
  }

  private checkBlock(checksum: number): void {
    if (!this.verifiesBlocks) return;
    if (checksum !== xxh32(this.bytes, this.blockStart, this.blockEnd)) {
      throw invalid('a block checksum is wrong');
    }
  }

  /** The most that the current block can yield. */
  blockOutputMax(): number {
    const size = this.blockEnd - this.blockStart;
    return this.blockStored ? size : Math.min(lz4OutputMax(size), this.blockBytesMax);
  }

  /** Compares what the frame says about its content with [start, end). */
  checkContent(output: Uint8Array, start: number, end: number): void {
    if (this.contentSize >= 0 && this.contentSize !== end - start) {
      throw invalid('the content size is wrong');
    }
    if (this.contentChecksum >= 0 && this.contentChecksum !== xxh32(output, start, end)) {
      throw invalid('the content checksum is wrong');
    }
  }

  /** Moves behind the next frame header; false when there is none. */
  private openFrame(): boolean {
    while (this.at < this.end) {
      const magic = this.readWord();
      if (magic >= skippableMagic && magic <= skippableMagic + 15) {
        this.skip(this.readWord());
        continue;
      }
      if (magic !== frameMagic) throw invalid('no frame where one should begin');
      this.readHeader();
      this.inFrame = true;
      this.startsFrame = true;
      return true;
    }
    return false;
  }

  private readHeader(): void {
    const start = this.at;
    this.skip(2);
    this.flags = this.bytes[start]!;
    const sizeCode = (this.bytes[start + 1]! >>> 4) & 7;
    if (this.flags >>> 6 !== 1) throw invalid('the frame version is unknown');
    if ((this.flags & 0x03) !== 0) throw invalid('dictionaries are not supported');
    if (sizeCode < 4) throw invalid('the block size is unknown');
    this.independent = (this.flags & flag.independent) !== 0;
    this.blockBytesMax = 1 << (2 * sizeCode + 8);
    this.contentSize = -1;
    if ((this.flags & flag.contentSize) !== 0) {
      const low = this.readWord();
      this.contentSize = this.readWord() * 0x1_0000_0000 + low;
      if (!isExact(this.contentSize)) throw invalid('the content size is wrong');
    }
    const checksum = (xxh32(this.bytes, start, this.at) >>> 8) & 0xff;
    this.skip(1);
    if (this.bytes[this.at - 1] !== checksum) throw invalid('the header checksum is wrong');
  }

  private closeFrame(): void {
    this.endsFrame = true;
    this.inFrame = false;
    this.contentChecksum = (this.flags & flag.contentChecksum) !== 0 ? this.readWord() : -1;
  }

  private skip(count: number): void {
    this.at += count;
    if (this.at > this.end) throw invalid('cut short');
  }

  private readWord(): number {
    const at = this.at;
    this.skip(4);
    const { bytes } = this;
    const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    return bytes[at + 3]! * 0x100_0000 + low;
  }
}

/** The block size of frames written here: what Kafka's own producer uses. */
const writtenBlockCode = 4;
const writtenBlockBytes = 0x1_0000;
const frameOverhead = 7 + 4;

/** Compresses [start, end) into one frame of independent blocks. */
export function compressLz4(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const blocks = Math.ceil((end - start) / writtenBlockBytes);
  const target = new Uint8Array(lz4BlockMax(end - start) + frameOverhead + blocks * 20);
  const view = new DataView(target.buffer);
  view.setUint32(0, frameMagic, true);
  target[4] = 0x40 | flag.independent;
  target[5] = writtenBlockCode << 4;
  target[6] = (xxh32(target, 4, 6) >>> 8) & 0xff;
  let to = 7;
  for (let at = start; at < end; at += writtenBlockBytes) {
    const blockEnd = Math.min(at + writtenBlockBytes, end);
    const encodedEnd = encodeLz4Block(bytes, at, blockEnd, target, to + 4);
    if (encodedEnd - (to + 4) < blockEnd - at) {
      view.setUint32(to, encodedEnd - (to + 4), true);
      to = encodedEnd;
    } else {
      view.setUint32(to, blockEnd - at + storedBit, true);
      target.set(bytes.subarray(at, blockEnd), to + 4);
      to += 4 + blockEnd - at;
    }
  }
  view.setUint32(to, 0, true);
  return target.subarray(0, to + 4);
}
