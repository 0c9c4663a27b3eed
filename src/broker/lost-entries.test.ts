import assert from 'node:assert/strict';
import { test } from 'node:test';
import { producerIdBlock } from './limits.ts';
import { Queues } from './queues/index.ts';
import { BrokerState } from './state.ts';

test('ids that lost entries may have given are not given again', () => {
  const queues = new Queues();
  const state = new BrokerState(
    { partitionLog: () => undefined, leaderEpoch: () => 1 } as never,
    queues,
    queues,
  );
  state.counters.noteTopic(100, 5);
  state.counters.notePartition(100, 9);
  state.entriesLost(8192, 4096);
  const { counters } = state;
  assert.ok(counters.nextTopicId > 5 + 4096 / 64);
  assert.ok(counters.nextPartitionId >= 9 + 4096 / 4);
  assert.ok(counters.nextProducerId >= producerIdBlock * (4096 / 24));
  assert.ok(queues.nextQueueId > 4096 / 32);
  const before = { ...counters };
  state.entriesLost(8192, 4096);
  assert.deepEqual({ ...counters }, before, 'a checkpoint that includes them is not moved again');
});
