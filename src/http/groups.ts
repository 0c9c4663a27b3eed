/**
 * Routes about consumer groups: list, describe, commit, delete. Resetting is in group-reset.ts.
 */

import type { GroupDescription } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { readAssignment } from './assignment.ts';
import { committed, settled } from './context.ts';
import {
  assertEmpty,
  committedRows,
  type GroupOffset,
  groupOffset,
  offsetsMax,
  outsider,
  ownersOf,
} from './group-offsets.ts';
import { resetOffsets } from './group-reset.ts';
import { pageOf, pageQuery } from './paging.ts';
import { type Route, route } from './route.ts';
import { flag, integer, list, nullable, object, optional, text, withDefault } from './schema.ts';
import { findPartition, partitionIndex, topicName } from './topic-lookup.ts';

/** Longer ones than are allowed are looked for too: they are not found. */
const groupId = text({ max: 32_767, text: 'Id of the group.' });

const groupSummary = object({
  groupId: text(),
  state: text({ text: 'Empty, PreparingRebalance, CompletingRebalance, Stable or Dead.' }),
  protocolType: text(),
});

const memberAnswer = object({
  memberId: text(),
  instanceId: nullable(text()),
  clientId: text(),
  clientHost: text(),
  assignment: nullable(
    list(object({ topic: text(), partitions: list(integer(), { max: 100_000 }) }), {
      max: 100_000,
      text: 'Null when the members do not say it in the usual form.',
    }),
  ),
});

const listGroups = route({
  method: 'GET',
  path: '/v1/groups',
  operation: 'listGroups',
  text: 'Lists the consumer groups, by id.',
  parameters: {},
  query: pageQuery,
  body: null,
  answer: object({ items: list(groupSummary, { max: 1000 }), next: nullable(text()) }),
  errors: [],
  async run({ broker }, { query }) {
    const page = pageOf(broker.groups.list(), (group) => group.groupId, query);
    const items = page.items.map(({ groupId: id, state, protocolType }) => ({
      groupId: id,
      state,
      protocolType,
    }));
    await committed(broker, broker.groups.groupsLsn);
    return { items, next: page.next };
  },
});

const describeGroup = route({
  method: 'GET',
  path: '/v1/groups/{group}',
  operation: 'describeGroup',
  text: 'A group with its members, its offsets, and how far behind it is.',
  parameters: { group: groupId },
  query: {},
  body: null,
  answer: object({
    groupId: text(),
    state: text(),
    protocolType: text(),
    protocol: text(),
    generation: integer(),
    members: list(memberAnswer, { max: 100_000 }),
    lag: integer({ text: 'Of all partitions together.' }),
    offsets: list(groupOffset, { max: offsetsMax, text: 'By topic and partition.' }),
    hasMoreOffsets: flag('There are more than fit.'),
  }),
  errors: ['group_not_found'],
  async run({ broker }, { path }) {
    const group = broker.groups.describe(path.group);
    if (group === undefined) {
      await committed(broker, broker.groups.groupsLsn);
      throw new BrokerError('group_not_found', path.group.slice(0, 300));
    }
    const rows = committedRows(broker, path.group, ownersOf(group));
    const { groupId: id, state, protocolType, protocol, generation, lsn } = group;
    const answer = {
      ...{ groupId: id, state, protocolType, protocol, generation },
      members: group.members.map((member) => describeMember(group, member)),
      lag: lagOf(rows),
      ...firstOffsets(rows),
    };
    await committed(broker, Math.max(lsn, broker.groups.offsetsLsn(path.group)));
    return answer;
  },
});

const readOffsets = route({
  method: 'GET',
  path: '/v1/groups/{group}/offsets',
  operation: 'readOffsets',
  text: 'The offsets that a group has committed. None when there is no such group.',
  parameters: { group: groupId },
  query: { topic: optional(topicName) },
  body: null,
  answer: object({
    offsets: list(groupOffset, { max: offsetsMax }),
    hasMoreOffsets: flag('There are more than fit: ask for one topic.'),
  }),
  errors: [],
  async run({ broker }, { path, query }) {
    const rows = committedRows(broker, path.group, null).filter(
      ({ topic }) => query.topic === undefined || topic === query.topic,
    );
    await committed(broker, broker.groups.offsetsLsn(path.group));
    return firstOffsets(rows);
  },
});

const commitOffsets = route({
  method: 'PUT',
  path: '/v1/groups/{group}/offsets',
  operation: 'commitOffsets',
  text: 'Commits offsets for a group without members; the group is made when there is none.',
  parameters: { group: groupId },
  query: {},
  body: object({
    offsets: list(
      object({
        topic: topicName,
        partition: partitionIndex,
        offset: integer({ min: 0, text: 'The next one to read.' }),
        metadata: withDefault(text({ max: 65_536 }), ''),
      }),
      { max: 10_000 },
    ),
  }),
  bodyBytesMax: 4 * 1024 * 1024,
  answer: object({ committed: integer() }),
  errors: [
    'topic_not_found',
    'partition_not_found',
    'invalid_group_id',
    'group_not_empty',
    'offset_metadata_too_large',
    'limit_exceeded',
    'storage_full',
  ],
  async run({ broker }, { path, body }) {
    const commits = await Promise.all(
      body.offsets.map(async ({ topic, partition, offset, metadata }) => ({
        partition: await findPartition(broker, topic, partition),
        ...{ offset, leaderEpoch: -1, metadata },
      })),
    );
    assertEmpty(broker.groups.describe(path.group));
    const outcome = broker.groups.commitOffsets(outsider(path.group), commits);
    const error = outcome.error ?? outcome.partitions.find((each) => each !== null) ?? null;
    await settled(broker, { error, lsn: outcome.lsn, detail: path.group.slice(0, 300) });
    return { committed: commits.length };
  },
});

const deleteGroup = route({
  method: 'DELETE',
  path: '/v1/groups/{group}',
  operation: 'deleteGroup',
  text: 'Deletes a group without members, with its offsets.',
  parameters: { group: groupId },
  query: {},
  body: null,
  answer: object({ groupId: text() }),
  errors: ['group_not_found', 'group_not_empty'],
  async run({ broker }, { path }) {
    const outcome = broker.groups.delete(path.group);
    await settled(broker, { ...outcome, detail: path.group.slice(0, 300) });
    return { groupId: path.group };
  },
});

export const groupRoutes: readonly Route[] = [
  listGroups,
  describeGroup,
  deleteGroup,
  readOffsets,
  commitOffsets,
  resetOffsets,
];

function describeMember(group: GroupDescription, member: GroupDescription['members'][number]) {
  const { memberId, instanceId, clientId, clientHost, assignment } = member;
  return {
    ...{ memberId, instanceId, clientId, clientHost },
    assignment: readAssignment(group.protocolType, assignment),
  };
}

/** As many as fit into an answer. */
function firstOffsets(rows: readonly GroupOffset[]) {
  return { offsets: rows.slice(0, offsetsMax), hasMoreOffsets: rows.length > offsetsMax };
}

function lagOf(rows: readonly GroupOffset[]): number {
  return rows.reduce((sum, { lag }) => sum + (lag ?? 0), 0);
}
