/**
 * Batches that are small and say that they are large, or are: gigabytes of zeros, sizes that are
 * lies, in every codec, to topics for which the broker has to look inside.
 */

import { gzipSync } from 'node:zlib';
import { Body, batchOf, frame, keys, produceBody } from '../../conformance/kafka/wire.ts';
import { crc32c } from '../../src/kernel/crc32c.ts';
import type { Attack } from './attack.ts';
import { Peer } from './peer.ts';

const MIB = 1024 * 1024;
const recordsAt = 61;
const attributesAt = 21;
const crcAt = 17;
const lengthAt = 8;
const beforeLength = 12;

const codecs = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

export async function bombs(attack: Attack): Promise<string> {
  const batches = everyBomb();
  // The last one stays empty, for those who wait for something to come.
  const topics = attack.topics.slice(0, -1);
  const peers = await Peer.connectMany(attack.port, 4);
  const endsAt = Date.now() + attack.seconds * 1_000;
  const errors = new Map<number, number>();
  let sent = 0;
  const workers = peers.map(async (peer, i) => {
    for (let at = i; Date.now() < endsAt && !peer.isClosed; at++) {
      const topic = topics[at % topics.length] ?? '';
      const batch = batches[Math.floor(at / topics.length) % batches.length];
      if (batch === undefined) return;
      sent++;
      const answer = await peer.ask(keys.produce, 7, produceBody(7, { topic, batch }));
      if (answer === null) throw new Error('a batch is refused, not its connection');
      const error = answer.readInt16BE(4 + 2 + answer.readInt16BE(4) + 4 + 4);
      errors.set(error, (errors.get(error) ?? 0) + 1);
      await lookUp(peer, topic);
    }
  });
  await Promise.all(workers);
  await flood(attack, batches);
  for (const peer of peers) peer.close();
  const counts = [...errors].sort().map(([code, count]) => `${count} × error ${code}`);
  return `${sent} bombs: ${counts.join(', ')}`;
}

/** What reads batches that were stored as they came: a look-up by time. */
async function lookUp(peer: Peer, topic: string): Promise<void> {
  const body = new Body().int32(-1).int32(1).string(topic).int32(1).int32(0).int64(1);
  if ((await peer.ask(keys.listOffsets, 1, body.done())) === null) {
    throw new Error('a look-up by time is answered');
  }
}

/** Many in one request, and many requests at once. */
async function flood(attack: Attack, batches: readonly Buffer[]): Promise<void> {
  const peer = await Peer.connect(attack.port);
  if (peer === null) throw new Error('the connection was refused');
  const topic = attack.topics[1] ?? '';
  const requests = Math.max(1, Math.round(20 * attack.scale));
  for (let i = 0; i < requests; i++) {
    const body = new Body().string(null).int16(-1).int32(10_000).int32(1).string(topic).int32(20);
    for (let part = 0; part < 20; part++) {
      body.int32(0).bytes(batches[part % batches.length] ?? Buffer.alloc(0));
    }
    peer.send(frame(keys.produce, 7, i, body.done()));
  }
  const answers = await Promise.all(Array.from({ length: requests }, () => peer.answer()));
  if (answers.includes(null)) throw new Error('requests are refused, not their connection');
  peer.close();
}

function everyBomb(): Buffer[] {
  return [
    compressed(codecs.gzip, gzipSync(Buffer.alloc(15 * MIB))),
    compressed(codecs.gzip, gzipSync(Buffer.alloc(500 * MIB), { level: 9 })),
    compressed(codecs.gzip, gzipSync(manyRecords(2_000_000))),
    compressed(codecs.snappy, snappyClaim(0x7fff_ffff)),
    compressed(codecs.snappy, snappyClaim(60 * MIB)),
    compressed(codecs.lz4, lz4Bomb(60_000)),
    compressed(codecs.zstd, zstdBomb(100)),
    compressed(codecs.zstd, zstdBomb(8_192)),
    compressed(codecs.zstd, zstdClaim()),
  ];
}

/** A batch of one record by its header, whose records are `content`, its CRC right. */
function compressed(codec: number, content: Uint8Array): Buffer {
  const batch = Buffer.concat([batchOf({ values: ['x'] }).subarray(0, recordsAt), content]);
  batch.writeInt16BE(codec, attributesAt);
  batch.writeInt32BE(batch.length - beforeLength, lengthAt);
  batch.writeUInt32BE(crc32c(batch, attributesAt, batch.length) >>> 0, crcAt);
  return batch;
}

/** The smallest records there are, without key, value and headers. */
function manyRecords(count: number): Buffer {
  const record = Buffer.from([12, 0, 0, 0, 1, 1, 0]);
  return Buffer.concat(new Array<Buffer>(count).fill(record));
}

/** A content size and nothing of it. */
function snappyClaim(size: number): Buffer {
  const claim: number[] = [];
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    claim.push(rest > 127 ? (rest % 128) + 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from(claim), Buffer.alloc(3 * MIB)]).subarray(0, 900_000);
}

/** One block: a literal, then a match of distance 1 and `bytes` bytes of length, 255 for each. */
function lz4Bomb(bytes: number): Buffer {
  const head = Buffer.from('04224d1860700000', 'hex').subarray(0, 7);
  const block = Buffer.concat([
    Buffer.from([0x1f, 0x00, 0x01, 0x00]),
    Buffer.alloc(bytes, 0xff),
    Buffer.from([0, 0x50, 1, 2, 3, 4, 5]),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  return Buffer.concat([head, size, block, Buffer.alloc(4)]);
}

/** Blocks of one byte repeated 128 KiB times. */
function zstdBomb(blocks: number): Buffer {
  const head = Buffer.from('28b52ffd0058', 'hex');
  const body = Buffer.alloc(blocks * 4);
  for (let i = 0; i < blocks; i++) {
    const isLast = i === blocks - 1;
    body.writeUIntLE((0x2_0000 << 3) | (1 << 1) | (isLast ? 1 : 0), i * 4, 3);
  }
  return Buffer.concat([head, body]);
}

/** A content of 2^62 bytes is announced, in a window of as many. */
function zstdClaim(): Buffer {
  return Buffer.concat([Buffer.from('28b52ffde00000000000000040', 'hex'), Buffer.alloc(100)]);
}
