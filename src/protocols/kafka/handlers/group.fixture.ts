/**
 * For tests: members of groups, each on a connection of its own.
 */
import assert from 'node:assert/strict';
import type { BrokerOptions } from '../../../broker/options.ts';
import { ByteWriter } from '../../../kernel/byte-writer.ts';
import { utf8Length } from '../../../kernel/bytes.ts';
import { KafkaBench, type ResponseOf, type TestClient } from '../kafka.fixture.ts';

/** Topics `t` with three partitions and `u` with one; groups do not wait for more members. */
export function groupBench(options: Partial<BrokerOptions> = {}): KafkaBench {
  const bench = new KafkaBench({ groupInitialRebalanceDelayMs: 0, ...options });
  bench.topic('t', {}, 3);
  bench.topic('u');
  return bench;
}

/** What a consumer says of itself, in the oldest form. */
export function subscriptionTo(topics: readonly string[]): Uint8Array {
  const writer = new ByteWriter();
  writer.int16(0);
  writer.int32(topics.length);
  for (const topic of topics) {
    writer.int16(utf8Length(topic));
    writer.utf8(topic);
  }
  writer.int32(-1);
  return writer.toBytes();
}

export interface MemberExtra {
  readonly groupId?: string;
  readonly instanceId?: string | null;
  readonly protocolType?: string;
  readonly protocols?: readonly { readonly name: string; readonly metadata: Uint8Array }[];
  readonly topics?: readonly string[];
}

export class TestMember {
  readonly client: TestClient;
  readonly groupId: string;
  readonly instanceId: string | null;
  readonly protocolType: string;
  protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
  memberId = '';
  generation = -1;

  constructor(bench: KafkaBench, extra: MemberExtra = {}) {
    this.client = bench.connect();
    this.groupId = extra.groupId ?? 'g';
    this.instanceId = extra.instanceId ?? null;
    this.protocolType = extra.protocolType ?? 'consumer';
    const metadata = subscriptionTo(extra.topics ?? ['t']);
    this.protocols = extra.protocols ?? [{ name: 'range', metadata }];
  }

  joinDraft() {
    return {
      groupId: this.groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      protocolType: this.protocolType,
      protocols: this.protocols,
      reason: 'test',
    };
  }

  /** Of a dynamic member that has no id yet: gets one first. */
  sendJoin(version = 9): number {
    if (this.memberId === '' && this.instanceId === null && version >= 4) {
      this.memberId = this.client.ask('joinGroup', version, this.joinDraft()).memberId;
    }
    return this.client.send('joinGroup', version, this.joinDraft());
  }

  /** The answer to a join has come. */
  joined(correlationId: number): ResponseOf<'joinGroup'> {
    const body = this.client.answer<'joinGroup'>(correlationId);
    this.memberId = body.memberId;
    this.generation = body.generationId;
    return body;
  }

  join(version = 9): ResponseOf<'joinGroup'> {
    const correlationId = this.sendJoin(version);
    this.client.bench.advance(0);
    return this.joined(correlationId);
  }

  get claim() {
    return {
      groupId: this.groupId,
      generationId: this.generation,
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
    };
  }

  /** `assignments`: from the leader, text for each member. */
  syncDraft(assignments: Readonly<Record<string, string>> = {}) {
    return {
      ...this.claim,
      protocolType: this.protocolType,
      protocolName: this.protocols[0]?.name ?? '',
      assignments: Object.entries(assignments).map(([memberId, text]) => ({
        memberId,
        assignment: Buffer.from(text),
      })),
    };
  }

  sendSync(assignments: Readonly<Record<string, string>> = {}, version = 5): number {
    return this.client.send('syncGroup', version, this.syncDraft(assignments));
  }

  /** Joins and syncs: the only member, with all to itself. */
  joinAlone(version = 9): this {
    assert.equal(this.join(version).errorCode, 0);
    const { errorCode } = this.client.ask(
      'syncGroup',
      5,
      this.syncDraft({ [this.memberId]: 'all' }),
    );
    assert.equal(errorCode, 0);
    return this;
  }

  heartbeat(version = 4): number {
    return this.client.ask('heartbeat', version, this.claim).errorCode;
  }

  /** The error of committing one offset. */
  commit(committedOffset: number, version = 9): number | undefined {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: '' }];
    const draft = { ...this.claim, topics: [{ name: 't', partitions }] };
    return this.client.ask('offsetCommit', version, draft).topics[0]?.partitions[0]?.errorCode;
  }
}
