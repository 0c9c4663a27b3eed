/**
 * How many files and sockets this process may have open.
 *
 * Node raises its soft limit to the hard one when it starts, so that the soft one is what counts.
 */

import { readFileSync } from 'node:fs';

/** Null: the system does not say, or there is no limit. */
export function openFilesLimit(): number | null {
  try {
    const line = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return line?.[1] === undefined ? null : Number(line[1]);
  } catch {
    return null;
  }
}
