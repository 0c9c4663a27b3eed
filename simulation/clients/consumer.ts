/**
 * Queue consumers: they declare, take, settle, give back, let leases run out, and go away.
 */
import type {
  ConsumerHandler,
  Delivery,
  Queue,
  QueueConsumer,
} from '../../src/broker/queues/index.ts';
import type { Life } from '../life.ts';
import { QueueHistory, type QueueOwner } from '../queue-history.ts';
import { promise } from '../violation.ts';
import { Client, partitionIn } from './client.ts';

/** The broker's side of a queue: found by declaring it again. Null when that has made it. */
export function queueIn(life: Life, history: QueueHistory): Queue | null {
  const topic = life.broker.topicByUuid(history.topic.uuid);
  promise(topic !== undefined, `${history.topic.name} is there`);
  const { name, options } = history;
  const outcome = life.broker.declareQueue({ topic, name, start: 'earliest', options });
  promise(outcome.error === null, `queue ${name} of ${topic.name}: ${outcome.error}`);
  return outcome.isNew ? null : outcome.queue;
}

interface Held {
  readonly partition: number;
  readonly offset: number;
}

export class Consumer extends Client implements ConsumerHandler {
  private life: Life | null = null;
  private history: QueueHistory | null = null;
  private handle: QueueConsumer | null = null;
  private number = 0;
  private held: Held[] = [];
  private isDeclaring = false;
  /** The only queue that it takes from, if there is one. */
  private own: QueueHistory | null = null;

  take(queue: QueueHistory): void {
    this.own = queue;
  }

  override connect(life: Life): void {
    this.life = life;
    this.handle = null;
    this.held = [];
    this.isDeclaring = false;
    super.connect(life);
  }

  protected override step(life: Life): void {
    const { handle, random, stage } = this;
    if (handle === null) return this.attach(life);
    if (handle.queue.isDeleted) return this.detach();
    if (stage.isHealing) return this.settleAll(life);
    const draw = random.fraction();
    if (draw < 0.45) this.settleSome(life);
    else if (draw < 0.6) this.giveBackSome(random.chance(0.5));
    else if (draw < 0.65) this.extendOne();
    else if (draw < 0.7) handle.setCredit(random.pick([0, 1, 10, 300]));
    else if (draw < 0.72) this.leave(life);
    else if (draw < 0.75) this.confirm(life);
    else if (draw < 0.76) this.purge(life);
    else if (draw < 0.77 && random.chance(0.2)) this.deleteQueue(life);
    else handle.grant(random.between(0, 5));
  }

  private attach(life: Life): void {
    const topic = this.own?.topic ?? this.pickTopic();
    if (life.broker.fault !== null) return;
    if (topic === undefined || (this.own !== null && this.own.stage !== 'there')) return;
    const queues = topic.queues.filter((queue) => queue.stage === 'there');
    const known = this.own ?? queues[this.random.below(queues.length)];
    if (
      known === undefined ||
      (this.own === null && queues.length < 2 && this.random.chance(0.1))
    ) {
      return this.declare(life, topic);
    }
    const queue = queueIn(life, known);
    promise(queue !== null, `queue ${known.name} of ${topic.name} is there`);
    const { random } = this;
    this.number = ++this.stage.consumers;
    this.history = known;
    const credit = this.stage.isHealing ? Number.POSITIVE_INFINITY : random.pick([1, 5, 50, 300]);
    this.handle = life.broker.queues.consume(queue, this, { credit });
    this.stage.world.note('consumer.attached');
  }

  private declare(life: Life, topic: QueueOwner): void {
    const found = life.broker.topicByUuid(topic.uuid);
    if (found === undefined || this.isDeclaring || this.stage.isHealing) return;
    const { random, stage } = this;
    const name = `queue-${random.below(3)}`;
    if (topic.queues.some((queue) => queue.name === name && queue.stage !== 'gone')) return;
    const leaseMs = random.pick([0, 0, 20, 500]);
    const start = random.chance(0.7) ? 'earliest' : 'latest';
    const history = new QueueHistory(topic, name, leaseMs, stage.ledger);
    const { options } = history;
    const outcome = life.broker.declareQueue({ topic: found, name, start, options });
    if (outcome.error !== null) return life.promiseExcused(outcome.error, 'no queue was declared');
    promise(outcome.isNew, `queue ${name} of ${topic.name} was not there, and is`);
    const logOf = (index: number) => found.partitions[index]?.log;
    history.begin(
      (index) => (start === 'earliest' ? logOf(index)?.logStart : logOf(index)?.logEnd) ?? 0,
      (index) => logOf(index)?.logEnd ?? 0,
    );
    topic.queues.push(history);
    this.isDeclaring = true;
    life.answer(outcome.lsn, (error) => {
      this.isDeclaring = false;
      if (error !== null) return;
      stage.world.note('queue.declared');
      if (history.stage === 'creating') history.stage = 'there';
    });
  }

