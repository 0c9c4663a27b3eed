/** What a start leaves behind and what it relies on: names, space, room for footers. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { SimDisk } from '../../simulation/disk.ts';
import { SimProcess } from '../../simulation/process.ts';
import { Volume } from '../../simulation/volume.ts';
import { World } from '../../simulation/world.ts';
import { viewOf } from '../kernel/bytes.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { Disk, DiskFile } from '../kernel/ports.ts';
import { buildBatch } from '../record/batch-builder.ts';
import { copyDisk, storeId, TallyMachine, TestJournal } from './journal.fixture.ts';
import { Journal } from './journal.ts';

/** All that was not synced is gone. */
const nothing = { contents: 'nothing', names: 'nothing', tearRate: 0 } as const;

class SimJournal {
  readonly world: World;
  readonly disk: SimDisk;
  readonly journal: Journal;

  constructor(world: World, volume: Volume) {
    this.world = world;
    const process = new SimProcess(world, 'broker');
    this.disk = new SimDisk(process, volume);
    const options = { durability: 'fsync', segmentBytes: 1024 * 1024, storeId } as const;
    this.journal = new Journal(process.ports(this.disk), options, new TallyMachine());
  }

  open(): this {
    let failure: Error | null | undefined;
    this.journal.open((error) => {
      failure = error;
    });
    this.world.runUntil(() => failure !== undefined, 10_000_000);
    assert.equal(failure, null);
    return this;
  }

  /** One committed record in partition 1. */
  append(): void {
    const { journal } = this;
    if (journal.partition(1) === undefined) journal.createPartition(1, 0);
    const log = journal.partition(1);
    assert.ok(log !== undefined);
    const bytes = buildBatch([{ key: null, value: new Uint8Array(10), timestamp: 0 }]);
    journal.appendBatch(log, bytes, viewOf(bytes), 0, bytes.length, null);
    this.world.runUntil(() => log.highWatermark === log.logEnd, 10_000_000);
    assert.equal(log.highWatermark, log.logEnd);
  }
}

test('what a new folder acknowledged survives a power cut that takes all unsynced names', () => {
  const world = new World(1);
  const first = new SimJournal(world, new Volume()).open();
  first.append();
  const second = new SimJournal(world, first.disk.crash('power', nothing)).open();
  assert.equal(second.journal.partition(1)?.highWatermark, 1);
});

test('names that a killed process left in the page cache are synced before they are relied on', () => {
  for (let operations = 1; operations <= 60; operations++) {
    const world = new World(operations);
    const killed = new SimJournal(world, new Volume());
    let survivors: Volume | null = null;
    killed.disk.crashAfter(operations, 'kill', (volume) => {
      survivors = volume;
    });
    killed.journal.open(() => undefined);
    world.runUntil(() => survivors !== null, 1_000_000);
    const second = new SimJournal(world, survivors ?? killed.disk.crash('kill')).open();
    second.append();
    const third = new SimJournal(world, second.disk.crash('power', nothing)).open();
    assert.equal(third.journal.partition(1)?.highWatermark, 1, `killed after ${operations}`);
  }
});

test('a folder in which no directory can be made fails the start with storage_failed', () => {
  const t = new SimJournal(new World(1), new Volume());
  let failure: Error | null = null;
  t.journal.open((error) => {
    failure = error;
  });
  t.world.runUntil(() => t.disk.list('').length > 0, 1_000_000);
  t.disk.faults = { ...t.disk.faults, nameErrorRate: 1 };
  t.world.runUntil(() => failure !== null, 10_000_000);
  assert.equal((failure as BrokerError | null)?.code, 'storage_failed');
});

test('a partition deleted in the replayed part takes no space after the start', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 300; i++) {
    t.append(1, new Uint8Array(10_000));
    t.loop.run();
  }
  t.journal.deletePartition(1);
  t.loop.run();
  assert.equal(t.restart().journal.usage().liveBytes, 0);
});

test('the first block of an epoch leaves room for the footer, wherever the last one ended', () => {
  for (let blocks = 225; blocks <= 256; blocks++) {
    const t = new TestJournal().open();
    t.journal.createPartition(1, 0);
    for (let i = 0; i < blocks; i++) {
      t.append(1, 'x');
      t.loop.run();
    }
    const again = t.restart();
    for (let i = 0; i < 40; i++) {
      again.append(1, 'y');
      again.loop.run();
    }
    assert.equal(again.read(1, 0).length, blocks + 40);
  }
});

