import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calmClock, calmDisk, calmLoop } from './faults.ts';
import { SimProcess } from './process.ts';
import { SeededRandom } from './random.ts';
import { calmSwarm, chooseSwarm, jumpWallClock } from './swarm.ts';
import { World } from './world.ts';

test('a seed has one swarm, and every kind of fault is on in some and off in others', () => {
  const kinds: Record<string, Set<boolean>> = {};
  const note = (kind: string, isOn: boolean): void => {
    kinds[kind] ??= new Set();
    kinds[kind].add(isOn);
  };
  for (let seed = 1; seed <= 100; seed++) {
    const swarm = chooseSwarm(new SeededRandom(seed));
    assert.deepEqual(chooseSwarm(new SeededRandom(seed)), swarm);
    for (const [kind, value] of Object.entries(swarm.disk)) {
      if (kind.endsWith('Rate')) note(kind, value > 0);
    }
    note('full disk', swarm.disk.bytesMax < calmDisk.bytesMax);
    note('late timers', swarm.loop.timerLateMicrosMax > 0);
    note('long turns', swarm.loop.turnMicrosMax > calmLoop.turnMicrosMax);
    note('stalls', swarm.loop.stallRate > 0);
    note('clock jumps', swarm.clock.jumpEveryMicros > 0);
    note('crashes', swarm.crash.operationsMean > 0);
    note('kills', swarm.crash.killShare > 0);
    note('rot', swarm.crash.flipsMax > 0);
  }
  assert.equal(Object.keys(kinds).length, 14);
  for (const [kind, values] of Object.entries(kinds)) assert.equal(values.size, 2, kind);
});

test('the wall clock jumps until it is told to stop, back as well as forth', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a');
  const stop = jumpWallClock(world, { jumpEveryMicros: 1000, jumpMsMax: 5000 });
  let last = process.now();
  let back = 0;
  let forth = 0;
  for (let i = 0; i < 100; i++) {
    world.run({ untilMicros: world.nowMicros + 1000 });
    if (process.now() < last) back++;
    if (process.now() > last + 1) forth++;
    last = process.now();
  }
  assert.ok(back > 20 && forth > 20);
  stop();
  world.run();
  assert.equal(world.pending, 0);
});

test('a calm swarm does nothing', () => {
  const world = new World(1);
  jumpWallClock(world, calmClock);
  assert.equal(world.pending, 0);
  assert.equal(calmSwarm.crash.operationsMean, 0);
});
