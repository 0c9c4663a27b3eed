/**
 * Random histories with crashes: what a queue promises, checked against a plain model of one partition.
 */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { DeliveredRecord } from './delivery.ts';
import { dumpState, TestConsumer, TestQueues, TestRandom } from './queues.fixture.ts';

/** What the world outside knows: it survives the broker. */
class World {
  readonly random: TestRandom;
  t: TestQueues;
  /** Settled, and confirmed by the broker. */
  readonly settled = new Set<number>();
  /** Settled, waiting for confirmation. */
  private readonly settling = new Set<number>();
  /** Deliveries of each record, as its consumers counted them. */
  private readonly delivered = new Map<number, number>();
  /** Returned and confirmed: the attempts that must be known for good. */
  private readonly attempts = new Map<number, number>();
  private readonly returning = new Map<number, number>();
  private readonly leases = new Map<number, { consumer: TestConsumer; attempt: number }>();
  private consumers: TestConsumer[] = [];
  deliveries = 0;
  published = 0;

  constructor(seed: number) {
    this.random = new TestRandom(seed);
    this.t = new TestQueues({ checkpointBytes: 64 * 1024, hasSlowReads: seed % 2 === 0 }).open();
    this.t.declare('q', { 'lease.ms': '5000' });
    this.t.run();
  }

  step(): void {
    const { random, t } = this;
    switch (random.below(12)) {
      case 0:
      case 1:
        for (let i = random.below(30); i >= 0; i--) t.append([`value ${i}`.padEnd(200)]);
        break;
      case 2:
        this.addConsumer();
        break;
      case 3:
        if (random.below(3) === 0) this.closeConsumer();
        break;
      case 4:
        this.anyConsumer()?.calls.grant(1 + random.below(20));
        break;
      case 5:
      case 6:
      case 7:
        this.settleSome();
        break;
      case 8:
        this.giveBackSome();
        break;
      case 9:
        t.loop.pass(random.below(2000));
        this.confirm();
        break;
      default:
        t.run();
        this.confirm();
    }
  }

  private anyConsumer(): TestConsumer | undefined {
    return this.consumers[this.random.below(Math.max(1, this.consumers.length))];
  }

  addConsumer(): TestConsumer {
    const consumer = new TestConsumer();
    consumer.onRecord = (record) => this.check(consumer, record);
    const credit = 1 + this.random.below(40);
    consumer.handle = this.t.service.consume(this.t.find(), consumer, { credit });
    this.consumers.push(consumer);
    return consumer;
  }

  /** A record is the lowest that is ready, was not settled, and is flagged if it is not new. */
  private check(consumer: TestConsumer, record: DeliveredRecord): void {
    const { offset } = record;
    this.dropExpired();
    this.deliveries++;
    assert.ok(offset < (this.t.journal.partition(1)?.highWatermark ?? 0), 'it is committed');
    assert.ok(!this.settled.has(offset), `${offset} was settled for good`);
    assert.ok(!this.leases.has(offset), `${offset} is with another consumer`);
    for (let lower = this.t.find().partitions[0]?.floor ?? 0; lower < offset; lower++) {
      const isDone = this.settled.has(lower) || this.settling.has(lower);
      const isReady = !isDone && !this.leases.has(lower);
      assert.ok(!isReady, `${lower} comes before ${offset}`);
    }
    const before = this.delivered.get(offset) ?? 0;
    if (before > 0) assert.ok(record.isRedelivered, `${offset} was delivered before`);
    const known = this.attempts.get(offset) ?? 0;
    assert.ok(record.attempt > known, `attempt ${record.attempt} of ${offset} after ${known}`);
    assert.ok(record.attempt <= before + 1, `attempt ${record.attempt} after ${before} deliveries`);
    this.delivered.set(offset, before + 1);
    this.leases.set(offset, { consumer, attempt: record.attempt });
  }

