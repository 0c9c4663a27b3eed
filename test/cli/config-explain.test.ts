/** `polylog config explain` and `polylog version`. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { version } from '../../src/index.ts';
import { runCli, temporaryFolder } from './cli.fixture.ts';

interface Row {
  readonly option: string;
  readonly value: unknown;
  readonly source: string;
  readonly from: string;
}

test('each option is shown with its value and where it comes from', async (t) => {
  const file = path.join(temporaryFolder(t), 'polylog.yaml');
  fs.writeFileSync(file, 'storage: memory\ndrainMs: 10\nlisten:\n  - kafka://127.0.0.1:0\n');
  const args = ['config', 'explain', '--json', '--config', file, '--drain-ms', '20'];
  const environment = { POLYLOG_DATA_DIR: '/data', POLYLOG_STORAGE: 'journal' };
  const { code, stdout } = await runCli(t, args, environment);
  assert.equal(code, 0);
  const rows = new Map((JSON.parse(stdout) as Row[]).map((row) => [row.option, row]));
  const shown = (option: string): unknown[] => {
    const { value, source, from } = rows.get(option) ?? assert.fail(option);
    return [value, source, from];
  };
  assert.deepEqual(shown('drainMs'), [20, 'flag', '--drain-ms']);
  assert.deepEqual(shown('storage'), ['journal', 'environment', 'POLYLOG_STORAGE']);
  assert.deepEqual(shown('dataDir'), ['/data', 'environment', 'POLYLOG_DATA_DIR']);
  assert.deepEqual(shown('listen'), [['kafka://127.0.0.1:0'], 'file', file]);
  assert.deepEqual(shown('durability'), ['fsync', 'default', 'default']);
});

test('the file may be named by the environment, and may be JSON', async (t) => {
  const file = path.join(temporaryFolder(t), 'polylog.json');
  fs.writeFileSync(file, '{"autoCreateTopics": false}');
  const { stdout } = await runCli(t, ['config', 'explain'], { POLYLOG_CONFIG: file });
  assert.match(stdout, new RegExp(`^autoCreateTopics +false +${file}$`, 'm'));
});

test('the version is printed', async (t) => {
  for (const args of [['version'], ['--version']]) {
    const { code, stdout } = await runCli(t, args);
    assert.deepEqual([code, stdout], [0, `${version}\n`]);
  }
});

test('help names every option with its default', async (t) => {
  const { code, stdout } = await runCli(t, ['start', '--help']);
  assert.equal(code, 0);
  assert.match(stdout, /--data-dir <PATH>[\s\S]*Default:\s+\.\/polylog-data/);
  assert.match(stdout, /--listen <PROTOCOL:\/\/HOST:PORT>/);
});

test('a Node that is too old is told so in one line', () => {
  const main = new URL('../../src/cli/main.js', import.meta.url).href;
  const code = `Object.defineProperty(process.versions, 'node', { value: '20.18.9' }); import('${main}');`;
  const { status, stderr } = spawnSync(process.execPath, ['--eval', code], { encoding: 'utf8' });
  assert.equal(stderr, 'polylog: Node 20.19 or newer is needed; this is 20.18.9\n');
  assert.equal(status, 1);
});
