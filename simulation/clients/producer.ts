/**
 * Producers: batches as Kafka clients send them, to one partition or to several at once.
 *
 * A plain producer sends a batch once; after a crash it may or may not be there. One that numbers its
 * batches sends again, in order, whatever was not answered: each batch is there exactly once.
 */
import { AppendOutcome } from '../../src/broker/index.ts';
import { viewOf } from '../../src/kernel/bytes.ts';
import type { Slab } from '../../src/kernel/slab.ts';
import type { Life } from '../life.ts';
import type { PartitionHistory } from '../partition-history.ts';
import type { Sent, SentSpec } from '../sent.ts';
import { promise } from '../violation.ts';
import { Client, partitionIn } from './client.ts';

const IN_FLIGHT_MAX = 5;
const RETRY_MICROS = 20_000;

const outcome = new AppendOutcome();

/** Bytes that are scribbled over once nobody may look at them any more. */
class LentBytes implements Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private holders = 1;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice();
    this.view = viewOf(this.bytes);
  }

  retain(): void {
    promise(this.holders > 0, 'a slab is retained while it is held');
    this.holders++;
  }

  release(): void {
    promise(this.holders > 0, 'a slab is released once by each holder');
    this.holders--;
    if (this.holders === 0) this.bytes.fill(0xee);
  }
}

export abstract class BatchProducer extends Client {
  protected makeBatch(targets: readonly PartitionHistory[], extras: Partial<SentSpec> = {}): Sent {
    const { scenario, world } = this.stage;
    const { recordsMax, valueBytesMax, largeBytes } = scenario.workload;
    const { random } = this;
    const isLarge = largeBytes > 0 && random.chance(0.1);
    const sent = this.stage.ledger.make({
      targets,
      recordCount: isLarge ? 1 : random.between(1, recordsMax),
      valueBytes: isLarge ? largeBytes : random.between(16, valueBytesMax),
      firstTime: world.wallMs() - random.pick([0, 0, 10, 1000]),
      timeStep: random.pick([0, 1, -1]),
      codec: random.chance(0.1) ? 3 : 0,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      ...extras,
    });
    this.stage.bytesLeft -= sent.bytes.length;
    this.stage.batchesLeft--;
    return sent;
  }

  /** False when it would only be refused or ought to wait. */
  protected maySend(life: Life): boolean {
    const { bytesLeft, batchesLeft, scenario } = this.stage;
    if (bytesLeft <= 0 || batchesLeft <= 0) return false;
    return scenario.workload.ignoresCongestion || !life.broker.isCongested;
  }

  /** Appends a copy of the batch; the outcome is in `outcome`. False when the topic is going. */
  protected append(life: Life, sent: Sent): boolean {
    const { targets } = sent.spec;
    const partitions = targets.map((target) => partitionIn(life, target));
    const first = partitions[0];
    if (first === undefined || partitions.includes(undefined)) return false;
    const lent = new LentBytes(sent.bytes);
    const slab = this.random.chance(0.5) ? lent : null;
    const ends = partitions.map((partition) => partition?.logEnd ?? 0);
    if (targets.length === 1) {
      life.broker.append(first, lent.bytes, 0, lent.bytes.length, slab, outcome);
    } else {
      const all = partitions.filter((partition) => partition !== undefined);
      life.broker.appendToMany(all, lent.bytes, 0, lent.bytes.length, slab, outcome);
    }
    lent.release();
    if (outcome.error !== null) {
      if (outcome.error !== 'out_of_order_sequence')
        life.promiseExcused(outcome.error, `an append to ${targets[0]?.name} was refused`);
      return true;
    }
    const again = outcome.isDuplicate;
    promise(!again || sent.accepted > 0, `batch ${sent.tag} is a duplicate of nothing`);
    sent.accepted++;
    for (const target of targets) if (!sent.places.has(target)) target.open.add(sent);
    if (!again) promise(outcome.baseOffset === ends[0], 'a batch gets the next offset');
    return true;
  }

  /** The answer has come: what it says counts from now on. */
  protected answered(life: Life, sent: Sent, bases: readonly number[]): void {
    sent.isAcked = true;
    this.stage.world.note('append.answered', sent.tag, bases[0]);
    sent.spec.targets.forEach((target, i) => {
      const base = bases[i] ?? -1;
      target.place(sent, base, -1);
      const partition = partitionIn(life, target);
      if (partition === undefined || partition.isDeleted || life.broker.fault !== null) return;
      const end = base + sent.recordCount;
      promise(
        partition.highWatermark >= end,
        `${target.name} ${base} was answered and is not shown`,
      );
    });
  }
}

export class PlainProducer extends BatchProducer {
  /** Where producers are forgotten, each batch comes from another one. */
  private identity(): Partial<SentSpec> {
    if (this.stage.scenario.producerExpiryMs === 0) return {};
    return { producerId: this.stage.nextGuest(), producerEpoch: 0, baseSequence: 0 };
  }

  protected override step(life: Life): void {
    const target = this.pickPartition();
    if (target === undefined || !this.maySend(life)) return;
    const sent = this.makeBatch([target], this.identity());
    if (!this.append(life, sent) || outcome.error !== null) return;
    const { baseOffset } = outcome;
    life.answer(outcome.lsn, (error) => {
      if (error === null) this.answered(life, sent, [baseOffset]);
    });
  }
}

