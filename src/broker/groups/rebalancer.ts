/**
 * How a group divides its work anew, and when: the transitions between its states, and its time.
 *
 * Owns: preparing and completing a generation, the deadlines of members, joins and syncs.
 * Leaves: who may ask for what to join.ts, sync.ts and group-service.ts; the entries to
 * group-writer.ts.
 *
 * A group has one timer. It is set for the earliest deadline that was known then and looks again
 * when it fires: a sign of life moves a deadline and touches no timer. If it fires late the process
 * has stood still, and what members have sent meanwhile waits to be read: all get more time for it.
 */

import { assert } from '../../kernel/assert.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import { rejoinWaitMsMin, stallMsMin } from './group-limits.ts';
import type { MemberAssignment } from './group-messages.ts';
import type { GroupWriter } from './group-writer.ts';
import type { LiveGroup } from './live-group.ts';
import { type LiveMember, noBytes } from './live-member.ts';
import { failedJoin, failedSync, joined, synced } from './outcomes.ts';
import type { GroupOptions, GroupPorts } from './ports.ts';
import type { AnswerOutbox } from './waiting-answer.ts';

const never = Number.POSITIVE_INFINITY;

export interface RebalancerParts {
  readonly ports: GroupPorts;
  readonly options: GroupOptions;
  readonly writer: GroupWriter;
  readonly outbox: AnswerOutbox;
  /** Members cannot be heard: deadlines pass without effect. */
  isHalted(): boolean;
}

export class Rebalancer {
  private readonly parts: RebalancerParts;

  constructor(parts: RebalancerParts) {
    this.parts = parts;
  }

  /** Monotonic ms. */
  now(): number {
    return this.parts.ports.clock.monotonic();
  }

  /** Members of the last completed generation go on after a restart: all get a fresh session. */
  resume(live: LiveGroup): void {
    for (const member of live.members.values()) this.heard(live, member);
  }

  /** A sign of life. */
  heard(live: LiveGroup, member: LiveMember): void {
    this.expect(live, member, member.sessionTimeoutMs);
  }

  expect(live: LiveGroup, member: LiveMember, withinMs: number): void {
    member.deadline = this.now() + withinMs;
    this.watch(live, member.deadline);
  }

  /** An id was handed out: it counts as a member to come for so long. */
  expectJoin(live: LiveGroup, memberId: string, withinMs: number): void {
    const deadline = this.now() + withinMs;
    live.pendingJoins.set(memberId, deadline);
    this.watch(live, deadline);
  }

  /** Something changed that concerns all: begins a rebalance, or goes on with the one there is. */
  rebalance(live: LiveGroup): void {
    if (live.state === 'PreparingRebalance') this.maybeComplete(live);
    else this.prepare(live);
  }

  prepare(live: LiveGroup): void {
    if (live.state === 'CompletingRebalance') this.failSyncs(live, 'rebalance_in_progress');
    this.endSyncs(live);
    const isFirst = live.state === 'Empty';
    live.become('PreparingRebalance');
    if (isFirst) {
      const { groupInitialRebalanceDelayMs: delayMs } = this.parts.options;
      live.delayMs = delayMs;
      live.delayLeftMs = Math.max(live.rebalanceTimeoutMs - delayMs, 0);
      live.hasNewcomer = false;
      this.setJoinDeadline(live, delayMs);
    } else if (live.hasAllJoined) this.complete(live);
    else this.setJoinDeadline(live, live.rebalanceTimeoutMs);
  }

  /** Completes the joining if all are there; the first time the delay decides. */
  maybeComplete(live: LiveGroup): void {
    if (live.state !== 'PreparingRebalance' || live.previousState === 'Empty') return;
    if (live.hasAllJoined) this.complete(live);
  }

  /** A member is gone that has been removed already. */
  removed(live: LiveGroup): void {
    if (live.state === 'Stable' || live.state === 'CompletingRebalance') this.prepare(live);
    else if (live.state === 'PreparingRebalance' && live.hasAllJoined) this.complete(live);
  }

  /** Takes a member out, and answers what it waits for. */
  dismiss(live: LiveGroup, member: LiveMember, error: BrokerErrorCode): void {
    live.remove(member);
    this.fail(live, member, error);
  }

