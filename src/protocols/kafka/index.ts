/**
 * Kafka's protocol, data path: see README.md for what is served.
 */
import type { Protocol, ProtocolModule } from '../contract.ts';
import { KafkaConnection } from './connection.ts';
import { FetchSessions } from './fetch-sessions.ts';
import { SlowTurns } from './slow-turns.ts';
import { readSubscribedTopics } from './subscription-metadata.ts';

/** Kafka's default of `connections.max.idle.ms`. */
const idleTimeoutMs = 600_000;

export const kafka: ProtocolModule = {
  name: 'kafka',
  defaultPort: 9092,
  create({ broker, clock, random, scheduler, logger }): Protocol {
    const sessions = new FetchSessions(clock, random);
    broker.groups.useSubscriptions(readSubscribedTopics);
    const slowTurns = new SlowTurns(scheduler);
    const services = { broker, clock, scheduler, logger, sessions, slowTurns };
    return {
      idleTimeoutMs,
      connect: (link) => new KafkaConnection(services, link),
      close: () => {},
    };
  },
};
