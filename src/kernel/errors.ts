/**
 * Every way the broker says no: one table of codes, and the two error classes for the outside world.
 *
 * Owns: the code, its kind, whether trying again can help, what it is about, and the text for people.
 * Leaves: the wire form to each protocol, which maps every code (a new one fails to compile until
 * it is mapped). Nobody matches on the text.
 */

/** What a caller can do about it. */
export type ErrorKind =
  /** The thing named does not exist. */
  | 'missing'
  /** It exists already, or exists otherwise, or is in use. */
  | 'conflict'
  /** The request cannot be right, whoever sends it and whenever. */
  | 'invalid'
  /** Right in itself, but not in this order or not from this sender any more. */
  | 'sequence'
  /** A limit was met. */
  | 'limit'
  /** This broker does not serve now. */
  | 'unavailable'
  /** The disk or what is on it. */
  | 'storage'
  /** This build or machine cannot. */
  | 'unsupported'
  /** The command line or the configuration. */
  | 'startup';

/** The smallest thing that the error is about; everything around it goes on. */
export type ErrorScope =
  | 'batch'
  | 'producer'
  | 'partition'
  | 'topic'
  | 'queue'
  | 'lease'
  | 'group'
  | 'request'
  | 'connection'
  | 'broker'
  | 'process';

export interface ErrorEntry {
  readonly kind: ErrorKind;
  /** The same request may succeed later without anybody changing it. */
  readonly retriable: boolean;
  readonly scope: ErrorScope;
  /** A sentence for people, without the names involved: those are in the error's `detail`. */
  readonly text: string;
}

function entry(kind: ErrorKind, scope: ErrorScope, text: string): ErrorEntry {
  return { kind, retriable: false, scope, text };
}

function retriableEntry(kind: ErrorKind, scope: ErrorScope, text: string): ErrorEntry {
  return { kind, retriable: true, scope, text };
}

