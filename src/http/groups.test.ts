import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appendBatch, createTopic, partitionOf, recordsAt } from '../broker/broker.fixture.ts';
import { TestApi } from './api.fixture.ts';

/** A topic of two partitions with records of the times 10, 20, 30, and a group at 1 in the first. */
async function groupOnOrders(): Promise<TestApi> {
  const api = new TestApi();
  const topic = createTopic(api.broker, 'orders', {}, 2);
  for (const index of [0, 1]) {
    appendBatch(api.broker, partitionOf(topic, index), recordsAt(10, 20, 30));
  }
  await api.turn();
  const offsets = [{ topic: 'orders', partition: 0, offset: 1, metadata: 'm' }];
  assert.equal((await api.ask('PUT', '/v1/groups/g/offsets', { offsets })).body.committed, 1);
  return api;
}

/** A member that has joined and got both partitions. */
async function joinGroup(api: TestApi): Promise<void> {
  const { groups } = api.broker;
  let memberId = '';
  groups.join(
    {
      groupId: 'g',
      memberId: '',
      instanceId: null,
      clientId: 'c',
      clientHost: '127.0.0.1',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: new Uint8Array(6) }],
      mustReturnWithId: false,
      canSkipAssignment: false,
      reason: '',
    },
    (outcome) => {
      memberId = outcome.memberId;
    },
  );
  api.bench.loop.advance(5000);
  await api.turn();
  const assignment = assignmentOf('orders', [0, 1]);
  groups.sync(
    {
      groupId: 'g',
      generation: groups.describe('g')?.generation ?? 0,
      memberId,
      instanceId: null,
      protocolType: 'consumer',
      protocol: 'range',
      assignments: [{ memberId, assignment }],
    },
    () => {},
  );
  await api.turn();
}

function assignmentOf(topic: string, partitions: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 + 4 + 2 + topic.length + 4 + partitions.length * 4 + 4);
  bytes.writeInt32BE(1, 2);
  bytes.writeInt16BE(topic.length, 6);
  bytes.write(topic, 8);
  bytes.writeInt32BE(partitions.length, 8 + topic.length);
  for (const [i, partition] of partitions.entries()) {
    bytes.writeInt32BE(partition, 12 + topic.length + i * 4);
  }
  return bytes;
}

test('a group is listed and described with its lag', async () => {
  const api = await groupOnOrders();
  const { items } = (await api.ask('GET', '/v1/groups')).body;
  assert.deepEqual(items, [{ groupId: 'g', state: 'Empty', protocolType: '' }]);
  const { body } = await api.ask('GET', '/v1/groups/g');
  assert.deepEqual([body.state, body.members, body.lag], ['Empty', [], 2]);
  const [row] = body.offsets;
  assert.deepEqual(
    [row.topic, row.partition, row.committed, row.logEnd, row.lag, row.metadata, row.memberId],
    ['orders', 0, 1, 3, 2, 'm', null],
  );
});

test('a group with members shows who has which partition, also without an offset', async () => {
  const api = await groupOnOrders();
  await joinGroup(api);
  const { body } = await api.ask('GET', '/v1/groups/g');
  assert.equal(body.state, 'Stable');
  const [member] = body.members;
  assert.deepEqual(member.assignment, [{ topic: 'orders', partitions: [0, 1] }]);
  assert.deepEqual(
    body.offsets.map((row: Record<string, unknown>) => [row.partition, row.committed, row.lag]),
    [
      [0, 1, 2],
      [1, null, null],
    ],
  );
  assert.equal(body.offsets[1].memberId, member.memberId);
});

