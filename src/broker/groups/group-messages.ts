/**
 * What is asked of groups, and what they answer. Neutral: who speaks which bytes to the member is
 * the protocol's business.
 *
 * Every outcome carries the LSN that has to be committed before it may be told; 0 is none: at once.
 * Bytes in a request are borrowed until the call returns; bytes in an outcome belong to the group
 * and never change.
 */

import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { Partition } from '../catalog/topic.ts';

/** One way to divide the work that a member knows, with what it has to say for it. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export interface JoinRequest {
  readonly groupId: string;
  /** '' the first time. */
  readonly memberId: string;
  /** Of a static member [KIP-345]; null: a dynamic one. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** 'consumer', 'connect' ...: all members of a group agree on it. */
  readonly protocolType: string;
  /** Most wanted first. */
  readonly protocols: readonly MemberProtocol[];
  /** A dynamic member without an id is told one and has to come again with it [KIP-394]. */
  readonly mustReturnWithId: boolean;
  /** Whether a returning static leader may be told to keep the assignment [KIP-814]. */
  readonly canSkipAssignment: boolean;
  /** For people. */
  readonly reason: string;
}

export interface JoinedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** For the protocol that was chosen. */
  readonly metadata: Uint8Array;
}

export interface JoinOutcome {
  readonly error: BrokerErrorCode | null;
  readonly lsn: number;
  /** -1 on error. */
  readonly generation: number;
  /** Null on error. */
  readonly protocolType: string | null;
  /** The one chosen; null on error. */
  readonly protocol: string | null;
  /** Member id; '' on error. */
  readonly leader: string;
  readonly skipsAssignment: boolean;
  /** Also with `member_id_required`: the one to come again with. */
  readonly memberId: string;
  /** All of them for the leader, none for the others. */
  readonly members: readonly JoinedMember[];
}

export interface MemberAssignment {
  readonly memberId: string;
  readonly assignment: Uint8Array;
}

export interface SyncRequest {
  readonly groupId: string;
  readonly generation: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  /** What the member takes the group to be; null: it does not say. */
  readonly protocolType: string | null;
  readonly protocol: string | null;
  /** From the leader; others give none. */
  readonly assignments: readonly MemberAssignment[];
}

export interface SyncOutcome {
  readonly error: BrokerErrorCode | null;
  readonly lsn: number;
  readonly protocolType: string | null;
  readonly protocol: string | null;
  /** Empty on error. */
  readonly assignment: Uint8Array;
}

/** Who asks, in a heartbeat and in a commit. */
export interface MemberClaim {
  readonly groupId: string;
  readonly generation: number;
  readonly memberId: string;
  readonly instanceId: string | null;
}

export interface GroupOutcome {
  readonly error: BrokerErrorCode | null;
  readonly lsn: number;
}

export interface LeavingMember {
  /** May be '' with an instance id: whoever holds the place. */
  readonly memberId: string;
  readonly instanceId: string | null;
  /** For people. */
  readonly reason: string;
}

export interface LeaveOutcome extends GroupOutcome {
  /** In the order of the request. */
  readonly members: readonly (BrokerErrorCode | null)[];
}

export interface OffsetCommit {
  readonly partition: Partition;
  /** The next one to read. */
  readonly offset: number;
  /** Of the last record read; -1: unknown. */
  readonly leaderEpoch: number;
  /** Whatever the member wants to find again. */
  readonly metadata: string;
}

export interface CommitOutcome extends GroupOutcome {
  /** In the order of the request; each is the error of all when that is set. */
  readonly partitions: readonly (BrokerErrorCode | null)[];
}

export interface CommittedOffset {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** Unix ms, of the broker. */
  readonly committedAt: number;
}

/** As the original names them. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export interface DescribedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Both empty unless the group is stable. */
  readonly metadata: Uint8Array;
  readonly assignment: Uint8Array;
}

export interface GroupDescription {
  readonly groupId: string;
  readonly state: GroupState;
  readonly protocolType: string;
  /** '' unless the group is stable. */
  readonly protocol: string;
  readonly generation: number;
  readonly members: readonly DescribedMember[];
  readonly lsn: number;
}

/** A join or sync that waits. */
export interface Parked {
  /** The member's connection is gone: nobody will hear the answer, and `done` is not called. */
  forget(): void;
}

/**
 * The groups of a broker. `done` may be called before `join` and `sync` return; then they return
 * null.
 */
export interface GroupService {
  join(request: JoinRequest, done: (outcome: JoinOutcome) => void): Parked | null;
  sync(request: SyncRequest, done: (outcome: SyncOutcome) => void): Parked | null;
  heartbeat(claim: MemberClaim): GroupOutcome;
  leave(groupId: string, members: readonly LeavingMember[]): LeaveOutcome;
  /** Without generation (-1) and member id: of a consumer that needs no group to divide its work. */
  commitOffsets(claim: MemberClaim, commits: readonly OffsetCommit[]): CommitOutcome;
  /** Undefined: none. The answer waits for `offsetsLsn`. */
  committedOffset(groupId: string, partition: Partition): CommittedOffset | undefined;
  /** All that a group has committed, in no particular order. */
  committedOffsets(groupId: string): Iterable<readonly [Partition, CommittedOffset]>;
  /** What answers about a group's offsets wait for, "none" included. */
  offsetsLsn(groupId: string): number;
  /** Undefined: there is none; that answer waits for `groupsLsn`. */
  describe(groupId: string): GroupDescription | undefined;
  list(): Iterable<{
    readonly groupId: string;
    readonly protocolType: string;
    readonly state: GroupState;
  }>;
  /** What "there is no such group" and lists wait for. */
  readonly groupsLsn: number;
  /** Refused unless empty. */
  delete(groupId: string): GroupOutcome;
  /** Refused for topics that a member subscribes to. */
  deleteOffsets(groupId: string, partitions: readonly Partition[]): CommitOutcome;
}
