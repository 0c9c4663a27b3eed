/** Gzip, by Node's zlib with a limit on the output. */

import { gunzipSync, gzipSync } from 'node:zlib';
import { BrokerError } from '../../kernel/errors.ts';
import { isOutputLimit, zlibLimit } from './output-limit.ts';

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
  let content: Uint8Array;
  try {
    content = gunzipSync(bytes.subarray(start, end), { maxOutputLength: zlibLimit(limit) });
  } catch (error) {
    throw isOutputLimit(error)
      ? tooLarge(limit)
      : new BrokerError('invalid_batch', 'gzip: malformed', error);
  }
  if (content.length > limit) throw tooLarge(limit);
  return content;
}

function tooLarge(limit: number): BrokerError {
  return new BrokerError('batch_too_large', `gzip: more than ${limit} bytes when decompressed`);
}
