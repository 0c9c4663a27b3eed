/**
 * What the routes work on: the broker, and what only the composition root knows of the process.
 */

import type { Broker } from '../broker/index.ts';
import type { Config } from '../config/options.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Clock, Logger, Scheduler } from '../kernel/ports.ts';

export interface ProcessFacts {
  readonly pid: number;
  readonly nodeVersion: string;
  readonly residentBytes: number;
  /** Null where the system does not say. */
  readonly openFiles: number | null;
  readonly openFilesMax: number | null;
}

export interface DiskFacts {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface ListenerFacts {
  readonly url: string;
  /** Other machines can reach it. */
  readonly isRemote: boolean;
}

export interface ApiContext {
  readonly broker: Broker;
  readonly config: Config;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** Unix ms. */
  readonly startedAt: number;
  listeners(): readonly ListenerFacts[];
  connectionCount(): number;
  fault(): BrokerError | null;
  processFacts(): ProcessFacts;
  /** Null: there is no disk below. */
  diskFacts(): DiskFacts | null;
  /** Begins an orderly shutdown; null: the broker is part of another program. */
  readonly stop: (() => void) | null;
  /** Positions that long polls wait at, all together; only for `waiting.ts`. */
  waitingPositions: number;
}

/** Resolves when the entry at `lsn` is committed, 0 at once. @throws BrokerError fenced, draining */
export function committed(broker: Broker, lsn: number): Promise<void> {
  return new Promise((resolve, reject) => {
    broker.commits.when(lsn, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Waits for the outcome's LSN, then fails with its error if it has one. */
export async function settled(
  broker: Broker,
  outcome: {
    readonly error: BrokerError['code'] | null;
    readonly lsn: number;
    readonly detail?: string;
  },
): Promise<void> {
  await committed(broker, outcome.lsn);
  if (outcome.error !== null) throw new BrokerError(outcome.error, outcome.detail ?? '');
}
