/** Readers that take a plan's bytes piece by piece, from wherever they are by then. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { TestJournal } from './journal.fixture.ts';
import { ReadPlan } from './read-plan.ts';

test('a reader is called back once for each time that it got nothing', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 400; i++) {
    t.append(1, new Uint8Array(10_000).fill(i));
    t.loop.run();
  }
  const cold = t.restart();
  const plan = new ReadPlan();
  let from = 0;
  let nothings = 0;
  let calls = 0;
  while (from < 400) {
    const status = cold.journal.plan(cold.partition(1), from, 3_000_000, plan, () => {});
    if (status === 'loading') {
      cold.loop.run();
      continue;
    }
    const target = new Uint8Array(plan.bytes);
    for (let at = 0; plan.bytesLeft > 0; ) {
      const count = plan.read(target, at, target.length - at, () => calls++);
      at += count;
      if (count > 0) continue;
      nothings++;
      cold.loop.run();
    }
    from = plan.nextOffset;
    plan.release();
  }
  cold.loop.run();
  assert.ok(nothings > 0, 'some of it was not there yet');
  assert.equal(calls, nothings);
});

test('a batch begun in memory is read to its end from the disk, and is not called damaged', () => {
  const before = new TestJournal().open();
  before.journal.createPartition(1, 0);
  before.append(1, new Uint8Array(200_000).fill(5));
  before.loop.run();
  const t = before.restart();
  const plan = new ReadPlan();
  assert.equal(
    t.journal.plan(t.partition(1), 0, 1_000_000, plan, () => {}),
    'ready',
  );
  const target = new Uint8Array(plan.bytes);
  let filled = plan.read(target, 0, 50_000, () => {});
  assert.equal(filled, 50_000);
  for (let i = 0; i < 200; i++) {
    t.append(1, new Uint8Array(10_000));
    t.loop.run();
  }
  while (plan.bytesLeft > 0) {
    const count = plan.read(target, filled, target.length - filled, () => {});
    if (count === 0) t.loop.run();
    filled += count;
  }
  assert.equal(target.at(-10), 5);
  plan.release();
});
