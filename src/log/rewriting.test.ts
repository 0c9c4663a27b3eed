/** Sparse and scattered segments are rewritten, seen from outside: on a disk in memory. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { buildBatch } from '../record/batch-builder.ts';
import type { TestJournal } from './journal.fixture.ts';
import { GATHER_AFTER_MS, REWRITE_EVERY_MS } from './limits.ts';
import { ReadPlan } from './read-plan.ts';
import {
  age,
  archiveFiles,
  contentOf,
  type Death,
  fill,
  openWatched,
  payload,
  smallSegments,
  watchedCopy,
} from './rewrite.fixture.ts';

/** Long enough for everything that needs no aging. */
function rewriteAll(t: TestJournal): void {
  for (let i = 0; i < 6; i++) t.loop.pass(REWRITE_EVERY_MS);
}

/** Two thirds of every segment belong to partition 2. */
const inThirds = (i: number): number => (i % 3 === 0 ? 1 : 2);

test('what survives a deleted partition is gathered, and reads the same', () => {
  const { t } = openWatched(2);
  fill(t, 300, 10_000, inThirds);
  age(t);
  const before = contentOf(t).get(1);
  const segmentsBefore = t.journal.usage().segments;
  t.journal.deletePartition(2);
  rewriteAll(t);
  const { segments, archiveSegments, liveBytes, segmentBytes } = t.journal.usage();
  assert.equal(archiveSegments, 5);
  assert.ok(segmentsBefore > 16 && segments <= 10, `${segmentsBefore} became ${segments}`);
  assert.ok(
    segments * segmentBytes <= 2 * liveBytes + 5 * segmentBytes,
    'twice what lives, a ring',
  );
  assert.deepEqual(contentOf(t).get(1), before);
  assert.deepEqual(contentOf(t.restart(smallSegments)).get(1), before);
});

test('a moved log start makes segments sparse', () => {
  const { t } = openWatched(4);
  fill(t, 300, 10_000, (i) => 1 + (i % 4));
  age(t);
  for (const id of [2, 3, 4]) t.journal.advanceLogStart(id, 70);
  t.loop.run();
  const before = contentOf(t);
  rewriteAll(t);
  assert.ok(t.journal.usage().archiveSegments > 0);
  assert.deepEqual(contentOf(t), before);
  assert.deepEqual(contentOf(t.restart(smallSegments)), before);
});

for (const isNoted of [true, false]) {
  const how = isNoted ? 'as it is noted' : 'as the survey finds it';
  test(`what is dead above the log start goes too, ${how}`, () => {
    let isSettled = false;
    const dead: Death = (id, first) => isSettled && id === 1 && first > 0 && first % 4 !== 0;
    const { t } = openWatched(1, smallSegments, dead);
    fill(t, 302, 10_000);
    age(t);
    const before = contentOf(t);
    isSettled = true;
    if (isNoted) {
      for (let i = 0; i < 300; i += 4) t.journal.noteDead(1, i + 1, i + 3);
    }
    rewriteAll(t);
    assert.ok(t.journal.usage().archiveSegments >= 3);
    const expected = before.get(1)?.filter((_, i) => !dead(1, i, i));
    const content = contentOf(t, dead);
    assert.deepEqual(content.get(1), expected);
    assert.deepEqual(contentOf(t.restart(smallSegments), dead).get(1), expected);
    const offsets = t.read(1, 0).map(({ offset }) => offset);
    assert.equal(offsets.at(-1), 301, 'the last batch leads readers past the gap');
    assert.ok(offsets.length < 150, `${offsets.length} batches are left of 302`);
  });
}

test('after a restart the survey finds again what was dead', () => {
  const dead: Death = (id, first) => id === 1 && first % 4 !== 0;
  const { t } = openWatched(1, { ...smallSegments, rewrite: false }, dead);
  fill(t, 300, 10_000);
  age(t);
  const again = t.restart(smallSegments);
  const before = again.journal.usage().liveBytes;
  rewriteAll(again);
  assert.ok(again.journal.usage().archiveSegments > 0);
  assert.ok(again.journal.usage().liveBytes < before / 2);
});

