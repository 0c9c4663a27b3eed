/**
 * Where a group stands in each partition, and how far that is from the end.
 */

import type { Broker, GroupDescription, MemberClaim, Partition } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { readAssignment } from './assignment.ts';
import { integer, nullable, object, text, type Value } from './schema.ts';

/** In one answer. */
export const offsetsMax = 20_000;

export const groupOffset = object({
  topic: text(),
  partition: integer(),
  committed: nullable(integer({ text: 'The next offset to read; null: none was committed.' })),
  logStart: integer(),
  logEnd: integer({ text: 'The high watermark.' }),
  lag: nullable(integer()),
  committedAt: nullable(integer({ text: 'Unix ms.' })),
  metadata: text(),
  memberId: nullable(text({ text: 'Who reads the partition now.' })),
});

export type GroupOffset = Value<typeof groupOffset>;

/** Topic, partition → the id of the member that has it. */
type Owners = ReadonlyMap<string, ReadonlyMap<number, string>>;

/** By topic and partition; with `owners`, also of partitions that are read but not committed yet. */
export function committedRows(
  broker: Broker,
  groupId: string,
  owners: Owners | null,
): GroupOffset[] {
  const rows: GroupOffset[] = [];
  const seen = new Set<Partition>();
  for (const [partition, { offset, committedAt, metadata }] of broker.groups.committedOffsets(
    groupId,
  )) {
    seen.add(partition);
    rows.push({
      ...placeOf(partition, owners),
      committed: offset,
      lag: Math.max(0, partition.highWatermark - Math.max(offset, partition.logStart)),
      ...{ committedAt, metadata },
    });
  }
  for (const [name, partitions] of owners ?? []) {
    for (const index of partitions.keys()) {
      const partition = broker.topic(name)?.partitions[index];
      if (partition === undefined || seen.has(partition)) continue;
      const none = { committed: null, lag: null, committedAt: null, metadata: '' };
      rows.push({ ...placeOf(partition, owners), ...none });
    }
  }
  return rows.sort(byPlace);
}

export function ownersOf({ members, protocolType }: GroupDescription): Owners {
  const owners = new Map<string, Map<number, string>>();
  for (const { memberId, assignment } of members) {
    for (const { topic, partitions } of readAssignment(protocolType, assignment) ?? []) {
      const ofTopic = owners.get(topic) ?? new Map<number, string>();
      owners.set(topic, ofTopic);
      for (const partition of partitions) ofTopic.set(partition, memberId);
    }
  }
  return owners;
}

/** Somebody who moves a group's offsets from outside: without members there is nobody to disturb. */
export function outsider(groupId: string): MemberClaim {
  return { groupId, generation: -1, memberId: '', instanceId: null };
}

/** @throws BrokerError group_not_empty */
export function assertEmpty(group: GroupDescription | undefined): void {
  if (group === undefined || group.state === 'Empty' || group.state === 'Dead') return;
  const count = group.members.length;
  const members = `${count} member${count === 1 ? '' : 's'}`;
  throw new BrokerError('group_not_empty', `${group.groupId}: ${group.state}, ${members}`);
}

function placeOf(partition: Partition, owners: Owners | null) {
  const { topic, index, logStart, highWatermark } = partition;
  return {
    topic: topic.name,
    partition: index,
    logStart,
    logEnd: highWatermark,
    memberId: owners?.get(topic.name)?.get(index) ?? null,
  };
}

function byPlace(left: GroupOffset, right: GroupOffset): number {
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  return left.partition - right.partition;
}
