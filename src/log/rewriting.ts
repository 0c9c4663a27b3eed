/**
 * Rewriting: when segments are rewritten, how fast, and what to do when it does not work.
 *
 * Owns: looking for work, one rewrite at a time, segments that are left alone, the pace.
 * Leaves: the choice to `rewrite-choice.ts`, the work to `rewrite.ts`, dead segments to retirement.
 *
 * It looks when segments were sealed, when checkpoints set some free, after each rewrite, and every
 * few seconds, so that an idle broker gives space back too.
 */
import type { BrokerError } from '../kernel/errors.ts';
import type { Timer } from '../kernel/ports.ts';
import {
  GATHER_AFTER_MS,
  REWRITE_BEHIND_SEGMENTS,
  REWRITE_BYTES_PER_SECOND,
  REWRITE_EVERY_MS,
  REWRITE_SPARE_BELOW,
} from './limits.ts';
import { Rewrite, type RewriteOutcome, type RewriteParts } from './rewrite.ts';
import {
  chooseSources,
  isSparse,
  isWorth,
  type Measure,
  type RewriteChoice,
  weightOf,
} from './rewrite-choice.ts';
import { RewritePace } from './rewrite-pace.ts';
import type { RewriteSource } from './rewrite-source.ts';
import { ArchiveSupply } from './rewrite-supply.ts';
import { Survey } from './rewrite-survey.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';
import { storageFailed } from './storage-fault.ts';

/** How much faster when few segments are armed. */
const HURRY = 4;

export interface RewritingParts extends RewriteParts {
  readonly store: SegmentStore;
  readonly nextArchiveId: number;
  /** Whether replay from either checkpoint begins after `segment`. */
  readonly isOld: (segment: Segment) => boolean;
  /** A rewrite has ended: its sources may be dead. */
  readonly onEnded: () => void;
  /** Publishers need not be slowed any more. */
  readonly onCaughtUp: () => void;
  readonly onFault: (error: BrokerError) => void;
}

export class Rewriting {
  readonly #parts: RewritingParts;
  readonly #supply: ArchiveSupply;
  readonly #pace: RewritePace;
  readonly #survey: Survey;
  /** Segments with damage: they are not rewritten, whatever lives in them. */
  readonly #damaged = new Set<number>();
  /** Segments whose rewriting was found to be useless, and the time until which they rest. */
  readonly #resting = new Map<number, number>();
  /** What useless plans have found, and the time until which it is believed. */
  readonly #measures = new Map<number, Measure & { readonly until: number }>();
  #rewrite: Rewrite | null = null;
  #isBehind = false;
  /** After a full disk: wait for the next regular look. */
  #isPostponed = false;
  #timer: Timer | null = null;
  isStopped = false;

  constructor(parts: RewritingParts) {
    this.#parts = parts;
    this.#supply = new ArchiveSupply(parts.store, parts.nextArchiveId);
    this.#pace = new RewritePace(parts.ports, () => this.#rate());
    this.#survey = new Survey(parts, this);
    this.#schedule();
  }

  /** Sparse segments take too much space and are being rewritten: publishers must be slowed. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  #schedule(): void {
    this.#timer = this.#parts.ports.scheduler.after(REWRITE_EVERY_MS, () => this.#look());
  }

  #look(): void {
    this.#isPostponed = false;
    this.#survey.run(() => {
      this.consider();
      this.#schedule();
    });
  }

  #rate(): number {
    const { store } = this.#parts;
    if (store.isFull || this.#isBehind) return Number.POSITIVE_INFINITY;
    const isShort = store.armedCount * 2 < store.armedTarget;
    return REWRITE_BYTES_PER_SECOND * (isShort ? HURRY : 1);
  }

  /** Begins a rewrite if there is something to rewrite and none is under way. */
  consider(): void {
    if (this.isStopped || this.#isPostponed || this.#rewrite !== null) return;
    const { ports, store, manifest } = this.#parts;
    const now = ports.clock.monotonic();
    const candidates = this.#candidates(now);
    this.#keepSpare(candidates);
    const choice = chooseSources({
      candidates,
      segmentBytes: store.segmentBytes,
      now,
      isFull: store.isFull,
      extentsOf: (segment) => manifest.segments.get(segment.id)?.extents,
      measures: this.#measures,
    });
    this.#setBehind(choice?.rule === 'shrink' && this.#isExcessive(candidates));
    if (choice !== null) this.#begin(choice);
  }

  #candidates(now: number): Segment[] {
    const { store, manifest, isOld } = this.#parts;
    for (const [id, until] of this.#resting) if (until <= now) this.#resting.delete(id);
    for (const [id, { until }] of this.#measures) if (until <= now) this.#measures.delete(id);
    const candidates: Segment[] = [];
    for (const segment of store.segments()) {
      if (segment.state !== 'sealed' || segment.extentCount === 0 || !isOld(segment)) continue;
      if (this.#damaged.has(segment.id) || this.#resting.has(segment.id)) continue;
      // Rewritten already; a deletion that is not committed yet keeps extents in it.
      if (!manifest.segments.has(segment.id)) continue;
      candidates.push(segment);
    }
    return candidates;
  }

  #keepSpare(candidates: readonly Segment[]): void {
    const { ports, store, onFault } = this.#parts;
    if (candidates.length === 0) return;
    if (ports.disk.freeBytes() >= REWRITE_SPARE_BELOW * store.segmentBytes) return;
    this.#supply.keepSpare((error) => {
      if (!this.isStopped) onFault(storageFailed(error));
    });
  }

