/**
 * What tests of groups share: a broker in virtual time, and short ways to ask groups.
 */

import { strict as assert } from 'node:assert';
import { createTopic, partitionOf, TestBench } from '../broker.fixture.ts';
import type { Broker } from '../broker.ts';
import type { Partition, Topic } from '../catalog/topic.ts';
import type { BrokerOptions } from '../options.ts';
import type { Group } from './group.ts';
import type {
  CommitOutcome,
  GroupDescription,
  JoinOutcome,
  JoinRequest,
  MemberClaim,
  MemberProtocol,
  OffsetCommit,
  Parked,
  SyncOutcome,
  SyncRequest,
} from './group-messages.ts';
import type { Groups } from './groups.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** A call that is answered, now or later. */
export class Asked<Outcome extends { readonly error: string | null }> {
  outcome: Outcome | null = null;
  parked: Parked | null = null;
  answers = 0;

  readonly take = (outcome: Outcome): void => {
    this.outcome = outcome;
    this.answers++;
  };

  get isAnswered(): boolean {
    assert.ok(this.answers <= 1, 'an answer comes once');
    return this.answers === 1;
  }

  get answer(): Outcome {
    assert.ok(this.outcome !== null, 'it has been answered');
    return this.outcome;
  }

  get error(): string | null {
    return this.answer.error;
  }
}

export const groupId = 'g';

export class TestGroups {
  readonly bench: TestBench;
  broker: Broker;

  constructor(options: Partial<BrokerOptions> = {}, bytesMax = 64 * 1024 * 1024) {
    this.bench = new TestBench(options, bytesMax);
    this.broker = this.open();
  }

  private open(checkpointBytes?: number): Broker {
    const broker = this.bench.open(checkpointBytes);
    broker.groups.useSubscriptions((type, metadata) =>
      type === 'consumer' ? textOf(metadata).split(',') : null,
    );
    return broker;
  }

  get groups() {
    return this.broker.groups;
  }

  /** The durable state. */
  get durable(): Groups {
    return Reflect.get(this.broker.groups, 'groups') as Groups;
  }

  /** What is committed is on disk; then the process dies, and another begins. */
  crash(checkpointBytes?: number): void {
    this.bench.loop.settle();
    this.kill(checkpointBytes);
  }

  /** The process dies where it stands, and another begins. */
  kill(checkpointBytes?: number): void {
    this.bench.crash();
    this.broker = this.open(checkpointBytes);
  }

  restart(): void {
    this.bench.close(this.broker);
    this.broker = this.open();
  }

  settle(): void {
    this.bench.loop.settle();
  }

  pass(ms: number): void {
    this.bench.loop.advance(ms);
  }

  join(request: Partial<JoinRequest> = {}): Asked<JoinOutcome> {
    const asked = new Asked<JoinOutcome>();
    asked.parked = this.groups.join(joinOf(request), asked.take);
    assert.equal(asked.parked === null, asked.isAnswered, 'parked or answered');
    return asked;
  }

  sync(request: Partial<SyncRequest>): Asked<SyncOutcome> {
    const asked = new Asked<SyncOutcome>();
    asked.parked = this.groups.sync(syncOf(request), asked.take);
    assert.equal(asked.parked === null, asked.isAnswered, 'parked or answered');
    return asked;
  }

  heartbeat(memberId: string, generation: number, instanceId: string | null = null): string | null {
    return this.groups.heartbeat({ groupId, generation, memberId, instanceId }).error;
  }

  /** Errors of the members, in their order. */
  leave(
    ...members: (string | { memberId: string; instanceId: string | null })[]
  ): (string | null)[] {
    const leaving = members.map((one) => ({
      reason: 'test',
      ...(typeof one === 'string' ? { memberId: one, instanceId: null } : one),
    }));
    const outcome = this.groups.leave(groupId, leaving);
    assert.equal(outcome.error, null);
    return [...outcome.members];
  }

  commit(
    partition: Partition,
    offset: number,
    claim: Partial<MemberClaim> = {},
    more: Partial<OffsetCommit> = {},
  ): CommitOutcome {
    const commit = { partition, offset, leaderEpoch: -1, metadata: '', ...more };
    const simple = { groupId, generation: -1, memberId: '', instanceId: null, ...claim };
    return this.groups.commitOffsets(simple, [commit]);
  }

  offset(partition: Partition, group = groupId): number | undefined {
    return this.groups.committedOffset(group, partition)?.offset;
  }

  describe(group = groupId): GroupDescription {
    const described = this.groups.describe(group);
    assert.ok(described !== undefined, `there is a group ${group}`);
    return described;
  }

  get state(): string {
    return this.describe().state;
  }

  topic(name = 't', partitions = 1): Topic {
    return this.broker.topic(name) ?? createTopic(this.broker, name, {}, partitions);
  }

  partition(name = 't', index = 0): Partition {
    return partitionOf(this.topic(name, index + 1), index);
  }

  /** Members by their names, together in a stable group; the first one leads. Dynamic ones. */
  stable(...names: string[]): Asked<JoinOutcome>[] {
    const asked = names.map((clientId) => this.join({ clientId }));
    this.gather(asked);
    this.share(asked);
    return asked;
  }

  /** Lets the time pass that those who join for the first time wait for each other. */
  gather(asked: readonly Asked<JoinOutcome>[]): void {
    for (let i = 0; i < 1000 && asked.some(({ outcome }) => outcome === null); i++) this.pass(10);
  }

  /** The leader syncs, then the others: each gets "work of <member id>". */
  share(asked: readonly Asked<JoinOutcome>[]): void {
    const leader = asked.find(({ answer }) => answer.memberId === answer.leader);
    assert.ok(leader !== undefined, 'one of them leads');
    const assignments = leader.answer.members.map(({ memberId }) => ({
      memberId,
      assignment: bytesOf(`work of ${memberId}`),
    }));
    const syncs = [leader, ...asked.filter((one) => one !== leader)].map(({ answer }) => {
      const { memberId, generation } = answer;
      const isLeader = memberId === answer.leader;
      return this.sync({ memberId, generation, assignments: isLeader ? assignments : [] });
    });
    for (const sync of syncs) assert.equal(sync.error, null);
  }
}

export function joinOf(request: Partial<JoinRequest>): JoinRequest {
  return {
    groupId,
    memberId: '',
    instanceId: null,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: protocolsOf({ range: 't' }),
    mustReturnWithId: false,
    canSkipAssignment: false,
    reason: '',
    ...request,
  };
}

export function syncOf(request: Partial<SyncRequest>): SyncRequest {
  return {
    groupId,
    generation: 1,
    memberId: '',
    instanceId: null,
    protocolType: null,
    protocol: null,
    assignments: [],
    ...request,
  };
}

export function protocolsOf(metadata: Readonly<Record<string, string>>): MemberProtocol[] {
  return Object.entries(metadata).map(([name, text]) => ({ name, metadata: bytesOf(text) }));
}

/** The durable state of all groups, in a form that can be compared. */
export function dumpGroups(groups: Groups): unknown {
  const dump = (group: Group) => ({
    id: group.id,
    name: group.name,
    generation: group.generation,
    generationLsn: group.generationLsn,
    offsets: [...group.offsets].sort(([left], [right]) => left - right),
  });
  return {
    nextGroupId: groups.nextGroupId,
    offsetCount: groups.offsetCount,
    metadataSize: groups.metadataSize,
    groups: [...groups.all()].map(dump).sort((left, right) => left.id - right.id),
  };
}
