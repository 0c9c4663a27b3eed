/**
 * The options of the broker.
 *
 * Owns: every option, declared once (`option.ts`), and the type of a complete configuration.
 */
import { checkListenerAddress } from './listener-address.ts';
import {
  booleanOption,
  choiceOption,
  integerOption,
  listOption,
  type OptionValue,
  textOption,
} from './option.ts';

const MIB = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;

export const options = {
  dataDir: textOption({
    text: 'Folder that holds the journal. Made when it is missing.',
    placeholder: 'PATH',
    default: './polylog-data',
    since: '0.1',
  }),
  storage: choiceOption({
    text: 'Where the journal lives: in files, or in memory only (gone when the broker stops).',
    choices: ['journal', 'memory'],
    default: 'journal',
    since: '0.1',
  }),
  durability: choiceOption({
    text: 'When a producer is answered: after stable storage (fsync), or after the operating system has it (write).',
    choices: ['fsync', 'write'],
    default: 'fsync',
    since: '0.1',
  }),
  listen: listOption({
    text: 'Address to listen on; may be repeated. When given, only these are opened. Port 0: the system chooses.',
    placeholder: 'PROTOCOL://HOST:PORT',
    check: checkListenerAddress,
    since: '0.1',
  }),
  advertise: listOption({
    text: 'Address that clients of a protocol are told to connect to; may be repeated, one for each listener in order.',
    placeholder: 'PROTOCOL://HOST:PORT',
    check: checkListenerAddress,
    since: '0.1',
  }),
  allowAnonymous: booleanOption({
    text: 'Let anybody who can reach a listener use it. Needed for addresses other than loopback.',
    default: false,
    since: '0.1',
  }),
  autoCreateTopics: booleanOption({
    text: 'Make a topic when a client asks for one that does not exist.',
    default: true,
    since: '0.1',
  }),
  defaultPartitions: integerOption({
    text: 'Partitions of a topic whose creator does not say.',
    default: 1,
    min: 1,
    max: 10_000,
    since: '0.1',
  }),
  refuseReplication: booleanOption({
    text: 'Refuse a topic that is to have more replicas than there are nodes. Otherwise it gets as many as there are, with one warning in the log.',
    default: false,
    since: '0.1',
  }),
  topicDefault: listOption({
    text: 'Default of a topic option, as NAME=VALUE; may be repeated.',
    placeholder: 'NAME=VALUE',
    check: (item) => (/^[a-z.]+=.*$/.test(item) ? null : 'NAME=VALUE is expected'),
    since: '0.1',
  }),
  segmentBytes: integerOption({
    text: 'Size of a segment file. Counts when a data folder is made.',
    unit: 'bytes',
    default: 64 * MIB,
    min: MIB,
    max: 1024 * MIB,
    since: '0.1',
  }),
  checkpointBytes: integerOption({
    text: 'Journal growth after which a checkpoint is due; bounds the work of a restart.',
    unit: 'bytes',
    default: 256 * MIB,
    min: MIB,
    max: 64 * 1024 * MIB,
    since: '0.1',
  }),
  memoryBytesMax: integerOption({
    text: 'Most that `storage=memory` may hold.',
    unit: 'bytes',
    default: 1024 * MIB,
    min: 16 * MIB,
    max: 64 * 1024 * MIB,
    since: '0.1',
  }),
  retentionCheckMs: integerOption({
    text: 'Time between two looks at what retention lets go.',
    unit: 'ms',
    default: 30_000,
    min: 10,
    max: DAY_MS,
    since: '0.1',
  }),
  groupInitialRebalanceDelayMs: integerOption({
    text: 'How long the first member of a consumer group waits for others, and again for each that comes.',
    unit: 'ms',
    default: 3000,
    min: 0,
    max: 600_000,
    since: '0.1',
  }),
  groupSessionTimeoutMsMin: integerOption({
    text: 'Shortest time without a sign of life that a member of a consumer group may ask for.',
    unit: 'ms',
    default: 6000,
    min: 1,
    max: 2 ** 31 - 1,
    since: '0.1',
  }),
  groupSessionTimeoutMsMax: integerOption({
    text: 'Longest time without a sign of life that a member of a consumer group may ask for.',
    unit: 'ms',
    default: 1_800_000,
    min: 1,
    max: 2 ** 31 - 1,
    since: '0.1',
  }),
  groupMaxSize: integerOption({
    text: 'Members that one consumer group may have.',
    default: 1000,
    min: 1,
    max: 10_000,
    since: '0.1',
  }),
  offsetMetadataBytesMax: integerOption({
    text: 'Most that a consumer may attach to an offset it commits.',
    unit: 'bytes',
    default: 4096,
    min: 0,
    max: 32_767,
    since: '0.1',
  }),
  offsetsRetentionMs: integerOption({
    text: 'How long committed offsets are kept that no consumer comes back for.',
    unit: 'ms',
    default: 7 * DAY_MS,
    min: 1,
    max: 3650 * DAY_MS,
    since: '0.1',
  }),
  offsetsRetentionCheckMs: integerOption({
    text: 'Time between two looks for committed offsets that have been kept long enough.',
    unit: 'ms',
    default: 600_000,
    min: 10,
    max: DAY_MS,
    since: '0.1',
  }),
  connectionsMax: integerOption({
    text: 'Connections open at the same time, over all listeners; at most three quarters of the files that the process may open.',
    default: 20_000,
    min: 1,
    max: 1_000_000,
    since: '0.1',
  }),
  connectionsPerAddressMax: integerOption({
    text: 'Connections from one remote address at the same time. 0: nine tenths of all.',
    default: 0,
    min: 0,
    max: 1_000_000,
    since: '0.1',
  }),
  connectionBytesMax: integerOption({
    text: 'Memory of all connections for unfinished requests and unsent answers. Past it those that hold much for long are closed.',
    unit: 'bytes',
    default: 512 * MIB,
    min: 16 * MIB,
    max: 64 * 1024 * MIB,
    since: '0.1',
  }),
  requestBytesMax: integerOption({
    text: 'Largest request. One that announces more closes its connection.',
    unit: 'bytes',
    default: 100 * MIB,
    min: 64 * 1024,
    max: 100 * MIB,
    since: '0.1',
  }),
  handshakeTimeoutMs: integerOption({
    text: 'Time for the first whole request of a connection.',
    unit: 'ms',
    default: 10_000,
    min: 100,
    max: DAY_MS,
    since: '0.1',
  }),
  requestTimeoutMs: integerOption({
    text: 'Time for any request to arrive, from its first byte to its last.',
    unit: 'ms',
    default: 120_000,
    min: 100,
    max: DAY_MS,
    since: '0.1',
  }),
  idleTimeoutMs: integerOption({
    text: 'Silence, or answers not taken, after which a connection is closed, where its protocol does not close it sooner. 0: as the protocol says.',
    unit: 'ms',
    default: 600_000,
    min: 0,
    max: DAY_MS,
    since: '0.1',
  }),
  drainMs: integerOption({
    text: 'How long a shutdown waits for answers under way.',
    unit: 'ms',
    default: 1500,
    min: 0,
    max: 600_000,
    since: '0.1',
  }),
  logLevel: choiceOption({
    text: 'Least severe events to log, on standard error.',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'warn',
    since: '0.1',
  }),
} as const;

export type OptionKey = keyof typeof options;

/** A complete configuration: every option has a value. */
export type Config = { readonly [K in OptionKey]: OptionValue<(typeof options)[K]> };

/** Some options, as a program or a source gives them. */
export type PartialConfig = { readonly [K in OptionKey]?: OptionValue<(typeof options)[K]> };
