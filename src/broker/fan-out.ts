/**
 * Appending one batch to several partitions: stored once for all that can share the bytes.
 *
 * Owns: who can share, and the copies for those who cannot.
 * Leaves: the rules to publish.ts, which every target's topic applies for itself.
 *
 * Partitions share a batch unless their topic wants other bytes: its own time stamps, or another
 * codec. The sequence of an idempotent producer counts for the first partition only, the one it
 * produced to; copies for others carry no producer.
 */

import { assert } from '../kernel/assert.ts';
import { copyOf, viewOf, writeInt64 } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/ports.ts';
import type { Slab } from '../kernel/slab.ts';
import type { Journal } from '../log/journal.ts';
import { batchField, batchProducerId, sealBatch } from '../record/batch.ts';
import type { Partition } from './catalog/topic.ts';
import { targetsMax } from './limits.ts';
import { AppendOutcome } from './outcomes.ts';
import type { Appender } from './publish.ts';
import { codecToStore } from './record-rules.ts';

export interface FanOutParts {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly appender: Appender;
}

/** A batch on its way to several partitions. */
interface Parcel {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  readonly slab: Slab | null;
}

/**
 * Appends the batch bytes[start, end) to all `partitions`, or to none: the outcome is that of the
 * first, with the LSN of the last. (Only a content that one of several codecs cannot take is found
 * out late: then some have it and the outcome is an error.)
 */
export function appendToMany(
  parts: FanOutParts,
  partitions: readonly Partition[],
  parcel: Omit<Parcel, 'view'>,
  outcome: AppendOutcome,
): void {
  const [first] = partitions;
  assert(first !== undefined, 'there is a partition to append to');
  const { bytes, start, end, slab } = parcel;
  const { appender, journal } = parts;
  if (partitions.length === 1) return appender.append(first, bytes, start, end, slab, outcome);
  outcome.reset();
  const view = appender.viewOf(bytes);
  const now = parts.clock.now();
  for (const partition of partitions) {
    if (!appender.isAllowed(partition, bytes, view, start, end, now, outcome)) return;
  }
  if (!appender.isInSequence(first, view, start, outcome)) return;
  if (journal.admits((end - start) * partitions.length) === 'full') {
    outcome.error = 'storage_full';
    return;
  }
  const whole = { ...parcel, view };
  const isOwn = (partition: Partition): boolean => needsOwnBytes(partition, view, start);
  const isDone = appendOwn(parts, partitions.filter(isOwn), first, whole, outcome);
  if (!isDone) return;
  const sharing = partitions.filter((partition) => !isOwn(partition));
  for (let at = 0; at < sharing.length; at += targetsMax) {
    appendShared(parts, sharing.slice(at, at + targetsMax), first, whole, outcome);
  }
  outcome.lsn = journal.lastLsn;
}

function needsOwnBytes({ topic }: Partition, view: DataView, start: number): boolean {
  const { isLogAppendTime, compressionType } = topic.options;
  return isLogAppendTime || codecToStore(view, start, compressionType) !== null;
}

/** One entry for up to four partitions. */
function appendShared(
  { journal }: FanOutParts,
  partitions: readonly Partition[],
  first: Partition,
  parcel: Parcel,
  outcome: AppendOutcome,
): void {
  const hasFirst = partitions[0] === first;
  // Another entry may still refer to the bytes as they are: only the first one uses them in place.
  const { bytes, view, start, end, slab } = hasFirst ? parcel : copyWithoutProducer(parcel);
  if (hasFirst) {
    outcome.baseOffset = first.logEnd;
    outcome.logStart = first.logStart;
  }
  const logs = partitions.map((partition) => partition.log);
  journal.appendBatchToMany(logs, bytes, view, start, end, slab);
}

/** An entry each for those who need other bytes. False when one of them refused. */
function appendOwn(
  { appender }: FanOutParts,
  partitions: readonly Partition[],
  first: Partition,
  parcel: Parcel,
  outcome: AppendOutcome,
): boolean {
  const own = new AppendOutcome();
  for (const partition of partitions) {
    const copy = partition === first ? copyParcel(parcel) : copyWithoutProducer(parcel);
    const target = partition === first ? outcome : own;
    appender.appendAdmitted(partition, copy.bytes, 0, copy.end, target);
    if (target.error === null) continue;
    outcome.error = target.error;
    outcome.detail = target.detail;
    return false;
  }
  return true;
}

function copyParcel({ bytes, start, end }: Parcel): Parcel {
  const copy = copyOf(bytes, start, end);
  return { bytes: copy, view: viewOf(copy), start: 0, end: copy.length, slab: null };
}

function copyWithoutProducer(parcel: Parcel): Parcel {
  const copy = copyParcel(parcel);
  const { bytes, view } = copy;
  if (batchProducerId(view, 0) < 0) return copy;
  writeInt64(view, batchField.producerId, -1);
  view.setInt16(batchField.producerEpoch, -1);
  view.setInt32(batchField.baseSequence, -1);
  sealBatch(bytes, view, 0);
  return copy;
}
