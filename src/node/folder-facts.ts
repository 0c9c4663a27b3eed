/**
 * What the system says of a data folder, without opening what is in it: for people who look for the
 * cause of a trouble.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { socketName } from './socket-name.ts';

export interface FolderFacts {
  readonly kind: 'missing' | 'folder' | 'other' | 'forbidden';
  readonly isWritable: boolean;
  readonly hasSocket: boolean;
  /** Names of what is in it, sorted; at most a thousand. */
  readonly names: readonly string[];
  /** Of all files, one folder deep. */
  readonly bytes: number;
  /** The last change of a file, Unix ms; 0 when there is none. */
  readonly changedAt: number;
}

const namesMax = 1000;

export function folderFacts(folder: string): FolderFacts {
  const none = { isWritable: false, hasSocket: false, names: [], bytes: 0, changedAt: 0 };
  try {
    const stats = fs.statSync(folder, { throwIfNoEntry: false });
    if (stats === undefined) return { kind: 'missing', ...none };
    if (!stats.isDirectory()) return { kind: 'other', ...none };
    const names = fs.readdirSync(folder).sort();
    return {
      kind: 'folder',
      isWritable: canWrite(folder),
      hasSocket: names.includes(socketName),
      names: names.slice(0, namesMax),
      ...sumOf(folder),
    };
  } catch {
    return { kind: 'forbidden', ...none };
  }
}

function canWrite(folder: string): boolean {
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Files that go while they are looked at do not count. */
function sumOf(folder: string): { readonly bytes: number; readonly changedAt: number } {
  let bytes = 0;
  let changedAt = 0;
  for (const each of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stats = fs.statSync(join(folder, each), { throwIfNoEntry: false });
    if (stats === undefined || !stats.isFile()) continue;
    bytes += stats.blocks * 512;
    changedAt = Math.max(changedAt, stats.mtimeMs);
  }
  return { bytes, changedAt };
}
