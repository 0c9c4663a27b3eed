/**
 * Retirement: segments that nobody needs any more give their files back.
 *
 * Owns: finding dead segments, the order in which they are forgotten.
 * Leaves: what is dead to the ledger, sparse segments to `rewriting.ts`, reuse of files to the segment
 * store.
 *
 * A segment is dead when no extent lies in it: its partitions are trimmed past it, deleted, or their
 * batches moved. Its file is free when that is durable, and it is sealed, older than both checkpoints,
 * and unpinned.
 * Order: manifest record durable, then the file is used again; so no crash leaves a name for other bytes.
 */
import type { BrokerError } from '../kernel/errors.ts';
import type { Ports } from '../kernel/ports.ts';
import type { FooterCache } from './footer-cache.ts';
import type { Ledger } from './ledger.ts';
import { DISK_RETRY_MS } from './limits.ts';
import type { StateMachine } from './machine.ts';
import type { Manifest } from './manifest.ts';
import { Rewriting } from './rewriting.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

export interface RetirementParts {
  readonly ports: Ports;
  readonly store: SegmentStore;
  readonly ledger: Ledger;
  readonly manifest: Manifest;
  readonly footers: FooterCache;
  readonly machine: StateMachine;
  readonly storeId: Uint8Array;
  /** Whether sparse segments are rewritten. */
  readonly rewrite: boolean;
  readonly nextArchiveId: number;
  /** Of the entry applied last, and up to where entries are durable. */
  readonly lastLsn: () => number;
  readonly durableLsn: () => number;
  readonly highWatermark: () => number;
  /** Dead segments were found that wait for checkpoints only. */
  readonly onReclaimable: () => void;
  /** `isBehind` has ended. */
  readonly onCaughtUp: () => void;
  readonly onFault: (error: BrokerError) => void;
}

export class Retirement {
  readonly #parts: RetirementParts;
  /** Null: segments are not rewritten. */
  readonly #rewriting: Rewriting | null;
  /** The journal before it is in no checkpoint's replay. */
  #olderStartLsn = 0;
  /** Dead segments that wait for checkpoints only. */
  #reclaimable = 0;
  #isStale = true;
  #isRemoving = false;
  #stopped = false;

  constructor(parts: RetirementParts) {
    this.#parts = parts;
    parts.ledger.onSegmentDied = () => {
      this.#isStale = true;
    };
    const isOld = (segment: Segment): boolean => this.#isOld(segment);
    const onEnded = (): void => this.check();
    this.#rewriting = parts.rewrite ? new Rewriting({ ...parts, isOld, onEnded }) : null;
  }

  /** Rewriting does not keep up with what dies: publishers must be slowed. */
  get isBehind(): boolean {
    return this.#rewriting?.isBehind ?? false;
  }

  /** Replay from either checkpoint begins in a later segment: it would miss the one it begins in. */
  #isOld(segment: Segment): boolean {
    return segment.isArchive || segment.id < Math.floor(this.#olderStartLsn / segment.bytes);
  }

  /** A checkpoint was published: the journal before `olderStartLsn` is needed no more. */
  checkpointed(olderStartLsn: number): void {
    this.#olderStartLsn = olderStartLsn;
    this.#isStale = true;
    this.check();
    this.#rewriting?.consider();
  }

  /** Dead segments that the next checkpoints will set free; 0 while that is not known. */
  reclaimableSegments(): number {
    return this.#isStale ? 0 : this.#reclaimable;
  }

  /** A segment was sealed. */
  sealed(): void {
    this.#isStale = true;
    this.check();
    this.#rewriting?.consider();
  }

  /** Forgets what is dead, if anything has died since the last look. */
  check(): void {
    if (!this.#isStale || this.#isRemoving || this.#stopped) return;
    this.#isStale = false;
    this.#reclaimable = 0;
    const free: Segment[] = [];
    for (const segment of this.#parts.store.segments()) {
      if (segment.state !== 'sealed' || segment.extentCount > 0) continue;
      if (!this.#isOld(segment)) this.#reclaimable += 1;
      else if (!this.#isDeathDurable(segment)) this.#isStale = true;
      else if (segment.pins > 0) segment.onUnpinned = () => this.#unpinned(segment);
      else free.push(segment);
    }
    if (free.length > 0) this.#remove(free);
    if (this.#reclaimable > 0) this.#parts.onReclaimable();
  }

  /** Durability `write`: a power cut must not bring back a partition without its segments. */
  #isDeathDurable(segment: Segment): boolean {
    if (segment.deadLsn < 0) segment.deadLsn = this.#parts.highWatermark();
    return this.#parts.durableLsn() >= segment.deadLsn;
  }

  #unpinned(segment: Segment): void {
    segment.onUnpinned = null;
    this.#isStale = true;
    this.#parts.ports.scheduler.endOfTick(() => this.check());
  }

  #remove(free: readonly Segment[]): void {
    const { ports, manifest, onFault } = this.#parts;
    this.#isRemoving = true;
    for (const segment of free) segment.state = 'retired';
    const named = free.filter((segment) => manifest.segments.has(segment.id));
    const ids = named.map((segment) => segment.id);
    const finish = (error: BrokerError | null): void => {
      if (this.#stopped) return;
      if (error !== null && error.code !== 'storage_full') return onFault(error);
      for (const segment of free) {
        if (error === null) this.#recycle(segment);
        else segment.state = 'sealed';
      }
      if (error === null) return this.#removed(false);
      ports.scheduler.after(DISK_RETRY_MS, () => this.#removed(true));
    };
    if (ids.length === 0) return finish(null);
    manifest.append({ kind: 'removed', ids }, finish);
  }

  #removed(isPostponed: boolean): void {
    this.#isRemoving = false;
    if (isPostponed) this.#isStale = true;
    this.check();
  }

  #recycle(segment: Segment): void {
    const { store, footers } = this.#parts;
    footers.forget(segment.id);
    if (segment.pins === 0) return store.recycle(segment);
    segment.onUnpinned = () => {
      segment.onUnpinned = null;
      store.recycle(segment);
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#rewriting?.stop();
  }
}
