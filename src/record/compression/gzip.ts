/** Gzip, by Node's zlib with a limit on the output. */

import { gunzipSync, gzipSync } from 'node:zlib';
import { BrokerError } from '../../kernel/errors.ts';
import { isOutputLimit } from './output-limit.ts';

/** Level 6 costs twice the time of level 1 for a few percent of size. */
const level = 1;

export function compressGzip(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return gzipSync(bytes.subarray(start, end), { level });
}

/** @throws invalid_batch; batch_too_large past `limit` bytes */
export function decompressGzip(
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
): Uint8Array {
  try {
    return gunzipSync(bytes.subarray(start, end), { maxOutputLength: limit });
  } catch (error) {
    throw isOutputLimit(error)
      ? new BrokerError('batch_too_large', `gzip: more than ${limit} bytes when decompressed`)
      : new BrokerError('invalid_batch', 'gzip: malformed', error);
  }
}
