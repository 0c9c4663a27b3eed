/**
 * The options of a topic: one table, under the names Kafka gave them.
 *
 * Owns: name, type, default and check of each; the parsed view that the broker reads.
 * Leaves: who set what to the topic (its overrides) and to the broker's options (its defaults).
 *
 * Options that are not acted on are accepted and echoed: tools set them, and a topic keeps them
 * when it moves. The text given is what is kept and shown; the parsed view is what counts.
 */

import { assert } from '../../kernel/assert.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';

export type TopicOptionType = 'boolean' | 'int' | 'long' | 'double' | 'string' | 'list';

export interface TopicOption {
  readonly name: string;
  readonly type: TopicOptionType;
  readonly defaultValue: string;
  /** Bounds, both included, as text: a long does not fit a number. Empty means the type's own. */
  readonly min: string;
  readonly max: string;
  /** The only values (of a string) or members (of a list) allowed; empty allows all. */
  readonly values: readonly string[];
  /** False: accepted and echoed only. */
  readonly isActive: boolean;
  readonly text: string;
}

const int32Max = '2147483647';
const int64Max = '9223372036854775807';

type OptionExtras = Partial<Pick<TopicOption, 'min' | 'max' | 'values'>>;

function active(
  type: TopicOptionType,
  name: string,
  defaultValue: string,
  text: string,
  extras: OptionExtras = {},
): TopicOption {
  return {
    name,
    type,
    defaultValue,
    min: '',
    max: '',
    values: [],
    isActive: true,
    text,
    ...extras,
  };
}

function echoed(
  type: TopicOptionType,
  name: string,
  defaultValue: string,
  text: string,
  extras: OptionExtras = {},
): TopicOption {
  return { ...active(type, name, defaultValue, text, extras), isActive: false };
}

/** Not one of Kafka's: the retention of a topic that exists for its queues. */
export const untilSettledOption = 'polylog.until.settled';

