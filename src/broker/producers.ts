/**
 * Idempotent producers: what each of them has written last to each partition, so that a batch sent
 * twice is stored once. A part of the state machine.
 *
 * Owns: per (partition, producer) the epoch and the last five batches; the check of a new batch.
 * Leaves: who is forgotten, and when, to the broker, which says so by an entry; producer ids to the
 * counters.
 *
 * State lives in columns: one slot per (partition, producer), five batches a slot. A slot is an
 * object of its own, with its own last LSN; a checkpoint object packs many slots of one partition.
 *
 * Checkpoint object (type 18): uint32 partition | uint32 count | count × producer
 *
 *     producer   uint64 id | uint64 last LSN | uint64 last time, Unix ms | int16 epoch
 *                | uint8 batches | 5 bytes reserved | batches × batch, oldest first
 *     batch      int32 first sequence | int32 last sequence | uint64 base offset
 *                | int64 log append time, Unix ms, -1 for the producer's own time
 */

import { assert } from '../kernel/assert.ts';
import type { ByteWriter } from '../kernel/byte-writer.ts';
import type { AppendView, EntryView } from '../log/entry.ts';
import type { ObjectCursor, ObjectHead } from '../log/machine.ts';
import {
  addSequence,
  batchBaseSequence,
  batchIsControl,
  batchIsLogAppendTime,
  batchLastSequence,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
} from '../record/batch.ts';
import { BodyReader, BodyWriter } from './body.ts';
import { decodeProducersExpired, objectType } from './entries.ts';
import { producerBatches } from './limits.ts';

/** What `check` says of a batch. */
export const sequenceVerdict = {
  next: 0,
  /** Appended before: `original` says where. */
  duplicate: 1,
  outOfOrder: 2,
  staleEpoch: 3,
} as const;

export type SequenceVerdict = (typeof sequenceVerdict)[keyof typeof sequenceVerdict];

/** Producers in one checkpoint object: 152 bytes each at most. */
const producersPerObject = 400;
const initialSlots = 16;

/** Batches of slot s are [s × 5, s × 5 + 5), a ring whose newest is before `next`. */
class Columns {
  readonly capacity: number;
  readonly id: Float64Array;
  readonly lastLsn: Float64Array;
  readonly lastTime: Float64Array;
  readonly epoch: Int16Array;
  /** How many of the five are filled. */
  readonly count: Uint8Array;
  /** Where in the ring the next batch goes. */
  readonly next: Uint8Array;
  readonly firstSequence: Int32Array;
  readonly lastSequence: Int32Array;
  readonly baseOffset: Float64Array;
  readonly logAppendTime: Float64Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.id = new Float64Array(capacity);
    this.lastLsn = new Float64Array(capacity);
    this.lastTime = new Float64Array(capacity);
    this.epoch = new Int16Array(capacity);
    this.count = new Uint8Array(capacity);
    this.next = new Uint8Array(capacity);
    const batches = capacity * producerBatches;
    this.firstSequence = new Int32Array(batches);
    this.lastSequence = new Int32Array(batches);
    this.baseOffset = new Float64Array(batches);
    this.logAppendTime = new Float64Array(batches);
  }

  grown(): Columns {
    const larger = new Columns(this.capacity * 2);
    larger.id.set(this.id);
    larger.lastLsn.set(this.lastLsn);
    larger.lastTime.set(this.lastTime);
    larger.epoch.set(this.epoch);
    larger.count.set(this.count);
    larger.next.set(this.next);
    larger.firstSequence.set(this.firstSequence);
    larger.lastSequence.set(this.lastSequence);
    larger.baseOffset.set(this.baseOffset);
    larger.logAppendTime.set(this.logAppendTime);
    return larger;
  }
}

export class Producers {
  /** After `check` said duplicate: the first append of this batch. */
  readonly original = { baseOffset: -1, logAppendTime: -1, lsn: 0 };
  #columns = new Columns(initialSlots);
  /** Slots never used begin here. */
  #end = 0;
  readonly #free: number[] = [];
  /** Producer id to slot, by partition. */
  readonly #slots = new Map<number, Map<number, number>>();

  /** (Partition, producer) pairs known. */
  get count(): number {
    return this.#end - this.#free.length;
  }

  countOf(partition: number): number {
    return this.#slots.get(partition)?.size ?? 0;
  }

  knows(partition: number, producer: number): boolean {
    return this.#slots.get(partition)?.has(producer) ?? false;
  }

