/**
 * The two ways in which stored files fail: what was read is wrong, or the disk refused.
 *
 * Owns: the errors' wording, so that each names its file and position.
 */

import { BrokerError } from '../kernel/errors.ts';
import type { DiskError } from '../kernel/ports.ts';

/** `position` is the byte in `path` from which on the content cannot be trusted. */
export function storageDamaged(path: string, position: number, what: string): BrokerError {
  return new BrokerError('storage_damaged', `${path} at byte ${position}: ${what}`);
}

/** Wraps what the disk said; a full disk keeps its own code, because it passes. */
export function storageFailed(error: DiskError): BrokerError {
  const code = error.fault === 'no-space' ? 'storage_full' : 'storage_failed';
  return new BrokerError(code, error.message, error);
}
