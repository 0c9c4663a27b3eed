/** The journal as a whole, on a disk in memory. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { buildBatch } from '../record/batch-builder.ts';
import { TestJournal } from './journal.fixture.ts';
import { ReadPlan } from './read-plan.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test('a new journal opens with epoch 1 and commits its first block', () => {
  const { journal } = new TestJournal().open();
  assert.equal(journal.epoch, 1);
  assert.equal(journal.highWatermark, journal.endLsn);
});

test('nothing is shown before its group is durable', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  t.append(1, 'a');
  assert.equal(t.partition(1).logEnd, 1);
  assert.equal(t.partition(1).highWatermark, 0);
  assert.deepEqual(t.read(1, 0), []);
  t.loop.run();
  assert.equal(t.partition(1).highWatermark, 1);
  assert.equal(t.read(1, 0).length, 1);
});

test('acknowledged batches are there after kill -9, in a higher epoch', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 100; i++) t.append(1, `value ${i}`);
  t.loop.run();
  const again = t.restart();
  assert.equal(again.journal.epoch, 2);
  const batches = again.read(1, 0);
  assert.deepEqual(
    batches.map((batch) => batch.offset),
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.match(text(batches[42]?.bytes ?? new Uint8Array()), /value 42/);
});

test('the state machine sees the same entries live and at replay', () => {
  const t = new TestJournal().open();
  for (let i = 1; i <= 50; i++) t.journal.appendEntry(20, Uint8Array.of(i, 0, 0, 0), 0, 4);
  t.loop.run();
  assert.equal(t.machine.sums.get(20)?.sum, 1275);
  assert.deepEqual(t.restart().machine.sums, t.machine.sums);
});

test('a journal over many segments is sealed, checkpointed, and read back after a restart', () => {
  const t = new TestJournal({ checkpointBytes: 2 * 1024 * 1024 }).open();
  t.journal.createPartition(1, 0);
  t.journal.createPartition(2, 0);
  const value = new Uint8Array(10_000).fill(7);
  for (let i = 0; i < 800; i++) {
    t.append(i % 3 === 0 ? 2 : 1, value);
    if (i % 10 === 9) t.loop.run();
  }
  t.loop.run();
  assert.ok(t.journal.usage().segments > 8);
  assert.ok(t.disk.list('checkpoints').length === 2, 'two checkpoints are kept');
  const again = t.restart();
  assert.equal(again.read(1, 0).length, 533);
  assert.equal(again.read(2, 0).length, 267);
  assert.deepEqual(
    again.read(2, 260).map((batch) => batch.offset),
    [260, 261, 262, 263, 264, 265, 266],
  );
});

test('trimmed segments are used again, and space stays bounded', () => {
  const t = new TestJournal({ checkpointBytes: 1024 * 1024 }).open();
  t.journal.createPartition(1, 0);
  const value = new Uint8Array(50_000).fill(7);
  for (let i = 0; i < 400; i++) {
    const offset = t.append(1, value);
    if (i % 5 === 0) t.journal.advanceLogStart(1, Math.max(0, offset - 20));
    t.loop.run();
  }
  assert.ok(t.disk.list('segments').length <= 14, `${t.disk.list('segments').length} files`);
  const again = t.restart();
  assert.equal(again.partition(1).logEnd, 400);
  assert.equal(again.read(1, 380).length, 20);
});

test('more than the armed segments hold is written as they come', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 200; i++) t.append(1, new Uint8Array(60_000));
  assert.equal(t.journal.admits(0), 'wait');
  t.loop.run();
  assert.equal(t.journal.admits(0), 'yes');
  assert.equal(t.read(1, 0).length, 200);
  assert.equal(t.restart().read(1, 0).length, 200);
});

test('a batch of one megabyte is referenced, written and read back whole', () => {
  const t = new TestJournal({ segmentBytes: 4 * 1024 * 1024 }).open();
  t.journal.createPartition(1, 0);
  const value = Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251);
  t.append(1, value);
  t.append(1, 'small');
  t.loop.run();
  for (const each of [t, t.restart({ segmentBytes: 4 * 1024 * 1024 })]) {
    const batches = each.read(1, 0);
    assert.deepEqual(
      batches.map((batch) => batch.offset),
      [0, 1],
    );
    assert.ok((batches[0]?.bytes.length ?? 0) > 1_000_000);
  }
});

test('one payload for several partitions is stored once and read with each one’s offsets', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  t.journal.createPartition(2, 500);
  t.append(1, 'first');
  t.loop.run();
  const before = t.journal.endLsn;
  const bytes = buildBatch([{ key: null, value: new Uint8Array(20_000), timestamp: 1 }]);
  const targets = [t.partition(1), t.partition(2)];
  t.journal.appendBatchToMany(targets, bytes, viewOf(bytes), 0, bytes.length, null);
  assert.ok(t.journal.endLsn - before < 30_000);
  t.loop.run();
  for (const each of [t, t.restart()]) {
    assert.deepEqual(
      each.read(1, 1).map((batch) => batch.offset),
      [1],
    );
    assert.deepEqual(
      each.read(2, 500).map((batch) => batch.offset),
      [500],
    );
  }
});

test('a read in pieces of any size gives the same bytes', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 5; i++) t.append(1, `value ${i}`);
  t.append(1, new Uint8Array(70_000));
  t.loop.run();
  const plan = new ReadPlan();
  const readAll = (pieceBytes: number): Uint8Array => {
    t.journal.plan(t.partition(1), 0, 1_000_000, plan, () => {});
    const target = new Uint8Array(plan.bytes);
    for (let at = 0; at < target.length; ) {
      const count = plan.read(target, at, Math.min(pieceBytes, target.length - at), () => {});
      assert.ok(count > 0, 'what is in memory is there at once');
      at += count;
      assert.equal(plan.bytesLeft, target.length - at);
    }
    plan.release();
    return target;
  };
  const whole = readAll(1_000_000);
  for (const pieceBytes of [1, 7, 60, 61, 62, 1000]) assert.deepEqual(readAll(pieceBytes), whole);
});

test('a clean shutdown is known as one', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  t.append(1, 'a');
  t.close();
  let wasClean: boolean | undefined;
  const again = t.reopened();
  again.journal.open((_, report) => {
    wasClean = report?.wasClean;
  });
  again.loop.run();
  assert.equal(wasClean, true);
  assert.equal(again.read(1, 0).length, 1);
});

test('an idle journal records what is durable', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  t.loop.run();
  const end = t.journal.endLsn;
  t.loop.pass(1000);
  assert.equal(t.journal.endLsn, end + 4096);
  t.append(1, 'after the mark');
  t.loop.run();
  assert.equal(t.restart().read(1, 0).length, 1);
});

test('damage below what is known to be durable is refused by name and position', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 10; i++) {
    t.append(1, `value ${i}`);
    t.loop.run();
  }
  const file = t.disk.open('segments/00000001.seg', { create: false });
  file.writeSync([Uint8Array.of(0xff)], 4096 * 4 + 100);
  assert.throws(() => t.restart(), /segments\/00000001\.seg at byte 16384/);
});

test('a torn last block was never promised', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  t.append(1, 'kept');
  t.loop.run();
  const torn = t.journal.endLsn % (1024 * 1024);
  t.append(1, 'torn');
  t.loop.run();
  const file = t.disk.open('segments/00000001.seg', { create: false });
  file.writeSync([new Uint8Array(4096)], torn);
  const again = t.restart();
  assert.equal(again.read(1, 0).length, 1);
  again.append(1, 'goes on');
  again.loop.run();
  assert.deepEqual(
    again
      .restart()
      .read(1, 0)
      .map((batch) => batch.offset),
    [0, 1],
  );
});
