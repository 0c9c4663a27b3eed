/** Every client reads what every client wrote, with every codec: key, value, headers, time. */

import { type Check, expect, expectEqual, type Program } from '../../check.ts';
import { type Codec, codecs, type Message, newTopic, type StoredMessage } from '../client.ts';
import { storedAttributes } from '../wire.ts';
import { programs, type World } from '../world.ts';

/** Compressible, so that no client decides that it is not worth it. */
const filler = 'the quick brown fox jumps over the lazy dog; '.repeat(40);
const headers = [
  ['trace', 'abc-1'],
  ['trace', 'a second one of the same name'],
  ['ключ', 'значение ☃'],
  ['empty', ''],
] as const;

/** As Kafka numbers them in a batch's attributes. */
const codecBits: Readonly<Record<Codec, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

// An hour ago, to the second: what is older than a week retention lets go while the run goes on.
const baseTime = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;

function messagesFor(codec: Codec, setsTimestamps: boolean): Message[] {
  const plain: Omit<Message, 'timestamp'>[] = [
    { partition: 0, key: 'k0', value: `${codec} ${filler}`, headers },
    { partition: 0, key: 'ключ-1', value: `☃ ${filler}`, headers },
    { partition: 0, key: null, value: filler, headers },
    { partition: 0, key: 'tombstone', value: null, headers: [] },
    { partition: 0, key: 'empty', value: '', headers: [] },
    { partition: 0, key: 'last', value: filler, headers: [] },
  ];
  if (!setsTimestamps) return plain;
  return plain.map((message, i) => ({ ...message, timestamp: baseTime + i * 1000 }));
}

interface Written {
  readonly topic: string;
  readonly messages: readonly Message[];
  readonly writtenAt: readonly [number, number];
}

/** What one client wrote with one codec; written when the first reader asks. */
class Sample {
  readonly #world: World;
  readonly #writer: Program;
  readonly #codec: Codec;
  #written: Promise<Written> | null = null;
  #timestamps: readonly number[] | null = null;

  constructor(world: World, writer: Program, codec: Codec) {
    this.#world = world;
    this.#writer = writer;
    this.#codec = codec;
  }

  written(): Promise<Written> {
    this.#written ??= this.#write();
    return this.#written;
  }

  async #write(): Promise<Written> {
    const client = this.#world.client(this.#writer);
    const topic = await this.#world.createTopic(newTopic(`matrix-${this.#writer}-${this.#codec}`));
    const messages = messagesFor(this.#codec, client.setsTimestamps);
    const before = Date.now();
    await client.produce(this.#world.bootstrap, topic, messages, { codec: this.#codec });
    return { topic, messages, writtenAt: [before, Date.now()] };
  }

  /** What no client may choose itself has to be equal for all readers. */
  checkTimestamps(stored: readonly StoredMessage[], { messages, writtenAt }: Written): void {
    const found = stored.map(({ timestamp }) => timestamp);
    for (const [i, message] of messages.entries()) {
      const time = found[i] ?? Number.NaN;
      if (message.timestamp !== undefined) expectEqual(time, message.timestamp, `timestamp ${i}`);
      else expect(time >= writtenAt[0] && time <= writtenAt[1], `timestamp ${i} is ${time}`);
    }
    this.#timestamps ??= found;
    expectEqual(found, this.#timestamps, 'timestamps as the first reader saw them');
  }
}

export function matrixChecks(world: World): Check[] {
  const checks: Check[] = [];
  for (const codec of codecs) {
    for (const writer of programs) {
      const sample = new Sample(world, writer, codec);
      checks.push(storedCheck(world, sample, writer, codec));
      for (const reader of programs) checks.push(readCheck(world, sample, writer, reader, codec));
    }
  }
  return checks;
}

function storedCheck(world: World, sample: Sample, writer: Program, codec: Codec): Check {
  return {
    client: writer,
    feature: `produce, ${codec}`,
    name: `what ${writer} writes with ${codec} is stored with ${codec}`,
    uses: [writer, 'kafkajs'],
    run: async () => {
      const { topic } = await sample.written();
      const bits = (await storedAttributes(world.broker.port, topic)).map((one) => one & 7);
      expect(bits.length > 0, 'nothing is stored');
      // librdkafka leaves a batch alone that would not become smaller.
      const first = bits[0] ?? -1;
      expectEqual(first, codecBits[codec], 'codec of the first batch');
    },
  };
}

function readCheck(
  world: World,
  sample: Sample,
  writer: Program,
  reader: Program,
  codec: Codec,
): Check {
  return {
    client: reader,
    feature: `fetch, ${codec}`,
    name: `${reader} reads what ${writer} wrote with ${codec}`,
    uses: [writer, reader, 'kafkajs'],
    run: async () => {
      const written = await sample.written();
      const { messages, topic } = written;
      const from = { topic, partition: 0, offset: 0 };
      const stored = await world.client(reader).read(world.bootstrap, from, messages.length);
      expectEqual(
        stored.map(({ offset, key, value, headers: found }) => ({ offset, key, value, found })),
        messages.map(({ key, value, headers: wanted }, offset) => ({
          offset,
          key,
          value,
          found: wanted,
        })),
        'messages',
      );
      sample.checkTimestamps(stored, written);
    },
  };
}
