/** For tests: reads through the broker's own surface, moving the loop until all is there. */

import { assert } from '../kernel/assert.ts';
import { ReadPlan } from '../log/read-plan.ts';
import type { TestBench } from './broker.fixture.ts';
import type { Broker } from './broker.ts';
import type { Partition } from './catalog/topic.ts';

/** All committed batches from the one with `offset` on, as a reader gets them. */
export function readBatches(
  bench: TestBench,
  broker: Broker,
  partition: Partition,
  offset: number,
  maxBytes = Number.MAX_SAFE_INTEGER,
): Uint8Array {
  const plan = new ReadPlan();
  let status = broker.planRead(partition, offset, maxBytes, plan, () => {});
  for (let tries = 0; status === 'loading'; tries++) {
    assert(tries < 100, 'a plan gets ready');
    bench.loop.settle();
    status = broker.planRead(partition, offset, maxBytes, plan, () => {});
  }
  assert(status === 'ready', 'a plan without an error');
  const bytes = new Uint8Array(plan.bytes);
  let filled = 0;
  while (plan.bytesLeft > 0) {
    const count = plan.read(bytes, filled, bytes.length - filled, () => {});
    if (count === 0) bench.loop.settle();
    filled += count;
  }
  plan.release();
  return bytes;
}
