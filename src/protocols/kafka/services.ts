/**
 * What all Kafka connections of a broker share.
 */
import type { Broker } from '../../broker/index.ts';
import type { Clock, Logger, Scheduler } from '../../kernel/ports.ts';
import type { FetchSessions } from './fetch-sessions.ts';
import type { SlowTurns } from './slow-turns.ts';

export interface KafkaServices {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly sessions: FetchSessions;
  readonly slowTurns: SlowTurns;
}
