/**
 * What the bytes of a manifest file say.
 *
 * Owns: telling a torn tail from damage, and the effect of each record.
 * Leaves: the bytes to `manifest-record.ts`, reading and repairing the file to `manifest.ts`.
 *
 * A torn tail is an invalid frame behind the snapshot with no valid frame after it. All else that
 * is invalid is damage: those frames had been synced.
 */

import { equalBytes, viewOf } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import {
  findFrameAfter,
  frameEnd,
  frameNumberAt,
  MANIFEST_VERSION,
  type ManifestBegin,
  type ManifestRecord,
  readFrame,
  type SealedSegment,
} from './manifest-record.ts';
import { storageDamaged } from './storage-fault.ts';

export interface ManifestContent {
  readonly live: Map<number, SealedSegment>;
  /** Where the last valid frame begins, and where it ends: what follows is to be dropped. */
  readonly lastFrame: number;
  readonly end: number;
  readonly frames: number;
}

/**
 * Reads `bytes`, all of the file `path`, which is manifest `number`.
 * @throws BrokerError storage_damaged, data_folder_newer
 */
export function replayManifest(
  bytes: Uint8Array,
  path: string,
  number: number,
  storeId: Uint8Array,
): ManifestContent {
  const view = viewOf(bytes);
  const live = new Map<number, SealedSegment>();
  let snapshotFrames = 0;
  let frames = 0;
  let lastFrame = 0;
  let end = 0;
  while (end < bytes.length && frameNumberAt(bytes, view, end) === frames) {
    const isSound = readFrame(view, end, (record) => {
      if (record.kind !== 'begin') return frames > 0 && applyRecord(live, record);
      if (frames > 0 || snapshotFrames > 0) return false;
      checkBegin(record, path, number, storeId);
      snapshotFrames = 1 + record.snapshotSegments;
      return true;
    });
    if (!isSound) throw storageDamaged(path, end, 'a record makes no sense');
    lastFrame = end;
    end = frameEnd(view, end);
    frames++;
  }
  if (frames === 0 || frames < snapshotFrames)
    throw storageDamaged(path, end, 'the snapshot is incomplete');
  const later = end < bytes.length ? findFrame(bytes, view, end) : -1;
  if (later >= 0) {
    throw storageDamaged(
      path,
      end,
      `records are unreadable; there are later ones at byte ${later}`,
    );
  }
  return { live, lastFrame, end, frames };
}

/** A valid frame at or after `position`: there its number is not the one expected. */
function findFrame(bytes: Uint8Array, view: DataView, position: number): number {
  if (frameNumberAt(bytes, view, position) >= 0) return position;
  return findFrameAfter(bytes, view, position);
}

function checkBegin(begin: ManifestBegin, path: string, number: number, storeId: Uint8Array): void {
  if (begin.version > MANIFEST_VERSION) {
    throw new BrokerError('data_folder_newer', `${path} has format ${begin.version}`);
  }
  if (begin.number !== number) throw storageDamaged(path, 0, `it is manifest ${begin.number}`);
  if (!equalBytes(begin.storeId, storeId)) {
    throw storageDamaged(path, 0, 'it belongs to another data folder');
  }
}

export function addedBy(record: ManifestRecord): readonly SealedSegment[] {
  if (record.kind === 'sealed') return [record.segment];
  return record.kind === 'replaced' ? record.added : [];
}

export function removedBy(record: ManifestRecord): readonly number[] {
  if (record.kind === 'removed') return record.ids;
  return record.kind === 'replaced' ? record.removed : [];
}

/** @returns false when `record` removes what there is not or adds what there is. */
export function applyRecord(live: Map<number, SealedSegment>, record: ManifestRecord): boolean {
  for (const id of removedBy(record)) if (!live.delete(id)) return false;
  for (const segment of addedBy(record)) {
    if (live.has(segment.id)) return false;
    live.set(segment.id, segment);
  }
  return true;
}
