import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8, viewOf } from '../../../kernel/bytes.ts';
import {
  batchAttribute,
  batchField,
  batchIsLogAppendTime,
  batchLeaderEpoch,
  batchMaxTimestamp,
  findBatchFault,
  sealBatch,
} from '../../../record/batch.ts';
import { buildBatch } from '../../../record/batch-builder.ts';
import { codec } from '../../../record/compression/index.ts';
import { kafkaErrors } from '../error-codes.ts';
import { batchOf, concatBytes, fetchDraft, KafkaBench, recordsIn } from '../kafka.fixture.ts';

const now = 1_800_000_000_000;

function started(options: Readonly<Record<string, string>> = {}) {
  const bench = new KafkaBench();
  const topic = bench.topic('t', options);
  return { bench, topic, client: bench.connect() };
}

/** A batch of an idempotent producer. */
function sequenced(sequence: number, count = 1, epoch = 0, producerId = 7): Uint8Array {
  const values = Array.from({ length: count }, (_, i) => `${sequence + i}`);
  return batchOf(values, { producerId, producerEpoch: epoch, baseSequence: sequence });
}

/** A batch with one field changed and the checksum made true again. */
function altered(change: (view: DataView) => void): Uint8Array {
  const batch = batchOf(['a']);
  const view = viewOf(batch);
  change(view);
  sealBatch(batch, view, 0);
  return batch;
}

describe('Produce', () => {
  it('answers with the offset of the first record, in every version that clients use', () => {
    const { client, topic } = started();
    for (let version = 3; version <= 13; version++) {
      const row = client.produce('t', batchOf(['a', 'b']), { version, topicId: topic.uuidText });
      assert.equal(row.errorCode, kafkaErrors.none, `v${version}`);
      assert.equal(row.baseOffset, (version - 3) * 2);
      assert.equal(row.logAppendTimeMs, -1);
      assert.equal(row.logStartOffset, version >= 5 ? 0 : -1);
      assert.equal(row.errorMessage, null);
    }
  });

  it('says nothing before what it says is committed, with acks 1 as with all', () => {
    const { bench, client } = started();
    bench.gate.isShut = true;
    for (const acks of [1, -1])
      client.send('produce', 9, client.produceDraft('t', batchOf(['a']), { acks }));
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 2);
  });

  it('refuses versions below 3 in their own form, because it is advertised from 0', () => {
    const { client } = started();
    for (const version of [0, 1, 2]) {
      const row = client.produce('t', batchOf(['a']), { version });
      assert.equal(row.errorCode, kafkaErrors.unsupportedVersion, `v${version}`);
    }
    assert.equal(client.produce('t', batchOf(['a'])).baseOffset, 0, 'nothing was appended');
  });

  it('refuses acks other than 0, 1 and -1 for all partitions', () => {
    const { client } = started();
    const row = client.produce('t', batchOf(['a']), { acks: 2 });
    assert.equal(row.errorCode, kafkaErrors.invalidRequiredAcks);
    assert.equal(row.baseOffset, -1);
    assert.equal(client.produce('t', batchOf(['a'])).baseOffset, 0, 'nothing was appended');
  });

  it('does not answer with acks 0, and appends', () => {
    const { bench, client } = started();
    for (let i = 0; i < 3; i++) {
      client.send('produce', 9, client.produceDraft('t', batchOf(['a']), { acks: 0 }));
    }
    bench.settle();
    assert.deepEqual(client.answers(), []);
    assert.equal(client.isClosed, false);
    assert.equal(client.produce('t', batchOf(['b'])).baseOffset, 3);
  });

  it('closes the connection on any error with acks 0, after the answers before it', () => {
    const { bench, client } = started();
    client.send('produce', 9, client.produceDraft('t', batchOf(['a'])));
    client.send('produce', 9, client.produceDraft('absent', batchOf(['a']), { acks: 0 }));
    client.send('produce', 9, client.produceDraft('t', batchOf(['a'])));
    bench.settle();
    assert.equal(client.answers().length, 1);
    assert.equal(client.isClosed, true);
  });

  it('refuses a transactional id: there are no transactions', () => {
    const { client } = started();
    const row = client.produce('t', batchOf(['a']), { transactionalId: 'x' });
    assert.equal(row.errorCode, kafkaErrors.invalidRequest);
  });

  it('refuses a transactional batch and one with markers', () => {
    const { client } = started();
    const transactional = sequenced(0);
    const view = viewOf(transactional);
    view.setInt16(batchField.attributes, batchAttribute.transactional);
    sealBatch(transactional, view, 0);
    assert.equal(client.produce('t', transactional).errorCode, kafkaErrors.invalidRequest);
    const control = altered((v) => v.setInt16(batchField.attributes, batchAttribute.control));
    assert.equal(client.produce('t', control).errorCode, kafkaErrors.invalidRecord);
  });

  it('tells a topic from a partition that is not there, by name and by id [KIP-516]', () => {
    const { client, topic } = started();
    const batch = batchOf(['a']);
    assert.equal(client.produce('u', batch).errorCode, kafkaErrors.unknownTopicOrPartition);
    for (const partition of [-1, 1, 0x7fff_ffff]) {
      const { errorCode } = client.produce('t', batch, { partition });
      assert.equal(errorCode, kafkaErrors.unknownTopicOrPartition);
    }
    const byId = { version: 13, topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' };
    assert.equal(client.produce('', batch, byId).errorCode, kafkaErrors.unknownTopicId);
    const other = { version: 13, topicId: topic.uuidText, partition: 1 };
    assert.equal(client.produce('', batch, other).errorCode, kafkaErrors.unknownTopicOrPartition);
  });

  it('does not take a topic for the one of the same name that was before it [KIP-516]', () => {
    const { bench, client, topic } = started();
    const first = { version: 13, topicId: topic.uuidText };
    assert.equal(client.produce('', batchOf(['a']), first).errorCode, kafkaErrors.none);
    assert.equal(client.produce('t', batchOf(['a'])).baseOffset, 1);
    bench.broker.deleteTopic(topic);
    bench.topic('t');
    assert.equal(client.produce('', batchOf(['a']), first).errorCode, kafkaErrors.unknownTopicId);
    assert.equal(client.produce('t', batchOf(['a'])).baseOffset, 0);
  });

  it('says that a topic is not there only when that is committed', () => {
    const { bench, client, topic } = started();
    bench.gate.isShut = true;
    bench.broker.deleteTopic(topic);
    client.send('produce', 9, client.produceDraft('t', batchOf(['a'])));
    bench.settle();
    assert.deepEqual(client.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length, 1);
  });

  it('takes several topics and partitions, each with its own outcome', () => {
    const { bench, client } = started();
    bench.topic('p', {}, 3);
    const rows = (indexes: readonly number[]) =>
      indexes.map((index) => ({ index, records: batchOf([`p${index}`]) }));
    const { responses } = client.call('produce', 12, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        { name: 't', partitionData: rows([0]) },
        { name: 'p', partitionData: rows([2, 5, 0]) },
        { name: 'nowhere', partitionData: rows([0]) },
      ],
    });
    const outcome = responses.map(({ name, partitionResponses }) => [
      name,
      ...partitionResponses.map(({ index, errorCode }) => [index, errorCode]),
    ]);
    assert.deepEqual(outcome, [
      ['t', [0, 0]],
      ['p', [2, 0], [5, kafkaErrors.unknownTopicOrPartition], [0, 0]],
      ['nowhere', [0, kafkaErrors.unknownTopicOrPartition]],
    ]);
  });
});

