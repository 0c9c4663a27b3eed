import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteWriter } from '../kernel/byte-writer.ts';
import { encodeHex, viewOf } from '../kernel/bytes.ts';
import { AppendView, EntryView } from '../log/entry.ts';
import type { ObjectCursor } from '../log/machine.ts';
import { buildBatch } from '../record/batch-builder.ts';
import { BodyWriter } from './body.ts';
import { TestRandom } from './broker.fixture.ts';
import { findTopicOption, parseTopicOptions } from './catalog/topic-options.ts';
import {
  encodePartitionList,
  encodeProducerIds,
  encodeProducersExpired,
  encodeTopicCreated,
  encodeTopicOptions,
  entryKind,
  entryTable,
  objectType,
} from './entries.ts';
import { groupEntryKind } from './groups/group-entries.ts';
import { Groups } from './groups/index.ts';
import { objectBytesMax } from './limits.ts';
import { queueEntryKind } from './queues/queue-entries.ts';
import { Queues } from './queues/queues.ts';
import { BrokerState } from './state.ts';

const surroundings = {
  partitionLog: () => undefined,
  leaderEpoch: () => 1,
  parseOptions: () => parseTopicOptions((name) => findTopicOption(name)?.defaultValue ?? ''),
};

function newState(): BrokerState {
  return new BrokerState(surroundings, new Queues(), new Groups());
}

interface StoredObject {
  readonly type: number;
  readonly lsn: number;
  readonly body: Uint8Array;
}

function nextObject(cursor: ObjectCursor): StoredObject | null {
  const writer = new ByteWriter();
  writer.int32(-1);
  const head = cursor.next(writer);
  if (head === null) return null;
  const body = writer.toBytes().slice(4);
  assert.ok(body.length <= objectBytesMax, 'an object of a checkpoint has at most 64 KiB');
  return { type: head.type, lsn: head.lsn, body };
}

function allObjects(state: BrokerState): StoredObject[] {
  const objects: StoredObject[] = [];
  const cursor = state.objects();
  for (let object = nextObject(cursor); object !== null; object = nextObject(cursor)) {
    objects.push(object);
  }
  return objects;
}

/** Everything the state holds, in an order that does not depend on how it came to be. */
function textOf(state: BrokerState): string[] {
  return allObjects(state)
    .flatMap((object) => piecesOf(object))
    .sort();
}

/** Producers of a partition are objects each; which of them share a piece is left to chance. */
function piecesOf({ type, lsn, body }: StoredObject): string[] {
  if (type !== objectType.producers) return [`${type} ${lsn} ${encodeHex(body)}`];
  const view = viewOf(body);
  const pieces: string[] = [];
  for (let at = 8; at < body.length; ) {
    const size = 32 + 24 * view.getUint8(at + 26);
    pieces.push(`${type} ${view.getUint32(0, true)} ${encodeHex(body, at, at + size)}`);
    at += size;
  }
  return pieces;
}

interface TapeEntry {
  readonly kind: number;
  readonly lsn: number;
  readonly body: Uint8Array;
}

const appendKind = 1;

function apply(state: BrokerState, entry: TapeEntry): void {
  if (entry.kind === appendKind) return applyAppend(state, entry);
  const view = new EntryView();
  view.kind = entry.kind;
  view.lsn = entry.lsn;
  view.bytes = entry.body;
  view.view = viewOf(entry.body);
  view.end = entry.body.length;
  state.applyEntry(view);
}

/** An append on the tape: uint32 partition, uint32 base offset, batch. */
function applyAppend(state: BrokerState, { lsn, body }: TapeEntry): void {
  const append = new AppendView();
  append.lsn = lsn;
  append.time = lsn * 10;
  append.targetCount = 1;
  append.bytes = body;
  append.view = viewOf(body);
  append.partitions[0] = append.view.getUint32(0, true);
  append.baseOffsets[0] = append.view.getUint32(4, true);
  append.batchStart = 8;
  append.batchEnd = body.length;
  state.applyAppend(append);
}

