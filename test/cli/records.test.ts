/** `polylog publish`, `consume`, `tail`. */

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { startWithCommands } from './cli.fixture.ts';

test('records are published from arguments, lines and JSON, and come out again', async (t) => {
  const { commands, folder } = await startWithCommands(t);
  const one = await commands.ok('publish', 'orders', 'a', '-k', 'key', '-H', 'h=1', '-H', 'h=2');
  assert.equal(one, '1 record published to orders\n');
  const lines = await commands.runWith('k1:b\nk2:c:d\nk3:', 'publish', 'orders', '-K', ':', '-Z');
  assert.equal(lines.stdout, '3 records published to orders\n');
  const print = ['--print', 'offset,key,value,headers'];
  const expected = '0|key|a|h=1,h=2\n1|k1|b|\n2|k2|c:d|\n3|k3|null|\n';
  assert.equal(await commands.ok('consume', 'orders', ...print, '--separator', '|'), expected);
  const json = await commands.ok('consume', 'orders', '--json');
  const file = path.join(folder, '..', `${path.basename(folder)}.ndjson`);
  t.after(() => fs.rmSync(file, { force: true }));
  fs.writeFileSync(file, json);
  await commands.ok('publish', 'copy', '--file', file);
  assert.equal(await commands.ok('consume', 'copy', ...print, '--separator', '|'), expected);
});

test('bytes that are no text go in and come out as they are', async (t) => {
  const { commands } = await startWithCommands(t);
  const bytes = Buffer.from([0xff, 0x00, 0x80]);
  await commands.runWith(Buffer.concat([bytes, Buffer.from('\nü')]), 'publish', 'orders');
  const [first, second] = (await commands.ok('consume', 'orders', '--json')).trim().split('\n');
  assert.deepEqual(JSON.parse(first ?? '').value, { base64: bytes.toString('base64') });
  assert.equal(JSON.parse(second ?? '').value, 'ü');
});

test('a line that is no record ends the work; those before it are published, and counted', async (t) => {
  const { commands } = await startWithCommands(t);
  const keyless = await commands.runWith('a:1\nb:2\nc\nd:4\n', 'publish', 'orders', '-K', ':');
  assert.equal(keyless.code, 1);
  assert.match(keyless.stderr, /^polylog: line 3 has no key: .* \(2 were published\)\n$/);
  assert.equal(await commands.ok('consume', 'orders'), '1\n2\n');
  for (const line of ['{', '7', '{"values":1}']) {
    const { code, stderr } = await commands.runWith(`${line}\n`, 'publish', 'orders', '-f', '-');
    assert.deepEqual([code, stderr.startsWith('polylog: line 1')], [1, true], line);
  }
  const missing = await commands.run('publish', 'orders', '-f', '/nope');
  assert.match(missing.stderr, /^polylog: ENOENT[^\n]+\n$/);
  assert.equal(missing.code, 1);
});

test('what the broker does not take is told with the place of the record', async (t) => {
  const { commands } = await startWithCommands(t);
  const input = '{"value":"a"}\n{"value":"b","partition":7}\n';
  const { code, stderr } = await commands.runWith(input, 'publish', 'orders', '-f', '-');
  assert.match(stderr, /record 2: The topic has no such partition\. .*\(1 were published\)/);
  assert.equal(code, 1);
  const none = await commands.run('publish', 'orders', 'x', '-p', '7');
  assert.equal(none.code, 4);
});

test('a hundred thousand lines keep their order', async (t) => {
  const { commands } = await startWithCommands(t);
  const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('');
  const { stdout } = await commands.runWith(lines, 'publish', 'orders', '--json');
  assert.deepEqual(JSON.parse(stdout), { topic: 'orders', published: 100_000 });
  assert.equal(await commands.ok('consume', 'orders'), lines);
});

test('consuming begins where it is told, and ends after a count or at the end', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('publish', 'orders', 'a', 'b', 'c', 'd');
  const consume = (...args: string[]): Promise<string> => commands.ok('consume', 'orders', ...args);
  assert.equal(await consume('--from', '2'), 'c\nd\n');
  assert.equal(await consume('--from', '-1'), 'd\n');
  assert.equal(await consume('--from', 'latest'), '');
  assert.equal(await consume('--from-beginning', '--count', '2'), 'a\nb\n');
  assert.equal(await consume('--from', '1h', '-c', '1'), 'a\n');
  assert.equal(await consume('--from', '2999-01-01'), '');
  const cases: [string[], number, RegExp][] = [
    [['orders', '--from', '9'], 1, /has 0 to 4, not 9/],
    [['orders', '-p', '3'], 4, /The topic has no such partition/],
    [['nope'], 4, /There is no topic of this name: nope/],
  ];
  for (const [args, expected, line] of cases) {
    const { code, stderr } = await commands.run('consume', ...args);
    assert.match(stderr, line);
    assert.equal(code, expected);
  }
});

test('following shows what comes later, until it is interrupted', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('publish', 'orders', 'old');
  const following = commands.start(['consume', 'orders', '--follow']);
  await following.line(/^old$/m);
  await commands.ok('publish', 'orders', 'new');
  await following.line(/^new$/m);
  const { code, stdout, stderr } = await following.signal('SIGINT');
  assert.deepEqual([code, stdout, stderr], [0, 'old\nnew\n', '']);
});

test('whoever reads the output may go away', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.runWith('x\n'.repeat(50_000), 'publish', 'orders');
  const consuming = commands.start(['consume', 'orders']);
  consuming.child.stdout?.once('data', () => consuming.child.stdout?.destroy());
  const { code, stderr } = await consuming.ended;
  assert.deepEqual([code, stderr], [0, '']);
});

test('a tail shows several topics, also one that is made later', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('publish', 'log-a', 'before');
  const tail = commands.start(['tail', 'log-*', '--last', '1']);
  await tail.line(/log-a\[0\]@0 {2}before$/m);
  await commands.ok('publish', 'log-b', 'later', '-k', 'key');
  await tail.line(/log-b\[0\]@0 {2}key: {2}later$/m);
  await commands.ok('publish', 'log-a', 'after\u001b[31m');
  await tail.line(/log-a\[0\]@1 {2}after\\u001b\[31m$/m);
  assert.equal((await tail.signal('SIGINT')).code, 0);
  const missing = await commands.run('tail', 'nope');
  assert.match(missing.stderr, /^polylog: no topic is called nope\n$/);
  assert.equal(missing.code, 4);
});

test('a broker that ends in the middle is one line', async (t) => {
  const { commands, broker } = await startWithCommands(t);
  await commands.ok('publish', 'orders', 'a');
  const following = commands.start(['consume', 'orders', '--follow']);
  await following.line(/^a$/m);
  await broker.cli.signal('SIGKILL');
  const { code, stderr } = await following.ended;
  assert.match(stderr, /^polylog: the broker has closed the connection [^\n]+\n$/);
  assert.equal(code, 1);
});
