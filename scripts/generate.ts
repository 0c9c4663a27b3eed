/**
 * Writes every file that is made from the sources, or says which of them is out of date.
 *
 *     npm run generate               writes
 *     npm run generate -- --check    compares, as `npm run check` does
 *
 * Owns: the list of generators. Leaves: what each one writes (generate/, one file each).
 * To add one: a file in generate/ that exports a Generator, and one line in the list.
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { adminApiReference } from './generate/admin-api.ts';
import { commandLineReference } from './generate/command-line.ts';
import { configurationJsonSchema, configurationReference } from './generate/configuration.ts';
import { conformanceTable } from './generate/conformance-table.ts';
import { errorReference } from './generate/errors.ts';
import type { Generator } from './generate/generator.ts';
import { journalPage } from './generate/journal-page.ts';
import { versionConstant } from './generate/version.ts';
import { isMain, projectRoot } from './source-tree.ts';

const generators: readonly Generator[] = [
  adminApiReference,
  commandLineReference,
  configurationJsonSchema,
  configurationReference,
  conformanceTable,
  errorReference,
  journalPage,
  versionConstant,
];

/** Writes what differs, or only reports it. @returns the targets that differed */
export async function generate(
  root: string,
  list: readonly Generator[],
  mode: 'write' | 'check',
): Promise<string[]> {
  const changed: string[] = [];
  for (const { target, render } of list) {
    const file = path.join(root, target);
    const text = await render(root);
    if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) continue;
    changed.push(target);
    if (mode === 'check') continue;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
  return changed;
}

if (isMain(import.meta.url)) {
  const mode = process.argv.includes('--check') ? 'check' : 'write';
  const changed = await generate(projectRoot, generators, mode);
  for (const target of changed) {
    console.log(
      mode === 'check' ? `${target} is out of date: npm run generate` : `wrote ${target}`,
    );
  }
  process.exitCode = mode === 'check' && changed.length > 0 ? 1 : 0;
}
