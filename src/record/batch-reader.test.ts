import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { viewOf } from '../kernel/bytes.ts';
import { batchField, batchHeaderBytes, sealBatch, setBatchLogAppendTime } from './batch.ts';
import { buildBatch, type RecordInput } from './batch-builder.ts';
import { firstRecordAtOrAfter, readRecords } from './batch-reader.ts';
import { codec } from './compression/index.ts';
import { foreignBatches } from './vectors/batches.ts';

const limit = 1 << 20;

function timed(timestamps: readonly number[]): RecordInput[] {
  return timestamps.map((timestamp) => ({ key: null, value: Buffer.from('v'), timestamp }));
}

test('the first record at or after a time is found, as a walk over all would find it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: -5, max: 60 }),
      fc.constantFrom(codec.none, codec.gzip, codec.lz4),
      (timestamps, wanted, codecNumber) => {
        const batch = buildBatch(timed(timestamps), { codec: codecNumber });
        const index = timestamps.findIndex((timestamp) => timestamp >= wanted);
        assert.deepEqual(
          firstRecordAtOrAfter(batch, viewOf(batch), 0, wanted, limit),
          index < 0 ? null : { offsetDelta: index, timestamp: timestamps[index] },
        );
      },
    ),
  );
});

test('with the time of the log, the first record has the time of all', () => {
  const batch = buildBatch(timed([10, 20, 30]));
  const view = viewOf(batch);
  setBatchLogAppendTime(batch, view, 0, 25);
  assert.deepEqual(firstRecordAtOrAfter(batch, view, 0, 25, limit), {
    offsetDelta: 0,
    timestamp: 25,
  });
  assert.equal(firstRecordAtOrAfter(batch, view, 0, 26, limit), null);
  assert.deepEqual(
    readRecords(batch, view, 0, limit).map(({ timestamp }) => timestamp),
    [25, 25, 25],
  );
});

test('a batch that compaction has emptied has no records, whatever its codec', () => {
  for (const [number] of foreignBatches) {
    const batch = new Uint8Array(batchHeaderBytes);
    const view = viewOf(batch);
    view.setInt32(batchField.length, batchHeaderBytes - 12);
    view.setInt16(batchField.attributes, number);
    assert.deepEqual(readRecords(batch, view, 0, limit), []);
  }
});

test('more content than the limit is refused only where it has to be produced', () => {
  const records = [{ key: null, value: Buffer.alloc(5000), timestamp: 0 }];
  const stored = buildBatch(records);
  assert.equal(readRecords(stored, viewOf(stored), 0, 100).length, 1);
  const compressed = buildBatch(records, { codec: codec.gzip });
  assert.throws(() => readRecords(compressed, viewOf(compressed), 0, 100), {
    code: 'batch_too_large',
  });
});

test('records that are damaged under a true checksum are refused', () => {
  const batch = buildBatch(timed([1, 2, 3]));
  const view = viewOf(batch);
  for (let at = batchHeaderBytes; at < batch.length; at++) {
    const before = batch[at] ?? 0;
    batch[at] = 0xff;
    sealBatch(batch, view, 0);
    try {
      assert.equal(readRecords(batch, view, 0, limit).length, 3);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'invalid_batch');
    }
    batch[at] = before;
  }
  view.setInt32(batchField.recordCount, 4);
  assert.throws(() => readRecords(batch, view, 0, limit), { code: 'invalid_batch' });
});

test('records are copies: they outlive the buffer that they were read from', () => {
  const batch = Buffer.from(buildBatch(timed([1])));
  const [record] = readRecords(batch, viewOf(batch), 0, limit);
  batch.fill(0);
  assert.deepEqual(record?.value, new Uint8Array(Buffer.from('v')));
});
