import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { borrow, makeTree } from './scratch-tree.ts';

interface Report {
  readonly summary: {
    readonly violations: readonly { from: string; to: string; rule: { name: string } }[];
    readonly totalCruised: number;
  };
}

const value = 'export const value = 1;\n';

/** File → the imports in it. What is planted is listed again in `expected`. */
const imports: Readonly<Record<string, readonly string[]>> = {
  'src/kernel/assert.ts': [],
  'src/kernel/reaches-up.ts': ['../log/journal.ts', 'yaml'],
  'src/log/journal.ts': ['../kernel/assert.ts', '../record/batch.ts'],
  'src/log/reaches-up.ts': ['../broker/publish.ts'],
  'src/record/batch.ts': ['../kernel/assert.ts'],
  'src/broker/publish.ts': ['../log/journal.ts', '../record/batch.ts', 'lru-cache'],
  'src/broker/knows-protocol.ts': ['../protocols/mqtt/index.ts'],
  'src/protocols/contract.ts': ['../broker/publish.ts'],
  'src/protocols/index.ts': ['./kafka/index.ts', './mqtt/index.ts'],
  'src/protocols/kafka/index.ts': ['../contract.ts', '../../broker/publish.ts', './codec.ts'],
  'src/protocols/kafka/codec.ts': ['../../kernel/assert.ts'],
  'src/protocols/mqtt/index.ts': ['../contract.ts'],
  'src/protocols/mqtt/borrows.ts': ['../kafka/codec.ts', '../../log/journal.ts'],
  'src/protocols/mqtt/borrows.test.ts': ['../kafka/codec.ts'],
  'src/server/connection.ts': ['../protocols/contract.ts', '../kernel/assert.ts'],
  'src/server/knows-broker.ts': ['../broker/publish.ts'],
  'src/node/disk.ts': ['../kernel/assert.ts'],
  'src/app/create-broker.ts': ['../node/disk.ts', '../protocols/index.ts', '../log/journal.ts'],
  'src/cli/start.ts': ['../app/create-broker.ts'],
  'src/cli/main.ts': ['./start.ts', './inspect.ts'],
  'src/cli/inspect.ts': ['../log/journal.ts', '../node/disk.ts'],
  'src/cli/topics.ts': ['../log/journal.ts', '../app/create-broker.ts'],
  'src/index.ts': ['./app/create-broker.ts'],
  'src/broker/uses-simulation.ts': ['../../simulation/run.ts', 'fast-check'],
  'src/broker/publish.test.ts': ['./log.fixture.ts', 'fast-check', './publish.ts'],
  'src/broker/log.fixture.ts': ['../../simulation/run.ts'],
  'src/broker/uses-fixture.ts': ['./log.fixture.ts'],
  'simulation/run.ts': ['../src/app/create-broker.ts'],
  'simulation/real-disk.ts': ['../src/node/disk.ts'],
  'test/anything.test.ts': ['../src/node/disk.ts', '../src/app/create-broker.ts'],
};

const expected = [
  'cli-imports: src/cli/topics.ts → src/app/create-broker.ts',
  'cli-imports: src/cli/topics.ts → src/log/journal.ts',
  'broker-imports: src/broker/knows-protocol.ts → src/protocols/mqtt/index.ts',
  'kernel-imports: src/kernel/reaches-up.ts → src/log/journal.ts',
  'kernel-needs-nothing: src/kernel/reaches-up.ts → yaml',
  'log-imports: src/log/reaches-up.ts → src/broker/publish.ts',
  'log-imports: src/log/type-only.ts → src/broker/publish.ts',
  'no-cycles: src/broker/cycle-one.ts → src/broker/cycle-two.ts',
  'only-the-top-imports-app: src/cli/topics.ts → src/app/create-broker.ts',
  'protocol-imports: src/protocols/mqtt/borrows.ts → src/log/journal.ts',
  'protocol-imports: src/protocols/mqtt/borrows.ts → src/protocols/kafka/codec.ts',
  'protocols-stay-apart: src/protocols/mqtt/borrows.test.ts → src/protocols/kafka/codec.ts',
  'protocols-stay-apart: src/protocols/mqtt/borrows.ts → src/protocols/kafka/codec.ts',
  'published-packages-only: src/broker/uses-simulation.ts → fast-check',
  'server-imports: src/server/knows-broker.ts → src/broker/publish.ts',
  'simulation-imports: simulation/real-disk.ts → src/node/disk.ts',
  'src-stands-alone: src/broker/uses-fixture.ts → src/broker/log.fixture.ts',
  'src-stands-alone: src/broker/uses-simulation.ts → simulation/run.ts',
].sort();

function plantedFiles(): Record<string, string> {
  const files: Record<string, string> = {
    'src/log/type-only.ts': "import type { value } from '../broker/publish.ts';\n",
    'src/broker/cycle-one.ts':
      "import type { Two } from './cycle-two.ts';\nexport type One = Two;\n",
    'src/broker/cycle-two.ts':
      "import type { One } from './cycle-one.ts';\nexport type Two = One;\n",
  };
  for (const [file, targets] of Object.entries(imports)) {
    files[file] = targets.map((target) => `import '${target}';\n`).join('') + value;
  }
  return files;
}

function shortName(target: string): string {
  return /node_modules\/([^/]+)/.exec(target)?.[1] ?? target;
}

test('the boundary check finds every planted violation, types included, and nothing else', (t) => {
  const root = makeTree(t, plantedFiles());
  borrow(root, '.dependency-cruiser.cjs', 'tsconfig.json', 'package.json');
  const result = spawnSync(
    process.execPath,
    [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      ...['--config', '.dependency-cruiser.cjs', '--output-type', 'json'],
      ...['src', 'simulation', 'test'],
    ],
    { cwd: root, encoding: 'utf8' },
  );
  assert.notEqual(result.stdout, '', result.stderr);
  const { summary } = JSON.parse(result.stdout) as Report;
  const found = summary.violations.map(
    ({ rule, from, to }) => `${rule.name}: ${from} → ${shortName(to)}`,
  );
  assert.deepEqual(found.sort(), expected);
});
