import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf, NotARecord, recordOfJson, recordOfLine } from './publish-source.ts';

async function* stream(...chunks: readonly string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
}

async function lines(...chunks: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const some of linesOf(stream(...chunks))) {
    found.push(...some.map((line) => line.toString('latin1')));
  }
  return found;
}

test('lines are cut wherever the chunks end', async () => {
  const text = 'one\n\ntwo\u00ff\nthree';
  const expected = ['one', '', 'two\u00ff', 'three'];
  assert.deepEqual(await lines(text), expected);
  assert.deepEqual(await lines(...text), expected);
  assert.deepEqual(await lines('a\n'), ['a']);
  assert.deepEqual(await lines(), []);
});

test('a line without an end is not gathered for ever', async () => {
  const chunk = 'x'.repeat(1024 * 1024);
  await assert.rejects(lines(...Array.from({ length: 20 }, () => chunk)), NotARecord);
});

const rules = { keySeparator: null, emptyIsNull: false, defaults: {} };

test('a line is a value, or a key and a value', () => {
  const record = (text: string, more: object = {}) =>
    recordOfLine(Buffer.from(text), 3, { ...rules, ...more });
  assert.deepEqual(record('a:b'), { value: 'a:b' });
  assert.deepEqual(record('a::b:c', { keySeparator: '::' }), { key: 'a', value: 'b:c' });
  assert.deepEqual(record('', { emptyIsNull: true }), { value: null });
  assert.deepEqual(record(''), { value: '' });
  assert.throws(() => record('a', { keySeparator: ':' }), /line 3 has no key/);
});

test('what says where a record was is not what it is', () => {
  const line = '{"topic":"t","partition":1,"offset":5,"timestamp":-1,"value":"v","key":null}';
  const record = recordOfJson(Buffer.from(line), 1);
  assert.deepEqual(record, { partition: 1, value: 'v', key: null });
  for (const text of ['', '[]', 'null', '{}', '{']) {
    assert.throws(() => recordOfJson(Buffer.from(text), 9), /^NotARecord|line 9/);
  }
});
