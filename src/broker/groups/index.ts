/**
 * The surface of groups for the rest of the broker.
 */

export {
  type CommitOutcome,
  type CommittedOffset,
  type DescribedMember,
  type GroupDescription,
  type GroupOutcome,
  type GroupService,
  type GroupState,
  groupStates,
  type JoinedMember,
  type JoinOutcome,
  type JoinRequest,
  type LeaveOutcome,
  type LeavingMember,
  type MemberAssignment,
  type MemberClaim,
  type MemberProtocol,
  type OffsetCommit,
  type Parked,
  type SyncOutcome,
  type SyncRequest,
} from './group-messages.ts';
export { GroupCoordinator } from './group-service.ts';
export { Groups } from './groups.ts';
export type { GroupSurroundings, SubscriptionReader } from './ports.ts';
