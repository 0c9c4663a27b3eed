/**
 * The surface of groups for the rest of the broker.
 */

export type {
  CommitOutcome,
  CommittedOffset,
  DescribedMember,
  GroupDescription,
  GroupOutcome,
  GroupService,
  GroupState,
  JoinedMember,
  JoinOutcome,
  JoinRequest,
  LeaveOutcome,
  LeavingMember,
  MemberAssignment,
  MemberClaim,
  MemberProtocol,
  OffsetCommit,
  Parked,
  SyncOutcome,
  SyncRequest,
} from './group-messages.ts';
export { GroupCoordinator } from './group-service.ts';
export { Groups } from './groups.ts';
export type { GroupSurroundings, SubscriptionReader } from './ports.ts';
