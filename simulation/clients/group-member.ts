/**
 * Members of consumer groups: they join, share the work, commit, look, and go away with or without a
 * word. In the next life they go on where they were.
 */

import type { JoinOutcome, SyncOutcome } from '../../src/broker/index.ts';
import type { BrokerErrorCode } from '../../src/kernel/errors.ts';
import { type GroupHistory, noOffset } from '../group-history.ts';
import type { Life } from '../life.ts';
import type { PartitionHistory } from '../partition-history.ts';
import { promise } from '../violation.ts';
import { Client, partitionIn } from './client.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a member may be told at any time: others have done something, or time has passed. */
const usual: ReadonlySet<BrokerErrorCode> = new Set([
  'member_not_found',
  'stale_generation',
  'rebalance_in_progress',
  'member_fenced',
  'member_id_required',
  'group_not_found',
  'group_not_empty',
  'group_full',
]);

export class GroupMember extends Client {
  private group: GroupHistory | null = null;
  private memberId = '';
  private instanceId: string | null = null;
  /** -1: in none. */
  private generation = -1;
  private isJoining = false;

  override connect(life: Life): void {
    this.isJoining = false;
    if (this.generation >= 0) this.stage.world.note('group.went_on');
    super.connect(life);
  }

  protected override step(life: Life): void {
    // What was asked when the life ended badly is forgotten; in calm times nothing new begins.
    if (this.isJoining || this.stage.isHealing) return;
    const { random, stage } = this;
    const group = this.group ?? stage.groups[random.below(stage.groups.length)];
    if (group === undefined) return;
    const draw = random.fraction();
    if (draw < 0.15) return this.look(life, group);
    if (this.generation >= 0) this.work(life, group, draw);
    else if (draw < 0.3) this.commit(life, group);
    else if (draw < 0.35) this.deleteGroup(life, group);
    else if (draw < 0.4) this.deleteOffset(life, group);
    else this.join(life, group);
  }

  private work(life: Life, group: GroupHistory, draw: number): void {
    if (draw < 0.7) this.commit(life, group);
    else if (draw < 0.95) this.heartbeat(life, group);
    else this.leave(life, group);
  }

  private join(life: Life, group: GroupHistory): void {
    const { random } = this;
    if (this.memberId === '') this.instanceId = random.chance(0.3) ? `i${random.below(2)}` : null;
    this.group = group;
    this.isJoining = true;
    life.broker.groups.join(
      {
        groupId: group.name,
        memberId: this.memberId,
        instanceId: this.instanceId,
        clientId: 'simulated',
        clientHost: '',
        sessionTimeoutMs: random.pick([20, 200, 2000]),
        rebalanceTimeoutMs: random.pick([5, 50]),
        protocolType: 'simulated',
        protocols: [{ name: 'by id', metadata: encoder.encode('x'.repeat(random.below(200))) }],
        mustReturnWithId: random.chance(0.5),
        canSkipAssignment: random.chance(0.5),
        reason: '',
      },
      (outcome) => this.afterAnswer(life, outcome, () => this.sync(life, group, outcome)),
    );
  }

  private sync(life: Life, group: GroupHistory, joined: JoinOutcome): void {
    const { memberId, generation } = joined;
    this.memberId = memberId;
    this.stage.world.note('group.joined', generation);
    const isLeader = joined.leader === memberId && !joined.skipsAssignment;
    const assignments = joined.members.map((member) => ({
      memberId: member.memberId,
      assignment: encoder.encode(`${group.name} ${generation} ${member.memberId}`),
    }));
    this.isJoining = true;
    life.broker.groups.sync(
      {
        groupId: group.name,
        generation,
        memberId,
        instanceId: this.instanceId,
        protocolType: joined.protocolType,
        protocol: joined.protocol,
        assignments: isLeader ? assignments : [],
      },
      (outcome) => {
        const confirm = outcome.error === null ? group.share(generation) : () => undefined;
        this.afterAnswer(life, outcome, () => {
          confirm();
          this.checkShare(group, generation, outcome);
          this.generation = generation;
        });
      },
    );
  }

  private checkShare(group: GroupHistory, generation: number, { assignment }: SyncOutcome): void {
    const text = decoder.decode(assignment);
    // A static member gets what its place had, under the id that it had then.
    const owner = this.instanceId === null ? this.memberId : '';
    const expected = `${group.name} ${generation} ${owner}`;
    promise(text.startsWith(expected), `the share "${text}" is not "${expected}"`);
    this.stage.world.note('group.shared', generation);
  }

