/** Consumer groups: their members come and go, share partitions, commit, resume, and are fenced. */

import type { BrokerProcess } from '../../broker-process.ts';
import { type Check, expect, expectEqual, expectError, type Program, until } from '../../check.ts';
import { newTopic } from '../client.ts';
import type { DriverClient } from '../driver-client.ts';
import {
  DriverMember,
  KcatMember,
  type Member,
  type MemberOptions,
  seenBy,
  untilShared,
} from '../members.ts';
import type { DriverProgram, World } from '../world.ts';

export const groupApis = [
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'OffsetCommit',
  'OffsetFetch',
];
/** The first member of a group need not wait for others. */
export const quickGroups = ['--group-initial-rebalance-delay-ms', '0'];
const partitions = 4;

const drivers: readonly DriverProgram[] = [
  'librdkafka',
  'librdkafkaDebian',
  'kafkajs',
  'platformatic',
  'python',
  'java',
];
/** Those that can give a commit a text, and read it again. */
const withMetadata: readonly string[] = ['librdkafka', 'kafkajs', 'python', 'java'];
const withStatic: readonly DriverProgram[] = ['librdkafka', 'librdkafkaDebian', 'java'];

export function groupChecks(world: World): Check[] {
  const older = [...world.olderJava].map(([version, driver]) => ({
    ...lifeCheck(world, 'java', driver, `java ${version}`),
    feature: `older Java clients: ${version}`,
    isFullOnly: version !== '2.1.1',
  }));
  return [
    lifeCheck(world, 'kcat', null, 'kcat'),
    ...drivers.map((client) => lifeCheck(world, client, world[client], client)),
    ...older,
    ...drivers.map((client) => fencedCheck(world, client)),
    ...drivers.map((client) => resetCheck(world, client)),
    ...withStatic.map((client) => staticCheck(world, client)),
    ...withStatic.map((client) => cooperativeCheck(world, client)),
    mixedCheck(world),
    inconsistentCheck(world),
    delayCheck(world),
  ];
}

class Scene {
  readonly world: World;
  readonly broker: BrokerProcess;
  readonly topic: string;
  #written = 0;

  private constructor(world: World, broker: BrokerProcess, topic: string) {
    this.world = world;
    this.broker = broker;
    this.topic = topic;
  }

  static async open(world: World, broker: BrokerProcess, count = partitions): Promise<Scene> {
    const topic = await world.createTopic(newTopic('group'), count, {}, broker.bootstrap);
    return new Scene(world, broker, topic);
  }

  /** So many more records to each partition; their values are their offsets. */
  async write(count: number, among = partitions): Promise<void> {
    const messages = Array.from({ length: among * count }, (_, i) => ({
      partition: i % among,
      key: null,
      value: `${this.#written + Math.floor(i / among)}`,
      headers: [],
    }));
    await this.world.kafkajs.produce(this.broker.bootstrap, this.topic, messages);
    this.#written += count;
  }

  join(driver: DriverClient | null, options: Partial<MemberOptions> = {}): Promise<Member> {
    const all = { group: `of-${this.topic}`, topics: [this.topic], ...options };
    const { bootstrap } = this.broker;
    if (driver === null) return Promise.resolve(new KcatMember(bootstrap, all));
    return DriverMember.join(driver, bootstrap, all);
  }

  /** Waits until the members have read everything from `first` on, beyond what they had before. */
  async untilRead(members: readonly Member[], first: number, what: string): Promise<void> {
    const wanted = new Set<string>();
    for (let partition = 0; partition < partitions; partition++) {
      for (let offset = first; offset < this.#written; offset++) {
        wanted.add(`${partition} ${offset} ${offset}`);
      }
    }
    let missing: string[] = [];
    const isThere = async (): Promise<boolean> => {
      const seen = new Set((await seenBy(members)).map((one) => one.join(' ')));
      missing = [...wanted].filter((one) => !seen.has(one));
      return missing.length === 0;
    };
    await until(`members have read ${what}`, 20_000, isThere).catch((error: Error) => {
      throw new Error(`${error.message}; not read: ${missing.slice(0, 10).join(', ')}`);
    });
  }

  async committed(driver: DriverClient, group = `of-${this.topic}`) {
    const wanted = { group, topic: this.topic, partitions };
    return (await driver.request('committed', this.broker.bootstrap, wanted)) as readonly {
      readonly offset: number;
      readonly metadata: string;
    }[];
  }
}