/** One batch to several partitions: all of them or none. */
export class FanOutProducer extends BatchProducer {
  protected override step(life: Life): void {
    const targets = new Set<PartitionHistory>();
    for (let i = this.random.between(2, 5); i > 0; i--) {
      const target = this.pickPartition();
      if (target !== undefined) targets.add(target);
    }
    if (targets.size === 0 || !this.maySend(life)) return;
    const sent = this.makeBatch([...targets]);
    const ends = sent.spec.targets.map((target) => partitionIn(life, target)?.logEnd ?? -1);
    if (!this.append(life, sent) || outcome.error !== null) return;
    life.answer(outcome.lsn, (error) => {
      if (error === null) this.answered(life, sent, ends);
    });
  }
}

/** What a numbering producer has to say to one partition. */
class Lane {
  readonly target: PartitionHistory;
  epoch = 0;
  nextSequence = 0;
  /** Not answered yet, in order; the first `inFlight` of them are with the broker. */
  readonly waiting: Sent[] = [];
  inFlight = 0;
  isHeld = false;

  constructor(target: PartitionHistory) {
    this.target = target;
  }
}

export class SequencedProducer extends BatchProducer {
  private producerId = -1;
  private isAsking = false;
  private readonly lanes = new Map<PartitionHistory, Lane>();

  override connect(life: Life): void {
    this.isAsking = false;
    for (const lane of this.lanes.values()) {
      lane.inFlight = 0;
      lane.isHeld = false;
    }
    super.connect(life);
  }

  protected override step(life: Life): void {
    if (this.producerId === -1) return this.ask(life);
    for (const lane of this.lanes.values()) this.send(life, lane);
    const target = this.pickPartition();
    if (target === undefined || !this.maySend(life)) return;
    let lane = this.lanes.get(target);
    if (lane === undefined) {
      lane = new Lane(target);
      this.lanes.set(target, lane);
    }
    if (lane.waiting.length >= IN_FLIGHT_MAX) return;
    if (lane.waiting.length === 0 && this.random.chance(0.05)) {
      lane.epoch++;
      lane.nextSequence = 0;
    }
    const sent = this.makeBatch([target], {
      producerId: this.producerId,
      producerEpoch: lane.epoch,
      baseSequence: lane.nextSequence,
    });
    lane.nextSequence += sent.recordCount;
    lane.waiting.push(sent);
    this.send(life, lane);
  }

  /** Nothing of it is there any more, or everything will be in doubt: begins anew. */
  get hasNothingOpen(): boolean {
    for (const lane of this.lanes.values()) {
      if (lane.waiting.length > 0 && lane.target.topic.stage === 'there') return false;
    }
    return true;
  }

  private ask(life: Life): void {
    if (this.isAsking) return;
    const { error, producerId, lsn } = life.broker.newProducerId();
    if (error !== null) return life.promiseExcused(error, 'no producer id was given');
    this.isAsking = true;
    life.answer(lsn, (fault) => {
      this.isAsking = false;
      if (fault !== null) return;
      this.stage.noteProducerId(producerId);
      this.producerId = producerId;
    });
  }

  private send(life: Life, lane: Lane): void {
    if (lane.target.topic.stage !== 'there') {
      if (lane.target.topic.stage === 'gone') lane.waiting.length = 0;
      return;
    }
    while (!lane.isHeld && lane.inFlight < lane.waiting.length) {
      const sent = lane.waiting[lane.inFlight];
      if (sent === undefined || !this.append(life, sent)) return;
      if (outcome.error !== null) return this.hold(life, lane, sent);
      lane.inFlight++;
      this.await(life, lane, sent);
    }
  }

  /** Refused: it and those behind it are sent again later. */
  private hold(life: Life, lane: Lane, sent: Sent): void {
    const { error, detail } = outcome;
    promise(error !== 'out_of_order_sequence', `batch ${sent.tag} is out of order: ${detail}`);
    lane.isHeld = true;
    life.post('client.retry', RETRY_MICROS, () => {
      lane.isHeld = false;
    });
  }

  private await(life: Life, lane: Lane, sent: Sent): void {
    const { baseOffset, lsn, isDuplicate } = outcome;
    const done = (error: Error | null): void => {
      if (error !== null) return;
      if (isDuplicate) this.stage.world.note('append.duplicate', sent.tag);
      this.answered(life, sent, [baseOffset]);
      promise(lane.waiting[0] === sent, 'answers come in order');
      lane.waiting.shift();
      lane.inFlight--;
    };
    if (isDuplicate) life.answerFromState(lsn, done);
    else life.answer(lsn, done);
  }
}

/** Records published by name, in process: the broker makes the batches. */
export class Publisher extends BatchProducer {
  protected override step(life: Life): void {
    const target = this.pickPartition();
    if (target === undefined || !this.maySend(life)) return;
    for (let i = this.random.between(1, 6); i > 0; i--) this.publish(life, target);
  }

  private publish(life: Life, target: PartitionHistory): void {
    const { scenario, world, ledger } = this.stage;
    const valueBytes = this.random.between(16, scenario.workload.valueBytesMax);
    const { sent, value } = ledger.makeSingle({
      targets: [target],
      recordCount: 1,
      valueBytes,
      firstTime: world.wallMs(),
      timeStep: 0,
      codec: 0,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
    });
    this.stage.bytesLeft -= valueBytes;
    this.stage.batchesLeft--;
    sent.accepted = 1;
    target.open.add(sent);
    const { name } = target.topic;
    const request = { topic: name, partition: target.index, value, timestamp: sent.spec.firstTime };
    life.broker.publish(request, (error, published) => {
      if (life.isOver) return;
      if (error !== null) {
        if (target.topic.stage === 'there')
          life.promiseExcused(error.code, `a publish to ${name} was refused`);
        return;
      }
      promise(published !== null, 'a publish is answered with its place');
      this.answered(life, sent, [published.offset]);
    });
  }
}
