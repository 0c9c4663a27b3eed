import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calmLoop } from './faults.ts';
import { SimProcess } from './process.ts';
import { SimulationFailure, World } from './world.ts';

test('events run by time, and those of one moment in the order of posting', () => {
  const world = new World(1);
  const random = world.random.fork('test');
  const expected: { at: number; index: number }[] = [];
  const seen: { at: number; index: number }[] = [];
  for (let index = 0; index < 2000; index++) {
    const at = random.below(200);
    expected.push({ at, index });
    world.post('test.event', at, () => seen.push({ at: world.nowMicros, index }));
  }
  expected.sort((a, b) => a.at - b.at || a.index - b.index);
  world.run();
  assert.deepEqual(seen, expected);
});

test('cancelled events never run, however many there are', () => {
  const world = new World(1);
  let runs = 0;
  for (let i = 0; i < 10_000; i++) {
    const event = world.post('test.event', i, () => runs++);
    if (i % 10 === 0) continue;
    world.cancel(event);
    world.cancel(event);
  }
  assert.equal(world.pending, 1000);
  world.run();
  assert.equal(runs, 1000);
  assert.equal(world.pending, 0);
});

test('cancelling an event that has run changes no count', () => {
  const world = new World(1);
  const event = world.post('test.event', 1, () => undefined);
  world.post('test.event', 2, () => undefined);
  world.step();
  world.cancel(event);
  assert.equal(world.pending, 1);
});

test('the end of a tick comes behind all that is ready in its turn, and its own ticks come later', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a', { faults: { ...calmLoop, turnMicrosMax: 1 } });
  const seen: string[] = [];
  const at = (): string => `at ${world.nowMicros}`;
  for (const name of ['first', 'second']) {
    process.post('test.read', 10, () => {
      seen.push(name);
      process.endOfTick(() => {
        seen.push(`end of ${name} ${at()}`);
        process.endOfTick(() => seen.push(`next turn ${at()}`));
      });
    });
  }
  world.run();
  assert.deepEqual(seen, [
    'first',
    'second',
    'end of first at 11',
    'end of second at 11',
    'next turn at 12',
    'next turn at 12',
  ]);
});

test('timers and slices run later, in time, and not at all when cancelled', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a');
  const seen: string[] = [];
  process.after(5, () => seen.push(`timer ${process.monotonic()}`));
  process.after(3, () => seen.push('cancelled')).cancel();
  process.nextSlice(() => seen.push('slice'));
  assert.deepEqual(seen, []);
  world.run();
  assert.deepEqual(seen, ['slice', 'timer 5']);
});

test('nothing of a process runs after its end, and another life starts clean', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a', { tasks: { echo: (input) => input } });
  const seen: string[] = [];
  const note = (): void => void seen.push('ran');
  process.endOfTick(note);
  process.nextSlice(note);
  process.after(1, note);
  process.run('echo', new Uint8Array(1), [], note);
  process.post('test.read', 5, note);
  process.end();
  process.endOfTick(note);
  process.after(1, note).cancel();
  process.after(1, note);
  world.run();
  assert.deepEqual(seen, []);
  new SimProcess(world, 'a').nextSlice(note);
  world.run();
  assert.deepEqual(seen, ['ran']);
});

test('a process that ends within a turn does not finish it', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a');
  const seen: string[] = [];
  process.endOfTick(() => process.end());
  process.endOfTick(() => seen.push('ran'));
  world.run();
  assert.deepEqual(seen, []);
});

test('a stalled process wakes late and in order, while others go on', () => {
  const world = new World(1);
  const stalled = new SimProcess(world, 'a');
  const other = new SimProcess(world, 'b');
  const seen: string[] = [];
  stalled.after(1, () => seen.push(`a1 ${world.nowMicros}`));
  stalled.after(2, () => seen.push(`a2 ${world.nowMicros}`));
  stalled.after(3, () => seen.push('cancelled')).cancel();
  const late = stalled.after(4, () => seen.push('cancelled while stalled'));
  other.after(1, () => seen.push(`b ${world.nowMicros}`));
  other.after(6, () => late.cancel());
  stalled.stall(10_000);
  world.run();
  assert.deepEqual(seen, ['b 1000', 'a1 10000', 'a2 10000']);
});

