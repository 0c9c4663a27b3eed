/** What a start accepts, and what it refuses because something that was promised is missing. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { Disk } from '../kernel/ports.ts';
import { storeId, TestJournal } from './journal.fixture.ts';
import { encodeManifest } from './repair-manifest.ts';
import { fill, openWatched, watchedCopy } from './rewrite.fixture.ts';

const MiB = 1024 * 1024;

function scribble(disk: Disk, path: string, position: number): void {
  disk.open(path, { create: false }).writeSync([new Uint8Array(4096).fill(0xff)], position);
}

/** Options under which nothing is sealed or forgotten behind the test's back. */
const plain = { rewrite: false, checkpointBytes: 64 * MiB };

test('damage right behind a clean shutdown is refused when later blocks were durable', () => {
  const first = new TestJournal().open();
  first.journal.createPartition(1, 0);
  first.append(1, 'before');
  first.loop.run();
  first.close();
  const second = first.restart();
  const begin = first.journal.endLsn % MiB;
  for (let i = 0; i < 3; i++) {
    second.append(1, `acknowledged ${i}`);
    second.loop.run();
  }
  scribble(second.disk, 'segments/00000001.seg', begin);
  assert.throws(() => second.restart(), new RegExp(`00000001\\.seg at byte ${begin}`));
});

test('a missing segment in the middle of the journal is refused', () => {
  const t = new TestJournal(plain).open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 40; i++) {
    t.append(1, new Uint8Array(60_000));
    t.loop.run();
  }
  assert.ok(t.journal.endLsn > 3 * MiB);
  const disk = watchedCopy(t, plain);
  disk.disk.remove('segments/00000002.seg');
  // Without the manifest's word for it: only the blocks behind the gap tell.
  const manifest = disk.disk.open('manifest-1', { create: false });
  manifest.truncate(0);
  manifest.writeSync([encodeManifest(1, storeId, [])], 0);
  manifest.close();
  assert.throws(() => disk.t.open(), /no readable block/);
});

test('a folder with segments and no manifest is refused, before anything is overwritten', () => {
  const t = new TestJournal(plain).open();
  t.journal.createPartition(1, 0);
  t.append(1, 'kept');
  t.loop.run();
  const { t: again, disk } = watchedCopy(t, plain);
  disk.remove('manifest-1');
  const before = disk.list('');
  assert.throws(() => again.open(), { code: 'storage_damaged' });
  assert.deepEqual(disk.list(''), before);
});

test('a file that is left behind a gap is never armed twice', () => {
  const options = { ...plain, armedSegments: 4 };
  const t = new TestJournal(options).open();
  t.journal.createPartition(1, 0);
  t.append(1, 'kept');
  t.loop.run();
  const { t: again, disk } = watchedCopy(t, options);
  assert.ok(disk.exists('segments/00000005.seg'));
  disk.remove('segments/00000002.seg');
  again.open();
  for (let i = 0; i < 100; i++) {
    again.append(1, new Uint8Array(60_000).fill(i));
    again.loop.run();
  }
  assert.equal(again.read(1, 0).length, 101);
  assert.equal(again.restart().read(1, 0).length, 101);
});

test('damage in what a sealed segment held is refused, whatever the blocks behind it know', () => {
  const { t, disk } = openWatched(1, plain);
  fill(t, 15, 60_000);
  // One group in two segments: its second block was made when the first was not durable yet.
  for (let i = 0; i < 3; i++) t.append(1, new Uint8Array(60_000));
  t.loop.run();
  assert.equal(t.journal.segment(1)?.state, 'sealed');
  scribble(disk, 'segments/00000001.seg', (t.journal.segment(1)?.blocksEnd ?? 0) - 8192);
  assert.throws(() => t.restart(plain), /00000001\.seg/);
});

test('damage in what a checkpoint includes is refused', () => {
  const { t, disk } = openWatched(1, plain);
  fill(t, 3, 100);
  let position = 0;
  t.journal.onCommit(() => {
    if (position > 0) return;
    position = t.journal.highWatermark % MiB;
    t.append(1, 'in the checkpoint, behind its start');
  });
  t.journal.checkpoint();
  t.loop.run();
  assert.equal(disk.list('checkpoints').length, 1);
  scribble(disk, 'segments/00000001.seg', position);
  assert.throws(() => t.restart(plain), /00000001\.seg/);
});

test('damage in the first block of a segment is named there, not at the end of the one before', () => {
  const t = new TestJournal(plain).open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 40; i++) {
    t.append(1, new Uint8Array(60_000));
    t.loop.run();
  }
  const inFirst = watchedCopy(t, plain);
  scribble(inFirst.disk, 'segments/00000002.seg', 4096);
  assert.throws(() => inFirst.t.open(), /00000002\.seg at byte 4096/);
  // A bit in its batch: the header still says what was there.
  const inBatch = watchedCopy(t, plain);
  const file = inBatch.disk.open('segments/00000002.seg', { create: false });
  file.writeSync([Uint8Array.of(1)], 4096 + 5000);
  assert.throws(() => inBatch.t.open(), /00000002\.seg at byte 4096/);
  // The last block of a segment, wiped, while the next segment is sound.
  const last = t.journal.partition(1)?.extents.first;
  assert.ok(last !== undefined && last.segmentId === 1);
  const before = watchedCopy(t, plain);
  const position = lastBlockOf(before.disk, 'segments/00000001.seg');
  scribble(before.disk, 'segments/00000001.seg', position);
  assert.throws(() => before.t.open(), new RegExp(`00000001\\.seg at byte ${position}`));
});

/** Where the last page with a block header in it begins. */
function lastBlockOf(disk: Disk, path: string): number {
  const file = disk.open(path, { create: false });
  const page = new Uint8Array(4096);
  let found = 0;
  for (let at = 4096; at < file.size() - 4096; at += page.length) {
    file.readSync(page, 0, page.length, at);
    if (new TextDecoder().decode(page.subarray(0, 3)) === magicText(disk)) found = at;
  }
  return found;
}

/** What the blocks of a journal begin with. */
function magicText(disk: Disk): string {
  const first = new Uint8Array(3);
  disk.open('segments/00000001.seg', { create: false }).readSync(first, 0, 3, 4096);
  return new TextDecoder().decode(first);
}

test('an unsound checkpoint does not push a sound one out', () => {
  const t = new TestJournal(plain).open();
  t.journal.createPartition(1, 0);
  const starts = (journal: TestJournal): string[] =>
    journal.disk.list('checkpoints').filter((name) => name.endsWith('.ckp'));
  const checkpoint = (journal: TestJournal): void => {
    journal.append(1, 'x');
    journal.journal.checkpoint();
    journal.loop.pass(500);
  };
  checkpoint(t);
  const [oldest = ''] = starts(t);
  checkpoint(t);
  const [, unsound = ''] = starts(t);
  const { t: again, disk } = watchedCopy(t, plain);
  scribble(disk, `checkpoints/${unsound}`, 0);
  again.open();
  checkpoint(again);
  const kept = starts(again);
  assert.equal(kept.length, 2);
  assert.ok(kept.includes(oldest) && !kept.includes(unsound), kept.join());
});
