/** STYLE.md §5: files are named in kebab-case after what they hold, never after "the rest". */

import type { Finding } from './source.ts';

const bannedNames = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'types']);
const bannedEndings = /-(manager|impl|base)$/;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** @param path relative to the project: its folders are judged like the file itself */
export function checkFileName(path: string): Finding[] {
  const findings: Finding[] = [];
  for (const part of path.split('/')) {
    // What comes after the first dot says the kind of file: .test.ts, .fuzz.ts, .d.ts.
    const name = part.split('.')[0] ?? part;
    if (bannedNames.has(name) || bannedEndings.test(name)) {
      findings.push({ path, line: 1, message: `"${name}" says nothing: name what is in it` });
    } else if (!kebabCase.test(name)) {
      findings.push({ path, line: 1, message: `"${name}" is not kebab-case` });
    }
  }
  return findings;
}
