/** `polylog groups`, and groups in `consume`. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { startWithCommands } from './cli.fixture.ts';

test('a group goes on where it was, is described, moved and deleted', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('topics', 'create', 'orders', 'other');
  await commands.ok('publish', 'orders', 'a', 'b', 'c');
  const consume = ['consume', 'orders', '--group', 'billing'];
  assert.equal(await commands.ok(...consume, '--count', '2'), 'a\nb\n');
  assert.match(await commands.ok('groups'), /^billing +Empty$/m);
  const text = await commands.ok('groups', 'describe', 'billing');
  assert.match(text, /^group billing {2}state Empty {2}members 0 {2}lag 1$/m);
  assert.match(text, /^orders +0 +2 +3 +1 +\d{4}-\d\d-\d\dT[\d:.]+Z +-$/m);
  assert.equal(await commands.ok(...consume), 'c\n');
  assert.equal(await commands.ok(...consume), '');

  const reset = ['groups', 'reset', 'billing', '--topic', 'orders:0', '--shift-by', '-2'];
  const shown = await commands.run(...reset);
  assert.match(shown.stdout, /^orders +0 +3 +1$/m);
  assert.match(shown.stderr, /nothing was changed; --execute does it/);
  assert.equal(await commands.ok(...consume), '');
  await commands.ok(...reset, '--execute');
  assert.equal(await commands.ok(...consume), 'b\nc\n');
  const json = ['groups', 'reset', 'billing', '--all-topics', '--to-earliest', '--json'];
  assert.deepEqual(JSON.parse(await commands.ok(...json)).offsets, [
    { topic: 'orders', partition: 0, before: 3, after: 0, isClamped: false },
  ]);

  assert.equal(await commands.ok('groups', 'delete', 'billing'), 'group billing deleted\n');
  assert.equal(await commands.ok('groups'), 'no groups\n');
  for (const verb of ['describe', 'delete']) {
    const { code, stderr } = await commands.run('groups', verb, 'billing');
    assert.match(stderr, /^polylog: There is no group with this id: billing\n$/);
    assert.equal(code, 4);
  }
});

test('a group whose offset is gone begins at what there is, and says so', async (t) => {
  const { commands } = await startWithCommands(t);
  await commands.ok('publish', 'orders', 'a', 'b');
  await commands.ok('consume', 'orders', '--group', 'g');
  await commands.ok('topics', 'delete', 'orders');
  await commands.ok('publish', 'orders', 'new');
  assert.equal(await commands.ok('consume', 'orders', '--group', 'g'), 'new\n');
});

test('a group with members is shown with them, and nothing moves it', async (t) => {
  const { commands, broker } = await startWithCommands(t);
  await commands.ok('topics', 'create', 'orders', '-p', '2');
  await commands.ok('publish', 'orders', 'a', '-p', '1');
  const kafka = new Kafka({
    brokers: [broker.address],
    clientId: 'shop',
    logLevel: logLevel.NOTHING,
  });
  const consumer = kafka.consumer({ groupId: 'g' });
  t.after(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  const got = new Promise<void>((resolve) => {
    void consumer.run({ eachMessage: async () => resolve() });
  });
  await got;
  const [group] = JSON.parse(await commands.ok('groups', 'describe', 'g', '--json'));
  assert.deepEqual([group.state, group.members.length], ['Stable', 1]);
  assert.deepEqual(group.members[0].assignment, [{ topic: 'orders', partitions: [0, 1] }]);
  assert.match(group.members[0].clientId, /^shop/);
  assert.match(await commands.ok('groups', 'describe', 'g'), /orders\[0,1\]$/m);
  const refused = [
    ['groups', 'reset', 'g', '--topic', 'orders', '--to-earliest', '--execute'],
    ['groups', 'delete', 'g'],
    ['consume', 'orders', '--group', 'g', '--from', 'earliest'],
  ];
  for (const args of refused) {
    const { code, stderr } = await commands.run(...args);
    assert.match(stderr, /The group has members: g.*; stop its consumers first$/m);
    assert.equal(code, 1);
  }
});
