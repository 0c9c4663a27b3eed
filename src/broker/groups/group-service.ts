/**
 * Consumer groups as the rest of the broker and the protocols see them.
 *
 * Owns: finding and making groups, the checks that every call begins with, the life of the whole.
 * Leaves: joining to join.ts, states and time to rebalancer.ts, offsets to committed-offsets.ts and
 * offset-expiry.ts, durable state to groups.ts.
 *
 * A call is one synchronous step. Those who wait are told at its end, see waiting-answer.ts.
 */

import { assert } from '../../kernel/assert.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { Partition } from '../catalog/topic.ts';
import { takeHeartbeat, takeLeave } from './attendance.ts';
import { CommittedOffsets, refused } from './committed-offsets.ts';
import type { Group } from './group.ts';
import { groupsMax, groupTextBytesMax } from './group-limits.ts';
import type {
  CommitOutcome,
  CommittedOffset,
  GroupDescription,
  GroupOutcome,
  GroupService,
  GroupState,
  JoinOutcome,
  JoinRequest,
  LeaveOutcome,
  LeavingMember,
  MemberClaim,
  OffsetCommit,
  Parked,
  SyncOutcome,
  SyncRequest,
} from './group-messages.ts';
import { fits, GroupWriter } from './group-writer.ts';
import type { Groups } from './groups.ts';
import { JoinDesk } from './join.ts';
import { LiveGroup, type MemberTally } from './live-group.ts';
import { noBytes } from './live-member.ts';
import { OffsetExpiry } from './offset-expiry.ts';
import { failedJoin, failedSync } from './outcomes.ts';
import type {
  GroupLog,
  GroupOptions,
  GroupPorts,
  GroupSurroundings,
  SubscriptionReader,
} from './ports.ts';
import { Rebalancer } from './rebalancer.ts';
import { SyncDesk } from './sync.ts';
import { AnswerOutbox, WaitingAnswer } from './waiting-answer.ts';

export interface GroupCoordinatorParts {
  readonly groups: Groups;
  readonly log: GroupLog;
  readonly ports: GroupPorts;
  readonly options: GroupOptions;
  readonly surroundings: GroupSurroundings;
}

export class GroupCoordinator implements GroupService {
  private readonly groups: Groups;
  private readonly surroundings: GroupSurroundings;
  private readonly writer: GroupWriter;
  private readonly outbox = new AnswerOutbox();
  private readonly tally: MemberTally = { bytes: 0 };
  private readonly rebalancer: Rebalancer;
  private readonly desk: JoinDesk;
  private readonly syncDesk: SyncDesk;
  private readonly offsets: CommittedOffsets;
  private readonly expiry: OffsetExpiry;
  /** By group id. All there are. */
  private readonly live = new Map<string, LiveGroup>();
  private readSubscription: SubscriptionReader = () => null;

  constructor(parts: GroupCoordinatorParts) {
    const { groups, log, ports, options, surroundings } = parts;
    const { outbox, tally } = this;
    this.groups = groups;
    this.surroundings = surroundings;
    const writer = new GroupWriter(groups, log, ports.clock);
    this.writer = writer;
    // Who is not served cannot give a sign of life: nothing is held against it meanwhile.
    const isHalted = () => surroundings.refusal() !== null || surroundings.halt() !== null;
    this.rebalancer = new Rebalancer({ ports, options, writer, outbox, isHalted });
    const { rebalancer } = this;
    this.desk = new JoinDesk({
      options,
      random: ports.random,
      writer,
      rebalancer,
      outbox,
      tally,
    });
    this.syncDesk = new SyncDesk(rebalancer, outbox);
    this.offsets = new CommittedOffsets({ groups, options, writer });
    this.expiry = new OffsetExpiry({
      scheduler: ports.scheduler,
      options,
      writer,
      groups: () => this.live.values(),
      subscribedTopics: (live) => this.subscribedTopics(live),
      topicName: (partitionId) => surroundings.partition(partitionId)?.topic.name,
      delete: (live) => this.remove(live),
      isHalted,
    });
  }

  /** Who can read what members subscribe to. The last one given counts. */
  useSubscriptions(read: SubscriptionReader): void {
    this.readSubscription = read;
  }

  /** Once the log is open, before anything else is called. */
  start(): void {
    this.offsets.repair((partitionId) => this.surroundings.partition(partitionId) !== undefined);
    for (const group of this.groups.all()) this.rebalancer.resume(this.enliven(group));
    this.expiry.start();
  }

  /** Those who wait are answered with `error`, and nothing is due any more. */
  stop(error: BrokerErrorCode): void {
    this.expiry.stop();
    for (const live of this.live.values()) this.rebalancer.retire(live, error);
    this.outbox.flush();
  }