  /** The next generation begins, with those who have joined and static members who have not. */
  complete(live: LiveGroup): void {
    live.joinDeadline = never;
    for (const member of [...live.members.values()]) {
      if (member.join === null && !member.isStatic) this.giveUp(live, member, 'not_rejoined');
    }
    if (live.members.size > 0 && !live.electJoinedLeader()) {
      // Only static members, and none of them is back: their sessions end, or they come.
      this.setJoinDeadline(live, Math.max(live.rebalanceTimeoutMs, rejoinWaitMsMin));
      return;
    }
    live.generation++;
    live.subscribed = undefined;
    live.pendingSyncs.clear();
    if (live.members.size === 0) this.becomeEmpty(live);
    else this.beginSyncs(live);
  }

  private becomeEmpty(live: LiveGroup): void {
    live.protocol = '';
    live.become('Empty');
    if (live.protocolType === null) return;
    const isWritten = this.parts.writer.complete(
      live.group,
      live.snapshot(this.parts.writer.now()),
    );
    assert(isWritten, 'a generation without members fits');
  }

  private beginSyncs(live: LiveGroup): void {
    live.protocol = live.vote();
    live.become('CompletingRebalance');
    for (const member of live.members.values()) {
      const { join } = member;
      member.join = null;
      member.isNew = false;
      live.pendingSyncs.add(member.memberId);
      this.heard(live, member);
      if (join !== null) this.parts.outbox.answer(join, joined(live, member.memberId));
    }
    live.syncDeadline = this.now() + live.rebalanceTimeoutMs;
    this.watch(live, live.syncDeadline);
  }

  /** The leader has divided the work: journals it and tells those who wait. */
  assign(live: LiveGroup, assignments: readonly MemberAssignment[]): void {
    assert(live.state === 'CompletingRebalance', 'the work is divided once in a generation');
    const byMember = new Map(assignments.map((one) => [one.memberId, one.assignment]));
    for (const member of live.members.values()) {
      live.assign(member, Uint8Array.from(byMember.get(member.memberId) ?? noBytes));
    }
    const { writer, outbox } = this.parts;
    if (!writer.complete(live.group, live.snapshot(writer.now()))) {
      this.failSyncs(live, 'limit_exceeded');
      this.prepare(live);
      return;
    }
    live.become('Stable');
    const { generation, members, protocol } = live;
    this.parts.ports.logger.info('group.rebalanced', {
      group: live.group.name,
      generation,
      members: members.size,
      protocol,
    });
    for (const member of live.members.values()) {
      const { sync } = member;
      if (sync === null) continue;
      member.sync = null;
      this.heard(live, member);
      outbox.answer(sync, synced(live, member));
    }
  }

  /** The member has asked for its share of the work. */
  noteSync(live: LiveGroup, member: LiveMember): void {
    live.pendingSyncs.delete(member.memberId);
    if (live.pendingSyncs.size === 0) live.syncDeadline = never;
  }

  /** Nobody waits any more, nothing is due any more. */
  retire(live: LiveGroup, error: BrokerErrorCode): void {
    live.timer?.cancel();
    live.timer = null;
    live.timerAt = never;
    for (const member of live.members.values()) this.fail(live, member, error);
  }

  /** Answers whatever a member waits for. */
  fail(live: LiveGroup, member: LiveMember, error: BrokerErrorCode): void {
    const { join, sync } = member;
    // What says that nothing is committed any more cannot wait for a commit.
    const lsn = error === 'fenced' || error === 'draining' ? 0 : live.group.lastLsn;
    member.join = null;
    member.sync = null;
    // Who is given up while it joins is to come back as a newcomer; others keep their id.
    const memberId = error === 'member_not_found' ? '' : member.memberId;
    if (join !== null) this.parts.outbox.answer(join, failedJoin(error, lsn, memberId));
    if (sync !== null) this.parts.outbox.answer(sync, failedSync(error, lsn));
  }

  /** For operators: why a group divides its work anew. */
  note(event: string, live: LiveGroup, memberId: string, reason: string): void {
    const { logger } = this.parts.ports;
    logger.info(event, { group: live.group.name, member: memberId, reason });
  }

