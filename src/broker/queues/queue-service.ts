/**
 * Queues at work: every decision about them, and the turns in which they are carried out.
 *
 * Owns: declaring and deleting, consumers coming, the list of queues that want a turn, timers.
 * Leaves: durable state to queues.ts, the turn of one queue to dispatch.ts, looking without taking
 * to queue-browse.ts.
 *
 * A turn comes at the end of a tick, once for all that happened in it: what was settled and given
 * back is journalled, one entry per partition, then ready records go out. A queue wants a turn when
 * its consumers did something, its partitions have news, or a read or a lease mark has come through.
 */

import { assert } from '../../kernel/assert.ts';
import { utf8Length } from '../../kernel/bytes.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { PartitionLog } from '../../log/partition-log.ts';
import { BodyWriter } from '../body.ts';
import { Dispatcher } from './dispatch.ts';
import type { LivePartition } from './live-partition.ts';
import type { ConsumerHandler, LiveQueue } from './live-queue.ts';
import { LiveQueues } from './live-queues.ts';
import { OffsetSet } from './offset-set.ts';
import type { QueueLog, QueuePorts, QueueTopic } from './ports.ts';
import { findQueueOptionFault, type Queue } from './queue.ts';
import { type PeekedRecord, type PeekHost, type PeekRequest, peekQueue } from './queue-browse.ts';
import { type ConsumerHost, QueueConsumer } from './queue-consumer.ts';
import {
  encodeQueueCreated,
  encodeQueueWidened,
  type QueuePosition,
  queueEntryKind,
  settleReason,
} from './queue-entries.ts';
import { expiryScanMsPerThousand, queueNameBytesMax, queuesPerTopicMax } from './queue-limits.ts';
import type { Queues } from './queues.ts';
import { Reclaimer } from './reclaim.ts';
import { RecordSource } from './record-source.ts';
import { SettlementWriter } from './settlement-writer.ts';

/** What of the topic a new queue gets to see. */
export type QueueStart = 'earliest' | 'latest';

export interface QueueSpec {
  readonly topic: QueueTopic;
  readonly name: string;
  readonly start: QueueStart;
  readonly options: ReadonlyMap<string, string>;
}

export interface DeclareOutcome {
  readonly error: BrokerErrorCode | null;
  readonly detail: string;
  readonly queue: Queue | null;
  readonly isNew: boolean;
  /** The answer waits until this is committed. */
  readonly lsn: number;
}

export interface ConsumeOptions {
  /** Deliveries allowed at first; Infinity is no limit. */
  readonly credit: number;
  /** Settle each delivery as it is made: at most once. */
  readonly isSettledOnDelivery?: boolean;
}

export interface QueueDepth {
  /** Committed, not settled, not out with a consumer. */
  readonly ready: number;
  /** Of those ready: they were out before. */
  readonly returned: number;
  /** Out with a consumer. */
  readonly leased: number;
  /** Per partition: the first offset that is not settled. */
  readonly floors: readonly number[];
  readonly consumers: number;
}

export interface PurgeOutcome {
  readonly count: number;
  readonly lsn: number;
}

/** The LSN of what will not be confirmed. */
const neverCommitted = Number.MAX_SAFE_INTEGER;

export class QueueService implements ConsumerHost, PeekHost {
  private readonly queues: Queues;
  readonly log: QueueLog;
  private readonly ports: QueuePorts;
  readonly source: RecordSource;
  private readonly writer: SettlementWriter;
  private readonly dispatcher: Dispatcher;
  private readonly reclaimer: Reclaimer;
  private readonly body = new BodyWriter();
  private readonly live: LiveQueues;
  private dirty: LiveQueue[] = [];
  /** Wait for their lease mark to be committed. */
  private marking: LiveQueue[] = [];
  private isTurnSet = false;
  private isStopped = false;
  private readonly waiters = new Map<number, (() => void)[]>();

  constructor(queues: Queues, log: QueueLog, ports: QueuePorts) {
    this.queues = queues;
    this.log = log;
    this.ports = ports;
    this.live = new LiveQueues(log);
    this.source = new RecordSource(log, ports);
    this.source.onLoaded = (partitionId) => this.loaded(partitionId);
    this.writer = new SettlementWriter(log);
    this.dispatcher = new Dispatcher(this.source, this.writer);
    this.reclaimer = new Reclaimer(queues, log, ports.scheduler);
  }