describe('a batch that is produced', () => {
  it('is the only one of its partition', () => {
    const { client } = started();
    const two = concatBytes(batchOf(['a']), batchOf(['b']));
    assert.equal(client.produce('t', two).errorCode, kafkaErrors.invalidRecord);
  });

  it('is there', () => {
    const { client } = started();
    assert.equal(client.produce('t', null).errorCode, kafkaErrors.invalidRecord);
    assert.equal(client.produce('t', new Uint8Array(0)).errorCode, kafkaErrors.invalidRecord);
  });

  it('has version 2, and not one from the past or the future', () => {
    const { client } = started();
    for (const magic of [0, 1]) {
      const old = altered((view) => view.setInt8(batchField.magic, magic));
      assert.equal(client.produce('t', old).errorCode, kafkaErrors.invalidRecord);
      assert.equal(client.produce('t', old.subarray(0, 34)).errorCode, kafkaErrors.invalidRecord);
    }
    const next = altered((view) => view.setInt8(batchField.magic, 3));
    assert.equal(client.produce('t', next).errorCode, kafkaErrors.corruptMessage);
  });

  it('is refused as corrupt when its bytes or its length are damaged', () => {
    const { client } = started();
    const batch = batchOf(['some value']);
    for (const at of [20, 22, 40, batch.length - 1]) {
      const damaged = batch.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      assert.equal(
        client.produce('t', damaged).errorCode,
        kafkaErrors.corruptMessage,
        `byte ${at}`,
      );
    }
    for (const size of [1, 12, 60, batch.length - 1]) {
      const { errorCode } = client.produce('t', batch.subarray(0, size));
      assert.equal(errorCode, kafkaErrors.corruptMessage, `${size} bytes`);
    }
    assert.equal(client.produce('t', batch).baseOffset, 0, 'nothing was appended');
  });

  it('has as many records as offsets, and a sequence if it has a producer', () => {
    const { client } = started();
    const changes: readonly ((view: DataView) => void)[] = [
      (view) => view.setInt32(batchField.recordCount, 2),
      (view) => view.setInt32(batchField.lastOffsetDelta, 3),
      (view) => view.setInt32(batchField.recordCount, 0),
      (view) => view.setInt16(batchField.attributes, 6),
      (view) => {
        view.setBigInt64(batchField.producerId, 5n);
        view.setInt16(batchField.producerEpoch, 0);
      },
    ];
    for (const [index, change] of changes.entries()) {
      const row = client.produce('t', altered(change));
      assert.equal(row.errorCode, kafkaErrors.invalidRecord, `change ${index}`);
      assert.notEqual(row.errorMessage, null);
    }
  });

  it('is not larger than its topic allows, so that the client splits it [KIP-126]', () => {
    const { client } = started({ 'max.message.bytes': '200' });
    assert.equal(client.produce('t', batchOf(['x'.repeat(50)])).errorCode, kafkaErrors.none);
    const { errorCode } = client.produce('t', batchOf(['x'.repeat(500)]));
    assert.equal(errorCode, kafkaErrors.messageTooLarge);
  });

  it('has keys where the topic is compacted, and the answer names the record without [KIP-467]', () => {
    const { client } = started({ 'cleanup.policy': 'compact' });
    const record = (key: Uint8Array | null) => ({ key, value: encodeUtf8('v'), timestamp: now });
    const mixed = buildBatch([record(encodeUtf8('k')), record(null)]);
    for (const [version, indexes] of [
      [7, []],
      [8, [1]],
      [12, [1]],
    ] as const) {
      const row = client.produce('t', mixed, { version });
      assert.equal(row.errorCode, kafkaErrors.invalidRecord);
      assert.deepEqual(
        row.recordErrors.map(({ batchIndex }) => batchIndex),
        indexes,
      );
    }
    assert.equal(client.produce('t', buildBatch([record(encodeUtf8('k'))])).baseOffset, 0);
  });

  it('keeps its leader epoch to itself: it gets that of the broker', () => {
    const { client, topic } = started();
    const batch = batchOf(['a'], { leaderEpoch: 99 });
    assert.equal(client.produce('t', batch).errorCode, kafkaErrors.none);
    const { records } = client.fetch('t', 0);
    assert.ok(records);
    assert.equal(batchLeaderEpoch(viewOf(records), 0), topic.partitions[0]?.leaderEpoch);
  });

  it('may be compressed with zstd from version 7 on only [KIP-110]', () => {
    const { client } = started();
    const zstd = altered((view) => view.setInt16(batchField.attributes, codec.zstd));
    for (const [version, expected] of [
      [6, kafkaErrors.unsupportedCompressionType],
      [7, kafkaErrors.none],
    ] as const) {
      assert.equal(client.produce('t', zstd, { version }).errorCode, expected, `v${version}`);
    }
  });

  it('comes back as it was, compressed or not', () => {
    const { client } = started();
    for (const kind of [codec.none, codec.gzip, codec.snappy, codec.lz4]) {
      const batch = batchOf(['one', 'two'], { codec: kind });
      const { baseOffset } = client.produce('t', batch);
      const { records } = client.fetch('t', baseOffset);
      assert.ok(records);
      assert.deepEqual(records.subarray(21), batch.subarray(21), 'what is summed is untouched');
      assert.deepEqual(recordsIn(records), [`${baseOffset}:one`, `${baseOffset + 1}:two`]);
    }
  });
});

