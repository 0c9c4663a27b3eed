/** More than a handful: many records, large ones, all clients at once, topics that go away meanwhile. */

import { createHash } from 'node:crypto';
import { type Check, expect, expectEqual, type Program } from '../../check.ts';
import { type Codec, codecs, type Message, newTopic } from '../client.ts';
import { programs, type World } from '../world.ts';

export function loadChecks(world: World): Check[] {
  return [
    ...programs.flatMap((client) =>
      codecs.map((codec) => ({
        ...bulkCheck(world, client, codec),
        isFullOnly: codec !== 'lz4' && codec !== 'zstd',
      })),
    ),
    ...programs.map((client) => largeCheck(world, client)),
    togetherCheck(world),
    ...(['librdkafka', 'kafkajs', 'platformatic', 'python', 'java'] as const).map((client) =>
      deletedCheck(world, client),
    ),
  ];
}

/** Half noise, half text: it becomes smaller, but not by much. */
function textOf(i: number, length: number): string {
  const noise = createHash('sha512').update(`${i}`).digest('hex');
  return `${i}:${noise}${'filling '.repeat(Math.ceil(length / 8))}`.slice(0, length);
}

function bulkCheck(world: World, client: Program, codec: Codec): Check {
  return {
    client,
    feature: 'many records',
    name: `3,000 records that ${client} wrote with ${codec} are read whole by all clients`,
    uses: programs,
    run: async () => {
      const topic = await world.createTopic(newTopic('bulk'));
      const values = Array.from({ length: 3_000 }, (_, i) => textOf(i, 20 + ((i * 37) % 900)));
      const messages = values.map(
        (value): Message => ({ partition: 0, key: null, value, headers: [] }),
      );
      const one = world.client(client);
      for (let i = 0; i < values.length; i += 1_000) {
        await one.produce(world.bootstrap, topic, messages.slice(i, i + 1_000), { codec });
      }
      const from = { topic, partition: 0, offset: 0 };
      for (const name of programs) {
        const found = await world.client(name).read(world.bootstrap, from, values.length, 20_000);
        expectEqual(found.length, values.length, `records that ${name} reads`);
        const wrong = found.findIndex(
          ({ value, offset }, i) => value !== values[i] || offset !== i,
        );
        expectEqual(wrong, -1, `first one that ${name} reads otherwise`);
      }
    },
  };
}

/** Larger than what a fetch asks of a partition at first, smaller than what a topic takes. */
function largeCheck(world: World, client: Program): Check {
  return {
    client,
    feature: 'large records',
    name: `${client} writes records of 1 to 3 MB where the topic takes them, and all clients read them`,
    uses: programs,
    run: async () => {
      const configs = { 'max.message.bytes': '4000000' };
      const topic = await world.createTopic(newTopic('large'), 1, configs);
      const values = [1_000_000, 3_000_000, 10, 2_000_000].map((length, i) => textOf(i, length));
      const one = world.client(client);
      const settings: Record<string, string> =
        client === 'java'
          ? { 'max.request.size': '4000000', 'buffer.memory': '50000000' }
          : { 'message.max.bytes': '4000000' };
      for (const value of values) {
        const message = { partition: 0, key: null, value, headers: [] };
        await one.produce(world.bootstrap, topic, [message], { settings });
      }
      for (const name of programs) {
        const from = { topic, partition: 0, offset: 0 };
        const found = await world.client(name).read(world.bootstrap, from, values.length, 20_000);
        const isEqual = found.map(({ value }, i) => value === values[i]);
        expectEqual(isEqual, [true, true, true, true], `what ${name} reads is what was written`);
      }
    },
  };
}

function togetherCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'many records',
    name: 'all clients write to one partition at once, each in its order, and java reads along',
    uses: programs,
    run: async () => {
      const topic = await world.createTopic(newTopic('together'));
      const count = 1_000;
      const total = count * programs.length;
      const wanted = { topic, partitions: 1, count: total };
      const reading = world.java.request('readSteadily', world.bootstrap, wanted);
      const options = { topic, count, batch: 25, pauseMs: 5, isIdempotent: true };
      const writing = programs.map((name) =>
        world.client(name).produceSteadily(world.bootstrap, options),
      );
      await Promise.all(writing);
      const found = ((await reading) as string[][])[0] ?? [];
      expectEqual(found.length, total, 'records');
      // Every number once from each; and the numbers, one by one, never before their predecessor.
      const seen = new Map<string, number>();
      for (const value of found) {
        const times = (seen.get(value) ?? 0) + 1;
        seen.set(value, times);
        const before =
          Number(value) === 0 ? programs.length : (seen.get(`${Number(value) - 1}`) ?? 0);
        expect(times <= before, `${value} overtakes the one before it`);
      }
      expect(seen.size === count, `different values: ${seen.size}`);
    },
  };
}

/** A producer in the middle of its work is told, and no one is left hanging. */
function deletedCheck(world: World, client: Exclude<Program, 'kcat'>): Check {
  return {
    client,
    feature: 'topics',
    name: `${client} is told that the topic it reads was deleted`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = await world.createTopic(newTopic('doomed'));
      const message = { partition: 0, key: null, value: 'a', headers: [] };
      await world[client].produce(world.bootstrap, topic, [message]);
      const from = { topic, partition: 0, offset: 1 };
      // It waits at the end of the partition when the topic goes.
      const reading = world[client].read(world.bootstrap, from, 1, 4_000).then(
        (found) => `${found.length} records`,
        (error: Error) => error.message,
      );
      await new Promise((resolve) => setTimeout(resolve, 800));
      await world.kafkajs.deleteTopic(world.bootstrap, topic);
      const end = await reading;
      // Java's consumer keeps looking for the topic; kafka-python makes it again, and its offset is
      // not in that one; the others give up.
      expect(
        /0 records|unknown|not host|UNKNOWN_TOPIC|OffsetOutOfRangeError/i.test(end),
        `how the read ended: ${end}`,
      );
    },
  };
}