test('blocks that only wait for a checkpoint leave room for the footer', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  for (let i = 0; i < 600; i++) {
    t.append(1, 'x');
    t.loop.run();
    t.journal.checkpoint();
    t.loop.run();
  }
  assert.equal(t.restart().read(1, 0).length, 600);
});

test('a close while the journal opens calls back, and so does the opening', () => {
  const world = new World(3);
  const first = new SimJournal(world, new Volume()).open();
  first.append();
  const volume = first.disk.crash('kill');
  const outcomes = new Set<string>();
  for (let events = 0; events < 60; events++) {
    for (const image of [new Volume(), volume.afterKill()]) {
      const t = new SimJournal(new World(events), image);
      const calls: string[] = [];
      t.journal.open((error) => calls.push(error === null ? 'opened' : 'given up'));
      let left = events;
      t.world.runUntil(() => left-- <= 0, 1_000_000);
      t.journal.close((error) =>
        calls.push(error === null ? 'closed' : `closed: ${error.message}`),
      );
      t.world.runUntil(() => calls.length === 2, 10_000_000);
      assert.equal(calls.length, 2, `after ${events} events: ${calls.join()}`);
      assert.ok(calls.includes('closed'));
      outcomes.add(calls.join());
    }
  }
  assert.ok(
    outcomes.has('given up,closed') && outcomes.has('opened,closed'),
    [...outcomes].join('; '),
  );
});

test('an opening on a disk that is full at any point calls back', () => {
  for (let room = 0; room <= 40; room++) {
    const t = new SimJournal(new World(room), new Volume());
    t.disk.faults = { ...t.disk.faults, bytesMax: room * 128 * 1024 };
    let outcome: Error | null | undefined;
    t.journal.open((error) => {
      outcome = error;
    });
    t.world.runUntil(() => outcome !== undefined, 30_000_000);
    assert.notEqual(outcome, undefined, `with ${room * 128} KiB`);
    if (outcome !== null) assert.equal((outcome as BrokerError).code, 'storage_full');
    let isClosed = false;
    t.journal.close(() => {
      isClosed = true;
    });
    t.world.runUntil(() => isClosed, 30_000_000);
    assert.ok(isClosed, `with ${room * 128} KiB`);
  }
});

test('a start after a clean end reads what it replays, and not what lies ahead', () => {
  const options = { segmentBytes: 16 * 1024 * 1024 };
  const t = new TestJournal(options).open();
  t.journal.createPartition(1, 0);
  t.append(1, 'x');
  t.loop.run();
  const readBy = (folder: TestJournal): number => {
    const counter = { bytes: 0 };
    const again = new TestJournal(
      options,
      countReads(copyDisk(folder.disk, t.loop), counter),
      t.loop,
    );
    again.open();
    assert.equal(again.read(1, 0).length, 1);
    return counter.bytes;
  };
  assert.ok(readBy(t) > 4 * options.segmentBytes, 'after a kill it looks everywhere');
  t.close();
  assert.ok(t.disk.exists('clean-end'));
  assert.ok(readBy(t) < options.segmentBytes);
});

test('what a clean end names is missed when it is damaged, and forgotten at the next start', () => {
  const t = new TestJournal().open();
  t.journal.createPartition(1, 0);
  t.append(1, 'x');
  t.loop.run();
  t.append(1, 'the last group');
  t.loop.run();
  const end = t.journal.endLsn - 1024 * 1024;
  t.close();
  const damaged = t.reopened();
  damaged.disk
    .open('segments/00000001.seg', { create: false })
    .writeSync([new Uint8Array(9000).fill(1)], end - 4096);
  assert.throws(() => damaged.open(), { code: 'storage_damaged' });
  const again = t.restart();
  assert.equal(again.disk.exists('clean-end'), false);
  again.append(1, 'y');
  again.loop.run();
  assert.equal(again.restart().read(1, 0).length, 3);
});

/** `disk`, counting the bytes that are read from its segments. */
function countReads(disk: Disk, counter: { bytes: number }): Disk {
  return new Proxy(disk, {
    get: (target, name) => {
      if (name !== 'open') return Reflect.get(target, name).bind?.(target);
      return (path: string, how: { create: boolean }): DiskFile => {
        const file = target.open(path, how);
        const { readSync } = file;
        file.readSync = (...place) => {
          const count = readSync.apply(file, place);
          if (path.startsWith('segments/')) counter.bytes += count;
          return count;
        };
        return file;
      };
    },
  });
}
