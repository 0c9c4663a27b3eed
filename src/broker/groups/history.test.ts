/**
 * Random histories with crashes: what was confirmed stays, and replay gives the state that was live.
 */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { TestRandom } from '../broker.fixture.ts';
import type { Partition } from '../catalog/topic.ts';
import type { JoinOutcome, SyncOutcome } from './group-messages.ts';
import {
  Asked,
  bytesOf,
  dumpGroups,
  joinOf,
  protocolsOf,
  syncOf,
  TestGroups,
} from './groups.fixture.ts';

const groupNames = ['g', 'h', 'a group with a longer name'];

/** A client that follows the rules, at its own pace. */
interface TestMember {
  readonly groupId: string;
  readonly instanceId: string | null;
  memberId: string;
  generation: number;
  join: Asked<JoinOutcome> | null;
  sync: Asked<SyncOutcome> | null;
}

class World {
  readonly random: TestRandom;
  readonly t: TestGroups;
  private members: TestMember[] = [];
  /** By group and partition: what it may be after a crash, from what is confirmed to the latest. */
  private readonly possible = new Map<string, (number | undefined)[]>();
  /** By the number of the group. */
  private readonly generations = new Map<number, number>();
  private topics = 0;
  stables = 0;
  checks = 0;

  constructor(seed: number) {
    this.random = new TestRandom(seed);
    this.t = new TestGroups({
      groupInitialRebalanceDelayMs: 100,
      offsetsRetentionMs: 3_600_000,
      offsetsRetentionCheckMs: 60_000,
      groupMaxSize: 5,
    });
    this.addTopic();
  }

  step(): void {
    const { t, random } = this;
    const choice = random.below(100);
    if (choice < 25) this.commit();
    else if (choice < 62) this.advance();
    else if (choice < 69) this.enter();
    else if (choice < 72) this.leave();
    else if (choice < 84) t.pass(random.below(400));
    else if (choice < 87) t.pass(random.below(20_000));
    else if (choice < 88 && random.below(4) === 0) t.pass(random.below(3_000_000));
    else if (choice < 90) this.deleteGroup();
    else if (choice < 92) this.deleteOffsets();
    else if (choice < 93) this.addTopic();
    else if (choice < 94) this.deleteTopic();
    else if (choice < 96) t.broker.checkpoint();
    else t.settle();
    this.note();
  }

  /** What is there now is what the last step has made of it. */
  private note(): void {
    for (const groupId of groupNames) {
      for (const topic of this.t.broker.topics()) {
        for (const partition of topic.partitions) {
          const seen = this.seen(groupId, partition);
          const offset = this.t.offset(partition, groupId);
          if (seen.at(-1) !== offset) seen.push(offset);
        }
      }
    }
  }

  private seen(groupId: string, { topic, index }: Partition): (number | undefined)[] {
    const key = `${groupId} ${topic.uuidText} ${index}`;
    const seen = this.possible.get(key) ?? [undefined];
    this.possible.set(key, seen);
    return seen;
  }

  private anyGroup(): string {
    return groupNames[this.random.below(groupNames.length)] ?? 'g';
  }

  private anyPartition(): Partition {
    const topics = [...this.t.broker.topics()].filter(({ isInternal }) => !isInternal);
    const topic = topics[this.random.below(topics.length)];
    const partition = topic?.partitions[this.random.below(topic.partitions.length)];
    assert.ok(partition !== undefined, 'there is a topic');
    return partition;
  }

  private commit(): void {
    const { random } = this;
    const member = this.members[random.below(2 * this.members.length + 1)];
    const claim =
      member === undefined
        ? { groupId: this.anyGroup(), generation: -1, memberId: '', instanceId: null }
        : member;
    const commits = Array.from({ length: 1 + random.below(3) }, () => ({
      partition: this.anyPartition(),
      offset: random.below(1_000_000),
      leaderEpoch: random.below(5) - 1,
      metadata: 'm'.repeat(random.below(4) === 0 ? random.below(4000) : 3),
    }));
    this.t.groups.commitOffsets(claim, commits);
  }

  private enter(): void {
    if (this.members.length > 9) return;
    const isStatic = this.random.below(3) === 0;
    this.members.push({
      groupId: this.anyGroup(),
      instanceId: isStatic ? `static-${this.random.below(3)}` : null,
      memberId: '',
      generation: -1,
      join: null,
      sync: null,
    });
  }

  /** One member does what comes next for it. */
  private advance(): void {
    const member = this.members[this.random.below(this.members.length)];
    if (member === undefined) return;
    const { join, sync } = member;
    if (sync !== null) this.afterSync(member, sync);
    else if (join !== null) this.afterJoin(member, join);
    else if (member.generation >= 0) {
      const { error } = this.t.groups.heartbeat(member);
      if (error !== null) this.startAgain(member, error);
    } else this.startJoin(member);
  }

