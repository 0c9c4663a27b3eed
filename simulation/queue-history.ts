/**
 * What clients know of a queue: what was delivered, what is settled, what has to come next.
 *
 * Owns: per partition the settled, the leased and the returned offsets as its consumers see them, and
 * the checks of every delivery.
 *
 *   settled     confirmed: never delivered again, in no life
 *   settling    asked for in this life: not delivered again in it, after a crash perhaps
 *   doubtful    asked for in an earlier life and never confirmed: may come back or not
 */
import type { Delivery } from '../src/broker/queues/index.ts';
import { LowestFirst } from './lowest-first.ts';
import type { PartitionHistory } from './partition-history.ts';
import type { SentLedger } from './sent.ts';
import type { TopicKind, TopicStage } from './topic-kind.ts';
import { promise } from './violation.ts';

/** What a queue asks of the topic that it reads. */
export interface QueueOwner {
  readonly name: string;
  readonly uuid: string;
  readonly kind: TopicKind;
  readonly stage: TopicStage;
  readonly partitions: readonly PartitionHistory[];
  readonly queues: QueueHistory[];
}

export class QueuePartitionHistory {
  readonly partition: PartitionHistory;
  /** The queue sees what comes from here on. */
  readonly from: number;
  readonly settled = new Set<number>();
  readonly settling = new Set<number>();
  readonly doubtful = new Set<number>();
  /** Deliveries of each offset, in all lives. */
  readonly deliveries = new Map<number, number>();
  /** Attempts that are confirmed, and those of this life. */
  readonly attempts = new Map<number, number>();
  readonly attemptsOpen = new Map<number, number>();
  /** Of this life: who holds what, what came back, how far fresh deliveries have come. */
  readonly leased = new Map<number, { readonly consumer: number; readonly attempt: number }>();
  readonly returned = new LowestFirst();
  cursor: number;
  /** Settled and given back in this life and not confirmed yet, in the order of the calls. */
  readonly unconfirmed: { readonly offset: number; readonly attempt: number }[] = [];
  /** Below it records may be gone that other queues had settled before this one was declared. */
  goneBelow = 0;
  /** Below it a record may be flagged though it was never delivered: the broker could not know. */
  flagBelow = 0;
  private isInDoubt = false;

  constructor(partition: PartitionHistory, from: number) {
    this.partition = partition;
    this.from = from;
    this.cursor = from;
  }

  mayBeSettled(offset: number): boolean {
    if (offset < Math.max(this.from, this.goneBelow) || this.settled.has(offset)) return true;
    return this.settling.has(offset) || this.doubtful.has(offset);
  }

  /** Another life begins: leases are gone, what was not confirmed is in doubt. */
  restart(wasClean: boolean, logEnd: number): void {
    for (const offset of this.settling) this.doubtful.add(offset);
    this.settling.clear();
    this.attemptsOpen.clear();
    this.unconfirmed.length = 0;
    this.leased.clear();
    this.returned.clear();
    this.cursor = this.from;
    // A queue that nobody consumes before a clean stop keeps what the crash before left in doubt.
    this.isInDoubt ||= !wasClean;
    if (this.isInDoubt) this.flagBelow = Math.max(this.flagBelow, logEnd);
  }
}

export class QueueHistory {
  readonly topic: QueueOwner;
  readonly name: string;
  readonly leaseMs: number;
  stage: TopicStage = 'creating';
  readonly partitions: QueuePartitionHistory[] = [];
  deliveryCount = 0;
  redeliveryCount = 0;
  private readonly ledger: SentLedger;

  constructor(topic: QueueOwner, name: string, leaseMs: number, ledger: SentLedger) {
    this.topic = topic;
    this.name = name;
    this.leaseMs = leaseMs;
    this.ledger = ledger;
  }

  /** The topic has got partitions: everything in them is to be delivered. */
  widen(partitions: readonly PartitionHistory[]): void {
    for (const partition of partitions.slice(this.partitions.length)) {
      this.partitions.push(new QueuePartitionHistory(partition, 0));
    }
  }

