/**
 * A small broker in the simulated world: a log of numbered pages that answers when a page is synced.
 * It shows that runs are a function of their seed, and that the world finds the usual mistakes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Disk, DiskFile, Scheduler } from '../src/kernel/ports.ts';
import { SimDisk } from './disk.ts';
import { calmDisk } from './faults.ts';
import { PAGE_BYTES } from './inode.ts';
import { SimProcess } from './process.ts';
import { chooseSwarm, jumpWallClock } from './swarm.ts';
import { Volume } from './volume.ts';
import { World } from './world.ts';

type Mistake = 'none' | 'answers before the sync' | 'does not sync its name';

/** Appends page after page, in groups: one group in flight, one sync for each. */
class ToyLog {
  private readonly file: DiskFile;
  private readonly scheduler: Scheduler;
  private readonly mistake: Mistake;
  private waiting: ((error: Error | null) => void)[] = [];
  private isInFlight = false;
  pages: number;

  constructor(disk: Disk, scheduler: Scheduler, mistake: Mistake, ready: () => void) {
    this.scheduler = scheduler;
    this.mistake = mistake;
    this.file = disk.open('log', { create: true });
    this.pages = this.recover();
    // What was found may be in the page cache only.
    this.file.sync((error) => {
      if (error !== null) return;
      if (mistake === 'does not sync its name') return ready();
      disk.syncDirectory('', (failure) => failure ?? ready());
    });
  }

  append(done: (error: Error | null) => void): void {
    if (this.waiting.push(done) === 1) this.scheduler.endOfTick(() => this.maybeCommit());
  }

  private recover(): number {
    const page = new Uint8Array(PAGE_BYTES);
    for (let index = 0; ; index++) {
      const count = this.file.readSync(page, 0, PAGE_BYTES, index * PAGE_BYTES);
      if (count < PAGE_BYTES || !Buffer.alloc(PAGE_BYTES, fillOf(index)).equals(page)) return index;
    }
  }

  private maybeCommit(): void {
    if (this.isInFlight || this.waiting.length === 0) return;
    this.isInFlight = true;
    const group = this.waiting;
    this.waiting = [];
    for (const done of group) {
      const page = new Uint8Array(PAGE_BYTES).fill(fillOf(this.pages));
      this.file.writeSync([page], this.pages++ * PAGE_BYTES);
      if (this.mistake === 'answers before the sync') done(null);
    }
    this.file.datasync((error) => {
      if (this.mistake !== 'answers before the sync') for (const done of group) done(error);
      this.isInFlight = false;
      if (error === null) this.maybeCommit();
    });
  }
}

function fillOf(page: number): number {
  return 1 + (page % 250);
}

interface Result {
  readonly digest: string;
  readonly events: number;
  readonly crashes: number;
  readonly answered: number;
  readonly lost: number;
}

/** Lives and crashes until the time is over. `lost` counts lives that forgot what they had answered. */
function live(seed: number, mistake: Mistake): Result {
  const world = new World(seed);
  const random = world.random.fork('test');
  const swarm = chooseSwarm(world.random);
  const { slowRate, slowFactor, writebackRate } = swarm.disk;
  const faults = { ...calmDisk, slowRate, slowFactor, writebackRate };
  jumpWallClock(world, swarm.clock);
  let answered = 0;
  let lost = 0;
  let crashes = 0;
  start(new Volume());
  function start(volume: Volume): void {
    const process = new SimProcess(world, 'broker', { faults: swarm.loop });
    const disk = new SimDisk(process, volume, faults);
    const operations = random.between(1, 60);
    disk.crashAfter(operations, random.chance(0.7) ? 'power' : 'kill', (survivors) => {
      crashes++;
      start(survivors);
    });
    const log = new ToyLog(disk, process, mistake, serve);
    if (log.pages < answered) lost++;
    answered = Math.min(answered, log.pages);
    function serve(): void {
      const request = (): void => {
        log.append((error) => {
          if (error === null) answered++;
        });
        process.post('client.request', random.below(300), request);
      };
      request();
    }
  }
  world.run({ untilMicros: 60_000 });
  return { digest: world.trace.digest(), events: world.eventCount, crashes, answered, lost };
}

test('the same seed gives the same run, and another seed another', () => {
  const digests = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const first = live(seed, 'none');
    assert.deepEqual(live(seed, 'none'), first);
    digests.add(first.digest);
  }
  assert.equal(digests.size, 20);
});

test('a correct log loses nothing that it answered', () => {
  let crashes = 0;
  let answered = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const result = live(seed, 'none');
    assert.equal(result.lost, 0, `seed ${seed}`);
    crashes += result.crashes;
    answered += result.answered;
  }
  assert.ok(crashes > 200 && answered > 1000, `${crashes} crashes, ${answered} answers`);
});

for (const mistake of ['answers before the sync', 'does not sync its name'] as const) {
  test(`a log that ${mistake} is caught by many seeds`, () => {
    let caught = 0;
    for (let seed = 1; seed <= 100; seed++) if (live(seed, mistake).lost > 0) caught++;
    assert.ok(caught > 25, `${caught} of 100`);
  });
}
