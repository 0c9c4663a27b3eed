/** Mistakes in callbacks fence; everything else passes. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { AssertionFailure } from '../kernel/assert.ts';
import type { Ports, Scheduler } from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import { guardPorts } from './guarded-ports.ts';

function guarded() {
  const tasks: (() => void)[] = [];
  const scheduler: Scheduler = {
    endOfTick: (task) => void tasks.push(task),
    nextSlice: (task) => void tasks.push(task),
    after: (_, task) => {
      tasks.push(task);
      return { cancel: () => {} };
    },
  };
  const failures: AssertionFailure[] = [];
  const ports: Ports = {
    clock: { now: () => 0, monotonic: () => 0 },
    random: { uint32: () => 0, fill: () => {} },
    scheduler,
    offload: {
      run: (_task, _input, _parameters, done) => scheduler.endOfTick(() => done(null, null)),
    },
    disk: new RamDisk(scheduler, 1024 * 1024),
    logger: silentLogger,
  };
  const run = () => {
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) task();
  };
  return { ports: guardPorts(ports, (failure) => failures.push(failure)), failures, run };
}

const mistake = (): never => {
  throw new AssertionFailure('planted');
};

test('an assertion that fails in any callback reaches the handler, and the next task still runs', () => {
  const { ports, failures, run } = guarded();
  const file = ports.disk.open('file', { create: true });
  ports.scheduler.endOfTick(mistake);
  ports.scheduler.nextSlice(mistake);
  ports.scheduler.after(1, mistake);
  ports.offload.run('task', new Uint8Array(0), [], mistake);
  file.write([new Uint8Array(1)], 0, mistake);
  file.read(new Uint8Array(1), 0, 1, 0, mistake);
  file.datasync(mistake);
  file.sync(mistake);
  ports.disk.syncDirectory('', mistake);
  let hasRun = false;
  ports.scheduler.endOfTick(() => {
    hasRun = true;
  });
  run();
  assert.equal(failures.length, 9);
  assert.ok(hasRun);
});

test('what is no assertion of ours is thrown on', () => {
  const { ports, failures, run } = guarded();
  ports.scheduler.endOfTick(() => {
    throw new TypeError('from elsewhere');
  });
  assert.throws(run, /from elsewhere/);
  assert.equal(failures.length, 0);
});
