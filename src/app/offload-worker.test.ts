import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BrokerError } from '../kernel/errors.ts';
import { NodeOffload } from '../node/offload.ts';
import { NodeScheduler } from '../node/scheduler.ts';
import { codec } from '../record/compression/index.ts';
import { offloadTasks } from './offload-tasks.ts';

const entry = new URL('./offload-worker.js', import.meta.url);

test('a batch is decompressed in the thread, up to its limit', async (t) => {
  const offload = new NodeOffload(entry, offloadTasks, new NodeScheduler());
  t.after(() => offload.close());
  const decompress = (limitBytes: number): Promise<Uint8Array | null> =>
    new Promise((resolve, reject) => {
      const input = gzipSync(Buffer.from('x'.repeat(1000)));
      offload.run('decompress', input, [codec.gzip, limitBytes], (error, output) =>
        error === null ? resolve(output) : reject(error),
      );
    });
  assert.equal(Buffer.from((await decompress(1000)) ?? []).toString(), 'x'.repeat(1000));
  await assert.rejects(
    decompress(999),
    (error) => error instanceof BrokerError && error.code === 'batch_too_large',
  );
});
