/**
 * One source file as the rules of tidy see it, and what a rule reports.
 *
 * Leaves: which files there are (scripts/source-tree.ts) and what is wrong with them (the rules).
 */

import ts from 'typescript';

export interface Source {
  /** Relative to the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  readonly isTest: boolean;
}

export interface Finding {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

export function parseSource(path: string, text: string): Source {
  const kind = path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, kind);
  return { path, text, tree, isTest: /\.(test|fuzz|fixture)\.tsx?$/.test(path) };
}

export function findingAt(source: Source, position: number, message: string): Finding {
  const { line } = source.tree.getLineAndCharacterOfPosition(position);
  return { path: source.path, line: line + 1, message };
}

/** Calls `visit` with every node of the file, parents first. */
export function walk(source: Source, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, step);
  };
  step(source.tree);
}
