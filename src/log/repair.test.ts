import { strict as assert } from 'node:assert';
import test from 'node:test';
import { viewOf } from '../kernel/bytes.ts';
import { batchLastOffset } from '../record/batch.ts';
import { storeId, TestJournal } from './journal.fixture.ts';
import { REWRITE_EVERY_MS } from './limits.ts';
import { readLosses } from './losses.ts';
import { Folder, SEGMENT_BYTES } from './repair.fixture.ts';
import { age, archiveFiles, fill, openWatched } from './rewrite.fixture.ts';
import { segmentPath } from './segment.ts';

const SEGMENT_1 = segmentPath(1);

/** Three partitions, a commit after each append: block 1 + i holds append i, block 1 the partitions. */
function filled(appends: number, size = 100): TestJournal {
  const journal = new TestJournal().open();
  for (const id of [1, 2, 3]) journal.journal.createPartition(id, 0);
  journal.loop.run();
  for (let i = 0; i < appends; i++) {
    journal.append(1 + (i % 2), new Uint8Array(size).fill(i % 251));
    journal.loop.run();
  }
  return journal;
}

function offsets(journal: TestJournal, id: number): number[] {
  return journal.read(id, 0).map(({ offset }) => offset);
}

function assertReadable(journal: TestJournal, id: number): void {
  for (const { offset, bytes } of journal.read(id, 0)) {
    assert.equal(batchLastOffset(viewOf(bytes), 0), offset);
  }
}

function refuses(folder: Folder): void {
  assert.throws(() => folder.open(), { code: 'storage_damaged' });
}

test('A sound folder needs no repair, and nothing of it is changed.', () => {
  const journal = filled(6);
  const survey = new Folder(journal).survey(false);
  assert.deepEqual(survey, { findings: [], lost: [], raised: [] });
});

test('A flipped bit in a payload costs one batch, after it was accepted.', () => {
  const folder = new Folder(filled(6));
  const [, , , hit] = folder.blocks(1);
  assert.ok(hit !== undefined);
  folder.flip(SEGMENT_1, hit.position + hit.length - 20);
  refuses(folder);
  const survey = folder.survey(false);
  assert.deepEqual(survey.lost, [{ partition: 2, first: 0, last: 0 }]);
  assert.equal(survey.findings[0]?.path, SEGMENT_1);
  assert.equal(survey.findings[0]?.position, hit.position);
  refuses(folder);

  folder.survey(true);
  const repaired = folder.open();
  assert.deepEqual(offsets(repaired, 1), [0, 1, 2]);
  assert.deepEqual(offsets(repaired, 2), [1, 2]);
  assert.deepEqual(folder.survey(false).findings, []);
});

test('After a repair the journal goes on, is sealed, and starts again and again.', () => {
  const folder = new Folder(filled(6));
  const [, , , hit] = folder.blocks(1);
  folder.flip(SEGMENT_1, (hit?.position ?? 0) + 70);
  folder.survey(true);
  const repaired = folder.open();
  for (let i = 0; i < 40; i++) {
    repaired.append(2, new Uint8Array(60_000).fill(i));
    repaired.loop.run();
  }
  const expected = offsets(repaired, 2);
  assert.equal(expected.length, 42);
  assertReadable(repaired, 2);
  const again = repaired.restart();
  assert.deepEqual(offsets(again, 2), expected);
  again.journal.checkpoint();
  again.loop.pass(1000);
  again.append(1, 'one more');
  again.loop.pass(1000);
  const last = again.restart();
  assert.deepEqual(offsets(last, 2), expected);
  assert.deepEqual(new Folder(last).survey(false).findings, []);
});

test('Damage in the last block that is known to be durable leaves no offset to be given again.', () => {
  const journal = filled(6);
  journal.loop.pass(200);
  const folder = new Folder(journal);
  const blocks = folder.blocks(1);
  const hit = blocks.at(-2);
  folder.flip(SEGMENT_1, (hit?.position ?? 0) + 64 + 2);
  const { lost } = folder.survey(true);
  assert.ok(lost.some(({ partition, first }) => partition === 2 && first === 2));
  const repaired = folder.open();
  assert.ok(repaired.append(2, 'next') >= 3);
  repaired.loop.run();
  assert.equal(offsets(repaired, 2).length, 3);
});

