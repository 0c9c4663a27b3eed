/** Tells zlib's "more output than allowed" from its other errors. */
export function isOutputLimit(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}
