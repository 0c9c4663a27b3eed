import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { BrokerError } from '../kernel/errors.ts';
import { NodeOffload, type OffloadTasks } from './offload.ts';
import { NodeScheduler } from './scheduler.ts';

/** Run on both sides: the thread gets the source of these functions. */
const tasks = {
  add: (input: Uint8Array, parameters: readonly number[]) =>
    input.map((byte) => byte + (parameters[0] ?? 0)),
  part: (input: Uint8Array) => input.subarray(1, 2),
  thread: () => new Uint8Array([0]),
  fail: () => {
    throw new RangeError('planned');
  },
  full: () => {
    throw new BrokerError('batch_too_large', 'a detail');
  },
} satisfies OffloadTasks;

function moduleUrl(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

const entry = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { serveOffload } from ${moduleUrl('./offload.js')};
    import { BrokerError } from ${moduleUrl('../kernel/errors.js')};
    import { threadId } from 'node:worker_threads';
    serveOffload({
      add: ${tasks.add}, part: ${tasks.part}, fail: ${tasks.fail},
      full: () => { throw new BrokerError('batch_too_large', 'a detail'); },
      thread: () => new Uint8Array([threadId]),
      exit: () => process.exit(1),
    });`)}`,
);

function create(t: TestContext, workerEntry: URL | null): NodeOffload {
  const offload = new NodeOffload(workerEntry, tasks, new NodeScheduler());
  t.after(() => offload.close());
  return offload;
}

function run(
  offload: NodeOffload,
  task: string,
  input: Uint8Array,
  parameters: readonly number[] = [],
): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    offload.run(task, input, parameters, (error, output) =>
      error === null ? resolve(output) : reject(error),
    );
  });
}

const missing = new URL('./no-such-file.js', import.meta.url);
for (const [place, workerEntry] of [
  ['in the thread', entry],
  ['on the loop', null],
  ['on the loop, when the entry file is missing', missing],
] as const) {
  test(`a task works ${place} on a copy of its input`, async (t) => {
    const offload = create(t, workerEntry);
    const input = new Uint8Array([1, 2, 3]);
    const results = [run(offload, 'add', input, [10]), run(offload, 'part', input)];
    input.fill(0);
    assert.deepEqual(await Promise.all(results), [
      new Uint8Array([11, 12, 13]),
      new Uint8Array([2]),
    ]);
    assert.equal(input.length, 3);
  });

  test(`errors of a task ${place} arrive in its callback`, async (t) => {
    const offload = create(t, workerEntry);
    const input = new Uint8Array(1);
    await assert.rejects(run(offload, 'fail', input), { name: 'RangeError', message: 'planned' });
    await assert.rejects(
      run(offload, 'full', input),
      (error) => error instanceof BrokerError && error.code === 'batch_too_large',
    );
    await assert.rejects(run(offload, 'toString', input), /no task named toString/);
  });
}

test('a thread other than that of the loop does the work', async (t) => {
  const output = await run(create(t, entry), 'thread', new Uint8Array(1));
  assert.notEqual(output?.[0], 0);
});

test('a thread that dies fails what it was doing, and the next task starts another', async (t) => {
  const offload = create(t, entry);
  const input = new Uint8Array([1]);
  await assert.rejects(run(offload, 'exit', input), /ended/);
  assert.deepEqual(await run(offload, 'add', input, [1]), new Uint8Array([2]));
});

test('after close nothing is called back', async (t) => {
  for (const workerEntry of [entry, null]) {
    const offload = create(t, workerEntry);
    let calls = 0;
    offload.run('add', new Uint8Array(1), [], () => calls++);
    offload.close();
    offload.run('add', new Uint8Array(1), [], () => calls++);
    await run(create(t, entry), 'add', new Uint8Array(1));
    assert.equal(calls, 0);
  }
});