test('small extents of many partitions are gathered after a while, sorted by partition', () => {
  const { t } = openWatched(40);
  fill(t, 1600, 1_000, (i) => 1 + (i % 40));
  age(t);
  const before = contentOf(t);
  const extentsBefore = t.partition(7).extents.count;
  const bytesBefore = t.journal.usage().segments;
  t.loop.pass(GATHER_AFTER_MS - 60_000);
  assert.ok(t.partition(7).extents.count > extentsBefore - 4, 'young segments are left alone');
  t.loop.pass(2 * GATHER_AFTER_MS);
  assert.ok(t.journal.usage().archiveSegments > 0);
  assert.ok(t.partition(7).extents.count <= extentsBefore / 4);
  assert.ok(t.journal.usage().segments < bytesBefore, 'the padding of blocks is gone');
  assert.deepEqual(contentOf(t), before);
  assert.deepEqual(contentOf(t.restart(smallSegments)), before);
  t.loop.pass(GATHER_AFTER_MS);
  const ids = [...t.partition(7).extents].map(({ segmentId }) => segmentId);
  t.loop.pass(3 * GATHER_AFTER_MS);
  const later = [...t.partition(7).extents].map(({ segmentId }) => segmentId);
  assert.deepEqual(later, ids, 'what is gathered stays as it is');
});

test('what was gathered once is gathered again when more of its kind has come', () => {
  const { t } = openWatched(20);
  for (let round = 0; round < 4; round++) {
    fill(t, 600, 2_000, (i) => 1 + (i % 20));
    age(t);
    t.loop.pass(GATHER_AFTER_MS + 60_000);
  }
  const before = contentOf(t);
  t.loop.pass(3 * GATHER_AFTER_MS);
  const { extents } = t.partition(7);
  let bytes = 0;
  for (const extent of extents) bytes += extent.bytes;
  assert.ok(bytes / extents.count > 40_000, `${bytes / extents.count} bytes an extent`);
  assert.deepEqual(contentOf(t), before);
  assert.deepEqual(contentOf(t.restart(smallSegments)), before);
});

test('what lies around a segment that stays makes two extents', () => {
  let isSettled = false;
  // Segments with few survivors around full ones.
  const dead: Death = (id, first) => isSettled && id === 1 && first % 100 > 50 && first % 10 !== 0;
  const { t } = openWatched(1, smallSegments, dead);
  fill(t, 400, 10_000);
  age(t);
  isSettled = true;
  for (let i = 50; i < 400; i += 100) t.journal.noteDead(1, i + 1, i + 49);
  const before = contentOf(t, dead);
  rewriteAll(t);
  assert.ok(t.journal.usage().archiveSegments > 0);
  const ids = [...t.partition(1).extents].map((extent) => extent.segmentId);
  assert.ok(new Set(ids).size < ids.length, 'a segment has several extents of the partition');
  assert.deepEqual(contentOf(t, dead), before);
  const again = t.restart(smallSegments);
  assert.deepEqual(contentOf(again, dead), before);
  assert.deepEqual(
    [...again.partition(1).extents].map((extent) => extent.firstOffset),
    [...t.partition(1).extents].map((extent) => extent.firstOffset),
  );
});

test('a crash at any step leaves the old content or the same content in new segments', () => {
  const { t, disk } = openWatched(3);
  fill(t, 200, 10_000, (i) => 1 + (i % 3));
  age(t);
  t.journal.deletePartition(2);
  t.journal.advanceLogStart(3, 60);
  t.loop.run();
  const before = contentOf(t);
  const copies: { step: string; copy: TestJournal }[] = [];
  disk.onStep = (step, path) => {
    const copy = t.reopened({ ...smallSegments, rewrite: false });
    copies.push({ step: `${step} ${path}`, copy });
  };
  rewriteAll(t);
  disk.onStep = () => {};
  assert.ok(t.journal.usage().archiveSegments > 1);
  assert.ok(copies.length > 20);
  let rewritten = 0;
  for (const { step, copy } of copies) {
    copy.open();
    assert.deepEqual(contentOf(copy), before, `before: ${step}`);
    if (copy.journal.usage().archiveSegments > 0) rewritten += 1;
    const again = copy.restart(smallSegments);
    rewriteAll(again);
    assert.ok(again.journal.usage().archiveSegments > 1);
    assert.deepEqual(contentOf(again), before, `and after another rewrite: ${step}`);
  }
  assert.ok(rewritten > 5 && rewritten < copies.length - 5, 'crashes before and after the swap');
});