  private startJoin(member: TestMember): void {
    const isLarge = this.random.below(6) === 0;
    const subscription = isLarge ? 'x'.repeat(60_000) : `t${this.random.below(3)}`;
    const asked = new Asked<JoinOutcome>();
    const { groupId, memberId, instanceId } = member;
    member.join = asked;
    this.t.groups.join(
      joinOf({
        groupId,
        memberId,
        instanceId,
        mustReturnWithId: this.random.below(2) === 0,
        canSkipAssignment: this.random.below(2) === 0,
        rebalanceTimeoutMs: 5000,
        protocols: protocolsOf({ range: subscription, sticky: '' }),
      }),
      asked.take,
    );
  }

  private afterJoin(member: TestMember, join: Asked<JoinOutcome>): void {
    if (!join.isAnswered) return;
    const { answer } = join;
    member.join = null;
    if (answer.error !== null) {
      member.memberId = answer.memberId;
      return this.startAgain(member, answer.error);
    }
    const { groupId, instanceId } = member;
    member.memberId = answer.memberId;
    member.generation = answer.generation;
    const isLeader = answer.leader === answer.memberId && !answer.skipsAssignment;
    const assignments = answer.members.map(({ memberId }) => ({
      memberId,
      assignment: bytesOf(`${answer.generation} ${memberId}`),
    }));
    const asked = new Asked<SyncOutcome>();
    member.sync = asked;
    this.t.groups.sync(
      syncOf({
        groupId,
        instanceId,
        memberId: answer.memberId,
        generation: answer.generation,
        assignments: isLeader ? assignments : [],
      }),
      asked.take,
    );
  }

  private afterSync(member: TestMember, sync: Asked<SyncOutcome>): void {
    if (!sync.isAnswered) return;
    member.sync = null;
    if (sync.error !== null) this.startAgain(member, sync.error);
    else this.stables++;
  }

  private startAgain(member: TestMember, error: string): void {
    member.generation = -1;
    const isGone = error === 'member_fenced' || error === 'group_full';
    if (isGone) this.members = this.members.filter((other) => other !== member);
    if (error === 'member_not_found') member.memberId = '';
  }

  private leave(): void {
    const member = this.members[this.random.below(this.members.length)];
    if (member === undefined) return;
    this.members = this.members.filter((other) => other !== member);
    // Or it dies without a word.
    if (this.random.below(2) === 0) return;
    const { groupId, memberId, instanceId } = member;
    this.t.groups.leave(groupId, [{ memberId, instanceId, reason: '' }]);
  }

  private deleteGroup(): void {
    this.t.groups.delete(this.anyGroup());
  }

  private deleteOffsets(): void {
    this.t.groups.deleteOffsets(this.anyGroup(), [this.anyPartition(), this.anyPartition()]);
  }

  private addTopic(): void {
    if (this.topics < 40) this.t.topic(`t${this.topics++}`, 1 + this.random.below(3));
  }

  private deleteTopic(): void {
    const names = [...this.t.broker.topics()].filter(({ isInternal }) => !isInternal);
    if (names.length > 1) this.t.broker.deleteTopic(this.anyPartition().topic);
  }

  /** At any moment: what was confirmed is there, or what has come after it. */
  crash(isSettled: boolean): void {
    const { t } = this;
    if (isSettled) this.confirm();
    const before = this.dump();
    t.kill(8 * 1024);
    if (isSettled) assert.deepEqual(this.dump(), before, 'replay gives what was live');
    for (const groupId of groupNames) {
      for (const topic of t.broker.topics()) {
        for (const partition of topic.partitions) {
          this.checks++;
          const seen = this.seen(groupId, partition);
          const offset = t.offset(partition, groupId);
          assert.ok(seen.includes(offset), `${groupId} is at ${offset}, was at ${seen}`);
          seen.splice(0, seen.length, offset);
        }
      }
    }
    for (const { id, name, generation } of t.durable.all()) {
      const number = generation?.number ?? 0;
      const confirmed = this.generations.get(id) ?? 0;
      assert.ok(number >= confirmed, `${name} goes back to generation ${number}`);
    }
    for (const member of this.members) {
      member.join = null;
      member.sync = null;
    }
  }

  private confirm(): void {
    this.t.settle();
    this.note();
    for (const seen of this.possible.values()) seen.splice(0, seen.length - 1);
    this.generations.clear();
    for (const { id, generation } of this.t.durable.all()) {
      this.generations.set(id, generation?.number ?? 0);
    }
  }

  private dump(): unknown {
    return dumpGroups(this.t.durable);
  }
}

test('confirmed offsets and generations stay, and replay gives what was live, through crashes', () => {
  let stables = 0;
  let checks = 0;
  for (let seed = 1; seed <= 25; seed++) {
    const world = new World(seed);
    try {
      for (let life = 0; life < 4; life++) {
        for (let i = 0; i < 250; i++) world.step();
        world.crash(world.random.below(2) === 0);
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).stack}`, { cause: error });
    }
    stables += world.stables;
    checks += world.checks;
  }
  assert.ok(stables > 200, `${stables} times a member got its share`);
  assert.ok(checks > 5000, `${checks} offsets looked at`);
});
