/**
 * Bytes in JSON: a text stands for its UTF-8, `{"base64": ...}` for any bytes, null for none.
 */

import { decodeUtf8Strict, encodeUtf8 } from '../kernel/bytes.ts';
import { nullable, object, oneOf, type Schema, text } from './schema.ts';

export type JsonBytes = string | { readonly base64: string };

/** Of one key, value or header. The body's own limit is met first. */
const charactersMax = 16 * 1024 * 1024;

const base64Text: Schema<string> = {
  isOptional: false,
  json: { type: 'string', contentEncoding: 'base64' },
  read(value, pointer, faults) {
    const isBase64 =
      typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
    if (isBase64) return value;
    faults.push({ pointer, detail: 'base64 with its padding is expected' });
    return '';
  },
};

export const jsonBytes = nullable(
  oneOf(
    [text({ max: charactersMax }), object({ base64: base64Text })],
    'a string, {"base64": …} or null',
  ),
);

export function bytesOf(json: JsonBytes | null): Uint8Array | null {
  if (json === null) return null;
  return typeof json === 'string' ? encodeUtf8(json) : Buffer.from(json.base64, 'base64');
}

/** Text where the bytes are UTF-8. */
export function jsonOf(bytes: Uint8Array | null): JsonBytes | null {
  if (bytes === null) return null;
  const asText = decodeUtf8Strict(bytes);
  if (asText !== null) return asText;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { base64: buffer.toString('base64') };
}