  /** Nobody new is let in: those who wait to be are answered with `error`. */
  turnAway(error: BrokerErrorCode): void {
    for (const live of this.live.values()) {
      for (const member of live.members.values()) this.rebalancer.fail(live, member, error);
    }
    this.outbox.flush();
  }

  /** The partitions are about to be deleted. */
  forgetPartitions(partitionIds: readonly number[]): void {
    this.offsets.drop(new Set(partitionIds));
  }

  join(request: JoinRequest, done: (outcome: JoinOutcome) => void): Parked | null {
    const waiting = new WaitingAnswer(done);
    const live = this.findJoined(request);
    if (typeof live === 'string') {
      const lsn = live === 'member_not_found' ? this.groupsLsn : 0;
      this.outbox.answer(waiting, failedJoin(live, lsn, request.memberId));
    } else this.desk.join(live, request, waiting);
    this.outbox.flush();
    return waiting.isDecided ? null : waiting;
  }

  sync(request: SyncRequest, done: (outcome: SyncOutcome) => void): Parked | null {
    const waiting = new WaitingAnswer(done);
    const live = this.findGrowthRefusal() ?? this.findServed(request.groupId);
    if (typeof live === 'string') {
      this.outbox.answer(waiting, failedSync(live, this.lsnOfError(live)));
    } else this.syncDesk.sync(live, request, waiting);
    this.outbox.flush();
    return waiting.isDecided ? null : waiting;
  }

  heartbeat(claim: MemberClaim): GroupOutcome {
    const live = this.findServed(claim.groupId);
    if (typeof live !== 'string') return takeHeartbeat(this.rebalancer, live, claim);
    return { error: live, lsn: this.lsnOfError(live) };
  }

  leave(groupId: string, members: readonly LeavingMember[]): LeaveOutcome {
    const error = this.surroundings.halt() ?? faultOfId(groupId);
    if (error !== null) return { error, lsn: 0, members: members.map(() => error) };
    const live = this.live.get(groupId);
    if (live === undefined) {
      return { error: null, lsn: this.groupsLsn, members: members.map(() => 'member_not_found') };
    }
    const outcome = takeLeave(this.rebalancer, live, members);
    this.outbox.flush();
    return outcome;
  }

  commitOffsets(claim: MemberClaim, commits: readonly OffsetCommit[]): CommitOutcome {
    const error = this.findGrowthRefusal();
    if (error !== null) return refused(error, 0, commits.length);
    const live = this.live.get(claim.groupId);
    if (live === undefined) return this.commitToNew(claim, commits);
    const committer = this.offsets.findCommitter(live, claim);
    if (typeof committer === 'string') {
      return refused(committer, live.group.lastLsn, commits.length);
    }
    if (committer !== null) this.rebalancer.heard(live, committer);
    return this.offsets.commit(live, commits, this.offsets.findFaults(live, commits));
  }

  committedOffset(groupId: string, partition: Partition): CommittedOffset | undefined {
    return this.groups.find(groupId)?.offsets.get(partition.id);
  }

  *committedOffsets(groupId: string): Iterable<readonly [Partition, CommittedOffset]> {
    for (const [partitionId, row] of this.groups.find(groupId)?.offsets ?? []) {
      const partition = this.surroundings.partition(partitionId);
      if (partition !== undefined) yield [partition, row];
    }
  }

  offsetsLsn(groupId: string): number {
    const group = this.groups.find(groupId);
    return group === undefined ? this.groupsLsn : Math.max(group.createdLsn, group.offsetsLsn);
  }

  describe(groupId: string): GroupDescription | undefined {
    const live = this.live.get(groupId);
    return live && describeGroup(live);
  }

  *list(): Iterable<{ groupId: string; protocolType: string; state: GroupState }> {
    for (const [groupId, { protocolType, state }] of this.live) {
      yield { groupId, protocolType: protocolType ?? '', state };
    }
  }

  get groupsLsn(): number {
    return this.groups.lastLsn;
  }

  delete(groupId: string): GroupOutcome {
    // The group without a name may have offsets: those who commit need none.
    const error = this.surroundings.halt();
    if (error !== null) return { error, lsn: 0 };
    const live = this.live.get(groupId);
    if (live === undefined) return { error: 'group_not_found', lsn: this.groupsLsn };
    if (live.state !== 'Empty') return { error: 'group_not_empty', lsn: live.group.lastLsn };
    this.remove(live);
    return { error: null, lsn: this.groupsLsn };
  }

