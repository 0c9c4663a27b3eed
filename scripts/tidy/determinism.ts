/**
 * STYLE.md §12: what differs from run to run comes in through the ports, so that the same broker
 * runs under the simulator. `log` and `broker` call back; they know no promises.
 *
 * Owns: the lists of banned globals and modules, and the folders that are free of them.
 */

import ts from 'typescript';
import { type Finding, findingAt, type Source, walk } from './source.ts';

/** The real ports, and the programs around the broker. */
const mayUseGlobals = /^src\/(node|cli|app)\//;
const mayImportEffects = /^src\/node\//;
const callbacksOnly = /^src\/(log|broker)\//;

const bannedGlobals = new Set([
  'Date',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

const bannedModules = new Set([
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'net',
  'perf_hooks',
  'process',
  'timers',
  'timers/promises',
  'tls',
  'worker_threads',
]);

/** What node:crypto has that is not a function of its arguments. */
const randomFunction = /^(getRandomValues|random(Bytes|Fill|FillSync|Int|UUID)|webcrypto)$/;

const sleeps = new Set(['setTimeout', 'setInterval']);

export function checkDeterminism(source: Source): Finding[] {
  if (!source.path.startsWith('src/')) {
    return source.path.startsWith('simulation/') && source.isTest ? checkSleeps(source) : [];
  }
  if (source.isTest) return mayUseGlobals.test(source.path) ? [] : checkSleeps(source);
  const findings: Finding[] = [];
  if (!mayUseGlobals.test(source.path)) findings.push(...checkGlobals(source));
  if (!mayImportEffects.test(source.path)) findings.push(...checkModules(source));
  if (callbacksOnly.test(source.path)) findings.push(...checkCallbacksOnly(source));
  return findings;
}

function checkGlobals(source: Source): Finding[] {
  const findings: Finding[] = [];
  forEachGlobal(source, (name, node) => {
    if (bannedGlobals.has(name)) {
      findings.push(findingAt(source, node.getStart(), `${name} comes in through kernel/ports.ts`));
    }
  });
  findings.push(...checkRandomness(source));
  return findings;
}

function checkRandomness(source: Source): Finding[] {
  const findings: Finding[] = [];
  const report = (node: ts.Node): void => {
    findings.push(findingAt(source, node.getStart(), 'randomness comes in through Random'));
  };
  walk(source, (node) => {
    if (!ts.isPropertyAccessExpression(node)) return;
    const owner = node.expression.getText();
    if (owner === 'Math' && node.name.text === 'random') report(node);
    if (owner === 'crypto' && randomFunction.test(node.name.text)) report(node);
  });
  forEachModule(source, (name, node) => {
    const words = name === 'crypto' ? (node.getText().match(/\w+/g) ?? []) : [];
    if (words.some((word) => randomFunction.test(word))) report(node);
  });
  return findings;
}

function checkModules(source: Source): Finding[] {
  const findings: Finding[] = [];
  forEachModule(source, (name, node) => {
    if (bannedModules.has(name)) {
      findings.push(findingAt(source, node.getStart(), `only src/node imports node:${name}`));
    }
  });
  return findings;
}

function checkSleeps(source: Source): Finding[] {
  const findings: Finding[] = [];
  const message = 'a unit test does not sleep: advance the simulated clock';
  forEachGlobal(source, (name, node) => {
    if (sleeps.has(name)) findings.push(findingAt(source, node.getStart(), message));
  });
  forEachModule(source, (name, node) => {
    if (/^timers(\/promises)?$/.test(name)) {
      findings.push(findingAt(source, node.getStart(), message));
    }
  });
  return findings;
}

function checkCallbacksOnly(source: Source): Finding[] {
  const findings: Finding[] = [];
  const report = (node: ts.Node, what: string): void => {
    findings.push(findingAt(source, node.getStart(), `${what}: log and broker call back`));
  };
  walk(source, (node) => {
    if (node.kind === ts.SyntaxKind.AsyncKeyword) report(node, 'async');
    if (ts.isAwaitExpression(node)) report(node, 'await');
    if (ts.isIdentifier(node) && node.text === 'Promise' && !isPropertyName(node)) {
      report(node, 'Promise');
    }
    const isThen = ts.isPropertyAccessExpression(node) && node.name.text === 'then';
    if (isThen && ts.isCallExpression(node.parent)) report(node.name, 'then');
  });
  return findings;
}

/** Uses of global values: also through `globalThis`, not as types, not where the name is our own. */
function forEachGlobal(source: Source, visit: (name: string, node: ts.Node) => void): void {
  const own = new Set<string>();
  walk(source, (node) => {
    if (ts.isIdentifier(node) && isOwnName(node)) own.add(node.text);
  });
  walk(source, (node) => {
    if (ts.isPropertyAccessExpression(node) && node.expression.getText() === 'globalThis') {
      visit(node.name.text, node);
    }
    if (!ts.isIdentifier(node) || own.has(node.text)) return;
    if (isPropertyName(node) || isInType(node)) return;
    visit(node.text, node);
  });
}

/** Whether this identifier makes a variable, parameter, function or import of its name. */
function isOwnName(node: ts.Identifier): boolean {
  const parent = node.parent;
  const declares =
    ts.isVariableDeclaration(parent) ||
    ts.isParameter(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isClassDeclaration(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportClause(parent) ||
    ts.isNamespaceImport(parent);
  return declares && parent.name === node && !isInType(parent);
}

/** `x.name`, `{ name: … }` and declared members; not `{ name }`, which reads the variable. */
function isPropertyName(node: ts.Identifier): boolean {
  if (ts.isShorthandPropertyAssignment(node.parent)) return false;
  const named = node.parent as { name?: ts.Node; propertyName?: ts.Node };
  return named.name === node || named.propertyName === node;
}

function isInType(node: ts.Node): boolean {
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent) {
    if (ts.isTypeNode(at) && !ts.isExpressionWithTypeArguments(at)) return true;
    if (ts.isStatement(at)) return ts.isInterfaceDeclaration(at) || ts.isTypeAliasDeclaration(at);
  }
  return false;
}

/** Modules of Node that are imported, required or re-exported, without `node:`. */
function forEachModule(source: Source, visit: (name: string, node: ts.Node) => void): void {
  walk(source, (node) => {
    let specifier: ts.Node | undefined;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      specifier = node.moduleSpecifier;
    } else if (ts.isCallExpression(node)) {
      const isLoad =
        node.expression.kind === ts.SyntaxKind.ImportKeyword ||
        node.expression.getText() === 'require';
      if (isLoad) specifier = node.arguments[0];
    }
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    visit(specifier.text.replace(/^node:/, ''), node);
  });
}