  /** Whether the batch at `at`, which has a producer, may be appended to `partition` now. */
  // HOT, per batch of an idempotent producer.
  check(partition: number, view: DataView, at: number): SequenceVerdict {
    const slot = this.#slots.get(partition)?.get(batchProducerId(view, at));
    // State may have been lost to expiry: an unknown producer may begin with any sequence.
    if (slot === undefined) return sequenceVerdict.next;
    const columns = this.#columns;
    const epoch = batchProducerEpoch(view, at);
    const known = columns.epoch[slot]!;
    if (epoch < known) return sequenceVerdict.staleEpoch;
    const first = batchBaseSequence(view, at);
    if (epoch > known) return first === 0 ? sequenceVerdict.next : sequenceVerdict.outOfOrder;
    if (this.#findOriginal(slot, first, batchLastSequence(view, at))) {
      return sequenceVerdict.duplicate;
    }
    const newest = slot * producerBatches + ((columns.next[slot]! + 4) % producerBatches);
    const isNext = first === addSequence(columns.lastSequence[newest]!, 1);
    return isNext ? sequenceVerdict.next : sequenceVerdict.outOfOrder;
  }

  // HOT
  applyAppend(append: AppendView): void {
    const { view, batchStart: at } = append;
    const producer = batchProducerId(view, at);
    if (producer < 0 || batchIsControl(view, at)) return;
    // A batch with several targets was produced to the first one.
    const partition = append.partitions[0]!;
    const slot = this.#slotFor(partition, producer);
    const columns = this.#columns;
    if (append.lsn <= columns.lastLsn[slot]!) return;
    const epoch = batchProducerEpoch(view, at);
    if (epoch !== columns.epoch[slot]!) {
      columns.epoch[slot] = epoch;
      columns.count[slot] = 0;
      columns.next[slot] = 0;
    }
    const batch = slot * producerBatches + columns.next[slot]!;
    columns.firstSequence[batch] = batchBaseSequence(view, at);
    columns.lastSequence[batch] = batchLastSequence(view, at);
    columns.baseOffset[batch] = append.baseOffsets[0]!;
    columns.logAppendTime[batch] = batchIsLogAppendTime(view, at)
      ? batchMaxTimestamp(view, at)
      : -1;
    columns.next[slot] = (columns.next[slot]! + 1) % producerBatches;
    columns.count[slot] = Math.min(columns.count[slot]! + 1, producerBatches);
    columns.lastLsn[slot] = append.lsn;
    columns.lastTime[slot] = append.time;
  }

  /** producers-expired */
  applyEntry(entry: EntryView): void {
    const expired = decodeProducersExpired(entry.bytes, entry.start, entry.end);
    const slots = this.#slots.get(expired.partitionId);
    if (slots === undefined) return;
    for (const producer of expired.producerIds) {
      const slot = slots.get(producer);
      if (slot === undefined || entry.lsn <= this.#columns.lastLsn[slot]!) continue;
      slots.delete(producer);
      this.#release(slot);
    }
    if (slots.size === 0) this.#slots.delete(expired.partitionId);
  }

  /** The partition is gone. */
  dropPartition(partition: number): void {
    const slots = this.#slots.get(partition);
    if (slots === undefined) return;
    for (const slot of slots.values()) this.#release(slot);
    // A checkpoint may be walking over them: it must not go on over slots of others.
    slots.clear();
    this.#slots.delete(partition);
  }

  /** Calls `found` with every pair that has not written since `time`. `found` must not change state. */
  forEachIdle(time: number, found: (partition: number, producer: number) => void): void {
    const columns = this.#columns;
    for (const [partition, slots] of this.#slots) {
      for (const [producer, slot] of slots) {
        if (columns.lastTime[slot]! < time) found(partition, producer);
      }
    }
  }

  /** The time before which `count` of all pairs, or a few less, wrote last. */
  timeOfOldest(count: number): number {
    const times: number[] = [];
    for (const slots of this.#slots.values()) {
      for (const slot of slots.values()) times.push(this.#columns.lastTime[slot]!);
    }
    const sorted = Float64Array.from(times).sort();
    return (sorted[Math.min(count, sorted.length - 1)] ?? 0) + 1;
  }

  /** The `count` producers of `partition` that wrote longest ago. */
  oldestOf(partition: number, count: number): number[] {
    const slots = this.#slots.get(partition);
    if (slots === undefined) return [];
    const lastLsn = this.#columns.lastLsn;
    const byAge = [...slots].sort((left, right) => lastLsn[left[1]]! - lastLsn[right[1]]!);
    return byAge.slice(0, count).map(([producer]) => producer);
  }

  objects(): ObjectCursor {
    return new ProducerCursor(this.#slots, (writer, slot) => this.#encodeSlot(writer, slot));
  }

  restoreObject(bytes: Uint8Array, start: number, end: number): void {
    const reader = new BodyReader(bytes, start, end);
    const partition = reader.uint32();
    const count = reader.uint32();
    for (let i = 0; i < count; i++) this.#restoreProducer(partition, reader);
  }

  // HOT
  #findOriginal(slot: number, first: number, last: number): boolean {
    const columns = this.#columns;
    const base = slot * producerBatches;
    for (let i = 0; i < columns.count[slot]!; i++) {
      if (columns.firstSequence[base + i] !== first || columns.lastSequence[base + i] !== last) {
        continue;
      }
      this.original.baseOffset = columns.baseOffset[base + i]!;
      this.original.logAppendTime = columns.logAppendTime[base + i]!;
      this.original.lsn = columns.lastLsn[slot]!;
      return true;
    }
    return false;
  }

  // HOT
  #slotFor(partition: number, producer: number): number {
    let slots = this.#slots.get(partition);
    if (slots === undefined) {
      slots = new Map();
      this.#slots.set(partition, slots);
    }
    const known = slots.get(producer);
    if (known !== undefined) return known;
    const slot = this.#allocate();
    slots.set(producer, slot);
    this.#columns.id[slot] = producer;
    return slot;
  }

  #allocate(): number {
    const slot = this.#free.pop() ?? this.#end++;
    if (slot === this.#columns.capacity) this.#columns = this.#columns.grown();
    const columns = this.#columns;
    columns.epoch[slot] = -1;
    columns.count[slot] = 0;
    columns.next[slot] = 0;
    columns.lastLsn[slot] = 0;
    columns.lastTime[slot] = 0;
    return slot;
  }

  #release(slot: number): void {
    this.#free.push(slot);
  }

