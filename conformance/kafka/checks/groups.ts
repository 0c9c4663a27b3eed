/** Consumer groups, as far as that one of them reads a topic whole and once. */

import { type Check, expect, expectEqual } from '../../check.ts';
import { newTopic } from '../client.ts';
import type { World } from '../world.ts';

const needs = ['JoinGroup', 'SyncGroup', 'Heartbeat', 'LeaveGroup', 'OffsetCommit', 'OffsetFetch'];
const count = 50;

export function groupChecks(world: World): Check[] {
  const prepare = async (): Promise<string> => {
    const topic = await world.createTopic(newTopic('group'));
    const messages = Array.from({ length: count }, (_, i) => ({
      partition: 0,
      key: null,
      value: `${i}`,
      headers: [],
    }));
    await world.kafkajs.produce(world.bootstrap, topic, messages);
    return topic;
  };
  const byApi = (['kafkajs', 'platformatic', 'python', 'java'] as const).map(
    (client): Check => ({
      client,
      feature: 'consumer groups',
      name: `${client} reads a topic through a group`,
      needs,
      uses: [client, 'kafkajs'],
      run: async () => {
        const topic = await prepare();
        const found = await world[client].consume(world.bootstrap, topic, `of-${topic}`, count);
        expectEqual(
          found,
          Array.from({ length: count }, (_, i) => i),
          'offsets',
        );
      },
    }),
  );
  const byKcat: Check = {
    client: 'kcat',
    feature: 'consumer groups',
    name: 'kcat reads a topic through a group',
    needs,
    uses: ['kcat', 'kafkajs'],
    run: async () => {
      const topic = await prepare();
      const from = ['-X', 'auto.offset.reset=earliest', '-e', '-c', `${count}`];
      const done = await world.kcat.run(world.bootstrap, ['-G', `of-${topic}`, ...from, topic]);
      const lines = done.stdout
        .toString()
        .split('\n')
        .filter((line) => line !== '');
      expect(lines.length === count, `messages: ${lines.length}`);
    },
  };
  return [...byApi, byKcat];
}
