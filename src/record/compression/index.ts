/**
 * Compression of the records of a batch.
 *
 * Owns: the codec numbers, and the rule that nothing is decompressed without a limit on the output.
 * Leaves: the formats to a file each. All of it is synchronous; large inputs belong off the loop.
 */

import { BrokerError } from '../../kernel/errors.ts';
import { compressGzip, decompressGzip } from './gzip.ts';
import { compressLz4, decompressLz4 } from './lz4.ts';
import { compressSnappy, decompressSnappy } from './snappy.ts';
import { canCompressZstd, compressZstd, decompressZstd } from './zstd.ts';

/** As in the lowest three attribute bits of a batch. */
export const codec = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export type Codec = (typeof codec)[keyof typeof codec];
export type CodecName = keyof typeof codec;

const codecNames: readonly CodecName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** `unknown` for a number that is no codec. */
export function codecName(value: number): CodecName | 'unknown' {
  return codecNames[value] ?? 'unknown';
}

/**
 * The content of [start, end). Without compression it is a view of the input, else it is new and
 * may be a view of something a little larger.
 *
 * @throws invalid_batch when the input is not of this codec; batch_too_large when the content has
 * more than `limitBytes`; unsupported_compression when the codec is unknown or cannot be read here
 */
export function decompress(
  codecNumber: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  limitBytes: number,
): Uint8Array {
  switch (codecNumber) {
    case codec.none:
      if (end - start > limitBytes) {
        throw new BrokerError('batch_too_large', `more than ${limitBytes} bytes`);
      }
      return bytes.subarray(start, end);
    case codec.gzip:
      return decompressGzip(bytes, start, end, limitBytes);
    case codec.snappy:
      return decompressSnappy(bytes, start, end, limitBytes);
    case codec.lz4:
      return decompressLz4(bytes, start, end, limitBytes);
    case codec.zstd:
      return decompressZstd(bytes, start, end, limitBytes);
    default:
      throw new BrokerError('unsupported_compression', `codec ${codecNumber}`);
  }
}

/** Whether `compress` can write this codec here: zstd depends on the version of Node. */
export function canCompress(codecNumber: Codec): boolean {
  return codecNumber !== codec.zstd || canCompressZstd();
}

/**
 * [start, end) compressed: new bytes, or without compression a view of the input.
 * @throws unsupported_compression when the codec cannot be written here
 */
export function compress(
  codecNumber: Codec,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): Uint8Array {
  switch (codecNumber) {
    case codec.none:
      return bytes.subarray(start, end);
    case codec.gzip:
      return compressGzip(bytes, start, end);
    case codec.snappy:
      return compressSnappy(bytes, start, end);
    case codec.lz4:
      return compressLz4(bytes, start, end);
    case codec.zstd:
      return compressZstd(bytes, start, end);
  }
}
