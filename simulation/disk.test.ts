import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError, type DiskFile } from '../src/kernel/ports.ts';
import { SimDisk } from './disk.ts';
import { calmDisk, type DiskFaults } from './faults.ts';
import { PAGE_BYTES } from './inode.ts';
import { type PowerCut, SECTOR_BYTES, survivals } from './power-cut.ts';
import { SimProcess } from './process.ts';
import { Volume } from './volume.ts';
import { World } from './world.ts';

const nothing: PowerCut = { contents: 'nothing', names: 'nothing', tearRate: 0 };
const everything: PowerCut = { contents: 'everything', names: 'everything', tearRate: 0 };
const subset: PowerCut = { contents: 'subset', names: 'subset', tearRate: 0 };

/** One life of one process on one disk. */
class Life {
  readonly world: World;
  readonly disk: SimDisk;
  constructor(seed: number, faults: Partial<DiskFaults> = {}, volume = new Volume()) {
    this.world = new World(seed);
    const process = new SimProcess(this.world, 'a');
    this.disk = new SimDisk(process, volume, { ...calmDisk, ...faults });
  }

  /** A file whose name and first pages, filled with `fill`, are durable. */
  durable(path: string, pages: number, fill: number): DiskFile {
    const file = this.disk.open(path, { create: true });
    file.writeSync([filled(pages * PAGE_BYTES, fill)], 0);
    file.sync(succeeds);
    this.disk.syncDirectory('', succeeds);
    this.world.run();
    return file;
  }

  /** What a power cut leaves of `path`. */
  afterCut(cut: PowerCut, path: string): Uint8Array | undefined {
    return this.disk.crash('power', cut).files().get(path);
  }
}

function filled(length: number, fill: number): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

function succeeds(error: DiskError | null): void {
  assert.equal(error, null);
}

function isFault(fault: string): (error: unknown) => boolean {
  return (error) => error instanceof DiskError && error.fault === fault;
}

/** What came of `observe`, over many seeds. */
function outcomes(observe: (seed: number) => unknown, seeds = 200): Set<string> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= seeds; seed++) seen.add(String(observe(seed)));
  return seen;
}

/** First bytes of the sectors of a page, as text. */
function sectors(bytes: Uint8Array | undefined, page = 0): string {
  assert.ok(bytes);
  let text = '';
  for (let at = page * PAGE_BYTES; at < (page + 1) * PAGE_BYTES; at += SECTOR_BYTES) {
    text += bytes[at] ?? '-';
  }
  return text;
}

test('a write is read at once and is not durable', () => {
  const life = new Life(1);
  const file = life.durable('f', 2, 1);
  file.writeSync([filled(PAGE_BYTES, 2)], 0);
  const target = new Uint8Array(2);
  file.readSync(target, 0, 2, PAGE_BYTES - 1);
  assert.deepEqual([...target], [2, 1]);
  const bytes = life.afterCut(nothing, 'f');
  assert.deepEqual(bytes, filled(2 * PAGE_BYTES, 1));
});

test('a sync makes durable what was written before it was called, under every pattern', () => {
  for (const contents of survivals) {
    for (let seed = 1; seed < 50; seed++) {
      const life = new Life(seed);
      const file = life.durable('f', 2, 1);
      file.writeSync([filled(PAGE_BYTES, 2)], PAGE_BYTES);
      file.datasync(succeeds);
      life.world.run();
      file.writeSync([filled(PAGE_BYTES, 3)], 0);
      const bytes = life.afterCut({ contents, names: 'nothing', tearRate: 1 }, 'f');
      assert.equal(sectors(bytes, 1), '22222222');
    }
  }
});

test('what is written during a sync may or may not be durable, and what it covers may be early', () => {
  const during = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 1);
    file.writeSync([filled(PAGE_BYTES, 2)], 0);
    file.datasync(() => assert.fail('the power is cut before'));
    file.writeSync([filled(PAGE_BYTES, 3)], 0);
    return sectors(life.afterCut(subset, 'f'));
  });
  assert.deepEqual([...during].sort(), ['11111111', '22222222', '33333333']);
  const after = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 1);
    file.writeSync([filled(PAGE_BYTES, 2)], 0);
    file.datasync(succeeds);
    file.writeSync([filled(PAGE_BYTES, 3)], 0);
    life.world.run();
    return sectors(life.afterCut(subset, 'f'));
  });
  assert.deepEqual([...after].sort(), ['22222222', '33333333']);
});