function lifeCheck(
  world: World,
  client: Program,
  driver: DriverClient | null,
  name: string,
): Check {
  return {
    client,
    feature: 'consumer groups',
    name: `${name} shares partitions, commits, and resumes after restarts of broker and client`,
    needs: groupApis,
    uses: [client, 'kafkajs'],
    timeoutMs: 120_000,
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const scene = await Scene.open(world, broker);
        await scene.write(10);
        const first = await scene.join(driver);
        await untilShared([first], [4]);
        await scene.untilRead([first], 0, 'what was there');
        await first.commit('a note ☃');
        if (driver !== null) await checkCommitted(scene, driver, withMetadata.includes(name));
        await checkIndependent(scene, driver);

        const second = await scene.join(driver);
        await untilShared([first, second], [2, 2]);
        await scene.write(10);
        await scene.untilRead([first, second], 10, 'what came then');
        await first.commit();
        await second.commit();
        await broker.restart('SIGKILL');
        await scene.write(10);
        await scene.untilRead([first, second], 20, 'what came after the restart');
        await untilShared([first, second], [2, 2]);
        if (driver !== null) await untilCommitted(scene, driver, [first, second], 30);
        await second.leave();
        await untilShared([first], [4]);
        await first.leave();

        await scene.write(1);
        const third = await scene.join(driver === null ? null : world.another(driver));
        await scene.untilRead([third], 30, 'what came last');
        const seen = (await seenBy([third])).map(([, offset]) => offset);
        expectEqual(seen, [30, 30, 30, 30], 'offsets that a new process begins with');
        await third.leave();
      }),
  };
}

async function checkCommitted(scene: Scene, driver: DriverClient, hasMetadata: boolean) {
  const rows = await scene.committed(driver);
  expectEqual(
    rows.map(({ offset }) => offset),
    [10, 10, 10, 10],
    'committed offsets',
  );
  if (!hasMetadata) return;
  expectEqual(
    rows.map(({ metadata }) => metadata),
    Array(4).fill('a note ☃'),
    'what was committed with them',
  );
}

/**
 * A client that has lost sight of the broker may forget its topics for a moment, and join again because
 * of it: then it reads once more what it had not committed.
 */
async function untilCommitted(
  scene: Scene,
  driver: DriverClient,
  members: readonly Member[],
  offset: number,
): Promise<void> {
  await until(`offsets are committed up to ${offset}`, 20_000, async () => {
    for (const member of members) await member.commit().catch(() => {});
    return (await scene.committed(driver)).every((row) => row.offset === offset);
  });
}

async function checkIndependent(scene: Scene, driver: DriverClient | null): Promise<void> {
  const other = await scene.join(driver, { group: 'another' });
  await scene.untilRead([other], 0, 'everything, in another group');
  await other.leave();
}

/** What a member that was away commits when it wakes must not undo what was committed meanwhile. */
function fencedCheck(world: World, client: DriverProgram): Check {
  return {
    client,
    feature: 'consumer groups',
    name: `${client} that sleeps longer than its session is fenced, and joins again`,
    needs: groupApis,
    uses: [client, 'kafkajs'],
    isFullOnly: client === 'librdkafkaDebian' || client === 'platformatic',
    timeoutMs: 120_000,
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const scene = await Scene.open(world, broker);
        await scene.write(10);
        const options = { sessionTimeoutMs: 6_000 };
        const sleeper = world.another(world[client]);
        const first = await scene.join(sleeper, options);
        const second = await scene.join(world[client], options);
        await untilShared([first, second], [2, 2]);
        await scene.untilRead([first, second], 0, 'what was there');
        sleeper.freeze();
        try {
          await untilShared([second], [4]);
          await scene.write(10);
          await scene.untilRead([second], 0, 'everything, alone');
          await second.commit();
        } finally {
          sleeper.resume();
        }
        // It may know by now that it is fenced, or be told so. @platformatic/kafka sends what was
        // refused once more when it has joined again: then it is a member's commit like any other.
        if (client !== 'platformatic') await first.commit().catch(() => {});
        await untilShared([first, second], [2, 2]);
        const rows = await scene.committed(world[client]);
        expectEqual(
          rows.map(({ offset }) => offset),
          [20, 20, 20, 20],
          'committed offsets',
        );
        await scene.write(1);
        await scene.untilRead([first, second], 20, 'what came last');
        await first.leave();
        await second.leave();
      }),
  };
}

function resetCheck(world: World, client: DriverProgram): Check {
  return {
    client,
    feature: 'auto.offset.reset in groups',
    name: `${client} without an offset begins at the start, at the end, or with an error`,
    needs: groupApis,
    uses: [client, 'kafkajs'],
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const scene = await Scene.open(world, broker);
        await scene.write(5);
        const latest = await scene.join(world[client], { group: 'latest', reset: 'latest' });
        const earliest = await scene.join(world[client], { group: 'earliest', reset: 'earliest' });
        await untilShared([latest], [4]);
        await scene.untilRead([earliest], 0, 'from the start');
        // When it has asked for the end is not to be seen: write until it has read.
        await until('it reads what is new', 20_000, async () => {
          await scene.write(1);
          return (await seenBy([latest])).length > 0;
        });
        const seen = (await seenBy([latest])).map(([, offset]) => offset);
        expect(Math.min(...seen) >= 5, 'nothing of what was there before');
        await checkSeek(scene, client, earliest);
        await earliest.leave();
        await latest.leave();
        // kafkajs knows no such way.
        if (client === 'kafkajs') return;
        const none = await scene.join(world[client], { group: 'none', reset: 'none' });
        await until('an error', 20_000, async () => (await none.status()).error !== null);
        expectEqual((await seenBy([none])).length, 0, 'records read in spite of it');
        await none.leave();
      }),
  };
}