  /** Once the log is open, before anything else is called. */
  start(): void {
    for (const queue of this.queues.all()) {
      for (const partition of queue.partitions) {
        const log = this.log.partition(partition.partitionId);
        // The mark runs ahead of the log: what was not there yet was not delivered either.
        partition.redeliveredBelow = Math.min(partition.leaseMark, log?.logEnd ?? 0);
        this.reclaimer.check(partition.partitionId);
      }
    }
    this.log.onCommit((changed, highWatermark) => this.committed(changed, highWatermark));
  }

  /** Makes a queue on a topic, or finds the one there is if it has the same options. */
  declare(spec: QueueSpec): DeclareOutcome {
    const { topic, name, options } = spec;
    const present = this.queues.find(topic.id, name);
    if (present !== undefined) {
      const lsn = Math.max(present.lastLsn, topic.lastLsn);
      if (equalOptions(present.options, options)) return declared(present, false, lsn);
      return refused('queue_exists', name, lsn);
    }
    const fault = findQueueOptionFault(options);
    if (fault !== null) return refused('invalid_config', fault, topic.lastLsn);
    const nameBytes = utf8Length(name);
    if (nameBytes === 0 || nameBytes > queueNameBytesMax) {
      return refused('limit_exceeded', `a queue name of ${nameBytes} bytes`, topic.lastLsn);
    }
    if (this.queues.ofTopic(topic.id).length >= queuesPerTopicMax) {
      return refused('limit_exceeded', 'queues of this topic', topic.lastLsn);
    }
    const queueId = this.queues.nextQueueId;
    const positions = this.positionsOn(topic.partitions, spec.start);
    encodeQueueCreated(this.body.reset(), {
      queueId,
      topicId: topic.id,
      name,
      options,
      positions,
    });
    const lsn = this.append(queueEntryKind.created);
    const queue = this.queues.byId(queueId);
    assert(queue !== undefined, 'a created queue is there');
    return declared(queue, true, lsn);
  }

  /** Deletes a queue; its consumers are told. Returns the LSN that the answer waits for. */
  delete(queue: Queue): number {
    if (queue.isDeleted) return queue.lastLsn;
    if (this.isHalted) return neverCommitted;
    const live = this.live.find(queue);
    if (live !== undefined) this.live.retire(live);
    const lsn = this.append(queueEntryKind.deleted, this.body.reset().uint32(queue.id));
    for (const { partitionId } of queue.partitions) {
      this.reclaimer.check(partitionId);
      if (this.queues.readersOf(partitionId).length > 0) continue;
      this.source.forget(partitionId);
      // Nothing that was being read comes through any more: whoever waits for it looks again.
      this.loaded(partitionId);
    }
    return lsn;
  }

  /** Deletes the queues of a topic that is being deleted. */
  deleteOf(topicId: number): void {
    for (const queue of this.queues.ofTopic(topicId)) this.delete(queue);
  }

  /** After replay: completes the deletion of topics that a crash has cut short. */
  repair(hasTopic: (topicId: number) => boolean): void {
    for (const queue of [...this.queues.all()]) if (!hasTopic(queue.topicId)) this.delete(queue);
  }

  /** The topic has got partitions: its queues read them too, from their beginning. */
  widen(topic: QueueTopic): void {
    for (const queue of this.queues.ofTopic(topic.id)) {
      const added = topic.partitions.filter(({ id }) => queue.partitionOf(id) === undefined);
      if (added.length === 0) continue;
      const positions = this.positionsOn(added, 'earliest');
      encodeQueueWidened(this.body.reset(), { queueId: queue.id, positions });
      this.append(queueEntryKind.widened);
      const live = this.live.find(queue);
      if (live !== undefined) {
        this.live.addPartitions(live);
        this.wake(live);
      }
    }
  }

  /** Null when the queue is gone. Deliveries begin at the end of the tick at the earliest. */
  consume(queue: Queue, handler: ConsumerHandler, options: ConsumeOptions): QueueConsumer | null {
    if (queue.isDeleted || this.isHalted) return null;
    const live = this.live.of(queue);
    const slot = live.addConsumer(handler, options.isSettledOnDelivery ?? false);
    slot.credit = options.credit;
    live.updateTurn(slot);
    this.wake(live);
    return new QueueConsumer(this, live, slot);
  }

  /**
   * Journals everything gathered for the queue now instead of at the end of the tick. Returns the LSN
   * that confirms all that its consumers have settled or given back so far.
   */
  flush(queue: Queue): number {
    const live = this.live.find(queue);
    if (live === undefined) return queue.lastLsn;
    if (this.isHalted) return neverCommitted;
    this.flushLive(live);
    return live.lastLsn;
  }

