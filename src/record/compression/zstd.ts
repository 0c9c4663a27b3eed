/**
 * Zstandard: by Node where it has it (from 22.15 on), else by the `fzstd` package, which only
 * decompresses.
 *
 * Owns: the choice, and the limits that the package does not have: it believes the frame header
 * about memory, and moves its whole window for every block. So the header and the block sizes are
 * walked over first, the window is cut down to what the content can need, and the output is counted
 * as it comes.
 *
 *     frame   4 magic 0xFD2FB528 | 1 descriptor | [1 window] | [0-4 dictionary id]
 *             | [0-8 content size] | blocks | [4 checksum]        all little-endian
 *     descriptor  bits 7-6 content size length, 5 single segment (no window byte), 3 reserved,
 *                 2 checksum, 1-0 dictionary id length
 *     window  high 5 bits: exponent - 10, low 3 bits: eighths on top
 *     block   3: bit 0 last, bits 1-2 type (0 stored, 1 one byte repeated, 2 compressed),
 *             the rest: size (of the content for type 1, which occupies 1 byte) | data
 */

import zlib from 'node:zlib';
import { BrokerError } from '../../kernel/errors.ts';
import { loadPackage } from '../../kernel/load-package.ts';
import { isOutputLimit, zlibLimit } from './output-limit.ts';

interface NodeZstd {
  zstdCompressSync?(bytes: Uint8Array): Uint8Array;
  zstdDecompressSync?(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
}

interface Fzstd {
  Decompress: new (
    onData: (chunk: Uint8Array) => void,
  ) => {
    push(chunk: Uint8Array, final: boolean): void;
  };
}

const node: NodeZstd = zlib;
let fzstd: Fzstd | null | undefined;

function invalid(what: string, cause?: unknown): BrokerError {
  return new BrokerError('invalid_batch', `zstd: ${what}`, cause);
}

function tooLarge(limit: number): BrokerError {
  return new BrokerError('batch_too_large', `zstd: more than ${limit} bytes when decompressed`);
}

export function canCompressZstd(): boolean {
  return node.zstdCompressSync !== undefined;
}

/** @throws unsupported_compression where Node has no zstd */
export function compressZstd(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (node.zstdCompressSync === undefined) {
    throw new BrokerError('unsupported_compression', 'writing zstd needs Node 22.15');
  }
  return node.zstdCompressSync(bytes.subarray(start, end));
}

/** @throws invalid_batch; batch_too_large past `limit` bytes; unsupported_compression */
export function decompressZstd(
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
): Uint8Array {
  if (node.zstdDecompressSync === undefined) {
    return decompressZstdPortable(bytes, start, end, limit);
  }
  let content: Uint8Array;
  try {
    content = node.zstdDecompressSync(bytes.subarray(start, end), {
      maxOutputLength: zlibLimit(limit),
    });
  } catch (error) {
    throw isOutputLimit(error) ? tooLarge(limit) : invalid('malformed', error);
  }
  if (content.length > limit) throw tooLarge(limit);
  return content;
}

/** The same by `fzstd`: one frame, no dictionary, checksum not verified (the batch has its own). */
export function decompressZstdPortable(
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
): Uint8Array {
  if (fzstd === undefined) fzstd = loadPackage('fzstd') as Fzstd | null;
  if (fzstd === null) {
    throw new BrokerError('unsupported_compression', 'zstd needs Node 22.15 or the fzstd package');
  }
  const frame = tameFrame(bytes, start, end, limit);
  const chunks: Uint8Array[] = [];
  let total = 0;
  const decoder = new fzstd.Decompress((chunk) => {
    total += chunk.length;
    if (total > limit) throw tooLarge(limit);
    if (chunk.length > 0) chunks.push(chunk);
  });
  try {
    decoder.push(frame, true);
  } catch (error) {
    throw error instanceof BrokerError ? error : invalid('malformed', error);
  }
  return joinChunks(chunks, total);
}

function joinChunks(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const only = chunks[0];
  if (chunks.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}

const frameMagic = 0xfd2f_b528;
const blockBytesMax = 0x2_0000;
/** The window in a header that was cut down: never below one block, which the decoder derives from it. */
const windowExponentMin = 17;
/** What moving the window may cost in all: half a second. */
const movedBytesMax = 4 * 1024 * 1024 * 1024;

/** The frame in [start, end), copied if its window had to be cut down. */
function tameFrame(bytes: Uint8Array, start: number, end: number, limit: number): Uint8Array {
  if (end - start < 9) throw invalid('cut short');
  if (readLittleEndian(bytes, start, 4) !== frameMagic) throw invalid('no frame');
  const descriptor = bytes[start + 4] ?? 0;
  if ((descriptor & 0x03) !== 0) throw invalid('dictionaries are not supported');
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeCode = descriptor >>> 6;
  const sizeBytes = sizeCode === 0 ? (singleSegment ? 1 : 0) : 1 << sizeCode;
  const sizeAt = start + (singleSegment ? 5 : 6);
  if (sizeAt + sizeBytes > end) throw invalid('cut short');
  const announced = readLittleEndian(bytes, sizeAt, sizeBytes) + (sizeCode === 1 ? 256 : 0);
  if (announced > limit) throw tooLarge(limit);

  const blocks = measureBlocks(bytes, sizeAt + sizeBytes, end, (descriptor & 0x04) !== 0);
  let window = announced;
  let frame = bytes.subarray(start, end);
  if (!singleSegment) {
    const content = Math.min(blocks.contentMax, limit);
    const needed = Math.max(windowExponentMin, Math.ceil(Math.log2(content + 1)));
    window = readWindow(bytes[start + 5] ?? 0);
    if (window > 2 ** needed) {
      window = 2 ** needed;
      frame = frame.slice();
      frame[5] = (needed - 10) << 3;
    }
  }
  if (window * blocks.count > movedBytesMax) throw invalid('too many blocks');
  return frame;
}

function readWindow(descriptor: number): number {
  const base = 2 ** ((descriptor >>> 3) + 10);
  return base + (base / 8) * (descriptor & 7);
}

interface BlockTotals {
  readonly count: number;
  /** The most bytes that the blocks can yield. */
  readonly contentMax: number;
}

/** Walks over the blocks, which have to reach exactly to `end`. */
function measureBlocks(
  bytes: Uint8Array,
  start: number,
  end: number,
  hasChecksum: boolean,
): BlockTotals {
  let at = start;
  let count = 0;
  let contentMax = 0;
  for (let last = false; !last; count++) {
    if (at + 3 > end) throw invalid('cut short');
    const header = readLittleEndian(bytes, at, 3);
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === 3 || size > blockBytesMax) throw invalid('a block is malformed');
    last = (header & 1) !== 0;
    at += 3 + (type === 1 ? 1 : size);
    contentMax += type === 2 ? blockBytesMax : size;
  }
  if (at + (hasChecksum ? 4 : 0) !== end) throw invalid('the frame does not end where it should');
  return { count, contentMax };
}

function readLittleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
