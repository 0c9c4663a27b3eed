/**
 * Which segments are rewritten together, by what is known of them in memory.
 *
 * Owns: the two rules, and the test whether a plan is worth its copy.
 * Leaves: exact numbers to the plan, when to look to `rewriting.ts`.
 *
 *   shrink   Sparse segments are merged, the emptiest first, into one. It begins with a segment whose
 *            batches are mostly dead; with one that was sparse from the start (padding, settlements)
 *            when it has aged; the others may be any that are sparse.
 *   gather   Segments in which partitions have a few kilobytes each are sorted by partition, as many
 *            outputs as sources at most.
 *
 * A shrink ends with one segment or none, a gather with half the extents or half the segments: so a
 * rewrite is never repeated for nothing, and two sparse segments never stay beside each other: the
 * space taken is at most twice what lives, and one segment.
 */
import { footerBytes } from './footer.ts';
import {
  GATHER_AFTER_MS,
  GATHER_EXTENT_BYTES_MIN,
  GATHER_SOURCES_MAX,
  REWRITE_LIVE_RATIO,
  REWRITE_ROWS_MAX,
  REWRITE_SOURCE_BYTES_MAX,
  SEGMENT_HEADER_BYTES,
  SHRINK_SOURCES_MAX,
} from './limits.ts';
import type { RewritePlan } from './rewrite-plan.ts';
import type { Segment } from './segment.ts';
import type { SegmentExtents } from './segment-extents.ts';

/** Rows are estimated from live bytes; an estimate may be low by this much. */
const ROWS_MARGIN = 1.25;

const NONE = new Uint32Array(0);

export type RewriteRule = 'shrink' | 'gather';

export interface RewriteChoice {
  readonly rule: RewriteRule;
  readonly sources: readonly Segment[];
}

/** What the choice is made from. `candidates` are sealed, alive and older than both checkpoints. */
export interface ChoiceContext {
  readonly candidates: readonly Segment[];
  readonly segmentBytes: number;
  readonly now: number;
  /** The disk is full: ages do not count, and there is no room for many outputs. */
  readonly isFull: boolean;
  readonly extentsOf: (segment: Segment) => SegmentExtents | undefined;
  /** What earlier plans found. */
  readonly measures: ReadonlyMap<number, Measure>;
}

/** What a plan found in a segment, exactly; since then it can only have become less. */
export interface Measure {
  readonly bytes: number;
  readonly rows: number;
  readonly extents: number;
}

/**
 * What the live batches of `segment` take elsewhere at most, their rows included. An estimate may be
 * low (a batch that one of its partitions still wants is wanted whole), what was measured is not.
 */
export function weightOf(segment: Segment, measure: Measure | undefined): number {
  const { footer, liveBytes, batchBytes } = segment;
  if (measure !== undefined) {
    return measure.bytes === 0 ? 0 : measure.bytes + footerBytes(measure.rows, measure.extents);
  }
  if (footer === null || batchBytes <= 0) return 0;
  const ratio = Math.min(1, Math.max(0, liveBytes / batchBytes));
  return liveBytes + ratio * footerBytes(footer.rowCount, footer.partitionCount);
}

export function isSparse(segment: Segment, measure: Measure | undefined): boolean {
  return weightOf(segment, measure) < segment.bytes * REWRITE_LIVE_RATIO;
}

function isMostlyDead(segment: Segment, measure: Measure | undefined): boolean {
  const live = measure?.bytes ?? segment.liveBytes;
  return live < segment.batchBytes * REWRITE_LIVE_RATIO;
}

function isScattered(segment: Segment): boolean {
  return segment.liveBytes < segment.extentCount * GATHER_EXTENT_BYTES_MIN;
}

function rowsOf(segment: Segment): number {
  const { footer, liveBytes, batchBytes } = segment;
  if (footer === null || batchBytes <= 0) return 0;
  return footer.rowCount * Math.min(1, (liveBytes / batchBytes) * ROWS_MARGIN);
}

export function chooseSources(context: ChoiceContext): RewriteChoice | null {
  return chooseShrink(context) ?? (context.isFull ? null : chooseGather(context));
}

function hasAged({ now, isFull }: ChoiceContext, segment: Segment): boolean {
  return isFull || now - segment.sealedAt >= GATHER_AFTER_MS;
}

function sourcesMax(most: number, { segmentBytes }: ChoiceContext): number {
  return Math.min(most, Math.max(2, Math.floor(REWRITE_SOURCE_BYTES_MAX / segmentBytes)));
}

