/**
 * Nothing lost, nothing doubled: idempotent producers, also while the broker restarts under them,
 * and consumers that read on afterwards.
 */

import type { BrokerProcess } from '../../broker-process.ts';
import { type Check, expect, expectEqual, type Program, sleep, until } from '../../check.ts';
import { newTopic } from '../client.ts';
import { Body, batchOf, keys, produceBody, readProduceRow, type Wire, withWire } from '../wire.ts';
import { idempotentPrograms, programs, type World } from '../world.ts';

export function exactlyOnceChecks(world: World): Check[] {
  return [
    ...idempotentPrograms.map((client) => idempotentCheck(world, client)),
    ...programs.flatMap((client) => [
      restartCheck(world, client, 'SIGTERM'),
      restartCheck(world, client, 'SIGKILL'),
    ]),
    consumerRestartCheck(world),
    windowCheck(world),
    gapCheck(world),
    afterRestartCheck(world, 'SIGTERM'),
    afterRestartCheck(world, 'SIGKILL'),
  ];
}

async function expectNumbers(
  world: World,
  bootstrap: string,
  topic: string,
  count: number,
): Promise<void> {
  // One more than there may be, so that one too many would be seen.
  const request = { topic, partitions: 1, count: count + 1 };
  const timeoutMs = 4_000;
  const lists = await world.java.request('readSteadily', bootstrap, { ...request, timeoutMs });
  const found = (lists as string[][])[0] ?? [];
  const seen = new Set(found);
  const lost = Array.from({ length: count }, (_, i) => `${i}`).filter((one) => !seen.has(one));
  expectEqual(lost.slice(0, 20), [], `lost (${lost.length})`);
  expectEqual(found.length, count, 'stored, each once');
  const misplaced = found.findIndex((value, i) => value !== `${i}`);
  expectEqual(misplaced, -1, 'first out of order');
}

/** Each at least once. */
async function expectAll(world: World, bootstrap: string, topic: string, count: number) {
  const request = { topic, partitions: 1, count: count * 10, timeoutMs: 4_000 };
  const lists = await world.java.request('readSteadily', bootstrap, request);
  const seen = new Set((lists as string[][])[0]);
  const lost = Array.from({ length: count }, (_, i) => `${i}`).filter((one) => !seen.has(one));
  expectEqual(lost, [], 'lost');
}

function idempotentCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'idempotent producer',
    name: `${client} writes with idempotence, every record once and in order`,
    uses: [client, 'kafkajs', 'java'],
    run: async () => {
      const topic = await world.createTopic(newTopic(`idempotent-${client}`));
      const options = { topic, count: 400, batch: 40, pauseMs: 5, isIdempotent: true };
      await world.client(client).produceSteadily(world.bootstrap, options);
      await expectNumbers(world, world.bootstrap, topic, options.count);
    },
  };
}

type Ending = 'SIGTERM' | 'SIGKILL';
const endings = { SIGTERM: 'restarted', SIGKILL: 'killed and started again' } as const;

function restartCheck(world: World, client: Program, signal: Ending): Check {
  const isIdempotent = idempotentPrograms.includes(client);
  return {
    client,
    feature: 'restart of the broker while producing',
    name: `${client} loses ${isIdempotent ? 'and doubles ' : ''}nothing while the broker is ${endings[signal]}`,
    uses: [client, 'kafkajs', 'java'],
    isFullOnly: signal === 'SIGTERM' && client !== 'kcat' && client !== 'java',
    timeoutMs: 90_000,
    run: () =>
      world.withBroker([], async (broker) => {
        const topic = await world.createTopic(newTopic('restart'), 1, {}, broker.bootstrap);
        const options = { topic, count: 4_000, batch: 20, pauseMs: 20, isIdempotent };
        const producing = world.client(client).produceSteadily(broker.bootstrap, options);
        // A client may want to see the broker once before it bears that it goes.
        const hasBegun = async () =>
          (await world.kafkajs.offset(broker.bootstrap, topic, 0, -1)) > 0;
        const restarts = until('the first record', 30_000, hasBegun).then(() =>
          restartTwice(broker, signal),
        );
        await Promise.all([producing, restarts]);
        const expected = isIdempotent ? expectNumbers : expectAll;
        await expected(world, broker.bootstrap, topic, options.count);
      }),
  };
}

async function restartTwice(broker: BrokerProcess, signal: Ending): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await sleep(1_000);
    await broker.restart(signal);
  }
}

function consumerRestartCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'restart of the broker while consuming',
    name: 'java consumes four partitions across two restarts, every record once and in order',
    uses: ['java', 'kafkajs'],
    timeoutMs: 90_000,
    run: () =>
      world.withBroker([], async (broker) => {
        const topic = await world.createTopic(newTopic('reading'), 4, {}, broker.bootstrap);
        const each = 300;
        const partitions = 4;
        const wanted = { topic, partitions, count: each * partitions };
        const reading = world.java.request('readSteadily', broker.bootstrap, wanted);
        for (let i = 0; i < 3; i++) {
          await produceNumbers(world, broker.bootstrap, topic, i * 100, 100);
          if (i < 2) await broker.restart(i === 0 ? 'SIGTERM' : 'SIGKILL');
        }
        const numbers = Array.from({ length: each }, (_, i) => `${i}`);
        const found = (await reading) as string[][];
        for (const [i, list] of found.entries()) expectEqual(list, numbers, `partition ${i}`);
      }),
  };
}

async function produceNumbers(
  world: World,
  bootstrap: string,
  topic: string,
  first: number,
  count: number,
): Promise<void> {
  for (let partition = 0; partition < 4; partition++) {
    const messages = Array.from({ length: count }, (_, i) => ({
      partition,
      key: null,
      value: `${first + i}`,
      headers: [],
    }));
    await world.kafkajs.produce(bootstrap, topic, messages, { isIdempotent: true });
  }
}

// ---- By hand: what no client can be made to do on purpose ----

async function newProducerId(wire: Wire): Promise<number> {
  const body = await wire.ask(keys.initProducerId, 0, new Body().string(null).int32(60_000).done());
  return Number(body.readBigInt64BE(6));
}

async function send(wire: Wire, topic: string, producerId: number, sequence: number) {
  const values = [`${sequence}`, `${sequence + 1}`];
  const batch = batchOf({ values, producerId, producerEpoch: 0, baseSequence: sequence });
  return readProduceRow(await wire.ask(keys.produce, 7, produceBody(7, { topic, batch })));
}

const outOfOrderSequence = 45;

function windowCheck(world: World): Check {
  return {
    client: 'raw',
    feature: 'idempotent producer',
    name: 'the last five batches of a producer sent again are answered with their first offsets',
    uses: ['kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic('window'));
      await withWire(world.broker.port, async (wire) => {
        const id = await newProducerId(wire);
        for (let i = 0; i < 7; i++) {
          expectEqual(await send(wire, topic, id, i * 2), { error: 0, baseOffset: i * 2 }, 'sent');
        }
        for (let i = 2; i < 7; i++) {
          const again = await send(wire, topic, id, i * 2);
          expectEqual(again, { error: 0, baseOffset: i * 2 }, `batch ${i} again`);
        }
      });
      expectEqual(await world.kafkajs.offset(world.bootstrap, topic, 0, -1), 14, 'records stored');
    },
  };
}

function gapCheck(world: World): Check {
  return {
    client: 'raw',
    feature: 'idempotent producer',
    name: 'a gap in the sequence is refused with OUT_OF_ORDER_SEQUENCE_NUMBER',
    uses: ['kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic('gap'));
      await withWire(world.broker.port, async (wire) => {
        const id = await newProducerId(wire);
        expectEqual((await send(wire, topic, id, 0)).error, 0, 'the first');
        expectEqual((await send(wire, topic, id, 4)).error, outOfOrderSequence, 'after a gap');
        expectEqual((await send(wire, topic, id, 2)).error, 0, 'the one that was missing');
      });
    },
  };
}

function afterRestartCheck(world: World, signal: Ending): Check {
  return {
    client: 'raw',
    feature: 'idempotent producer',
    name: `a batch sent again after the broker was ${endings[signal]} is not stored twice`,
    uses: ['kafkajs'],
    run: () =>
      world.withBroker([], async (broker) => {
        const topic = await world.createTopic(newTopic('dedupe'), 1, {}, broker.bootstrap);
        const id = await withWire(broker.port, async (wire) => {
          const made = await newProducerId(wire);
          for (let i = 0; i < 3; i++) {
            expectEqual((await send(wire, topic, made, i * 2)).baseOffset, i * 2, 'offset');
          }
          return made;
        });
        await broker.restart(signal);
        await withWire(broker.port, async (wire) => {
          for (let i = 0; i < 3; i++) {
            const again = await send(wire, topic, id, i * 2);
            expectEqual(again, { error: 0, baseOffset: i * 2 }, `batch ${i} again`);
          }
          expectEqual(await send(wire, topic, id, 6), { error: 0, baseOffset: 6 }, 'the next');
          const another = await newProducerId(wire);
          expect(another > id, `producer ids go on: ${id}, then ${another}`);
        });
      }),
  };
}
