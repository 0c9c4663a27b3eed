/** What clients see of storage: many segments, cold reads after a restart, retention, memory. */

import { type Check, expect, expectEqual, type Program, sleep, until } from '../../check.ts';
import { codecs, type Message, newTopic } from '../client.ts';
import { programs, type World } from '../world.ts';

export function storageChecks(world: World): Check[] {
  return [segmentsCheck(world), ...retentionChecks(world), memoryCheck(world), spaceCheck(world)];
}

const smallSegments = ['--segment-bytes', '1048576', '--checkpoint-bytes', '2097152'];

function messageOf(i: number, baseTime: number): Message {
  const value = `${i}:${'some content of a message '.repeat(20)}${i * 7919}`;
  return { partition: 0, key: `${i % 50}`, value, headers: [], timestamp: baseTime + i };
}

/** Far more data than segments, and other topics in between; then again with nothing in memory. */
function segmentsCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'many segments',
    name: 'all clients read 20,000 records out of many segments, also after the broker was killed',
    uses: programs,
    timeoutMs: 150_000,
    run: () =>
      world.withBroker(smallSegments, async (broker) => {
        const { bootstrap } = broker;
        const topic = await world.createTopic(newTopic('segments'), 1, {}, bootstrap);
        const other = await world.createTopic(newTopic('between'), 1, {}, bootstrap);
        const count = 20_000;
        const baseTime = Date.now() - 100_000;
        const all = Array.from({ length: count }, (_, i) => messageOf(i, baseTime));
        for (let i = 0; i < count; i += 500) {
          const codec = codecs[(i / 500) % codecs.length] ?? 'none';
          const part = all.slice(i, i + 500);
          await world.kafkajs.produce(bootstrap, topic, part, { codec });
          await world.java.produce(bootstrap, other, part.slice(0, 200), { codec: 'none' });
        }
        for (const when of ['at first', 'after a restart']) {
          for (const name of programs) {
            await expectAll(world, name, bootstrap, topic, all, when);
          }
          if (when === 'at first') await broker.restart('SIGKILL');
        }
      }),
  };
}

async function expectAll(
  world: World,
  name: Program,
  bootstrap: string,
  topic: string,
  all: readonly Message[],
  when: string,
): Promise<void> {
  const one = world.client(name);
  const from = { topic, partition: 0, offset: 0 };
  const found = await one.read(bootstrap, from, all.length, 40_000);
  expectEqual(found.length, all.length, `records that ${name} reads ${when}`);
  const wrong = found.findIndex(({ offset, value, timestamp }, i) => {
    return offset !== i || value !== all[i]?.value || timestamp !== all[i]?.timestamp;
  });
  expectEqual(wrong, -1, `first one that ${name} reads otherwise ${when}`);
  for (const i of [1, 7_499, 7_500, 19_999]) {
    const time = all[i]?.timestamp ?? 0;
    expectEqual(await one.offset(bootstrap, topic, 0, time), i, `offset by time, ${name} ${when}`);
  }
}

function retentionChecks(world: World): Check[] {
  const flags = [...smallSegments, '--retention-check-ms', '100'];
  const check = (
    name: string,
    configs: Readonly<Record<string, string>>,
    left: (start: number) => boolean,
  ): Check => ({
    client: 'java',
    feature: 'retention',
    name,
    uses: ['java', 'kafkajs'],
    run: () =>
      world.withBroker(flags, async (broker) => {
        const { bootstrap } = broker;
        const topic = await world.createTopic(newTopic('retention'), 1, configs, bootstrap);
        const count = 6_000;
        // The first half is two hours old.
        const old = Date.now() - 7_200_000;
        for (let i = 0; i < count; i += 500) {
          const time = i < count / 2 ? old : Date.now() - count;
          const part = Array.from({ length: 500 }, (_, k) => messageOf(i + k, time));
          await world.kafkajs.produce(bootstrap, topic, part);
        }
        const earliest = () => world.java.offset(bootstrap, topic, 0, -2);
        await until('the start of the log moves', 20_000, async () => left(await earliest()));
        // It may be on its way still.
        let start = -1;
        await until('the start of the log rests', 20_000, async () => {
          const before = start;
          start = await earliest();
          await sleep(300);
          return start === before;
        });
        // From before the start: java goes to what there is, and reads it without a gap.
        const request = { topic, partition: 0, offset: 0, count: count - start, timeoutMs: 15_000 };
        const configsOfReader = { 'auto.offset.reset': 'earliest' };
        const rows = await world.java.request('read', bootstrap, {
          ...request,
          configs: configsOfReader,
        });
        expectEqual(
          (rows as { readonly offset: number }[]).map(({ offset }) => offset),
          Array.from({ length: count - start }, (_, i) => start + i),
          'offsets',
        );
      }),
  });
  return [
    check(
      'java sees the start of the log move with retention.bytes, and reads on from there',
      { 'retention.bytes': '1500000' },
      (start) => start > 1_000 && start < 6_000,
    ),
    check(
      'java sees the start of the log move with retention.ms, and reads on from there',
      { 'retention.ms': '3600000' },
      (start) => start === 3_000,
    ),
  ];
}

function memoryCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'storage=memory',
    name: 'all clients read what all clients wrote to a broker that keeps nothing',
    uses: programs,
    run: () =>
      world.withBroker(['--storage', 'memory'], async ({ bootstrap }) => {
        const topic = await world.createTopic(newTopic('memory'), 1, {}, bootstrap);
        for (const name of programs) {
          const message = { partition: 0, key: name, value: `by ${name}`, headers: [] };
          await world.client(name).produce(bootstrap, topic, [message]);
        }
        for (const name of programs) {
          const from = { topic, partition: 0, offset: 0 };
          const found = await world.client(name).read(bootstrap, from, programs.length);
          expectEqual(
            found.map(({ value }) => value),
            programs.map((writer) => `by ${writer}`),
            `what ${name} reads`,
          );
        }
      }),
  };
}

/** A producer that is told to wait must not lose what it holds. */
function spaceCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'storage=memory',
    name: 'java is told when the storage is full, reads on, and writes again after a topic went',
    uses: ['java', 'kafkajs'],
    run: () =>
      world.withBroker(
        ['--storage', 'memory', '--memory-bytes-max', '33554432', '--segment-bytes', '1048576'],
        async ({ bootstrap }) => {
          const topic = await world.createTopic(newTopic('full'), 1, {}, bootstrap);
          const value = 'v'.repeat(900_000);
          const message = { partition: 0, key: null, value, headers: [] };
          const settings = { 'delivery.timeout.ms': '3000', 'request.timeout.ms': '2000' };
          let stored = 0;
          let refusal = '';
          while (refusal === '' && stored < 200) {
            await world.java.produce(bootstrap, topic, [message], { settings }).then(
              () => stored++,
              (error: Error) => {
                refusal = error.message;
              },
            );
          }
          expect(/storage|Timeout|disk/i.test(refusal), `how it is refused: ${refusal}`);
          const from = { topic, partition: 0, offset: 0 };
          const found = await world.java.read(bootstrap, from, stored, 15_000);
          expectEqual(found.length, stored, 'what was acknowledged can be read');
          await world.kafkajs.deleteTopic(bootstrap, topic);
          const next = await world.createTopicWhenPossible(newTopic('room'), bootstrap);
          await world.java.produce(bootstrap, next, [message]);
        },
      ),
  };
}
