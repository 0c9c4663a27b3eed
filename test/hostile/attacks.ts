/**
 * What hostile peers do, each attack for itself. They run in a process of their own, so that the good
 * client's times are the broker's.
 *
 * An attack resolves to what it has seen, in words, and rejects when the broker did what it must not:
 * left a request without an answer, or a connection open that has to be closed.
 */

import { Body, frame, keys } from '../../conformance/kafka/wire.ts';
import type { Attack } from './attack.ts';
import { bombs } from './bombs.ts';
import { nonsense } from './nonsense.ts';
import { closesWithin, Peer, rest } from './peer.ts';

export const attacks: Readonly<Record<string, (attack: Attack) => Promise<string>>> = {
  nonsense,
  bombs,
  lengths,
  trickle,
  'half open': halfOpen,
  'announced megabytes': announced,
  'answers not read': deaf,
  'a hundred thousand requests': pipelined,
  storm,
  'parked fetches': parked,
};

const MIB = 1024 * 1024;

function scaled({ scale }: Attack, count: number): number {
  return Math.max(1, Math.round(count * scale));
}

function counted(peers: readonly Peer[]): string {
  return `${peers.filter(({ isClosed }) => isClosed).length} of ${peers.length} closed`;
}

function closeAll(peers: readonly Peer[]): void {
  for (const peer of peers) peer.close();
}

async function mustClose(peers: readonly Peer[], ms: number, what: string): Promise<void> {
  const ends = await Promise.all(peers.map((peer) => closesWithin(peer, ms)));
  const open = ends.filter((isClosed) => !isClosed).length;
  if (open > 0) throw new Error(`${what}: ${open} of ${peers.length} connections are still open`);
}

/** Lengths that no request has. */
async function lengths(attack: Attack): Promise<string> {
  const evil = [0x7fff_ffff, -0x8000_0000, -1, 0, 7, 200 * MIB];
  const peers = await Peer.connectMany(attack.port, scaled(attack, 600));
  peers.forEach((peer, i) => {
    peer.send(
      new Body()
        .int32(evil[i % evil.length] ?? 0)
        .int16(keys.metadata)
        .done(),
    );
  });
  await mustClose(peers, 5_000, 'impossible lengths');
  return counted(peers);
}

/** A byte now and then, of a first request and of a later one: both have a time limit. */
async function trickle(attack: Attack): Promise<string> {
  const whole = frame(keys.apiVersions, 0, 1, Buffer.alloc(0));
  const peers = await Peer.connectMany(attack.port, scaled(attack, 1_500));
  peers.forEach((peer, i) => {
    if (i % 2 === 0) peer.send(whole);
  });
  const endsAt = Date.now() + 20_000;
  for (let at = 0; Date.now() < endsAt && peers.some(({ isClosed }) => !isClosed); at++) {
    // A frame of a megabyte, of which a byte at a time comes.
    const piece = at === 0 ? new Body().int32(MIB).int16(keys.produce).done() : Buffer.alloc(1);
    for (const peer of peers) peer.send(piece);
    await rest(400);
  }
  await mustClose(peers, 1_000, 'requests that trickle in');
  return counted(peers);
}

/** Connections that say nothing, or stop in the middle of a header. */
async function halfOpen(attack: Attack): Promise<string> {
  const peers = await Peer.connectMany(attack.port, scaled(attack, 5_000));
  const half = frame(keys.metadata, 1, 1, Buffer.alloc(4)).subarray(0, 9);
  peers.forEach((peer, i) => {
    if (i % 2 === 0) peer.send(half);
  });
  await mustClose(peers, 15_000, 'half-open connections');
  return counted(peers);
}

/** Produce requests of 90 MiB are announced, and a third of a megabyte of each comes. */
async function announced(attack: Attack): Promise<string> {
  const peers = await Peer.connectMany(attack.port, scaled(attack, 2_000));
  const head = new Body()
    .int32(90 * MIB)
    .int16(keys.produce)
    .int16(9)
    .int32(1)
    .done();
  const piece = Buffer.alloc(30_000);
  for (const peer of peers) peer.send(head);
  for (let round = 0; round < 10; round++) {
    for (const peer of peers) peer.send(piece);
    await rest(200);
  }
  const wereCut = peers.filter(({ isClosed }) => isClosed).length;
  await mustClose(peers, 20_000, 'requests that never complete');
  return `${counted(peers)}, ${wereCut} for want of memory`;
}

