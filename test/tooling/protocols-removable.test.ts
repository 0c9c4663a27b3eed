import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileWithout,
  listProtocols,
  withoutProtocol,
} from '../../scripts/protocols-removable.ts';
import { borrow, makeTree } from './scratch-tree.ts';

const list = [
  '/** The protocols. */',
  "import { kafka } from './kafka/index.ts';",
  "import { mqtt } from './mqtt/index.ts';",
  'export const protocols = [',
  '  kafka,',
  '  mqtt,',
  '];',
  '',
].join('\n');

test('a protocol leaves the list with its import and its line, and the others stay', () => {
  const left = withoutProtocol(list, 'kafka');
  assert.doesNotMatch(left, /kafka/);
  assert.match(left, /^ {2}mqtt,$/m);
  const lazy = "export const protocols = {\n  a: () => import('./a/index.ts'),\n  b: 1,\n};\n";
  assert.equal(withoutProtocol(lazy, 'a'), 'export const protocols = {\n  b: 1,\n};\n');
});

test('a core that leans on one protocol does not compile without it', (t) => {
  const root = makeTree(t, {
    'src/protocols/index.ts': list,
    'src/protocols/kafka/index.ts': 'export const kafka = 1;\n',
    'src/protocols/mqtt/index.ts': 'export const mqtt = 1;\n',
    'src/app/main.ts': "export { kafka } from '../protocols/kafka/index.ts';\n",
  });
  borrow(root, 'tsconfig.json', 'package.json');
  assert.deepEqual(listProtocols(root), ['kafka', 'mqtt']);
  assert.match(compileWithout(root, 'kafka'), /app\/main\.ts.*TS2307/);
  assert.equal(compileWithout(root, 'mqtt'), '');
});
