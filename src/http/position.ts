/**
 * Places in a partition, as requests name them.
 *
 *     17  "earliest"  "latest"  {"time": 1767225600000}  {"fromEnd": 10}
 */

import type { Broker, Partition } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { choice, integer, object, oneOf, type Value } from './schema.ts';

export const placeForms = [
  integer({ min: 0, text: 'An offset.' }),
  choice(['earliest', 'latest'], 'The first record there is; what comes from now on.'),
  object({ time: integer({ min: 0 }) }, 'The first record at or after this time, Unix ms.'),
  object({ fromEnd: integer({ min: 0 }) }, 'So many offsets before the end.'),
] as const;

export const place = oneOf(
  placeForms,
  'an offset, "earliest", "latest", {"time": ms} or {"fromEnd": n}',
);

export type Place = Value<typeof place>;

/** An offset that is given is not checked. */
export async function offsetAt(broker: Broker, partition: Partition, at: Place): Promise<number> {
  if (typeof at === 'number') return at;
  const { logStart, highWatermark } = partition;
  if (at === 'earliest') return logStart;
  if (at === 'latest') return highWatermark;
  if ('fromEnd' in at) return Math.max(logStart, highWatermark - at.fromEnd);
  return offsetAtTime(broker, partition, at.time);
}

/** The end, when every record is older. */
function offsetAtTime(broker: Broker, partition: Partition, time: number): Promise<number> {
  return new Promise((resolve, reject) => {
    broker.offsetForTimestamp(partition, time, (error, { offset }) => {
      if (error !== null) reject(new BrokerError(error, partition.topic.name));
      else resolve(offset === -1 ? partition.highWatermark : offset);
    });
  });
}
