/**
 * A group of eight workers of two client libraries that come, go and are killed while keyed records
 * are written, and whose coordinator is killed in the middle.
 *
 * Checked from what the workers say themselves: nothing is lost, each partition is read in order, what
 * was committed never goes back, and nothing is read again that somebody had committed before.
 */

import type { BrokerProcess } from '../../broker-process.ts';
import { type Check, expect, expectEqual, note, sleep, until } from '../../check.ts';
import { newTopic } from '../client.ts';
import type { DriverClient, WorkerEvent } from '../driver-client.ts';
import type { DriverProgram, World } from '../world.ts';
import { groupApis, quickGroups } from './groups.ts';

const partitions = 12;
const keys = 500;
const workers = 8;
const aliveMin = 3;
const sessionTimeoutMs = 6_000;
const libraries: readonly DriverProgram[] = ['kafkajs', 'librdkafka'];

interface Plan {
  readonly count: number;
  readonly batch: number;
  /** Between two batches. */
  readonly pauseMs: number;
  /** Between two events in the lives of workers. */
  readonly changeMs: number;
  /** Workers that have to leave or die, or it was no torture. */
  readonly goneMin: number;
}

export function groupTortureChecks(world: World): Check[] {
  const small = { count: 20_000, batch: 100, pauseMs: 90, changeMs: 1_200, goneMin: 3 };
  const whole = { count: 200_000, batch: 200, pauseMs: 90, changeMs: 2_000, goneMin: 10 };
  return [
    { ...tortureCheck(world, 'kafkajs', small), timeoutMs: 120_000 },
    { ...tortureCheck(world, 'librdkafka', whole), isFullOnly: true, timeoutMs: 400_000 },
  ];
}

function tortureCheck(world: World, client: DriverProgram, plan: Plan): Check {
  return {
    client,
    feature: 'group torture',
    name: `eight workers of kafkajs and librdkafka, killed and started again, read ${plan.count} keyed records`,
    needs: groupApis,
    uses: libraries,
    run: () =>
      world.withBroker(quickGroups, async (broker) => {
        const topic = await world.createTopic(
          newTopic('torture'),
          partitions,
          {},
          broker.bootstrap,
        );
        const torture = new Torture(world, broker, topic);
        await torture.run(plan);
        torture.verify(await storedValues(world, broker, topic, plan.count));
      }),
  };
}

async function storedValues(world: World, broker: BrokerProcess, topic: string, count: number) {
  // One more than there may be, so that one too many would be seen.
  const wanted = { topic, partitions, count: count + 1, timeoutMs: 20_000 };
  return (await world.java.request('readSteadily', broker.bootstrap, wanted)) as string[][];
}

interface Worker {
  readonly name: string;
  readonly driver: DriverClient;
}

type Told = WorkerEvent & { readonly worker: string };

class Torture {
  readonly #world: World;
  readonly #broker: BrokerProcess;
  readonly #topic: string;
  /** By slot; null where nobody lives. */
  readonly #slots: (Worker | null)[] = Array(workers).fill(null);
  readonly #told: Told[] = [];
  #born = 0;
  #killed = 0;
  #left = 0;

  constructor(world: World, broker: BrokerProcess, topic: string) {
    this.#world = world;
    this.#broker = broker;
    this.#topic = topic;
  }

