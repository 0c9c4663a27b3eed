/** Peers that send nonsense, halves or nothing: each costs its own connection and nobody else's. */

import * as net from 'node:net';
import { type Check, expect, expectEqual, until } from '../../check.ts';
import { newTopic } from '../client.ts';
import { Body, batchOf, frame, keys, produceBody, readProduceRow, withWire } from '../wire.ts';
import type { World } from '../world.ts';

function raw(name: string, run: () => Promise<void>): Check {
  return { client: 'raw', feature: 'hostile peers', name, uses: ['kafkajs'], run };
}

export function hostileChecks(world: World): Check[] {
  return [
    ...closingChecks(world),
    raw('a request that comes byte by byte is answered', () =>
      withWire(world.broker.port, async (wire) => {
        for (const byte of frame(keys.apiVersions, 0, 9, Buffer.alloc(0))) {
          wire.send(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expectEqual((await wire.next()).correlation, 9, 'correlation id');
      }),
    ),
    raw('a client that hangs up in the middle of a batch leaves nothing behind', async () => {
      const topic = await world.createTopic(newTopic('half'));
      await withWire(world.broker.port, async (wire) => {
        const batch = batchOf({ values: ['h'.repeat(200_000)] });
        const whole = frame(keys.produce, 7, 1, produceBody(7, { topic, batch }));
        wire.send(whole.subarray(0, whole.length - 100));
        await until('it has left', 5_000, () => wire.socket.writableLength === 0);
      });
      await expectAlive(world, topic);
    }),
    { ...idleCheck(world), isAlone: true },
    { ...unreadCheck(world), isAlone: true },
  ];
}

async function expectAlive(world: World, topic: string): Promise<void> {
  await withWire(world.broker.port, async (wire) => {
    const body = produceBody(7, { topic, batch: batchOf({ values: ['alive'] }) });
    const row = readProduceRow(await wire.ask(keys.produce, 7, body));
    expectEqual(row, { error: 0, baseOffset: 0 }, 'what a good client is answered');
  });
}

function closingChecks(world: World): Check[] {
  const int32 = (value: number): Buffer => new Body().int32(value).done();
  const cases: readonly (readonly [string, Buffer])[] = [
    ['a length of two gigabytes', int32(0x7fff_ffff)],
    ['a negative length', int32(-1)],
    ['a length of zero', int32(0)],
    ['a length too short for a header', new Body().int32(3).raw(Buffer.from('abc')).done()],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['a TLS greeting', Buffer.from('160301020001000100', 'hex')],
    ['an API key that does not exist', frame(9999, 0, 1, Buffer.alloc(20))],
    ['a body that ends too early', frame(keys.produce, 7, 1, Buffer.from('ffff0001', 'hex'))],
    [
      'a body that says it holds a billion topics',
      frame(keys.metadata, 1, 1, new Body().int32(1_000_000_000).done()),
    ],
    ['a client id longer than its frame', Buffer.from('0000000a001200000000000100ff', 'hex')],
  ];
  return cases.map(([what, bytes]) =>
    raw(`${what} ends that connection, and only that one`, async () => {
      const topic = await world.createTopic(newTopic('alive'));
      await withWire(world.broker.port, async (wire) => {
        wire.send(bytes);
        // Some can only be told to be nonsense when nothing more comes.
        setTimeout(() => wire.socket.end(), 1_000);
        await wire.closedWithin(15_000);
        expectEqual(wire.answersWaiting, 0, 'answers to nonsense');
      });
      await expectAlive(world, topic);
    }),
  );
}

function idleCheck(world: World): Check {
  return raw(
    'a thousand connections with half a request each leave a good client alone',
    async () => {
      const topic = await world.createTopic(newTopic('beside'));
      const sockets = await Promise.all(
        Array.from({ length: 1000 }, () => open(world.broker.port)),
      );
      try {
        const half = frame(keys.metadata, 1, 1, new Body().int32(-1).done()).subarray(0, 9);
        for (const socket of sockets) socket.write(half);
        const startedAt = performance.now();
        await withWire(world.broker.port, async (wire) => {
          for (let i = 0; i < 200; i++) {
            const body = produceBody(7, { topic, batch: batchOf({ values: [`${i}`] }) });
            const row = readProduceRow(await wire.ask(keys.produce, 7, body));
            expectEqual(row, { error: 0, baseOffset: i }, 'answer');
          }
        });
        const ms = performance.now() - startedAt;
        // A few milliseconds each, on a slow disk too.
        expect(ms < 15_000, `200 produces took ${Math.round(ms)} ms`);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
  );
}

function open(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

/** One that asks and never reads: what it asked for must not pile up in memory. */
function unreadCheck(world: World): Check {
  return raw('a client that asks for much and reads nothing does not hold up others', async () => {
    const topic = await world.createTopic(newTopic('unread'));
    const socket = await open(world.broker.port);
    try {
      socket.pause();
      const ask = frame(keys.metadata, 1, 1, new Body().int32(-1).done());
      const many = Buffer.concat(Array.from({ length: 20_000 }, () => ask));
      socket.write(many);
      await expectAlive(world, topic);
    } finally {
      socket.destroy();
    }
  });
}