test('Damage up to the end of what is durable ends the journal behind it.', () => {
  for (const isGone of [false, true]) {
    const journal = filled(60, 60_000);
    journal.loop.pass(200);
    assert.equal(journal.journal.segment(2)?.state, 'sealed');
    const folder = new Folder(journal);
    for (const name of folder.disk.list('segments')) {
      const path = `segments/${name}`;
      if (path <= segmentPath(2)) continue;
      if (isGone) folder.disk.remove(path);
      else folder.fill(path, 4096, SEGMENT_BYTES - 4096, 0);
    }
    const last = folder.blocks(2).at(-1);
    folder.flip(segmentPath(2), (last?.position ?? 0) + 41);
    refuses(folder);
    folder.survey(true);
    const repaired = folder.open();
    const found = offsets(repaired, 1);
    for (let i = 0; i < 3; i++) {
      repaired.append(1, 'later');
      repaired.loop.run();
    }
    const expected = offsets(repaired, 1);
    assert.deepEqual(expected.slice(0, found.length), found);
    assert.equal(expected.length, found.length + 3);
    repaired.loop.pass(200);
    assert.deepEqual(offsets(repaired.restart(), 1), expected);
    assert.deepEqual(new Folder(repaired).survey(false).findings, []);
  }
});

test('A segment missing in the middle of what is replayed is passed over.', () => {
  const journal = filled(60, 60_000);
  journal.loop.pass(200);
  const folder = new Folder(journal);
  const kept = offsets(journal, 1).length + offsets(journal, 2).length;
  folder.disk.remove(segmentPath(2));
  refuses(folder);
  const { lost } = folder.survey(true);
  const gone = lost.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const repaired = folder.open();
  assert.ok(gone > 10);
  assert.equal(offsets(repaired, 1).length + offsets(repaired, 2).length, kept - gone);
  repaired.append(1, 'later');
  repaired.loop.pass(200);
  assert.equal(offsets(repaired.restart(), 1).length, offsets(repaired, 1).length);
});

test('Offsets of a lost block that can be read for hints go on right behind them.', () => {
  const journal = filled(5);
  journal.append(3, 'the only one of its partition');
  journal.loop.run();
  journal.append(1, 'something later');
  journal.loop.run();
  journal.append(1, 'and later still');
  journal.loop.run();
  const folder = new Folder(journal);
  const hit = folder.blocks(1)[7];
  assert.ok(hit !== undefined);
  // The flags of the header: the entries are whole, but nothing vouches for them.
  folder.flip(SEGMENT_1, hit.position + 41);
  const survey = folder.survey(true);
  assert.deepEqual(survey.lost, [{ partition: 3, first: 0, last: 0 }]);
  assert.deepEqual(survey.raised, [[3, 1]]);
  const repaired = folder.open();
  assert.equal(repaired.partition(3).logEnd, 1);
  assert.equal(repaired.append(3, 'next'), 1);
  repaired.loop.run();
  assert.deepEqual(offsets(repaired, 3), [1]);
  assert.deepEqual(offsets(repaired.restart(), 3), [1]);
});

test('Where nothing can be told, offsets go on far behind what a block can have given.', () => {
  const journal = filled(5);
  journal.append(3, 'gone');
  journal.loop.run();
  for (let i = 0; i < 2; i++) {
    journal.append(1, 'later');
    journal.loop.run();
  }
  const folder = new Folder(journal);
  const hit = folder.blocks(1)[7];
  assert.ok(hit !== undefined);
  folder.fill(SEGMENT_1, hit.position, 4096);
  const survey = folder.survey(true);
  const raised = new Map(survey.raised);
  assert.ok((raised.get(3) ?? 0) >= 4096, `partition 3 goes on at ${raised.get(3)}`);
  assert.equal(raised.get(1), undefined, 'a later entry says where partition 1 goes on');
  const repaired = folder.open();
  const next = repaired.append(3, 'next');
  repaired.loop.run();
  assert.equal(next, raised.get(3));
  assert.deepEqual(offsets(repaired, 3), [next]);
  assert.equal(offsets(repaired, 1).length, 5);
});

