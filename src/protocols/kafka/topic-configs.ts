/**
 * The options of topics as Kafka shows them.
 *
 * Owns: the names that a broker's setting for all topics has in Kafka, and how values are spelled.
 * Leaves: the options themselves to the broker's table.
 *
 * A topic's own value comes first, then what this broker was told for all topics (under Kafka's name
 * for that), then the default.
 */
import { listMembers, type TopicOption, topicOptionTable } from '../../broker/index.ts';
import { type ConfigEntry, type ConfigSynonym, configSources } from './config-entry.ts';

/** What these entries need of the broker. */
export interface TopicDefaults {
  readonly options: { readonly topicDefaults: ReadonlyMap<string, string> };
  topicDefault(name: string): string;
}

/** The broker's setting behind a topic option. */
export interface BrokerTwin {
  readonly name: string;
  /** The one with the default, where it is another; null: Kafka names none. */
  readonly fallback: { readonly name: string; readonly value: string } | null;
}

const prefixed = new Set([
  'cleanup.policy',
  'index.interval.bytes',
  'local.retention.bytes',
  'local.retention.ms',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.type',
  'preallocate',
  'retention.bytes',
  'segment.bytes',
]);

const renamed: Readonly<Record<string, string>> = {
  'delete.retention.ms': 'log.cleaner.delete.retention.ms',
  'file.delete.delay.ms': 'log.segment.delete.delay.ms',
  'flush.messages': 'log.flush.interval.messages',
  'max.compaction.lag.ms': 'log.cleaner.max.compaction.lag.ms',
  'max.message.bytes': 'message.max.bytes',
  'min.cleanable.dirty.ratio': 'log.cleaner.min.cleanable.ratio',
  'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
  'segment.index.bytes': 'log.index.size.max.bytes',
};

const unchanged = new Set([
  'compression.gzip.level',
  'compression.lz4.level',
  'compression.type',
  'compression.zstd.level',
  'min.insync.replicas',
  'unclean.leader.election.enable',
]);

/** Unset in a broker that was told nothing. */
const withoutDefault: Readonly<Record<string, string>> = {
  'flush.ms': 'log.flush.interval.ms',
  'segment.jitter.ms': 'log.roll.jitter.ms',
  'segment.ms': 'log.roll.ms',
};

const hourMs = 3_600_000;

/** Undefined: no broker has such a setting. */
export function brokerTwinOf(option: TopicOption): BrokerTwin | undefined {
  const { name, defaultValue } = option;
  if (name === 'retention.ms') {
    const value = String(Number(defaultValue) / hourMs);
    return { name: 'log.retention.ms', fallback: { name: 'log.retention.hours', value } };
  }
  const bare = withoutDefault[name];
  if (bare !== undefined) return { name: bare, fallback: null };
  const known = renamed[name] ?? (prefixed.has(name) ? `log.${name}` : null);
  const twin = known ?? (unchanged.has(name) ? name : null);
  if (twin === null) return undefined;
  return { name: twin, fallback: { name: twin, value: spelled(option, defaultValue) } };
}

/** Of topics that set nothing themselves, by broker: most topics set one or two of thirty. */
const inheritedEntries = new WeakMap<TopicDefaults, readonly ConfigEntry[]>();
const noOverrides: ReadonlyMap<string, string> = new Map();

/** Every option, with its value where `overrides` are a topic's own. */
export function topicConfigs(
  broker: TopicDefaults,
  overrides: ReadonlyMap<string, string>,
): readonly ConfigEntry[] {
  let inherited = inheritedEntries.get(broker);
  if (inherited === undefined) {
    inherited = topicOptionTable.map((option) => topicConfig(broker, option, noOverrides));
    inheritedEntries.set(broker, inherited);
  }
  if (overrides.size === 0) return inherited;
  return inherited.map((entry, index) => {
    const option = topicOptionTable[index];
    const isOwn = option !== undefined && overrides.has(option.name);
    return isOwn ? topicConfig(broker, option, overrides) : entry;
  });
}

function topicConfig(
  broker: TopicDefaults,
  option: TopicOption,
  overrides: ReadonlyMap<string, string>,
): ConfigEntry {
  const { name, type, text } = option;
  const own = overrides.get(name);
  const value = spelled(option, own ?? broker.topicDefault(name));
  const synonyms = brokerSynonyms(broker, option);
  if (own !== undefined) synonyms.unshift({ name, value, source: configSources.topic });
  return { name, value, type, isReadOnly: false, synonyms, text };
}

/** What counts for topics that set nothing themselves. */
export function brokerSynonyms(broker: TopicDefaults, option: TopicOption): ConfigSynonym[] {
  const twin = brokerTwinOf(option);
  const given = broker.options.topicDefaults.get(option.name);
  const synonyms: ConfigSynonym[] = [];
  if (given !== undefined) {
    const name = twin?.name ?? option.name;
    synonyms.push({ name, value: spelled(option, given), source: configSources.staticBroker });
  }
  const fallback = twin?.fallback ?? null;
  if (fallback !== null) synonyms.push({ ...fallback, source: configSources.default });
  return synonyms;
}

/** The one spelling of a value: what is kept is the text that was given. */
export function spelled({ type }: TopicOption, text: string): string {
  const value = text.trim();
  switch (type) {
    case 'boolean':
      return value.toLowerCase();
    case 'int':
    case 'long':
      return String(BigInt(value.replace(/^\+/, '')));
    case 'double':
      return spelledDouble(Number(value));
    case 'list':
      return [...new Set(listMembers(value))].join(',');
    case 'string':
      return value;
  }
}

/** Whole ones with a point, as Java writes them. */
function spelledDouble(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
