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
  /** A producer that has not written to a partition for this long is forgotten there. */
  readonly producerExpiryMs: number;
}

export const defaultBrokerOptions: Omit<BrokerOptions, 'clusterId'> = {
  nodeId: 1,
  autoCreateTopics: true,
  defaultPartitions: 1,
  topicDefaults: new Map(),
  retentionCheckMs: 30_000,
  producerExpiryMs: 24 * 60 * 60 * 1000,
};