test('Several damaged places are passed in one go.', () => {
  const folder = new Folder(filled(12));
  const blocks = folder.blocks(1);
  for (const i of [3, 4, 8]) folder.flip(SEGMENT_1, (blocks[i]?.position ?? 0) + 41);
  const survey = folder.survey(true);
  assert.ok(survey.findings.length >= 2);
  const repaired = folder.open();
  assert.equal(offsets(repaired, 1).length + offsets(repaired, 2).length, 9);
  assertReadable(repaired, 1);
});

/** Sealed segments, and a checkpoint that begins behind them. */
function sealed(): TestJournal {
  const journal = new TestJournal({ rewrite: false }).open();
  for (const id of [1, 2]) journal.journal.createPartition(id, 0);
  for (let i = 0; i < 120; i++) {
    journal.append(1 + (i % 2), new Uint8Array(30_000).fill(i));
    journal.loop.run();
  }
  for (let i = 0; i < 2; i++) {
    journal.journal.checkpoint();
    journal.loop.pass(500);
    journal.append(1, 'a little more');
    journal.loop.pass(500);
  }
  assert.equal(journal.journal.segment(1)?.state, 'sealed');
  return journal;
}

test('A damaged batch of a sealed segment is left out once its loss is accepted.', () => {
  const folder = new Folder(sealed());
  const hit = folder.blocks(1)[5];
  folder.flip(SEGMENT_1, (hit?.position ?? 0) + 2000);
  const before = folder.open();
  assert.throws(() => [before.read(1, 0), before.read(2, 0)], { code: 'storage_damaged' });

  const damaged = new Folder(sealed());
  damaged.flip(SEGMENT_1, (hit?.position ?? 0) + 2000);
  const survey = damaged.survey(true);
  assert.equal(survey.lost.length, 1);
  const repaired = damaged.open();
  assert.equal(offsets(repaired, 1).length + offsets(repaired, 2).length, 121);
  assert.deepEqual(damaged.survey(false).findings, []);
});

test('A footer is made again without loss, directory and rows.', () => {
  for (const part of ['rows', 'directory', 'header'] as const) {
    const folder = new Folder(sealed());
    const file = folder.disk.open(SEGMENT_1, { create: false });
    const trailer = new Uint8Array(4096);
    file.readSync(trailer, 0, 4096, 1024 * 1024 - 4096);
    const view = viewOf(trailer);
    const rowsAt = view.getUint32(52, true);
    const at = {
      rows: rowsAt + 9,
      directory: rowsAt + view.getUint32(56, true) * 28 + 3,
      header: 40,
    };
    folder.flip(SEGMENT_1, at[part]);
    const survey = folder.survey(true);
    assert.equal(survey.findings.length, 1, part);
    assert.deepEqual(survey.lost, [], part);
    const repaired = folder.open();
    assert.equal(offsets(repaired, 1).length + offsets(repaired, 2).length, 122, part);
  }
});

test('A manifest is put together again from the segments.', () => {
  for (const how of ['a bit', 'all of it', 'gone'] as const) {
    const folder = new Folder(sealed());
    if (how === 'gone') folder.disk.remove('manifest-1');
    else if (how === 'a bit') folder.flip('manifest-1', 100);
    else folder.fill('manifest-1', 0, folder.disk.open('manifest-1', { create: false }).size());
    refuses(folder);
    const survey = folder.survey(true);
    assert.deepEqual(survey.lost, [], how);
    const repaired = folder.open();
    assert.equal(offsets(repaired, 1).length + offsets(repaired, 2).length, 122, how);
  }
});

test('A segment that is gone takes its offsets with it, and no others.', () => {
  const folder = new Folder(sealed());
  folder.disk.remove(SEGMENT_1);
  refuses(folder);
  const { lost } = folder.survey(true);
  assert.deepEqual(
    lost.map(({ partition, first }) => [partition, first]),
    [
      [1, 0],
      [2, 0],
    ],
  );
  const repaired = folder.open();
  const gone = lost.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  assert.equal(offsets(repaired, 1).length + offsets(repaired, 2).length, 122 - gone);
});

