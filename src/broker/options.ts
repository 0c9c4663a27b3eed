/**
 * What a broker can be told, with the defaults.
 *
 * Owns: the values that the broker itself acts on.
 * Leaves: flags, files and environment to config/, which fills this in.
 */

export interface BrokerOptions {
  /** Identifies the cluster: 22 characters of base64url. */
  readonly clusterId: string;
  readonly nodeId: number;
  /** Whether a topic may come into being by being asked for. */
  readonly autoCreateTopics: boolean;
  /** Partitions of a topic whose creator does not say. */
  readonly defaultPartitions: number;
  /** Topic options that differ from the table's defaults, by name. */
  readonly topicDefaults: ReadonlyMap<string, string>;
  /** Time between two looks at what retention lets go. */
  readonly retentionCheckMs: number;
  /**
   * A topic that is to have more replicas than there are nodes is refused. Otherwise it gets as many
   * as there are.
   */
  readonly refusesExcessReplicas: boolean;
  /** Where the data are, as operators know it: for protocols that show it. */
  readonly storagePath: string;
  /** A producer that has not written to a partition for this long is forgotten there. */
  readonly producerExpiryMs: number;
  /** How long the first member of a group waits for others, again for each that comes. */
  readonly groupInitialRebalanceDelayMs: number;
  /** What a member of a group may choose as the time without a sign of life. */
  readonly groupSessionTimeoutMsMin: number;
  readonly groupSessionTimeoutMsMax: number;
  /** Members of one group. */
  readonly groupMaxSize: number;
  /** What a committed offset may carry, in bytes of UTF-8. */
  readonly offsetMetadataBytesMax: number;
  /** How long a committed offset is kept that nobody comes back for. */
  readonly offsetsRetentionMs: number;
  /** Time between two looks for such offsets. */
  readonly offsetsRetentionCheckMs: number;
}

export const defaultBrokerOptions: Omit<BrokerOptions, 'clusterId'> = {
  nodeId: 1,
  autoCreateTopics: true,
  defaultPartitions: 1,
  topicDefaults: new Map(),
  retentionCheckMs: 30_000,
  refusesExcessReplicas: false,
  storagePath: 'memory',
  producerExpiryMs: 24 * 60 * 60 * 1000,
  groupInitialRebalanceDelayMs: 3000,
  groupSessionTimeoutMsMin: 6000,
  groupSessionTimeoutMsMax: 30 * 60 * 1000,
  groupMaxSize: 1000,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
  offsetsRetentionCheckMs: 10 * 60 * 1000,
};