  #isExcessive(candidates: readonly Segment[]): boolean {
    let excess = 0;
    for (const segment of candidates) {
      const measure = this.#measures.get(segment.id);
      if (isSparse(segment, measure)) excess += segment.bytes - 2 * weightOf(segment, measure);
    }
    return excess > REWRITE_BEHIND_SEGMENTS * this.#parts.store.segmentBytes;
  }

  #setBehind(isBehind: boolean): void {
    const wasBehind = this.#isBehind;
    this.#isBehind = isBehind;
    if (wasBehind && !isBehind) this.#parts.onCaughtUp();
  }

  #begin(choice: RewriteChoice): void {
    const order = {
      sources: choice.sources,
      isWorth: (plan: Parameters<typeof isWorth>[1]) => isWorth(choice, plan),
    };
    this.#rewrite = new Rewrite(this.#parts, order, this.#supply, this.#pace, (outcome) =>
      this.#ended(choice, outcome),
    );
    this.#rewrite.start();
  }

  #ended(choice: RewriteChoice, outcome: RewriteOutcome): void {
    const { ports, onEnded, onFault } = this.#parts;
    this.#rewrite = null;
    switch (outcome.kind) {
      case 'done':
        ports.logger.debug('segments.rewritten', {
          rule: choice.rule,
          sources: choice.sources.length,
          archives: outcome.archives,
          bytes: outcome.bytes,
        });
        break;
      case 'useless':
        this.#measure(choice, outcome.sources);
        break;
      case 'excessive':
        for (const segment of choice.sources) this.#rest(segment);
        break;
      case 'postponed':
        ports.logger.debug('rewrite.postponed', { sources: choice.sources.length });
        this.#isPostponed = true;
        this.#setBehind(false);
        break;
      case 'damaged':
        ports.logger.warn('segment.damaged', {
          path: outcome.source.file.path,
          reason: outcome.error.detail,
        });
        this.#damaged.add(outcome.source.id);
        break;
      case 'failed':
        return onFault(outcome.error);
    }
    onEnded();
    ports.scheduler.nextSlice(() => this.consider());
  }

  /** The next choice is made by what the plan has found; with that a shrink comes to one output. */
  #measure(choice: RewriteChoice, sources: readonly RewriteSource[]): void {
    const until = this.#parts.ports.clock.monotonic() + GATHER_AFTER_MS;
    for (const { segment, keptBytes: bytes, keptRows: rows, keptExtents: extents } of sources) {
      this.#measures.set(segment.id, { bytes, rows, extents, until });
    }
    const [seed] = choice.sources;
    if (choice.rule === 'gather' && seed !== undefined) this.#rest(seed);
  }

  #rest(segment: Segment): void {
    this.#resting.set(segment.id, this.#parts.ports.clock.monotonic() + GATHER_AFTER_MS);
  }

  /** At once; what a rewrite has written so far is free at the next start. */
  stop(): void {
    this.isStopped = true;
    this.#timer?.cancel();
    this.#pace.stop();
    this.#rewrite?.stop();
  }
}
