/**
 * Unix socket names of any length.
 *
 * The address of a Unix socket holds about a hundred bytes of path, and data folders lie deeper
 * than that. A name that is too long is reached through a symbolic link to its directory, in a new
 * private directory below the one for temporary files. Both are needed only for the moment of
 * binding or connecting, and removed after it.
 */

import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/** Linux has room for 107 and macOS for 103, without the closing zero. */
const pathBytesMax = 103;

export interface SocketPath {
  /** What to bind or connect to. */
  readonly path: string;
  /** To be called once bound or connected, or not. Idempotent. */
  release(): void;
}

export function shortSocketPath(path: string): SocketPath {
  const whole = resolve(path);
  if (Buffer.byteLength(whole) <= pathBytesMax) return { path: whole, release: () => {} };
  const directory = mkdtempSync(join(tmpdir(), 'polylog-'));
  const link = join(directory, 'd');
  symlinkSync(dirname(whole), link);
  return {
    path: join(link, basename(whole)),
    release: () => rmSync(directory, { recursive: true, force: true }),
  };
}
