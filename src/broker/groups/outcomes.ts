/**
 * The outcomes of joining and syncing, made in one place: what is told, and what it waits for.
 */

import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { JoinOutcome, SyncOutcome } from './group-messages.ts';
import type { LiveGroup } from './live-group.ts';
import { type LiveMember, noBytes } from './live-member.ts';

/** `memberId`: who it concerns; '' sends it back as a newcomer. */
export function failedJoin(error: BrokerErrorCode, lsn: number, memberId = ''): JoinOutcome {
  return {
    error,
    lsn,
    generation: -1,
    protocolType: null,
    protocol: null,
    leader: '',
    skipsAssignment: false,
    memberId,
    members: [],
  };
}

/** The member is in the present generation. */
export function joined(live: LiveGroup, memberId: string): JoinOutcome {
  return {
    error: null,
    lsn: live.group.lastLsn,
    generation: live.generation,
    protocolType: live.protocolType,
    protocol: live.protocol,
    leader: live.leader,
    skipsAssignment: false,
    memberId,
    members: memberId === live.leader ? live.joinedMembers() : [],
  };
}

export function failedSync(error: BrokerErrorCode, lsn: number): SyncOutcome {
  return { error, lsn, protocolType: null, protocol: null, assignment: noBytes };
}

export function synced(live: LiveGroup, member: LiveMember): SyncOutcome {
  return {
    error: null,
    lsn: live.group.lastLsn,
    protocolType: live.protocolType,
    protocol: live.protocol,
    assignment: member.assignment,
  };
}