  /** The member has not done in time what it had to. */
  private giveUp(live: LiveGroup, member: LiveMember, reason: string): void {
    this.note('member.given_up', live, member.memberId, reason);
    this.dismiss(live, member, 'member_not_found');
  }

  private failSyncs(live: LiveGroup, error: BrokerErrorCode): void {
    for (const member of live.members.values()) {
      live.assign(member, noBytes);
      const { sync } = member;
      if (sync === null) continue;
      member.sync = null;
      this.heard(live, member);
      this.parts.outbox.answer(sync, failedSync(error, live.group.lastLsn));
    }
  }

  private endSyncs(live: LiveGroup): void {
    live.pendingSyncs.clear();
    live.syncDeadline = never;
  }

  private setJoinDeadline(live: LiveGroup, withinMs: number): void {
    live.joinDeadline = this.now() + withinMs;
    this.watch(live, live.joinDeadline);
  }

  // Time.

  private watch(live: LiveGroup, deadline: number): void {
    if (deadline >= live.timerAt || this.parts.isHalted()) return;
    live.timer?.cancel();
    live.timerAt = deadline;
    const delayMs = Math.max(0, deadline - this.now());
    live.timer = this.parts.ports.scheduler.after(delayMs, () => this.look(live));
  }

  private look(live: LiveGroup): void {
    const lateMs = this.now() - live.timerAt;
    live.timer = null;
    live.timerAt = never;
    if (live.state === 'Dead' || this.parts.isHalted()) return;
    if (lateMs > stallMsMin) putOff(live, lateMs + stallMsMin);
    const now = this.now();
    if (live.joinDeadline <= now) this.joinTimeIsUp(live);
    if (live.syncDeadline <= now) this.syncTimeIsUp(live);
    this.expireMembers(live, now);
    this.watch(live, this.earliestDeadline(live));
    this.parts.outbox.flush();
  }

  private joinTimeIsUp(live: LiveGroup): void {
    const isFirst = live.previousState === 'Empty';
    if (!isFirst || !live.hasNewcomer || live.delayLeftMs === 0) return this.complete(live);
    live.hasNewcomer = false;
    const delayMs = Math.min(this.parts.options.groupInitialRebalanceDelayMs, live.delayLeftMs);
    live.delayLeftMs = Math.max(live.delayLeftMs - live.delayMs, 0);
    live.delayMs = delayMs;
    this.setJoinDeadline(live, delayMs);
  }

  private syncTimeIsUp(live: LiveGroup): void {
    live.syncDeadline = never;
    if (live.state !== 'CompletingRebalance' && live.state !== 'Stable') return;
    if (live.pendingSyncs.size === 0) return;
    for (const memberId of [...live.pendingSyncs]) {
      const member = live.members.get(memberId);
      if (member !== undefined) this.giveUp(live, member, 'not_synced');
    }
    this.prepare(live);
  }

  private expireMembers(live: LiveGroup, now: number): void {
    for (const [memberId, deadline] of [...live.pendingJoins]) {
      if (deadline > now || !live.pendingJoins.delete(memberId)) continue;
      if (live.state === 'PreparingRebalance' && live.hasAllJoined) this.complete(live);
    }
    for (const member of [...live.members.values()]) {
      if (member.deadline > now || live.members.get(member.memberId) !== member) continue;
      if (member.isExcused) {
        // It will be given a new one together with its answer.
        member.deadline = never;
        continue;
      }
      this.giveUp(live, member, 'session_expired');
      this.removed(live);
    }
  }

  private earliestDeadline(live: LiveGroup): number {
    let earliest = Math.min(live.joinDeadline, live.syncDeadline);
    for (const deadline of live.pendingJoins.values()) earliest = Math.min(earliest, deadline);
    for (const { deadline } of live.members.values()) earliest = Math.min(earliest, deadline);
    return earliest;
  }
}

function putOff(live: LiveGroup, byMs: number): void {
  live.joinDeadline += byMs;
  live.syncDeadline += byMs;
  for (const [memberId, deadline] of live.pendingJoins) {
    live.pendingJoins.set(memberId, deadline + byMs);
  }
  for (const member of live.members.values()) member.deadline += byMs;
}