  #encodeSlot(body: BodyWriter, slot: number): number {
    const columns = this.#columns;
    const count = columns.count[slot]!;
    body
      .int64(columns.id[slot]!)
      .int64(columns.lastLsn[slot]!)
      .int64(columns.lastTime[slot]!)
      .int16(columns.epoch[slot]!)
      .uint8(count)
      .uint8(0)
      .uint32(0);
    for (let i = 0; i < count; i++) {
      const place = (columns.next[slot]! - count + i + producerBatches) % producerBatches;
      const batch = slot * producerBatches + place;
      body
        .int32(columns.firstSequence[batch]!)
        .int32(columns.lastSequence[batch]!)
        .int64(columns.baseOffset[batch]!)
        .int64(columns.logAppendTime[batch]!);
    }
    return columns.lastLsn[slot]!;
  }

  #restoreProducer(partition: number, reader: BodyReader): void {
    const slot = this.#slotFor(partition, reader.int64());
    const columns = this.#columns;
    columns.lastLsn[slot] = reader.int64();
    columns.lastTime[slot] = reader.int64();
    columns.epoch[slot] = reader.int16();
    const count = reader.uint8();
    assert(count <= producerBatches, 'five batches at most are kept of a producer');
    reader.uint8();
    reader.uint32();
    columns.count[slot] = count;
    columns.next[slot] = count % producerBatches;
    for (let i = 0; i < count; i++) {
      const batch = slot * producerBatches + i;
      columns.firstSequence[batch] = reader.int32();
      columns.lastSequence[batch] = reader.int32();
      columns.baseOffset[batch] = reader.int64();
      columns.logAppendTime[batch] = reader.int64();
    }
  }
}

/** Iterators of a `Map` live through its changes: what stays is met once, what comes may be met. */
class ProducerCursor implements ObjectCursor {
  readonly #head = { type: objectType.producers as number, lsn: 0 };
  readonly #partitions: Iterator<[number, Map<number, number>]>;
  readonly #encodeSlot: (body: BodyWriter, slot: number) => number;
  #partition = 0;
  #slots: Iterator<number> | null = null;

  constructor(
    slots: Map<number, Map<number, number>>,
    encodeSlot: (body: BodyWriter, slot: number) => number,
  ) {
    this.#partitions = slots.entries();
    this.#encodeSlot = encodeSlot;
  }

  next(writer: ByteWriter): ObjectHead | null {
    for (;;) {
      if (this.#slots === null) {
        const next = this.#partitions.next();
        if (next.done === true) return null;
        this.#partition = next.value[0];
        this.#slots = next.value[1].values();
      }
      if (this.#writeSome(writer, this.#slots) > 0) return this.#head;
      this.#slots = null;
    }
  }

  /** Writes the next producers of the partition as one object; returns how many they are. */
  #writeSome(writer: ByteWriter, slots: Iterator<number>): number {
    const start = writer.position;
    const body = new BodyWriter(writer).uint32(this.#partition).uint32(0);
    let count = 0;
    this.#head.lsn = 0;
    while (count < producersPerObject) {
      const slot = slots.next();
      if (slot.done === true) break;
      this.#head.lsn = Math.max(this.#head.lsn, this.#encodeSlot(body, slot.value));
      count++;
    }
    if (count === 0) writer.position = start;
    else writer.view.setUint32(start + 4, count, true);
    return count;
  }
}
