/**
 * Appending a batch: the checks, the decision, the entry. One synchronous step.
 *
 * Owns: the rules for a batch that a client made, in their order; what the broker changes in it.
 * Leaves: the layout to record/, offsets and bytes to log/, sequences to producers.ts.
 *
 *     not fenced, not gone → structure → size → checksum, header → rules for clients
 *     → timestamps → keys → codec → sequence (a duplicate is answered here) → space → append
 *
 * Nothing is allocated per record. What a batch says of its largest timestamp is believed; records
 * are looked at one by one only for a topic that limits how old they may be, wants keys because it
 * is compacted, or recompresses.
 */

import { viewOf } from '../kernel/bytes.ts';
import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { Clock } from '../kernel/ports.ts';
import type { Slab } from '../kernel/slab.ts';
import type { Journal } from '../log/journal.ts';
import {
  type BatchFault,
  batchFault,
  batchFaultText,
  batchIsLogAppendTime,
  batchIsTransactional,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  batchRuleFaultFrom,
  findBatchDamage,
  findBatchFault,
  findProducedBatchFault,
  setBatchLogAppendTime,
} from '../record/batch.ts';
import type { Codec } from '../record/compression/index.ts';
import type { Partition } from './catalog/topic.ts';
import type { AppendOutcome } from './outcomes.ts';
import { type Producers, sequenceVerdict } from './producers.ts';
import {
  codecToStore,
  findKeylessRecord,
  findTooOldRecord,
  inspectedBytesMax,
  recompress,
} from './record-rules.ts';

export interface AppenderParts {
  readonly clock: Clock;
  readonly producers: Producers;
  /** Why nothing can be published now, or null. */
  refusal(): BrokerErrorCode | null;
  /** Makes room for one more producer on a partition, if there is need. */
  makeRoomForProducer(partition: number): void;
}

export class Appender {
  readonly #parts: AppenderParts;
  readonly #journal: Journal;
  /** The view of the last bytes: a read chunk brings many batches in one array. */
  #bytes: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#bytes);

  constructor(parts: AppenderParts, journal: Journal) {
    this.#parts = parts;
    this.#journal = journal;
  }

  /**
   * Appends the batch bytes[start, end), which a client made, to `partition`. The broker's fields in
   * it are overwritten. `slab` owns `bytes` if it is given: it is retained as long as needed; else
   * the bytes are borrowed until return.
   */
  // HOT: per batch.
  append(
    partition: Partition,
    bytes: Uint8Array,
    start: number,
    end: number,
    slab: Slab | null,
    outcome: AppendOutcome,
  ): void {
    outcome.reset();
    const now = this.#parts.clock.now();
    if (!this.#isAppendable(partition, bytes, start, end, now, outcome)) return;
    if (this.#journal.admits(end - start) === 'full') {
      this.#refuse(outcome, 'storage_full', '');
      return;
    }
    this.#appendAllowed(partition, bytes, start, end, slab, now, outcome);
  }

  /** As `append`, for one of several partitions: all of them have been admitted together. */
  appendAdmitted(
    partition: Partition,
    bytes: Uint8Array,
    start: number,
    end: number,
    outcome: AppendOutcome,
  ): void {
    outcome.reset();
    const now = this.#parts.clock.now();
    if (!this.#isAppendable(partition, bytes, start, end, now, outcome)) return;
    this.#appendAllowed(partition, bytes, start, end, null, now, outcome);
  }

  // HOT
  #isAppendable(
    partition: Partition,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
    outcome: AppendOutcome,
  ): boolean {
    const view = this.viewOf(bytes);
    return (
      this.isAllowed(partition, bytes, view, start, end, now, outcome) &&
      this.isInSequence(partition, view, start, outcome)
    );
  }

  // HOT
  #appendAllowed(
    partition: Partition,
    bytes: Uint8Array,
    start: number,
    end: number,
    slab: Slab | null,
    now: number,
    outcome: AppendOutcome,
  ): void {
    const view = this.viewOf(bytes);
    const codec = codecToStore(view, start, partition.topic.options.compressionType);
    if (codec === null) {
      this.#store(partition, bytes, view, start, end, slab, now, outcome);
      return;
    }
    const renewed = this.#recompressed(partition, bytes, view, start, end, codec, outcome);
    if (renewed === null) return;
    this.#store(partition, renewed, viewOf(renewed), 0, renewed.length, null, now, outcome);
  }

