/**
 * Writing to standard output: as fast as whoever reads it, and no longer than that.
 */

/** Whoever read us has gone (`| head`): that is no failure, and nobody is left to be told. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** Resolves when there is room for more. */
export function print(text: string | Uint8Array): Promise<void> {
  if (process.stdout.write(text)) return Promise.resolve();
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}

export function printJson(value: unknown): Promise<void> {
  return print(`${JSON.stringify(value, null, 2)}\n`);
}

/** For people beside the output: hints and summaries. */
export function note(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

/**
 * Text from strangers for a terminal: what would move the cursor or change colours is shown instead.
 * Line feeds too.
 */
export function printable(text: string): string {
  return text.replace(controlCharacters, (character) => {
    const known = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
    return known ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** C0 and C1 controls, and the marks that turn the direction of text. */
const controlCharacters = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
