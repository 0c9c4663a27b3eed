/** Durable state: entries, checkpoints written while it changes, and replay. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { viewOf } from '../../kernel/bytes.ts';
import { EntryView } from '../../log/entry.ts';
import { BodyWriter } from '../body.ts';
import { chunkOffsets } from './offset-set.ts';
import {
  addRange,
  addRun,
  beginReturned,
  beginSettled,
  encodeLeaseMark,
  encodeQueueCreated,
  encodeQueueWidened,
  queueEntryKind,
  sealRanges,
  sealRuns,
  settleReason,
} from './queue-entries.ts';
import { dumpState, TestRandom } from './queues.fixture.ts';
import { Queues } from './queues.ts';

interface StoredEntry {
  readonly kind: number;
  readonly lsn: number;
  readonly body: Uint8Array;
}

interface StoredObject {
  readonly type: number;
  readonly lsn: number;
  readonly body: Uint8Array;
}

function applyTo(queues: Queues, entry: StoredEntry): void {
  const view = new EntryView();
  view.kind = entry.kind;
  view.lsn = entry.lsn;
  view.bytes = entry.body;
  view.view = viewOf(entry.body);
  view.end = entry.body.length;
  queues.applyEntry(view);
}

/** Makes up entries, applies them and keeps them. */
class History {
  readonly queues = new Queues();
  readonly entries: StoredEntry[] = [];
  private readonly writer = new BodyWriter();
  private readonly random: TestRandom;
  private lsn = 1000;

  constructor(random: TestRandom) {
    this.random = random;
  }

  step(): void {
    const all = [...this.queues.all()];
    const dice = this.random.below(100);
    if (all.length === 0 || (dice < 3 && all.length < 6)) return this.create();
    const queue = all[this.random.below(all.length)];
    if (queue === undefined) return;
    if (dice < 5) {
      this.put(queueEntryKind.deleted, this.writer.reset().uint32(queue.id));
      return;
    }
    if (dice < 7 && queue.partitions.length < 4)
      return this.widen(queue.id, queue.partitions.length);
    const partition = queue.partitions[this.random.below(queue.partitions.length)];
    if (partition === undefined) return;
    if (dice < 15) {
      const mark = partition.floor + this.random.below(5000);
      encodeLeaseMark(this.writer, queue.id, partition.partitionId, mark);
      this.put(queueEntryKind.leaseMark, this.writer);
    } else if (dice < 40) this.giveBack(queue.id, partition.partitionId, partition.floor);
    else this.settle(queue.id, partition.partitionId, partition.floor);
  }

  private create(): void {
    const queueId = this.queues.nextQueueId;
    const positions = [{ partitionId: queueId * 10, firstOffset: this.random.below(100) }];
    // Names come again: a queue that was deleted has a successor.
    let name = `q${this.random.below(8)}`;
    while (this.queues.find(1, name) !== undefined) name = `q${this.random.below(8)}`;
    const options = new Map([['lease.ms', String(this.random.below(1000))]]);
    encodeQueueCreated(this.writer.reset(), { queueId, topicId: 1, name, options, positions });
    this.put(queueEntryKind.created, this.writer);
  }

  private widen(queueId: number, count: number): void {
    const positions = [{ partitionId: queueId * 10 + count, firstOffset: 0 }];
    encodeQueueWidened(this.writer.reset(), { queueId, positions });
    this.put(queueEntryKind.widened, this.writer);
  }

  private settle(queueId: number, partitionId: number, floor: number): void {
    beginSettled(this.writer, queueId, partitionId, settleReason.acknowledged);
    const ranges = 1 + this.random.below(8);
    for (let i = 0; i < ranges; i++) {
      const ahead = this.random.below(4) === 0 ? 0 : this.random.below(chunkOffsets * 4);
      const length = this.random.below(6) === 0 ? chunkOffsets + 100 : 1 + this.random.below(40);
      addRange(this.writer, floor + ahead, length);
    }
    sealRanges(this.writer);
    this.put(queueEntryKind.settled, this.writer);
  }

  private giveBack(queueId: number, partitionId: number, floor: number): void {
    beginReturned(this.writer, queueId, partitionId);
    for (let i = 0; i < 3; i++) {
      const first = floor + this.random.below(chunkOffsets * 3);
      addRun(this.writer, first, 1 + this.random.below(20), 1 + this.random.below(5));
    }
    sealRuns(this.writer);
    this.put(queueEntryKind.returned, this.writer);
  }

  private put(kind: number, writer: BodyWriter): void {
    this.lsn += writer.length + 8;
    const entry = { kind, lsn: this.lsn, body: writer.bytes.slice(0, writer.length) };
    this.entries.push(entry);
    applyTo(this.queues, entry);
  }
}

function restore(objects: readonly StoredObject[], entries: readonly StoredEntry[]): Queues {
  const queues = new Queues();
  for (const { type, lsn, body } of objects) queues.restoreObject(type, lsn, body, 0, body.length);
  for (const entry of entries) applyTo(queues, entry);
  queues.restored();
  return queues;
}