test('Without a sound checkpoint and the journal before it there is no way, and it says so.', () => {
  const journal = sealed();
  const folder = new Folder(journal);
  for (const name of folder.disk.list('checkpoints')) folder.flip(`checkpoints/${name}`, 80);
  assert.equal(folder.disk.exists(SEGMENT_1), true);
  // The journal still has its beginning: more of it is read instead.
  folder.survey(true);
  assert.equal(offsets(folder.open(), 1).length, 62);

  const hopeless = new Folder(journal);
  for (const name of hopeless.disk.list('checkpoints')) hopeless.flip(`checkpoints/${name}`, 80);
  hopeless.disk.remove(SEGMENT_1);
  const { error } = hopeless.trySurvey(false);
  assert.equal(error?.code, 'storage_damaged');
  assert.match(error?.detail ?? '', /^checkpoints\/.* cannot be repaired$/);
});

test('What was accepted is written down with a checksum.', () => {
  const folder = new Folder(filled(6));
  folder.flip(SEGMENT_1, (folder.blocks(1)[4]?.position ?? 0) + 150);
  folder.survey(true);
  assert.equal(readLosses(folder.disk, storeId).blocks.length, 1);
  folder.flip('losses.json', 30);
  assert.throws(() => readLosses(folder.disk, storeId), { code: 'storage_damaged' });
  const { findings } = folder.survey(true);
  assert.equal(findings.length, 2);
  folder.open();
});

/** Partition 1, gathered into archives; a wall of small batches, so that there are several pages of rows. */
function archived(): TestJournal {
  const { t } = openWatched(2, {});
  fill(t, 5000, 700, (i) => 1 + (i % 2));
  age(t);
  t.journal.deletePartition(2);
  for (let i = 0; i < 6; i++) t.loop.pass(REWRITE_EVERY_MS);
  assert.ok(t.journal.usage().archiveSegments > 0);
  return t;
}

test('Of an archive a damaged page of rows costs its batches, and a damaged manifest nothing.', () => {
  const t = archived();
  const expected = offsets(t, 1);
  const [name = ''] = archiveFiles(t.disk);
  const path = `segments/${name}`;

  const folder = new Folder(t);
  const file = folder.disk.open(path, { create: false });
  const trailer = new Uint8Array(4096);
  file.readSync(trailer, 0, 4096, SEGMENT_BYTES - 4096);
  const rowsAt = viewOf(trailer).getUint32(52, true);
  folder.flip(path, rowsAt + 5);
  const { lost } = folder.survey(true);
  const [range] = lost;
  assert.ok(range !== undefined && lost.length === 1);
  assert.equal(range.last - range.first + 1, 512, 'a page of rows');
  const isKept = (offset: number): boolean => offset < range.first || offset > range.last;
  assert.deepEqual(offsets(folder.open(), 1), expected.filter(isKept));
  assert.deepEqual(folder.survey(false).findings, []);

  const other = new Folder(t);
  const [manifest = ''] = other.disk.list('').filter((each) => each.startsWith('manifest-'));
  other.fill(manifest, 0, other.disk.open(manifest, { create: false }).size());
  assert.deepEqual(other.survey(true).lost, []);
  assert.deepEqual(offsets(other.open(), 1), expected);
});

test('A repair that ends midway is repeated, and nothing more is lost.', () => {
  const damage = (): Folder => {
    const folder = new Folder(archived());
    const [name = ''] = archiveFiles(folder.disk);
    folder.flip(`segments/${name}`, 40);
    folder.flip(`segments/${name}`, 8192 + 100);
    folder.flip('manifest-1', folder.disk.open('manifest-1', { create: false }).size() - 200);
    return folder;
  };
  const whole = damage();
  const { lost } = whole.survey(true);
  assert.equal(lost.length, 1);
  const expected = offsets(whole.open(), 1);
  for (let operations = 0; operations < 12; operations++) {
    const folder = damage();
    folder.breakAfter(operations);
    folder.survey(true);
    folder.breakAfter(Number.POSITIVE_INFINITY);
    folder.survey(true);
    assert.deepEqual(offsets(folder.open(), 1), expected, `after ${operations}`);
  }
});
