/** `polylog repair`: what it says, what it changes, and what a broker finds afterwards. */

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { createBroker } from '../../src/index.ts';
import { runCli, temporaryFolder } from './cli.fixture.ts';

const mebibyte = 1024 * 1024;

/** A queue and a topic of `rounds` batches; closed in order. */
async function fill(dataDir: string, rounds: number): Promise<void> {
  const broker = await createBroker({ dataDir, segmentBytes: mebibyte });
  await broker.createTopic('orders', { options: { 'retention.ms': -1 } });
  for (let round = 0; round < rounds; round++) {
    await broker.publish('orders', { value: new Uint8Array(1000).fill(round) });
  }
  const queue = await broker.queue('jobs').declare();
  await queue.publish({ value: 'job' });
  await broker.close();
}

function snapshot(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const bytes = fs.readFileSync(path.join(entry.parentPath, entry.name));
      return `${entry.name} ${bytes.toString('base64url').slice(0, 100_000)}`;
    })
    .sort();
}

test('a sound folder needs no repair, and nothing of it is changed', async (t) => {
  const folder = temporaryFolder(t);
  await fill(folder, 3);
  const before = snapshot(folder);
  const { code, stdout } = await runCli(t, ['repair', '--data-dir', folder, '--accept-loss']);
  assert.deepEqual([code, stdout], [0, 'nothing is damaged\n']);
  assert.deepEqual(snapshot(folder), before);
});

test('damage is refused, listed, accepted, and a broker starts without it', async (t) => {
  const folder = temporaryFolder(t);
  await fill(folder, 20);
  const file = path.join(folder, 'segments/00000001.seg');
  const at = fs.readFileSync(file).indexOf(Buffer.alloc(500, 7));
  assert.ok(at > 0, 'the eighth record is stored');
  const handle = fs.openSync(file, 'r+');
  fs.writeSync(handle, 'damaged', at);
  fs.closeSync(handle);

  const refused = await runCli(t, [
    'start',
    '--data-dir',
    folder,
    '--listen',
    'kafka://127.0.0.1:0',
  ]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /segments\/00000001\.seg at byte \d+.*"polylog repair"/);

  const before = snapshot(folder);
  const looked = await runCli(t, ['repair', '--data-dir', folder, '--json']);
  assert.equal(looked.code, 1);
  const report = JSON.parse(looked.stdout);
  assert.deepEqual(report.lost, [{ topic: 'orders', partition: 0, first: 7, last: 7 }]);
  assert.equal(report.isChanged, false);
  const shown = await runCli(t, ['repair', '--data-dir', folder]);
  assert.match(shown.stdout, /orders +0 +7 +7[\s\S]*run polylog repair --accept-loss/);
  assert.deepEqual(snapshot(folder), before);

  const accepted = await runCli(t, ['repair', '--data-dir', folder, '--accept-loss']);
  assert.equal(accepted.code, 0, accepted.stderr);
  const inspected = await runCli(t, ['inspect', '--data-dir', folder, '--json']);
  assert.deepEqual([inspected.code, JSON.parse(inspected.stdout).damage], [0, []]);
  const broker = await createBroker({ dataDir: folder, segmentBytes: mebibyte });
  try {
    const { offset } = await broker.publish('orders', { value: 'later' });
    assert.equal(offset, 20);
  } finally {
    await broker.close();
  }
});

test('a folder in use, or without its node.json, is not repaired', async (t) => {
  const folder = temporaryFolder(t);
  const broker = await createBroker({ dataDir: folder });
  const used = await runCli(t, ['repair', '--data-dir', folder]);
  assert.equal(used.code, 1);
  assert.match(used.stderr, /in use|has it|another/i);
  await broker.close();
  fs.writeFileSync(path.join(folder, 'node.json'), 'nothing');
  const { code, stderr } = await runCli(t, ['repair', '--data-dir', folder]);
  assert.equal(code, 1);
  assert.match(stderr, /node\.json at byte 0: .*This cannot be repaired/);
  assert.equal(stderr.trim().split('\n').length, 1);
});
