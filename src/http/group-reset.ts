/**
 * The route that moves a group's offsets: to a place, or by a distance; of some topics, or of all
 * for which the group has one. Only while the group has no members.
 *
 * Offsets outside of what a partition has become the nearest it has, as with Kafka's own tool.
 */

import type { Broker, OffsetCommit, Partition } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { settled } from './context.ts';
import { assertEmpty, outsider } from './group-offsets.ts';
import { offsetAt, type Place, placeForms } from './position.ts';
import { RequestFault } from './problem.ts';
import { route } from './route.ts';
import {
  flag,
  integer,
  list,
  nullable,
  object,
  oneOf,
  optional,
  text,
  type Value,
  withDefault,
} from './schema.ts';
import { findPartition, findTopic, partitionIndex, topicName } from './topic-lookup.ts';

const movedAnswer = object({
  topic: text(),
  partition: integer(),
  before: nullable(integer({ text: 'Null: none was committed.' })),
  after: integer(),
  isClamped: flag('The partition does not have the offset that was asked for.'),
});

type Moved = Value<typeof movedAnswer>;

const shift = object({ shiftBy: integer() }, 'So many offsets forward, or back.');

const resetBody = object({
  topics: optional(
    list(
      object({ topic: topicName, partitions: optional(list(partitionIndex, { max: 10_000 })) }),
      { max: 1000, text: 'Left out: every partition for which the group has an offset.' },
    ),
  ),
  to: oneOf(
    [...placeForms, shift],
    'an offset, "earliest", "latest", {"time": ms}, {"fromEnd": n} or {"shiftBy": n}',
  ),
  dryRun: withDefault(flag('Say what would be done, and do nothing.'), false),
});

export const resetOffsets = route({
  method: 'POST',
  path: '/v1/groups/{group}/offsets/reset',
  operation: 'resetOffsets',
  text: 'Moves the offsets of a group without members.',
  parameters: { group: text({ max: 32_767, text: 'Id of the group.' }) },
  query: {},
  body: resetBody,
  bodyBytesMax: 1024 * 1024,
  answer: object({ dryRun: flag(), offsets: list(movedAnswer, { max: 200_000 }) }),
  errors: [
    'group_not_found',
    'group_not_empty',
    'topic_not_found',
    'partition_not_found',
    'invalid_group_id',
    'storage_full',
  ],
  async run({ broker }, { path, body }) {
    assertEmpty(broker.groups.describe(path.group));
    const partitions = await partitionsOf(broker, path.group, body.topics);
    const moves = await Promise.all(
      partitions.map((partition) => moveOf(broker, path.group, partition, body.to)),
    );
    const answer = { dryRun: body.dryRun, offsets: moves.map(({ moved }) => moved) };
    if (body.dryRun || moves.length === 0) return answer;
    // Somebody may have joined while times were looked up.
    assertEmpty(broker.groups.describe(path.group));
    const commits = moves.map(({ commit }) => commit);
    const outcome = broker.groups.commitOffsets(outsider(path.group), commits);
    const error = outcome.error ?? outcome.partitions.find((each) => each !== null) ?? null;
    await settled(broker, { error, lsn: outcome.lsn, detail: path.group.slice(0, 300) });
    return answer;
  },
});

async function partitionsOf(
  broker: Broker,
  groupId: string,
  topics: Value<typeof resetBody>['topics'],
): Promise<Partition[]> {
  if (topics === undefined) {
    const all = Array.from(broker.groups.committedOffsets(groupId), ([partition]) => partition);
    if (all.length === 0 && broker.groups.describe(groupId) === undefined) {
      throw new BrokerError('group_not_found', groupId.slice(0, 300));
    }
    return all;
  }
  const partitions = new Set<Partition>();
  for (const { topic: name, partitions: indexes } of topics) {
    const topic = await findTopic(broker, name);
    for (const index of indexes ?? topic.partitions.keys()) {
      partitions.add(await findPartition(broker, name, index));
    }
  }
  return [...partitions];
}

async function moveOf(
  broker: Broker,
  groupId: string,
  partition: Partition,
  to: Place | { readonly shiftBy: number },
): Promise<{ readonly moved: Moved; readonly commit: OffsetCommit }> {
  const before = broker.groups.committedOffset(groupId, partition)?.offset ?? null;
  const wanted = await wantedOffset(broker, partition, before, to);
  const { topic, index, logStart, highWatermark } = partition;
  const after = Math.min(Math.max(wanted, logStart), highWatermark);
  return {
    moved: { topic: topic.name, partition: index, before, after, isClamped: after !== wanted },
    commit: { partition, offset: after, leaderEpoch: -1, metadata: '' },
  };
}

function wantedOffset(
  broker: Broker,
  partition: Partition,
  before: number | null,
  to: Place | { readonly shiftBy: number },
): Promise<number> {
  if (typeof to !== 'object' || !('shiftBy' in to)) return offsetAt(broker, partition, to);
  if (before !== null) return Promise.resolve(before + to.shiftBy);
  const place = `${partition.topic.name}, partition ${partition.index}`;
  throw new RequestFault('bad_request', `${place}: the group has no offset that could be shifted`);
}
