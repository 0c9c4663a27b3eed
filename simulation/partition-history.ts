/**
 * What has been seen of one partition, by anybody, in any life: what has to stay true of it.
 *
 * Owns: which batch lies at which offset, how far log start and high watermark have come, and the
 * checks of whatever is read or answered.
 * Leaves: what may be let go to `topic-history.ts`.
 *
 * An answer, a read and a delivery count the same: what somebody has seen has been promised. So a
 * batch that is seen has its place for ever, and the high watermark that is seen never goes back.
 */
import { viewOf } from '../src/kernel/bytes.ts';
import {
  batchBaseOffset,
  batchCrc,
  batchLastOffsetDelta,
  batchLeaderEpoch,
  batchProducerId,
  batchRecordCount,
  batchSize,
  computeBatchCrc,
} from '../src/record/batch.ts';
import { readRecords } from '../src/record/batch-reader.ts';
import type { Sent, SentLedger } from './sent.ts';
import type { TopicKind, TopicStage } from './topic-kind.ts';
import { promise } from './violation.ts';

const DECODED_BYTES_MAX = 16 * 1024 * 1024;

/** A batch whose place is known. */
export interface Placed {
  readonly base: number;
  readonly end: number;
  readonly sent: Sent;
  /** -1 until somebody has read it. */
  epoch: number;
}

/** What a partition asks of the topic that it belongs to. */
export interface PartitionOwner {
  readonly name: string;
  readonly uuid: string;
  readonly kind: TopicKind;
  readonly stage: TopicStage;
  checkTrim(partition: PartitionHistory, placed: Placed, end: number): void;
  mayBeAbsent(partition: PartitionHistory, first: number, end: number): boolean;
}

export class PartitionHistory {
  readonly topic: PartitionOwner;
  readonly index: number;
  /** Sorted by offset. */
  readonly placed: Placed[] = [];
  /** Nobody may see less than this any more. */
  hwSeen = 0;
  startSeen = 0;
  /** Deletions of records: the highest one asked for. */
  startAsked = 0;
  /** Accepted by the broker, and not seen by anybody yet. */
  readonly open = new Set<Sent>();
  private readonly ledger: SentLedger;

  constructor(topic: PartitionOwner, index: number, ledger: SentLedger) {
    this.topic = topic;
    this.index = index;
    this.ledger = ledger;
  }

  get name(): string {
    return `${this.topic.name}/${this.index}`;
  }

  /** Somebody was told, or has read, that `sent` begins at `base`. */
  place(sent: Sent, base: number, epoch: number): void {
    const known = sent.places.get(this);
    if (known !== undefined) {
      promise(known === base, `batch ${sent.tag} is at ${this.name} ${known} and at ${base}`);
    }
    const at = this.indexOf(base);
    const here = this.placed[at];
    const end = base + sent.recordCount;
    if (here?.base === base) {
      promise(
        here.sent === sent,
        `${this.name} ${base} held batch ${here.sent.tag} and now batch ${sent.tag}`,
      );
      if (here.epoch === -1) here.epoch = epoch;
      promise(epoch === -1 || here.epoch === epoch, `${this.name} ${base} changed its epoch`);
      return;
    }
    promise(sent.spec.targets.includes(this), `batch ${sent.tag} was not sent to ${this.name}`);
    promise(sent.accepted > 0, `batch ${sent.tag} was refused, and is at ${this.name} ${base}`);
    const before = this.placed[at - 1];
    promise(
      (before === undefined || before.end <= base) && (here === undefined || end <= here.base),
      `batch ${sent.tag} at ${this.name} ${base} overlaps another one`,
    );
    this.placed.splice(at, 0, { base, end, sent, epoch });
    sent.places.set(this, base);
    this.open.delete(sent);
    this.hwSeen = Math.max(this.hwSeen, end);
  }

