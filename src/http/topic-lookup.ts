/** Topics and partitions out of names in requests. */

import type { Broker, Partition, Topic } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { committed } from './context.ts';
import { integer, text } from './schema.ts';

/** Longer ones than are allowed are looked for too: they are not found. */
export const topicName = text({ min: 1, max: 1024, text: 'Name of the topic.' });
export const partitionIndex = integer({
  min: 0,
  max: 2 ** 31 - 1,
  text: 'Index of the partition.',
});

/** @throws BrokerError topic_not_found, once that is certain */
export async function findTopic(broker: Broker, name: string): Promise<Topic> {
  const topic = broker.topic(name);
  if (topic !== undefined) return topic;
  await committed(broker, broker.catalogLsn);
  throw new BrokerError('topic_not_found', name.slice(0, 300));
}

/** @throws BrokerError topic_not_found, partition_not_found */
export async function findPartition(
  broker: Broker,
  name: string,
  index: number,
): Promise<Partition> {
  const topic = await findTopic(broker, name);
  const partition = topic.partitions[index];
  if (partition !== undefined) return partition;
  throw new BrokerError('partition_not_found', `${topic.name} has no partition ${index}`);
}
