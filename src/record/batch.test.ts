import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { viewOf } from '../kernel/bytes.ts';
import {
  addSequence,
  type BatchFault,
  batchAttribute,
  batchAttributes,
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCodec,
  batchCrc,
  batchFault,
  batchFaultText,
  batchField,
  batchHeaderBytes,
  batchIsControl,
  batchIsLogAppendTime,
  batchIsTransactional,
  batchLastOffset,
  batchLastOffsetDelta,
  batchLastSequence,
  batchLeaderEpoch,
  batchLength,
  batchMagic,
  batchMaxTimestamp,
  batchNextOffset,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchRuleFaultFrom,
  batchSize,
  computeBatchCrc,
  findBatchFault,
  findProducedBatchFault,
  sealBatch,
  setBatchBaseOffset,
  setBatchLeaderEpoch,
  setBatchLogAppendTime,
  setBatchMaxTimestamp,
} from './batch.ts';
import { foreignBatches } from './vectors/batches.ts';

function foreign(codec: number): Uint8Array {
  const found = foreignBatches.find(([number]) => number === codec);
  assert.ok(found !== undefined);
  return new Uint8Array(Buffer.from(found[1], 'base64'));
}

function faultOf(bytes: Uint8Array): BatchFault {
  return findBatchFault(bytes, viewOf(bytes), 0, bytes.length);
}

function producedFaultOf(bytes: Uint8Array): BatchFault {
  assert.equal(faultOf(bytes), batchFault.none);
  return findProducedBatchFault(viewOf(bytes), 0, bytes.length);
}

/** A batch without compression, changed and sealed again. */
function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = foreign(0);
  change(viewOf(bytes));
  sealBatch(bytes, viewOf(bytes), 0);
  return bytes;
}

test('every header field of a foreign batch is read from where it is', () => {
  for (const [codec] of foreignBatches) {
    const bytes = foreign(codec);
    const shifted = Buffer.concat([Buffer.alloc(5, 0xee), bytes]);
    const view = viewOf(shifted);
    assert.equal(batchBaseOffset(view, 5), 0);
    assert.equal(batchLength(view, 5), bytes.length - 12);
    assert.equal(batchSize(view, 5), bytes.length);
    assert.equal(batchLeaderEpoch(view, 5), 0);
    assert.equal(batchMagic(view, 5), 2);
    assert.equal(batchCrc(view, 5), computeBatchCrc(shifted, view, 5));
    assert.equal(batchAttributes(view, 5), codec | batchAttribute.transactional);
    assert.equal(batchCodec(view, 5), codec);
    assert.equal(batchIsTransactional(view, 5), true);
    assert.equal(batchIsControl(view, 5), false);
    assert.equal(batchIsLogAppendTime(view, 5), false);
    assert.equal(batchLastOffsetDelta(view, 5), 2);
    assert.equal(batchBaseTimestamp(view, 5), 1_700_000_000_000);
    assert.equal(batchMaxTimestamp(view, 5), 1_700_000_000_007);
    assert.equal(batchProducerId(view, 5), 77);
    assert.equal(batchProducerEpoch(view, 5), 3);
    assert.equal(batchBaseSequence(view, 5), 9);
    assert.equal(batchLastSequence(view, 5), 11);
    assert.equal(batchRecordCount(view, 5), 3);
    assert.equal(findBatchFault(shifted, view, 5, shifted.length), batchFault.none);
    assert.equal(findProducedBatchFault(view, 5, shifted.length), batchFault.none);
  }
});

test('assigning offset and leader epoch leaves the checksum true', () => {
  const bytes = foreign(0);
  const view = viewOf(bytes);
  setBatchBaseOffset(view, 0, 2 ** 40 + 5);
  setBatchLeaderEpoch(view, 0, 17);
  assert.equal(batchBaseOffset(view, 0), 2 ** 40 + 5);
  assert.equal(batchLastOffset(view, 0), 2 ** 40 + 7);
  assert.equal(batchNextOffset(view, 0), 2 ** 40 + 8);
  assert.equal(batchLeaderEpoch(view, 0), 17);
  assert.equal(faultOf(bytes), batchFault.none);
});

