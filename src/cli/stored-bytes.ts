/** Bytes as the admin API writes them: text, `{"base64": ...}`, or null. */

export type JsonBytes = string | { readonly base64: string };

export function bytesOf(json: JsonBytes | null): Buffer | null {
  if (json === null) return null;
  return typeof json === 'string' ? Buffer.from(json) : Buffer.from(json.base64, 'base64');
}

/** Text where the bytes are UTF-8. */
export function jsonOf(bytes: Buffer): JsonBytes {
  try {
    return decoder.decode(bytes);
  } catch {
    return { base64: bytes.toString('base64') };
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
