/**
 * A member of a group, as long as it is one.
 *
 * Owns: what the member said of itself, what it waits for, until when it counts as alive.
 * Leaves: everything that concerns other members to live-group.ts.
 */

import { copyOf, equalBytes, utf8Length } from '../../kernel/bytes.ts';
import type { GenerationMember } from './group.ts';
import { memberOverheadBytes } from './group-limits.ts';
import type { JoinOutcome, JoinRequest, MemberProtocol, SyncOutcome } from './group-messages.ts';
import type { WaitingAnswer } from './waiting-answer.ts';

export const noBytes: Uint8Array = new Uint8Array(0);

export class LiveMember {
  readonly memberId: string;
  /** Null: a dynamic member. */
  readonly instanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Most wanted first. Our own copy. */
  protocols: readonly MemberProtocol[];
  assignment: Uint8Array = noBytes;
  join: WaitingAnswer<JoinOutcome> | null = null;
  sync: WaitingAnswer<SyncOutcome> | null = null;
  /** It has not been in a generation yet: it cannot send heartbeats. */
  isNew = false;
  /** Monotonic ms at which it is given up, unless it is heard of. */
  deadline = Number.POSITIVE_INFINITY;

  constructor(source: Omit<GenerationMember, 'assignment'>) {
    this.memberId = source.memberId;
    this.instanceId = source.instanceId;
    this.clientId = source.clientId;
    this.clientHost = source.clientHost;
    this.sessionTimeoutMs = source.sessionTimeoutMs;
    this.rebalanceTimeoutMs = source.rebalanceTimeoutMs;
    this.protocols = source.protocols;
  }

  get isStatic(): boolean {
    return this.instanceId !== null;
  }

  /** What it takes in memory and in the journal. */
  get bytes(): number {
    return bytesOfMember(this) + utf8Length(this.memberId) + this.assignment.length;
  }

  /** It waits for others: it need not be heard of meanwhile. */
  get isExcused(): boolean {
    return !this.isNew && (this.join !== null || this.sync !== null);
  }

  update(request: JoinRequest): void {
    this.protocols = copyProtocols(request.protocols);
    this.sessionTimeoutMs = request.sessionTimeoutMs;
    this.rebalanceTimeoutMs = Math.max(0, request.rebalanceTimeoutMs);
    this.clientId = request.clientId;
    this.clientHost = request.clientHost;
  }

  /** Whether these are its protocols already, in the same order. */
  matches(protocols: readonly MemberProtocol[]): boolean {
    if (protocols.length !== this.protocols.length) return false;
    return this.protocols.every(({ name, metadata }, i) => {
      const other = protocols[i];
      return other !== undefined && other.name === name && equalBytes(other.metadata, metadata);
    });
  }

  metadataFor(protocol: string): Uint8Array {
    return this.protocols.find(({ name }) => name === protocol)?.metadata ?? noBytes;
  }
}

export function copyProtocols(protocols: readonly MemberProtocol[]): MemberProtocol[] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: copyOf(metadata) }));
}

/** What a member with this to say takes. */
export function bytesOfMember(
  source: Pick<JoinRequest, 'instanceId' | 'clientId' | 'clientHost' | 'protocols'>,
): number {
  let bytes = memberOverheadBytes + utf8Length(source.instanceId ?? '');
  bytes += utf8Length(source.clientId) + utf8Length(source.clientHost);
  for (const { name, metadata } of source.protocols)
    bytes += 6 + utf8Length(name) + metadata.length;
  return bytes;
}