function chooseShrink(context: ChoiceContext): RewriteChoice | null {
  const { candidates, measures } = context;
  const weight = (segment: Segment): number => weightOf(segment, measures.get(segment.id));
  const sparse = candidates.filter((segment) => isSparse(segment, measures.get(segment.id)));
  sparse.sort((left, right) => weight(left) - weight(right));
  const seed = sparse.find(
    (segment) => isMostlyDead(segment, measures.get(segment.id)) || hasAged(context, segment),
  );
  if (seed === undefined) return null;
  const limit = sourcesMax(SHRINK_SOURCES_MAX, context);
  const sources: Segment[] = [];
  let room = context.segmentBytes - SEGMENT_HEADER_BYTES;
  let rows = 0;
  for (const segment of [seed, ...sparse.filter((other) => other !== seed)]) {
    room -= weight(segment);
    rows += rowsOf(segment);
    if (room < 0 || rows > REWRITE_ROWS_MAX || sources.length === limit) break;
    sources.push(segment);
  }
  // Alone it is worth a rewrite only if that leaves nothing of it.
  if (sources.length < 2 && weight(seed) >= 1) return null;
  return { rule: 'shrink', sources };
}

function chooseGather(context: ChoiceContext): RewriteChoice | null {
  const scattered = context.candidates.filter(
    (segment) => isScattered(segment) && hasAged(context, segment),
  );
  scattered.sort((left, right) => left.id - right.id);
  for (const seed of scattered) {
    const sources = partnersOf(seed, scattered, context);
    if (sources.length >= 2) return { rule: 'gather', sources };
  }
  return null;
}

/** The seed and later ones of its kind that have its partitions too, the most alike first. */
function partnersOf(
  seed: Segment,
  scattered: readonly Segment[],
  context: ChoiceContext,
): Segment[] {
  const { extentsOf } = context;
  const limit = sourcesMax(GATHER_SOURCES_MAX, context);
  const range = extentsOf(seed)?.partitions ?? NONE;
  const others: { readonly segment: Segment; readonly overlap: number }[] = [];
  for (const segment of scattered) {
    if (segment.id <= seed.id || segment.isArchive !== seed.isArchive) continue;
    const overlap = overlapOf(range, extentsOf(segment)?.partitions ?? NONE);
    if (overlap > 0) others.push({ segment, overlap });
  }
  others.sort((left, right) => right.overlap - left.overlap);
  const sources = [seed];
  let rows = rowsOf(seed);
  for (const { segment } of others) {
    rows += rowsOf(segment);
    if (rows > REWRITE_ROWS_MAX || sources.length === limit) break;
    sources.push(segment);
  }
  return sources.slice(0, sharingCount(sources, extentsOf));
}

/** Of two ascending lists: what their ranges have in common, as a share of the wider one. */
function overlapOf(left: Uint32Array, right: Uint32Array): number {
  const leftStart = left[0] ?? 0;
  const rightStart = right[0] ?? 0;
  const leftEnd = (left[left.length - 1] ?? 0) + 1;
  const rightEnd = (right[right.length - 1] ?? 0) + 1;
  const common = Math.min(leftEnd, rightEnd) - Math.max(leftStart, rightStart);
  return common / Math.max(leftEnd - leftStart, rightEnd - rightStart);
}

/** How many of `sources`, from the first on, have half as many partitions together as one by one. */
function sharingCount(sources: readonly Segment[], extentsOf: ChoiceContext['extentsOf']): number {
  let sum = 0;
  let union: Uint32Array = NONE;
  let count = 0;
  sources.forEach((segment, i) => {
    const partitions = extentsOf(segment)?.partitions ?? NONE;
    sum += partitions.length;
    union = unite(union, partitions);
    if (union.length * 2 <= sum) count = i + 1;
  });
  return count;
}

/** Merges two ascending lists, each number once. */
function unite(left: Uint32Array, right: Uint32Array): Uint32Array {
  const united = new Uint32Array(left.length + right.length);
  let count = 0;
  for (let i = 0, j = 0; i < left.length || j < right.length; ) {
    const next = Math.min(
      left[i] ?? Number.POSITIVE_INFINITY,
      right[j] ?? Number.POSITIVE_INFINITY,
    );
    while (left[i] === next) i++;
    while (right[j] === next) j++;
    united[count++] = next;
  }
  return united.subarray(0, count);
}

/** Whether `plan`, which is exact, keeps what the choice promised. */
export function isWorth(choice: RewriteChoice, plan: RewritePlan): boolean {
  const sources = choice.sources.length;
  const outputs = plan.outputs.length;
  if (choice.rule === 'shrink') return outputs <= 1 && outputs < sources;
  if (outputs > sources) return false;
  if (outputs * 2 <= sources) return true;
  // A partition that goes on in the next output counts once.
  const extents = plan.extentsAfter - Math.max(0, outputs - 1);
  return plan.extentsAfter < plan.extentsBefore && extents * 2 <= plan.extentsBefore;
}
