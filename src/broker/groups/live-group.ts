/**
 * A group as it lives: its state, who its members are, what they agree on.
 *
 * Owns: membership, the places of static members, leader, generation, the vote on the protocol.
 * Leaves: when all this changes to rebalancer.ts and the handlers, time to rebalancer.ts.
 *
 * Empty → PreparingRebalance → CompletingRebalance → Stable → PreparingRebalance ..., and Empty
 * again from PreparingRebalance without members; Dead once it is deleted.
 *
 * Invariants: `statics` and `supports` agree with `members`; there is a leader iff there are members.
 */

import { assert } from '../../kernel/assert.ts';
import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { Timer } from '../../kernel/ports.ts';
import type { Generation, Group } from './group.ts';
import type { GroupState, JoinedMember, MemberProtocol } from './group-messages.ts';
import { LiveMember } from './live-member.ts';

const never = Number.POSITIVE_INFINITY;

/** What all members of all groups take. */
export interface MemberTally {
  bytes: number;
}

export class LiveGroup {
  readonly group: Group;
  state: GroupState = 'Empty';
  /** Of the state before this one: whether this is the first rebalance. */
  previousState: GroupState = 'Empty';
  generation = 0;
  /** Null: nobody has ever joined. */
  protocolType: string | null = null;
  /** '' until the members have agreed on one. */
  protocol = '';
  leader = '';
  readonly members = new Map<string, LiveMember>();
  /** By instance id: the member id. */
  readonly statics = new Map<string, string>();
  /** Ids handed out to members that have to come again with them; until when, monotonic ms. */
  readonly pendingJoins = new Map<string, number>();
  /** Member ids that have not synced in this generation. */
  readonly pendingSyncs = new Set<string>();
  /** Bytes of all members, their assignments included; `tally` counts those of all groups. */
  bytes = 0;
  private readonly tally: MemberTally;

  // Time: see rebalancer.ts. Monotonic ms.
  joinDeadline = never;
  syncDeadline = never;
  /** Of the first rebalance: this delay, and what may still be added to it. */
  delayMs = 0;
  delayLeftMs = 0;
  /** Somebody has come during this delay. */
  hasNewcomer = false;
  timer: Timer | null = null;
  timerAt = never;

  /** The topics that members subscribe to; null: unknown; undefined: not computed yet. */
  subscribed: ReadonlySet<string> | null | undefined = undefined;
  private readonly supports = new Map<string, number>();

  constructor(group: Group, tally: MemberTally) {
    this.group = group;
    this.tally = tally;
    if (group.generation !== null) this.restore(group.generation);
  }

  private restore(generation: Generation): void {
    this.generation = generation.number;
    this.protocolType = generation.protocolType;
    if (generation.members.length === 0) return;
    for (const member of generation.members) {
      const live = new LiveMember(member);
      live.assignment = member.assignment;
      this.add(live);
    }
    this.protocol = generation.protocol;
    this.leader = generation.leader;
    this.state = 'Stable';
    assert(this.members.has(this.leader), 'the leader is a member');
  }

  get awaitingJoin(): number {
    let count = 0;
    for (const { join } of this.members.values()) if (join !== null) count++;
    return count;
  }

  get hasAllJoined(): boolean {
    if (this.pendingJoins.size > 0) return false;
    for (const { join } of this.members.values()) if (join === null) return false;
    return true;
  }

  /** The longest that any member asks for. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values()) {
      longest = Math.max(longest, rebalanceTimeoutMs);
    }
    return longest;
  }

  become(state: GroupState): void {
    this.previousState = this.state;
    this.state = state;
  }

  add(member: LiveMember): void {
    assert(!this.members.has(member.memberId), 'a member is added once');
    const { memberId, instanceId } = member;
    if (instanceId !== null) {
      assert(!this.statics.has(instanceId), 'an instance has one member');
      this.statics.set(instanceId, memberId);
    }
    if (this.members.size === 0) this.leader = memberId;
    this.members.set(memberId, member);
    this.pendingJoins.delete(memberId);
    this.count(member, 1);
  }

  /** The work is divided anew without it; the leader's place goes to any other member. */
  remove(member: LiveMember): void {
    const { memberId, instanceId } = member;
    if (!this.members.delete(memberId)) return;
    if (instanceId !== null) this.statics.delete(instanceId);
    this.pendingSyncs.delete(memberId);
    this.count(member, -1);
    if (this.leader !== memberId) return;
    const [next] = this.members.keys();
    this.leader = next ?? '';
  }

