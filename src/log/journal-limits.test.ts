/** The largest and the oddest that clients may send. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { batchField, batchHeaderBytes, sealBatch } from '../record/batch.ts';
import { buildBatch } from '../record/batch-builder.ts';
import { TestJournal } from './journal.fixture.ts';

const MiB = 1024 * 1024;
const plain = { rewrite: false, checkpointBytes: 64 * MiB };

/** A batch of exactly `bytes`. */
function batchOf(bytes: number): Uint8Array {
  let value = bytes - batchHeaderBytes;
  for (;;) {
    const batch = buildBatch([{ key: null, value: new Uint8Array(value), timestamp: 1 }]);
    if (batch.length === bytes) return batch;
    value += bytes - batch.length;
  }
}

test('the largest batch fits a segment with its footer, and is read back', () => {
  const t = new TestJournal(plain).open();
  for (let id = 1; id <= 4; id++) t.journal.createPartition(id, 0);
  const targets = [1, 2, 3, 4].map((id) => t.partition(id));
  for (let i = 0; i < 3; i++) {
    const bytes = batchOf(t.journal.batchBytesMax);
    t.journal.appendBatchToMany(targets, bytes, viewOf(bytes), 0, bytes.length, null);
    t.append(1, 'between');
    t.loop.run();
  }
  assert.equal(t.journal.fault, null);
  assert.ok(t.journal.batchBytesMax > MiB - 5 * 4096);
  for (const each of [t, t.restart(plain)]) assert.equal(each.read(4, 0).length, 3);
});

test('batches that claim billions of records are sealed like others', () => {
  const t = new TestJournal(plain).open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 8; i++) {
    const bytes = buildBatch([{ key: null, value: null, timestamp: 1 }]);
    const view = viewOf(bytes);
    view.setInt32(batchField.lastOffsetDelta, 0x7fff_fffe);
    sealBatch(bytes, view, 0);
    t.journal.appendBatch(t.partition(1), bytes, view, 0, bytes.length, null);
    t.loop.run();
  }
  for (let i = 0; i < 40; i++) t.append(1, new Uint8Array(60_000));
  t.loop.run();
  assert.equal(t.journal.segment(1)?.state, 'sealed');
  for (const each of [t, t.restart(plain)]) assert.equal(each.read(1, 0).length, 48);
});
