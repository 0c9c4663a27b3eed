/**
 * Who has to go when connections hold too much memory: those that make us hold much for long.
 *
 * A peer is waited for when it does not finish a frame, or does not take its answers. A quick sender
 * of large frames holds much for a short time, and thousands of slow ones little each for long; the
 * product of the two tells them apart. Who is not waited for is never closed.
 */

import { memoryReliefShare } from './limits.ts';
import type { ConnectionMemory } from './memory.ts';

/** A connection, as far as its memory is concerned. */
export interface MemoryHolder {
  readonly heldBytes: number;
  /** Monotonic ms since when its peer is waited for; Infinity: it is not. */
  readonly waitingSince: number;
  /** Was told to close, and its memory is about to come back. */
  readonly isLeaving: boolean;
  /** Gives back what it does not need now. */
  shrink(): void;
  destroy(reason: string): void;
}

/** Brings memory down to below the limit as soon as those told to leave have; returns their number. */
export function shed(
  holders: Iterable<MemoryHolder>,
  memory: ConnectionMemory,
  now: number,
): number {
  const candidates: { readonly holder: MemoryHolder; readonly score: number }[] = [];
  let leavingBytes = 0;
  for (const holder of holders) {
    holder.shrink();
    if (holder.isLeaving) leavingBytes += holder.heldBytes;
    else if (holder.waitingSince <= now && holder.heldBytes > 0) {
      candidates.push({ holder, score: holder.heldBytes * (1 + now - holder.waitingSince) });
    }
  }
  let excess = memory.bytes - leavingBytes - memory.bytesMax * memoryReliefShare;
  if (memory.bytes - leavingBytes <= memory.bytesMax) return 0;
  candidates.sort((left, right) => right.score - left.score);
  let count = 0;
  for (const { holder } of candidates) {
    if (excess <= 0) break;
    excess -= holder.heldBytes;
    holder.destroy('connections hold too much memory, and this one much for long');
    count++;
  }
  return count;
}
