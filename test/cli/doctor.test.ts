/** `polylog doctor`: each trouble in words, with its exit code; nothing is changed by it. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { Commands, startWithCommands, temporaryFolder } from './cli.fixture.ts';

interface Finding {
  readonly level: string;
  readonly what: string;
  readonly remedy: string;
}

async function diagnose(commands: Commands, ...args: string[]): Promise<[number | null, string]> {
  const { code, stdout } = await commands.run('doctor', '--json', ...args);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  for (const { what, remedy } of findings) assert.ok(what !== '' && remedy !== '', what);
  return [code, findings.map(({ level, what }) => `${level}: ${what}`).join('\n')];
}

test('a running broker in order has only notes', async (t) => {
  const { commands } = await startWithCommands(t);
  const [code, text] = await diagnose(commands);
  assert.match(text, /^note: All listeners are on loopback/m);
  assert.doesNotMatch(text, /error|warning/);
  assert.equal(code, 0);
  const shown = await commands.ok('doctor');
  assert.match(shown, /, a broker is running on it\n/);
  assert.match(shown, /\n0 errors, 0 warnings, \d notes?\n$/);
});

test('a folder without a broker: never used, ended, killed', async (t) => {
  const { commands, broker, folder } = await startWithCommands(t);
  const missing = new Commands(t, path.join(folder, 'none'));
  assert.match((await diagnose(missing))[1], /^error: There is no such folder/);
  const file = path.join(temporaryFolder(t), 'file');
  fs.writeFileSync(file, '');
  assert.match((await diagnose(new Commands(t, file)))[1], /^error: .*file is no folder/);
  const unused = new Commands(t, temporaryFolder(t));
  const [code, text] = await diagnose(unused);
  assert.match(text, /^error: No broker is running here\.\nnote: No broker has been started/);
  assert.equal(code, 1);
  await broker.cli.signal('SIGKILL');
  const names = fs.readdirSync(folder);
  assert.match((await diagnose(commands))[1], /^error: .* its socket is left: the last one was k/);
  assert.deepEqual(fs.readdirSync(folder), names, 'nothing was changed');
});

test('a folder of a newer version, without its identity, or set back in time', async (t) => {
  const { commands, broker, folder } = await startWithCommands(t);
  await broker.cli.signal('SIGTERM');
  const node = path.join(folder, 'node.json');
  const future = Date.now() / 1000 + 86_400;
  fs.utimesSync(node, future, future);
  assert.match((await diagnose(commands))[1], /^warning: Files here are of .* clock has been set/m);
  fs.writeFileSync(node, '{"format": 99}');
  assert.match((await diagnose(commands))[1], /^error: The data folder was written by a newer/m);
  fs.rmSync(node);
  assert.match((await diagnose(commands))[1], /^error: node\.json is missing, though there is/m);
});

test('a damaged segment is named', async (t) => {
  const { commands, broker, folder } = await startWithCommands(t);
  await commands.runWith('x'.repeat(1000).concat('\n').repeat(3000), 'publish', 'orders');
  await broker.cli.signal('SIGTERM');
  const segment = path.join(folder, 'segments/00000001.seg');
  const handle = fs.openSync(segment, 'r+');
  fs.writeSync(handle, 'damaged', 300_000);
  fs.closeSync(handle);
  const [code, text] = await diagnose(commands);
  assert.match(text, /^error: segments\/00000001\.seg is damaged at byte \d+: /m);
  assert.equal(code, 1);
});

test('a group that nobody reads for is noticed', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('publish', 'orders', 'a', 'b');
  await commands.ok('consume', 'orders', '--group', 'g', '--count', '1');
  const [code, text] = await diagnose(commands);
  assert.match(text, /^warning: Group g has no members and is 1 records behind/m);
  assert.equal(code, 1);
});

test('a broker that does not answer is told from one that is not there', async (t) => {
  const { commands, broker } = await startWithCommands(t);
  broker.cli.child.kill('SIGSTOP');
  t.after(() => broker.cli.child.kill('SIGCONT'));
  const [code, text] = await diagnose(commands);
  assert.match(text, /^error: The broker has not answered within 5 s/m);
  assert.equal(code, 1);
});

test('few file descriptors are noticed', async (t) => {
  if (spawnSync('prlimit', ['--version']).error !== undefined) return t.skip('no prlimit here');
  const { commands, broker } = await startWithCommands(t);
  spawnSync('prlimit', ['--pid', String(broker.cli.child.pid), '--nofile=64:64']);
  assert.match((await diagnose(commands))[1], /file descriptors/);
});
