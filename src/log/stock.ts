/**
 * Taking stock: which files of a data folder are segments of the log, which may be overwritten.
 *
 * Owns: the judgement of each file by its name, its header and the manifest.
 *
 *   named by the manifest                       sealed; must be there and be itself
 *   journal id below the replay's start         retired: checkpoints wait for footers, so it would be named
 *   journal id from there on                    unsealed or armed; the chain decides
 *   anything else, header and name at odds      free
 */
import type { Ports } from '../kernel/ports.ts';
import { BatchIndex } from './batch-index.ts';
import type { JournalOptions } from './journal-options.ts';
import type { Ledger } from './ledger.ts';
import { ARCHIVE_ID_MIN } from './limits.ts';
import type { Losses } from './losses.ts';
import type { Manifest } from './manifest.ts';
import { readSegmentId, Segment, segmentPath } from './segment.ts';
import { SEGMENT_DIRECTORY, type SegmentStore } from './segment-store.ts';
import { storageDamaged } from './storage-fault.ts';

export interface Stock {
  /** Journal segments on disk from the replay's start on, and sealed ones, rising. */
  readonly journalIds: readonly number[];
  /** Past every name there is: a free file under a name that is given again would be overwritten. */
  readonly nextArchiveId: number;
}

/** Adopts every file of the segment directory into `store`. `startId` is where replay begins. */
export function takeStock(
  ports: Ports,
  store: SegmentStore,
  manifest: Manifest,
  options: JournalOptions,
  startId: number,
  losses: Losses,
): Stock {
  const journalIds: number[] = [];
  let nextArchiveId = ARCHIVE_ID_MIN;
  for (const name of ports.disk.list(SEGMENT_DIRECTORY)) {
    const path = `${SEGMENT_DIRECTORY}/${name}`;
    const match = /^([0-9a-f]{8})\.seg$/.exec(name);
    if (match === null) {
      ports.disk.remove(path);
      continue;
    }
    const id = Number.parseInt(match[1] ?? '', 16);
    nextArchiveId = Math.max(nextArchiveId, id + 1);
    if (adoptFile(ports, store, manifest, options, id, startId, losses)) {
      if (id < ARCHIVE_ID_MIN) journalIds.push(id);
    } else {
      store.adoptFree(path);
    }
  }
  for (const sealed of manifest.segments.values()) {
    if (store.segment(sealed.id) === undefined) {
      throw storageDamaged(
        segmentPath(sealed.id),
        0,
        'the manifest names this segment, but it is gone',
      );
    }
  }
  journalIds.sort((left, right) => left - right);
  return { journalIds, nextArchiveId };
}

/** Opens segment `id` and adopts it if it is one; false: its file is free. */
function adoptFile(
  ports: Ports,
  store: SegmentStore,
  manifest: Manifest,
  options: JournalOptions,
  id: number,
  startId: number,
  losses: Losses,
): boolean {
  const sealed = manifest.segments.get(id);
  if (sealed === undefined && (id >= ARCHIVE_ID_MIN || id < startId)) return false;
  const file = ports.disk.open(segmentPath(id), { create: false });
  const isItself =
    file.size() === options.segmentBytes &&
    readSegmentId(file, options.segmentBytes, options.storeId) === id;
  if (!isItself) {
    file.close();
    if (sealed === undefined) return false;
    throw storageDamaged(segmentPath(id), 0, 'the header is not that of this segment');
  }
  const segment = new Segment(id, options.segmentBytes, file);
  if (sealed === undefined) {
    segment.index = new BatchIndex();
  } else {
    segment.index = null;
    segment.footer = sealed.footer;
    segment.lostBatches = losses.batches(id, sealed.footer.directoryCrc);
    segment.blocksEnd = sealed.blocksEnd;
    segment.state = 'sealed';
  }
  store.adopt(segment);
  return true;
}

/** After replay: the extents that the manifest knows, for the partitions that still exist. */
export function attachExtents(ledger: Ledger, store: SegmentStore, manifest: Manifest): void {
  for (const sealed of manifest.segments.values()) {
    const segment = store.segment(sealed.id);
    if (segment === undefined) continue;
    ledger.attach(segment, sealed.extents);
  }
}