  deleteOffsets(groupId: string, partitions: readonly Partition[]): CommitOutcome {
    const error = this.findGrowthRefusal() ?? faultOfId(groupId);
    if (error !== null) return refused(error, 0, partitions.length);
    const live = this.live.get(groupId);
    if (live === undefined) return refused('group_not_found', this.groupsLsn, partitions.length);
    return this.offsets.delete(live, partitions, this.subscribedTopics(live));
  }

  /** Commits and generations come without end: they leave some of the reserve to what frees space. */
  private findGrowthRefusal(): BrokerErrorCode | null {
    const { surroundings } = this;
    return surroundings.halt() ?? (surroundings.isReserveShort() ? 'storage_full' : null);
  }

  /** The group to join, made if need be. */
  private findJoined(request: JoinRequest): LiveGroup | BrokerErrorCode {
    const { surroundings, desk } = this;
    const error = surroundings.refusal() ?? desk.findFault(request) ?? this.findGrowthRefusal();
    if (error !== null) return error;
    const live = this.live.get(request.groupId);
    if (live !== undefined) return live;
    if (request.memberId !== '') return 'member_not_found';
    if (request.protocolType === '' || request.protocols.length === 0) {
      return 'inconsistent_protocol';
    }
    return this.create(request.groupId);
  }

  /** The group of a member that is to go on. */
  private findServed(groupId: string): LiveGroup | BrokerErrorCode {
    const error = this.surroundings.refusal() ?? faultOfId(groupId);
    return error ?? this.live.get(groupId) ?? 'member_not_found';
  }

  private lsnOfError(error: BrokerErrorCode): number {
    return error === 'member_not_found' ? this.groupsLsn : 0;
  }

  /** A group that only keeps offsets, unless a member speaks of a group that is gone. */
  private commitToNew(claim: MemberClaim, commits: readonly OffsetCommit[]): CommitOutcome {
    const { groupId, generation } = claim;
    if (generation >= 0) return refused('group_not_found', this.groupsLsn, commits.length);
    const faults = this.offsets.findFaults(null, commits);
    if (!faults.includes(null)) return { error: null, lsn: this.groupsLsn, partitions: faults };
    const live = this.create(groupId);
    if (typeof live === 'string') return refused(live, 0, commits.length);
    return this.offsets.commit(live, commits, faults);
  }

  private create(groupId: string): LiveGroup | BrokerErrorCode {
    const { surroundings } = this;
    const error = surroundings.refusal();
    if (error !== null) return error;
    if (!fits(groupId, groupTextBytesMax)) return 'limit_exceeded';
    if (surroundings.isStorageFull()) return 'storage_full';
    if (this.groups.size >= groupsMax) return 'limit_exceeded';
    surroundings.beforeCreate();
    return this.enliven(this.writer.create(groupId));
  }

  private enliven(group: Group): LiveGroup {
    assert(!this.live.has(group.name), 'a group lives once');
    const live = new LiveGroup(group, this.tally);
    this.live.set(group.name, live);
    return live;
  }

  private remove(live: LiveGroup): void {
    assert(live.members.size === 0, 'a group that is deleted has no members');
    this.rebalancer.retire(live, 'group_not_found');
    live.become('Dead');
    this.live.delete(live.group.name);
    this.writer.delete(live.group);
  }

  /** Null: not known. */
  private subscribedTopics(live: LiveGroup): ReadonlySet<string> | null {
    if (live.subscribed === undefined) live.subscribed = this.readSubscriptions(live);
    return live.subscribed;
  }

  private readSubscriptions(live: LiveGroup): ReadonlySet<string> | null {
    const { protocolType, protocol } = live;
    if (protocolType === null || protocol === '') return null;
    const subscribed = new Set<string>();
    for (const member of live.members.values()) {
      const topics = this.readSubscription(protocolType, member.metadataFor(protocol));
      if (topics === null) return null;
      for (const topic of topics) subscribed.add(topic);
    }
    return subscribed;
  }
}

function describeGroup(live: LiveGroup): GroupDescription {
  const { group, state, protocolType, protocol, generation } = live;
  const isStable = state === 'Stable';
  const members = Array.from(live.members.values(), (member) => ({
    memberId: member.memberId,
    instanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    metadata: isStable ? member.metadataFor(protocol) : noBytes,
    assignment: isStable ? member.assignment : noBytes,
  }));
  return {
    groupId: group.name,
    state,
    protocolType: protocolType ?? '',
    protocol: isStable ? protocol : '',
    generation,
    members,
    lsn: group.lastLsn,
  };
}

function faultOfId(groupId: string): BrokerErrorCode | null {
  return groupId === '' ? 'invalid_group_id' : null;
}
