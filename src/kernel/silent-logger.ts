/** A logger that says nothing: for tests, and for embedding without a log. */

import type { Logger } from './ports.ts';

export const silentLogger: Logger = {
  child: () => silentLogger,
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
