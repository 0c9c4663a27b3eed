/**
 * Makes the CommonJS face of the package out of the compiled modules: `dist/cjs/index.cjs` and its
 * declarations, for programs and test runners (Jest) that cannot load ES modules.
 *
 * Owns: dist/cjs/. Leaves: compiling (tsc), and when to run (scripts/setup.mjs).
 *
 * Invariants:
 * - Our modules are one file; packages stay outside and are required.
 * - No `import()` is left: Jest refuses it. It becomes `require`, still at the moment of the call.
 * - `import.meta.url` keeps its value: in the bundle each module sees the address of its own file
 *   under dist/src, so `new URL('./sync-thread.js', import.meta.url)` finds the worker's script
 *   there. Workers are ES modules in both faces.
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import * as esbuild from 'esbuild';
import ts from 'typescript';
import { isMain, projectRoot } from './source-tree.ts';

const bundleName = 'index.cjs';

/** The bundle's own address as a function, so that nothing is computed unless it is asked for. */
const ownModuleUrl = [
  "'use strict';",
  'const moduleUrlOf = (file) =>',
  "  new URL(file, require('node:url').pathToFileURL(__filename)).href;",
].join('\n');

/** Gives every module its address under dist/src in place of `import.meta.url`. */
function ownAddresses(outputFolder: string): esbuild.Plugin {
  return {
    name: 'own-addresses',
    setup(build): void {
      build.onLoad({ filter: /dist[\\/]src[\\/].*\.js$/ }, (args) => {
        const text = fs.readFileSync(args.path, 'utf8');
        if (!text.includes('import.meta.url')) return undefined;
        const relative = path.relative(outputFolder, args.path).replaceAll(path.sep, '/');
        const contents = text.replaceAll(
          /\bimport\.meta\.url\b/g,
          `moduleUrlOf(${JSON.stringify(relative)})`,
        );
        return { contents, loader: 'js' };
      });
    },
  };
}

export interface BundleOptions {
  /** The compiled ES module to start from. */
  readonly entry: string;
  /** Receives index.cjs and the declarations. */
  readonly outputFolder: string;
}

export async function bundleCommonJs(options: BundleOptions): Promise<void> {
  fs.rmSync(options.outputFolder, { recursive: true, force: true });
  await esbuild.build({
    entryPoints: [options.entry],
    outfile: path.join(options.outputFolder, bundleName),
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    supported: { 'dynamic-import': false },
    banner: { js: ownModuleUrl },
    plugins: [ownAddresses(options.outputFolder)],
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
  copyDeclarations(options);
}

/**
 * A `require` condition needs declarations that are CommonJS themselves: copies as .d.cts, with
 * their relative imports pointing at copies. Only what the entry reaches is copied.
 */
function copyDeclarations(options: BundleOptions): void {
  const sourceFolder = path.dirname(options.entry);
  const pending = [options.entry.replace(/\.js$/, '.d.ts')];
  const seen = new Set(pending);
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    const text = fs.readFileSync(file, 'utf8');
    const target = path
      .join(options.outputFolder, path.relative(sourceFolder, file))
      .replace(/\.d\.ts$/, '.d.cts');
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, pointAtCopies(text));
    for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
      if (!fileName.startsWith('.')) continue;
      const imported = path.resolve(path.dirname(file), fileName).replace(/\.[jt]s$/, '.d.ts');
      if (!seen.has(imported)) pending.push(imported);
      seen.add(imported);
    }
  }
}

function pointAtCopies(declaration: string): string {
  let text = declaration.replace(/^\/\/# sourceMappingURL=.*$/m, '');
  for (const { fileName } of ts.preProcessFile(declaration, true, true).importedFiles) {
    if (!fileName.startsWith('.')) continue;
    const copy = fileName.replace(/\.[jt]s$/, '.cjs');
    text = text.replaceAll(`'${fileName}'`, `'${copy}'`).replaceAll(`"${fileName}"`, `"${copy}"`);
  }
  return text;
}

if (isMain(import.meta.url)) {
  const entry = path.join(projectRoot, 'dist/src/index.js');
  const outputFolder = path.join(projectRoot, 'dist/cjs');
  if (fs.existsSync(entry)) await bundleCommonJs({ entry, outputFolder });
}