test('nothing moves the offsets of a group with members', async () => {
  const api = await groupOnOrders();
  await joinGroup(api);
  const offsets = [{ topic: 'orders', partition: 0, offset: 0 }];
  const calls: [string, string, object | undefined][] = [
    ['PUT', '/v1/groups/g/offsets', { offsets }],
    ['POST', '/v1/groups/g/offsets/reset', { to: 'earliest' }],
    ['DELETE', '/v1/groups/g', undefined],
  ];
  for (const [method, target, body] of calls) {
    const answer = await api.ask(method, target, body);
    assert.deepEqual([answer.status, answer.body.code], [409, 'group_not_empty'], target);
  }
  const { body } = await api.ask('GET', '/v1/groups/g/offsets');
  assert.equal(body.offsets[0].committed, 1);
});

test('offsets are reset to every kind of place, and shown before that is done', async () => {
  const api = await groupOnOrders();
  const reset = async (to: unknown, more: object = {}): Promise<unknown[]> => {
    const { body } = await api.ask('POST', '/v1/groups/g/offsets/reset', { to, ...more });
    return body.offsets.map((row: Record<string, unknown>) => [
      ...[row.partition, row.before, row.after, row.isClamped],
    ]);
  };
  assert.deepEqual(await reset('latest', { dryRun: true }), [[0, 1, 3, false]]);
  assert.deepEqual(await reset('latest'), [[0, 1, 3, false]]);
  assert.deepEqual(await reset({ shiftBy: -2 }), [[0, 3, 1, false]]);
  assert.deepEqual(await reset({ shiftBy: -9 }), [[0, 1, 0, true]]);
  assert.deepEqual(await reset({ time: 15 }), [[0, 0, 1, false]]);
  assert.deepEqual(await reset(77), [[0, 1, 3, true]]);
  assert.deepEqual(await reset({ fromEnd: 2 }), [[0, 3, 1, false]]);
  const topics = [{ topic: 'orders', partitions: [1] }];
  assert.deepEqual(await reset('earliest', { topics }), [[1, null, 0, false]]);
  const all = await reset('latest', { topics: [{ topic: 'orders' }] });
  assert.equal(all.length, 2);
});

test('a reset of what is not there is refused', async () => {
  const api = await groupOnOrders();
  const cases: [string, object, string][] = [
    ['none', { to: 'earliest' }, 'group_not_found'],
    ['g', { to: 'earliest', topics: [{ topic: 'nope' }] }, 'topic_not_found'],
    ['g', { to: 1, topics: [{ topic: 'orders', partitions: [5] }] }, 'partition_not_found'],
    ['g', { to: { shiftBy: 1 }, topics: [{ topic: 'orders' }] }, 'bad_request'],
    ['g', { to: 'somewhere' }, 'bad_request'],
    ['g', {}, 'bad_request'],
  ];
  for (const [group, body, code] of cases) {
    const answer = await api.ask('POST', `/v1/groups/${group}/offsets/reset`, body);
    assert.equal(answer.body.code, code, JSON.stringify(body));
  }
  const { body } = await api.ask('GET', '/v1/groups/g/offsets');
  assert.deepEqual(
    body.offsets.map((row: Record<string, unknown>) => [row.partition, row.committed]),
    [[0, 1]],
  );
});

test('a group is deleted once', async () => {
  const api = await groupOnOrders();
  assert.equal((await api.ask('DELETE', '/v1/groups/g')).status, 200);
  for (const method of ['GET', 'DELETE']) {
    const answer = await api.ask(method, '/v1/groups/g');
    assert.deepEqual([answer.status, answer.body.code], [404, 'group_not_found']);
  }
  assert.deepEqual((await api.ask('GET', '/v1/groups/g/offsets')).body.offsets, []);
});

test('any text may be the id of a group', async () => {
  const api = await groupOnOrders();
  const id = 'a/b ü%\u0001';
  const offsets = [{ topic: 'orders', partition: 0, offset: 2 }];
  const path = `/v1/groups/${encodeURIComponent(id)}`;
  await api.ask('PUT', `${path}/offsets`, { offsets });
  assert.equal((await api.ask('GET', path)).body.groupId, id);
});