  mayBeSettled(index: number, first: number, end: number): boolean {
    if (this.stage === 'deleting' || this.stage === 'gone') return true;
    const partition = this.partitions[index];
    if (partition === undefined) return false;
    for (let offset = first; offset < end; offset++) {
      if (!partition.mayBeSettled(offset)) return false;
    }
    return true;
  }

  /** Makes it known what it sees of each partition: from `startOf` on, with the log as it is now. */
  begin(startOf: (index: number) => number, logEndOf: (index: number) => number): void {
    const { partitions, kind, queues } = this.topic;
    const mayHaveGaps = kind === 'settled' && queues.length > 0;
    this.partitions.length = 0;
    partitions.forEach((partition, index) => {
      const added = new QueuePartitionHistory(partition, startOf(index));
      if (mayHaveGaps) added.goneBelow = logEndOf(index);
      this.partitions.push(added);
    });
  }

  get options(): ReadonlyMap<string, string> {
    return new Map(this.leaseMs > 0 ? [['lease.ms', `${this.leaseMs}`]] : []);
  }

  /** Everything below the high watermarks `ends` that is not out with a consumer. */
  purge(ends: readonly number[]): void {
    this.partitions.forEach((partition, index) => {
      const end = ends[index] ?? 0;
      for (let offset = partition.from; offset < end; offset++) {
        if (partition.settled.has(offset) || partition.leased.has(offset)) continue;
        if (partition.settling.has(offset)) continue;
        partition.settling.add(offset);
        partition.unconfirmed.push({ offset, attempt: 0 });
        partition.doubtful.delete(offset);
        partition.returned.delete(offset);
      }
      partition.cursor = Math.max(partition.cursor, end);
    });
  }

  /** `logStart` is what the broker itself goes by; below it records are skipped. */
  deliver(delivery: Delivery, consumer: number, highWatermark: number, logStart: number): void {
    const { offset } = delivery;
    const partition = this.partitions[delivery.partition];
    const what = `queue ${this.name} of ${this.topic.name}/${delivery.partition}: ${offset}`;
    promise(partition !== undefined, `${what} is of a partition that the queue has not`);
    promise(offset < highWatermark, `${what} was delivered past the high watermark`);
    promise(offset >= partition.from, `${what} lies before the queue's beginning`);
    this.checkContent(delivery, partition);
    promise(!partition.settled.has(offset), `${what} came back after its settlement was confirmed`);
    promise(!partition.settling.has(offset), `${what} came back after it was settled`);
    promise(!partition.leased.has(offset), `${what} is out with a consumer and was delivered`);
    this.checkOrder(partition, offset, logStart, what);
    this.checkCounts(delivery, partition, what);
    partition.doubtful.delete(offset);
    partition.deliveries.set(offset, (partition.deliveries.get(offset) ?? 0) + 1);
    partition.leased.set(offset, { consumer, attempt: delivery.attempt });
    this.deliveryCount++;
    if (delivery.isRedelivered) this.redeliveryCount++;
  }

  private checkContent(delivery: Delivery, partition: QueuePartitionHistory): void {
    const { bytes, valueStart, valueLength, offset } = delivery;
    const value = valueLength < 0 ? null : bytes.subarray(valueStart, valueStart + valueLength);
    const { sent, index } = this.ledger.recogniseRecord(value);
    partition.partition.place(sent, offset - index, -1);
  }

