/** A small file as text: configuration. */

import fs from 'node:fs';

/** @throws the system's error, or one that says that it is too long */
export function readTextFile(path: string, bytesMax: number): string {
  const { size } = fs.statSync(path);
  if (size > bytesMax) throw new Error(`${size} bytes, at most ${bytesMax} are expected`);
  return fs.readFileSync(path, 'utf8');
}
