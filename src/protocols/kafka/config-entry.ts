/**
 * A setting as Kafka's admin APIs show it, whatever it belongs to.
 *
 * Owns: Kafka's numbers for resources, sources and types.
 * Leaves: which settings there are to topic-configs.ts and broker-configs.ts.
 */
import type { TopicOptionType } from '../../broker/index.ts';

/** What settings belong to. */
export const configResources = {
  topic: 2,
  broker: 4,
  brokerLogger: 8,
  clientMetrics: 16,
  group: 32,
} as const;

/** Where a value comes from. */
export const configSources = { topic: 1, staticBroker: 4, default: 5 } as const;

/** The options' types, and those that only settings of a broker have. */
export type ConfigType = TopicOptionType | 'short';

const typeNumbers: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
};

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly type: ConfigType;
  readonly isReadOnly: boolean;
  /** What counts, then what would if that were not set, and so on; may be empty. */
  readonly synonyms: readonly ConfigSynonym[];
  readonly text: string;
}

export function configTypeNumber(type: ConfigType): number {
  return typeNumbers[type];
}

/** The first synonym is the one that counts. */
export function configSourceOf({ synonyms }: ConfigEntry): number {
  return synonyms[0]?.source ?? configSources.default;
}
