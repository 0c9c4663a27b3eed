import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { NodeScheduler } from './scheduler.ts';

test('tasks of one tick run in order, later, and those they add run in another tick', async () => {
  const scheduler = new NodeScheduler();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    scheduler.endOfTick(() => {
      order.push('first');
      scheduler.endOfTick(() => {
        order.push('added');
        resolve();
      });
    });
    scheduler.endOfTick(() => order.push('second'));
    order.push('caller');
  });
  assert.deepEqual(order, ['caller', 'first', 'second', 'added']);
});

test('the end of the tick comes after promises and next ticks of the turn', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    new NodeScheduler().endOfTick(() => {
      order.push('end');
      resolve();
    });
    void Promise.resolve().then(() => order.push('promise'));
    process.nextTick(() => order.push('tick'));
  });
  assert.equal(order.length, 3);
  assert.equal(order[2], 'end');
});

test('a task that throws does not take the tasks behind it with it', async () => {
  // In a thread of its own, because the error is meant to arrive as an uncaught one.
  const module = JSON.stringify(new URL('./scheduler.js', import.meta.url).href);
  const worker = new Worker(
    `import(${module}).then(({ NodeScheduler }) => {
      const { parentPort } = require('node:worker_threads');
      const scheduler = new NodeScheduler();
      process.on('uncaughtException', (error) => parentPort.postMessage(error.message));
      scheduler.endOfTick(() => { throw new Error('planned'); });
      scheduler.endOfTick(() => parentPort.postMessage('ran'));
    });`,
    { eval: true },
  );
  const seen: unknown[] = [];
  worker.on('message', (message) => seen.push(message));
  await once(worker, 'exit');
  assert.deepEqual(seen, ['planned', 'ran']);
});

test('a timer fires once, and a cancelled one never', async () => {
  const scheduler = new NodeScheduler();
  let cancelledRuns = 0;
  const cancelled = scheduler.after(1, () => cancelledRuns++);
  cancelled.cancel();
  cancelled.cancel();
  await new Promise<void>((resolve) => {
    // Timers do not keep the process alive, so something else has to.
    const keepAlive = setInterval(() => {}, 1000);
    scheduler.after(5, () => {
      clearInterval(keepAlive);
      resolve();
    });
  });
  assert.equal(cancelledRuns, 0);
});

test('fake timers of a test around the broker leave it running', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  await new Promise<void>((resolve) => new NodeScheduler().endOfTick(resolve));
  await new Promise<void>((resolve) => new NodeScheduler().nextSlice(resolve));
});

test('a delay longer than 24 days does not fire at once', async (t) => {
  let runs = 0;
  const timer = new NodeScheduler().after(2 ** 40, () => runs++);
  t.after(() => timer.cancel());
  await new Promise<void>((resolve) => setTimeout(resolve, 10));
  assert.equal(runs, 0);
});
