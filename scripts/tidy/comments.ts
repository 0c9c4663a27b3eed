/** STYLE.md §7: every file of src says what it is for; an open end names its issue. */

import { type Finding, findingAt, type Source } from './source.ts';

// Written so that this file does not contain what it forbids.
const neverLands = /\bFIX[M]E\b/g;
const openEnd = /\bTO[D]O\b(?!\([^)\s]+\))/g;

export function checkComments(source: Source): Finding[] {
  const findings: Finding[] = [];
  const text = source.text.replace(/^#!.*\n/, '').trimStart();
  const header = /^(\/\*\*?|\/\/)(?!\s*(biome-|@ts-|eslint))/;
  if (source.path.startsWith('src/') && !source.isTest && !header.test(text)) {
    findings.push(findingAt(source, 0, 'the file does not begin with what it owns and leaves'));
  }
  for (const match of source.text.matchAll(neverLands)) {
    findings.push(findingAt(source, match.index, `${match[0]} never lands`));
  }
  for (const match of source.text.matchAll(openEnd)) {
    findings.push(findingAt(source, match.index, `${match[0]} without (issue)`));
  }
  return findings;
}