  async run(plan: Plan): Promise<void> {
    const { count, batch, pauseMs, changeMs, goneMin } = plan;
    for (let slot = 0; slot < workers; slot++) await this.#begin(slot);
    let isWritten = false;
    const request = { topic: this.#topic, count, keys, batch, pauseMs };
    const writing = this.#world.librdkafka
      .request('produceKeyed', this.#broker.bootstrap, request)
      .finally(() => {
        isWritten = true;
      });
    writing.catch(() => {});
    const restartAt = performance.now() + (count / batch) * pauseMs * 0.5;
    let isRestarted = false;
    while (!isWritten) {
      await sleep(changeMs);
      if (!isRestarted && performance.now() > restartAt) {
        isRestarted = true;
        await this.#broker.restart('SIGKILL');
      }
      await this.#change();
    }
    await writing;
    await this.#untilCommitted(count);
    for (const worker of this.#slots) await worker?.driver.kill();
    note(`${this.#born} workers began, ${this.#killed} were killed, ${this.#left} left`);
    expect(isRestarted, 'the coordinator was killed in the middle');
    expect(this.#killed + this.#left >= goneMin, `${goneMin} workers at least have gone`);
  }

  /** One of them begins, leaves or dies. */
  async #change(): Promise<void> {
    const slot = Math.floor(Math.random() * workers);
    const worker = this.#slots[slot];
    if (worker === null || worker === undefined) return this.#begin(slot);
    if (this.#slots.filter((one) => one !== null).length <= aliveMin) return;
    this.#slots[slot] = null;
    if (Math.random() < 0.5) {
      this.#killed++;
      return worker.driver.kill();
    }
    this.#left++;
    const request = { member: worker.name };
    const leaving = worker.driver.request('stopWork', this.#broker.bootstrap, request);
    // Nobody waits for it; a broker that restarts meanwhile may make it end with an error.
    void leaving.catch(() => {}).then(() => worker.driver.kill());
  }

  async #begin(slot: number): Promise<void> {
    const library = libraries[slot % libraries.length] ?? 'kafkajs';
    const driver = this.#world.newDriver(library);
    const name = `${library} ${++this.#born}`;
    driver.onEvent = (event) => this.#told.push({ ...event, worker: name });
    this.#slots[slot] = { name, driver };
    const place = { topic: this.#topic, group: `of-${this.#topic}` };
    const request = { ...place, member: name, sessionTimeoutMs, chunk: 100, workMs: 20 };
    await driver.request('work', this.#broker.bootstrap, request);
  }

  async #untilCommitted(count: number): Promise<void> {
    const place = { topic: this.#topic, group: `of-${this.#topic}`, partitions };
    let committed = 0;
    await until(`${count} records are committed`, 60_000, async () => {
      await sleep(300);
      const rows = await this.#world.kafkajs.request('committed', this.#broker.bootstrap, place);
      committed = (rows as readonly { readonly offset: number }[]).reduce(
        (sum, { offset }) => sum + Math.max(0, offset),
        0,
      );
      return committed === count;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${committed}`);
    });
  }

  verify(stored: readonly (readonly string[])[]): void {
    const log = new Histories(stored);
    const all = this.#told.sort((a, b) => a.at - b.at);
    for (const [i, told] of all.entries()) {
      try {
        log.take(told);
      } catch (error) {
        for (const line of around(all, i)) note(line);
        throw error;
      }
    }
    log.finish();
    note(`${log.again} records were read again, none of them committed`);
  }
}

/** What was told of the partition of one of them, before and after it. */
function around(all: readonly Told[], index: number): string[] {
  const told = all[index];
  if (told === undefined) return [];
  const partitionsOf = (one: Told): number[] => {
    if (one.event === 'read') return [one.partition];
    return one.event === 'committed' ? one.offsets.map(([partition]) => partition) : [];
  };
  const wanted = new Set(partitionsOf(told));
  const lines = all.slice(Math.max(0, index - 400), index + 40).flatMap((one) => {
    const isOfIt = partitionsOf(one).some((partition) => wanted.has(partition));
    if (one.event !== 'rebalance' && !isOfIt) return [];
    const { at, worker } = one;
    const what =
      one.event === 'read'
        ? `read ${one.partition}: ${one.first} and ${one.values.length - 1} more`
        : `${one.event} ${one.event === 'committed' ? JSON.stringify(one.offsets) : ''}`;
    return [`${at} ${worker} ${what}`];
  });
  return lines.slice(-40);
}

/** What happened to each partition, in the order in which it happened. */
class Histories {
  readonly #stored: readonly (readonly string[])[];
  /** By partition: the end of what was read by anybody. */
  readonly #read: number[] = Array(partitions).fill(0);
  readonly #committed: number[] = Array(partitions).fill(0);
  /** Of each worker and partition: what it reads next if nothing happens. */
  readonly #next = new Map<string, number>();
  /** Records that were read more than once. */
  again = 0;

  constructor(stored: readonly (readonly string[])[]) {
    this.#stored = stored;
    const last = new Map<string, number>();
    for (const value of stored.flat()) {
      const [key = '', number] = value.split('-');
      expectEqual(Number(number), (last.get(key) ?? -1) + 1, `number of ${key} in the log`);
      last.set(key, Number(number));
    }
  }

  take(told: Told): void {
    if (told.event === 'rebalance') return;
    if (told.event === 'committed') {
      for (const [partition, offset] of told.offsets) this.#commit(told, partition, offset);
      return;
    }
    const { partition, first, values, worker } = told;
    const read = this.#read[partition] ?? 0;
    const committed = this.#committed[partition] ?? 0;
    const where = `partition ${partition}, ${worker} at ${first}`;
    if (first > read) throw new Error(`${where}: ${read} to ${first} nobody has read`);
    if (first < committed) throw new Error(`${where}: read again, ${committed} was committed`);
    const wanted = this.#stored[partition]?.slice(first, first + values.length);
    expectEqual(values, wanted, where);
    const next = this.#next.get(`${worker} ${partition}`) ?? first;
    if (first > next) {
      // Only others can have read what lies between.
      if (committed < first) throw new Error(`${where}: skipped from ${next}`);
    }
    this.#next.set(`${worker} ${partition}`, first + values.length);
    this.again += Math.max(0, Math.min(read, first + values.length) - first);
    this.#read[partition] = Math.max(read, first + values.length);
  }

  #commit({ worker }: Told, partition: number, offset: number): void {
    const before = this.#committed[partition] ?? 0;
    const where = `partition ${partition}, ${worker}`;
    if (offset < before) throw new Error(`${where}: ${offset} committed after ${before}`);
    if (offset > (this.#read[partition] ?? 0)) throw new Error(`${where}: ${offset} was not read`);
    this.#committed[partition] = offset;
  }

  finish(): void {
    const ends = this.#stored.map((values) => values.length);
    expectEqual(this.#read, ends, 'ends of what was read');
    expectEqual(this.#committed, ends, 'ends of what was committed');
  }
}
