/**
 * Signs of life, and leaving.
 *
 * Owns: what a heartbeat is answered, who may take whom out of a group.
 * Leaves: what follows for the group to rebalancer.ts.
 */

import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { GroupOutcome, LeaveOutcome, LeavingMember, MemberClaim } from './group-messages.ts';
import type { LiveGroup } from './live-group.ts';
import type { Rebalancer } from './rebalancer.ts';

export function takeHeartbeat(
  rebalancer: Rebalancer,
  live: LiveGroup,
  claim: MemberClaim,
): GroupOutcome {
  const { lastLsn: lsn } = live.group;
  const member = live.findMember(claim.memberId, claim.instanceId);
  if (typeof member === 'string') return { error: member, lsn };
  if (claim.generation !== live.generation) return { error: 'stale_generation', lsn };
  rebalancer.heard(live, member);
  // Also while shares are being given out all is well: the member knows its generation.
  const mustJoin = live.state === 'PreparingRebalance';
  return { error: mustJoin ? 'rebalance_in_progress' : null, lsn };
}

export function takeLeave(
  rebalancer: Rebalancer,
  live: LiveGroup,
  leaving: readonly LeavingMember[],
): LeaveOutcome {
  const members = leaving.map((one) => leave(rebalancer, live, one));
  // The group goes on without them only once all are gone.
  if (members.some((error) => error === null) && live.state !== 'Empty') {
    rebalancer.rebalance(live);
  }
  return { error: null, lsn: live.group.lastLsn, members };
}

function leave(
  rebalancer: Rebalancer,
  live: LiveGroup,
  { memberId, instanceId, reason }: LeavingMember,
): BrokerErrorCode | null {
  if (memberId === '') {
    const holder = instanceId === null ? undefined : live.memberOfInstance(instanceId);
    if (holder === undefined) return 'member_not_found';
    rebalancer.note('member.left', live, holder.memberId, reason);
    rebalancer.dismiss(live, holder, 'member_not_found');
    return null;
  }
  if (live.pendingJoins.delete(memberId)) return null;
  const member = live.findMember(memberId, instanceId);
  if (typeof member === 'string') return member;
  rebalancer.note('member.left', live, memberId, reason);
  rebalancer.dismiss(live, member, 'member_not_found');
  return null;
}
