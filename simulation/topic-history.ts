/**
 * What clients know of topics: which they made, which they deleted, what each may let go.
 *
 * Owns: the life of a topic as its clients see it, and the rules by which records may leave.
 *
 *   creating ─ answered ─→ there ─ delete called ─→ deleting ─ answered ─→ gone
 *   A crash leaves `creating` and `deleting` open: the next life shows which it was.
 */
import type { PartitionHistory, Placed } from './partition-history.ts';
import type { QueueHistory } from './queue-history.ts';
import type { TopicKind, TopicStage } from './topic-kind.ts';
import { promise } from './violation.ts';

export class TopicHistory {
  readonly name: string;
  readonly uuid: string;
  readonly kind: TopicKind;
  stage: TopicStage = 'creating';
  readonly partitions: PartitionHistory[] = [];
  readonly queues: QueueHistory[] = [];
  /** Partitions that it must have; others may be there, for their creation was not answered. */
  partitionsPromised = 0;
  /** Options that may be in force, the promised one first. */
  retentionMsPossible: number[];
  /** The shortest ever set. */
  retentionMsLeast: number;
  readonly retentionBytes: number;
  private readonly latestWallMs: () => number;

  constructor(
    name: string,
    uuid: string,
    kind: TopicKind,
    retention: { readonly ms: number; readonly bytes: number },
    latestWallMs: () => number,
  ) {
    this.name = name;
    this.uuid = uuid;
    this.kind = kind;
    this.retentionMsPossible = [retention.ms];
    this.retentionMsLeast = retention.ms;
    this.retentionBytes = retention.bytes;
    this.latestWallMs = latestWallMs;
  }

  /** `placed` has left `partition`, up to offset `end`. */
  checkTrim(partition: PartitionHistory, placed: Placed, end: number): void {
    if (end <= partition.startAsked) return;
    const what = `${partition.name} ${placed.base} was let go`;
    switch (this.kind) {
      case 'time': {
        const oldest = this.latestWallMs() - this.retentionMsLeast;
        return promise(placed.sent.lastTime < oldest, `${what}, though it was young enough`);
      }
      case 'size': {
        let behind = 0;
        for (let i = partition.indexOf(placed.end); i < partition.placed.length; i++) {
          behind += partition.placed[i]?.sent.bytesMax ?? 0;
        }
        // What was accepted and not yet seen counts for the broker.
        for (const open of partition.open) behind += open.bytesMax;
        return promise(behind >= this.retentionBytes, `${what}, with ${behind} bytes behind it`);
      }
      case 'settled':
        return promise(
          this.mayBeAbsent(
            partition,
            Math.max(placed.base, partition.startSeen, partition.startAsked),
            end,
          ),
          `${what}, though a queue had not settled it`,
        );
      default:
        promise(false, `${what}, though nobody asked for it`);
    }
  }

  /** Whether [first, end) may be missing without being below the log start. */
  mayBeAbsent(partition: PartitionHistory, first: number, end: number): boolean {
    if (this.kind !== 'settled') return false;
    return this.queues.every((queue) => queue.mayBeSettled(partition.index, first, end));
  }
}
