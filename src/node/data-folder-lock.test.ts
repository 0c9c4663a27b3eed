import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BrokerError } from '../kernel/errors.ts';
import { AdminClient } from './admin-socket.ts';
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
  held.serve((request, reply) => reply({ echo: request }));
  await assert.rejects(lockDataFolder(folder), isLockedBy(process.pid));
  const client = await AdminClient.connect(folder);
  assert.deepEqual(await client.request('hello'), { echo: 'hello' });
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

test('requests are answered in order, and those before the handler wait for it', async (t) => {
  const folder = temporaryFolder(t);
  const held = await lock(t, folder);
  const client = await AdminClient.connect(folder);
  assert.equal(client.greeting.pid, process.pid);
  const replies: ((answer: unknown) => void)[] = [];
  const answers = [client.request({ n: 1 }), client.request({ n: 2 }), client.request({ n: 3 })];
  const seen: unknown[] = [];
  await new Promise<void>((resolve) => {
    held.serve((request, reply) => {
      seen.push(request);
      replies.push(reply);
      resolve();
    });
  });
  assert.deepEqual(seen, [{ n: 1 }], 'one request at a time');
  replies[0]?.('one');
  assert.equal(await answers[0], 'one');
  replies[1]?.('two');
  replies[1]?.('twice');
  replies[2]?.('three');
  assert.deepEqual(await Promise.all(answers), ['one', 'two', 'three']);
  client.close();
});

test('a line that is too long or no JSON ends its connection and no other', async (t) => {
  const folder = temporaryFolder(t);
  const held = await lock(t, folder);
  held.serve((_request, reply) => reply('x'.repeat(2 << 20)));
  const client = await AdminClient.connect(folder);
  await assert.rejects(client.request('y'.repeat(1 << 20)), /too long/);
  for (const bytes of ['no json\n', 'z'.repeat(2 << 20)]) {
    const socket = net.connect(join(folder, 'broker.sock'));
    // A reset, when it is closed with bytes unread.
    socket.on('error', () => {});
    socket.write(bytes);
    socket.resume();
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }
  await assert.rejects(client.request('an answer over the limit'), /closed/);
});
