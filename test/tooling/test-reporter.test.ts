import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { findTests } from '../../scripts/run-tests.ts';
import reportTests from '../../scripts/test-reporter.ts';
import { makeTree } from './scratch-tree.ts';

interface Result {
  readonly name: string;
  readonly file?: string;
  readonly isSuite?: boolean;
  readonly skip?: string | boolean;
  readonly failure?: { readonly failureType: string; readonly cause?: Error };
}

const journalTest = `${process.cwd()}/dist/src/log/journal.test.js`;

function eventOf(result: Result): TestEvent {
  const { name, file = journalTest, isSuite = false, skip, failure } = result;
  const details = { duration_ms: 1, error: failure, ...(isSuite ? { type: 'suite' } : {}) };
  const type = failure === undefined ? 'test:pass' : 'test:fail';
  return {
    type,
    data: { name, file, skip, nesting: 0, testNumber: 1, details },
  } as unknown as TestEvent;
}

async function report(...results: readonly Result[]): Promise<string[]> {
  async function* events(): AsyncGenerator<TestEvent> {
    for (const result of results) yield eventOf(result);
  }
  let text = '';
  for await (const part of reportTests(events())) text += part;
  return text.trimEnd().split('\n');
}

test('the last line is the totals alone; groups are not counted', async () => {
  const lines = await report({ name: 'a' }, { name: 'b' }, { name: 'group', isSuite: true });
  assert.deepEqual(lines, ['ok       src/log/journal.test.ts  2 passed', '2 passed, 0 failed']);
});

test('a failure shows its error, and its parents add nothing', async () => {
  const lines = await report(
    { name: 'a', failure: { failureType: 'testCodeFailure', cause: new Error('off by one') } },
    { name: 'group', isSuite: true, failure: { failureType: 'subtestsFailed' } },
  );
  assert.match(lines.join('\n'), /^FAILED {3}src\/log\/journal\.test\.ts: a\n +Error: off by one/);
  assert.equal(lines.at(-1), '0 passed, 1 failed');
});

test('a skipped test is named with its reason and counted apart', async () => {
  const lines = await report({ name: 'a', skip: 'no kcat here' }, { name: 'b' });
  assert.equal(lines[0], 'skipped  src/log/journal.test.ts: a (no kcat here)');
  assert.equal(lines.at(-1), '1 passed, 0 failed');
});

test('a file without tests fails, under the absolute and the relative name that Node gives it', async () => {
  for (const name of [journalTest, 'dist/src/log/journal.test.js']) {
    const lines = await report({ name });
    assert.equal(lines[0], 'FAILED   src/log/journal.test.ts has no tests');
    assert.equal(lines.at(-1), '0 passed, 1 failed');
  }
});

test('test files are found through their sources, in src, simulation and test', (t) => {
  const root = makeTree(t, {
    'src/log/journal.test.ts': '',
    'src/log/journal.ts': '',
    'simulation/clock.test.ts': '',
    'test/tooling/x.test.ts': '',
    'conformance/kafka/x.test.ts': '',
    'dist/src/log/deleted.test.js': '',
  });
  assert.deepEqual(findTests(root, []), [
    'dist/src/log/journal.test.js',
    'dist/simulation/clock.test.js',
    'dist/test/tooling/x.test.js',
  ]);
  assert.deepEqual(findTests(root, [`${root}/src/log`]), ['dist/src/log/journal.test.js']);
});