  depth(queue: Queue): QueueDepth {
    const live = this.live.find(queue);
    let ready = 0;
    let returned = 0;
    const floors: number[] = [];
    for (const state of queue.partitions) {
      floors.push(state.floor);
      const log = this.log.partition(state.partitionId);
      if (log !== undefined) ready += state.unsettledIn(log.logStart, log.highWatermark);
    }
    for (const partition of live?.partitions ?? []) {
      ready -= partition.settlingCount;
      returned += partition.returned.size;
    }
    const leased = live?.leases.size ?? 0;
    const consumers = live?.consumers.size ?? 0;
    return { ready: Math.max(0, ready - leased), returned, leased, floors, consumers };
  }

  /** Settles everything that is committed and not out with a consumer. */
  purge(queue: Queue): PurgeOutcome {
    if (this.isHalted || queue.isDeleted) return { count: 0, lsn: neverCommitted };
    const live = this.live.of(queue);
    this.flushLive(live);
    let count = 0;
    for (const partition of live.partitions) count += this.purgePartition(live, partition);
    return { count, lsn: live.lastLsn };
  }

  /** Shows unsettled records without taking them; never calls back within the call. */
  peek(request: PeekRequest, done: (records: PeekedRecord[]) => void): void {
    peekQueue(this, request, done);
  }

  /** Where a consumer holds a record: the delivery's number, else 0. */
  leaseAttempt(queue: Queue, partition: number, offset: number): number {
    const leases = this.live.find(queue)?.leases;
    const slot = leases?.find(partition, offset) ?? -1;
    return slot === -1 || leases === undefined ? 0 : leases.attempts[slot]!;
  }

  /** Calls back once when the partition's read that is under way has come through. */
  whenLoaded(partitionId: number, done: () => void): void {
    const waiters = this.waiters.get(partitionId);
    if (waiters === undefined) this.waiters.set(partitionId, [done]);
    else waiters.push(done);
  }

  /**
   * Delivers nothing any more and journals what is left to say, so that after this stop only what
   * was really out comes back as redelivered.
   */
  drain(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    if (this.log.fault !== null) return;
    for (const live of this.live.all()) {
      for (const consumer of live.consumers.values()) live.giveBackAll(consumer, true);
      this.flushLive(live);
      for (const partition of live.partitions) {
        const { cursor, state } = partition;
        const mark = Math.max(cursor, state.redeliveredBelow);
        if (state.leaseMark > mark) this.writer.mark(live, partition, mark);
      }
      live.expiry?.cancel();
    }
    this.reclaimer.advanceAll();
  }

  // What consumers need; see ConsumerHost.

  // HOT: most calls find the queue waiting already.
  wake(live: LiveQueue): void {
    if (live.isDirty || this.isStopped) return;
    live.isDirty = true;
    this.dirty.push(live);
    if (this.isTurnSet) return;
    this.isTurnSet = true;
    this.ports.scheduler.endOfTick(() => this.takeTurns());
  }

  endOfTick(task: () => void): void {
    this.ports.scheduler.endOfTick(task);
  }

  now(): number {
    return this.ports.clock.monotonic();
  }

  // HOT: nearly always later than the timer that is set.
  watchDeadline(live: LiveQueue, deadline: number): void {
    if (deadline >= live.expiryAt || this.isStopped) return;
    live.expiry?.cancel();
    live.expiryAt = deadline;
    const delayMs = Math.max(0, deadline - this.now());
    live.expiry = this.ports.scheduler.after(delayMs, () => this.expire(live));
  }

  /** Nothing can be journalled any more, or nothing is to be. */
  private get isHalted(): boolean {
    return this.isStopped || this.log.fault !== null;
  }

  /** One turn for each queue that wants one. */
  private takeTurns(): void {
    this.isTurnSet = false;
    if (this.isHalted) return;
    const turns = this.dirty;
    this.dirty = [];
    const now = this.now();
    const unfinished: LiveQueue[] = [];
    for (const live of turns) {
      live.isDirty = false;
      if (live.queue.isDeleted) continue;
      this.flushLive(live);
      const hasMore = this.dispatcher.run(live, now);
      // What was settled during the deliveries belongs to this tick.
      this.flushLive(live);
      if (live.queue.leaseMs > 0 && live.leases.size > 0) {
        this.watchDeadline(live, now + live.queue.leaseMs);
      }
      if (live.partitions.some((partition) => partition.markLsn !== -1)) this.awaitMark(live);
      if (hasMore && !live.queue.isDeleted) unfinished.push(live);
    }
    if (unfinished.length > 0) {
      this.ports.scheduler.nextSlice(() => {
        for (const live of unfinished) this.wake(live);
      });
    }
  }