test('unsynced pages survive out of order, and torn down to the sector', () => {
  const pages = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 2, 1);
    file.writeSync([filled(2 * PAGE_BYTES, 2)], 0);
    const bytes = life.afterCut(subset, 'f');
    return `${sectors(bytes, 0)[0]}${sectors(bytes, 1)[0]}`;
  });
  assert.deepEqual([...pages].sort(), ['11', '12', '21', '22']);
  const torn = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 1);
    file.writeSync([filled(PAGE_BYTES, 2)], 0);
    const bytes = life.afterCut({ ...subset, tearRate: 1 }, 'f');
    for (const [index, byte] of bytes?.entries() ?? []) {
      assert.equal(byte, bytes?.[index - (index % SECTOR_BYTES)], 'a sector is never torn');
    }
    return sectors(bytes);
  });
  assert.ok(torn.size > 50);
  assert.ok(
    [...torn].some((text) => /21/.test(text)),
    'a later sector without an earlier one',
  );
});

test('a prefix ends in one torn page, and nothing written later survives', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 3, 1);
    for (const page of [2, 0, 1]) file.writeSync([filled(PAGE_BYTES, 2)], page * PAGE_BYTES);
    const bytes = life.afterCut({ contents: 'prefix', names: 'nothing', tearRate: 0 }, 'f');
    const text = sectors(bytes, 2) + sectors(bytes, 0) + sectors(bytes, 1);
    assert.match(text, /^2*1*$/);
    return text.lastIndexOf('2') + 1;
  });
  assert.ok(seen.size > 15, 'the cut falls everywhere');
});

test('a recycled page that was not synced keeps its old content', () => {
  const life = new Life(1);
  const file = life.durable('old', 2, 1);
  life.disk.rename('old', 'new');
  life.disk.syncDirectory('', succeeds);
  life.world.run();
  file.writeSync([filled(PAGE_BYTES, 2)], 0);
  assert.equal(sectors(life.afterCut(nothing, 'new')), '11111111');
});

test('an unsynced size may be old, new or between, and what is between reads as zeros or data', () => {
  const sizes = new Set<number>();
  for (let seed = 1; seed < 300; seed++) {
    const life = new Life(seed);
    const file = life.durable('f', 1, 1);
    file.writeSync([filled(3 * PAGE_BYTES, 2)], PAGE_BYTES);
    const bytes = life.afterCut(subset, 'f');
    assert.ok(bytes && bytes.length >= PAGE_BYTES && bytes.length <= 4 * PAGE_BYTES);
    for (const byte of bytes.subarray(PAGE_BYTES)) assert.ok(byte === 0 || byte === 2);
    sizes.add(bytes.length);
  }
  assert.ok(sizes.has(PAGE_BYTES) && sizes.has(4 * PAGE_BYTES) && sizes.size > 10);
});

test('an unsynced shortening may be undone, and a synced one may not', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 2, 1);
    file.truncate(0);
    if (seed % 2 === 0) file.sync(succeeds);
    life.world.run();
    const bytes = life.afterCut({ ...subset, contents: 'nothing' }, 'f');
    return `${seed % 2 === 0} ${bytes?.length}`;
  });
  assert.deepEqual([...seen].sort(), [`false ${2 * PAGE_BYTES}`, 'true 0']);
});

test('a file that grows over what was cut off reads zeros, also after a cut of the power', () => {
  const life = new Life(1);
  const file = life.durable('f', 2, 1);
  file.truncate(10);
  file.truncate(2 * PAGE_BYTES);
  file.sync(succeeds);
  life.world.run();
  const bytes = life.afterCut(nothing, 'f');
  assert.deepEqual(bytes, filled(2 * PAGE_BYTES, 0).fill(1, 0, 10));
});

