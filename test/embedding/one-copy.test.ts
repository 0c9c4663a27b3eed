/** A queue subscription and a Kafka reader share a topic: what was published once is stored once. */
import { strict as assert } from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { LoadConnection } from '../../benchmarks/end-to-end/connection.ts';
import { fetchFrame } from '../../benchmarks/end-to-end/wire.ts';
import { createBroker } from '../../src/index.ts';
import { encodeHex } from '../../src/kernel/bytes.ts';
import { BlockScanner } from '../../src/log/block-scan.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/log/limits.ts';
import { NodeDisk } from '../../src/node/disk.ts';

const SEGMENT_BYTES = 1024 * 1024;

/** The payloads of all append entries in the first segment that contain `marker`. */
function appendsWith(dataDir: string, marker: string): number {
  const file = new NodeDisk(dataDir).open('segments/00000001.seg', { create: false });
  const scanner = new BlockScanner();
  const segment = { id: 1, bytes: SEGMENT_BYTES, file };
  const wanted = encodeHex(new TextEncoder().encode(marker));
  let found = 0;
  let position = SEGMENT_HEADER_BYTES;
  while (scanner.readBlock(segment, position)) {
    scanner.entries(
      1,
      (entry) => {
        const body = encodeHex(entry.bytes, entry.start, entry.end);
        assert.ok(!body.includes(wanted), 'only appends carry payloads');
      },
      (append) => {
        const batch = encodeHex(append.bytes, append.batchStart, append.batchEnd);
        found += batch.split(wanted).length - 1;
      },
    );
    position += Math.ceil(scanner.block.length / 4096) * 4096;
  }
  file.close();
  return found;
}

test('a queue and a Kafka reader use the same topic, and the journal holds one copy', async () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-one-copy-'));
  const broker = await createBroker({
    dataDir,
    storage: 'journal',
    segmentBytes: SEGMENT_BYTES,
    listeners: { kafka: 0 },
  });
  try {
    const marker = 'stored-exactly-once';
    await broker.createTopic('orders');
    const first = await broker.queue('billing', { topic: 'orders' }).declare();
    const second = await broker.queue('shipping', { topic: 'orders' }).declare();
    await broker.publish('orders', { value: marker });
    for (const queue of [first, second]) {
      for await (const lease of queue.consume()) {
        assert.equal(new TextDecoder().decode(lease.message.value ?? new Uint8Array()), marker);
        await lease.settle();
        break;
      }
      assert.equal(queue.depth().ready, 0);
    }
    const connection = await LoadConnection.open(broker.address('kafka').port);
    const answer = await connection.call(fetchFrame('orders', 0, 1024 * 1024));
    connection.close();
    assert.ok(answer.includes(marker), 'a Kafka reader gets it, settled or not');
  } finally {
    await broker.close();
  }
  assert.equal(appendsWith(dataDir, 'stored-exactly-once'), 1);
  fs.rmSync(dataDir, { recursive: true });
});
