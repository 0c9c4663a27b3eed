/** `polylog inspect`: the files of a data folder, sound or damaged, in use or not. */

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { createBroker } from '../../src/index.ts';
import { runCli, temporaryFolder } from './cli.fixture.ts';

const mebibyte = 1024 * 1024;

/** Six segments or so, the last one with room for the mark of a clean end; a checkpoint, two topics, a queue. */
async function fill(dataDir: string): Promise<void> {
  const broker = await createBroker({
    ...{ dataDir, segmentBytes: mebibyte, checkpointBytes: 2 * mebibyte, durability: 'write' },
  });
  await broker.createTopic('orders', { partitions: 2, options: { 'retention.ms': -1 } });
  const value = new Uint8Array(1000).fill(65);
  for (let round = 0; round < 52; round++) {
    const messages = Array.from({ length: 100 }, (_, i) => ({ value, partition: i % 2 }));
    await broker.publishMany('orders', messages);
  }
  const queue = await broker.queue('jobs').declare();
  await queue.publish({ value: 'job' });
  await broker.close();
}

function overwrite(file: string, position: number): void {
  const handle = fs.openSync(file, 'r+');
  fs.writeSync(handle, 'damaged', position);
  fs.closeSync(handle);
}

test('a sound folder is described, and not changed', async (t) => {
  const folder = temporaryFolder(t);
  await fill(folder);
  const before = listing(folder);
  const { code, stdout } = await runCli(t, ['inspect', '--data-dir', folder, '--json', '--blocks']);
  const report = JSON.parse(stdout);
  assert.equal(code, 0);
  assert.deepEqual(report.damage, []);
  assert.equal(report.node.segmentBytes, mebibyte);
  assert.equal(report.journal.isClean, true);
  assert.equal(report.journal.blocks, report.blocks.length);
  assert.equal(report.journal.entries['topic-created'], 2);
  assert.equal(report.queues, 1);
  assert.ok(report.checkpoints.length > 0, 'there is a checkpoint');
  assert.ok(report.segments.some(({ isSealed }: { isSealed: boolean }) => isSealed));
  const [jobs, orders] = report.topics;
  assert.deepEqual([jobs.name, orders.name], ['jobs', 'orders']);
  assert.deepEqual(orders.options, { 'retention.ms': '-1' });
  assert.deepEqual(
    orders.partitions.map(({ logStart, logEnd }: Record<string, number>) => [logStart, logEnd]),
    [
      [0, 2600],
      [0, 2600],
    ],
  );
  assert.deepEqual(listing(folder), before);
});

test('damaged places are named with file and position, and the rest is shown', async (t) => {
  const folder = temporaryFolder(t);
  await fill(folder);
  overwrite(path.join(folder, 'segments/00000002.seg'), 300_000);
  overwrite(path.join(folder, 'segments/00000004.seg'), 200_000);
  const { code, stdout } = await runCli(t, ['inspect', '--data-dir', folder, '--json']);
  assert.equal(code, 1);
  const report = JSON.parse(stdout);
  assert.deepEqual(
    report.damage.map(({ file }: { file: string }) => file),
    ['segments/00000002.seg', 'segments/00000004.seg'],
  );
  const [second, fourth] = report.damage;
  assert.ok(second.position <= 300_000 && second.end > 300_000, JSON.stringify(second));
  assert.ok(fourth.position <= 200_000 && fourth.end > 200_000, JSON.stringify(fourth));
  assert.equal(report.topics.length, 2);
  const text = await runCli(t, ['inspect', '--data-dir', folder]);
  // Which it is depends on where blocks and batches began.
  const line =
    /^segments\/00000002\.seg at byte \d+ to \d+ {2}(no readable block|a batch of \d+ bytes does not match its checksum)$/m;
  assert.match(text.stdout, line);
});

test('a damaged checkpoint is named, and the state comes from the journal', async (t) => {
  const folder = temporaryFolder(t);
  await fill(folder);
  for (const name of fs.readdirSync(path.join(folder, 'checkpoints'))) {
    overwrite(path.join(folder, 'checkpoints', name), 70);
  }
  const { code, stdout } = await runCli(t, ['inspect', '--data-dir', folder, '--json']);
  const report = JSON.parse(stdout);
  assert.equal(code, 1);
  assert.match(report.damage[0].file, /^checkpoints\/[0-9a-f]{16}\.ckp$/);
  assert.equal(report.topics[1].partitions[0].logEnd, 2600);
});

test('a folder in use is shown without disturbing its broker', async (t) => {
  const dataDir = temporaryFolder(t);
  const broker = await createBroker({ dataDir, segmentBytes: mebibyte });
  const value = new Uint8Array(2000);
  let isDone = false;
  const publishing = (async () => {
    while (!isDone) await broker.publishMany('orders', [{ value }, { value }]);
  })();
  const { code, stdout } = await runCli(t, ['inspect', '--data-dir', dataDir]);
  isDone = true;
  await publishing;
  await broker.close();
  assert.match(stdout, /^no damage$/m);
  assert.equal(code, 0);
});

test('what is no data folder is refused in one line', async (t) => {
  const { code, stderr } = await runCli(t, ['inspect', '--data-dir', temporaryFolder(t)]);
  assert.match(stderr, /^polylog: [^\n]+ is no data folder: no node\.json\n$/);
  assert.equal(code, 2);
});

function listing(folder: string): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => `${name} ${fs.statSync(path.join(folder, name)).mtimeMs}`);
}
