/** The table of leases against a plain model. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { LeaseList, LeaseTable } from './lease-table.ts';
import { TestRandom } from './queues.fixture.ts';

function offsetsOf(table: LeaseTable, list: LeaseList): number[] {
  const offsets: number[] = [];
  for (let slot = list.head; slot !== -1; slot = table.next[slot] ?? -1) {
    offsets.push(table.offsets[slot] ?? -1);
  }
  return offsets;
}

test('leases are found after any history of additions and removals', () => {
  const random = new TestRandom(3);
  const table = new LeaseTable();
  const lists = [new LeaseList(), new LeaseList(), new LeaseList()];
  const held = new Map<string, number>();
  for (let step = 0; step < 30_000; step++) {
    const partition = random.below(2);
    const offset = random.below(2) === 0 ? random.below(400) : 2 ** 33 + random.below(400);
    const key = `${partition}/${offset}`;
    const slot = table.find(partition, offset);
    const consumer = held.get(key);
    assert.equal(slot !== -1, consumer !== undefined, `step ${step}`);
    if (consumer !== undefined) {
      assert.equal(table.consumers[slot], consumer);
      table.remove(slot, lists[consumer] ?? new LeaseList());
      held.delete(key);
    } else {
      const taker = random.below(3);
      table.add(partition, offset, taker, 1, 0, lists[taker] ?? new LeaseList());
      held.set(key, taker);
    }
    assert.equal(table.size, held.size);
  }
  assert.equal(
    lists.reduce((sum, list) => sum + list.length, 0),
    held.size,
  );
});

test('a consumer’s leases stay in the order in which they were taken', () => {
  const table = new LeaseTable();
  const list = new LeaseList();
  for (let offset = 0; offset < 100; offset++) table.add(0, offset, 1, 1, 0, list);
  for (let offset = 0; offset < 100; offset += 2) table.remove(table.find(0, offset), list);
  for (let offset = 200; offset < 210; offset++) table.add(0, offset, 1, 1, 0, list);
  const odd = Array.from({ length: 50 }, (_, i) => 2 * i + 1);
  assert.deepEqual(offsetsOf(table, list), [...odd, ...odd.slice(0, 10).map((_, i) => 200 + i)]);
});

test('a lease that stays does not make the table grow while the queue moves on', () => {
  const table = new LeaseTable();
  const list = new LeaseList();
  table.add(0, 0, 1, 1, 0, list);
  for (let offset = 1; offset < 100_000; offset++) {
    table.add(0, offset, 1, 1, 0, list);
    table.remove(table.find(0, offset), list);
  }
  assert.equal(table.offsets.length, 16);
  assert.ok(table.find(0, 0) !== -1);
});

test('the earliest deadline is that of a lease still held', () => {
  const table = new LeaseTable();
  const list = new LeaseList();
  table.add(0, 1, 1, 1, 500, list);
  table.add(0, 2, 1, 1, 700, list);
  assert.equal(table.earliestDeadline(), 500);
  table.remove(table.find(0, 1), list);
  assert.equal(table.earliestDeadline(), 700);
  table.remove(table.find(0, 2), list);
  assert.equal(table.earliestDeadline(), Number.POSITIVE_INFINITY);
});
