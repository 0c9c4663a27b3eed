/**
 * Joining a group: who is let in, as whom, and whether the work is divided anew.
 *
 * Owns: the rules for newcomers, for members that come again, and for static members that take
 * their place back.
 * Leaves: making groups to group-service.ts, what follows for the group to rebalancer.ts.
 */

import { formatUuid, uuidBytes } from '../../kernel/bytes.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/ports.ts';
import {
  groupBytesMax,
  groupTextBytesMax,
  memberIdPrefixMax,
  membersBytesMax,
  newMemberJoinMsMax,
  protocolsPerMemberMax,
} from './group-limits.ts';
import type { JoinOutcome, JoinRequest } from './group-messages.ts';
import { fits, type GroupWriter } from './group-writer.ts';
import type { LiveGroup, MemberTally } from './live-group.ts';
import { bytesOfMember, copyProtocols, LiveMember } from './live-member.ts';
import { failedJoin, joined } from './outcomes.ts';
import type { GroupOptions } from './ports.ts';
import type { Rebalancer } from './rebalancer.ts';
import type { AnswerOutbox, WaitingAnswer } from './waiting-answer.ts';

type Waiting = WaitingAnswer<JoinOutcome>;

export interface JoinDeskParts {
  readonly options: GroupOptions;
  readonly random: Random;
  readonly writer: GroupWriter;
  readonly rebalancer: Rebalancer;
  readonly outbox: AnswerOutbox;
  readonly tally: MemberTally;
}

export class JoinDesk {
  private readonly parts: JoinDeskParts;

  constructor(parts: JoinDeskParts) {
    this.parts = parts;
  }

  /** What is wrong with a request whatever the group is like. */
  findFault(request: JoinRequest): BrokerErrorCode | null {
    const { groupSessionTimeoutMsMin, groupSessionTimeoutMsMax } = this.parts.options;
    const { groupId, sessionTimeoutMs, protocols } = request;
    if (groupId === '') return 'invalid_group_id';
    if (
      sessionTimeoutMs < groupSessionTimeoutMsMin ||
      sessionTimeoutMs > groupSessionTimeoutMsMax
    ) {
      return 'invalid_session_timeout';
    }
    // First of all: a request may name half a million.
    if (protocols.length > protocolsPerMemberMax) return 'limit_exceeded';
    const texts = [groupId, request.memberId, request.instanceId ?? '', request.clientId];
    texts.push(request.clientHost, request.protocolType, ...protocols.map(({ name }) => name));
    const isTooLong = texts.some((text) => !fits(text, groupTextBytesMax));
    return isTooLong ? 'limit_exceeded' : null;
  }

  join(live: LiveGroup, request: JoinRequest, waiting: Waiting): void {
    if (!this.hasPlace(live, request)) {
      this.turnAway(live, request.memberId);
      return this.refuse(live, waiting, 'group_full', '');
    }
    if (!live.canAgree(request.protocolType, request.protocols)) {
      return this.refuse(live, waiting, 'inconsistent_protocol', request.memberId);
    }
    const bytes = bytesOfMember(request);
    if (live.bytes + bytes > groupBytesMax || this.parts.tally.bytes + bytes > membersBytesMax) {
      return this.refuse(live, waiting, 'limit_exceeded', request.memberId);
    }
    if (request.memberId === '') this.joinNew(live, request, waiting);
    else if (live.pendingJoins.has(request.memberId) && request.instanceId === null) {
      this.add(live, request.memberId, request, waiting);
    } else this.joinAgain(live, request, waiting);
  }

  private hasPlace(live: LiveGroup, request: JoinRequest): boolean {
    const { groupMaxSize } = this.parts.options;
    const { memberId, instanceId } = request;
    const known =
      live.members.get(memberId) ??
      (instanceId === null || memberId !== '' ? undefined : live.memberOfInstance(instanceId));
    switch (live.state) {
      case 'PreparingRebalance':
        // Those who wait count: so the last to come are left out if the limit was lowered.
        return (known?.join ?? null) !== null || live.awaitingJoin < groupMaxSize;
      case 'CompletingRebalance':
      case 'Stable':
        return known !== undefined || live.members.size < groupMaxSize;
      default:
        return true;
    }
  }

  private turnAway(live: LiveGroup, memberId: string): void {
    const { rebalancer } = this.parts;
    live.pendingJoins.delete(memberId);
    const member = live.members.get(memberId);
    if (member !== undefined) rebalancer.dismiss(live, member, 'group_full');
    rebalancer.maybeComplete(live);
  }

  private joinNew(live: LiveGroup, request: JoinRequest, waiting: Waiting): void {
    const { instanceId } = request;
    const memberId = this.newMemberId(instanceId ?? request.clientId);
    const holder = instanceId === null ? undefined : live.memberOfInstance(instanceId);
    if (holder !== undefined) return this.takeOver(live, holder, memberId, request, waiting);
    if (instanceId !== null || !request.mustReturnWithId) {
      return this.add(live, memberId, request, waiting);
    }
    if (live.pendingJoins.size >= this.parts.options.groupMaxSize) {
      return this.refuse(live, waiting, 'group_full', '');
    }
    this.parts.rebalancer.expectJoin(live, memberId, request.sessionTimeoutMs);
    this.refuse(live, waiting, 'member_id_required', memberId);
  }

