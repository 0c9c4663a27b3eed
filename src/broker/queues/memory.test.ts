/** What a long backlog costs: disk, and memory only for its holes. Counted, not timed. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { chunkOffsets } from './offset-set.ts';
import { readBytesMax } from './queue-limits.ts';
import { TestQueues } from './queues.fixture.ts';

const total = 1_000_000;

/** A million records in batches of 1 000, so that the test is about the queue. */
function million(): TestQueues {
  const t = new TestQueues().open();
  const values = Array.from({ length: 1000 }, (_, i) => `${i}`);
  for (let batch = 0; batch < total / 1000; batch++) {
    t.append(values);
    if (batch % 100 === 99) t.run();
  }
  return t.run();
}

test('a million queued records cost a few windows, and settled in order not one bitmap', () => {
  const t = million();
  const queue = t.declare();
  const [state] = queue.partitions;
  let next = 0;
  let bitmaps = 0;
  let windows = 0;
  const consumer = t.service.consume(
    queue,
    {
      onDelivery: (delivery) => {
        assert.equal(delivery.offset, next++);
        if (next % 500 === 0) {
          consumer?.settle(0, next - 500, next);
          consumer?.grant(500);
          bitmaps = Math.max(bitmaps, state?.above.bitmaps ?? 0);
          windows = Math.max(windows, t.service.source.memory);
        }
      },
      onCancelled: () => {},
    },
    { credit: 500 },
  );
  t.run();
  assert.equal(next, total);
  assert.equal(state?.floor, total);
  assert.equal(bitmaps, 0);
  assert.ok(windows <= 32 * readBytesMax, `${windows} bytes of windows`);
});

test('holes cost a bitmap for each chunk that has one, and nothing once they are closed', () => {
  const t = million();
  const queue = t.declare();
  const [state] = queue.partitions;
  const consumer = t.consume(queue, 0);
  // Every tenth chunk keeps one hole.
  const holes: number[] = [];
  consumer.onRecord = ({ offset }) => {
    consumer.got.length = 0;
    if (offset % (10 * chunkOffsets) === 7) holes.push(offset);
    else consumer.calls.settle(0, offset, offset + 1);
  };
  consumer.calls.setCredit(Number.POSITIVE_INFINITY);
  t.run();
  assert.equal(holes.length, Math.ceil(total / chunkOffsets / 10));
  assert.equal(state?.floor, 7);
  const last = total % chunkOffsets === 0 ? 0 : 1;
  assert.equal(state?.above.bitmaps, holes.length + last, 'full chunks have none');
  assert.equal(t.service.depth(queue).leased, holes.length);
  for (const offset of holes) consumer.calls.settle(0, offset, offset + 1);
  t.run();
  assert.equal(state?.floor, total);
  assert.equal(state?.above.bitmaps, 0);
});
