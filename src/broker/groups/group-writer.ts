/**
 * Journals what is decided about groups.
 *
 * Owns: making the entries, the time in them. Leaves: whether they may be made to who decides.
 */

import { assert } from '../../kernel/assert.ts';
import { utf8Length } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/ports.ts';
import { BodyWriter } from '../body.ts';
import type { Generation, Group } from './group.ts';
import {
  encodeGeneration,
  encodeGroupCreated,
  encodeOffset,
  encodeOffsetsRemoved,
  groupEntryKind,
} from './group-entries.ts';
import { commitEntryBytes, generationBytesMax } from './group-limits.ts';
import type { OffsetCommit } from './group-messages.ts';
import type { Groups } from './groups.ts';
import type { GroupLog } from './ports.ts';

/** Partitions in one offsets-removed entry: 256 KB. */
const removedPerEntryMax = 64 * 1024;

export class GroupWriter {
  private readonly groups: Groups;
  private readonly log: GroupLog;
  private readonly clock: Clock;
  private readonly body = new BodyWriter();

  constructor(groups: Groups, log: GroupLog, clock: Clock) {
    this.groups = groups;
    this.log = log;
    this.clock = clock;
  }

  /** Unix ms. */
  now(): number {
    return this.clock.now();
  }

  create(name: string): Group {
    encodeGroupCreated(this.body.reset(), this.groups.nextGroupId, name);
    this.append(groupEntryKind.created);
    const group = this.groups.find(name);
    assert(group !== undefined, 'a created group is there');
    return group;
  }

  delete(group: Group): void {
    this.body.reset().uint32(group.id);
    this.append(groupEntryKind.deleted);
    assert(group.isDeleted, 'a deleted group is gone');
  }

  /** False, and nothing has happened, if the generation does not fit. */
  complete(group: Group, generation: Generation): boolean {
    this.encode(group, generation);
    // Most of it may be protocols that were not chosen: others can do without them.
    if (this.body.length > generationBytesMax) this.encode(group, withoutSpare(generation));
    if (this.body.length > generationBytesMax) return false;
    this.append(groupEntryKind.generationCompleted);
    return true;
  }

  commit(group: Group, commits: readonly OffsetCommit[]): void {
    const { body } = this;
    const time = this.now();
    let next = 0;
    while (next < commits.length) {
      body.reset().uint32(group.id).int64(time).uint32(0);
      const first = next;
      for (; next < commits.length && body.length < commitEntryBytes; next++) {
        const commit = commits[next];
        assert(commit !== undefined, 'a commit of the list');
        encodeOffset(body, { partitionId: commit.partition.id, ...commit });
      }
      body.view.setUint32(countAt, next - first, true);
      this.append(groupEntryKind.offsetsCommitted);
    }
  }

  removeOffsets(group: Group, partitionIds: readonly number[]): void {
    for (let first = 0; first < partitionIds.length; first += removedPerEntryMax) {
      const some = partitionIds.slice(first, first + removedPerEntryMax);
      encodeOffsetsRemoved(this.body.reset(), group.id, some);
      this.append(groupEntryKind.offsetsRemoved);
    }
  }

  private encode(group: Group, generation: Generation): void {
    encodeGeneration(this.body.reset().uint32(group.id), generation);
  }

  private append(kind: number): void {
    this.log.appendEntry(kind, this.body.bytes, 0, this.body.length);
  }
}

/** Of the number of offsets, behind group and time. */
const countAt = 12;

function withoutSpare(generation: Generation): Generation {
  const members = generation.members.map((member) => ({
    ...member,
    protocols: member.protocols.filter(({ name }) => name === generation.protocol),
  }));
  return { ...generation, members };
}

/** Whether a text fits the fields of entries. */
export function fits(text: string, bytesMax: number): boolean {
  return text.length <= bytesMax && utf8Length(text) <= bytesMax;
}