describe('timestamps of what is produced', () => {
  it('are those of the producer, within the bounds of the topic', () => {
    const { client } = started({ 'message.timestamp.before.max.ms': '1000' });
    const at = (timestamp: number) =>
      buildBatch([{ key: null, value: encodeUtf8('v'), timestamp }]);
    assert.equal(client.produce('t', at(now - 900)).errorCode, kafkaErrors.none);
    const old = client.produce('t', at(now - 2000));
    assert.equal(old.errorCode, kafkaErrors.invalidTimestamp);
    assert.deepEqual(
      old.recordErrors.map(({ batchIndex }) => batchIndex),
      [0],
      '[KIP-467]',
    );
    const early = client.produce('t', at(now + 3_700_000));
    assert.equal(early.errorCode, kafkaErrors.invalidTimestamp, '[KIP-937]');
  });

  it('are those of the broker where the topic says so, and the answer tells', () => {
    const { bench, client } = started({ 'message.timestamp.type': 'LogAppendTime' });
    bench.advance(1234);
    const row = client.produce('t', batchOf(['a', 'b']));
    const time = bench.bench.loop.now();
    assert.equal(row.logAppendTimeMs, time);
    const { records } = client.fetch('t', 0);
    assert.ok(records);
    const view = viewOf(records);
    assert.equal(batchMaxTimestamp(view, 0), time);
    assert.equal(batchIsLogAppendTime(view, 0), true);
    assert.equal(findBatchFault(records, view, 0, records.length), 0, 'the checksum is renewed');
  });

  it('are not for the producer to set as the broker’s', () => {
    const { client } = started();
    const { errorCode } = client.produce('t', batchOf(['a'], { logAppendTime: now }));
    assert.equal(errorCode, kafkaErrors.invalidTimestamp);
  });
});

