/**
 * What groups need from the log below them, from the broker and from the process around them.
 *
 * Owns: the narrow interfaces this folder is written against. Leaves: the log to log/, whose
 * `Journal` fits `GroupLog` by shape; the rest to broker.ts.
 */

import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { Clock, Logger, Random, Scheduler } from '../../kernel/ports.ts';
import type { Partition } from '../catalog/topic.ts';
import type { BrokerOptions } from '../options.ts';

export interface GroupLog {
  /** Applies the entry before it returns its LSN. */
  appendEntry(kind: number, body: Uint8Array, start: number, end: number): number;
}

export interface GroupPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
}

/** The rest of the broker. */
export interface GroupSurroundings {
  /** Why nothing can be journalled, not even what frees space; or null. */
  halt(): BrokerErrorCode | null;
  /** Why nothing new may begin, or null. */
  refusal(): BrokerErrorCode | null;
  /** No space for what is not needed to go on. */
  isStorageFull(): boolean;
  /** What space there is has to be left to what frees space. */
  isReserveShort(): boolean;
  partition(id: number): Partition | undefined;
  /** A group is about to be made. */
  beforeCreate(): void;
}

export type GroupOptions = Pick<
  BrokerOptions,
  | 'groupInitialRebalanceDelayMs'
  | 'groupSessionTimeoutMsMin'
  | 'groupSessionTimeoutMsMax'
  | 'groupMaxSize'
  | 'offsetMetadataBytesMax'
  | 'offsetsRetentionMs'
  | 'offsetsRetentionCheckMs'
>;

/**
 * Reads from a member's metadata which topics it subscribes to; null: it does not say so, or it
 * cannot be read.
 */
export type SubscriptionReader = (
  protocolType: string,
  metadata: Uint8Array,
) => readonly string[] | null;
