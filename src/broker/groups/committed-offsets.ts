/**
 * Committed offsets: how far each group has come.
 *
 * Owns: who may commit and delete, and what is refused.
 * Leaves: forgetting old ones to offset-expiry.ts, the entries to group-writer.ts.
 */

import { assert } from '../../kernel/assert.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { Partition } from '../catalog/topic.ts';
import { offsetMetadataTotalMax, offsetsMax, offsetsPerGroupMax } from './group-limits.ts';
import type { CommitOutcome, MemberClaim, OffsetCommit } from './group-messages.ts';
import { fits, type GroupWriter } from './group-writer.ts';
import type { Groups } from './groups.ts';
import type { LiveGroup } from './live-group.ts';
import type { LiveMember } from './live-member.ts';
import type { GroupOptions } from './ports.ts';

/** Who commits: a member, or null where none is needed. */
type Committer = LiveMember | null;

export interface CommittedOffsetsParts {
  readonly groups: Groups;
  readonly options: GroupOptions;
  readonly writer: GroupWriter;
}

export class CommittedOffsets {
  private readonly parts: CommittedOffsetsParts;

  constructor(parts: CommittedOffsetsParts) {
    this.parts = parts;
  }

  /** Whether `claim` may commit to the group now; the member whose sign of life this is. */
  findCommitter(live: LiveGroup, claim: MemberClaim): Committer | BrokerErrorCode {
    const { generation, memberId, instanceId } = claim;
    // Of a consumer that divides no work, or of somebody who moves a group that nobody is in.
    if (generation < 0 && live.state === 'Empty') return null;
    if (generation < 0 && memberId === '' && instanceId === null) return 'member_not_found';
    const member = live.findMember(memberId, instanceId);
    if (typeof member === 'string') return member;
    if (generation !== live.generation) return 'stale_generation';
    // It knows of the generation and not yet of its share.
    if (live.state === 'CompletingRebalance') return 'rebalance_in_progress';
    return member;
  }

  /** Of each commit by itself: what is wrong with it. `live`: null for a group yet to be made. */
  findFaults(live: LiveGroup | null, commits: readonly OffsetCommit[]): (BrokerErrorCode | null)[] {
    const { groups, options } = this.parts;
    let roomForOffsets = Math.min(
      offsetsPerGroupMax - (live?.group.offsets.size ?? 0),
      offsetsMax - groups.offsetCount,
    );
    let roomForMetadata = offsetMetadataTotalMax - groups.metadataSize;
    return commits.map(({ partition, metadata }) => {
      if (partition.isDeleted) return 'topic_not_found';
      if (!fits(metadata, options.offsetMetadataBytesMax)) return 'offset_metadata_too_large';
      const present = live?.group.offsets.get(partition.id);
      if (present === undefined && --roomForOffsets < 0) return 'limit_exceeded';
      roomForMetadata -= metadata.length - (present?.metadata.length ?? 0);
      return roomForMetadata < 0 ? 'limit_exceeded' : null;
    });
  }

  commit(
    live: LiveGroup,
    commits: readonly OffsetCommit[],
    faults: readonly (BrokerErrorCode | null)[],
  ): CommitOutcome {
    const { group } = live;
    const good = commits.filter((_, i) => faults[i] === null);
    if (good.length > 0) this.parts.writer.commit(group, good);
    const lsn = Math.max(group.lastLsn, group.offsetsLsn);
    return { error: null, lsn, partitions: faults };
  }

  /** `subscribed`: topics that members want; null: nobody can say, so that all may be wanted. */
  delete(
    live: LiveGroup,
    partitions: readonly Partition[],
    subscribed: ReadonlySet<string> | null,
  ): CommitOutcome {
    const { group } = live;
    assert(live.state !== 'Dead', 'a deleted group has no offsets');
    if (live.state !== 'Empty' && subscribed === null) {
      return refused('group_not_empty', group.lastLsn, partitions.length);
    }
    const errors = partitions.map(({ topic }) => {
      const isWanted = live.state !== 'Empty' && subscribed?.has(topic.name) === true;
      return isWanted ? 'group_subscribed' : null;
    });
    const removed = partitions.filter(({ id }, i) => errors[i] === null && group.offsets.has(id));
    if (removed.length > 0) {
      const ids = removed.map(({ id }) => id);
      this.parts.writer.removeOffsets(group, ids);
    }
    return { error: null, lsn: Math.max(group.lastLsn, group.offsetsLsn), partitions: errors };
  }

  /** The partitions are about to be gone. */
  drop(partitionIds: ReadonlySet<number>): void {
    for (const group of this.parts.groups.all()) {
      const { offsets } = group;
      const concerned: number[] = [];
      // Whichever is the shorter way: many groups know few partitions, or few know many.
      if (offsets.size < partitionIds.size) {
        for (const id of offsets.keys()) if (partitionIds.has(id)) concerned.push(id);
      } else {
        for (const id of partitionIds) if (offsets.has(id)) concerned.push(id);
      }
      if (concerned.length > 0) this.parts.writer.removeOffsets(group, concerned);
    }
  }

  /** After a crash between the deletion of a topic and what follows from it. */
  repair(isThere: (partitionId: number) => boolean): void {
    for (const group of this.parts.groups.all()) {
      const orphans = [...group.offsets.keys()].filter((id) => !isThere(id));
      if (orphans.length > 0) this.parts.writer.removeOffsets(group, orphans);
    }
  }
}

export function refused(error: BrokerErrorCode, lsn: number, count: number): CommitOutcome {
  return { error, lsn, partitions: Array.from({ length: count }, () => error) };
}
