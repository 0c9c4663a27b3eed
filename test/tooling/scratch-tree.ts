/** A throw-away project in the temporary folder, to plant a violation in and to run a tool over. */

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { TestContext } from 'node:test';
import { projectRoot } from '../../scripts/source-tree.ts';

/** Writes `files` (path → text) and borrows the project's packages; gone when the test ends. */
export function makeTree(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-tooling-')));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFile(root, name, text);
  return root;
}

export function writeFile(root: string, name: string, text: string): void {
  const file = path.join(root, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

/** Gives the tree our packages and the named files of the project. */
export function borrow(root: string, ...names: readonly string[]): void {
  fs.symlinkSync(path.join(projectRoot, 'node_modules'), path.join(root, 'node_modules'));
  for (const name of names) fs.copyFileSync(path.join(projectRoot, name), path.join(root, name));
}