  /** A group is committed. */
  // HOT: once per group.
  private committed(changed: readonly PartitionLog[], highWatermark: number): void {
    for (const { id } of changed) {
      for (const live of this.live.readersOf(id)) if (live.turn !== null) this.wake(live);
    }
    if (this.marking.length === 0) return;
    const marking = this.marking;
    this.marking = [];
    for (const live of marking) {
      live.isMarking = false;
      for (const partition of live.partitions) {
        if (partition.markLsn !== -1 && partition.markLsn < highWatermark) {
          partition.markCommitted();
          this.wake(live);
        }
      }
      if (live.partitions.some((partition) => partition.markLsn !== -1)) this.awaitMark(live);
    }
  }

  private awaitMark(live: LiveQueue): void {
    if (live.isMarking) return;
    live.isMarking = true;
    this.marking.push(live);
  }

  private loaded(partitionId: number): void {
    for (const live of this.live.readersOf(partitionId)) this.wake(live);
    const waiters = this.waiters.get(partitionId);
    if (waiters === undefined) return;
    this.waiters.delete(partitionId);
    for (const done of waiters) done();
  }

  private expire(live: LiveQueue): void {
    live.expiry = null;
    live.expiryAt = Number.POSITIVE_INFINITY;
    if (this.isHalted || live.queue.isDeleted) return;
    const now = this.now();
    if (live.expire(now) > 0) this.wake(live);
    const next = live.leases.earliestDeadline();
    if (next === Number.POSITIVE_INFINITY) return;
    // A look costs time in proportion to the slots: many leases are looked at less often.
    const spacing = (live.leases.slots / 1000) * expiryScanMsPerThousand;
    this.watchDeadline(live, Math.max(next, now + spacing));
  }

  private flushLive(live: LiveQueue): void {
    this.writer.flush(live, this.onSettled);
  }

  private readonly onSettled = (partition: LivePartition, offsets: OffsetSet): void => {
    this.reclaimer.settled(partition.state.partitionId, offsets);
  };

  private purgePartition(live: LiveQueue, partition: LivePartition): number {
    const { state, log, returned } = partition;
    const end = log.highWatermark;
    if (end <= state.floor) return 0;
    const offsets = new OffsetSet();
    offsets.addRange(state.floor, end);
    const { leases } = live;
    let count = state.unsettledIn(log.logStart, end);
    for (let slot = 0; slot < leases.slots; slot++) {
      if (leases.consumers[slot] === -1 || leases.partitions[slot] !== state.index) continue;
      const offset = leases.offsets[slot]!;
      offsets.removeRange(offset, offset + 1);
      if (offset >= log.logStart) count--;
    }
    if (count === 0) return 0;
    returned.clear();
    partition.cursor = Math.max(partition.cursor, end);
    this.writer.settle(live, partition, offsets, settleReason.purged);
    this.reclaimer.settled(state.partitionId, offsets);
    return count;
  }

  private positionsOn(
    partitions: readonly { readonly id: number }[],
    start: QueueStart,
  ): QueuePosition[] {
    return partitions.map(({ id }) => {
      const log = this.log.partition(id);
      assert(log !== undefined, 'the partitions of a topic are there');
      return { partitionId: id, firstOffset: start === 'latest' ? log.logEnd : log.logStart };
    });
  }

  private append(kind: number, body: BodyWriter = this.body): number {
    return this.log.appendEntry(kind, body.bytes, 0, body.length);
  }
}

function declared(queue: Queue, isNew: boolean, lsn: number): DeclareOutcome {
  return { error: null, detail: '', queue, isNew, lsn };
}

function refused(error: BrokerErrorCode, detail: string, lsn: number): DeclareOutcome {
  return { error, detail, queue: null, isNew: false, lsn };
}

function equalOptions(
  left: ReadonlyMap<string, string>,
  right: ReadonlyMap<string, string>,
): boolean {
  if (left.size !== right.size) return false;
  for (const [name, value] of left) if (right.get(name) !== value) return false;
  return true;
}