  private add(live: LiveGroup, memberId: string, request: JoinRequest, waiting: Waiting): void {
    const { rebalancer } = this.parts;
    const { instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs } = request;
    const member = new LiveMember({
      memberId,
      instanceId,
      clientId,
      clientHost,
      sessionTimeoutMs,
      rebalanceTimeoutMs: Math.max(0, rebalanceTimeoutMs),
      protocols: copyProtocols(request.protocols),
    });
    member.isNew = true;
    member.join = waiting;
    if (live.state === 'PreparingRebalance' && live.previousState === 'Empty') {
      live.hasNewcomer = true;
    }
    if (live.members.size === 0) live.protocolType = request.protocolType;
    live.add(member);
    rebalancer.note('member.joined', live, memberId, request.reason);
    rebalancer.expect(live, member, newMemberJoinMsMax);
    rebalancer.rebalance(live);
  }

  private joinAgain(live: LiveGroup, request: JoinRequest, waiting: Waiting): void {
    const { memberId } = request;
    const member = live.findMember(memberId, request.instanceId);
    if (typeof member === 'string') return this.refuse(live, waiting, member, memberId);
    const isSame = member.matches(request.protocols);
    switch (live.state) {
      case 'PreparingRebalance':
        return this.rejoin(live, member, request, waiting);
      case 'CompletingRebalance':
        // It may have missed the answer.
        if (isSame) return this.parts.outbox.answer(waiting, joined(live, memberId));
        return this.rejoin(live, member, request, waiting);
      case 'Stable':
        // The leader may know more than its metadata says: topics have come or grown.
        if (isSame && live.leader !== memberId) {
          return this.parts.outbox.answer(waiting, joined(live, memberId));
        }
        return this.rejoin(live, member, request, waiting);
      default:
        this.refuse(live, waiting, 'member_not_found', memberId);
    }
  }

  private rejoin(
    live: LiveGroup,
    member: LiveMember,
    request: JoinRequest,
    waiting: Waiting,
  ): void {
    this.renew(live, member, request, waiting);
    this.parts.rebalancer.rebalance(live);
  }

  /** A static member is back under a new id [KIP-345]. Whoever has its place is fenced. */
  private takeOver(
    live: LiveGroup,
    holder: LiveMember,
    memberId: string,
    request: JoinRequest,
    waiting: Waiting,
  ): void {
    const { rebalancer } = this.parts;
    const { leader } = live;
    rebalancer.note('member.returned', live, memberId, request.reason);
    rebalancer.fail(live, holder, 'member_fenced');
    const member = live.replace(holder, memberId);
    this.renew(live, member, request, waiting);
    rebalancer.heard(live, member);
    if (live.state === 'CompletingRebalance') {
      // The leader divides the work among ids of which one is gone.
      rebalancer.prepare(live);
    } else if (live.state === 'Stable' && live.vote() === live.protocol) {
      this.keepGeneration(live, member, leader, request.canSkipAssignment);
    } else rebalancer.rebalance(live);
  }

  /** Nothing changes but the id: the member gets what its place has. */
  private keepGeneration(
    live: LiveGroup,
    member: LiveMember,
    leader: string,
    canSkip: boolean,
  ): void {
    const { writer, rebalancer, outbox } = this.parts;
    if (!writer.complete(live.group, live.snapshot(writer.now())))
      return rebalancer.rebalance(live);
    live.subscribed = undefined;
    const { join } = member;
    member.join = null;
    if (join === null) return;
    const outcome = joined(live, member.memberId);
    if (canSkip) {
      // [KIP-814] As the leader it gets to know the members, and is not to divide the work.
      return outbox.answer(join, { ...outcome, skipsAssignment: live.leader === member.memberId });
    }
    // It must not take itself for the leader: then it would divide the work again.
    outbox.answer(join, { ...outcome, leader, members: [] });
  }

  private renew(live: LiveGroup, member: LiveMember, request: JoinRequest, waiting: Waiting): void {
    // Asked twice, on two connections perhaps: the later one is the one that listens.
    this.parts.rebalancer.fail(live, member, 'rebalance_in_progress');
    live.update(member, () => member.update(request));
    member.join = waiting;
  }

  private refuse(
    live: LiveGroup,
    waiting: Waiting,
    error: BrokerErrorCode,
    memberId: string,
  ): void {
    this.parts.outbox.answer(waiting, failedJoin(error, live.group.lastLsn, memberId));
  }

  private newMemberId(prefix: string): string {
    const uuid = new Uint8Array(uuidBytes);
    this.parts.random.fill(uuid);
    // The version and variant of a random UUID.
    uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x40;
    uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
    return `${prefix.slice(0, memberIdPrefixMax)}-${formatUuid(uuid)}`;
  }
}
