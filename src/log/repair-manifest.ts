/**
 * A manifest that cannot be read, put together again from what is left of it and from the footers of
 * the segments themselves.
 *
 * Owns: which segments count, where the manifest no longer says so.
 *
 * What its sound frames say holds. A file that they do not name counts when its own footer is whole,
 * no frame has removed it, and what it holds is not there already; so a segment and the one that it was
 * rewritten to never both count. A dead segment may come back: its partitions no longer want it, and it
 * is retired again.
 */
import { viewOf } from '../kernel/bytes.ts';
import type { DraftDisk } from './draft-disk.ts';
import { ARCHIVE_ID_MIN } from './limits.ts';
import {
  encodeBegin,
  encodeFrame,
  encodeRecord,
  frameEnd,
  frameNumberAt,
  MANIFEST_VERSION,
  readFrame,
  type SealedSegment,
} from './manifest-record.ts';
import { addedBy, removedBy } from './manifest-replay.ts';
import { readSealed, type StoreFacts } from './sealed-file.ts';
import { SEGMENT_DIRECTORY } from './segment-store.ts';

const FRAME_STEP = 8;

/** What the sound frames in `bytes` say. */
export function salvageManifest(bytes: Uint8Array): {
  readonly live: Map<number, SealedSegment>;
  readonly removed: ReadonlySet<number>;
} {
  const view = viewOf(bytes);
  const live = new Map<number, SealedSegment>();
  const removed = new Set<number>();
  for (let at = 0; at < bytes.length; ) {
    if (frameNumberAt(bytes, view, at) < 0) {
      at += FRAME_STEP;
      continue;
    }
    readFrame(view, at, (record) => {
      if (record.kind === 'begin') return true;
      for (const id of removedBy(record)) {
        live.delete(id);
        removed.add(id);
      }
      for (const segment of addedBy(record)) {
        live.set(segment.id, segment);
        removed.delete(segment.id);
      }
      return true;
    });
    at = frameEnd(view, at);
  }
  return { live, removed };
}

/**
 * Adds to `live` what files say of themselves, and takes away what is no longer in its file. Journal
 * segments from `startId` on are left out: they are read block by block, and sealed again.
 */
export function completeFromFiles(
  draft: DraftDisk,
  facts: StoreFacts,
  live: Map<number, SealedSegment>,
  removed: ReadonlySet<number>,
  startId: number,
): void {
  const found: SealedSegment[] = [];
  const present = new Set<number>();
  for (const name of draft.list(SEGMENT_DIRECTORY)) {
    const id = Number.parseInt(/^([0-9a-f]{8})\.seg$/.exec(name)?.[1] ?? '-1', 16);
    if (id < 0) continue;
    const sealed = readFile(draft, `${SEGMENT_DIRECTORY}/${name}`, id, facts);
    if (sealed === null) continue;
    present.add(id);
    if (live.has(id) || removed.has(id)) continue;
    if (id >= ARCHIVE_ID_MIN || id < startId) found.push(sealed);
  }
  for (const id of [...live.keys()]) if (!present.has(id)) live.delete(id);
  // The youngest archives first: they hold what older segments held.
  for (const sealed of found.sort((left, right) => right.id - left.id)) admit(live, sealed);
}

function readFile(
  draft: DraftDisk,
  path: string,
  id: number,
  facts: StoreFacts,
): SealedSegment | null {
  const file = draft.open(path);
  try {
    // The trailer names the segment as the header does, which is made again if it is damaged.
    return file.size() === facts.segmentBytes ? readSealed(file, id, facts) : null;
  } finally {
    file.close();
  }
}

function admit(live: Map<number, SealedSegment>, sealed: SealedSegment): void {
  const others = [...live.values()].filter((each) => overlap(each, sealed));
  if (others.length > 0 && isCovered(sealed, others)) return;
  if (sealed.id < ARCHIVE_ID_MIN && others.length > 0) return;
  for (const other of others) live.delete(other.id);
  live.set(sealed.id, sealed);
}

function overlap(left: SealedSegment, right: SealedSegment): boolean {
  const { extents } = right;
  for (let i = 0; i < extents.count; i++) {
    const at = left.extents.find(extents.partitions[i] ?? 0, extents.firstOffsets[i] ?? 0);
    if (at >= 0 && (left.extents.firstOffsets[at] ?? 0) <= (extents.lastOffsets[i] ?? 0))
      return true;
  }
  return false;
}

/** Whether `others` reach over each extent of `sealed`. */
function isCovered({ extents }: SealedSegment, others: readonly SealedSegment[]): boolean {
  for (let i = 0; i < extents.count; i++) {
    const partition = extents.partitions[i] ?? 0;
    const last = extents.lastOffsets[i] ?? 0;
    let next = extents.firstOffsets[i] ?? 0;
    for (let isMoving = true; isMoving && next <= last; ) {
      isMoving = false;
      for (const other of others) {
        const at = other.extents.find(partition, next);
        if (at < 0 || (other.extents.firstOffsets[at] ?? 0) > next) continue;
        next = (other.extents.lastOffsets[at] ?? 0) + 1;
        isMoving = true;
      }
    }
    if (next <= last) return false;
  }
  return true;
}

/** The bytes of manifest `number` with these segments. */
export function encodeManifest(
  number: number,
  storeId: Uint8Array,
  segments: readonly SealedSegment[],
): Uint8Array {
  const begin = encodeBegin({
    kind: 'begin',
    version: MANIFEST_VERSION,
    number,
    snapshotSegments: segments.length,
    storeId,
  });
  const records = segments.map((segment) => encodeRecord({ kind: 'sealed', segment }));
  const frames = [begin, ...records].map((record, i) => encodeFrame(i, [record]));
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}