test('stamping with the time of the log changes the type, the max timestamp and the checksum', () => {
  const bytes = foreign(0);
  const view = viewOf(bytes);
  const crc = batchCrc(view, 0);
  setBatchLogAppendTime(bytes, view, 0, 1_800_000_000_000);
  assert.equal(batchIsLogAppendTime(view, 0), true);
  assert.equal(batchMaxTimestamp(view, 0), 1_800_000_000_000);
  assert.equal(batchBaseTimestamp(view, 0), 1_700_000_000_000);
  assert.notEqual(batchCrc(view, 0), crc);
  assert.equal(faultOf(bytes), batchFault.none);
  setBatchMaxTimestamp(bytes, view, 0, -1);
  assert.equal(batchMaxTimestamp(view, 0), -1);
  assert.equal(faultOf(bytes), batchFault.none);
});

test('sequences go from 2^31 - 1 on to 0', () => {
  assert.equal(addSequence(0x7fff_ffff, 1), 0);
  assert.equal(addSequence(0x7fff_fffe, 3), 1);
  const bytes = changed((view) => view.setInt32(batchField.baseSequence, 0x7fff_fffe));
  assert.equal(batchLastSequence(viewOf(bytes), 0), 0);
  const none = changed((view) => view.setInt32(batchField.baseSequence, -1));
  assert.equal(batchLastSequence(viewOf(none), 0), -1);
});

test('every prefix of a batch is cut short', () => {
  const bytes = foreign(0);
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(faultOf(bytes.subarray(0, end)), batchFault.truncated);
  }
});

test('a batch is judged by itself when more bytes follow', () => {
  const bytes = Buffer.concat([foreign(0), foreign(1), Buffer.from('garbage')]);
  assert.equal(faultOf(bytes), batchFault.none);
  assert.equal(producedFaultOf(bytes), batchFault.trailingBytes);
});

test('a flipped bit behind the magic is found by the checksum', () => {
  const bit = fc.tuple(fc.nat(), fc.nat(7));
  fc.assert(
    fc.property(bit, fc.constantFrom(...foreignBatches.keys()), ([position, shift], codec) => {
      const bytes = foreign(codec);
      const at = batchField.crc + (position % (bytes.length - batchField.crc));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << shift);
      assert.equal(faultOf(bytes), batchFault.badCrc);
    }),
  );
});

const damaged: readonly (readonly [string, BatchFault, (view: DataView) => void])[] = [
  ['a negative length', batchFault.badLength, (v) => v.setInt32(batchField.length, -1)],
  ['the smallest length', batchFault.badLength, (v) => v.setInt32(batchField.length, -(2 ** 31))],
  ['a length below a header', batchFault.badLength, (v) => v.setInt32(batchField.length, 48)],
  [
    'a length beyond the input',
    batchFault.truncated,
    (v) => v.setInt32(batchField.length, 2 ** 31 - 1),
  ],
  ['an older magic', batchFault.badMagic, (v) => v.setInt8(batchField.magic, 1)],
  ['a newer magic', batchFault.badMagic, (v) => v.setInt8(batchField.magic, 3)],
];

for (const [what, fault, damage] of damaged) {
  test(`${what} is damage`, () => {
    const bytes = foreign(0);
    damage(viewOf(bytes));
    assert.equal(faultOf(bytes), fault);
    assert.ok(fault < batchRuleFaultFrom);
  });
}

