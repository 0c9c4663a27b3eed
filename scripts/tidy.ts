/**
 * The rules of STYLE.md that no bought tool knows: sizes, names, determinism, references, comments.
 *
 *     npm run check -- tidy
 *
 * Owns: running each rule over each source. Leaves: the rules, one file each in tidy/.
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { isMain, listFiles, projectRoot, sourceFolders } from './source-tree.ts';
import { checkComments } from './tidy/comments.ts';
import { checkDeterminism } from './tidy/determinism.ts';
import { checkFileName } from './tidy/file-names.ts';
import { checkFunctionSizes, type Excused } from './tidy/function-size.ts';
import { type Finding, parseSource, type Source } from './tidy/source.ts';
import { checkSpecReferences } from './tidy/spec-references.ts';

export function readSources(root: string): Source[] {
  return sourceFolders
    .flatMap((folder) => listFiles(root, folder, /\.(ts|tsx|mts)$/))
    .filter((file) => !file.endsWith('.d.ts'))
    .map((file) => parseSource(file, fs.readFileSync(path.join(root, file), 'utf8')));
}

export function tidy(sources: readonly Source[], excused: Excused): Finding[] {
  const each = sources.flatMap((source) => [
    ...checkFileName(source.path),
    ...checkComments(source),
    ...checkDeterminism(source),
    ...checkSpecReferences(source),
  ]);
  return [...each, ...checkFunctionSizes(sources, excused)];
}

if (isMain(import.meta.url)) {
  const list = path.join(projectRoot, 'scripts/tidy/excused.json');
  const sources = readSources(projectRoot);
  const findings = tidy(sources, JSON.parse(fs.readFileSync(list, 'utf8')) as Excused);
  for (const { path: file, line, message } of findings) console.log(`${file}:${line}  ${message}`);
  console.log(`${sources.length} files read, ${findings.length} findings`);
  // A rule that reads nothing finds nothing.
  process.exitCode = findings.length > 0 || sources.length === 0 ? 1 : 0;
}
