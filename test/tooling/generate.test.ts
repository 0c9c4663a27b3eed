import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { renderConformance } from '../../scripts/generate/conformance-table.ts';
import { generate } from '../../scripts/generate.ts';
import { makeTree } from './scratch-tree.ts';

const generators = [{ target: 'docs/reference/x.md', render: () => 'made\n' }];

test('a check names what is out of date and writes nothing; a write mends it', async (t) => {
  const root = makeTree(t, { 'docs/reference/x.md': 'edited by hand\n' });
  const text = () => fs.readFileSync(path.join(root, 'docs/reference/x.md'), 'utf8');
  assert.deepEqual(await generate(root, generators, 'check'), ['docs/reference/x.md']);
  assert.equal(text(), 'edited by hand\n');
  assert.deepEqual(await generate(root, generators, 'write'), ['docs/reference/x.md']);
  assert.equal(text(), 'made\n');
  assert.deepEqual(await generate(root, generators, 'check'), []);
});

test('a file that is missing is out of date', async (t) => {
  const root = makeTree(t, {});
  assert.deepEqual(await generate(root, generators, 'check'), ['docs/reference/x.md']);
});

test('the conformance table sorts clauses by number and tells code from tests', () => {
  const text = renderConformance([
    { path: 'src/protocols/mqtt/codec.ts', name: 'MQTT-3.10.1-1' },
    { path: 'src/protocols/mqtt/codec.test.ts', name: 'MQTT-3.3.1-4' },
    { path: 'src/protocols/mqtt/codec.ts', name: 'MQTT-3.3.1-4' },
    { path: 'src/protocols/mqtt/codec.ts', name: 'MQTT-3.3.1-4' },
    { path: 'conformance/kafka/groups.ts', name: 'KIP-848' },
  ]);
  const rows = text.split('\n').filter((line) => /^\| [A-Z]/.test(line));
  assert.deepEqual(rows, [
    '| KIP-848 | – | `conformance/kafka/groups.ts` |',
    '| MQTT-3.3.1-4 | `src/protocols/mqtt/codec.ts` | `src/protocols/mqtt/codec.test.ts` |',
    '| MQTT-3.10.1-1 | `src/protocols/mqtt/codec.ts` | – |',
  ]);
});
