import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import {
  FaultyDisk,
  finish,
  flipBit,
  isFault,
  readWhole,
  storeId,
  writeWhole,
} from './log-files.fixture.ts';
import { createNodeFile, type NodeIdentity, readNodeFile } from './node-file.ts';

const identity: NodeIdentity = {
  storeId,
  clusterId: 'MkU3OEVBNTcwNTJENDM2Qg',
  nodeId: 1,
  segmentBytes: 64 * 1024 * 1024,
  createdBy: '0.0.1',
};

function create(disk: FaultyDisk) {
  return finish<undefined>(disk, (done) =>
    createNodeFile({ disk, scheduler: disk.scheduler }, identity, (error) =>
      done(error, undefined),
    ),
  ).error;
}

test('a folder without the file has no identity', () => {
  assert.equal(readNodeFile(new FaultyDisk()), null);
});

test('the identity comes back as it was given', () => {
  const disk = new FaultyDisk();
  assert.equal(create(disk), null);
  assert.deepEqual(readNodeFile(disk), identity);
  assert.deepEqual(disk.list(''), ['node.json']);
  const fields = JSON.parse(Buffer.from(readWhole(disk, 'node.json')).toString());
  assert.equal(fields.format, 1);
  assert.equal(fields.storeId, '0102030405060708090a0b0c0d0e0f10');
});

test('a file of a newer format is refused as such, whatever else is in it', () => {
  const disk = new FaultyDisk();
  writeWhole(disk, 'node.json', Buffer.from('{"format": 2, "shards": []}'));
  assert.throws(() => readNodeFile(disk), isFault('data_folder_newer', 'node.json'));
});

test('a file cut off or with a flipped bit is never taken', () => {
  const disk = new FaultyDisk();
  create(disk);
  const bytes = readWhole(disk, 'node.json');
  const isRefused = (error: unknown) =>
    isFault('storage_damaged', 'node.json')(error) ||
    isFault('data_folder_newer', 'node.json')(error);
  for (let length = 0; length < bytes.length; length++) {
    writeWhole(disk, 'node.json', bytes.subarray(0, length));
    assert.throws(() => readNodeFile(disk), isFault('storage_damaged', 'node.json'));
  }
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    writeWhole(disk, 'node.json', flipBit(bytes, bit));
    assert.throws(() => readNodeFile(disk), isRefused);
  }
});

test('values that no folder can have are damage', () => {
  const disk = new FaultyDisk();
  for (const text of ['', '[]', 'null', '{}', '{"format": 1}', '"format"']) {
    writeWhole(disk, 'node.json', Buffer.from(text));
    assert.throws(() => readNodeFile(disk), isFault('storage_damaged', 'node.json'));
  }
});

test('a creation that fails at any step leaves no identity', () => {
  for (const operation of ['open', 'write', 'sync', 'rename'] as const) {
    const disk = new FaultyDisk();
    disk.fail = (asked) => (asked === operation ? 'io' : null);
    assert.ok(isFault('storage_failed', 'node.json')(create(disk)));
    disk.fail = () => null;
    assert.equal(readNodeFile(disk), null);
    assert.equal(create(disk), null, 'and can be repeated');
    assert.deepEqual(readNodeFile(disk), identity);
  }
});