const beyond = 2n ** 53n;
const broken: readonly (readonly [string, BatchFault, (view: DataView) => void])[] = [
  ['an offset beyond 2^53', batchFault.inexact, (v) => v.setBigInt64(0, beyond)],
  ['a negative offset', batchFault.inexact, (v) => v.setBigInt64(0, -1n)],
  ['a last offset beyond 2^53', batchFault.inexact, (v) => v.setBigInt64(0, beyond - 2n)],
  [
    'a producer id beyond 2^53',
    batchFault.inexact,
    (v) => v.setBigInt64(batchField.producerId, beyond),
  ],
  [
    'a base timestamp beyond 2^53',
    batchFault.inexact,
    (v) => v.setBigInt64(batchField.baseTimestamp, -beyond),
  ],
  [
    'a max timestamp beyond 2^53',
    batchFault.inexact,
    (v) => v.setBigInt64(batchField.maxTimestamp, 2n ** 63n - 1n),
  ],
  ['codec 5', batchFault.unknownCodec, (v) => v.setInt16(batchField.attributes, 5)],
  ['a negative record count', batchFault.badCount, (v) => v.setInt32(batchField.recordCount, -1)],
  [
    'a negative last offset delta',
    batchFault.badCount,
    (v) => v.setInt32(batchField.lastOffsetDelta, -1),
  ],
  ['more records than offsets', batchFault.badCount, (v) => v.setInt32(batchField.recordCount, 4)],
  [
    'a producer id below -1',
    batchFault.badProducer,
    (v) => v.setBigInt64(batchField.producerId, -2n),
  ],
  [
    'a producer epoch below -1',
    batchFault.badProducer,
    (v) => v.setInt16(batchField.producerEpoch, -2),
  ],
  ['a sequence below -1', batchFault.badProducer, (v) => v.setInt32(batchField.baseSequence, -2)],
  [
    'a producer without an epoch',
    batchFault.badProducer,
    (v) => v.setInt16(batchField.producerEpoch, -1),
  ],
  [
    'a base timestamp below -1',
    batchFault.badTimestamp,
    (v) => v.setBigInt64(batchField.baseTimestamp, -2n),
  ],
  [
    'a max timestamp below -1',
    batchFault.badTimestamp,
    (v) => v.setBigInt64(batchField.maxTimestamp, -2n),
  ],
];

for (const [what, fault, breakRule] of broken) {
  test(`${what} breaks the rules`, () => {
    assert.equal(faultOf(changed(breakRule)), fault);
    assert.ok(fault >= batchRuleFaultFrom);
  });
}

const notProduced: readonly (readonly [string, BatchFault, (view: DataView) => void])[] = [
  ['a batch that is not at offset 0', batchFault.nonZeroBaseOffset, (v) => v.setBigInt64(0, 1n)],
  ['a batch without records', batchFault.empty, (v) => v.setInt32(batchField.recordCount, 0)],
  ['a batch with gaps', batchFault.countMismatch, (v) => v.setInt32(batchField.recordCount, 2)],
  [
    'a control batch',
    batchFault.controlFromClient,
    (v) => v.setInt16(batchField.attributes, batchAttribute.control),
  ],
  [
    'an idempotent batch without a sequence',
    batchFault.missingSequence,
    (v) => v.setInt32(batchField.baseSequence, -1),
  ],
];

for (const [what, fault, change] of notProduced) {
  test(`${what} may be stored, but not be produced`, () => {
    assert.equal(producedFaultOf(changed(change)), fault);
  });
}

test('a batch without a producer passes, whatever epoch it carries', () => {
  const bytes = changed((view) => {
    view.setBigInt64(batchField.producerId, -1n);
    view.setInt16(batchField.producerEpoch, 0);
    view.setInt32(batchField.baseSequence, 0);
    view.setBigInt64(batchField.baseTimestamp, -1n);
    view.setBigInt64(batchField.maxTimestamp, -1n);
  });
  assert.equal(producedFaultOf(bytes), batchFault.none);
});

test('random bytes are no batch and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const fault = faultOf(bytes);
      assert.notEqual(fault, batchFault.none);
      assert.ok(batchFaultText(fault).length > 0);
    }),
  );
});

test('a sealed batch of random header bytes is judged without a throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: batchHeaderBytes, maxLength: 100 }), (bytes) => {
      const view = viewOf(bytes);
      view.setInt32(batchField.length, bytes.length - 12);
      view.setInt8(batchField.magic, 2);
      sealBatch(bytes, view, 0);
      const fault = faultOf(bytes);
      assert.ok(fault === batchFault.none || fault >= batchRuleFaultFrom);
    }),
  );
});
