/**
 * What this broker was told, under the names that Kafka has for it. All of it is read-only: it is set
 * where the broker is started.
 *
 * Owns: which settings are shown, and their values. Leaves: those of all topics to topic-configs.ts.
 */
import {
  type Broker,
  defaultBrokerOptions,
  offsetsTopicPartitions,
  type TopicOption,
  topicOptionTable,
} from '../../broker/index.ts';
import type { NetAddress } from '../../kernel/ports.ts';
import type { Link } from '../contract.ts';
import {
  type ConfigEntry,
  type ConfigSynonym,
  type ConfigType,
  configSources,
} from './config-entry.ts';
import { sessionsMax } from './fetch-sessions.ts';
import { requestBytesMax } from './frame.ts';
import { partitionsPerPageMax } from './schemas/describe-topic-partitions.ts';
import { brokerSynonyms, brokerTwinOf } from './topic-configs.ts';

const minuteMs = 60_000;

/** `defaultValue` undefined: it has none, and is always given. */
interface Setting {
  readonly type: ConfigType;
  readonly name: string;
  readonly value: string | null;
  readonly defaultValue?: string | null;
  readonly text: string;
}

export function brokerConfigs(broker: Broker, link: Link): ConfigEntry[] {
  const settings = [
    ...addressSettings(broker, link),
    ...fixedSettings(),
    ...optionSettings(broker),
  ];
  const entries = [...settings.map(entryOf), ...topicSettings(broker)];
  return entries.sort((left, right) => (left.name < right.name ? -1 : 1));
}

function entryOf({ type, name, value, defaultValue, text }: Setting): ConfigEntry {
  const synonyms: ConfigSynonym[] = [];
  if (value !== defaultValue) synonyms.push({ name, value, source: configSources.staticBroker });
  if (typeof defaultValue === 'string') {
    synonyms.push({ name, value: defaultValue, source: configSources.default });
  }
  return { name, value, type, isReadOnly: true, synonyms, text };
}

function addressSettings(broker: Broker, link: Link): Setting[] {
  const id = String(broker.nodeId);
  const { storagePath } = broker.options;
  const idText = 'The number of this broker.';
  const pathText = 'The data folder.';
  return [
    { type: 'int', name: 'node.id', value: id, text: idText },
    { type: 'int', name: 'broker.id', value: id, defaultValue: '-1', text: idText },
    { type: 'string', name: 'broker.rack', value: null, defaultValue: null, text: 'None.' },
    {
      type: 'list',
      name: 'advertised.listeners',
      value: plaintext(link.advertised),
      text: 'What clients of this listener are told to connect to.',
    },
    {
      type: 'list',
      name: 'listeners',
      value: plaintext(link.local),
      text: 'The listener that this client has connected to.',
    },
    { type: 'list', name: 'log.dir', value: storagePath, text: pathText },
    { type: 'list', name: 'log.dirs', value: storagePath, text: pathText },
  ];
}

/** What is so in every broker of this version. */
function fixedSettings(): Setting[] {
  const fixed = (type: ConfigType, name: string, value: string, text: string): Setting => {
    return { type, name, value, defaultValue: value, text };
  };
  return [
    fixed('string', 'authorizer.class.name', '', 'Nobody is kept from anything.'),
    fixed('boolean', 'delete.topic.enable', 'true', 'Topics may be deleted.'),
    fixed('int', 'default.replication.factor', '1', 'One broker, one replica.'),
    fixed(
      'int',
      'max.incremental.fetch.session.cache.slots',
      String(sessionsMax),
      'Fetch sessions kept at the same time.',
    ),
    fixed(
      'int',
      'max.request.partition.size.limit',
      String(partitionsPerPageMax),
      'Partitions in one page of DescribeTopicPartitions.',
    ),
    fixed(
      'int',
      'offsets.topic.num.partitions',
      String(offsetsTopicPartitions),
      'Partitions of the topic that stands for committed offsets.',
    ),
    fixed('short', 'offsets.topic.replication.factor', '1', 'One broker, one replica.'),
    fixed('int', 'socket.request.max.bytes', String(requestBytesMax), 'The largest request.'),
  ];
}

