/** What clients really ask for, seen by a tap between them and a broker: versions, topic ids, sessions. */

import type { BrokerProcess } from '../../broker-process.ts';
import { type Check, expect, expectEqual, type Program, until } from '../../check.ts';
import { newTopic } from '../client.ts';
import { apiNames, keys } from '../wire.ts';
import { type Asked, WireTap } from '../wire-tap.ts';
import { idempotentPrograms, programs, type World } from '../world.ts';

/** What each client is expected to negotiate: less means that it does not trust the broker. */
const highest: Readonly<Record<Program, readonly [produce: number, fetch: number]>> = {
  kcat: [7, 11],
  librdkafka: [10, 16],
  librdkafkaDebian: [7, 11],
  kafkajs: [7, 11],
  platformatic: [11, 17],
  python: [7, 4],
  java: [13, 18],
};

export interface Observed {
  /** Program → API → versions. */
  readonly versions: Map<Program, Map<string, Set<number>>>;
}

export function observedChecks(world: World, observed: Observed): Check[] {
  return [...programs.map((client) => versionCheck(world, observed, client)), sessionCheck(world)];
}

async function withTap(
  world: World,
  action: (tap: WireTap, broker: BrokerProcess) => Promise<void>,
): Promise<void> {
  const tap = await WireTap.open();
  try {
    await world.withBroker(['--advertise', `kafka://${tap.bootstrap}`], async (broker) => {
      tap.forwardTo(broker.port);
      await action(tap, broker);
    });
  } finally {
    tap.close();
  }
}

function versionCheck(world: World, observed: Observed, client: Program): Check {
  const [produceVersion, fetchVersion] = highest[client];
  return {
    client,
    feature: 'versions',
    name: `${client} speaks Produce ${produceVersion} and Fetch ${fetchVersion}`,
    uses: [client],
    run: () =>
      withTap(world, async (tap) => {
        const topic = newTopic('observed');
        const one = world.client(client);
        if (client !== 'kcat') await world[client].createTopic(tap.bootstrap, topic, 1);
        const messages = ['a', 'b'].map((value) => ({
          partition: 0,
          key: null,
          value,
          headers: [],
        }));
        const isIdempotent = idempotentPrograms.includes(client);
        await one.produce(tap.bootstrap, topic, messages, { isIdempotent });
        const from = { topic, partition: 0, offset: 0 };
        expectEqual((await one.read(tap.bootstrap, from, 2)).length, 2, 'records');
        await one.offset(tap.bootstrap, topic, 0, -1);
        const versions = versionsOf(tap.asked);
        observed.versions.set(client, versions);
        expectEqual([...(versions.get('Produce') ?? [])], [produceVersion], 'of Produce');
        expectEqual([...(versions.get('Fetch') ?? [])], [fetchVersion], 'of Fetch');
      }),
  };
}

function versionsOf(asked: readonly Asked[]): Map<string, Set<number>> {
  const versions = new Map<string, Set<number>>();
  for (const { key, version } of [...asked].sort((a, b) => a.key - b.key)) {
    const name = apiNames[key] ?? `API ${key}`;
    const list = versions.get(name) ?? new Set();
    versions.set(name, list.add(version));
  }
  return versions;
}

/** [KIP-227] */
function sessionCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'fetch sessions',
    name: 'java reads eight partitions through one incremental fetch session',
    uses: ['java', 'kafkajs'],
    run: () =>
      withTap(world, async (tap, broker) => {
        const partitions = 8;
        const topic = await world.createTopic(
          newTopic('session'),
          partitions,
          {},
          broker.bootstrap,
        );
        const wanted = { topic, partitions, count: partitions * 20 };
        const reading = world.java.request('readSteadily', tap.bootstrap, wanted);
        const isFetch = ({ key }: Asked): boolean => key === keys.fetch;
        await until('the first fetch', 20_000, () => tap.asked.some(isFetch));
        for (let round = 0; round < 20; round++) {
          const messages = Array.from({ length: partitions }, (_, partition) => ({
            partition,
            key: null,
            value: `${round}`,
            headers: [],
          }));
          await world.kafkajs.produce(broker.bootstrap, topic, messages);
        }
        const numbers = Array.from({ length: 20 }, (_, i) => `${i}`);
        for (const list of (await reading) as string[][]) expectEqual(list, numbers, 'values');
        checkSessions(tap.asked.filter(isFetch));
      }),
  };
}

function checkSessions(fetches: readonly Asked[]): void {
  const sessions = fetches.map(({ session }) => session);
  const begun = sessions.filter((one) => one?.epoch === 0);
  expectEqual(begun.length, 1, 'sessions that were begun');
  const later = sessions.filter((one) => one !== null && one.epoch > 0);
  expect(later.length > 3, `incremental fetches: ${later.length}`);
  expectEqual(new Set(later.map((one) => one?.id)).size, 1, 'session ids used');
  expect((later[0]?.id ?? 0) !== 0, 'the session has an id');
}
