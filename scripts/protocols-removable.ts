/**
 * STYLE.md §4: deletes each protocol folder and its line in turn; the rest must still type-check.
 *
 * Owns: the copies, in the system's temporary folder. Leaves: imports between protocols
 * (.dependency-cruiser.cjs). Only src and simulation are compiled: tests with real clients name
 * their protocol rightly.
 */

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import ts from 'typescript';
import { isMain, projectRoot } from './source-tree.ts';

const protocolFolder = 'src/protocols';

/** @returns what the compiler says without that protocol; empty when all is well */
export function compileWithout(root: string, protocol: string): string {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-without-'));
  try {
    for (const name of ['src', 'simulation']) {
      const from = path.join(root, name);
      if (fs.existsSync(from)) fs.cpSync(from, path.join(copy, name), { recursive: true });
    }
    fs.copyFileSync(path.join(root, 'package.json'), path.join(copy, 'package.json'));
    fs.symlinkSync(path.join(projectRoot, 'node_modules'), path.join(copy, 'node_modules'));
    writeSettings(root, copy);
    fs.rmSync(path.join(copy, protocolFolder, protocol), { recursive: true });
    const list = path.join(copy, protocolFolder, 'index.ts');
    if (fs.existsSync(list)) {
      fs.writeFileSync(list, withoutProtocol(fs.readFileSync(list, 'utf8'), protocol));
    }
    const compiler = path.join(projectRoot, 'node_modules/ts7/bin/tsc');
    const result = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.json', '--noEmit'], {
      cwd: copy,
      encoding: 'utf8',
    });
    return result.status === 0 ? '' : result.stdout + result.stderr;
  } finally {
    fs.rmSync(copy, { recursive: true, force: true });
  }
}

function writeSettings(root: string, copy: string): void {
  const file = path.join(root, 'tsconfig.json');
  const settings = ts.parseConfigFileTextToJson(file, fs.readFileSync(file, 'utf8')).config;
  settings.include = ['src', 'simulation'];
  fs.writeFileSync(path.join(copy, 'tsconfig.json'), JSON.stringify(settings));
}

/** Drops the import of the folder and the lines that use what it imported. */
export function withoutProtocol(list: string, protocol: string): string {
  const tree = ts.createSourceFile('index.ts', list, ts.ScriptTarget.ES2022, true);
  const dropped = new Set<number>();
  const drop = (node: ts.Node): void => {
    const first = tree.getLineAndCharacterOfPosition(node.getStart()).line;
    const last = tree.getLineAndCharacterOfPosition(node.getEnd()).line;
    for (let line = first; line <= last; line += 1) dropped.add(line);
  };
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isImportSpecifier(node)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  for (const statement of tree.statements) {
    const specifier =
      ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)
        ? statement.moduleSpecifier?.getText().slice(1, -1)
        : undefined;
    if (specifier?.startsWith(`./${protocol}/`)) {
      visit(statement);
      drop(statement);
    }
  }
  const dropUses = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && names.has(node.text)) drop(node);
    if (ts.isStringLiteral(node) && node.text.startsWith(`./${protocol}/`)) drop(node);
    ts.forEachChild(node, dropUses);
  };
  dropUses(tree);
  return list
    .split('\n')
    .filter((_, line) => !dropped.has(line))
    .join('\n');
}

export function listProtocols(root: string): string[] {
  const folder = path.join(root, protocolFolder);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

if (isMain(import.meta.url)) {
  for (const protocol of listProtocols(projectRoot)) {
    const errors = compileWithout(projectRoot, protocol);
    console.log(
      `without ${protocol}: ${errors === '' ? 'compiles' : `does not compile\n${errors}`}`,
    );
    if (errors !== '') process.exitCode = 1;
  }
}