test('a rename that no directory sync covers may be lost: the content is under the old name', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    life.durable('old', 1, 1);
    life.disk.rename('old', 'new');
    return [...life.disk.crash('power', subset).files().keys()];
  });
  assert.deepEqual([...seen].sort(), ['new', 'old']);
});

test('a lost rename leaves the file that it replaced', () => {
  const life = new Life(1);
  life.durable('current', 1, 1);
  life.durable('next', 1, 2);
  life.disk.rename('next', 'current');
  const files = life.disk.crash('power', nothing).files();
  assert.deepEqual(sectors(files.get('current')), '11111111');
  assert.deepEqual(sectors(files.get('next')), '22222222');
});

test('a synced file whose name is not synced may be gone, and a removed one may be back', () => {
  const life = new Life(1);
  life.durable('removed', 1, 1);
  const file = life.disk.open('created', { create: true });
  file.writeSync([filled(10, 1)], 0);
  file.sync(succeeds);
  life.world.run();
  life.disk.remove('removed');
  assert.deepEqual([...life.disk.crash('power', nothing).files().keys()], ['removed']);
});

test('operations on names survive as any subset, and no file gets two names', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    life.durable('a', 1, 1);
    life.disk.rename('a', 'b');
    life.disk.rename('b', 'c');
    life.disk.open('d', { create: true });
    return [...life.disk.crash('power', subset).files().keys()];
  });
  assert.deepEqual([...seen].sort(), ['a', 'a,d', 'b', 'b,d', 'c', 'c,d']);
  const inOrder = outcomes((seed) => {
    const life = new Life(seed);
    life.disk.open('a', { create: true });
    life.disk.open('b', { create: true });
    return [
      ...life.disk
        .crash('power', { ...nothing, names: 'prefix' })
        .files()
        .keys(),
    ];
  });
  assert.deepEqual([...inOrder].sort(), ['', 'a', 'a,b']);
});

test('a directory sync covers the names of its directory, up to its call', () => {
  const life = new Life(1);
  life.disk.makeDirectory('d');
  life.disk.syncDirectory('', succeeds);
  life.disk.open('before', { create: true });
  life.disk.open('d/before', { create: true });
  life.disk.syncDirectory('d', succeeds);
  life.disk.open('d/during', { create: true });
  life.world.run();
  assert.deepEqual([...life.disk.crash('power', nothing).files().keys()], ['d/before']);
});

test('a directory that was not synced takes its files with it', () => {
  const life = new Life(1);
  life.disk.makeDirectory('d');
  life.disk.open('d/f', { create: true });
  life.disk.syncDirectory('d', succeeds);
  life.world.run();
  const survivors = life.disk.crash('power', nothing);
  assert.deepEqual(survivors.list(''), []);
});

test('after a failed sync reads see the data, the next sync succeeds, and a power cut loses it', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 1);
    file.writeSync([filled(PAGE_BYTES, 2)], 0);
    life.disk.faults = { ...calmDisk, syncErrorRate: 1 };
    let failure: DiskError | null = null;
    file.datasync((error) => {
      failure = error;
    });
    life.world.run();
    assert.ok(isFault('io')(failure));
    life.disk.faults = calmDisk;
    file.datasync(succeeds);
    life.world.run();
    const target = new Uint8Array(1);
    file.readSync(target, 0, 1, 0);
    assert.equal(target[0], 2);
    return sectors(life.afterCut(everything, 'f'));
  });
  // The failing sync may have got as far as this page.
  assert.deepEqual([...seen].sort(), ['11111111', '22222222']);
});

test('a page written again after a failed sync is covered by the next one', () => {
  const life = new Life(1);
  const file = life.durable('f', 1, 1);
  file.writeSync([filled(PAGE_BYTES, 2)], 0);
  life.disk.faults = { ...calmDisk, syncErrorRate: 1 };
  file.datasync(() => undefined);
  life.world.run();
  life.disk.faults = calmDisk;
  file.writeSync([filled(10, 3)], 0);
  file.datasync(succeeds);
  life.world.run();
  const bytes = life.afterCut(nothing, 'f');
  assert.deepEqual([bytes?.[0], bytes?.[10]], [3, 2]);
});

