import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appendBatch, createTopic, partitionOf, recordsAt, TestBench } from '../broker.fixture.ts';
import type { Broker } from '../broker.ts';
import { partitionsPerTopicMax } from '../limits.ts';
import type { TopicSpec } from '../outcomes.ts';

function specOf(spec: Partial<TopicSpec>): TopicSpec {
  return {
    name: 'orders',
    partitions: -1,
    replicationFactor: -1,
    options: new Map(),
    validateOnly: false,
    ...spec,
  };
}

function refusal(broker: Broker, spec: Partial<TopicSpec>) {
  const outcome = broker.createTopic(specOf(spec));
  assert.equal(outcome.topic, null);
  return outcome.error;
}

test('a created topic is found by name and uuid, with the defaults of the broker', () => {
  const broker = new TestBench({ defaultPartitions: 4 }).open();
  const topic = createTopic(broker, 'orders', {}, -1);
  assert.equal(topic.partitions.length, 4);
  assert.deepEqual(
    topic.partitions.map((partition) => partition.index),
    [0, 1, 2, 3],
  );
  assert.equal(broker.topic('orders'), topic);
  assert.equal(broker.topicByUuid(topic.uuidText), topic);
  assert.match(topic.uuidText, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  assert.equal(topic.isInternal, false);
  assert.equal(partitionOf(topic, 3).logEnd, 0);
  assert.equal(createTopic(broker, '__consumer_offsets').isInternal, true);
});

test('the answer to a creation waits for its last entry', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const outcome = broker.createTopic(specOf({ partitions: 3 }));
  assert.equal(broker.commits.isCovered(outcome.lsn), false);
  bench.loop.settle();
  assert.equal(broker.commits.isCovered(outcome.lsn), true);
});

test('names that are not allowed, taken, or too much alike are refused', () => {
  const broker = new TestBench().open();
  for (const name of ['', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250)]) {
    assert.equal(refusal(broker, { name }), 'invalid_topic_name', name);
  }
  createTopic(broker, 'x'.repeat(249));
  const topic = createTopic(broker, 'a.b');
  const taken = broker.createTopic(specOf({ name: 'a.b' }));
  assert.equal(taken.error, 'topic_exists');
  assert.equal(taken.lsn, topic.lastLsn, '"exists" waits for what it saw');
  assert.equal(refusal(broker, { name: 'a_b' }), 'topic_name_collision');
});

test('impossible numbers of partitions and replicas are refused', () => {
  const broker = new TestBench().open();
  assert.equal(refusal(broker, { partitions: 0 }), 'invalid_partitions');
  assert.equal(refusal(broker, { partitions: -2 }), 'invalid_partitions');
  assert.equal(refusal(broker, { partitions: partitionsPerTopicMax + 1 }), 'invalid_partitions');
  assert.equal(refusal(broker, { replicationFactor: 0 }), 'invalid_replication_factor');
  assert.equal(refusal(broker, { replicationFactor: -2 }), 'invalid_replication_factor');
  assert.equal(broker.createTopic(specOf({ replicationFactor: 1 })).error, null);
});

test('more replicas than nodes become as many as there are, with one warning', () => {
  const bench = new TestBench();
  const broker = bench.open();
  for (const name of ['a', 'b', 'c']) {
    assert.equal(broker.createTopic(specOf({ name, replicationFactor: 3 })).error, null);
  }
  const warnings = bench.logged.filter(({ event }) => event === 'topic.replication_factor_clamped');
  assert.equal(warnings.length, 1);
});

test('more replicas than nodes are refused where that is wanted', () => {
  const broker = new TestBench({ refusesExcessReplicas: true }).open();
  assert.equal(refusal(broker, { replicationFactor: 2 }), 'invalid_replication_factor');
  assert.equal(broker.createTopic(specOf({ replicationFactor: 1 })).error, null);
});

test('validating creates nothing and says what would be', () => {
  const broker = new TestBench().open();
  const outcome = broker.createTopic(specOf({ partitions: 5, validateOnly: true }));
  assert.deepEqual(outcome, { error: null, detail: '', lsn: 0, topic: null, partitions: 5 });
  assert.equal(broker.topic('orders'), undefined);
  assert.equal(refusal(broker, { name: '..', validateOnly: true }), 'invalid_topic_name');
});

test('topics, options and growth survive a crash; a deleted topic stays deleted', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const orders = createTopic(broker, 'orders', { 'retention.ms': '5000' }, 2);
  createTopic(broker, 'gone');
  const gone = broker.topic('gone');
  assert.ok(gone);
  appendBatch(broker, partitionOf(gone), recordsAt(1));
  broker.deleteTopic(gone);
  broker.addPartitions(orders, 5, false);
  broker.setTopicOptions(orders, new Map([['retention.bytes', '77']]), false);
  bench.loop.settle();
  bench.crash();
  const next = bench.open();
  const again = next.topic('orders');
  assert.ok(again);
  assert.equal(again.uuidText, orders.uuidText);
  assert.deepEqual([...again.overrides], [['retention.bytes', '77']]);
  assert.deepEqual(
    again.partitions.map((partition) => partition.id),
    orders.partitions.map((partition) => partition.id),
  );
  assert.equal(again.options.retentionBytes, 77);
  assert.equal(next.topic('gone'), undefined);
  assert.equal(next.topicByUuid(gone.uuidText), undefined);
});

