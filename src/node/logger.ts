/**
 * The logger on pino: one JSON object a line.
 *
 * pino is loaded when a logger is made, not when the package is imported: whoever embeds the broker
 * without a log does not pay for it.
 */

import type { Logger as PinoLogger } from 'pino';
import type { LogFields, Logger } from '../kernel/ports.ts';
import { nodeClock } from './clock.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogDestination {
  /** Gets whole lines, with their line feed. */
  write(line: string): void;
}

const standardError = 2;

/** Writes at once, by default to standard error: a crash loses no line. */
export async function createLogger(level: LogLevel, destination?: LogDestination): Promise<Logger> {
  const { pino } = await import('pino');
  const options = {
    level,
    base: null,
    messageKey: 'event',
    timestamp: () => `,"time":"${new Date(nodeClock.now()).toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const target = destination ?? pino.destination({ fd: standardError, sync: true });
  return new NodeLogger(pino(options, target));
}

const noFields: LogFields = {};

class NodeLogger implements Logger {
  private readonly pino: PinoLogger;

  constructor(pino: PinoLogger) {
    this.pino = pino;
  }

  child(fields: LogFields): Logger {
    return new NodeLogger(this.pino.child(fields));
  }

  debug(event: string, fields: LogFields = noFields): void {
    this.pino.debug(fields, event);
  }

  info(event: string, fields: LogFields = noFields): void {
    this.pino.info(fields, event);
  }

  warn(event: string, fields: LogFields = noFields): void {
    this.pino.warn(fields, event);
  }

  error(event: string, fields: LogFields = noFields): void {
    this.pino.error(fields, event);
  }
}
