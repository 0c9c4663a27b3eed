/**
 * What the broker knows durably of one group.
 *
 * Owns: the shape of a group, of a generation and of a committed offset.
 * Leaves: every change to groups.ts (only it writes here), who is a member now to live-group.ts.
 */

import type { CommittedOffset, MemberProtocol } from './group-messages.ts';

export interface GenerationMember {
  readonly memberId: string;
  /** Null: a dynamic member. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Most wanted first; the one that was chosen is among them. */
  readonly protocols: readonly MemberProtocol[];
  readonly assignment: Uint8Array;
}

/** Who shared the work, and how. Never changed, only replaced. */
export interface Generation {
  readonly number: number;
  /** Unix ms, of the broker. Without members: since when. */
  readonly completedAt: number;
  readonly protocolType: string;
  /** '' without members. */
  readonly protocol: string;
  /** Member id; '' without members. */
  readonly leader: string;
  readonly members: readonly GenerationMember[];
}

/** Never changed, only replaced: it is handed out as it is. */
export interface OffsetRow extends CommittedOffset {
  /** Of the entry that it comes from. */
  readonly lsn: number;
}

export class Group {
  readonly id: number;
  readonly name: string;
  /** Of the entry that made it. */
  readonly createdLsn: number;
  isDeleted = false;
  /** Null: nobody has ever joined, it only keeps offsets. */
  generation: Generation | null = null;
  generationLsn = 0;
  /** By partition id. */
  readonly offsets = new Map<number, OffsetRow>();
  /** Of the last change of any offset. */
  offsetsLsn = 0;

  constructor(id: number, name: string, lsn: number) {
    this.id = id;
    this.name = name;
    this.createdLsn = lsn;
  }

  /** What an answer about the group itself waits for. */
  get lastLsn(): number {
    return Math.max(this.createdLsn, this.generationLsn);
  }
}