/** A leader that decides at random and keeps its journal on a tape. */
class RandomLeader {
  readonly state = newState();
  readonly tape: TapeEntry[] = [];
  readonly #random: TestRandom;
  readonly #body = new BodyWriter();
  #lsn = 4096;
  #names = 0;

  constructor(random: TestRandom) {
    this.#random = random;
    this.state.restored();
  }

  step(): void {
    const dice = this.#random.below(100);
    const topics = [...this.state.catalog.topics()];
    const topic = topics[this.#random.below(Math.max(1, topics.length))];
    if (dice < 12 || topic === undefined) return this.#createTopic();
    if (dice < 20) return this.#deleteTopic(topic.id);
    if (dice < 27) return this.#setOptions(topic.id);
    if (dice < 34) return this.#addPartitions(topic.id);
    if (dice < 40) return this.#reserveProducerIds();
    const ids = topic.partitions.map((partition) => partition.id);
    const partition = ids[this.#random.below(ids.length)] ?? 0;
    if (dice < 50) return this.#expire(partition);
    this.#produce(partition);
  }

  #createTopic(): void {
    const { counters } = this.state;
    const uuid = new Uint8Array(16);
    this.#random.fill(uuid);
    encodeTopicCreated(this.#body.reset(), {
      topicId: counters.nextTopicId,
      uuid,
      isInternal: this.#random.below(9) === 0,
      // Names of deleted topics come again.
      name: this.#freeName(),
      partitionIds: this.#newIds(1 + this.#random.below(3)),
      overrides: new Map([['retention.ms', String(this.#random.below(9))]]),
    });
    this.#put(entryKind.topicCreated);
  }

  #freeName(): string {
    for (;;) {
      const name = `t${this.#random.below(8 + this.#names++)}`;
      if (this.state.catalog.topic(name) === undefined) return name;
    }
  }

  #newIds(count: number): number[] {
    const first = this.state.counters.nextPartitionId;
    return Array.from({ length: count }, (_, i) => first + i);
  }

  #deleteTopic(topicId: number): void {
    const topic = this.state.catalog.topicById(topicId);
    const partitionIds = topic?.partitions.map((partition) => partition.id) ?? [];
    encodePartitionList(this.#body.reset(), { topicId, partitionIds });
    this.#put(entryKind.topicDeleted);
  }

  #setOptions(topicId: number): void {
    const overrides = new Map([['retention.bytes', String(this.#random.below(99))]]);
    encodeTopicOptions(this.#body.reset(), { topicId, overrides });
    this.#put(entryKind.topicOptions);
  }

  #addPartitions(topicId: number): void {
    encodePartitionList(this.#body.reset(), { topicId, partitionIds: this.#newIds(1) });
    this.#put(entryKind.partitionsAdded);
  }

  #reserveProducerIds(): void {
    encodeProducerIds(this.#body.reset(), this.state.counters.nextProducerId + 1000);
    this.#put(entryKind.producerIds);
  }

  #expire(partitionId: number): void {
    const producerIds = this.state.producers.oldestOf(partitionId, 1 + this.#random.below(2));
    encodeProducersExpired(this.#body.reset(), { partitionId, producerIds });
    this.#put(entryKind.producersExpired);
  }

  #produce(partition: number): void {
    const timestamp = this.#random.below(1000);
    const batch = buildBatch([{ key: null, value: null, timestamp }], {
      producerId: this.#random.below(6) - 1,
      producerEpoch: this.#random.below(2),
      baseSequence: this.#random.below(50),
      ...(this.#random.below(3) === 0 ? { logAppendTime: timestamp } : {}),
    });
    this.#body.reset().uint32(partition).uint32(this.tape.length).raw(batch);
    this.#put(appendKind);
  }

  #put(kind: number): void {
    const body = this.#body.bytes.slice(0, this.#body.length);
    const entry = { kind, lsn: this.#lsn, body };
    this.#lsn += 8 + body.length;
    this.tape.push(entry);
    apply(this.state, entry);
  }
}

test('replaying the whole journal gives the live state', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const leader = new RandomLeader(new TestRandom(seed));
    for (let i = 0; i < 150; i++) leader.step();
    const replayed = newState();
    for (const entry of leader.tape) apply(replayed, entry);
    replayed.restored();
    assert.deepEqual(textOf(replayed), textOf(leader.state), `seed ${seed}`);
  }
});

test('a checkpoint written while the state changes, and the journal since, give the live state', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const random = new TestRandom(seed * 7919);
    const leader = new RandomLeader(random);
    for (let i = 0; i < 60; i++) leader.step();
    const start = leader.tape.length;
    const cursor = leader.state.objects();
    const stored: StoredObject[] = [];
    for (let object = nextObject(cursor); object !== null; object = nextObject(cursor)) {
      stored.push(object);
      for (let i = random.below(6); i > 0; i--) leader.step();
    }
    for (let i = random.below(40); i > 0; i--) leader.step();
    const replayed = newState();
    for (const { type, lsn, body } of stored) {
      replayed.restoreObject(type, lsn, body, 0, body.length);
    }
    for (const entry of leader.tape.slice(start)) apply(replayed, entry);
    replayed.restored();
    assert.deepEqual(textOf(replayed), textOf(leader.state), `seed ${seed}`);
    for (const topic of leader.state.catalog.topics()) {
      assert.equal(replayed.catalog.topic(topic.name)?.id, topic.id, `seed ${seed}`);
    }
  }
});

test('state from a checkpoint can be written into the next one', () => {
  const leader = new RandomLeader(new TestRandom(5));
  for (let i = 0; i < 200; i++) leader.step();
  const restored = newState();
  for (const { type, lsn, body } of allObjects(leader.state)) {
    restored.restoreObject(type, lsn, body, 0, body.length);
  }
  restored.restored();
  assert.deepEqual(textOf(restored), textOf(leader.state));
});

test('the producers of a crowded partition are split into objects that fit', () => {
  const state = newState();
  const body = new BodyWriter();
  for (let i = 0; i < 3000; i++) {
    const batch = buildBatch([{ key: null, value: null, timestamp: 0 }], {
      producerId: i % 1000,
      producerEpoch: 0,
      baseSequence: i,
    });
    body.reset().uint32(3).uint32(i).raw(batch);
    apply(state, { kind: appendKind, lsn: 4096 + i, body: body.bytes.slice(0, body.length) });
  }
  const objects = allObjects(state).filter(({ type }) => type === objectType.producers);
  assert.equal(objects.length, 3);
  assert.equal(state.producers.count, 1000);
});

test('a partition deleted while its producers are written takes nothing of others along', () => {
  const state = newState();
  const body = new BodyWriter();
  let lsn = 4096;
  const produce = (partition: number, producerId: number) => {
    const options = { producerId, producerEpoch: 0, baseSequence: 0 };
    const batch = buildBatch([{ key: null, value: null, timestamp: 0 }], options);
    body.reset().uint32(partition).uint32(0).raw(batch);
    apply(state, { kind: appendKind, lsn: lsn++, body: body.bytes.slice(0, body.length) });
  };
  for (let producer = 0; producer < 1000; producer++) produce(3, producer);
  const cursor = state.producers.objects();
  assert.ok(nextObject(cursor));
  encodePartitionList(body.reset(), { topicId: 1, partitionIds: [3] });
  const deleted = body.bytes.slice(0, body.length);
  apply(state, { kind: entryKind.topicDeleted, lsn: lsn++, body: deleted });
  for (let producer = 0; producer < 500; producer++) produce(4, producer);
  for (let object = nextObject(cursor); object !== null; object = nextObject(cursor)) {
    assert.equal(viewOf(object.body).getUint32(0, true), 4);
  }
});

test('the table of entries names every kind once', () => {
  const kinds = entryTable.map((entry) => entry.kind);
  assert.equal(new Set(kinds).size, kinds.length);
  const own = Object.entries(entryKind).filter(([name]) => !/^(queue|group)/.test(name));
  const parts = [...Object.values(queueEntryKind), ...Object.values(groupEntryKind)];
  const expected = [...own.map(([, kind]) => kind), ...parts].sort((left, right) => left - right);
  assert.deepEqual(kinds, expected);
});
