/**
 * Where the project's files are, for every script: the root, the sources in it, the main module.
 *
 * Owns: the list of source folders. Leaves: reading and judging what is in the files.
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Folders whose TypeScript is ours. `conformance` and `console` bring their own package.json. */
export const sourceFolders = [
  'src',
  'simulation',
  'test',
  'scripts',
  'benchmarks',
  'conformance',
  'examples',
  'console',
] as const;

const ignoredFolders = new Set(['node_modules', 'dist']);

/** The folder of package.json, the same from `scripts/` and from `dist/scripts/`. */
export const projectRoot = findRoot(path.dirname(fileURLToPath(import.meta.url)));

function findRoot(from: string): string {
  let folder = from;
  while (!fs.existsSync(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${from}`);
    folder = parent;
  }
  return folder;
}

/** Files under `folder`, as paths relative to `root` with forward slashes, in a stable order. */
export function listFiles(root: string, folder: string, pattern: RegExp): string[] {
  const found: string[] = [];
  const start = path.join(root, folder);
  if (!fs.existsSync(start)) return found;
  for (const entry of fs.readdirSync(start, { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!ignoredFolders.has(entry.name)) found.push(...listFiles(root, name, pattern));
    } else if (pattern.test(entry.name)) {
      found.push(name);
    }
  }
  return found.sort();
}

/** Whether the module with this `import.meta.url` is the one that Node was started with. */
export function isMain(moduleUrl: string): boolean {
  const started = process.argv[1];
  return started !== undefined && pathToFileURL(fs.realpathSync(started)).href === moduleUrl;
}