  /** The rules for the batch by itself, on this partition. Sets the error. */
  // HOT
  isAllowed(
    partition: Partition,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    now: number,
    outcome: AppendOutcome,
  ): boolean {
    return (
      this.#isAcceptable(partition, bytes, view, start, end, outcome) &&
      this.#isInTime(partition, bytes, view, start, now, outcome) &&
      this.#isKeyed(partition, bytes, view, start, outcome)
    );
  }

  /** Everything that can be said without the partition's state and the time. */
  // HOT
  #isAcceptable(
    partition: Partition,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    outcome: AppendOutcome,
  ): boolean {
    if (partition.isDeleted) return this.#refuse(outcome, 'topic_not_found', partition.topic.name);
    if (partition.topic.isInternal) {
      return this.#refuse(outcome, 'topic_internal', partition.topic.name);
    }
    const refusal = this.#parts.refusal();
    if (refusal !== null) return this.#refuse(outcome, refusal, '');
    const damage = findBatchDamage(view, start, end);
    if (damage !== batchFault.none) return this.#refuseBatch(outcome, damage);
    const { maxMessageBytes } = partition.topic.options;
    const most = Math.min(maxMessageBytes, this.#journal.batchBytesMax);
    if (end - start > most) {
      return this.#refuse(outcome, 'batch_too_large', `${end - start} bytes of ${most}`);
    }
    const fault = findBatchFault(bytes, view, start, end);
    if (fault !== batchFault.none) return this.#refuseBatch(outcome, fault);
    const rule = findProducedBatchFault(view, start, end);
    if (rule !== batchFault.none) return this.#refuseBatch(outcome, rule);
    if (!batchIsTransactional(view, start)) return true;
    return this.#refuse(outcome, 'unsupported', 'a transactional batch');
  }

  /** Whether the records' timestamps are within what the topic allows. */
  // HOT
  #isInTime(
    partition: Partition,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    now: number,
    outcome: AppendOutcome,
  ): boolean {
    const { options } = partition.topic;
    if (options.isLogAppendTime) return true;
    if (batchIsLogAppendTime(view, start)) {
      return this.#refuse(outcome, 'invalid_timestamp', 'only the broker sets log append time');
    }
    const ahead = batchMaxTimestamp(view, start) - now;
    if (ahead > options.timestampAfterMaxMs) {
      return this.#refuse(outcome, 'invalid_timestamp', `${ahead} ms ahead of the broker`);
    }
    if (options.timestampBeforeMaxMs === Number.POSITIVE_INFINITY) return true;
    const limitBytes = inspectedBytesMax(options.maxMessageBytes);
    const oldest = now - options.timestampBeforeMaxMs;
    return this.#isRecent(bytes, view, start, limitBytes, oldest, outcome);
  }

  #isRecent(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    limitBytes: number,
    oldest: number,
    outcome: AppendOutcome,
  ): boolean {
    try {
      const record = findTooOldRecord(bytes, view, start, limitBytes, oldest);
      if (record === -1) return true;
      outcome.recordErrorIndex = record;
      return this.#refuse(outcome, 'invalid_timestamp', `before ${oldest}`);
    } catch (error) {
      return this.#refuseError(outcome, error);
    }
  }

  /** Compaction keeps the last record of each key: one without a key could never be kept. */
  // HOT
  #isKeyed(
    partition: Partition,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    outcome: AppendOutcome,
  ): boolean {
    if (!partition.topic.options.isCompacting) return true;
    try {
      const limitBytes = inspectedBytesMax(partition.topic.options.maxMessageBytes);
      const record = findKeylessRecord(bytes, view, start, limitBytes);
      if (record === -1) return true;
      outcome.recordErrorIndex = record;
      return this.#refuse(outcome, 'invalid_batch', 'a record without a key, in a compacted topic');
    } catch (error) {
      return this.#refuseError(outcome, error);
    }
  }

  #recompressed(
    partition: Partition,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    codec: Codec,
    outcome: AppendOutcome,
  ): Uint8Array | null {
    const { maxMessageBytes } = partition.topic.options;
    const most = Math.min(maxMessageBytes, this.#journal.batchBytesMax);
    try {
      const limitBytes = inspectedBytesMax(maxMessageBytes);
      const renewed = recompress(bytes, view, start, end, limitBytes, codec);
      if (renewed.length <= most) return renewed;
      this.#refuse(outcome, 'batch_too_large', `${renewed.length} bytes of ${most}`);
    } catch (error) {
      this.#refuseError(outcome, error);
    }
    return null;
  }

  /** Whether the batch follows its producer's last one. Sets the error, or the first outcome. */
  // HOT
  isInSequence(
    partition: Partition,
    view: DataView,
    start: number,
    outcome: AppendOutcome,
  ): boolean {
    if (batchProducerId(view, start) < 0) return true;
    const { producers } = this.#parts;
    switch (producers.check(partition.id, view, start)) {
      case sequenceVerdict.next:
        return true;
      case sequenceVerdict.duplicate:
        outcome.isDuplicate = true;
        outcome.baseOffset = producers.original.baseOffset;
        outcome.logAppendTime = producers.original.logAppendTime;
        outcome.lsn = producers.original.lsn;
        outcome.logStart = partition.logStart;
        return false;
      case sequenceVerdict.outOfOrder:
        return this.#refuse(outcome, 'out_of_order_sequence', describeProducer(view, start));
      case sequenceVerdict.staleEpoch:
        return this.#refuse(outcome, 'invalid_producer_epoch', describeProducer(view, start));
    }
  }

  // HOT
  #store(
    partition: Partition,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    slab: Slab | null,
    now: number,
    outcome: AppendOutcome,
  ): void {
    const journal = this.#journal;
    const producer = batchProducerId(view, start);
    if (producer >= 0 && !this.#parts.producers.knows(partition.id, producer)) {
      this.#parts.makeRoomForProducer(partition.id);
    }
    if (partition.topic.options.isLogAppendTime) {
      setBatchLogAppendTime(bytes, view, start, now);
      outcome.logAppendTime = now;
    }
    outcome.baseOffset = journal.appendBatch(partition.log, bytes, view, start, end, slab);
    outcome.lsn = journal.lastLsn;
    outcome.logStart = partition.logStart;
  }

  /** The view of the last bytes is kept. */
  viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = viewOf(bytes);
    }
    return this.#view;
  }

  #refuse(outcome: AppendOutcome, error: BrokerErrorCode, detail: string): false {
    outcome.error = error;
    outcome.detail = detail;
    return false;
  }

  /** Refuses what the content of a batch made impossible; anything else is a bug. */
  #refuseError(outcome: AppendOutcome, error: unknown): false {
    if (!(error instanceof BrokerError)) throw error;
    return this.#refuse(outcome, error.code, error.detail);
  }

  #refuseBatch(outcome: AppendOutcome, fault: BatchFault): false {
    const code = fault < batchRuleFaultFrom ? 'corrupt_batch' : 'invalid_batch';
    return this.#refuse(outcome, code, batchFaultText(fault));
  }
}

function describeProducer(view: DataView, start: number): string {
  return `producer ${batchProducerId(view, start)}, epoch ${batchProducerEpoch(view, start)}`;
}
