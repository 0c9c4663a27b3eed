/**
 * One rewrite: the batches of some segments that still live are moved to new archive segments.
 *
 * Owns: the order of its steps, giving up in the middle, the swap of extents.
 * Leaves: which segments and when to `rewriting.ts`, rows to the plan, bytes to the copy.
 *
 *   pin sources → plan → for each output: file, copy, footer, sync → what the plan was made from is
 *   durable → manifest: sources replaced by outputs → ledger: extents moved → unpin
 *
 * Before the manifest record is durable everything is as before, and the outputs' files are free at
 * the next start; after it they are what the data folder consists of. Readers go on in the sources
 * as long as they pin them. What dies meanwhile is copied all the same and left out of the ledger.
 *
 * Invariants: sources are pinned, sealed and older than both checkpoints; they are all named by the
 * manifest until `replaced` removes them, since a pinned segment is not retired.
 */
import { assert } from '../kernel/assert.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { DiskError, Ports } from '../kernel/ports.ts';
import type { Ledger, MoveTarget } from './ledger.ts';
import { SEGMENT_HEADER_BYTES } from './limits.ts';
import type { StateMachine } from './machine.ts';
import type { Manifest, SealedSegment } from './manifest.ts';
import { CopyBuffers, type CopyFault, OutputCopy } from './rewrite-copy.ts';
import type { RewritePace } from './rewrite-pace.ts';
import { type PlanFault, type RewritePlan, RewritePlanner } from './rewrite-plan.ts';
import type { RewriteOutput } from './rewrite-rows.ts';
import { runInSlices } from './rewrite-slices.ts';
import { RewriteSource } from './rewrite-source.ts';
import type { ArchiveSupply } from './rewrite-supply.ts';
import { type FooterOwner, writeFooter } from './sealer.ts';
import type { Segment } from './segment.ts';
import { storageFailed } from './storage-fault.ts';

const DURABLE_RETRY_MS = 5;
/** Partitions of one step of the swap. */
const STEP_PARTITIONS = 8;

export interface RewriteParts {
  readonly ports: Ports;
  readonly ledger: Ledger;
  readonly machine: StateMachine;
  readonly manifest: Manifest;
  readonly storeId: Uint8Array;
  /** Of the entry applied last. */
  readonly lastLsn: () => number;
  readonly durableLsn: () => number;
}

/**
 * `useless`: the plan would free nothing. `excessive`: it has more rows than fit into memory.
 * `postponed`: no space now. `damaged`: `source` cannot be rewritten. `failed`: the disk failed.
 */
export type RewriteOutcome =
  | { readonly kind: 'done'; readonly archives: number; readonly bytes: number }
  | { readonly kind: 'useless'; readonly sources: readonly RewriteSource[] }
  | { readonly kind: 'excessive' }
  | { readonly kind: 'postponed' }
  | { readonly kind: 'damaged'; readonly source: Segment; readonly error: BrokerError }
  | { readonly kind: 'failed'; readonly error: BrokerError };

export interface RewriteOrder {
  readonly sources: readonly Segment[];
  /** Whether what the plan comes to is worth the copy. */
  readonly isWorth: (plan: RewritePlan) => boolean;
}

export class Rewrite implements FooterOwner {
  readonly #parts: RewriteParts;
  readonly #order: RewriteOrder;
  readonly #supply: ArchiveSupply;
  readonly #pace: RewritePace;
  readonly #done: (outcome: RewriteOutcome) => void;
  readonly #sources: readonly RewriteSource[];
  readonly #buffers = new CopyBuffers();
  /** Outputs in files, by their footers. */
  readonly #archives: { readonly segment: Segment; readonly sealed: SealedSegment }[] = [];
  /** The entry up to which the plan knows what is dead. */
  #knownLsn = 0;
  #stopped = false;

  constructor(
    parts: RewriteParts,
    order: RewriteOrder,
    supply: ArchiveSupply,
    pace: RewritePace,
    done: (outcome: RewriteOutcome) => void,
  ) {
    this.#parts = parts;
    this.#order = order;
    this.#supply = supply;
    this.#pace = pace;
    this.#done = done;
    this.#sources = order.sources.map((segment) => new RewriteSource(segment, this));
  }

  get scheduler(): Ports['scheduler'] {
    return this.#parts.ports.scheduler;
  }

  get clock(): Ports['clock'] {
    return this.#parts.ports.clock;
  }

  get storeId(): Uint8Array {
    return this.#parts.storeId;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** At once: nothing is read, written or called back any more. */
  stop(): void {
    this.#stopped = true;
  }

  start(): void {
    for (const segment of this.#order.sources) {
      assert(segment.state === 'sealed', 'a source is sealed');
      segment.pin();
    }
    new RewritePlanner(this.#parts, this, this.#sources, (fault, plan) => {
      if (plan === null) this.#planFailed(fault);
      else this.#planned(plan);
    }).run();
  }

