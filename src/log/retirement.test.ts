/** What may be forgotten, and what a start still needs. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { TestJournal } from './journal.fixture.ts';
import { openWatched, payload } from './rewrite.fixture.ts';

const segmentBytes = 256 * 1024;
const options = { segmentBytes, rewrite: false };

test('a start from the older checkpoint finds its segment, even if it begins at the end of one', () => {
  const { t, disk } = openWatched(1, options);
  let durable = 0;
  let starts = 0;
  // At any step of the disk the newer checkpoint may turn out to be damaged.
  disk.onStep = () => {
    const fallback = t.reopened(options);
    const names = fallback.disk.list('checkpoints').filter((name) => name.endsWith('.ckp'));
    if (names.length < 2) return;
    for (const name of names.slice(1)) fallback.disk.remove(`checkpoints/${name}`);
    assert.ok(fallback.open().partition(1).logEnd >= durable);
    starts += 1;
  };
  for (let i = 0; i < 16; i++) {
    const offset = t.append(1, payload(i, 58_000));
    t.loop.run();
    t.journal.advanceLogStart(1, offset);
    t.loop.run();
    durable = offset + 1;
    const room = segmentBytes - (t.journal.highWatermark % segmentBytes);
    if (room < 58_000 + 4 * 4096) t.journal.checkpoint();
    t.loop.run();
  }
  assert.ok(starts > 100);
  assert.ok(t.journal.usage().segments < 10, 'dead segments are forgotten all the same');
});

test('a journal that is closed while a segment is sealed lets go of the file', () => {
  const t = new TestJournal(options).open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 8; i++) t.append(1, payload(i, 58_000));
  let isClosed = false;
  t.journal.close((error) => {
    assert.equal(error, null);
    isClosed = true;
  });
  t.loop.run();
  assert.ok(isClosed);
  assert.equal(t.restart(options).read(1, 0).length, 8);
});