async function checkSeek(scene: Scene, client: DriverProgram, member: Member): Promise<void> {
  if (client === 'platformatic' || !(member instanceof DriverMember)) return;
  const isThird = ([partition, offset]: readonly [number, number, string]): boolean =>
    partition === 2 && offset === 3;
  await member.seek(scene.topic, 2, 3);
  await until('it reads again what it went back to', 10_000, async () => {
    return (await seenBy([member])).filter(isThird).length === 2;
  });
}

function staticCheck(world: World, client: DriverProgram): Check {
  return {
    client,
    feature: 'static members',
    name: `${client} killed and started again with its instance id has its partitions back, and nobody else notices`,
    needs: groupApis,
    uses: [client, 'kafkajs'],
    isFullOnly: client === 'librdkafkaDebian',
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const scene = await Scene.open(world, broker);
        await scene.write(10);
        const mortal = world.another(world[client]);
        const options = { sessionTimeoutMs: 30_000 };
        const first = await scene.join(mortal, { ...options, instanceId: 'first' });
        const second = await scene.join(world[client], { ...options, instanceId: 'second' });
        await untilShared([first, second], [2, 2]);
        await scene.untilRead([first, second], 0, 'what was there');
        await first.commit();
        await second.commit();
        const owned = (await first.status()).partitions;
        const { history } = await second.status();
        await mortal.kill();
        await scene.write(5);
        const again = await scene.join(mortal, { ...options, instanceId: 'first' });
        await untilShared([again, second], [2, 2]);
        expectEqual((await again.status()).partitions, owned, 'partitions');
        await scene.untilRead([again, second], 10, 'what came meanwhile');
        expectEqual((await second.status()).history, history, 'what the other has been told');
        await again.leave();
        await second.leave();
      }),
  };
}

/** [KIP-429] */
function cooperativeCheck(world: World, client: DriverProgram): Check {
  return {
    client,
    feature: 'cooperative rebalancing',
    name: `${client} with cooperative-sticky gives up only what another gets`,
    needs: groupApis,
    uses: [client, 'kafkajs'],
    isFullOnly: client === 'librdkafkaDebian',
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const scene = await Scene.open(world, broker);
        const options = { assignor: 'cooperative-sticky' } as const;
        const first = await scene.join(world[client], options);
        await untilShared([first], [4]);
        const second = await scene.join(world[client], options);
        await untilShared([first, second], [2, 2]);
        const { history, partitions: kept } = await first.status();
        const revoked = history.filter(([kind]) => kind === 'revoked').flatMap(([, list]) => list);
        expect(!kept.some((one) => revoked.includes(one)), `${kept} stay, ${revoked} were revoked`);
        await scene.write(5);
        await scene.untilRead([first, second], 0, 'everything');
        await second.leave();
        await untilShared([first], [4]);
        await first.leave();
      }),
  };
}

function mixedCheck(world: World): Check {
  const names = ['java', 'python', 'librdkafka'] as const;
  return {
    client: 'java',
    feature: 'consumer groups',
    name: 'java, kafka-python and librdkafka share the partitions of one group',
    needs: groupApis,
    uses: [...names, 'kafkajs'],
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const scene = await Scene.open(world, broker, 6);
        const members: Member[] = [];
        for (const name of names) members.push(await scene.join(world[name]));
        await untilShared(members, [2, 2, 2]);
        await scene.write(10);
        await scene.untilRead(members, 0, 'everything');
        for (const member of members) await member.leave();
      }),
  };
}

function inconsistentCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'consumer groups',
    name: 'java that knows none of the ways a group shares partitions is refused',
    needs: groupApis,
    uses: ['java', 'kafkajs'],
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const scene = await Scene.open(world, broker);
        const first = await scene.join(world.kafkajs);
        await untilShared([first], [4]);
        const second = await scene.join(world.java);
        await until('it is refused', 20_000, async () =>
          /InconsistentGroupProtocol/.test((await second.status()).error ?? ''),
        );
        expectEqual((await first.status()).partitions.length, 4, 'partitions of the first');
        await first.leave();
        await second.leave();
      }),
  };
}

/** With the default delay, members that come together are given their partitions at once. */
function delayCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'consumer groups',
    name: 'java members that come at the same time share without a second rebalance',
    needs: groupApis,
    uses: ['java', 'kafkajs'],
    isFullOnly: true,
    run: async () => {
      const scene = await Scene.open(world, world.broker);
      const members = await Promise.all([1, 2].map(() => scene.join(world.java)));
      await untilShared(members, [2, 2]);
      for (const member of members) {
        const granted = (await member.status()).history.filter(([kind]) => kind === 'granted');
        expectEqual(granted.length, 1, 'times that it was given partitions');
      }
      await expectError(
        world.java.request('deleteGroup', world.bootstrap, { group: `of-${scene.topic}` }),
        /NotEmpty/,
      );
      for (const member of members) await member.leave();
      await world.java.request('deleteGroup', world.bootstrap, { group: `of-${scene.topic}` });
      const left = await world.java.request('listGroups', world.bootstrap, {});
      expect(!(left as string[]).includes(`of-${scene.topic}`), 'the group is gone');
    },
  };
}
