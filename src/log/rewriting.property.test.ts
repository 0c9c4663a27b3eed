/** Random histories of a journal that is rewritten all the time, compared with a model. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { buildBatch } from '../record/batch-builder.ts';
import type { TestJournal } from './journal.fixture.ts';
import { GATHER_AFTER_MS } from './limits.ts';
import type { PartitionLog } from './partition-log.ts';
import {
  openWatched,
  payload,
  smallSegments,
  type WatchedDisk,
  watchedCopy,
} from './rewrite.fixture.ts';

const SEEDS = 6;
const STEPS = 400;

/** A linear congruential generator: the same history for the same seed. */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed * 2_654_435_761 + 1;
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}

interface ModelPartition {
  start: number;
  readonly batches: {
    readonly first: number;
    readonly last: number;
    readonly seed: number;
    readonly bytes: number;
  }[];
  readonly dead: Set<number>;
}

class History {
  readonly #chance: Chance;
  readonly #partitions = new Map<number, ModelPartition>();
  #t: TestJournal;
  #disk: WatchedDisk;
  #nextId = 1;
  #seed = 0;
  /** A copy made in the middle of something, with what it must hold. */
  #crash: { readonly copy: ReturnType<typeof watchedCopy>; readonly at: number } | null = null;
  archives = 0;
  crashes = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    const opened = openWatched(0, smallSegments, (id, first, last) =>
      this.#isDead(id, first, last),
    );
    this.#t = opened.t;
    this.#disk = opened.disk;
    for (let i = 0; i < 4; i++) this.#create();
    this.#settle();
  }

  #isDead(id: number, first: number, last: number): boolean {
    const dead = this.#partitions.get(id)?.dead;
    if (dead === undefined) return false;
    for (let offset = first; offset <= last; offset++) if (!dead.has(offset)) return false;
    return true;
  }

  #create(): void {
    const id = this.#nextId++;
    this.#t.journal.createPartition(id, 0);
    this.#partitions.set(id, { start: 0, batches: [], dead: new Set() });
  }

  #any(): [number, ModelPartition] {
    const all = [...this.#partitions];
    return all[this.#chance.below(all.length)] ?? assert.fail();
  }

  step(): void {
    const choice = this.#chance.below(100);
    if (choice < 60) this.#append();
    else if (choice < 66) this.#trim();
    else if (choice < 82) this.#kill();
    else if (choice < 84) this.#replacePartition();
    else if (choice < 92) this.#t.journal.checkpoint();
    else if (choice < 97) this.#t.loop.pass(this.#chance.below(30_000));
    else if (choice < 98) this.#t.loop.pass(GATHER_AFTER_MS);
    else if (choice < 99) this.#crashSoon();
    else this.#restart();
    if (this.#chance.below(3) > 0) this.#t.loop.run();
  }

  #append(): void {
    const [, { batches }] = this.#any();
    const count = 1 + this.#chance.below(batches.length === 0 ? 1 : 24);
    for (let i = 0; i < count; i++) this.#appendOne();
  }

  #appendOne(): void {
    const targets = new Map([this.#any()]);
    if (this.#chance.below(4) === 0) targets.set(...this.#any());
    const seed = this.#seed++;
    const bytes = 1 + this.#chance.below(this.#chance.below(8) === 0 ? 60_000 : 4_000);
    const records = 1 + this.#chance.below(3);
    const batch = buildBatch(
      Array.from({ length: records }, (_, i) => ({
        key: null,
        value: payload(seed + i, i === 0 ? bytes : 3),
        timestamp: 1,
      })),
    );
    const logs: PartitionLog[] = [...targets.keys()].map((id) => this.#t.partition(id));
    for (const log of logs) {
      const first = log.logEnd;
      const model = this.#partitions.get(log.id);
      model?.batches.push({ first, last: first + records - 1, seed, bytes });
    }
    this.#t.journal.appendBatchToMany(logs, batch, viewOf(batch), 0, batch.length, null);
  }

  #trim(): void {
    const [id, model] = this.#any();
    const end = this.#t.partition(id).logEnd;
    const start = model.start + this.#chance.below(Math.max(1, end - model.start + 1));
    this.#t.journal.advanceLogStart(id, start);
    model.start = Math.max(model.start, start);
  }

  /** Ranges of offsets that have been committed are settled, some of them are told of. */
  #kill(): void {
    this.#settle();
    const [id, model] = this.#any();
    const end = this.#t.partition(id).logEnd;
    const first = model.start + this.#chance.below(Math.max(1, end - model.start));
    const last = Math.min(end - 1, first + this.#chance.below(80));
    const hole = this.#chance.below(10);
    for (let offset = first; offset <= last; offset++) {
      if (offset % 10 !== hole) model.dead.add(offset);
    }
    if (this.#chance.below(2) === 0 && last >= first) this.#t.journal.noteDead(id, first, last);
  }

  #replacePartition(): void {
    const [id] = this.#any();
    this.#t.journal.deletePartition(id);
    this.#partitions.delete(id);
    this.#create();
  }

  #settle(): void {
    this.#t.loop.run();
  }

  /** Takes a copy at one of the next steps of the disk, when everything before is committed. */
  #crashSoon(): void {
    this.#settle();
    let left = this.#chance.below(60);
    const at = this.#seed;
    this.#disk.onStep = () => {
      if (left-- !== 0) return;
      this.#crash = { copy: watchedCopy(this.#t), at };
    };
    this.#t.loop.pass(20_000);
    this.#disk.onStep = () => {};
    if (this.#crash !== null) {
      this.crashes += 1;
      this.#adopt(this.#crash.copy);
    }
    this.#crash = null;
    this.check();
  }

  #restart(): void {
    this.#settle();
    this.#adopt(watchedCopy(this.#t));
    this.check();
  }

  #adopt(copy: ReturnType<typeof watchedCopy>): void {
    this.#t = copy.t.open();
    this.#disk = copy.disk;
  }

  /** All that lives is there, and of the rest nothing that is not as it was. */
  check(): void {
    this.#settle();
    for (const [id, model] of this.#partitions) {
      const found = new Map(this.#t.read(id, model.start).map((each) => [each.offset, each.bytes]));
      for (const { first, last, seed, bytes } of model.batches) {
        if (last < model.start) continue;
        const batch = found.get(first);
        found.delete(first);
        const where = `partition ${id}, offset ${first}`;
        if (batch === undefined) assert.ok(this.#isDead(id, first, last), `${where} is gone`);
        else
          assert.ok(
            Buffer.from(batch).includes(Buffer.from(payload(seed, bytes))),
            `${where} is another`,
          );
      }
      assert.deepEqual([...found.keys()], [], 'nothing is made up');
      const { extents } = this.#t.partition(id);
      let end = -1;
      for (const extent of extents) {
        assert.ok(extent.firstOffset > end, 'extents do not overlap');
        end = extent.lastOffset;
      }
    }
    this.archives = Math.max(this.archives, this.#t.journal.usage().archiveSegments);
    assert.equal(this.#t.journal.fault, null);
  }

  /** With time enough, space is within twice what lives and the ring. */
  checkSpace(): void {
    for (let i = 0; i < 4; i++) {
      this.#appendOne();
      this.#t.journal.checkpoint();
      this.#t.loop.pass(GATHER_AFTER_MS);
    }
    for (let i = 0; i < 6; i++) this.#t.loop.pass(GATHER_AFTER_MS);
    this.check();
    const { segments, segmentBytes } = this.#t.journal.usage();
    let live = 0;
    const seen = new Set<number>();
    for (const [id, model] of this.#partitions) {
      for (const { first, last, seed, bytes } of model.batches) {
        if (last < model.start || this.#isDead(id, first, last) || seen.has(seed)) continue;
        seen.add(seed);
        live += bytes + 100;
      }
    }
    const ring = 8;
    const limit = (2 * live) / segmentBytes + ring;
    assert.ok(segments <= limit, `${segments} segments for ${live} bytes that live`);
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`a journal that is rewritten holds what lives, history ${seed}`, () => {
    const history = new History(seed);
    for (let i = 0; i < STEPS; i++) history.step();
    history.check();
    history.checkSpace();
    assert.ok(history.archives > 0, 'segments were rewritten');
  });
}
