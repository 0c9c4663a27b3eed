/**
 * Errors of the system, told from bugs by their code.
 *
 * Never with `instanceof Error`: where the broker is embedded in a test under Jest, Node's errors
 * belong to another realm than this code.
 */

/** `ENOENT` and the like; null when `error` is none of the system's. */
export function systemCode(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

export function messageOf(error: unknown): string {
  const hasMessage = typeof error === 'object' && error !== null && 'message' in error;
  return hasMessage ? String(error.message) : String(error);
}
