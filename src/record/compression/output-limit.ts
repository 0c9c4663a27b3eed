/**
 * Node's zlib under a limit on its output: the option it takes, and its error told from others.
 */

/** More than any batch; zlib refuses limits above what a buffer can hold. */
const outputMax = 0x7fff_ffff;

/** `maxOutputLength` for a limit: zlib wants at least 1, so that 0 has to be checked afterwards. */
export function zlibLimit(limitBytes: number): number {
  return Math.min(Math.max(limitBytes, 1), outputMax);
}

export function isOutputLimit(error: unknown): boolean {
  // Not by its class: under Jest that belongs to another realm.
  return (error as { code?: unknown } | null)?.code === 'ERR_BUFFER_TOO_LARGE';
}
