/** The two rules, on segments that are nothing but numbers. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { GATHER_AFTER_MS } from './limits.ts';
import { type ChoiceContext, chooseSources, isWorth, weightOf } from './rewrite-choice.ts';
import { Segment } from './segment.ts';
import { SegmentExtents } from './segment-extents.ts';

const segmentBytes = 64 * 1024 * 1024;
const MB = 1024 * 1024;
const now = 2 * GATHER_AFTER_MS;

interface Sketch {
  readonly live: number;
  readonly batches: number;
  readonly extents?: number;
  readonly rows?: number;
  readonly sealedAt?: number;
  /** The first of its partitions. */
  readonly from?: number;
}

const firstPartitions = new Map<Segment, number>();

function sketch(
  id: number,
  { live, batches, extents = 1, rows = 1000, sealedAt = 0, from = 0 }: Sketch,
) {
  const segment = new Segment(id, segmentBytes, null);
  segment.footer = { position: 8192, rowCount: rows, partitionCount: extents, directoryCrc: 0 };
  segment.state = 'sealed';
  segment.liveBytes = live;
  segment.batchBytes = batches;
  segment.extentCount = extents;
  segment.sealedAt = sealedAt;
  firstPartitions.set(segment, from);
  return segment;
}

function choose(candidates: readonly Segment[], context: Partial<ChoiceContext> = {}) {
  const choice = chooseSources({
    candidates,
    segmentBytes,
    now,
    isFull: false,
    measures: new Map(),
    extentsOf: (segment) => {
      const extents = new SegmentExtents(segment.footer?.partitionCount ?? 0);
      const from = firstPartitions.get(segment) ?? 0;
      for (let i = 0; i < extents.count; i++) extents.partitions[i] = from + i;
      return extents;
    },
    ...context,
  });
  return choice === null ? null : [choice.rule, ...choice.sources.map((segment) => segment.id)];
}

const full = { live: 60 * MB, batches: 60 * MB };

test('full segments with large extents are left alone for ever', () => {
  assert.equal(choose([sketch(1, full), sketch(2, full)]), null);
  assert.equal(choose([sketch(1, full), sketch(2, full)], { isFull: true }), null);
});

test('mostly dead segments are merged at once, the emptiest first', () => {
  const candidates = [
    sketch(1, { live: 20 * MB, batches: 60 * MB, sealedAt: now }),
    sketch(2, full),
    sketch(3, { live: 29 * MB, batches: 60 * MB, sealedAt: now }),
    sketch(4, { live: 25 * MB, batches: 60 * MB, sealedAt: now }),
    sketch(5, { live: 10 * MB, batches: 60 * MB, sealedAt: now }),
  ];
  assert.deepEqual(choose(candidates), ['shrink', 5, 1, 4]);
});

test('one sparse segment alone is not worth a rewrite, an empty one is', () => {
  const sparse = sketch(1, { live: 20 * MB, batches: 60 * MB });
  assert.equal(choose([sparse, sketch(2, full)]), null);
  assert.deepEqual(choose([sketch(3, { live: 0, batches: 60 * MB })]), ['shrink', 3]);
});

test('segments that were sparse from the start wait until they have aged, or the disk is full', () => {
  const padded = { live: 10 * MB, batches: 10 * MB, sealedAt: now - GATHER_AFTER_MS + 1 };
  const young = [sketch(1, padded), sketch(2, padded)];
  assert.equal(choose(young), null);
  assert.deepEqual(choose(young, { now: now + 1 }), ['shrink', 1, 2]);
  assert.deepEqual(choose(young, { isFull: true }), ['shrink', 1, 2]);
});

test('a mostly dead segment takes young sparse ones along', () => {
  const padded = sketch(1, { live: 10 * MB, batches: 10 * MB, sealedAt: now });
  const dead = sketch(2, { live: 20 * MB, batches: 60 * MB, sealedAt: now });
  assert.deepEqual(choose([padded, dead]), ['shrink', 2, 1]);
});

test('rows count as what they take in a footer, and memory for them is bounded', () => {
  const few = sketch(1, { live: 20 * MB, batches: 60 * MB, rows: 1000 });
  const many = sketch(2, { live: 20 * MB, batches: 40 * MB, rows: 900_000 });
  assert.ok(weightOf(many, undefined) > weightOf(few, undefined) + 12 * MB);
  const rows = { live: 12 * MB, batches: 40 * MB, rows: 900_000, sealedAt: now };
  const candidates = [1, 2, 3, 4, 5].map((id) => sketch(id, rows));
  const choice = choose(candidates);
  assert.ok(choice !== null && choice.length - 1 <= 3, `${choice}`);
});

test('what a plan has measured counts, not the estimate', () => {
  const candidates = [
    sketch(1, { live: 5 * MB, batches: 60 * MB }),
    sketch(2, { live: 6 * MB, batches: 60 * MB }),
    sketch(3, { live: 7 * MB, batches: 60 * MB }),
  ];
  const measures = new Map([[2, { bytes: 50 * MB, rows: 1000, extents: 1 }]]);
  assert.deepEqual(choose(candidates, { measures }), ['shrink', 1, 3]);
});

test('scattered segments are gathered with others of their kind and partitions', () => {
  const scattered = { live: 60 * MB, batches: 60 * MB, extents: 6000, rows: 60_000 };
  const journal = [1, 2, 3].map((id) => sketch(id, scattered));
  assert.deepEqual(choose(journal), ['gather', 1, 2, 3]);
  assert.equal(choose(journal, { now: GATHER_AFTER_MS - 1 }), null);
  assert.equal(choose(journal, { isFull: true }), null);
  const archives = [0, 6000, 1000, 12_000].map((from, i) =>
    sketch(0x8000_0000 + i, { ...scattered, from }),
  );
  assert.deepEqual(choose([journal[0] ?? assert.fail(), ...archives]), null);
  const again = sketch(0x8000_0010, { ...scattered, from: 6000 });
  const all = [...archives, again];
  assert.deepEqual(choose(all), ['gather', 0x8000_0001, 0x8000_0010]);
});

test('a plan must keep what the choice promised', () => {
  const plan = (outputs: number, extentsBefore: number, extentsAfter: number) =>
    ({ outputs: Array(outputs), extentsBefore, extentsAfter }) as unknown as Parameters<
      typeof isWorth
    >[1];
  const sources = [1, 2, 3, 4].map((id) => sketch(id, full));
  const shrink = { rule: 'shrink', sources } as const;
  assert.equal(isWorth(shrink, plan(0, 0, 0)), true);
  assert.equal(isWorth(shrink, plan(1, 40, 40)), true);
  assert.equal(isWorth(shrink, plan(2, 40, 20)), false);
  assert.equal(isWorth({ rule: 'shrink', sources: sources.slice(1, 2) }, plan(1, 4, 4)), false);
  const gather = { rule: 'gather', sources } as const;
  assert.equal(isWorth(gather, plan(4, 40, 23)), true, 'three partitions go on in another output');
  assert.equal(isWorth(gather, plan(4, 40, 24)), false);
  assert.equal(isWorth(gather, plan(5, 40, 10)), false);
  assert.equal(isWorth(gather, plan(2, 40, 40)), true);
});
