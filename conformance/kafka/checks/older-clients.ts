/** Java clients of earlier years: what is in use is rarely what was released last. */

import { type Check, expectEqual } from '../../check.ts';
import { codecs, type Message, newTopic } from '../client.ts';
import type { DriverClient } from '../driver-client.ts';
import type { World } from '../world.ts';

export function olderClientChecks(world: World): Check[] {
  return [...world.olderJava].flatMap(([version, older]) => [
    roundTripCheck(world, version, older),
    restartCheck(world, version, older),
  ]);
}

function messagesOf(codec: string): Message[] {
  const filler = 'compressible '.repeat(100);
  return Array.from({ length: 20 }, (_, i) => ({
    partition: 0,
    key: `${codec}-${i}`,
    value: i === 7 ? null : `${filler}${i}`,
    headers: [
      ['ключ', '☃'],
      ['none', null],
    ],
  }));
}

function roundTripCheck(world: World, version: string, older: DriverClient): Check {
  return {
    client: 'java',
    feature: `older Java clients: ${version}`,
    name: `java ${version} and today's read each other's records with every codec`,
    uses: ['java', 'kafkajs'],
    isFullOnly: version === '2.8.2',
    run: async () => {
      for (const codec of codecs) {
        const messages = messagesOf(codec);
        const topic = await world.createTopic(newTopic(`older-${version}-${codec}`));
        await older.produce(world.bootstrap, topic, messages, { codec, isIdempotent: true });
        await world.java.produce(world.bootstrap, topic, messages, { codec });
        const wanted = [...messages, ...messages].map(({ key, value, headers }, offset) => {
          return { offset, key, value, headers };
        });
        for (const reader of [older, world.java]) {
          const from = { topic, partition: 0, offset: 0 };
          const found = await reader.read(world.bootstrap, from, wanted.length);
          expectEqual(
            found.map(({ offset, key, value, headers }) => ({ offset, key, value, headers })),
            wanted,
            `what ${reader.name} reads with ${codec}`,
          );
        }
        const time = { topic, partition: 0, timestamp: Date.now() - 3_600_000 };
        const at = await older.request('offsetForTime', world.bootstrap, time);
        expectEqual((at as { readonly offset: number }).offset, 0, 'offset by time');
      }
    },
  };
}

function restartCheck(world: World, version: string, older: DriverClient): Check {
  return {
    client: 'java',
    feature: `older Java clients: ${version}`,
    name: `java ${version} loses and doubles nothing while the broker is killed and started again`,
    uses: ['java', 'kafkajs'],
    isFullOnly: true,
    timeoutMs: 90_000,
    run: () =>
      world.withBroker([], async (broker) => {
        const topic = await world.createTopic(newTopic('older'), 1, {}, broker.bootstrap);
        const count = 2_000;
        const options = { topic, count, batch: 20, pauseMs: 30, isIdempotent: true };
        const producing = older.produceSteadily(broker.bootstrap, options);
        producing.catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        await broker.restart('SIGKILL');
        await producing;
        const wanted = { topic, partitions: 1, count: count + 1, timeoutMs: 4_000 };
        const lists = (await older.request('readSteadily', broker.bootstrap, wanted)) as string[][];
        expectEqual(
          lists[0],
          Array.from({ length: count }, (_, i) => `${i}`),
          'what is stored',
        );
      }),
  };
}