/** Sorted by name. */
export const topicOptionTable: readonly TopicOption[] = [
  active('list', 'cleanup.policy', 'delete', 'How old records leave: "delete" by time and size.', {
    values: ['delete', 'compact'],
  }),
  echoed('int', 'compression.gzip.level', '-1', 'Level when the broker compresses with gzip.', {
    min: '-1',
    max: '9',
  }),
  echoed('int', 'compression.lz4.level', '9', 'Level when the broker compresses with lz4.', {
    min: '1',
    max: '17',
  }),
  active('string', 'compression.type', 'producer', 'Codec of what is stored.', {
    values: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
  }),
  echoed('int', 'compression.zstd.level', '3', 'Level when the broker compresses with zstd.', {
    min: '-131072',
    max: '22',
  }),
  echoed('long', 'delete.retention.ms', '86400000', 'How long tombstones outlive compaction.', {
    min: '0',
  }),
  echoed('long', 'file.delete.delay.ms', '60000', 'Delay before a file is removed.', { min: '0' }),
  echoed('long', 'flush.messages', int64Max, 'Records between two syncs.', { min: '1' }),
  echoed('long', 'flush.ms', int64Max, 'Time between two syncs.', { min: '0' }),
  echoed('list', 'follower.replication.throttled.replicas', '', 'Replicas that follow slowly.'),
  echoed('int', 'index.interval.bytes', '4096', 'Bytes between two index entries.', { min: '0' }),
  echoed('list', 'leader.replication.throttled.replicas', '', 'Replicas that are fed slowly.'),
  echoed('long', 'local.retention.bytes', '-2', 'Bytes kept here of what is archived.', {
    min: '-2',
  }),
  echoed('long', 'local.retention.ms', '-2', 'Time kept here of what is archived.', { min: '-2' }),
  echoed('long', 'max.compaction.lag.ms', int64Max, 'Longest time without compaction.', {
    min: '1',
  }),
  active('int', 'max.message.bytes', '1048588', 'Largest record batch, as it is stored.', {
    min: '0',
  }),
  active('long', 'message.timestamp.after.max.ms', '3600000', 'How far ahead of the broker.', {
    min: '0',
  }),
  active('long', 'message.timestamp.before.max.ms', int64Max, 'How far behind the broker.', {
    min: '0',
  }),
  active('string', 'message.timestamp.type', 'CreateTime', 'Whose clock a timestamp is of.', {
    values: ['CreateTime', 'LogAppendTime'],
  }),
  echoed('double', 'min.cleanable.dirty.ratio', '0.5', 'When compaction is worth it.', {
    min: '0',
    max: '1',
  }),
  echoed('long', 'min.compaction.lag.ms', '0', 'Shortest time before compaction.', { min: '0' }),
  echoed('int', 'min.insync.replicas', '1', 'Copies needed for a full acknowledgement.', {
    min: '1',
  }),
  active(
    'boolean',
    untilSettledOption,
    'false',
    'Whether records leave once all queues settled them.',
  ),
  echoed('boolean', 'preallocate', 'false', 'Whether files are made at full size.'),
  echoed('boolean', 'remote.log.copy.disable', 'false', 'Whether archiving is paused.'),
  echoed('boolean', 'remote.log.delete.on.disable', 'false', 'Whether the archive goes too.'),
  echoed('boolean', 'remote.storage.enable', 'false', 'Whether the topic is archived.'),
  active('long', 'retention.bytes', '-1', 'Bytes kept per partition; -1 is no limit.', {
    min: '-1',
  }),
  active('long', 'retention.ms', '604800000', 'How long records are kept; -1 is for ever.', {
    min: '-1',
  }),
  echoed('int', 'segment.bytes', '1073741824', 'Size of a file.', { min: '1048576' }),
  echoed('int', 'segment.index.bytes', '10485760', 'Size of an index.', { min: '4' }),
  echoed('long', 'segment.jitter.ms', '0', 'Spread of the time of rolling.', { min: '0' }),
  echoed('long', 'segment.ms', '604800000', 'Time after which a file is rolled.', { min: '1' }),
  echoed('boolean', 'unclean.leader.election.enable', 'false', 'Whether to lose data to go on.'),
];

const optionsByName: ReadonlyMap<string, TopicOption> = new Map(
  topicOptionTable.map((option) => [option.name, option]),
);

export function findTopicOption(name: string): TopicOption | undefined {
  return optionsByName.get(name);
}

/** `name` is one of the table. */
export function defaultValueOf(name: string): string {
  const option = optionsByName.get(name);
  assert(option !== undefined, 'the option is one of the table');
  return option.defaultValue;
}

/** Why an option cannot be set, or null. */
export interface OptionFault {
  readonly error: BrokerErrorCode;
  readonly detail: string;
}

export function checkTopicOption(name: string, value: string): OptionFault | null {
  const option = optionsByName.get(name);
  if (option === undefined) return { error: 'unknown_config', detail: name };
  const why = findValueFault(option, value);
  return why === null ? null : { error: 'invalid_config', detail: `${name}=${value}: ${why}` };
}

function findValueFault(option: TopicOption, value: string): string | null {
  const text = value.trim();
  switch (option.type) {
    case 'boolean':
      return /^(true|false)$/i.test(text) ? null : 'not true or false';
    case 'int':
    case 'long':
      return findIntegerFault(option, text);
    case 'double':
      return findDoubleFault(option, text);
    case 'string':
      return option.values.length === 0 || option.values.includes(text)
        ? null
        : `not one of ${option.values.join(', ')}`;
    case 'list':
      return findListFault(option, text);
  }
}

function findIntegerFault(option: TopicOption, text: string): string | null {
  if (!/^[+-]?\d{1,20}$/.test(text)) return 'not a whole number';
  const typeMax = BigInt(option.type === 'int' ? int32Max : int64Max);
  const value = BigInt(text.replace(/^\+/, ''));
  const min = option.min === '' ? -typeMax - 1n : BigInt(option.min);
  const max = option.max === '' ? typeMax : BigInt(option.max);
  return value >= min && value <= max ? null : `not between ${min} and ${max}`;
}