  /** The broker shows these bounds. */
  noteBounds(logStart: number, highWatermark: number): void {
    promise(
      highWatermark >= this.hwSeen,
      `${this.name} ends at ${highWatermark}, though ${this.hwSeen} had been seen`,
    );
    promise(
      logStart >= this.startSeen,
      `${this.name} starts at ${logStart}, though ${this.startSeen} had been seen`,
    );
    promise(logStart <= highWatermark, `${this.name} starts past its end`);
    if (logStart > this.startSeen) this.noteTrim(logStart);
    this.hwSeen = highWatermark;
    this.startSeen = logStart;
  }

  /** Somebody was told that there is something below `end`. */
  noteEnd(end: number): void {
    this.hwSeen = Math.max(this.hwSeen, end);
  }

  private noteTrim(logStart: number): void {
    for (let i = this.indexOf(this.startSeen); i < this.placed.length; i++) {
      const placed = this.placed[i];
      if (placed === undefined || placed.base >= logStart) break;
      this.topic.checkTrim(this, placed, Math.min(placed.end, logStart));
    }
  }

  /**
   * Checks batches read from `from` on, when the log ended at `highWatermark`. Returns the offset after
   * them.
   */
  observe(bytes: Uint8Array, from: number, highWatermark: number): number {
    const view = viewOf(bytes);
    let next = from;
    for (let at = 0; at < bytes.length; at += batchSize(view, at)) {
      promise(at + batchSize(view, at) <= bytes.length, `a read of ${this.name} ends in a batch`);
      const base = batchBaseOffset(view, at);
      const end = base + batchLastOffsetDelta(view, at) + 1;
      const isNext = at === 0 ? base <= from && from < end : base === next;
      promise(
        isNext || (base > next && this.topic.mayBeAbsent(this, next, base)),
        `${this.name}: ${next} was to be read, ${base} to ${end} came at byte ${at} of ${bytes.length}`,
      );
      promise(end <= highWatermark, `${this.name} ${base} was read past the high watermark`);
      this.observeBatch(bytes, view, at, base);
      next = end;
    }
    return next;
  }

  private observeBatch(bytes: Uint8Array, view: DataView, at: number, base: number): void {
    const epoch = batchLeaderEpoch(view, at);
    const sent = this.ledger.recogniseBatch(bytes, view, at);
    if (sent !== undefined) {
      promise(
        batchRecordCount(view, at) === sent.recordCount,
        `batch ${sent.tag} has ${batchRecordCount(view, at)} records`,
      );
      const isFirst = sent.spec.targets[0] === this;
      const producer = isFirst ? sent.spec.producerId : -1;
      const found = batchProducerId(view, at);
      promise(found === producer || found === sent.spec.producerId, 'the producer is another');
      return this.place(sent, base, epoch);
    }
    const isSound = computeBatchCrc(bytes, view, at) === batchCrc(view, at);
    promise(isSound, `${this.name} ${base}: damaged bytes were served`);
    this.observeRecords(bytes, view, at, epoch);
  }

  /** A batch that the broker made, or made anew: its records tell. */
  private observeRecords(bytes: Uint8Array, view: DataView, at: number, epoch: number): void {
    const records = readRecords(bytes, view, at, DECODED_BYTES_MAX);
    let next = 0;
    for (const { offset, value } of records) {
      const { sent, index } = this.ledger.recogniseRecord(value);
      promise(index === next, `batch ${sent.tag}: record ${index} follows record ${next - 1}`);
      if (index === 0) this.place(sent, offset, epoch);
      next = index + 1 === sent.recordCount ? 0 : index + 1;
    }
    promise(next === 0, `${this.name}: a part of a batch was read`);
  }

  /** The first placed batch that ends after `offset`. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.placed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.placed[middle]?.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Places without a gap in [from, end)? Then look-ups can be checked against them. */
  isKnown(from: number, end: number): boolean {
    let next = from;
    for (let i = this.indexOf(from); next < end; i++) {
      const placed = this.placed[i];
      if (placed === undefined || placed.base > next) return false;
      next = placed.end;
    }
    return true;
  }
}