test('replaying all entries gives the state that they gave', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const history = new History(new TestRandom(seed));
    for (let i = 0; i < 300; i++) history.step();
    const replayed = restore([], history.entries);
    assert.deepEqual(dumpState(replayed), dumpState(history.queues), `seed ${seed}`);
  }
});

test('a checkpoint written while entries come, and the entries since its start, give the state', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new TestRandom(seed * 77);
    const history = new History(random);
    for (let i = 0; i < 200; i++) history.step();
    const start = history.entries.length;
    const cursor = history.queues.objects();
    const objects: StoredObject[] = [];
    for (;;) {
      const writer = new ByteWriter();
      const head = cursor.next(writer);
      if (head === null) break;
      assert.ok(writer.position <= 64 * 1024, 'objects are small');
      objects.push({ type: head.type, lsn: head.lsn, body: writer.toBytes() });
      for (let i = random.below(4); i > 0; i--) history.step();
    }
    for (let i = 0; i < 50; i++) history.step();
    const restored = restore(objects, history.entries.slice(start));
    assert.deepEqual(dumpState(restored), dumpState(history.queues), `seed ${seed}`);
    for (const queue of history.queues.all()) {
      assert.equal(restored.find(1, queue.name)?.id, queue.id, `seed ${seed}: names are found`);
    }
  }
});

test('large state is cut into objects of at most 64 KiB', () => {
  const queues = new Queues();
  const writer = new BodyWriter();
  let lsn = 1;
  const put = (kind: number): void => {
    applyTo(queues, { kind, lsn: lsn++, body: writer.bytes.slice(0, writer.length) });
  };
  const positions = [{ partitionId: 1, firstOffset: 0 }];
  encodeQueueCreated(writer.reset(), {
    queueId: 1,
    topicId: 1,
    name: 'q',
    options: new Map(),
    positions,
  });
  put(queueEntryKind.created);
  for (let chunk = 0; chunk < 1000; chunk++) {
    beginSettled(writer, 1, 1, settleReason.acknowledged);
    addRange(writer, chunk * chunkOffsets + 1, 5);
    sealRanges(writer);
    put(queueEntryKind.settled);
    beginReturned(writer, 1, 1);
    for (let i = 0; i < 20; i++) addRun(writer, chunk * chunkOffsets + 10 + i, 1, 1 + (i % 3));
    sealRuns(writer);
    put(queueEntryKind.returned);
  }
  const cursor = queues.objects();
  const objects: StoredObject[] = [];
  for (;;) {
    const output = new ByteWriter();
    const head = cursor.next(output);
    if (head === null) break;
    assert.ok(output.position <= 64 * 1024);
    objects.push({ type: head.type, lsn: head.lsn, body: output.toBytes() });
  }
  assert.ok(objects.length > 8);
  assert.deepEqual(dumpState(restore(objects, [])), dumpState(queues));
});

test('entries for a queue or partition that is gone are skipped', () => {
  const queues = new Queues();
  const writer = new BodyWriter();
  beginSettled(writer, 9, 9, settleReason.acknowledged);
  addRange(writer, 0, 5);
  sealRanges(writer);
  applyTo(queues, {
    kind: queueEntryKind.settled,
    lsn: 5,
    body: writer.bytes.slice(0, writer.length),
  });
  encodeLeaseMark(writer, 9, 9, 100);
  applyTo(queues, {
    kind: queueEntryKind.leaseMark,
    lsn: 6,
    body: writer.bytes.slice(0, writer.length),
  });
  assert.equal(queues.size, 0);
});

test('a settled range is dead only once every queue of the topic has settled it', () => {
  const queues = new Queues();
  const writer = new BodyWriter();
  let lsn = 1;
  const put = (kind: number): void =>
    applyTo(queues, { kind, lsn: lsn++, body: writer.bytes.slice(0, writer.length) });
  for (const queueId of [1, 2]) {
    const positions = [{ partitionId: 5, firstOffset: 0 }];
    const name = `q${queueId}`;
    encodeQueueCreated(writer.reset(), {
      queueId,
      topicId: 1,
      name,
      options: new Map(),
      positions,
    });
    put(queueEntryKind.created);
  }
  const settle = (queueId: number, first: number, length: number): void => {
    beginSettled(writer, queueId, 5, settleReason.acknowledged);
    addRange(writer, first, length);
    sealRanges(writer);
    put(queueEntryKind.settled);
  };
  let isUntilSettled = false;
  queues.useRetention(() => isUntilSettled);
  settle(1, 10, 10);
  settle(2, 12, 5);
  assert.equal(queues.isDead(5, 12, 16), false, 'other retention keeps everything');
  isUntilSettled = true;
  assert.equal(queues.isDead(5, 12, 16), true);
  assert.equal(queues.isDead(5, 12, 17), false);
  assert.equal(queues.isDead(6, 12, 16), false, 'without a queue nothing is dead');
  writer.reset().uint32(2);
  put(queueEntryKind.deleted);
  assert.equal(queues.isDead(5, 10, 19), true);
});