  onDelivery(delivery: Delivery): void {
    const { life, history } = this;
    promise(history !== null && life !== null, 'a delivery comes to a consumer');
    if (life.isOver) return;
    const partitionHistory = history.topic.partitions[delivery.partition];
    promise(partitionHistory !== undefined, 'a delivery is of a partition of the topic');
    const partition = partitionIn(life, partitionHistory);
    promise(partition !== undefined, 'a delivery is of a partition that is there');
    const { highWatermark, log } = partition;
    history.deliver(delivery, this.number, highWatermark, log.logStart);
    this.stage.world.note(delivery.isRedelivered ? 'queue.redelivered' : 'queue.delivered');
    this.held.push({ partition: delivery.partition, offset: delivery.offset });
    if (this.random.chance(0.02)) this.giveBackSome(true);
  }

  onCancelled(): void {
    this.detach();
  }

  onLeaseExpired(partition: number, offset: number): void {
    const held = this.history?.release(this.number, partition, offset, offset + 1, true) ?? [];
    promise(held.length === 1, `a lease of ${offset} expired that nobody held`);
    this.forget(partition, offset, offset + 1);
    this.stage.world.note('queue.lease_expired');
  }

  private detach(): void {
    this.handle = null;
    this.history = null;
    this.held = [];
  }

  private settleSome(life: Life): void {
    const range = this.someRange();
    if (range === null) return;
    this.settle(life, range.partition, range.first, range.end);
  }

  private settleAll(life: Life): void {
    for (const { partition } of this.history?.topic.partitions.map((_, i) => ({ partition: i })) ??
      [])
      this.settle(life, partition, 0, Number.MAX_SAFE_INTEGER);
    this.handle?.setCredit(Number.POSITIVE_INFINITY);
  }

  private settle(life: Life, partition: number, first: number, end: number): void {
    const { handle, history } = this;
    if (handle === null || history === null) return;
    const held = history.settle(this.number, partition, first, end);
    const count = this.random.chance(0.8)
      ? handle.settle(partition, first, end)
      : handle.reject(partition, first, end);
    promise(count === held.length, `${count} were settled of ${held.length} that were held`);
    this.forget(partition, first, end);
    if (count > 0 && this.random.chance(0.7)) this.confirm(life);
  }

  private giveBackSome(isCounted: boolean): void {
    const range = this.someRange();
    const { handle, history } = this;
    if (range === null || handle === null || history === null) return;
    const { partition, first, end } = range;
    const held = history.release(this.number, partition, first, end, isCounted);
    const count = handle.release(partition, first, end, isCounted);
    promise(count === held.length, `${count} were given back of ${held.length} that were held`);
    this.forget(partition, first, end);
    this.stage.world.note('queue.released', count);
  }

  private extendOne(): void {
    const some = this.held[this.random.below(this.held.length)];
    if (some === undefined || this.history?.leaseMs === 0) return;
    const isHeld = this.handle?.extend(some.partition, some.offset, 1000);
    promise(isHeld === true, 'a lease that is held can be extended');
  }

  /** Asks for a confirmation of all that was said so far. */
  private confirm(life: Life): void {
    const { handle, history } = this;
    if (handle === null || history === null) return;
    const lsn = life.broker.queues.flush(handle.queue);
    const confirmed = history.confirmation();
    life.answerFromState(lsn, (error) => {
      if (error !== null) return;
      this.stage.world.note('queue.confirmed');
      confirmed();
    });
  }

  private leave(life: Life): void {
    const { handle, history } = this;
    const isCounted = this.random.chance(0.5);
    history?.releaseAll(this.number, isCounted);
    handle?.close(isCounted);
    if (this.random.chance(0.5)) this.confirm(life);
    this.detach();
    this.stage.world.note('consumer.left');
  }

  private purge(life: Life): void {
    const { handle, history } = this;
    if (handle === null || history === null || !this.random.chance(0.2)) return;
    const ends = history.topic.partitions.map(
      (partition) => partitionIn(life, partition)?.highWatermark ?? 0,
    );
    const { lsn } = life.broker.queues.purge(handle.queue);
    history.purge(ends);
    const confirmed = history.confirmation();
    life.answerFromState(lsn, (error) => {
      if (error === null) confirmed();
    });
    this.stage.world.note('queue.purged');
  }

  private deleteQueue(life: Life): void {
    const { handle, history } = this;
    if (handle === null || history === null) return;
    history.stage = 'deleting';
    const lsn = life.broker.queues.delete(handle.queue);
    life.answer(lsn, (error) => {
      if (error === null) history.stage = 'gone';
    });
    this.stage.world.note('queue.deleted');
  }

  private someRange(): { partition: number; first: number; end: number } | null {
    const some = this.held[this.random.below(this.held.length)];
    if (some === undefined) return null;
    const isOne = this.random.chance(0.6);
    const end = some.offset + (isOne ? 1 : this.random.between(1, 40));
    return { partition: some.partition, first: some.offset, end };
  }

  private forget(partition: number, first: number, end: number): void {
    this.held = this.held.filter(
      (held) => held.partition !== partition || held.offset < first || held.offset >= end,
    );
  }
}
