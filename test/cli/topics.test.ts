/** `polylog topics`: list, create, describe, alter, delete. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startWithCommands } from './cli.fixture.ts';

test('topics are made, listed, described, changed and deleted', async (t) => {
  const { commands } = await startWithCommands(t);
  assert.equal(await commands.ok('topics'), 'no topics\n');
  const create = ['topics', 'create', 'orders', '--partitions', '3'];
  const made = await commands.ok(...create, '--config', 'retention.ms=86400000');
  assert.equal(made, 'topic orders created, 3 partitions\n');
  await commands.ok('publish', 'orders', 'a', 'b', '-p', '1');
  assert.match(await commands.ok('topics', 'list'), /^orders +3 +2 +\d+ B$/m);
  const [row] = JSON.parse(await commands.ok('topics', 'list', '--json'));
  assert.deepEqual([row.name, row.partitions, row.records], ['orders', 3, 2]);

  const text = await commands.ok('topics', 'describe', 'orders');
  assert.match(text, /^topic orders {2}id [\w-]{22} {2}partitions 3$/m);
  assert.match(text, /^ +1 +0 +2 +2 +\d+ B$/m);
  assert.match(text, /^retention\.ms +86400000 +topic /m);
  assert.match(
    await commands.ok('topics', 'describe', 'orders', '--all'),
    /^retention\.bytes +-1/m,
  );

  const alter = ['topics', 'alter', 'orders', '--config', 'max.message.bytes=2000000'];
  const options = [...alter, '--delete-config', 'retention.ms', '--partitions', '4'];
  assert.equal(await commands.ok(...options, '--dry-run'), 'topic orders could be changed so\n');
  assert.match(await commands.ok(...options), /^topic orders changed, 4 partitions\n/);
  const [changed] = JSON.parse(await commands.ok('topics', 'describe', 'orders', '--json'));
  const set = changed.options.filter(({ source }: { source: string }) => source === 'topic');
  assert.deepEqual(
    set.map(({ name, value }: { name: string; value: string }) => [name, value]),
    [['max.message.bytes', '2000000']],
  );
  assert.equal(changed.partitions.length, 4);

  assert.equal(await commands.ok('topics', 'delete', 'orders'), 'topic orders deleted\n');
  assert.equal(await commands.ok('topics'), 'no topics\n');
});

test('what the broker refuses is one line and an exit code', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('topics', 'create', 'orders');
  const cases: [string[], number, RegExp][] = [
    [['create', 'orders'], 1, /A topic of this name already exists: orders/],
    [['create', 'a b'], 2, /A topic name has 1 to 249 characters .*: a b/],
    [['create', 'x', '--config', 'nope=1'], 2, /There is no setting of this name: nope/],
    [['create', 'x', '--config', 'retention.ms=x'], 2, /retention\.ms=x: not a whole number/],
    [['create', 'x', '-p', '9999999'], 2, /9999999 is not between 1 and/],
    [['describe', 'nope'], 4, /There is no topic of this name: nope/],
    [['alter', 'nope', '-p', '2'], 4, /There is no topic of this name: nope/],
    [['alter', 'orders', '-p', '1'], 2, /The number of partitions is not allowed/],
    [['delete', 'nope'], 4, /There is no topic of this name: nope/],
    [['delete', '*'], 2, /delete 1 topics \(orders\) with their records\? Say so with --yes/],
  ];
  for (const [args, expected, line] of cases) {
    const { code, stderr, stdout } = await commands.run('topics', ...args);
    assert.match(stderr, /^polylog: [^\n]+\n$/, args.join(' '));
    assert.match(stderr, line);
    assert.deepEqual([code, stdout], [expected, ''], args.join(' '));
  }
  assert.match(await commands.ok('topics'), /^orders /m);
});

test('what is there, or not there, is no failure where that is said', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('topics', 'create', 'a', '--if-not-exists');
  const again = await commands.ok('topics', 'create', 'a', 'b', '--if-not-exists');
  assert.equal(again, 'topic a is there already\ntopic b created, 1 partition\n');
  const dry = await commands.ok('topics', 'create', 'c', '-p', '2', '--dry-run');
  assert.equal(dry, 'topic c could be created, 2 partitions\n');
  assert.equal(await commands.ok('topics', 'delete', 'c', '--if-exists'), 'no topics deleted\n');
});

test('patterns name many topics', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('topics', 'create', 'log-1', 'log-2', 'log-10', 'orders');
  const listed = JSON.parse(await commands.ok('topics', 'list', '--match', 'log-?', '--json'));
  const names = listed.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ['log-1', 'log-2']);
  const dry = await commands.ok('topics', 'delete', 'log-*', '--dry-run');
  assert.equal(
    dry,
    'topic log-1 would be deleted\ntopic log-10 would be deleted\ntopic log-2 would be deleted\n',
  );
  await commands.ok('topics', 'delete', 'log-*', '--yes');
  assert.match(await commands.ok('topics', 'list'), /^topic [^\n]+\norders [^\n]+\n$/);
});