/** Asks for as much as there is, again and again, and reads nothing. */
async function deaf(attack: Attack): Promise<string> {
  const peers = await Peer.connectMany(attack.port, scaled(attack, 500));
  const topic = attack.topics[0] ?? '';
  const fetch = new Body()
    .int32(-1)
    .int32(0)
    .int32(1)
    .int32(50 * MIB)
    .int8(0);
  fetch
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(0)
    .int64(0)
    .int32(50 * MIB);
  const ask = Buffer.concat([
    frame(keys.fetch, 4, 1, fetch.done()),
    frame(keys.metadata, 1, 2, new Body().int32(-1).done()),
  ]);
  const many = Buffer.concat(new Array<Buffer>(200).fill(ask));
  for (const peer of peers) {
    peer.goDeaf();
    peer.send(many);
  }
  await rest(attack.seconds * 1_000);
  const said = counted(peers);
  closeAll(peers);
  return said;
}

/** Pipelined without waiting: each is answered, in order. */
async function pipelined(attack: Attack): Promise<string> {
  const count = scaled(attack, 100_000);
  const peer = await Peer.connect(attack.port);
  if (peer === null) throw new Error('the connection was refused');
  const metadata = new Body().int32(1).string('nothing').done();
  const chunk: Buffer[] = [];
  for (let i = 1; i <= count; i++) {
    const isSmall = i % 2 === 0;
    const body = isSmall ? Buffer.alloc(0) : metadata;
    chunk.push(
      frame(
        isSmall ? keys.apiVersions : keys.metadata,
        isSmall ? 0 : 4,
        i,
        Buffer.concat([body, Buffer.alloc(1)]),
      ),
    );
  }
  const startedAt = performance.now();
  peer.send(Buffer.concat(chunk));
  const endsAt = Date.now() + 60_000;
  while (peer.answers < count && !peer.isClosed && Date.now() < endsAt) await rest(20);
  const seconds = (performance.now() - startedAt) / 1_000;
  peer.close();
  if (peer.answers < count) throw new Error(`${peer.answers} answers to ${count} requests`);
  if (peer.isOutOfOrder) throw new Error('answers came out of order');
  return `${count} answers in ${seconds.toFixed(1)} s`;
}

/** Connects and hangs up as fast as it goes, in every way. */
async function storm(attack: Attack): Promise<string> {
  const count = scaled(attack, 20_000);
  const whole = frame(keys.apiVersions, 0, 1, Buffer.alloc(0));
  for (let done = 0; done < count; ) {
    const peers = await Peer.connectMany(attack.port, 100);
    if (peers.length === 0) throw new Error('connections are refused');
    peers.forEach((peer, i) => {
      if (i % 4 > 0) peer.send(whole.subarray(0, i % 4 === 1 ? 7 : whole.length));
      if (i % 2 === 0) peer.reset();
      else peer.close();
    });
    done += peers.length;
  }
  return `${count} connections`;
}

/** Fetches that wait for ever, with sessions, left behind. */
async function parked(attack: Attack): Promise<string> {
  const peers = await Peer.connectMany(attack.port, scaled(attack, 2_000));
  const topic = attack.topics.at(-1) ?? '';
  const fetch = new Body()
    .int32(-1)
    .int32(0x7fff_ffff)
    .int32(1)
    .int32(MIB)
    .int8(0)
    .int32(0)
    .int32(0);
  fetch.int32(1).string(topic).int32(1).int32(0).int64(0).int64(-1).int32(MIB).int32(0);
  const ask = frame(keys.fetch, 7, 1, fetch.done());
  for (const peer of peers) peer.send(Buffer.concat([ask, ask, ask]));
  await rest(attack.seconds * 1_000);
  const open = peers.filter(({ isClosed }) => !isClosed).length;
  if (open < peers.length) throw new Error('a fetch that waits keeps its connection');
  peers.forEach((peer, i) => {
    if (i % 2 === 0) peer.reset();
    else peer.socket.end();
  });
  await mustClose(peers, 5_000, 'peers that have hung up');
  return counted(peers);
}
