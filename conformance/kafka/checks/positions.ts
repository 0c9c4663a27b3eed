/** Reading from where one wants to: by offset, by time, from the start, to the end. */

import { type Check, expectEqual, type Program } from '../../check.ts';
import { type Codec, type Message, newTopic } from '../client.ts';
import { programs, type World } from '../world.ts';

const count = 500;
// An hour ago, to the second: what is older than a week retention lets go while the run goes on.
const baseTime = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
const stepMs = 1000;

/** One record a second, 500 of them; written once for each codec. */
class Series {
  readonly #world: World;
  readonly #codec: Codec;
  #topic: Promise<string> | null = null;

  constructor(world: World, codec: Codec) {
    this.#world = world;
    this.#codec = codec;
  }

  topic(): Promise<string> {
    this.#topic ??= this.#write();
    return this.#topic;
  }

  async #write(): Promise<string> {
    const topic = await this.#world.createTopic(newTopic(`series-${this.#codec}`));
    const messages = Array.from(
      { length: count },
      (_, i): Message => ({
        partition: 0,
        key: null,
        value: `record ${i}`,
        headers: [],
        timestamp: baseTime + i * stepMs,
      }),
    );
    const { bootstrap, kafkajs } = this.#world;
    // Several batches, each with many records: a time is looked up between and inside them.
    for (let i = 0; i < count; i += 100) {
      await kafkajs.produce(bootstrap, topic, messages.slice(i, i + 100), { codec: this.#codec });
    }
    return topic;
  }
}

export function positionChecks(world: World): Check[] {
  const series = { none: new Series(world, 'none'), lz4: new Series(world, 'lz4') };
  return programs.flatMap((client) => [
    offsetCheck(world, series.none, client),
    endsCheck(world, series.none, client),
    timeCheck(world, series.none, client, 'none'),
    timeCheck(world, series.lz4, client, 'lz4'),
  ]);
}

function offsetCheck(world: World, series: Series, client: Program): Check {
  return {
    client,
    feature: 'fetch by offset',
    name: `${client} reads from offsets in the middle of batches`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = await series.topic();
      for (const offset of [1, 99, 100, 250, 499]) {
        const from = { topic, partition: 0, offset };
        const length = Math.min(3, count - offset);
        const found = await world.client(client).read(world.bootstrap, from, length);
        expectEqual(
          found.map((one) => [one.offset, one.value]),
          Array.from({ length }, (_, i) => [offset + i, `record ${offset + i}`]),
          `from ${offset}`,
        );
      }
    },
  };
}

function endsCheck(world: World, series: Series, client: Program): Check {
  return {
    client,
    feature: 'offsets of start and end',
    name: `${client} finds the earliest and the latest offset`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = await series.topic();
      const { bootstrap } = world;
      const one = world.client(client);
      expectEqual(await one.offset(bootstrap, topic, 0, -2), 0, 'earliest');
      expectEqual(await one.offset(bootstrap, topic, 0, -1), count, 'latest');
    },
  };
}

function timeCheck(world: World, series: Series, client: Program, codec: Codec): Check {
  return {
    client,
    feature: 'offsets by time',
    name: `${client} finds offsets by time in batches with codec ${codec}`,
    uses: [client, 'kafkajs'],
    run: async () => {
      const topic = await series.topic();
      const cases = [
        [baseTime - 5, 0],
        [baseTime, 0],
        [baseTime + 1, 1],
        [baseTime + 150 * stepMs, 150],
        [baseTime + 150 * stepMs + 1, 151],
        [baseTime + 499 * stepMs, 499],
      ] as const;
      for (const [time, offset] of cases) {
        const found = await world.client(client).offset(world.bootstrap, topic, 0, time);
        expectEqual(found, offset, `first offset at or after ${time}`);
      }
    },
  };
}