test('a topic made again under its name is another one, and empty', () => {
  const bench = new TestBench();
  const broker = bench.open();
  const first = createTopic(broker, 'orders');
  appendBatch(broker, partitionOf(first), recordsAt(1, 2));
  assert.equal(broker.deleteTopic(first).error, null);
  assert.equal(broker.topic('orders'), undefined);
  assert.equal(first.isDeleted, true);
  assert.ok(broker.catalogLsn > 0);
  assert.equal(broker.deleteTopic(first).error, 'topic_not_found');
  const second = createTopic(broker, 'orders');
  assert.notEqual(second.id, first.id);
  assert.notEqual(second.uuidText, first.uuidText);
  assert.notEqual(partitionOf(second).id, partitionOf(first).id);
  assert.equal(partitionOf(second).logEnd, 0);
  bench.loop.settle();
  bench.crash();
  const next = bench.open();
  assert.equal(next.topic('orders')?.uuidText, second.uuidText);
  assert.equal(createTopic(next, 'later').id, second.id + 1, 'ids go on after a restart');
});

test('partitions can only be added', () => {
  const broker = new TestBench().open();
  const topic = createTopic(broker, 'orders', {}, 3);
  assert.equal(broker.addPartitions(topic, 3, false).error, 'invalid_partitions');
  assert.equal(broker.addPartitions(topic, 2, false).error, 'invalid_partitions');
  assert.equal(broker.addPartitions(topic, 9999, false).error, 'invalid_partitions');
  assert.equal(broker.addPartitions(topic, 4, true).error, null);
  assert.equal(topic.partitions.length, 3);
  const { lsn } = broker.addPartitions(topic, 4, false);
  assert.equal(broker.commits.isCovered(lsn), false);
  assert.equal(topic.partitions.length, 4);
  assert.equal(partitionOf(topic, 3).logEnd, 0);
  broker.deleteTopic(topic);
  assert.equal(broker.addPartitions(topic, 9, false).error, 'topic_not_found');
});

test('unknown options and values that are not allowed are refused when set', () => {
  const broker = new TestBench().open();
  const options = (name: string, value: string) => ({ options: new Map([[name, value]]) });
  assert.equal(refusal(broker, options('retention.hours', '1')), 'unknown_config');
  assert.equal(refusal(broker, options('retention.ms', 'soon')), 'invalid_config');
  const topic = createTopic(broker, 'orders');
  const bad = broker.setTopicOptions(topic, new Map([['retention.ms', '-2']]), false);
  assert.equal(bad.error, 'invalid_config');
  const large = new Map([['leader.replication.throttled.replicas', `${'1:1,'.repeat(10_000)}1:1`]]);
  assert.equal(broker.setTopicOptions(topic, large, false).error, 'limit_exceeded');
  const conflict = new Map([
    ['min.compaction.lag.ms', '100'],
    ['max.compaction.lag.ms', '50'],
  ]);
  assert.equal(broker.setTopicOptions(topic, conflict, false).error, 'invalid_config');
  const archived = new Map([['remote.storage.enable', 'true']]);
  assert.equal(broker.setTopicOptions(topic, archived, false).error, 'invalid_config');
  const only = broker.setTopicOptions(topic, new Map([['retention.ms', '9']]), true);
  assert.equal(only.error, null);
  assert.equal(topic.overrides.size, 0);
});

test('compaction and several replicas are accepted with a warning', () => {
  const bench = new TestBench();
  const broker = bench.open();
  createTopic(broker, 'state', { 'cleanup.policy': 'compact', 'min.insync.replicas': '2' });
  assert.deepEqual(
    bench.logged.filter(({ event }) => event.startsWith('topic.')).map(({ event }) => event),
    ['topic.compaction_ignored', 'topic.insync_replicas_ignored'],
  );
});

test('a default of the broker counts where a topic says nothing', () => {
  const broker = new TestBench({ topicDefaults: new Map([['retention.ms', '60000']]) }).open();
  assert.equal(broker.topicDefault('retention.ms'), '60000');
  assert.equal(broker.topicDefault('retention.bytes'), '-1');
  assert.equal(createTopic(broker, 'orders').options.retentionMs, 60_000);
  assert.equal(createTopic(broker, 'own', { 'retention.ms': '5' }).options.retentionMs, 5);
});

test('a topic default that is none is refused when the broker is made', () => {
  const bench = new TestBench({ topicDefaults: new Map([['retention.ms', 'x']]) });
  assert.throws(() => bench.open(), { code: 'invalid_config' });
});