test('stalls and late timers happen when they are switched on', () => {
  const world = new World(3);
  const faults = {
    turnMicrosMax: 100,
    timerLateMicrosMax: 500,
    stallRate: 0.5,
    stallMicrosMax: 5000,
  };
  const process = new SimProcess(world, 'a', { faults });
  const gaps: number[] = [];
  const tick = (): void => {
    const from = world.nowMicros;
    process.endOfTick(() => {
      gaps.push(world.nowMicros - from);
      if (gaps.length < 50) tick();
    });
  };
  tick();
  world.run();
  assert.ok(gaps.some((gap) => gap >= 1000));
  assert.ok(gaps.some((gap) => gap <= 100));
  const dueAt = world.nowMicros + 1000;
  process.after(1, () => gaps.push(world.nowMicros));
  world.run();
  assert.ok((gaps.at(-1) ?? 0) > dueAt);
});

test('the wall clock jumps both ways, and monotonic time does not', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a');
  const wall = process.now();
  world.jumpWallClock(-5000);
  assert.equal(process.now(), wall - 5000);
  world.jumpWallClock(7000);
  assert.equal(process.now(), wall + 2000);
  assert.equal(process.monotonic(), 0);
  world.run({ untilMicros: 3_000_500 });
  assert.equal(process.now(), wall + 5000);
  assert.equal(process.monotonic(), 3000.5);
});

test('offloaded work gets a copy, answers later, and sends back what it throws', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a', {
    tasks: {
      double: (input, [factor = 0]) => input.map((byte) => byte * factor),
      fail: () => assert.fail('planned'),
    },
  });
  const input = Uint8Array.of(1, 2, 3);
  const seen: string[] = [];
  const done = (error: Error | null, output: Uint8Array | null): void =>
    void seen.push(error === null ? String(output) : error.message);
  process.run('double', input, [2], done);
  input.fill(0);
  assert.deepEqual(seen, []);
  world.run();
  process.run('fail', input, [], done);
  world.run();
  process.run('unknown', input, [], done);
  world.run();
  assert.deepEqual(seen, ['2,4,6', 'planned', 'no such task: unknown']);
});

test('what a process logs is kept with its bindings', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a');
  const { logger } = process.ports(null as never);
  logger.child({ shard: 1 }).warn('disk.failed', { path: 'x' });
  assert.deepEqual(process.log, [
    { atMicros: 0, level: 'warn', event: 'disk.failed', fields: { shard: 1, path: 'x' } },
  ]);
});

test('a failure names its seed and keeps its cause', () => {
  const world = new World(77);
  const planned = new Error('planned');
  world.post('test.event', 12, () => {
    throw planned;
  });
  assert.throws(
    () => world.run(),
    (error) => {
      return (
        error instanceof SimulationFailure &&
        error.cause === planned &&
        error.message === 'seed 77, at 12 us: planned'
      );
    },
  );
});

test('a run that does not end is a failure', () => {
  const world = new World(1);
  const process = new SimProcess(world, 'a');
  const again = (): void => process.endOfTick(again);
  again();
  assert.throws(() => world.run({ eventsMax: 1000 }), /comes to an end/);
});

test('waiting for something ends when it happens, or when the time is over', () => {
  const world = new World(1);
  let isDone = false;
  world.post('test.event', 500, () => {
    isDone = true;
  });
  world.post('test.event', 5000, () => assert.fail('later than what was waited for'));
  assert.equal(
    world.runUntil(() => isDone, 100),
    false,
  );
  assert.equal(
    world.runUntil(() => isDone, 1000),
    true,
  );
  assert.equal(world.nowMicros, 500);
});