export const errorTable = {
  // Topics and partitions.
  topic_not_found: retriableEntry('missing', 'topic', 'There is no topic of this name.'),
  topic_exists: entry('conflict', 'topic', 'A topic of this name already exists.'),
  topic_id_unknown: retriableEntry('missing', 'topic', 'There is no topic with this id.'),
  invalid_topic_name: entry(
    'invalid',
    'topic',
    'A topic name has 1 to 249 characters out of a-z, A-Z, 0-9, ".", "_" and "-", and is neither "." nor "..".',
  ),
  topic_internal: entry(
    'invalid',
    'topic',
    'The topic belongs to the broker: clients cannot write to it.',
  ),
  topic_name_collision: entry(
    'conflict',
    'topic',
    'A topic exists whose name differs only in "." and "_", which metrics cannot tell apart.',
  ),
  invalid_partitions: entry('invalid', 'topic', 'The number of partitions is not allowed.'),
  invalid_replication_factor: entry(
    'invalid',
    'topic',
    'The replication factor is not possible with the brokers there are.',
  ),
  invalid_config: entry('invalid', 'request', 'A setting has a value that is not allowed.'),
  unknown_config: entry('invalid', 'request', 'There is no setting of this name.'),
  partition_not_found: retriableEntry('missing', 'partition', 'The topic has no such partition.'),
  offset_out_of_range: entry(
    'invalid',
    'partition',
    'The offset lies before the first record kept or past the end of the partition.',
  ),

  // Record batches.
  corrupt_batch: retriableEntry(
    'invalid',
    'batch',
    'The record batch arrived damaged: its length or checksum is wrong.',
  ),
  invalid_batch: entry('invalid', 'batch', 'The record batch breaks the rules of its format.'),
  batch_too_large: entry('limit', 'batch', 'The record batch is larger than the topic allows.'),
  invalid_timestamp: entry(
    'invalid',
    'batch',
    'A record timestamp is outside of what the topic allows.',
  ),
  unsupported_compression: entry(
    'unsupported',
    'batch',
    'The compression of the record batch cannot be read here.',
  ),

  // Producers.
  out_of_order_sequence: entry(
    'sequence',
    'producer',
    'The batch does not follow the last one of its producer: one in between is missing.',
  ),
  invalid_producer_epoch: entry(
    'sequence',
    'producer',
    'A newer instance of this producer has written to the partition.',
  ),
  producer_fenced: entry(
    'sequence',
    'producer',
    'A newer instance of this producer has taken over.',
  ),

  // Queues.
  queue_not_found: entry('missing', 'queue', 'There is no queue of this name.'),
  queue_exists: entry('conflict', 'queue', 'A queue of this name exists with other properties.'),
  lease_not_found: entry(
    'missing',
    'lease',
    'This delivery is not outstanding: it was settled, returned or has expired.',
  ),

  // Groups.
  invalid_group_id: entry('invalid', 'group', 'A group id is not empty.'),
  group_not_found: entry('missing', 'group', 'There is no group with this id.'),
  group_not_empty: entry('conflict', 'group', 'The group has members.'),
  group_full: entry('limit', 'group', 'The group has as many members as it may have.'),
  group_subscribed: entry('conflict', 'group', 'Members of the group subscribe to this topic.'),
  member_id_required: retriableEntry(
    'sequence',
    'group',
    'The member has been given an id and has to join with it.',
  ),
  member_not_found: entry('missing', 'group', 'The group has no such member.'),
  member_fenced: entry(
    'sequence',
    'group',
    'Another member has taken over the place of this static one.',
  ),
  stale_generation: entry('sequence', 'group', 'The group is in a newer generation.'),
  rebalance_in_progress: retriableEntry(
    'sequence',
    'group',
    'The group is about to divide its work anew: the member has to join again.',
  ),
  inconsistent_protocol: entry(
    'conflict',
    'group',
    'The member has no protocol in common with the other members.',
  ),
  invalid_session_timeout: entry(
    'invalid',
    'group',
    'The session timeout is outside of what the broker allows.',
  ),
  offset_metadata_too_large: entry('limit', 'group', 'The metadata of an offset is too large.'),

  // Limits and the state of the broker.
  limit_exceeded: entry('limit', 'request', 'A limit was reached.'),
  fenced: entry(
    'unavailable',
    'broker',
    'The broker has stopped serving after an error that it cannot repair by itself.',
  ),
  draining: retriableEntry('unavailable', 'broker', 'The broker is shutting down.'),
  unsupported: entry('unsupported', 'request', 'This is not supported.'),

  // Storage.
  storage_full: retriableEntry(
    'storage',
    'broker',
    'The disk is full: nothing can be published until space is freed. Consuming goes on.',
  ),
  storage_failed: entry('storage', 'broker', 'The disk failed to read or write.'),
  storage_damaged: entry(
    'storage',
    'broker',
    'Stored data are damaged where they had been written completely.',
  ),
  data_folder_locked: retriableEntry(
    'storage',
    'process',
    'Another broker is running on this data folder.',
  ),
  data_folder_newer: entry(
    'storage',
    'process',
    'The data folder was written by a newer version, which this one cannot read.',
  ),
  data_folder_unwritable: entry(
    'storage',
    'process',
    'The data folder cannot be created or written.',
  ),

  // Starting up.
  port_in_use: retriableEntry('startup', 'process', 'Another program listens on this port.'),
  invalid_option: entry('startup', 'process', 'An option is unknown or its value is not allowed.'),
  not_loopback: entry(
    'startup',
    'process',
    'A listener that other machines can reach needs users, or an explicit permission for anonymous access.',
  ),
  node_too_old: entry('startup', 'process', 'This version of Node is too old.'),
} as const satisfies Record<string, ErrorEntry>;

export type BrokerErrorCode = keyof typeof errorTable;

export const brokerErrorCodes = Object.keys(errorTable) as readonly BrokerErrorCode[];

/** The world said no: a disk, a quota, a name that does not exist. The caller handles it by `code`. */
export class BrokerError extends Error {
  readonly code: BrokerErrorCode;
  /** Names, sizes and positions of this one case, for people. Empty when there are none. */
  readonly detail: string;

  constructor(code: BrokerErrorCode, detail = '', cause?: unknown) {
    const text = errorTable[code].text;
    super(
      detail === '' ? text : `${text} (${detail})`,
      cause === undefined ? undefined : { cause },
    );
    this.name = 'BrokerError';
    this.code = code;
    this.detail = detail;
  }

  get kind(): ErrorKind {
    return errorTable[this.code].kind;
  }

  get retriable(): boolean {
    return errorTable[this.code].retriable;
  }

  get scope(): ErrorScope {
    return errorTable[this.code].scope;
  }
}

/** The peer broke its spec. The protocol closes what its spec says and nothing else. */
export class ProtocolViolation extends Error {
  /** The clause, in the form of the conformance table: `MQTT-3.3.1-4`, `AMQP091-4.2.3`. */
  readonly specRef: string;

  constructor(specRef: string, text: string) {
    super(`${text} [${specRef}]`);
    this.name = 'ProtocolViolation';
    this.specRef = specRef;
  }
}
