import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BrokerError } from '../kernel/errors.ts';
import type { HttpHandler } from '../kernel/http.ts';
import { AdminClient } from './admin-client.ts';
import { type DataFolderLock, lockDataFolder } from './data-folder-lock.ts';

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'polylog-lock-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

async function lock(t: TestContext, folder: string): Promise<DataFolderLock> {
  const held = await lockDataFolder(folder);
  t.after(() => held.release());
  return held;
}

function isLockedBy(pid: number | undefined): (error: unknown) => boolean {
  return (error) =>
    error instanceof BrokerError &&
    error.code === 'data_folder_locked' &&
    error.detail.includes(`process ${pid}`);
}

/** Answers with what it was asked. */
const echo: HttpHandler = {
  begin: ({ method, target }) => ({
    bodyBytesMax: 1000,
    run: async (bytes) => {
      const body = bytes.length === 0 ? null : JSON.parse(Buffer.from(bytes).toString());
      const text = JSON.stringify({ method, target, body });
      return { status: 200, headers: {}, body: Buffer.from(text) };
    },
  }),
  refuse: (status, detail) => ({ status, headers: {}, body: Buffer.from(detail) }),
};

const program = (folder: string): string => `
  import { lockDataFolder } from ${JSON.stringify(new URL('./data-folder-lock.js', import.meta.url).href)};
  process.stdin.once('data', () => {
    lockDataFolder(${JSON.stringify(folder)}).then(
      () => console.log('taken'),
      (error) => console.log(error.code),
    );
  });
  console.log('started');`;

/** A process that tries to take the folder when told to, and then stays. */
function starter(t: TestContext, folder: string): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(folder)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function line(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const [chunk] = await once(child.stdout, 'data');
  return String(chunk).trim();
}

test('a second start is refused with the process that runs', async (t) => {
  const folder = temporaryFolder(t);
  const held = await lock(t, folder);
  await assert.rejects(lockDataFolder(folder), isLockedBy(process.pid));
  assert.deepEqual(fs.readdirSync(folder), ['broker.sock']);
  await held.release();
  await held.release();
  assert.deepEqual(fs.readdirSync(folder), []);
  await lock(t, folder);
});

test('what a killed process left behind is taken over', async (t) => {
  const folder = temporaryFolder(t);
  const child = starter(t, folder);
  assert.equal(await line(child), 'started');
  child.stdin?.write('go\n');
  assert.equal(await line(child), 'taken');
  await assert.rejects(lockDataFolder(folder), isLockedBy(child.pid));
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual(fs.readdirSync(folder), ['broker.sock']);
  await lock(t, folder);
  assert.deepEqual(fs.readdirSync(folder), ['broker.sock']);
});

test('of several that start at once on a stale lock one wins', async (t) => {
  const folder = temporaryFolder(t);
  for (let round = 0; round < 5; round++) {
    // A dead socket, as a killed process leaves it.
    const dead = net.createServer().listen(join(folder, 'dead'));
    await once(dead, 'listening');
    fs.linkSync(join(folder, 'dead'), join(folder, 'broker.sock'));
    dead.close();
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => lockDataFolder(folder)),
    );
    const winners = results.filter((result) => result.status === 'fulfilled');
    assert.equal(winners.length, 1);
    for (const result of results) {
      if (result.status === 'rejected') assert.ok(isLockedBy(process.pid)(result.reason));
    }
    await winners[0]?.value.release();
    assert.deepEqual(fs.readdirSync(folder), []);
  }
});

test('of several processes that start at once one wins', async (t) => {
  const folder = temporaryFolder(t);
  const children = [starter(t, folder), starter(t, folder), starter(t, folder)];
  await Promise.all(children.map(line));
  const results = Promise.all(children.map(line));
  for (const child of children) child.stdin?.write('go\n');
  assert.deepEqual((await results).sort(), ['data_folder_locked', 'data_folder_locked', 'taken']);
});

test('a folder deeper than a socket address can say is locked and reached all the same', async (t) => {
  const folder = join(temporaryFolder(t), 'x'.repeat(60), 'y'.repeat(60));
  fs.mkdirSync(folder, { recursive: true });
  const temporary = temporaryFolder(t);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = temporary;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });
  const held = await lock(t, folder);
  await assert.rejects(lockDataFolder(folder), isLockedBy(process.pid));
  held.serve(async () => echo);
  const client = await AdminClient.connect(folder);
  const answer = await client.request({ method: 'POST', target: '/here', body: 'hello' });
  assert.deepEqual(answer, {
    status: 200,
    body: { method: 'POST', target: '/here', body: 'hello' },
  });
  client.close();
  assert.deepEqual(fs.readdirSync(folder), ['broker.sock']);
  assert.deepEqual(fs.readdirSync(temporary), []);
  await held.release();
});

test('a folder that is not there is an error of its own', async (t) => {
  await assert.rejects(
    lockDataFolder(join(temporaryFolder(t), 'missing')),
    (error) => error instanceof BrokerError && error.code === 'data_folder_unwritable',
  );
});

test('until there is somebody to answer, requests are told that the broker is starting', async (t) => {
  const folder = temporaryFolder(t);
  const held = await lock(t, folder);
  const client = await AdminClient.connect(folder);
  t.after(() => client.close());
  const request = { method: 'GET', target: '/v1/broker' };
  const early = await client.request(request);
  assert.equal(early.status, 503);
  const problem = early.body as { code: string; pid: number };
  assert.deepEqual([problem.code, problem.pid], ['starting', process.pid]);
  held.serve(async () => echo);
  assert.equal((await client.request(request)).status, 200);
  await held.release();
  await assert.rejects(client.request(request));
});

test('who holds the folder but does not speak is a process that does not answer', async (t) => {
  const folder = temporaryFolder(t);
  const silent = net.createServer((socket) => socket.on('error', () => {}).end('not HTTP'));
  silent.listen(join(folder, 'broker.sock'));
  await once(silent, 'listening');
  t.after(() => silent.close());
  await assert.rejects(
    lockDataFolder(folder),
    (error) => error instanceof BrokerError && error.detail.includes('a process that does not'),
  );
});