test('a size that a failed sync left behind is known once its bytes are written again and synced', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 1);
    file.writeSync([filled(10, 2)], PAGE_BYTES);
    life.disk.faults = { ...calmDisk, syncErrorRate: 1 };
    file.datasync(() => undefined);
    life.world.run();
    life.disk.faults = calmDisk;
    file.writeSync([filled(10, 2)], PAGE_BYTES);
    file.datasync(succeeds);
    life.world.run();
    return life.afterCut(nothing, 'f')?.length;
  });
  assert.deepEqual([...seen], [String(PAGE_BYTES + 10)]);
});

test('after a failed directory sync names may be lost, until a later one succeeds', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed, { syncErrorRate: 1 });
    life.disk.open('f', { create: true });
    life.disk.syncDirectory('', (error) => assert.ok(isFault('io')(error)));
    life.world.run();
    const before = life.disk.durableImage().list('');
    life.disk.faults = calmDisk;
    life.disk.syncDirectory('', succeeds);
    life.world.run();
    assert.deepEqual(life.disk.crash('power', nothing).list(''), ['f']);
    return before;
  });
  assert.deepEqual([...seen].sort(), ['', 'f']);
});

test('reads, writes and changes of names fail when they are told to', () => {
  const life = new Life(1);
  const file = life.durable('f', 1, 1);
  life.disk.faults = { ...calmDisk, readErrorRate: 1, writeErrorRate: 1, nameErrorRate: 1 };
  assert.throws(() => file.readSync(new Uint8Array(1), 0, 1, 0), isFault('io'));
  assert.throws(() => file.writeSync([filled(1, 1)], 0), isFault('io'));
  assert.throws(() => life.disk.rename('f', 'g'), isFault('io'));
  assert.throws(() => life.disk.remove('f'), isFault('io'));
  assert.throws(() => life.disk.makeDirectory('d'), isFault('io'));
  assert.throws(() => life.disk.open('g', { create: true }), isFault('io'));
  const seen: unknown[] = [];
  file.read(new Uint8Array(1), 0, 1, 0, (error) => seen.push(error?.fault));
  file.write([filled(1, 1)], 0, (error) => seen.push(error?.fault));
  life.world.run();
  assert.deepEqual(seen, ['io', 'io']);
  assert.deepEqual(life.disk.list(''), ['f']);
});

test('a failed write may have written some first part', () => {
  const lengths = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 0);
    life.disk.faults = { ...calmDisk, writeErrorRate: 1 };
    assert.throws(() => file.writeSync([filled(3, 1), filled(5, 1)], 0), isFault('io'));
    const bytes = life.afterCut(everything, 'f');
    assert.match(sectorless(bytes, 8), /^1*0*$/);
    return sectorless(bytes, 8).lastIndexOf('1') + 1;
  });
  assert.equal(lengths.size, 9);
});

function sectorless(bytes: Uint8Array | undefined, length: number): string {
  assert.ok(bytes);
  return bytes.subarray(0, length).join('');
}

test('a full disk takes what fits, overwrites, and has room again after a removal', () => {
  const life = new Life(1, { bytesMax: 4 * PAGE_BYTES });
  const file = life.durable('f', 3, 1);
  assert.equal(life.disk.freeBytes(), PAGE_BYTES);
  assert.throws(
    () => file.writeSync([filled(2 * PAGE_BYTES, 2)], 3 * PAGE_BYTES - 10),
    isFault('no-space'),
  );
  assert.equal(life.disk.freeBytes(), 0);
  assert.equal(file.size(), 4 * PAGE_BYTES);
  file.writeSync([filled(4 * PAGE_BYTES, 3)], 0);
  file.truncate(PAGE_BYTES);
  assert.equal(life.disk.freeBytes(), 3 * PAGE_BYTES);
  life.disk.remove('f');
  assert.equal(life.disk.freeBytes(), 3 * PAGE_BYTES);
  file.close();
  assert.equal(life.disk.freeBytes(), 4 * PAGE_BYTES);
});