interface OptionSetting {
  readonly type: ConfigType;
  readonly name: string;
  readonly text: string;
  read(options: typeof defaultBrokerOptions): string | number | boolean;
}

/** What may be told to this broker, and has a name in Kafka. */
const optionTable: readonly OptionSetting[] = [
  {
    type: 'boolean',
    name: 'auto.create.topics.enable',
    text: 'Whether a topic is made when a client asks for one that does not exist.',
    read: ({ autoCreateTopics }) => autoCreateTopics,
  },
  {
    type: 'int',
    name: 'num.partitions',
    text: 'Partitions of a topic whose creator does not say.',
    read: ({ defaultPartitions }) => defaultPartitions,
  },
  {
    type: 'long',
    name: 'log.retention.check.interval.ms',
    text: 'Time between two looks at what retention lets go.',
    read: ({ retentionCheckMs }) => retentionCheckMs,
  },
  {
    type: 'int',
    name: 'producer.id.expiration.ms',
    text: 'After this long without a write an idempotent producer is forgotten.',
    read: ({ producerExpiryMs }) => producerExpiryMs,
  },
  {
    type: 'int',
    name: 'group.initial.rebalance.delay.ms',
    text: 'How long the first member of a group waits for others.',
    read: ({ groupInitialRebalanceDelayMs }) => groupInitialRebalanceDelayMs,
  },
  {
    type: 'int',
    name: 'group.min.session.timeout.ms',
    text: 'The shortest session that a member of a group may choose.',
    read: ({ groupSessionTimeoutMsMin }) => groupSessionTimeoutMsMin,
  },
  {
    type: 'int',
    name: 'group.max.session.timeout.ms',
    text: 'The longest session that a member of a group may choose.',
    read: ({ groupSessionTimeoutMsMax }) => groupSessionTimeoutMsMax,
  },
  {
    type: 'int',
    name: 'group.max.size',
    text: 'Members of one group.',
    read: ({ groupMaxSize }) => groupMaxSize,
  },
  {
    type: 'int',
    name: 'offset.metadata.max.bytes',
    text: 'The longest text that a committed offset may carry.',
    read: ({ offsetMetadataBytesMax }) => offsetMetadataBytesMax,
  },
  {
    type: 'int',
    name: 'offsets.retention.minutes',
    text: 'How long a committed offset is kept that nobody comes back for.',
    read: ({ offsetsRetentionMs }) => Math.ceil(offsetsRetentionMs / minuteMs),
  },
  {
    type: 'long',
    name: 'offsets.retention.check.interval.ms',
    text: 'Time between two looks for such offsets.',
    read: ({ offsetsRetentionCheckMs }) => offsetsRetentionCheckMs,
  },
];

function optionSettings({ options }: Broker): Setting[] {
  return optionTable.map(({ type, name, text, read }) => {
    const defaultValue = String(read(defaultBrokerOptions));
    return { type, name, value: String(read(options)), defaultValue, text };
  });
}

/** What counts for all topics that do not set it themselves. */
function topicSettings(broker: Broker): ConfigEntry[] {
  const entries: ConfigEntry[] = [];
  for (const option of topicOptionTable) {
    const twin = brokerTwinOf(option);
    if (twin === undefined) continue;
    const { name, fallback } = twin;
    const entry = topicSetting(broker, option, name);
    entries.push(entry);
    if (fallback === null || fallback.name === name) continue;
    const synonyms = entry.synonyms.filter(({ source }) => source === configSources.default);
    entries.push({ ...entry, ...fallback, type: 'int', synonyms });
  }
  return entries;
}

function topicSetting(broker: Broker, option: TopicOption, name: string): ConfigEntry {
  const synonyms = brokerSynonyms(broker, option);
  const value = synonyms.find((synonym) => synonym.name === name)?.value ?? null;
  return { name, value, type: option.type, isReadOnly: true, synonyms, text: option.text };
}

function plaintext({ host, port }: NetAddress): string {
  return `PLAINTEXT://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
