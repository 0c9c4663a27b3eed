import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeZigzagLong } from '../kernel/varint.ts';
import { batchHeaderBytes } from './batch.ts';
import { buildBatch, type RecordInput } from './batch-builder.ts';
import {
  HeaderCursor,
  RecordCursor,
  type RecordFault,
  RecordScan,
  recordFault,
  scanRecords,
} from './records.ts';
import { foreignRecords } from './vectors/batches.ts';

function section(records: readonly RecordInput[]): Uint8Array {
  return buildBatch(records).subarray(batchHeaderBytes);
}

function faultOf(bytes: Uint8Array, count: number): RecordFault {
  const cursor = new RecordCursor();
  cursor.reset(bytes, 0, bytes.length, count);
  while (cursor.next());
  return cursor.fault;
}

/** Records by their raw parts: a number is a zigzag varint, a text is its bytes. */
function raw(...parts: readonly (number | string)[]): Uint8Array {
  const body = encodeParts(parts);
  return Buffer.concat([encodeParts([body.length]), body]);
}

function encodeParts(parts: readonly (number | string)[]): Uint8Array {
  const target = new Uint8Array(1000);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'number') {
      at = writeZigzagLong(target, at, part);
      continue;
    }
    target.set(Buffer.from(part), at);
    at += part.length;
  }
  return target.subarray(0, at);
}

test('golden bytes: a record is read part by part', () => {
  // length 17 | attributes | timestamp +5 | offset 0 | "k" | "val" | 2 headers: a=1, b=null
  const bytes = Buffer.from('22000a00026b0676616c0402610231026201', 'hex');
  const cursor = new RecordCursor();
  const headers = new HeaderCursor();
  cursor.reset(bytes, 0, bytes.length, 1);
  assert.equal(cursor.next(), true);
  assert.equal(cursor.recordStart, 0);
  assert.equal(cursor.recordEnd, bytes.length);
  assert.equal(cursor.timestampDelta, 5);
  assert.equal(cursor.offsetDelta, 0);
  assert.equal(bytes.toString('utf8', cursor.keyStart, cursor.keyStart + cursor.keyLength), 'k');
  assert.equal(
    bytes.toString('utf8', cursor.valueStart, cursor.valueStart + cursor.valueLength),
    'val',
  );
  assert.equal(cursor.headerCount, 2);
  headers.reset(cursor);
  assert.equal(headers.next(), true);
  assert.equal(bytes[headers.keyStart], 0x61);
  assert.equal(bytes[headers.valueStart], 0x31);
  assert.equal(headers.valueLength, 1);
  assert.equal(headers.next(), true);
  assert.equal(bytes[headers.keyStart], 0x62);
  assert.equal(headers.valueLength, -1);
  assert.equal(headers.next(), false);
  assert.equal(cursor.next(), false);
  assert.equal(cursor.fault, recordFault.none);
});

test('every prefix of a section ends in a fault, after the records that are complete', () => {
  const bytes = section(foreignRecords);
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(faultOf(bytes.subarray(0, end), 3), recordFault.truncated);
  }
  assert.equal(faultOf(bytes, 3), recordFault.none);
});

test('bytes after the last record are a fault, and records past the count are such bytes', () => {
  const bytes = section(foreignRecords);
  assert.equal(faultOf(bytes, 2), recordFault.trailingBytes);
  assert.equal(faultOf(Buffer.concat([bytes, Buffer.of(0)]), 3), recordFault.trailingBytes);
  assert.equal(faultOf(bytes, 4), recordFault.truncated);
});

const hostile: readonly (readonly [string, RecordFault, Uint8Array])[] = [
  ['a length of 0', recordFault.badLength, encodeParts([0])],
  ['a negative length', recordFault.badLength, encodeParts([-7])],
  ['a length of 2^31 - 1', recordFault.truncated, encodeParts([0x7fff_ffff, 0, 0, 0, 0])],
  ['a length that is no integer', recordFault.badInteger, Buffer.alloc(12, 0xff)],
  ['a key length below -1', recordFault.badLength, raw(0, 0, 0, -2, -1, 0)],
  ['a key longer than the record', recordFault.badLength, raw(0, 0, 0, 0x7fff_ffff, -1, 0)],
  ['a value longer than the record', recordFault.badLength, raw(0, 0, 0, -1, 40, 'v', 0)],
  ['a value length below -1', recordFault.badLength, raw(0, 0, 0, -1, -2, 0)],
  ['a negative header count', recordFault.badLength, raw(0, 0, 0, -1, -1, -1)],
  ['more headers than there are', recordFault.badLength, raw(0, 0, 0, -1, -1, 0x7fff_ffff)],
  ['a header without a key', recordFault.badLength, raw(0, 0, 0, -1, -1, 1, -1, -1)],
  ['a header value below -1', recordFault.badLength, raw(0, 0, 0, -1, -1, 1, 0, -2)],
  ['a record longer than its parts', recordFault.badLength, raw(0, 0, 0, -1, -1, 0, 'spare')],
  ['a negative offset delta', recordFault.badOffset, raw(0, 0, -1, -1, -1, 0)],
];