test('a crash in the middle of a rewrite, then another rewrite: no name is given twice', () => {
  const { t, disk } = openWatched(30);
  for (let i = 0; i < 900; i++) {
    t.append(1 + (i % 30), payload(i, 3_000));
    if (i % 16 === 15) t.loop.run();
  }
  t.loop.run();
  age(t);
  const before = contentOf(t);
  let crashed: ReturnType<typeof watchedCopy> | undefined;
  disk.onStep = (step, path) => {
    if (step !== 'sync' || !path.startsWith('segments/8')) return;
    const unnamed = archiveFiles(disk).length - t.journal.usage().archiveSegments;
    // The one that is written counts as one of the journal's segments already.
    if (archiveFiles(disk).length >= 4 && unnamed === 0) crashed ??= watchedCopy(t);
  };
  t.loop.pass(2 * GATHER_AFTER_MS);
  assert.ok(crashed !== undefined);
  const { t: again, disk: copy } = crashed;
  const stale = archiveFiles(copy);
  const given = new Set<string>();
  copy.onStep = (step, path) => {
    if (step === 'write' && path.startsWith('segments/8')) given.add(path.slice(9));
  };
  again.open();
  again.loop.pass(3 * GATHER_AFTER_MS);
  const names = [...given].filter((name) => again.journal.segment(Number.parseInt(name, 16)));
  assert.ok(names.length > 0);
  for (const name of names) assert.ok(!stale.includes(name), `${name} is given once`);
  assert.deepEqual(contentOf(again), before);
  assert.deepEqual(contentOf(again.restart(smallSegments)), before);
});

test('a batch that partitions share is kept once, for those that live', () => {
  const { t } = openWatched(4);
  const shared = [t.partition(1), t.partition(2), t.partition(3)];
  let size = 0;
  for (let i = 0; i < 150; i++) {
    const bytes = buildBatch([{ key: null, value: payload(i, 6_000), timestamp: 1 }]);
    size = bytes.length;
    t.journal.appendBatchToMany(shared, bytes, viewOf(bytes), 0, bytes.length, null);
    t.append(4, payload(i, 12_000));
    t.loop.run();
  }
  age(t);
  t.journal.deletePartition(4);
  t.journal.deletePartition(2);
  t.loop.run();
  const before = contentOf(t);
  rewriteAll(t);
  const archives = new Set<number>();
  for (const { segmentId } of t.partition(1).extents) {
    if (segmentId >= 0x8000_0000) archives.add(segmentId);
  }
  assert.ok(archives.size > 0);
  let batches = 0;
  for (const id of archives) {
    const { batchBytes, footer } = t.journal.segment(id) ?? {};
    assert.ok(batchBytes !== undefined && footer != null);
    assert.equal(footer.rowCount, (2 * batchBytes) / size, 'two rows for each batch');
    batches += batchBytes;
  }
  assert.ok(batches < 150 * 6_100, `${batches} bytes for 150 shared batches`);
  assert.deepEqual(contentOf(t), before);
  const again = t.restart(smallSegments);
  assert.deepEqual(contentOf(again), before);
  for (const id of archives)
    assert.equal(again.journal.segment(id)?.batchBytes, t.journal.segment(id)?.batchBytes);
});

