/**
 * Forgetting offsets that nobody will come back for, and groups without any.
 *
 * Owns: from when on an offset counts as left behind, the rounds that look for such ones.
 * Leaves: the entries to group-writer.ts, taking a group out of service to group-service.ts.
 *
 * An offset is kept for the retention time since it was committed, or since the group became empty
 * if that is later; while members are there, only offsets of topics that none of them wants are
 * looked at. Without knowing what they want, none.
 */

import type { Scheduler, Timer } from '../../kernel/ports.ts';
import type { OffsetRow } from './group.ts';
import { expirySliceGroups } from './group-limits.ts';
import type { GroupWriter } from './group-writer.ts';
import type { LiveGroup } from './live-group.ts';
import type { GroupOptions } from './ports.ts';

export interface OffsetExpiryParts {
  readonly scheduler: Scheduler;
  readonly options: GroupOptions;
  readonly writer: GroupWriter;
  groups(): Iterable<LiveGroup>;
  subscribedTopics(live: LiveGroup): ReadonlySet<string> | null;
  topicName(partitionId: number): string | undefined;
  delete(live: LiveGroup): void;
  isHalted(): boolean;
}

export class OffsetExpiry {
  private readonly parts: OffsetExpiryParts;
  private timer: Timer | null = null;
  private isStopped = false;

  constructor(parts: OffsetExpiryParts) {
    this.parts = parts;
  }

  start(): void {
    const { scheduler, options } = this.parts;
    this.timer = scheduler.after(options.offsetsRetentionCheckMs, () => {
      const groups = [...this.parts.groups()];
      this.look(groups, 0);
    });
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  /** One slice of a round, then the next one; at the end the time until the next round begins. */
  private look(groups: readonly LiveGroup[], first: number): void {
    if (this.isStopped || this.parts.isHalted()) return;
    const end = first + expirySliceGroups;
    for (const live of groups.slice(first, end)) if (live.state !== 'Dead') this.expire(live);
    if (end < groups.length) this.parts.scheduler.nextSlice(() => this.look(groups, end));
    else this.start();
  }

  private expire(live: LiveGroup): void {
    const { group } = live;
    const isOld = this.testOf(live);
    const old: number[] = [];
    if (isOld !== null) {
      for (const [id, row] of group.offsets) if (isOld(row, id)) old.push(id);
    }
    if (old.length > 0) this.parts.writer.removeOffsets(group, old);
    const isUnused = live.state === 'Empty' && live.pendingJoins.size === 0;
    if (isUnused && group.offsets.size === 0) this.parts.delete(live);
  }

  /** Which offsets of the group are left behind; null: none. */
  private testOf(live: LiveGroup): ((row: OffsetRow, partitionId: number) => boolean) | null {
    const { options, writer, topicName } = this.parts;
    const before = writer.now() - options.offsetsRetentionMs;
    if (live.state === 'Empty') {
      const emptySince = live.group.generation?.completedAt ?? 0;
      return ({ committedAt }) => Math.max(committedAt, emptySince) <= before;
    }
    const subscribed = live.state === 'Stable' ? this.parts.subscribedTopics(live) : null;
    if (subscribed === null) return null;
    return ({ committedAt }, partitionId) =>
      committedAt <= before && !subscribed.has(topicName(partitionId) ?? '');
  }
}
