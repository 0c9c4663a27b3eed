/**
 * What queues need from the log below them and from the process around them.
 *
 * Owns: the narrow interfaces this folder is written against. Leaves: the log to log/, whose
 * `Journal` fits `QueueLog` by shape.
 */

import type { BrokerError } from '../../kernel/errors.ts';
import type { Clock, Logger, Offload, Scheduler } from '../../kernel/ports.ts';
import type { PartitionLog } from '../../log/partition-log.ts';
import type { ReadPlan } from '../../log/read-plan.ts';

/** See `Journal` in log/ for what each of these promises. */
export interface QueueLog {
  /** An entry is committed if its LSN lies below. */
  readonly highWatermark: number;
  /** Set once nothing can be appended any more. */
  readonly fault: BrokerError | null;
  appendEntry(kind: number, body: Uint8Array, start: number, end: number): number;
  partition(id: number): PartitionLog | undefined;
  advanceLogStart(id: number, offset: number): number;
  noteDead(partition: number, firstOffset: number, lastOffset: number): void;
  plan(
    partition: PartitionLog,
    offset: number,
    maxBytes: number,
    plan: ReadPlan,
    ready: () => void,
  ): 'ready' | 'loading';
  /** `changed`: the partitions of the group whose committed view moved; valid until return. */
  onCommit(listener: (changed: readonly PartitionLog[], highWatermark: number) => void): void;
}

export interface QueuePorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly offload: Offload;
  readonly logger: Logger;
}

/** What a queue is declared on. */
export interface QueueTopic {
  readonly id: number;
  readonly partitions: readonly { readonly id: number }[];
  /** The last entry that changed the topic. */
  readonly lastLsn: number;
}
