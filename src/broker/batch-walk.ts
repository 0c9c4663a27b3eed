/**
 * Walking over the index of a partition: the place, size and time of its batches, without their
 * bytes.
 *
 * Owns: doing it in slices, across footers that have to be read first.
 * Used by retention and by look-ups by time; neither is on a hot path.
 */

import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { Journal } from '../log/journal.ts';
import { ReadPlan } from '../log/read-plan.ts';
import type { Partition } from './catalog/topic.ts';
import { planRead } from './fetch.ts';
import { walkBytesMax } from './limits.ts';

/** One batch. Reused: valid until the visitor returns. */
export interface WalkedBatch {
  baseOffset: number;
  /** The base offset of the batch behind it, as far as it was planned. */
  nextOffset: number;
  bytes: number;
  maxTimestamp: number;
}

/** Returns false to stop the walk. */
export type BatchVisitor = (batch: WalkedBatch) => boolean;

export type WalkDone = (error: BrokerErrorCode | null) => void;

/**
 * Visits the committed batches of `partition` from the one that holds `offset` on. May call back at once.
 * Whoever walks over many partitions, one after the other, lends a `plan` to all the walks.
 */
export function walkBatches(
  journal: Journal,
  partition: Partition,
  offset: number,
  visit: BatchVisitor,
  done: WalkDone,
  plan: ReadPlan = new ReadPlan(),
): void {
  const batch: WalkedBatch = { baseOffset: 0, nextOffset: 0, bytes: 0, maxTimestamp: 0 };
  let next = offset;
  // Many a walk ends at its first batch.
  let bytesMax = 1;
  const go = (): void => {
    for (;;) {
      const status = planRead(journal, partition, next, bytesMax, plan, go);
      if (status === 'loading') return;
      if (status !== 'ready') return done(status);
      const isDone = plan.count === 0 || !visitPlan(plan, batch, visit);
      next = plan.nextOffset;
      plan.release();
      if (isDone) return done(null);
      bytesMax = walkBytesMax;
    }
  };
  go();
}

/** False when the visitor has had enough. */
function visitPlan(plan: ReadPlan, batch: WalkedBatch, visit: BatchVisitor): boolean {
  for (let row = 0; row < plan.count; row++) {
    batch.baseOffset = plan.baseOffsets.get(row);
    const isLast = row + 1 === plan.count;
    batch.nextOffset = isLast ? plan.nextOffset : plan.baseOffsets.get(row + 1);
    batch.bytes = plan.sizes.get(row);
    batch.maxTimestamp = plan.maxTimestamps.get(row);
    if (!visit(batch)) return false;
  }
  return true;
}

/**
 * Reads the batches that a plan at `offset` yields, `maxBytes` of them, as one piece of memory of its
 * own. Empty when there is nothing to read. May call back at once.
 */
export function readBatches(
  journal: Journal,
  partition: Partition,
  offset: number,
  maxBytes: number,
  done: (error: BrokerErrorCode | null, bytes: Uint8Array) => void,
): void {
  const plan = new ReadPlan();
  const fail = (code: BrokerErrorCode): void => {
    plan.release();
    done(code, noBytes);
  };
  let target = noBytes;
  let filled = 0;
  const copy = (): void => {
    try {
      while (plan.bytesLeft > 0) {
        const count = plan.read(target, filled, target.length - filled, copy);
        if (count === 0) return;
        filled += count;
      }
    } catch (error) {
      if (error instanceof BrokerError) return fail(error.code);
      throw error;
    }
    plan.release();
    done(null, target);
  };
  const start = (): void => {
    const status = planRead(journal, partition, offset, maxBytes, plan, start);
    if (status === 'loading') return;
    if (status !== 'ready') return fail(status);
    target = new Uint8Array(plan.bytes);
    copy();
  };
  start();
}

const noBytes = new Uint8Array(0);