test('space is counted alike after a kill and after a power cut', () => {
  for (const kind of ['kill', 'power'] as const) {
    const life = new Life(1);
    life.durable('kept', 3, 1);
    const removed = life.durable('removed', 5, 1);
    life.disk.remove('removed');
    life.disk.syncDirectory('', succeeds);
    life.world.run();
    assert.equal(removed.size(), 5 * PAGE_BYTES);
    const next = new Life(1, { bytesMax: 8 * PAGE_BYTES }, life.disk.crash(kind, nothing));
    assert.equal(next.disk.freeBytes(), 5 * PAGE_BYTES);
  }
});

test('slow calls take longer', () => {
  const durations = (slowRate: number): number => {
    const life = new Life(1, { slowRate, slowFactor: 100, syncLatency: [10, 10] });
    const file = life.disk.open('f', { create: true });
    for (let i = 0; i < 100; i++) file.datasync(succeeds);
    life.world.run();
    return life.world.nowMicros;
  };
  assert.equal(durations(0), 1000);
  assert.equal(durations(1), 100_000);
  assert.ok(durations(0.1) > 2000 && durations(0.1) < 50_000);
});

test('datasyncs complete in order; reads overtake each other', () => {
  const life = new Life(1);
  const file = life.durable('f', 1, 1);
  const syncs: number[] = [];
  const reads: number[] = [];
  for (let i = 0; i < 20; i++) {
    file.datasync(() => syncs.push(i));
    file.read(new Uint8Array(1), 0, 1, 0, () => reads.push(i));
  }
  assert.deepEqual([syncs, reads], [[], []]);
  file.close();
  life.world.run();
  assert.deepEqual(syncs, [...Array(20).keys()]);
  assert.equal(reads.length, 20);
  assert.notDeepEqual(reads, syncs);
});

test('pages may be written back early, so that a version since overwritten survives', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 1);
    life.disk.faults = { ...calmDisk, writebackRate: 1 };
    file.writeSync([filled(PAGE_BYTES, 2)], 0);
    life.disk.faults = calmDisk;
    file.writeSync([filled(PAGE_BYTES, 3)], 0);
    return sectors(life.afterCut(subset, 'f'));
  });
  assert.deepEqual([...seen].sort(), ['11111111', '22222222', '33333333']);
});

test('a crash falls between two calls of one function, which goes on without effect', () => {
  for (let after = 1; after <= 4; after++) {
    const life = new Life(1);
    const file = life.durable('f', 4, 0);
    const survivors: Volume[] = [];
    life.disk.crashAfter(after, 'kill', (volume) => survivors.push(volume));
    for (let page = 0; page < 4; page++) {
      file.writeSync([filled(PAGE_BYTES, page + 1)], page * PAGE_BYTES);
      const target = new Uint8Array(1);
      file.readSync(target, 0, 1, page * PAGE_BYTES);
      assert.equal(target[0], page + 1, 'a ghost sees what it writes');
    }
    assert.equal(life.disk.isDead, true);
    assert.equal(survivors.length, 0);
    life.disk.rename('f', 'g');
    life.disk.open('h', { create: true }).truncate(5);
    file.datasync(() => assert.fail('the dead are not called back'));
    file.write([filled(1, 9)], 0, () => assert.fail('the dead are not called back'));
    file.read(new Uint8Array(1), 0, 1, 0, () => assert.fail('the dead are not called back'));
    life.disk.syncDirectory('', () => assert.fail('the dead are not called back'));
    file.close();
    life.world.run();
    const files = survivors[0]?.files();
    assert.deepEqual([...(files?.keys() ?? [])], ['f']);
    const pages = [0, 1, 2, 3].map((page) => files?.get('f')?.[page * PAGE_BYTES]);
    assert.deepEqual(
      pages,
      [1, 2, 3, 4].map((fill) => (fill <= after ? fill : 0)),
    );
  }
});