  private dropExpired(): void {
    for (const consumer of this.consumers) {
      for (const offset of consumer.expired.splice(0)) this.countReturn(offset);
    }
  }

  private countReturn(offset: number): void {
    const lease = this.leases.get(offset);
    assert.ok(lease !== undefined, `${offset} was out`);
    this.returning.set(offset, lease.attempt);
    this.leases.delete(offset);
  }

  private settleSome(): void {
    this.dropExpired();
    for (const [offset, { consumer }] of [...this.leases]) {
      if (this.random.below(3) === 0) continue;
      assert.equal(consumer.calls.settle(0, offset, offset + 1), 1);
      this.leases.delete(offset);
      this.settling.add(offset);
    }
  }

  private giveBackSome(): void {
    this.dropExpired();
    for (const [offset, { consumer }] of [...this.leases]) {
      if (this.random.below(4) !== 0) continue;
      const isCounted = this.random.below(2) === 0;
      assert.equal(consumer.calls.release(0, offset, offset + 1, isCounted), 1);
      if (isCounted) this.countReturn(offset);
      else this.leases.delete(offset);
    }
  }

  private closeConsumer(): void {
    this.dropExpired();
    const consumer = this.anyConsumer();
    if (consumer === undefined) return;
    for (const [offset, lease] of [...this.leases]) {
      if (lease.consumer === consumer) this.countReturn(offset);
    }
    consumer.calls.close();
    this.consumers = this.consumers.filter((other) => other !== consumer);
  }

  /** The broker has come to rest: everything asked for is confirmed. */
  private confirm(): void {
    this.dropExpired();
    const lsn = this.t.service.flush(this.t.find());
    if (lsn >= this.t.journal.highWatermark) return;
    for (const offset of this.settling) this.settled.add(offset);
    this.settling.clear();
    for (const [offset, attempts] of this.returning) {
      this.attempts.set(offset, Math.max(attempts, this.attempts.get(offset) ?? 0));
    }
    this.returning.clear();
  }

  /** At any moment. What was not confirmed is indeterminate. */
  crash(): void {
    this.dropExpired();
    this.t = this.t.crash();
    const [state] = this.t.find().partitions;
    for (const offset of this.settled)
      assert.ok(state?.isSettled(offset), `${offset} stays settled`);
    for (const offset of this.settling) if (state?.isSettled(offset)) this.settled.add(offset);
    this.settling.clear();
    this.returning.clear();
    this.leases.clear();
    this.consumers = [];
  }

  /** Replay gives the state that the running broker has. */
  compare(): void {
    this.t.run();
    this.confirm();
    this.t.run();
    assert.deepEqual(dumpState(this.t.crash().queues), dumpState(this.t.queues));
  }

  /** Everything left is delivered and settled. */
  finish(): void {
    while (this.consumers.length > 0) this.closeConsumer();
    this.t.run();
    const last = this.addConsumer();
    last.calls.setCredit(Number.POSITIVE_INFINITY);
    this.t.run();
    const end = this.t.journal.partition(1)?.highWatermark ?? 0;
    last.calls.settle(0, 0, end);
    this.t.run();
    const depth = this.t.service.depth(this.t.find());
    assert.deepEqual(depth, { ready: 0, returned: 0, leased: 0, floors: [end], consumers: 1 });
    this.published = end;
    for (let offset = 0; offset < end; offset++) {
      assert.ok((this.delivered.get(offset) ?? 0) > 0, `${offset} was never delivered`);
    }
  }
}

test('no confirmed settlement is undone, nothing is lost, order and flags hold, through crashes', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const world = new World(seed);
    try {
      for (let life = 0; life < 4; life++) {
        for (let i = 0; i < 120; i++) world.step();
        if (world.random.below(2) === 0) world.compare();
        world.crash();
      }
      world.finish();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    assert.ok(world.deliveries > world.published, 'some records came again');
  }
});
