/**
 * Consumer groups through crashes: what was committed stays, whole and with its text; a generation that
 * was made goes on; a group that was deleted stays away.
 *
 * Each group has one request under way: after a crash it holds what was answered last, or what that one
 * would have made of it, and nothing in between.
 */
import type { SeededRandom } from '../../simulation/random.ts';
import type { Claims } from './claims.ts';
import { Connection } from './connection.ts';
import {
  deleteGroups,
  groupErrors,
  heartbeat,
  joinGroup,
  type Membership,
  offsetCommit,
  offsetFetch,
  syncGroup,
} from './group-wire.ts';
import { errors } from './wire.ts';

const TOPIC = 'events';
const PARTITIONS = 4;
/** Groups with a member that lives through all crashes, and groups without. */
const MEMBER_GROUPS = 3;
const SIMPLE_GROUPS = 9;
const SESSION_MS = 300_000;
const PAUSE_MS = 10;
const NONE = -1;

type Offsets = readonly number[];
const nothing: Offsets = Array(PARTITIONS).fill(NONE);

interface GroupClaim {
  readonly name: string;
  readonly hasMember: boolean;
  member: string;
  /** As answered last; 0 before the first. */
  generation: number;
  /** One that may have been made. */
  nextGeneration: number | null;
  /** By partition, as answered last. */
  offsets: Offsets;
  /** What they are if the request under way was done. */
  nextOffsets: Offsets | null;
}

export class GroupClaims {
  readonly groups: readonly GroupClaim[];
  /** Answered, in all runs. */
  commits = 0;
  /** Never used twice. */
  lastOffset = 0;

  constructor() {
    this.groups = Array.from({ length: MEMBER_GROUPS + SIMPLE_GROUPS }, (_, i) => ({
      name: `group-${i}`,
      hasMember: i < MEMBER_GROUPS,
      member: '',
      generation: 0,
      nextGeneration: null,
      offsets: nothing,
      nextOffsets: null,
    }));
  }
}

function textOf(offset: number): string {
  return offset === NONE ? '' : `up to ${offset} ☃`;
}

/** Compares what groups hold with what was answered. Violations go to `claims`. */
export async function verifyGroups(
  { groups }: GroupClaims,
  claims: Claims,
  port: number,
): Promise<void> {
  const connection = await Connection.connect(port);
  for (const group of groups) {
    const request = offsetFetch.request(group.name, TOPIC, PARTITIONS);
    const rows = await connection.call(request, offsetFetch.answer);
    const found = rows.map(({ offset }) => offset);
    if (rows.length > 0) verifyOffsets(group, found, claims);
    for (const { partition, offset, metadata } of rows) {
      if (metadata === textOf(offset)) continue;
      claims.violated(`${group.name}/${partition} at ${offset} has lost what was said with it`);
    }
    if (group.hasMember && group.member !== '') await verifyMember(group, claims, connection);
  }
  await connection.close();
}

function verifyOffsets(group: GroupClaim, found: Offsets, claims: Claims): void {
  const { name, offsets, nextOffsets } = group;
  const isKept = found.join() === offsets.join();
  const isNext = nextOffsets !== null && found.join() === nextOffsets.join();
  if (!isKept && !isNext) {
    const next = nextOffsets === null ? 'nothing' : `[${nextOffsets}]`;
    claims.violated(
      `${name} has lost what was committed: [${offsets}], with ${next} under way, is [${found}]`,
    );
  }
  group.offsets = found;
  group.nextOffsets = null;
}

/** Its member goes on where it was: nobody has told it that it is not one any more. */
async function verifyMember(
  group: GroupClaim,
  claims: Claims,
  connection: Connection,
): Promise<void> {
  const { name, member, generation, nextGeneration } = group;
  const generations = [nextGeneration ?? 0, generation].filter((each) => each > 0);
  group.nextGeneration = null;
  for (const each of generations) {
    const request = heartbeat.request({ group: name, generation: each, member });
    if ((await connection.call(request, heartbeat.answer)) !== errors.none) continue;
    group.generation = each;
    return;
  }
  group.member = '';
  // The first one may not have been made.
  if (generation === 0) return;
  claims.violated(`${name} has lost what was its generation ${generation} with ${member}`);
}

