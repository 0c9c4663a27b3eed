/**
 * The simulated device against a model of what devices promise: each sector is one of the versions
 * written since the last sync that covers it, whatever the history, the faults and the crash.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiskFile } from '../src/kernel/ports.ts';
import { SimDisk } from './disk.ts';
import { calmDisk, type DiskFaults } from './faults.ts';
import { choosePowerCut, SECTOR_BYTES } from './power-cut.ts';
import { SimProcess } from './process.ts';
import type { SeededRandom } from './random.ts';
import { chooseSwarm } from './swarm.ts';
import { Volume } from './volume.ts';
import { World } from './world.ts';

const sectorCount = 64;

/** For each sector: what was written to it, oldest first, from the last version known to be durable. */
class Model {
  readonly sectors: number[][] = Array.from({ length: sectorCount }, () => [0]);
  private tag = 0;

  write(file: DiskFile, random: SeededRandom): void {
    const first = random.below(sectorCount);
    const count = random.between(1, Math.min(12, sectorCount - first));
    const tag = ++this.tag;
    const bytes = new Uint8Array(count * SECTOR_BYTES);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < bytes.length; i += 4) view.setUint32(i, tag);
    for (let i = first; i < first + count; i++) this.sectors[i]?.push(tag);
    file.writeSync([bytes], first * SECTOR_BYTES);
  }

  /** Returns what to call when a sync that is called now has succeeded. */
  sync(): () => void {
    const covered = this.sectors.map((tags) => tags.at(-1) ?? 0);
    return () => {
      this.sectors.forEach((tags, index) => {
        tags.splice(0, Math.max(0, tags.indexOf(covered[index] ?? 0)));
      });
    };
  }

  /** Checks a device after a crash; what is there is what counts from now on. */
  check(bytes: Uint8Array, isKill: boolean): void {
    assert.equal(bytes.length, sectorCount * SECTOR_BYTES);
    const view = new DataView(bytes.buffer);
    this.sectors.forEach((tags, index) => {
      const found = view.getUint32(index * SECTOR_BYTES);
      for (let i = 4; i < SECTOR_BYTES; i += 4) {
        assert.equal(view.getUint32(index * SECTOR_BYTES + i), found, 'sectors are atomic');
      }
      assert.ok(tags.includes(found), `sector ${index} holds ${found}, may hold ${tags}`);
      if (isKill) assert.equal(found, tags.at(-1), 'a kill loses nothing');
      else this.sectors[index] = [found];
    });
  }
}

/** Several lives on one device. Returns how many sectors came back older than they were written. */
function history(seed: number, faults: DiskFaults): number {
  const world = new World(seed);
  const random = world.random.fork('test');
  const model = new Model();
  let volume = new Volume();
  let lost = 0;
  for (let life = 0; life < 6; life++) {
    const disk = new SimDisk(new SimProcess(world, 'a'), volume, faults);
    const file = disk.open('f', { create: true });
    if (life === 0) {
      file.writeSync([new Uint8Array(sectorCount * SECTOR_BYTES)], 0);
      file.sync((error) => assert.equal(error, null));
      disk.syncDirectory('', (error) => assert.equal(error, null));
      world.run();
    }
    for (let step = 0; step < 60; step++) {
      const choice = random.fraction();
      if (choice < 0.6) {
        model.write(file, random);
      } else if (choice < 0.8) {
        const succeeded = model.sync();
        if (random.chance(0.5)) file.datasync((error) => error ?? succeeded());
        else file.sync((error) => error ?? succeeded());
      } else {
        world.run({ untilMicros: world.nowMicros + random.below(2000) });
      }
    }
    const isKill = random.chance(0.3);
    const newest = model.sectors.map((tags) => tags.at(-1));
    volume = isKill ? disk.crash('kill') : disk.crash('power', choosePowerCut(random));
    model.check(volume.files().get('f') ?? assert.fail('the name is durable'), isKill);
    if (!isKill) lost += model.sectors.filter((tags, i) => tags[0] !== newest[i]).length;
  }
  return lost;
}

test('after any history each sector is a version written since the last sync that covers it', () => {
  let lost = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const { writebackRate, slowRate, slowFactor, syncLatency } = chooseSwarm(
      new World(seed).random,
    ).disk;
    lost += history(seed, { ...calmDisk, writebackRate, slowRate, slowFactor, syncLatency });
  }
  assert.ok(lost > 10_000, 'power cuts lose what was not synced');
});
