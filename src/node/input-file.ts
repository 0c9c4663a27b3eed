/** A file of any size, read from its beginning to its end. */

import fs from 'node:fs';

/** Fails, when it is read, with the system's error. */
export function readInput(path: string): AsyncIterable<Buffer> & { destroy(): void } {
  return fs.createReadStream(path);
}
