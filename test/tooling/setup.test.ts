import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../../scripts/source-tree.ts';
import { makeTree, writeFile } from './scratch-tree.ts';

interface SetupModule {
  nodeTooOld(version: string): string | undefined;
  installIsStale(root: string): boolean;
  buildIsStale(root: string): boolean;
  setup(root: string): boolean;
}

let setup: SetupModule;

before(async () => {
  const file = path.join(projectRoot, 'scripts/setup.mjs');
  setup = (await import(pathToFileURL(file).href)) as SetupModule;
});

/** Seconds on the file clock of a tree; later ones are newer. */
const [past, installed, built, future] = [1_000, 2_000, 3_000, 4_000];

function setTime(root: string, name: string, seconds: number): void {
  fs.utimesSync(path.join(root, name), seconds, seconds);
}

/** A project in which everything was installed and built after its last change. */
function makeFresh(t: TestContext): string {
  const root = makeTree(t, {
    'package-lock.json': '{}',
    'node_modules/.package-lock.json': '{}',
    'tsconfig.json': '{}',
    'src/log/journal.ts': '',
    'dist/.built': '',
  });
  for (const name of ['package-lock.json', 'tsconfig.json', 'src/log/journal.ts']) {
    setTime(root, name, past);
  }
  for (const folder of ['src/log', 'src']) setTime(root, folder, past);
  setTime(root, 'node_modules/.package-lock.json', installed);
  setTime(root, 'dist/.built', built);
  return root;
}

/** Puts a script in the compiler's place, and keeps what setup says out of the test's output. */
function fakeCompiler(t: TestContext, root: string, script: string): void {
  t.mock.method(process.stderr, 'write', () => true);
  writeFile(root, 'node_modules/ts7/bin/tsc', script);
}

describe('what is stale', () => {
  test('a project that nobody touched needs nothing', (t) => {
    const root = makeFresh(t);
    assert.equal(setup.installIsStale(root), false);
    assert.equal(setup.buildIsStale(root), false);
  });

  test('nothing installed, or a lock that changed since, asks for an install', (t) => {
    const root = makeFresh(t);
    setTime(root, 'package-lock.json', future);
    assert.equal(setup.installIsStale(root), true);
    fs.rmSync(path.join(root, 'node_modules'), { recursive: true });
    assert.equal(setup.installIsStale(root), true);
  });

  test('a lock with a new time and the content that setup installed asks for nothing', (t) => {
    const root = makeFresh(t);
    setTime(root, 'package-lock.json', future);
    const hash = createHash('sha256').update('{}').digest('hex');
    writeFile(root, 'node_modules/.polylog-install', hash);
    assert.equal(setup.installIsStale(root), false);
    writeFile(root, 'package-lock.json', '{"packages":{}}');
    assert.equal(setup.installIsStale(root), true);
  });

  test('a source, a setting or an install newer than the build asks for a build', (t) => {
    for (const name of ['src/log/journal.ts', 'tsconfig.json', 'node_modules/.package-lock.json']) {
      const root = makeFresh(t);
      setTime(root, name, future);
      assert.equal(setup.buildIsStale(root), true, name);
    }
  });

  test('a file that was added or deleted asks for a build', (t) => {
    const root = makeFresh(t);
    fs.rmSync(path.join(root, 'src/log/journal.ts'));
    assert.equal(setup.buildIsStale(root), true);
  });
});

describe('the build', () => {
  test('a failed compiler leaves no stamp, and the next run tries again', (t) => {
    const root = makeFresh(t);
    setTime(root, 'src/log/journal.ts', future);
    fakeCompiler(t, root, 'process.exit(2);');
    assert.equal(setup.setup(root), false);
    assert.equal(setup.buildIsStale(root), true);
    fakeCompiler(t, root, '');
    setTime(root, 'src/log/journal.ts', past);
    assert.equal(setup.setup(root), true);
    assert.equal(setup.buildIsStale(root), false);
    assert.deepEqual(fs.readdirSync(path.join(root, 'dist')), ['.built']);
  });

  test('an edit made while the compiler runs asks for another build', (t) => {
    const root = makeFresh(t);
    setTime(root, 'src/log/journal.ts', future);
    fakeCompiler(t, root, "require('node:fs').writeFileSync('src/log/journal.ts', 'edited');");
    assert.equal(setup.setup(root), true);
    assert.equal(setup.buildIsStale(root), true);
  });

  test('the output of a deleted source goes, and other files stay', (t) => {
    const root = makeFresh(t);
    setTime(root, 'src/log/journal.ts', future);
    fakeCompiler(t, root, '');
    for (const name of [
      'gone.test.js',
      'gone.test.js.map',
      'gone.d.ts',
      'journal.js',
      'data.bin',
    ]) {
      writeFile(root, `dist/src/log/${name}`, '');
    }
    setup.setup(root);
    assert.deepEqual(fs.readdirSync(path.join(root, 'dist/src/log')), ['data.bin', 'journal.js']);
  });

  test('a lock that a dead process left behind is taken over', (t) => {
    const root = makeFresh(t);
    setTime(root, 'src/log/journal.ts', past);
    setTime(root, 'tsconfig.json', future);
    fakeCompiler(t, root, '');
    // No process id is that large on any system.
    writeFile(root, 'dist/.setup-lock', '2147483646');
    assert.equal(setup.setup(root), true);
    assert.equal(fs.existsSync(path.join(root, 'dist/.setup-lock')), false);
  });
});

test('a Node that is too old is told so in one line', () => {
  assert.match(setup.nodeTooOld('18.20.4') ?? '', /^Polylog needs Node 20\.19 .*18\.20\.4\.$/);
  assert.match(setup.nodeTooOld('20.18.3') ?? '', /needs Node/);
  for (const version of ['20.19.0', '20.20.2', '22.0.0', '26.10.0']) {
    assert.equal(setup.nodeTooOld(version), undefined, version);
  }
});
