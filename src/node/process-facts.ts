/**
 * What the system says of this process and of the disk below a folder: for people who look for the
 * cause of a trouble.
 */

import fs from 'node:fs';

export interface ProcessFacts {
  readonly pid: number;
  readonly nodeVersion: string;
  readonly residentBytes: number;
  /** Null where the system does not say. */
  readonly openFiles: number | null;
  readonly openFilesMax: number | null;
}

export function processFacts(): ProcessFacts {
  return {
    pid: process.pid,
    nodeVersion: process.version,
    residentBytes: process.memoryUsage.rss(),
    openFiles: attempt(() => fs.readdirSync('/proc/self/fd').length),
    openFilesMax: attempt(readOpenFilesMax),
  };
}

/** Null when the system does not say. */
export function diskFacts(
  folder: string,
): { readonly freeBytes: number; readonly totalBytes: number } | null {
  return attempt(() => {
    const { bavail, blocks, bsize } = fs.statfsSync(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  });
}

function readOpenFilesMax(): number | null {
  const limits = fs.readFileSync('/proc/self/limits', 'utf8');
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? null : Number(soft);
}

/** These are facts for people: where one cannot be had, it is left out. */
function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