export class GroupLoad {
  readonly #claims: Claims;
  readonly #all: GroupClaims;
  readonly #random: SeededRandom;
  readonly #connections: readonly Connection[];
  #done: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  private constructor(
    claims: Claims,
    all: GroupClaims,
    random: SeededRandom,
    connections: readonly Connection[],
  ) {
    this.#claims = claims;
    this.#all = all;
    this.#random = random;
    this.#connections = connections;
  }

  static async open(
    claims: Claims,
    all: GroupClaims,
    random: SeededRandom,
    port: number,
  ): Promise<GroupLoad> {
    const connections = await Promise.all(all.groups.map(() => Connection.connect(port)));
    return new GroupLoad(claims, all, random, connections);
  }

  start(): void {
    this.#done = Promise.all(
      this.#all.groups.map((group, i) => {
        const connection = this.#connections[i];
        if (connection === undefined) throw new Error('a connection for each group');
        // Whoever is cut off has said in its claim what was under way.
        return this.#run(group, connection).catch(() => {});
      }),
    );
  }

  /** After the requests at hand, or when the broker is gone. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    for (const connection of this.#connections) await connection.close();
  }

  async #run(group: GroupClaim, connection: Connection): Promise<void> {
    while (!this.#isStopped && connection.isOpen) {
      const isNew = group.hasMember && group.generation === 0;
      if (isNew || (group.hasMember && this.#random.chance(0.05))) {
        await this.#join(group, connection);
      } else if (!group.hasMember && this.#random.chance(0.03)) {
        await this.#delete(group, connection);
      } else {
        await this.#commit(group, connection);
      }
      await new Promise((resolve) => setTimeout(resolve, this.#random.below(PAUSE_MS)));
    }
  }

  async #join(group: GroupClaim, connection: Connection): Promise<void> {
    const { name } = group;
    const request = joinGroup.request(name, group.member, SESSION_MS);
    const { error, generation, member } = await connection.call(request, joinGroup.answer);
    if (error !== errors.none) return this.#refused(group, error);
    if (generation <= group.generation) {
      this.#claims.violated(`${name}: generation ${generation} after ${group.generation}`);
    }
    group.nextGeneration = generation;
    group.member = member;
    const sync = syncGroup.request({ group: name, generation, member });
    const failure = await connection.call(sync, syncGroup.answer);
    if (failure !== errors.none) return this.#refused(group, failure);
    group.generation = generation;
    group.nextGeneration = null;
  }

  async #commit(group: GroupClaim, connection: Connection): Promise<void> {
    const { name, hasMember, member, generation } = group;
    const next = [...group.offsets];
    for (let count = this.#random.between(1, PARTITIONS); count > 0; count--) {
      next[this.#random.below(PARTITIONS)] = ++this.#all.lastOffset;
    }
    const rows = next
      .map((offset, partition) => ({ partition, offset, metadata: textOf(offset) }))
      .filter(({ partition, offset }) => offset !== group.offsets[partition]);
    const membership: Membership = hasMember
      ? { group: name, generation, member }
      : { group: name, generation: -1, member: '' };
    group.nextOffsets = next;
    const request = offsetCommit.request(membership, TOPIC, rows);
    const error = await connection.call(request, offsetCommit.answer);
    if (error !== errors.none) return this.#refused(group, error);
    group.offsets = next;
    group.nextOffsets = null;
    this.#all.commits += 1;
  }

  async #delete(group: GroupClaim, connection: Connection): Promise<void> {
    group.nextOffsets = nothing;
    const error = await connection.call(deleteGroups.request(group.name), deleteGroups.answer);
    if (error !== errors.none && error !== groupErrors.notFound) return this.#refused(group, error);
    group.offsets = nothing;
    group.nextOffsets = null;
  }

  /** What was refused may be anything while a disk fails, but not that the member is a stranger. */
  #refused({ name }: GroupClaim, error: number): void {
    if (error !== groupErrors.illegalGeneration && error !== groupErrors.unknownMember) return;
    this.#claims.violated(`${name}: its member was refused with error ${error}`);
  }
}
