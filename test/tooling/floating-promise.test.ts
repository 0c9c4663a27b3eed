import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { borrow, makeTree } from './scratch-tree.ts';

const work = 'export async function work(): Promise<void> {}\n';

test('the linter finds a floating promise by its type, and leaves node:test alone', (t) => {
  const root = makeTree(t, {
    'src/work.ts': work,
    'src/floats.ts':
      "import { work } from './work.ts';\nexport function go(): void {\n  work();\n}\n",
    'src/fine.test.ts': "import { test } from 'node:test';\ntest('is not awaited', () => {});\n",
    'src/misused.ts':
      "import { work } from './work.ts';\nexport const go = (): void => [1].forEach(async () => work());\n",
  });
  borrow(root, '.oxlintrc.json', 'tsconfig.json');
  const result = spawnSync(
    process.execPath,
    ['node_modules/oxlint/bin/oxlint', '--type-aware', '--format=unix', 'src'],
    { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
  );
  assert.equal(result.status, 1, result.stdout + result.stderr);
  const lines = result.stdout.split('\n').filter((line) => line.includes('.ts:'));
  assert.equal(lines.length, 2, result.stdout);
  assert.match(lines.join('\n'), /floats\.ts:3:3: .*awaited/);
  assert.match(lines.join('\n'), /misused\.ts:2:.*void return/);
});
