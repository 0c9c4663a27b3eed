import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkTopicOption,
  findTopicOption,
  parseTopicOptions,
  topicOptionTable,
} from './topic-options.ts';

function parse(overrides: Readonly<Record<string, string>> = {}) {
  return parseTopicOptions(
    (name) => overrides[name] ?? findTopicOption(name)?.defaultValue ?? 'missing',
  );
}

test('the table is sorted, and each default passes its own check', () => {
  const names = topicOptionTable.map((option) => option.name);
  assert.deepEqual(names, [...names].sort());
  for (const { name, defaultValue } of topicOptionTable) {
    assert.equal(checkTopicOption(name, defaultValue), null, name);
  }
});

test('every option that a topic may have in Kafka 4 is accepted', () => {
  for (const name of [
    'cleanup.policy',
    'retention.ms',
    'retention.bytes',
    'segment.bytes',
    'segment.ms',
    'segment.jitter.ms',
    'segment.index.bytes',
    'max.message.bytes',
    'min.insync.replicas',
    'message.timestamp.type',
    'message.timestamp.before.max.ms',
    'message.timestamp.after.max.ms',
    'compression.type',
    'compression.gzip.level',
    'compression.lz4.level',
    'compression.zstd.level',
    'delete.retention.ms',
    'min.compaction.lag.ms',
    'max.compaction.lag.ms',
    'min.cleanable.dirty.ratio',
    'unclean.leader.election.enable',
    'flush.messages',
    'flush.ms',
    'local.retention.ms',
    'local.retention.bytes',
    'remote.storage.enable',
    'file.delete.delay.ms',
    'index.interval.bytes',
    'preallocate',
  ]) {
    assert.ok(findTopicOption(name), name);
  }
});

test('values outside of type and bounds are refused', () => {
  for (const [name, value] of [
    ['retention.ms', ''],
    ['retention.ms', '1.5'],
    ['retention.ms', '9223372036854775808'],
    ['retention.ms', '-2'],
    ['max.message.bytes', '2147483648'],
    ['segment.bytes', '1024'],
    ['preallocate', 'yes'],
    ['min.cleanable.dirty.ratio', '1.01'],
    ['min.cleanable.dirty.ratio', ''],
    ['compression.type', 'brotli'],
    ['message.timestamp.type', 'createtime'],
    ['cleanup.policy', 'delete,shred'],
    ['cleanup.policy', 'delete,'],
    ['leader.replication.throttled.replicas', 'x'],
    ['leader.replication.throttled.replicas', '*,1:2'],
  ] as const) {
    assert.equal(checkTopicOption(name, value)?.error, 'invalid_config', `${name}=${value}`);
  }
  assert.equal(checkTopicOption('no.such', '1')?.error, 'unknown_config');
});

test('values at the bounds are accepted', () => {
  for (const [name, value] of [
    ['retention.ms', '9223372036854775807'],
    ['retention.ms', '-1'],
    ['retention.ms', '+5'],
    ['max.message.bytes', '2147483647'],
    ['preallocate', 'TRUE'],
    ['min.cleanable.dirty.ratio', '1.0'],
    ['cleanup.policy', 'compact, delete'],
    ['cleanup.policy', ''],
    ['leader.replication.throttled.replicas', ''],
    ['leader.replication.throttled.replicas', '*'],
    ['follower.replication.throttled.replicas', '0:1, 1:2'],
  ] as const) {
    assert.equal(checkTopicOption(name, value), null, `${name}=${value}`);
  }
});

test('the parsed view has numbers, and no limit as infinity', () => {
  const options = parse();
  assert.equal(options.isDeleting, true);
  assert.equal(options.isCompacting, false);
  assert.equal(options.retentionMs, 7 * 24 * 3600 * 1000);
  assert.equal(options.retentionBytes, Number.POSITIVE_INFINITY);
  assert.equal(options.maxMessageBytes, 1_048_588);
  assert.equal(options.isLogAppendTime, false);
  assert.equal(options.timestampBeforeMaxMs, Number.POSITIVE_INFINITY);
  assert.equal(options.timestampAfterMaxMs, 3_600_000);
  assert.equal(options.compressionType, 'producer');
  assert.equal(parse({ 'retention.ms': '-1' }).retentionMs, Number.POSITIVE_INFINITY);
  assert.equal(parse({ 'cleanup.policy': '' }).isDeleting, false);
  assert.equal(parse({ 'cleanup.policy': 'compact,delete' }).isCompacting, true);
});