  /** The place of a static member goes to a new member id, with everything that belongs to it. */
  replace(old: LiveMember, memberId: string): LiveMember {
    const { leader } = this;
    const wasPending = this.pendingSyncs.has(old.memberId);
    const successor = new LiveMember({ ...old, memberId });
    successor.assignment = old.assignment;
    this.remove(old);
    this.add(successor);
    if (leader === old.memberId) this.leader = memberId;
    if (wasPending) this.pendingSyncs.add(memberId);
    return successor;
  }

  /** Changes what a member says of itself. */
  update(member: LiveMember, change: (member: LiveMember) => void): void {
    this.count(member, -1);
    change(member);
    this.count(member, 1);
  }

  assign(member: LiveMember, assignment: Uint8Array): void {
    const change = assignment.length - member.assignment.length;
    member.assignment = assignment;
    this.bytes += change;
    this.tally.bytes += change;
  }

  memberOfInstance(instanceId: string): LiveMember | undefined {
    const memberId = this.statics.get(instanceId);
    return memberId === undefined ? undefined : this.members.get(memberId);
  }

  /** Whether the one who asks is a member, and its place is still its own. */
  findMember(memberId: string, instanceId: string | null): LiveMember | BrokerErrorCode {
    if (instanceId !== null) {
      const holder = this.statics.get(instanceId);
      if (holder === undefined) return 'member_not_found';
      if (holder !== memberId) return 'member_fenced';
    }
    return this.members.get(memberId) ?? 'member_not_found';
  }

  /** Whether a member that speaks these could share the work. */
  canAgree(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0;
    if (this.protocolType !== protocolType) return false;
    const all = this.members.size;
    return protocols.some(({ name }) => (this.supports.get(name) ?? 0) === all);
  }

  /** The protocol that all know and most want most. */
  vote(): string {
    const votes = new Map<string, number>();
    for (const { protocols } of this.members.values()) {
      const wanted = protocols.find(({ name }) => this.supports.get(name) === this.members.size);
      assert(wanted !== undefined, 'members have a protocol in common');
      votes.set(wanted.name, (votes.get(wanted.name) ?? 0) + 1);
    }
    let chosen = '';
    for (const [name, count] of votes) if (count > (votes.get(chosen) ?? 0)) chosen = name;
    return chosen;
  }

  /** Whether the leader is waiting to lead; if not, one who waits takes its place. */
  electJoinedLeader(): boolean {
    if ((this.members.get(this.leader)?.join ?? null) !== null) return true;
    for (const { memberId, join } of this.members.values()) {
      if (join === null) continue;
      this.leader = memberId;
      return true;
    }
    return false;
  }

  /** What the leader divides the work by. */
  joinedMembers(): JoinedMember[] {
    return Array.from(this.members.values(), (member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      metadata: member.metadataFor(this.protocol),
    }));
  }

  /** As it goes to the journal. */
  snapshot(completedAt: number): Generation {
    const { generation: number, protocol, leader } = this;
    assert(this.protocolType !== null, 'who completes a generation has a protocol type');
    const members = Array.from(this.members.values(), (member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      sessionTimeoutMs: member.sessionTimeoutMs,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      protocols: member.protocols,
      assignment: member.assignment,
    }));
    return { number, completedAt, protocolType: this.protocolType, protocol, leader, members };
  }

  private count(member: LiveMember, sign: 1 | -1): void {
    this.bytes += sign * member.bytes;
    this.tally.bytes += sign * member.bytes;
    const names = new Set(member.protocols.map(({ name }) => name));
    for (const name of names) {
      const count = (this.supports.get(name) ?? 0) + sign;
      if (count === 0) this.supports.delete(name);
      else this.supports.set(name, count);
    }
  }
}
