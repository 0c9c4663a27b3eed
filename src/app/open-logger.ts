/** The logger for a level: pino, loaded only when something may be logged. */

import type { Config } from '../config/options.ts';
import type { Logger } from '../kernel/ports.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import { createLogger } from '../node/logger.ts';

export async function openLogger(level: Config['logLevel']): Promise<Logger> {
  return level === 'silent' ? silentLogger : createLogger(level);
}
