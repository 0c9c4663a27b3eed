/**
 * The admin API of a running broker: the routes of http/ on what this process knows.
 *
 * The routes load with the first request: most embedded brokers are never asked.
 */

import type { Broker } from '../broker/index.ts';
import type { Config } from '../config/options.ts';
import type { ApiContext } from '../http/index.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { HttpHandler } from '../kernel/http.ts';
import type { Clock, Logger, Scheduler } from '../kernel/ports.ts';
import { diskFacts, processFacts } from '../node/process-facts.ts';
import { isLoopback, type OpenListener } from '../server/index.ts';

/** What the answers are read from: the running broker. */
export interface AdminSubject {
  readonly broker: Broker;
  readonly config: Config;
  readonly logger: Logger;
  readonly listeners: readonly OpenListener[];
  readonly connectionCount: number;
  /** Unix ms. */
  readonly startedAt: number;
  readonly fault: BrokerError | null;
}

export interface AdminPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Begins an orderly shutdown; null: the broker is part of another program. */
  readonly stop: (() => void) | null;
  /** A failed assertion: the broker must not go on. */
  readonly onMistake: (error: unknown) => void;
}

export async function adminHandler(
  running: AdminSubject,
  { clock, scheduler, stop, onMistake }: AdminPorts,
): Promise<HttpHandler> {
  const { Router, routes } = await import('../http/index.ts');
  const { broker, config, logger, startedAt } = running;
  const isOnDisk = config.storage === 'journal';
  const context: ApiContext = {
    ...{ broker, config, clock, scheduler, logger, startedAt, stop },
    listeners: () =>
      running.listeners.map(({ url, address }) => ({ url, isRemote: !isLoopback(address.host) })),
    connectionCount: () => running.connectionCount,
    fault: () => running.fault,
    processFacts,
    diskFacts: () => (isOnDisk ? diskFacts(config.dataDir) : null),
    waitingPositions: 0,
  };
  return new Router(routes, context, onMistake);
}