  /** Goes on once the answer may be known; an error sends back to the start. */
  private afterAnswer(
    life: Life,
    outcome: {
      readonly error: BrokerErrorCode | null;
      readonly lsn: number;
      readonly memberId?: string;
    },
    next: () => void,
  ): void {
    if (life.isOver) return;
    if (outcome.error !== null) {
      this.isJoining = false;
      if (outcome.memberId !== undefined) this.memberId = outcome.memberId;
      return this.refused(life, outcome.error);
    }
    life.answer(outcome.lsn, (error) => {
      this.isJoining = false;
      if (error === null) next();
      else this.generation = -1;
    });
  }

  private refused(life: Life, error: BrokerErrorCode): void {
    if (!usual.has(error)) life.promiseExcused(error, 'a group does not serve');
    this.generation = -1;
    if (error === 'member_id_required' || error === 'rebalance_in_progress') return;
    if (error !== 'stale_generation') this.memberId = '';
    if (this.memberId === '') this.group = null;
  }

  private commit(life: Life, group: GroupHistory): void {
    const history = this.pickPartition();
    const partition = partitionIn(life, history);
    if (history === undefined || partition === undefined) return;
    const offset = group.nextOffset();
    const isMember = this.generation >= 0;
    const outcome = life.broker.groups.commitOffsets(
      {
        groupId: group.name,
        generation: this.generation,
        memberId: isMember ? this.memberId : '',
        instanceId: isMember ? this.instanceId : null,
      },
      [{ partition, offset, leaderEpoch: -1, metadata: metadataOf(offset) }],
    );
    if (outcome.error !== null) return this.afterRefusal(life, outcome.error, isMember);
    promise(outcome.partitions[0] === null, `an offset is refused: ${outcome.partitions[0]}`);
    this.confirmed(life, outcome.lsn, 'group.committed', group.put(history, offset));
  }

  private heartbeat(life: Life, group: GroupHistory): void {
    const { generation, memberId, instanceId } = this;
    const claim = { groupId: group.name, generation, memberId, instanceId };
    const { error } = life.broker.groups.heartbeat(claim);
    if (error !== null) this.refused(life, error);
  }

  private leave(life: Life, group: GroupHistory): void {
    const { memberId, instanceId } = this;
    this.generation = -1;
    this.memberId = '';
    this.group = null;
    // Or it dies without a word.
    if (this.random.chance(0.5)) return;
    const outcome = life.broker.groups.leave(group.name, [{ memberId, instanceId, reason: '' }]);
    if (outcome.error !== null) life.promiseExcused(outcome.error, 'a member does not get out');
    else this.stage.world.note('group.left');
  }

  private look(life: Life, group: GroupHistory): void {
    const history = this.pickPartition();
    const partition = partitionIn(life, history);
    if (history === undefined || partition === undefined || life.broker.fault !== null) return;
    const confirm = this.see(life, group, history);
    this.confirmed(life, life.broker.groups.offsetsLsn(group.name), 'group.seen', confirm, true);
  }

  private see(life: Life, group: GroupHistory, history: PartitionHistory): () => void {
    const offset = committedIn(life, group, history);
    return group.see(history, offset);
  }

  private deleteGroup(life: Life, group: GroupHistory): void {
    const outcome = life.broker.groups.delete(group.name);
    if (outcome.error !== null) return this.afterRefusal(life, outcome.error, false);
    this.confirmed(life, outcome.lsn, 'group.deleted', group.clear());
  }

  private deleteOffset(life: Life, group: GroupHistory): void {
    const history = this.pickPartition();
    const partition = partitionIn(life, history);
    if (history === undefined || partition === undefined) return;
    const outcome = life.broker.groups.deleteOffsets(group.name, [partition]);
    if (outcome.error !== null) return this.afterRefusal(life, outcome.error, false);
    this.confirmed(life, outcome.lsn, 'group.offset_deleted', group.put(history, noOffset));
  }

  private afterRefusal(life: Life, error: BrokerErrorCode, isMember: boolean): void {
    if (isMember) return this.refused(life, error);
    if (!usual.has(error)) life.promiseExcused(error, 'a group does not serve');
  }

  private confirmed(
    life: Life,
    lsn: number,
    event: string,
    confirm: () => void,
    isRead = false,
  ): void {
    const done = (error: Error | null): void => {
      if (error !== null) return;
      this.stage.world.note(event);
      confirm();
    };
    if (isRead) life.answerFromState(lsn, done);
    else life.answer(lsn, done);
  }
}

function metadataOf(offset: number): string {
  return `committed ${offset}`;
}

/** What a group has committed of a partition that is there. */
export function committedIn(life: Life, group: GroupHistory, history: PartitionHistory): number {
  const partition = partitionIn(life, history);
  promise(partition !== undefined, `${history.name} is there`);
  const committed = life.broker.groups.committedOffset(group.name, partition);
  if (committed === undefined) return noOffset;
  const { offset, metadata } = committed;
  promise(metadata === metadataOf(offset), `${offset} was committed with "${metadata}"`);
  return offset;
}
