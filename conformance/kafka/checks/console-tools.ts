/** Apache's console producer and consumer by partition, and the tools that measure and verify. */

import { type Check, expect, expectEqual, type Program } from '../../check.ts';
import { newTopic } from '../client.ts';
import type { World } from '../world.ts';

const uses: readonly Program[] = ['java', 'kafkajs'];

export function consoleToolChecks(world: World): Check[] {
  return [
    ...(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).map((codec) => ({
      ...consoleCheck(world, codec),
      isFullOnly: codec === 'gzip' || codec === 'snappy',
    })),
    tailCheck(world),
    getOffsetsCheck(world),
    verifiableCheck(world),
    perfCheck(world),
  ];
}

function consoleCheck(world: World, codec: string): Check {
  return {
    client: 'java',
    feature: 'kafka-console-producer, kafka-console-consumer',
    name: `kafka-console-consumer reads what kafka-console-producer wrote with ${codec}`,
    uses,
    run: async () => {
      const topic = await world.createTopic(newTopic(`console-${codec}`));
      const server = ['--bootstrap-server', world.bootstrap, '--topic', topic];
      const reader = [
        '--reader-property',
        'parse.key=true',
        '--reader-property',
        'parse.headers=true',
      ];
      const setting = ['--command-property', `compression.type=${codec}`];
      const input = 'h1:a,h2:b\tkey-1\tvalue one\nh1:c\tключ\tзначение ☃\n';
      const wrote = await world.apache.run(
        'kafka-console-producer',
        [...server, ...reader, ...setting],
        { input },
      );
      expectEqual(wrote.code, 0, 'code of the producer');
      const shown = ['key', 'headers', 'offset', 'partition', 'timestamp'].flatMap((what) => [
        '--formatter-property',
        `print.${what}=true`,
      ]);
      const from = ['--partition', '0', '--offset', 'earliest', '--max-messages', '2'];
      const limit = ['--timeout-ms', '15000'];
      const args = [...server, ...from, ...limit, ...shown];
      const read = await world.apache.run('kafka-console-consumer', args);
      const lines = read.stdout
        .toString()
        .split('\n')
        .filter((line) => line.includes('\t'));
      expectEqual(
        lines.map((line) => line.replace(/^CreateTime:\d+\t/, '')),
        [
          'Partition:0\tOffset:0\th1:a,h2:b\tkey-1\tvalue one',
          'Partition:0\tOffset:1\th1:c\tключ\tзначение ☃',
        ],
        'what the consumer prints',
      );
    },
  };
}

/** A consumer that waits at the end is woken by what comes. */
function tailCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'kafka-console-producer, kafka-console-consumer',
    name: 'kafka-console-consumer at the latest offset prints what is written afterwards',
    uses,
    run: async () => {
      const topic = await world.createTopic(newTopic('tail'));
      const old = { partition: 0, key: null, value: 'before', headers: [] };
      await world.kafkajs.produce(world.bootstrap, topic, [old]);
      const server = ['--bootstrap-server', world.bootstrap, '--topic', topic];
      const from = ['--partition', '0', '--offset', 'latest', '--max-messages', '1'];
      let isDone = false;
      const reading = world.apache
        .run('kafka-console-consumer', [...server, ...from, '--timeout-ms', '25000'])
        .finally(() => {
          isDone = true;
        });
      // When it has asked for the end is not to be seen: write until it has what it waits for.
      while (!isDone) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        const later = { partition: 0, key: null, value: 'after', headers: [] };
        await world.kafkajs.produce(world.bootstrap, topic, [later]);
      }
      expectEqual((await reading).stdout.toString().trim(), 'after', 'what it prints');
    },
  };
}

function getOffsetsCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'kafka-get-offsets',
    name: 'kafka-get-offsets knows the earliest, latest, largest-timestamp and timed offsets',
    uses,
    run: async () => {
      const topic = await world.createTopic(newTopic('offsets'), 2);
      // The third has the largest timestamp.
      // Retention lets go of what is older than a week while the run goes on.
      const first = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
      const times = [first, first + 1000, first + 9000, first + 2000];
      const messages = times.map((timestamp, i) => ({
        partition: 1,
        key: null,
        value: `${i}`,
        headers: [],
        timestamp,
      }));
      for (const message of messages) {
        await world.kafkajs.produce(world.bootstrap, topic, [message]);
      }
      const ask = async (time: string): Promise<string[]> => {
        const server = ['--bootstrap-server', world.bootstrap, '--topic', topic];
        const told = await world.apache.run('kafka-get-offsets', [...server, '--time', time]);
        return told.stdout
          .toString()
          .split('\n')
          .filter((line) => line.startsWith(topic));
      };
      expectEqual(await ask('-2'), [`${topic}:0:0`, `${topic}:1:0`], 'earliest');
      expectEqual(await ask('-1'), [`${topic}:0:0`, `${topic}:1:4`], 'latest');
      // What has no offset is left out.
      expectEqual(await ask('-3'), [`${topic}:1:2`], 'of the largest timestamp');
      expectEqual(await ask(`${first + 500}`), [`${topic}:1:1`], 'at a time');
      expectEqual(await ask('-4'), [`${topic}:0:0`, `${topic}:1:0`], 'earliest local');
    },
  };
}

function verifiableCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'kafka-verifiable-producer',
    name: 'kafka-verifiable-producer has all of its messages acknowledged',
    uses,
    run: async () => {
      const topic = await world.createTopic(newTopic('verifiable'), 3);
      const args = ['--bootstrap-server', world.bootstrap, '--topic', topic];
      const many = [...args, '--max-messages', '2000', '--acks', '-1'];
      const told = await world.apache.run('kafka-verifiable-producer', many);
      const lines = told.stdout
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('{'));
      const rows = lines.map((line) => JSON.parse(line) as { name: string; acked?: number });
      expectEqual(rows.at(-1)?.name, 'tool_data', 'the last line');
      expectEqual(rows.at(-1)?.acked, 2000, 'acknowledged');
      let stored = 0;
      for (let i = 0; i < 3; i++) {
        stored += await world.kafkajs.offset(world.bootstrap, topic, i, -1);
      }
      expectEqual(stored, 2000, 'stored');
    },
  };
}

function perfCheck(world: World): Check {
  return {
    client: 'java',
    feature: 'kafka-producer-perf-test',
    name: 'kafka-producer-perf-test writes 20,000 records with lz4',
    uses,
    run: async () => {
      const topic = await world.createTopic(newTopic('perf'), 2);
      const size = ['--num-records', '20000', '--record-size', '200', '--throughput', '-1'];
      const how = [
        '--bootstrap-server',
        world.bootstrap,
        '--command-property',
        'compression.type=lz4',
      ];
      const args = ['--topic', topic, ...size, ...how];
      const told = await world.apache.run('kafka-producer-perf-test', args);
      expect(/20000 records sent/.test(told.output), 'it says that all were sent');
      const first = await world.kafkajs.offset(world.bootstrap, topic, 0, -1);
      const second = await world.kafkajs.offset(world.bootstrap, topic, 1, -1);
      expectEqual(first + second, 20_000, 'stored');
    },
  };
}
