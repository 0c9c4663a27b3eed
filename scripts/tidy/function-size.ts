/**
 * STYLE.md §6: no function is longer than 70 lines, but for the excused ones.
 *
 * Owns: measuring, and the list in excused.json: `"path#function": lines`. The list may only shrink:
 * an entry must name today's length, so that it follows the function down and never up.
 */

import ts from 'typescript';
import { type Finding, findingAt, type Source, walk } from './source.ts';

export const functionLinesMax = 70;

/** Length in lines by `path#function`. */
export type Excused = Readonly<Record<string, number>>;

interface Measured {
  readonly key: string;
  readonly lines: number;
  readonly finding: Finding;
}

export function checkFunctionSizes(sources: readonly Source[], excused: Excused): Finding[] {
  const long = sources.flatMap(measureLong);
  const findings: Finding[] = [];
  for (const { key, lines, finding } of long) {
    const limit = excused[key] ?? functionLinesMax;
    if (lines > limit) findings.push(finding);
  }
  for (const [key, lines] of Object.entries(excused)) {
    const now = long.find((one) => one.key === key)?.lines;
    if (now !== undefined && now >= lines) continue;
    const change = now === undefined ? 'take it off the list' : `lower it to ${now}`;
    findings.push({
      path: 'scripts/tidy/excused.json',
      line: 1,
      message: `${key} is shorter than its excuse: ${change}`,
    });
  }
  return findings;
}

function measureLong(source: Source): Measured[] {
  const found: Measured[] = [];
  walk(source, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const lines = lineOf(source, node.getEnd()) - lineOf(source, node.getStart()) + 1;
    if (lines <= functionLinesMax || isTestGroup(node)) return;
    const name = nameOf(node);
    found.push({
      key: `${source.path}#${name}`,
      lines,
      finding: findingAt(
        source,
        node.getStart(),
        `${name} is ${lines} lines long; at most ${functionLinesMax}`,
      ),
    });
  });
  return found;
}

/** The body of `describe` is a list of functions and not one itself. */
function isTestGroup(node: ts.Node): boolean {
  const call = node.parent;
  if (!ts.isCallExpression(call)) return false;
  return /^(describe|suite)\b/.test(call.expression.getText());
}

function nameOf(node: ts.Node): string {
  if (ts.isConstructorDeclaration(node)) return `${nameOf(node.parent)}.constructor`;
  const declared = (node as { name?: ts.Node }).name;
  if (declared !== undefined) {
    const isMember = ts.isMethodDeclaration(node) && ts.isClassLike(node.parent);
    return isMember ? `${nameOf(node.parent)}.${declared.getText()}` : declared.getText();
  }
  const holder = (node.parent as { name?: ts.Node }).name;
  return holder?.getText() ?? 'anonymous';
}

function lineOf(source: Source, position: number): number {
  return source.tree.getLineAndCharacterOfPosition(position).line;
}