describe('an idempotent producer [KIP-98]', () => {
  it('gets the first offset for any of its last five batches', () => {
    const { client } = started();
    for (let i = 0; i < 7; i++)
      assert.equal(client.produce('t', sequenced(i * 2, 2)).baseOffset, i * 2);
    for (let i = 2; i < 7; i++) {
      const row = client.produce('t', sequenced(i * 2, 2));
      assert.equal(row.errorCode, kafkaErrors.none);
      assert.equal(row.baseOffset, i * 2);
    }
    const { errorCode } = client.produce('t', sequenced(2, 2));
    assert.equal(errorCode, kafkaErrors.outOfOrderSequenceNumber, 'older than five batches');
    assert.equal(client.produce('t', sequenced(14)).baseOffset, 14, 'nothing was stored twice');
  });

  it('gets the broker’s time of the first append for a duplicate', () => {
    const { bench, client } = started({ 'message.timestamp.type': 'LogAppendTime' });
    const { logAppendTimeMs } = client.produce('t', sequenced(0));
    bench.advance(5000);
    assert.equal(client.produce('t', sequenced(0)).logAppendTimeMs, logAppendTimeMs);
  });

  it('is told of a duplicate only when the first append is committed', () => {
    const { bench, client } = started();
    const other = bench.connect();
    bench.gate.isShut = true;
    client.send('produce', 9, client.produceDraft('t', sequenced(0)));
    other.send('produce', 9, other.produceDraft('t', sequenced(0)));
    bench.settle();
    assert.deepEqual([...client.answers(), ...other.answers()], []);
    bench.gate.open();
    bench.settle();
    assert.equal(client.answers().length + other.answers().length, 2);
  });

  it('is told of a gap only when what it is measured by is committed', () => {
    const { bench, client } = started();
    const other = bench.connect();
    bench.gate.isShut = true;
    client.send('produce', 9, client.produceDraft('t', sequenced(0)));
    other.send('produce', 9, other.produceDraft('t', sequenced(5)));
    bench.settle();
    assert.deepEqual(other.answers(), []);
    bench.gate.open();
    bench.settle();
    assert.equal(other.answers().length, 1);
  });

  it('may not leave a gap, and what follows a refused batch is refused too', () => {
    const { bench, client } = started();
    client.produce('t', sequenced(0));
    const ids = [2, 3, 1].map((sequence) =>
      client.send('produce', 12, client.produceDraft('t', sequenced(sequence))),
    );
    bench.settle();
    const answers = client.answers();
    assert.deepEqual(
      answers.map(({ correlationId }) => correlationId),
      ids,
    );
    const codes = answers.map(({ body }) => JSON.stringify(body).match(/"errorCode":(\d+)/)?.[1]);
    assert.deepEqual(codes, ['45', '45', '0']);
  });

  it('may begin anywhere where it is not known', () => {
    const { client } = started();
    assert.equal(client.produce('t', sequenced(500)).errorCode, kafkaErrors.none);
    assert.equal(client.produce('t', sequenced(501)).errorCode, kafkaErrors.none);
  });

  it('begins at 0 with a new epoch, and is stale with an older one', () => {
    const { client } = started();
    client.produce('t', sequenced(0, 1, 3));
    const { errorCode } = client.produce('t', sequenced(1, 1, 4));
    assert.equal(errorCode, kafkaErrors.outOfOrderSequenceNumber);
    assert.equal(client.produce('t', sequenced(0, 1, 4)).errorCode, kafkaErrors.none);
    assert.equal(
      client.produce('t', sequenced(1, 1, 3)).errorCode,
      kafkaErrors.invalidProducerEpoch,
    );
  });

  it('counts from 2147483647 on to 0', () => {
    const { client } = started();
    const last = 0x7fff_ffff;
    assert.equal(client.produce('t', sequenced(last - 1, 2)).errorCode, kafkaErrors.none);
    assert.equal(client.produce('t', sequenced(0)).baseOffset, 2);
  });

  it('is remembered through a crash', () => {
    const { bench, client } = started();
    client.produce('t', sequenced(0, 3));
    bench.restart();
    const again = bench.connect();
    assert.equal(again.produce('t', sequenced(0, 3)).baseOffset, 0);
    assert.equal(again.produce('t', sequenced(3)).baseOffset, 3);
    assert.equal(again.call('fetch', 12, fetchDraft([['t', 0, 4]])).errorCode, 0);
  });
});
