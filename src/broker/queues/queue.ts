/**
 * A queue subscription as defined: its name, topic, options and partitions. Durable.
 *
 * Owns: the definition and the table of a queue's options. Leaves: what is settled to
 * queue-partition.ts, whoever consumes to live-queue.ts.
 */

import type { QueuePartition } from './queue-partition.ts';

/** Names of the options that a queue definition carries. */
export const queueOption = {
  /** How long a record may be out before it is taken back, ms; 0: as long as its consumer is there. */
  leaseMs: 'lease.ms',
} as const;

/** Checks a value; null when it is right, else what is expected. */
const queueOptionRules: Readonly<Record<string, (value: string) => string | null>> = {
  [queueOption.leaseMs]: (value) =>
    /^\d{1,10}$/.test(value) && Number(value) <= 7 * 24 * 3600 * 1000
      ? null
      : 'whole milliseconds, at most 7 days',
};

/** The first option that is unknown or wrong, as text for people; null when all are right. */
export function findQueueOptionFault(options: ReadonlyMap<string, string>): string | null {
  for (const [name, value] of options) {
    const rule = Object.hasOwn(queueOptionRules, name) ? queueOptionRules[name] : undefined;
    if (rule === undefined) return `${name}: unknown`;
    const expected = rule(value);
    if (expected !== null) return `${name}: ${expected}`;
  }
  return null;
}

export class Queue {
  readonly id: number;
  readonly topicId: number;
  /** Unique among the queues of its topic. */
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
  /** 0 without a limit. */
  readonly leaseMs: number;
  /** In the order of the topic's partitions. */
  readonly partitions: QueuePartition[];
  /** The last entry that changed the definition; "declared" answers wait for it. */
  lastLsn: number;
  isDeleted: boolean;

  constructor(
    id: number,
    topicId: number,
    name: string,
    options: ReadonlyMap<string, string>,
    lsn: number,
  ) {
    this.id = id;
    this.topicId = topicId;
    this.name = name;
    this.options = options;
    this.leaseMs = Number(options.get(queueOption.leaseMs) ?? 0);
    this.partitions = [];
    this.lastLsn = lsn;
    this.isDeleted = false;
  }

  /** Few partitions: a walk is enough. */
  partitionOf(partitionId: number): QueuePartition | undefined {
    for (const partition of this.partitions) {
      if (partition.partitionId === partitionId) return partition;
    }
    return undefined;
  }
}