for (const [what, fault, bytes] of hostile) {
  test(`${what} is a fault`, () => {
    assert.equal(faultOf(bytes, 1), fault);
  });
}

test('a timestamp delta beyond 2^53 is a fault', () => {
  const huge = Buffer.from('1c00ffffffffffffffffff0100010100', 'hex');
  assert.equal(faultOf(huge, 1), recordFault.badInteger);
});

test('offset deltas have to ascend but may leave gaps', () => {
  const at = (delta: number) => raw(0, 0, delta, -1, -1, 0);
  assert.equal(faultOf(Buffer.concat([at(3), at(9)]), 2), recordFault.none);
  assert.equal(faultOf(Buffer.concat([at(3), at(3)]), 2), recordFault.badOffset);
  assert.equal(faultOf(Buffer.concat([at(3), at(2)]), 2), recordFault.badOffset);
});

test('after a fault a cursor stays where it is', () => {
  const cursor = new RecordCursor();
  cursor.reset(encodeParts([0]), 0, 1, 5);
  assert.equal(cursor.next(), false);
  assert.equal(cursor.next(), false);
  assert.equal(cursor.fault, recordFault.badLength);
  assert.equal(cursor.count, 0);
});

test('whatever the bytes, a cursor stays inside of them', () => {
  const plausible = fc
    .array(fc.oneof(fc.integer({ min: -3, max: 40 }), fc.constantFrom('a', 'bcd')), {
      maxLength: 60,
    })
    .map((parts) => encodeParts(parts));
  fc.assert(
    fc.property(
      fc.oneof(plausible, fc.uint8Array({ maxLength: 100 })),
      fc.integer({ min: 0, max: 20 }),
      (bytes, count) => {
        const cursor = new RecordCursor();
        const headers = new HeaderCursor();
        cursor.reset(bytes, 0, bytes.length, count);
        while (cursor.next()) {
          assert.ok(cursor.recordEnd <= bytes.length);
          assert.ok(cursor.keyStart + cursor.keyLength <= cursor.recordEnd);
          assert.ok(cursor.valueStart + cursor.valueLength <= cursor.recordEnd);
          headers.reset(cursor);
          while (headers.next()) {
            assert.ok(headers.keyLength >= 0 && headers.valueLength >= -1);
            assert.ok(headers.valueStart + headers.valueLength <= cursor.recordEnd);
          }
        }
        assert.ok(cursor.count <= count);
        if (cursor.fault === recordFault.none) assert.equal(cursor.count, count);
      },
    ),
    { numRuns: 2000 },
  );
});

test('a scan tells the extremes of time, the first missing key and gaps', () => {
  const cursor = new RecordCursor();
  const scan = new RecordScan();
  const bytes = section(foreignRecords);
  cursor.reset(bytes, 0, bytes.length, 3);
  scanRecords(cursor, scan);
  assert.deepEqual(
    { ...scan },
    {
      fault: recordFault.none,
      minTimestampDelta: -10,
      maxTimestampDelta: 7,
      maxTimestampOffsetDelta: 1,
      firstNullKey: 1,
      contiguous: true,
    },
  );

  const gap = raw(0, -4, 2, 1, 'k', -1, 0);
  cursor.reset(gap, 0, gap.length, 1);
  scanRecords(cursor, scan);
  assert.deepEqual(
    { ...scan },
    {
      fault: recordFault.none,
      minTimestampDelta: -4,
      maxTimestampDelta: -4,
      maxTimestampOffsetDelta: 2,
      firstNullKey: -1,
      contiguous: false,
    },
  );

  cursor.reset(gap, 0, gap.length - 1, 1);
  scanRecords(cursor, scan);
  assert.equal(scan.fault, recordFault.truncated);
});