  #planFailed(fault: PlanFault | null): void {
    if (fault?.source == null || fault.error === null) return this.#end({ kind: 'excessive' });
    this.#end({ kind: 'damaged', source: fault.source.segment, error: fault.error });
  }

  #planned(plan: RewritePlan): void {
    this.#knownLsn = this.#parts.lastLsn();
    if (!this.#order.isWorth(plan)) return this.#end({ kind: 'useless', sources: this.#sources });
    this.#fill(plan, 0);
  }

  /** Fills the outputs from `next` on. */
  #fill(plan: RewritePlan, next: number): void {
    const output = plan.outputs[next];
    if (output === undefined) return this.#awaitDurable(plan);
    this.#supply.take((error, segment) => {
      if (this.#stopped) return;
      if (segment === null) return this.#targetFailed(error);
      const parts = {
        ports: this.#parts.ports,
        owner: this,
        pace: this.#pace,
        sources: this.#sources,
        buffers: this.#buffers,
      };
      const copied = (fault: CopyFault | null): void => {
        if (fault === null) return this.#finish(plan, next, output, segment);
        this.#supply.giveBack(segment);
        if (fault.kind === 'target') return this.#targetFailed(fault.error);
        this.#end({ kind: 'damaged', source: fault.source.segment, error: fault.error });
      };
      new OutputCopy(parts, output, segment.file, segment.bytes, copied).run();
    });
  }

  /** The batches of `output` are in their file; now its footer, and all of it made durable. */
  #finish(plan: RewritePlan, next: number, output: RewriteOutput, segment: Segment): void {
    segment.blocksEnd = output.end;
    writeFooter(this, segment, output, (error, sealed) => {
      if (sealed === null) {
        this.#supply.giveBack(segment);
        return this.#targetFailed(error);
      }
      this.#archives.push({ segment, sealed });
      this.#fill(plan, next + 1);
    });
  }

  #targetFailed(error: DiskError | null): void {
    if (error?.fault === 'no-space') return this.#end({ kind: 'postponed' });
    assert(error !== null, 'a disk fails with an error');
    this.#end({ kind: 'failed', error: storageFailed(error) });
  }

  /** A batch must not be gone for good because of an entry that a power cut takes back. */
  #awaitDurable(plan: RewritePlan): void {
    if (this.#stopped) return;
    if (this.#knownLsn === 0 || this.#parts.durableLsn() > this.#knownLsn) {
      return this.#replace(plan);
    }
    this.scheduler.after(DURABLE_RETRY_MS, () => this.#awaitDurable(plan));
  }

  #replace(plan: RewritePlan): void {
    const removed = this.#order.sources.map((segment) => segment.id);
    const added = this.#archives.map(({ sealed }) => sealed);
    this.#parts.manifest.append({ kind: 'replaced', removed, added }, (error) => {
      if (this.#stopped) return;
      if (error === null) return this.#swap(plan);
      if (error.code === 'storage_full') this.#end({ kind: 'postponed' });
      else this.#end({ kind: 'failed', error });
    });
  }

  /** Partition by partition; both files can be read meanwhile. */
  #swap(plan: RewritePlan): void {
    const targets = this.#archives.map(({ segment, sealed }) => admit(segment, sealed));
    const sourceIds = new Set(this.#order.sources.map((segment) => segment.id));
    let i = 0;
    const step = (): boolean => {
      const limit = Math.min(i + STEP_PARTITIONS, plan.partitions.length);
      for (; i < limit; i++) {
        this.#parts.ledger.move(plan.partitions.get(i), sourceIds, targets);
      }
      return i < plan.partitions.length;
    };
    runInSlices(this.#parts.ports, this, step, () => {
      const bytes = targets.reduce((sum, { segment }) => sum + segment.batchBytes, 0);
      for (const { segment } of targets) {
        segment.sealedAt = this.#parts.ports.clock.monotonic();
        segment.state = 'sealed';
      }
      this.#archives.length = 0;
      this.#end({ kind: 'done', archives: targets.length, bytes });
    });
  }

  #end(outcome: RewriteOutcome): void {
    for (const { segment } of this.#archives) this.#supply.giveBack(segment);
    for (const segment of this.#order.sources) segment.unpin();
    this.#parts.ledger.onSegmentDied();
    this.#done(outcome);
  }
}

/** Makes `segment` one that extents can lie in; sealed, and so mortal, once they all do. */
function admit(segment: Segment, sealed: SealedSegment): MoveTarget {
  const { extents } = sealed;
  const sum = extents.bytes.reduce((bytes, each) => bytes + each, 0);
  assert(segment.blocksEnd === sealed.blocksEnd, 'the footer is that of the segment');
  segment.footer = sealed.footer;
  segment.state = 'full';
  segment.batchBytes = segment.blocksEnd - SEGMENT_HEADER_BYTES;
  return { segment, extents, share: segment.batchBytes / sum };
}
