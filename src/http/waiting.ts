/**
 * Long polls: waiting until something changes in one of some partitions.
 *
 * Owns: the watcher, its time, the bound on what all long polls watch together.
 */

import type { Partition, Watcher } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { ApiContext } from './context.ts';

/** A watched partition takes about 100 bytes. */
const waitingPositionsMax = 200_000;

/**
 * Resolves when one of `partitions` has changed, after `waitMs`, or when nobody waits any more.
 * @throws BrokerError limit_exceeded
 */
export function anyProgress(
  context: ApiContext,
  partitions: readonly Partition[],
  waitMs: number,
  gone: AbortSignal,
): Promise<void> {
  const { broker, scheduler } = context;
  if (context.waitingPositions + partitions.length > waitingPositionsMax) {
    throw new BrokerError('limit_exceeded', 'too many partitions are waited for');
  }
  if (gone.aborted) return Promise.resolve();
  context.waitingPositions += partitions.length;
  return new Promise((resolve) => {
    let isOver = false;
    const finish = (): void => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      gone.removeEventListener('abort', finish);
      for (const partition of partitions) broker.unwatch(partition, watcher);
      context.waitingPositions -= partitions.length;
      resolve();
    };
    const watcher: Watcher = { onProgress: finish };
    const timer = scheduler.after(waitMs, finish);
    gone.addEventListener('abort', finish);
    for (const partition of partitions) broker.watch(partition, watcher);
  });
}
