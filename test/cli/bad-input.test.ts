/** Everything that can be wrong with a command: one clear line, an exit code, nothing else. */

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';
import { test } from 'node:test';
import { runCli, startBroker, temporaryFolder } from './cli.fixture.ts';

const usage: readonly (readonly [what: string, args: readonly string[], line: RegExp])[] = [
  ['an unknown command', ['serve'], /unknown command 'serve'/],
  ['an unknown flag', ['start', '--dat-dir', 'x'], /'--dat-dir' \(Did you mean --data-dir\?\)/],
  ['a flag without its value', ['start', '--data-dir'], /--data-dir <PATH>' argument missing/],
  ['a choice that is none', ['start', '--storage', 'disk'], /--storage: .*one of journal, memory/],
  ['a number that is none', ['start', '--drain-ms', '1s'], /--drain-ms: a whole number/],
  ['a number too small', ['start', '--segment-bytes', '7'], /--segment-bytes: .*from 1048576 to/],
  ['a truth value that is none', ['start', '--allow-anonymous', 'x'], /true or false is expected/],
  ['a listener without a scheme', ['start', '--listen', ':9092'], /--listen: .*kafka:\/\/127/],
  ['an unknown protocol', ['start', '--listen', 'x://127.0.0.1:0'], /no protocol x; there is: k/],
  [
    'an unknown topic option',
    ['start', '--topic-default', 'a.b=1'],
    /no setting of this name: a.b/,
  ],
  [
    'a bad topic option',
    ['start', '--topic-default', 'retention.ms=soon'],
    /A setting has a value that is not allowed: .*retention.ms/,
  ],
  [
    'a listener off loopback',
    ['start', '--listen', 'kafka://0.0.0.0:0'],
    /kafka:\/\/0\.0\.0\.0:0: add --allow-anonymous; or listen on 127\.0\.0\.1/,
  ],
  [
    'an advertised address without a listener',
    [
      'start',
      '--listen',
      'kafka://127.0.0.1:0',
      '--advertise',
      'kafka://a:1',
      '--advertise',
      'kafka://b:2',
    ],
    /kafka:\/\/b:2 is advertised, but no listener is left for it/,
  ],
  ['topics of no verb', ['topics', 'lst'], /too many arguments for 'list'/],
  ['a topic without a name', ['topics', 'create'], /missing required argument 'topic'/],
  [
    'partitions that are no number',
    ['topics', 'create', 'a', '-p', 'x'],
    /--partitions x: a whole/,
  ],
  [
    'an option without a value',
    ['topics', 'create', 'a', '--config', 'retention.ms'],
    /--config retention.ms: NAME=VALUE/,
  ],
  ['a change of nothing', ['topics', 'alter', 'a'], /nothing to change: give --config/],
  ['a key twice', ['publish', 'a', '-k', 'x', '-K', ':'], /--key or --key-separator, not both/],
  ['a header without a value', ['publish', 'a', 'v', '-H', 'x'], /--header x: NAME=VALUE/],
  ['a partition below zero', ['publish', 'a', 'v', '-p', '-1'], /--partition -1: a whole number/],
  ['values and a file', ['publish', 'a', 'v', '-f', '-'], /values or --file, not both/],
  ['a place that is none', ['consume', 'a', '--from', 'soon'], /--from soon: earliest, latest, an/],
  ['a date that is none', ['consume', 'a', '--from', '2026-13-01'], /--from 2026-13-01: earliest/],
  ['a count of none', ['consume', 'a', '--count', '0'], /--count 0: a whole number from 1/],
  ['fields that are none', ['consume', 'a', '--print', 'x'], /--print x: fields out of topic, p/],
  ['two beginnings', ['consume', 'a', '--from', '1', '--from-beginning'], /not both/],
  ['a reset of nothing', ['groups', 'reset', 'g', '--to-latest'], /--topic or --all-topics is m/],
  ['a reset to nowhere', ['groups', 'reset', 'g', '--all-topics'], /one of --to-earliest, --to-l/],
  [
    'a reset to two places',
    ['groups', 'reset', 'g', '--all-topics', '--to-latest', '--shift-by', '-1'],
    /one of --to-earliest/,
  ],
  [
    'a reset both shown and done',
    ['groups', 'reset', 'g', '--all-topics', '--to-latest', '--dry-run', '--execute'],
    /--execute or --dry-run, not both/,
  ],
  ['a config file that is not there', ['start', '--config', '/nope'], /the file \/nope: ENOENT/],
];

for (const [what, args, line] of usage) {
  test(`${what} ends with code 2 and one line`, async (t) => {
    const folder = temporaryFolder(t);
    const more = args.includes('--storage') ? [] : ['--storage', 'memory'];
    const rest = args[0] === 'start' && !args.at(-1)?.endsWith('-dir') ? more : [];
    const { code, stdout, stderr } = await runCli(t, [...args, ...rest], {
      POLYLOG_DATA_DIR: path.join(folder, 'data'),
    });
    assert.match(stderr, /^polylog: [^\n]+\n$/);
    assert.match(stderr, line);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.ok(!fs.existsSync(path.join(folder, 'data')), 'nothing was made');
  });
}

test('an unknown variable ends with a hint', async (t) => {
  const { code, stderr } = await runCli(t, ['start'], { POLYLOG_DATADIR: 'x' });
  assert.equal(
    stderr,
    'polylog: unknown variable POLYLOG_DATADIR; did you mean POLYLOG_DATA_DIR?\n',
  );
  assert.equal(code, 2);
});

test('a config file is refused in one line that names it and the place', async (t) => {
  const file = path.join(temporaryFolder(t), 'polylog.yaml');
  const cases: readonly (readonly [string, RegExp])[] = [
    ['storage: [memory', /polylog\.yaml: .* at line 1, column \d+/],
    ['- storage', /polylog\.yaml: options as "key: value"/],
    ['storag: memory', /unknown option storag; did you mean storage\?/],
    ['drainMs: soon', /drainMs: a whole number is expected/],
  ];
  for (const [text, line] of cases) {
    fs.writeFileSync(file, text);
    const { code, stderr } = await runCli(t, ['start', '--config', file]);
    assert.match(stderr, /^polylog: [^\n]+\n$/);
    assert.match(stderr, line);
    assert.equal(code, 2);
  }
});

test('a data folder in use is refused with the process that has it, which goes on', async (t) => {
  const folder = temporaryFolder(t);
  const { cli } = await startBroker(t, folder);
  const second = await runCli(t, ['start', '--data-dir', folder]);
  assert.match(second.stderr, /^polylog: Another broker is running on this data folder: [^\n]+\n$/);
  assert.ok(second.stderr.includes(`${folder}: process ${cli.child.pid}; stop it`));
  assert.equal(second.code, 1);
  assert.equal((await runCli(t, ['status', '--data-dir', folder])).code, 0);
});

test('a data folder of a newer version is refused and left as it is', async (t) => {
  const folder = temporaryFolder(t);
  fs.writeFileSync(path.join(folder, 'node.json'), '{"format": 99}');
  const { code, stderr } = await runCli(t, ['start', '--data-dir', folder]);
  assert.match(
    stderr,
    /^polylog: The data folder was written by a newer version[^\n]+format 99[^\n]+\n$/,
  );
  assert.equal(code, 1);
  assert.deepEqual(fs.readdirSync(folder), ['node.json']);
});

test('a data folder that cannot be made is refused with the reason', async (t) => {
  const file = path.join(temporaryFolder(t), 'file');
  fs.writeFileSync(file, '');
  for (const dataDir of [file, path.join(file, 'below')]) {
    const { code, stderr } = await runCli(t, ['start', '--data-dir', dataDir]);
    assert.match(stderr, /^polylog: The data folder cannot be created or written: [^\n]+\n$/);
    assert.match(stderr, /(EEXIST|ENOTDIR).*; choose another --data-dir/);
    assert.equal(code, 1);
  }
});

test('a data folder that has lost its node.json is refused', async (t) => {
  const folder = temporaryFolder(t);
  const { cli } = await startBroker(t, folder);
  await cli.signal('SIGTERM');
  fs.rmSync(path.join(folder, 'node.json'));
  const { code, stderr } = await runCli(t, ['start', '--data-dir', folder]);
  assert.match(stderr, /node\.json is missing, though there is checkpoints|node\.json is missing/);
  assert.equal(code, 1);
});

test('a port that was asked for and is busy ends the start and frees the data folder', async (t) => {
  const folder = temporaryFolder(t);
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const listen = ['--listen', `kafka://127.0.0.1:${port}`];
  const { code, stderr, stdout } = await runCli(t, ['start', '--data-dir', folder, ...listen]);
  assert.match(stderr, /^polylog: Another program listens on this port: [^\n]+\n$/);
  assert.ok(stderr.includes(`kafka://127.0.0.1:${port}`));
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.ok(!fs.existsSync(path.join(folder, 'broker.sock')));
});

test('a command for a running broker says when none is there', async (t) => {
  const folder = temporaryFolder(t);
  const commands = [
    ['status'],
    ['stop'],
    ['topics'],
    ['topics', 'create', 'a'],
    ['publish', 'a', 'b'],
    ['consume', 'a'],
    ['tail', 'a'],
    ['groups'],
    ['groups', 'describe', 'g'],
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await runCli(t, [...command, '--data-dir', folder]);
    assert.match(stderr, /^polylog: no broker is running on [^\n]+\n$/);
    assert.deepEqual([code, stdout], [3, ''], command.join(' '));
  }
});