test('a batch of several megabytes is copied in pieces', () => {
  const options = { segmentBytes: 4 * 1024 * 1024, checkpointBytes: 4 * 1024 * 1024 };
  const { t } = openWatched(2, options);
  for (let i = 0; i < 8; i++) {
    t.append(1, payload(i, i % 2 === 0 ? 1_300_000 : 2_500));
    t.loop.run();
    t.append(2, payload(i, 2_100_000));
    t.loop.run();
  }
  for (let i = 0; i < 4; i++) {
    age(t);
    t.append(2, payload(i, 2_100_000));
    t.loop.run();
  }
  t.journal.deletePartition(2);
  t.loop.run();
  const before = contentOf(t);
  rewriteAll(t);
  assert.ok(t.journal.usage().archiveSegments > 0);
  assert.deepEqual(contentOf(t), before);
  assert.deepEqual(contentOf(t.restart(options)), before);
});

test('partitions that are trimmed and deleted in the middle of a rewrite stay so', () => {
  const { t, disk } = openWatched(4);
  fill(t, 300, 10_000, (i) => [1, 2, 3, 4, 4, 4, 4, 4][i % 8] ?? 4);
  age(t);
  t.journal.deletePartition(4);
  t.loop.run();
  const before = contentOf(t);
  let at = 0;
  disk.onStep = (step, path) => {
    if (step !== 'write' || !path.startsWith('segments/8')) return;
    at += 1;
    if (at === 2) t.journal.advanceLogStart(1, 20);
    if (at === 3) t.journal.deletePartition(2);
  };
  rewriteAll(t);
  assert.ok(at > 3);
  const content = contentOf(t);
  assert.deepEqual([...content.keys()], [1, 3]);
  assert.deepEqual(content.get(1), before.get(1)?.slice(20));
  assert.deepEqual(content.get(3), before.get(3));
  assert.deepEqual(contentOf(t.restart(smallSegments)), content);
});

test('a read that was planned before the swap ends in the old files, which then go', () => {
  const { t } = openWatched(2);
  fill(t, 200, 10_000, inThirds);
  age(t);
  const before = t.read(1, 0);
  const plan = new ReadPlan();
  t.journal.deletePartition(2);
  t.loop.run();
  while (t.journal.plan(t.partition(1), 0, 200_000, plan, () => {}) === 'loading') t.loop.run();
  const ids = new Set(Array.from({ length: plan.count }, (_, i) => plan.segmentIds.get(i)));
  rewriteAll(t);
  for (const { segmentId } of t.partition(1).extents) ids.delete(segmentId);
  assert.ok(ids.size >= 2, 'sources that hold nothing any more');
  for (const id of ids) {
    assert.ok(t.disk.list('segments').includes(`${id.toString(16).padStart(8, '0')}.seg`));
    assert.ok(t.journal.segment(id) !== undefined, 'a pinned source is kept');
  }
  const bytes = Buffer.concat(before.map((batch) => batch.bytes)).subarray(0, plan.bytes);
  assert.ok(bytes.equals(t.copy(plan)));
  plan.release();
  t.loop.run();
  for (const id of ids) assert.equal(t.journal.segment(id), undefined);
});

test('reads at every turn of a rewrite give the same bytes', () => {
  const { t, disk } = openWatched(2);
  fill(t, 200, 10_000, inThirds);
  age(t);
  t.journal.deletePartition(2);
  t.loop.run();
  const before = t.read(1, 0);
  let reads = 0;
  disk.onStep = () => {
    const plan = new ReadPlan();
    const from = (reads * 7) % 60;
    const planNow = (): void => {
      const status = t.journal.plan(t.partition(1), from, 64_000, plan, planNow);
      if (status === 'loading') return;
      const target = new Uint8Array(plan.bytes);
      const copyFrom = (start: number): void => {
        let at = start;
        for (;;) {
          const count = plan.read(target, at, target.length - at, () => copyFrom(at));
          at += count;
          if (at === target.length) break;
          if (count === 0) return;
        }
        const expected = before.slice(from, from + plan.count).map((batch) => batch.bytes);
        assert.ok(Buffer.concat(expected).equals(target), 'the same bytes');
        plan.release();
        reads += 1;
      };
      copyFrom(0);
    };
    planNow();
  };
  rewriteAll(t);
  assert.ok(t.journal.usage().archiveSegments > 0);
  assert.ok(reads > 30, `${reads} reads`);
});