function findDoubleFault(option: TopicOption, text: string): string | null {
  const value = text === '' ? Number.NaN : Number(text);
  if (Number.isNaN(value)) return 'not a number';
  const isInside =
    (option.min === '' || value >= Number(option.min)) &&
    (option.max === '' || value <= Number(option.max));
  return isInside ? null : `not between ${option.min} and ${option.max}`;
}

function findListFault(option: TopicOption, text: string): string | null {
  const members = text.split(',').map((member) => member.trim());
  if (members.length > 1 && members.includes('')) return 'a member of the list is empty';
  if (replicaLists.has(option.name)) return findReplicaListFault(text, members);
  if (option.values.length === 0) return null;
  const unknown = listMembers(text).find((member) => !option.values.includes(member));
  return unknown === undefined ? null : `${unknown} is not one of ${option.values.join(', ')}`;
}

const replicaLists: ReadonlySet<string> = new Set([
  'follower.replication.throttled.replicas',
  'leader.replication.throttled.replicas',
]);

function findReplicaListFault(text: string, members: readonly string[]): string | null {
  if (text === '' || text === '*') return null;
  const isList = members.every((member) => /^\d{1,10}:\d{1,10}$/.test(member));
  return isList ? null : 'neither * nor a list of PARTITION:BROKER';
}

/** Why options that are right each do not go together, or null. `textOf` as in `parseTopicOptions`. */
export function findOptionConflict(textOf: (name: string) => string): OptionFault | null {
  if (textOf('remote.storage.enable').trim().toLowerCase() === 'true') {
    return { error: 'invalid_config', detail: 'remote.storage.enable: nothing is archived here' };
  }
  const [least, most] = ['min.compaction.lag.ms', 'max.compaction.lag.ms'].map(textOf);
  if (BigInt(least ?? '') <= BigInt(most ?? '')) return null;
  const detail = `min.compaction.lag.ms=${least} is above max.compaction.lag.ms=${most}`;
  return { error: 'invalid_config', detail };
}

/** The members of a list option's value. */
export function listMembers(text: string): string[] {
  return text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

export type CompressionType = 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** What the broker reads. `Infinity` stands for no limit. */
export interface TopicOptions {
  /** Time and size let records go. Never so while they are kept until settled. */
  readonly isDeleting: boolean;
  /** Records go once every queue of the topic has settled them. */
  readonly isUntilSettled: boolean;
  readonly isCompacting: boolean;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly maxMessageBytes: number;
  readonly isLogAppendTime: boolean;
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly compressionType: CompressionType;
}

/** `textOf` answers with the value in force; all have passed `checkTopicOption`. */
export function parseTopicOptions(textOf: (name: string) => string): TopicOptions {
  const policies = listMembers(textOf('cleanup.policy'));
  const isUntilSettled = textOf(untilSettledOption).trim().toLowerCase() === 'true';
  return {
    isDeleting: policies.includes('delete') && !isUntilSettled,
    isUntilSettled,
    isCompacting: policies.includes('compact'),
    retentionMs: limitOf(textOf('retention.ms')),
    retentionBytes: limitOf(textOf('retention.bytes')),
    maxMessageBytes: Number(textOf('max.message.bytes')),
    isLogAppendTime: textOf('message.timestamp.type').trim() === 'LogAppendTime',
    timestampBeforeMaxMs: limitOf(textOf('message.timestamp.before.max.ms')),
    timestampAfterMaxMs: limitOf(textOf('message.timestamp.after.max.ms')),
    compressionType: textOf('compression.type').trim() as CompressionType,
  };
}

/** Negative, and what no clock or disk reaches, is no limit. */
function limitOf(text: string): number {
  const value = Number(text);
  return value < 0 || value > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : value;
}