test('what a ghost writes after a power cut does not reach the survivors', () => {
  const life = new Life(1);
  const file = life.durable('f', 1, 1);
  file.writeSync([filled(PAGE_BYTES, 2)], 0);
  const survivors = life.disk.crash('power', everything);
  file.writeSync([filled(PAGE_BYTES, 3)], 0);
  assert.equal(sectors(survivors.files().get('f')), '22222222');
});

test('a crash point can fall behind a sync and before its callback', () => {
  const life = new Life(1);
  const file = life.durable('f', 1, 1);
  const survivors: Volume[] = [];
  life.disk.crashAfter(3, 'power', (volume) => survivors.push(volume));
  file.writeSync([filled(PAGE_BYTES, 2)], 0);
  file.datasync(() => assert.fail('the power was cut before'));
  life.world.run();
  assert.equal(sectors(survivors[0]?.files().get('f')), '22222222');
});

test('a write under way at the crash has happened in part', () => {
  const seen = outcomes((seed) => {
    const life = new Life(seed);
    const file = life.durable('f', 1, 0);
    file.write([filled(4, 1), filled(4, 1)], 0, () => assert.fail('killed before'));
    const bytes = life.disk.crash('kill').files().get('f');
    return sectorless(bytes, 8).lastIndexOf('1') + 1;
  });
  assert.equal(seen.size, 9);
});

test('a kill leaves the page cache, and a power cut after it takes what nobody synced', () => {
  const first = new Life(1);
  const file = first.durable('f', 2, 1);
  file.writeSync([filled(2 * PAGE_BYTES, 2)], 0);
  first.disk.rename('f', 'g');
  const second = new Life(2, {}, first.disk.crash('kill'));
  const again = second.disk.open('g', { create: false });
  const target = new Uint8Array(1);
  again.readSync(target, 0, 1, PAGE_BYTES);
  assert.equal(target[0], 2);
  // The ghost of the first life and the second life share no buffer.
  file.writeSync([filled(2 * PAGE_BYTES, 9)], 0);
  again.writeSync([filled(1, 3)], 0);
  again.readSync(target, 0, 1, PAGE_BYTES);
  assert.equal(target[0], 2);
  const files = second.disk.crash('power', nothing).files();
  assert.deepEqual([...files.keys()], ['f']);
  assert.equal(sectors(files.get('f')), '11111111');
});

test('what was synced after a kill is durable', () => {
  const first = new Life(1);
  first.durable('f', 2, 1).writeSync([filled(2 * PAGE_BYTES, 2)], 0);
  first.disk.rename('f', 'g');
  const second = new Life(2, {}, first.disk.crash('kill'));
  second.disk.open('g', { create: false }).sync(succeeds);
  second.disk.syncDirectory('', succeeds);
  second.world.run();
  const files = second.disk.crash('power', nothing).files();
  assert.deepEqual([...files.keys()], ['g']);
  assert.equal(sectors(files.get('g'), 1), '22222222');
});

test('rot flips single bits, in eligible ranges only', () => {
  const places = new Set<number>();
  for (let seed = 1; seed < 100; seed++) {
    const life = new Life(seed);
    life.durable('f', 2, 0);
    life.durable('g', 1, 0);
    const survivors = life.disk.crash('power');
    const eligible = [
      { path: 'f', start: 5, end: 7 },
      { path: 'f', start: PAGE_BYTES, end: PAGE_BYTES + 1 },
    ];
    const flipped = survivors.flipBits(life.world.random, 1, eligible);
    assert.equal(flipped.length, 1);
    const bytes = survivors.files().get('f');
    for (const [position, byte] of bytes?.entries() ?? []) {
      if (byte === 0) continue;
      assert.equal(byte & (byte - 1), 0);
      assert.equal(position, flipped[0]?.start);
      places.add(position);
    }
    assert.ok(
      survivors
        .files()
        .get('g')
        ?.every((byte) => byte === 0),
    );
  }
  assert.deepEqual(
    [...places].sort((a, b) => a - b),
    [5, 6, PAGE_BYTES],
  );
});
