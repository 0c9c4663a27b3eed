import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bundleCommonJs } from '../../scripts/bundle.ts';
import { makeTree } from './scratch-tree.ts';

interface Face {
  addresses(): string[];
  isStrict(): boolean;
  late(): Promise<number>;
}

const compiled = {
  'dist/src/index.js': [
    "export { addresses } from './node/disk.js';",
    'export const isStrict = function () { return this === undefined; };',
    "export const late = async () => (await import('./late.js')).value;",
    "export const external = () => import('yaml');",
  ].join('\n'),
  'dist/src/index.d.ts': [
    "export { addresses } from './node/disk.ts';",
    "export declare const late: () => Promise<import('./late.ts').Value>;",
  ].join('\n'),
  'dist/src/node/disk.js': [
    "const script = new URL('./sync-thread.js', import.meta.url).href;",
    'export const addresses = () => [import.meta.url, script];',
  ].join('\n'),
  'dist/src/node/disk.d.ts': 'export declare function addresses(): string[];\n',
  'dist/src/late.js': 'export const value = 7;\n',
  'dist/src/late.d.ts': 'export type Value = number;\n',
};

test('the CommonJS bundle loads by require, and its modules keep their own addresses', async (t) => {
  const root = makeTree(t, compiled);
  const outputFolder = path.join(root, 'dist/cjs');
  await bundleCommonJs({ entry: path.join(root, 'dist/src/index.js'), outputFolder });

  const text = fs.readFileSync(path.join(outputFolder, 'index.cjs'), 'utf8');
  assert.doesNotMatch(text, /\bimport\s*\(/);
  assert.doesNotMatch(text, /import\.meta/);

  const face = createRequire(import.meta.url)(path.join(outputFolder, 'index.cjs')) as Face;
  const addressOf = (name: string) => pathToFileURL(path.join(root, name)).href;
  assert.deepEqual(face.addresses(), [
    addressOf('dist/src/node/disk.js'),
    addressOf('dist/src/node/sync-thread.js'),
  ]);
  const { isStrict } = face;
  assert.equal(isStrict(), true);
  assert.equal(await face.late(), 7);
});

test('the bundle has declarations of its own kind, which point at each other', async (t) => {
  const root = makeTree(t, compiled);
  const outputFolder = path.join(root, 'dist/cjs');
  await bundleCommonJs({ entry: path.join(root, 'dist/src/index.js'), outputFolder });
  const declaration = fs.readFileSync(path.join(outputFolder, 'index.d.cts'), 'utf8');
  assert.match(declaration, /from '\.\/node\/disk\.cjs'/);
  assert.match(declaration, /import\('\.\/late\.cjs'\)/);
  for (const name of ['node/disk.d.cts', 'late.d.cts']) {
    assert.ok(fs.existsSync(path.join(outputFolder, name)), name);
  }
});