for (const where of ['batch', 'footer'] as const) {
  test(`a source with a damaged ${where} is named once and never dropped`, () => {
    const { t } = openWatched(2);
    fill(t, 200, 10_000, inThirds);
    age(t);
    t.journal.deletePartition(2);
    t.loop.run();
    const extent = t.partition(1).extents.at(2);
    assert.ok(extent !== undefined);
    const path = `segments/${extent.segmentId.toString(16).padStart(8, '0')}.seg`;
    const file = t.disk.open(path, { create: false });
    const { footer } = t.journal.segment(extent.segmentId) ?? {};
    assert.ok(footer != null);
    const plan = new ReadPlan();
    const { firstOffset } = extent;
    while (t.journal.plan(t.partition(1), firstOffset, 1, plan, () => {}) === 'loading')
      t.loop.run();
    const batchAt = plan.positions.get(0);
    plan.release();
    file.writeSync(
      [Uint8Array.of(0xff, 0xee)],
      where === 'batch' ? batchAt + 500 : footer.position + 5,
    );
    file.close();
    rewriteAll(t);
    rewriteAll(t);
    const { archiveSegments } = t.journal.usage();
    assert.ok(archiveSegments > 0, 'the others are rewritten');
    const damage = t.warnings.filter(({ event }) => event === 'segment.damaged');
    assert.equal(damage.length, 1);
    assert.equal(damage[0]?.fields.path, path);
    assert.match(String(damage[0]?.fields.reason), /seg at byte \d+/);
    assert.ok(t.journal.segment(extent.segmentId) !== undefined);
    assert.ok(t.partition(1).extents.at(t.partition(1).extents.find(firstOffset)) === extent);
  });
}

test('a full disk is no fault: the spare file makes room', () => {
  const loopBytes = 30 * 256 * 1024;
  const { t } = openWatched(
    2,
    { ...smallSegments, checkpointBytes: 256 * 1024 },
    undefined,
    loopBytes,
  );
  let appended = 0;
  while (t.journal.admits(10_100) !== 'full') {
    t.append(inThirds(appended), payload(appended, 10_000));
    appended += 1;
    t.loop.run();
    if (appended % 20 === 0) t.loop.pass(REWRITE_EVERY_MS);
    assert.ok(appended < 2000, 'the disk is full at some time');
  }
  const before = contentOf(t).get(1);
  t.journal.deletePartition(2);
  for (let i = 0; i < 30 && t.journal.admits(10_100) === 'full'; i++) {
    t.journal.appendEntry(20, Uint8Array.of(1, 0, 0, 0), 0, 4);
    t.journal.checkpoint();
    t.loop.pass(REWRITE_EVERY_MS);
  }
  assert.equal(t.journal.fault, null);
  assert.ok(t.journal.usage().archiveSegments > 0);
  assert.equal(t.journal.admits(10_100), 'yes');
  assert.deepEqual(contentOf(t).get(1), before);
  assert.deepEqual(contentOf(t.restart(smallSegments)).get(1), before);
});

test('without room for the copy a rewrite is put off', () => {
  const { t, disk } = openWatched(2);
  fill(t, 200, 10_000, inThirds);
  age(t);
  t.journal.deletePartition(2);
  t.loop.run();
  const before = contentOf(t);
  // Something else takes the disk, and the pool is empty.
  const hog = disk.ram.open('hog', { create: true });
  t.loop.pass(1);
  hog.writeSync([new Uint8Array(disk.ram.freeBytes() - 300_000)], 0);
  rewriteAll(t);
  assert.equal(t.journal.fault, null);
  assert.deepEqual(contentOf(t), before);
  hog.truncate(0);
  rewriteAll(t);
  assert.ok(t.journal.usage().archiveSegments > 0);
  assert.deepEqual(contentOf(t), before);
});