  /** What came back goes first, lowest offset first; then what follows the last fresh one. */
  private checkOrder(
    partition: QueuePartitionHistory,
    offset: number,
    logStart: number,
    what: string,
  ): void {
    let lowest = partition.returned.lowest();
    while (lowest !== undefined && lowest < logStart) {
      partition.returned.delete(lowest);
      lowest = partition.returned.lowest();
    }
    if (lowest !== undefined) {
      promise(offset === lowest, `${what} came, though ${lowest} had come back`);
      partition.returned.delete(offset);
      return;
    }
    promise(offset >= partition.cursor, `${what} came again out of order`);
    for (let skipped = Math.max(partition.cursor, logStart); skipped < offset; skipped++) {
      promise(
        partition.mayBeSettled(skipped),
        `${what} came, and ${skipped} was passed over; cursor ${partition.cursor}, log start ${logStart}, from ${partition.from}`,
      );
    }
    partition.cursor = offset + 1;
  }

  private checkCounts(delivery: Delivery, partition: QueuePartitionHistory, what: string): void {
    const { offset, attempt, isRedelivered } = delivery;
    const before = partition.deliveries.get(offset) ?? 0;
    promise(
      before === 0 || isRedelivered,
      `${what} came again without the flag, attempt ${attempt}, before ${before} flagBelow ${partition.flagBelow} doubt ${partition.doubtful.has(offset)} att ${partition.attempts.get(offset)} ${partition.attemptsOpen.get(offset)}`,
    );
    const isExcused = before > 0 || offset < partition.flagBelow;
    promise(!isRedelivered || isExcused, `${what} is flagged, though it was never delivered`);
    const counted = partition.attemptsOpen.get(offset) ?? partition.attempts.get(offset) ?? 0;
    promise(
      attempt > counted && attempt <= before + 1,
      `${what} is attempt ${attempt} after ${counted} counted and ${before} made`,
    );
  }

  /** `consumer` has settled [first, end); returns the offsets that it held. */
  settle(consumer: number, index: number, first: number, end: number): number[] {
    const partition = this.partitions[index];
    if (partition === undefined) return [];
    const held = heldIn(partition, consumer, first, end);
    for (const offset of held) {
      partition.leased.delete(offset);
      partition.settling.add(offset);
      partition.unconfirmed.push({ offset, attempt: 0 });
    }
    return held;
  }

  /** `consumer` has given [first, end) back. */
  release(
    consumer: number,
    index: number,
    first: number,
    end: number,
    isCounted: boolean,
  ): number[] {
    const partition = this.partitions[index];
    if (partition === undefined) return [];
    const held = heldIn(partition, consumer, first, end);
    for (const offset of held) {
      const attempt = partition.leased.get(offset)?.attempt ?? 0;
      partition.leased.delete(offset);
      partition.returned.add(offset);
      if (!isCounted) continue;
      partition.attemptsOpen.set(offset, attempt);
      partition.unconfirmed.push({ offset, attempt });
    }
    return held;
  }

  releaseAll(consumer: number, isCounted: boolean): void {
    for (let index = 0; index < this.partitions.length; index++) {
      this.release(consumer, index, 0, Number.MAX_SAFE_INTEGER, isCounted);
    }
  }

  /** Everything asked for so far. What is returned is to be called when that is committed. */
  confirmation(): () => void {
    const parts = this.partitions.map((partition) => ({
      partition,
      last: partition.unconfirmed.at(-1),
    }));
    return () => {
      for (const { partition, last } of parts) {
        const end = last === undefined ? 0 : partition.unconfirmed.indexOf(last) + 1;
        for (const { offset, attempt } of partition.unconfirmed.splice(0, end)) {
          if (attempt > 0) partition.attempts.set(offset, attempt);
          else if (partition.settling.delete(offset)) partition.settled.add(offset);
        }
      }
    };
  }
}

function heldIn(
  partition: QueuePartitionHistory,
  consumer: number,
  first: number,
  end: number,
): number[] {
  const held: number[] = [];
  if (end - first < partition.leased.size) {
    for (let offset = first; offset < end; offset++) {
      if (partition.leased.get(offset)?.consumer === consumer) held.push(offset);
    }
    return held;
  }
  for (const [offset, lease] of partition.leased) {
    if (lease.consumer === consumer && offset >= first && offset < end) held.push(offset);
  }
  return held;
}