test('a close in the middle of a rewrite lets go of everything at once', () => {
  const { t } = openWatched(2, { ...smallSegments, rewrite: false });
  fill(t, 200, 10_000, inThirds);
  age(t);
  t.journal.deletePartition(2);
  t.loop.run();
  const before = contentOf(t);
  let unfinished = 0;
  for (let stopAt = 1; stopAt < 24; stopAt++) {
    const { t: copy, disk } = watchedCopy(t);
    let steps = 0;
    let stepsAtClose = -1;
    disk.onStep = (_, path) => {
      if (archiveFiles(disk).length === 0 || path.includes('checkpoints')) return;
      steps += 1;
      if (steps !== stopAt) return;
      copy.loop.endOfTick(() => {
        copy.journal.close(() => {
          stepsAtClose = steps;
        });
      });
    };
    copy.open();
    copy.loop.pass(3 * REWRITE_EVERY_MS);
    assert.ok(stepsAtClose >= 0, 'the journal was closed');
    assert.equal(steps, stepsAtClose, 'nothing is done after that');
    const again = copy.restart({ ...smallSegments, rewrite: false });
    if (again.journal.usage().archiveSegments < archiveFiles(disk).length) unfinished += 1;
    assert.deepEqual(contentOf(again), before);
  }
  assert.ok(unfinished > 10);
});

test('what an entry made dead is dropped only when that entry is durable', () => {
  const { t, disk } = openWatched(2);
  fill(t, 200, 10_000, inThirds);
  age(t);
  t.journal.deletePartition(2);
  t.loop.run();
  disk.isHeld = true;
  t.journal.advanceLogStart(1, 40);
  rewriteAll(t);
  assert.ok(archiveFiles(disk).length > 0, 'an archive was begun');
  assert.equal(t.partition(1).visibleStart, 0);
  assert.equal(t.read(1, 0).length, 67);
  // A power cut now takes the entry back.
  const cut = watchedCopy(t, { ...smallSegments, rewrite: false });
  const { highWatermark } = t.journal;
  const id = Math.floor(highWatermark / (256 * 1024));
  const path = `segments/${id.toString(16).padStart(8, '0')}.seg`;
  const file = cut.disk.open(path, { create: false });
  file.writeSync([new Uint8Array(4096)], highWatermark % (256 * 1024));
  file.close();
  assert.equal(cut.t.open().read(1, 0).length, 67);
  disk.release();
  rewriteAll(t);
  assert.equal(t.read(1, 0).length, 27);
  assert.ok(t.journal.usage().archiveSegments > 0);
});

test('publishers are slowed while sparse segments take too much space', () => {
  const { t, disk } = openWatched(2);
  fill(t, 1200, 10_000, (i) => (i % 12 === 0 ? 1 : 2));
  age(t);
  assert.ok(t.journal.usage().segments > 40);
  t.journal.advanceLogStart(2, 1090);
  t.loop.run();
  let isDelayed = false;
  let isReady = false;
  t.journal.onReady(() => {
    if (isDelayed && !t.journal.isCongested) isReady = true;
  });
  disk.onStep = (_, path) => {
    if (path.startsWith('segments/8')) isDelayed ||= t.journal.isCongested;
  };
  rewriteAll(t);
  assert.ok(isDelayed, 'while there is much to do');
  assert.ok(isReady, 'and told when there is not');
  assert.equal(t.journal.isCongested, false);
});

test('the manifest is replaced by a smaller one while segments are rewritten', () => {
  const partitions = 2000;
  const { t, disk } = openWatched(partitions);
  const manifests = new Set<string>();
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < partitions * 2; i++) {
      t.append(1 + (i % partitions), payload(i, 20));
      if (i % 100 === 99) t.loop.run();
    }
    t.loop.run();
    age(t);
    t.loop.pass(GATHER_AFTER_MS + 60_000);
    for (const name of disk.list('')) if (name.startsWith('manifest-')) manifests.add(name);
  }
  assert.ok(manifests.size > 1, [...manifests].join());
  assert.ok(t.journal.usage().archiveSegments > 0);
  const content = contentOf(t);
  assert.deepEqual(contentOf(t.restart(smallSegments)), content);
});
