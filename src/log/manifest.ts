/**
 * The manifest: which sealed segments there are and what they hold.
 *
 * Owns: the file `manifest-<n>`, an append-only log of `manifest-record.ts`, and the live descriptors.
 * Leaves: the segment files themselves, and the order "new file, its directory, the manifest; then
 * the old file is free" to retirement.
 *
 * A frame is what one sync makes durable: what is appended while a sync is under way becomes the
 * next frame. So only the last frame can be torn; an invalid one with a valid one behind it is
 * damage. Known limit: damage inside the very last frame looks like a torn tail. Opening writes the
 * last frame again and syncs it, because the page cache may hold what the disk does not.
 *
 * A file that is mostly history is replaced by `manifest-<n+1>`, which is complete under its name.
 * The newest name counts and there is no going back to an older one: it would bring files back
 * that are in use for something else since.
 *
 * Invariants: `segments` is what the durable frames say; one write or snapshot is under way at most.
 */

import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import { type Disk, DiskError, type DiskFile, type Scheduler } from '../kernel/ports.ts';
import {
  encodeFrame,
  encodeRecord,
  type ManifestRecord,
  type SealedSegment,
  snapshotFrameBytes,
} from './manifest-record.ts';
import {
  addedBy,
  applyRecord,
  type ManifestContent,
  removedBy,
  replayManifest,
} from './manifest-replay.ts';
import {
  type ManifestSnapshot,
  manifestPath,
  manifestTemporaryPath,
  type SnapshotFailure,
  SnapshotWriter,
} from './manifest-snapshot.ts';
import { storageFailed } from './storage-fault.ts';

export type { ManifestRecord, SealedSegment } from './manifest-record.ts';

/** A smaller file is never worth replacing. */
const COMPACT_BYTES_MIN = 1024 * 1024;
const COMPACT_RATIO = 2;
/** Records of about this much go into one frame. */
const GROUP_BYTES_MAX = 4 * 1024 * 1024;

export interface ManifestPorts {
  readonly disk: Disk;
  readonly scheduler: Scheduler;
}

export type ManifestDone = (error: BrokerError | null) => void;
export type ManifestOpened = (error: BrokerError | null, manifest: Manifest | null) => void;

interface Pending {
  readonly record: ManifestRecord;
  readonly bytes: Uint8Array;
  readonly done: ManifestDone;
}

/**
 * Opens the manifest of a data folder, or makes an empty one when there is none.
 * `done` gets storage_damaged, data_folder_newer, storage_failed or storage_full.
 */
export function openManifest(
  ports: ManifestPorts,
  storeId: Uint8Array,
  done: ManifestOpened,
): void {
  assert(storeId.length === 16, 'a store id has 16 bytes');
  const fault = faultOf(() => {
    removeUnfinished(ports.disk);
    const numbers = listManifests(ports.disk);
    const number = numbers.pop();
    if (number === undefined) create(ports, storeId, done);
    else resume(ports, storeId, { number, older: numbers }, done);
  });
  if (fault !== null) ports.scheduler.endOfTick(() => done(fault, null));
}

/** The numbers of the manifests, ascending. @throws DiskError */
export function listManifests(disk: Disk): number[] {
  const numbers: number[] = [];
  for (const name of disk.list('')) {
    const match = /^manifest-([1-9]\d{0,9})$/.exec(name);
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.sort((left, right) => left - right);
}

function removeUnfinished(disk: Disk): void {
  for (const name of disk.list('')) {
    if (/^manifest-[1-9]\d{0,9}\.tmp$/.test(name)) disk.remove(name);
  }
}

function create(ports: ManifestPorts, storeId: Uint8Array, done: ManifestOpened): void {
  new SnapshotWriter(ports.disk, 1, storeId, []).write((failure, snapshot) => {
    if (failure !== null) return done(storageFailed(failure.error), null);
    assert(snapshot !== null, 'a snapshot or a failure');
    const origin = { isNew: true, droppedBytes: 0 };
    done(null, new Manifest(ports, storeId, new Map(), snapshot, origin));
  });
}

/** Makes durable what was found, name included, before anybody acts on it. */
function resume(
  ports: ManifestPorts,
  storeId: Uint8Array,
  names: { readonly number: number; readonly older: readonly number[] },
  done: ManifestOpened,
): void {
  const { disk } = ports;
  const file = disk.open(manifestPath(names.number), { create: false });
  const bytes = readAll(file);
  const content = replayOrClose(file, bytes, names.number, storeId);
  if (content.end < bytes.length) file.truncate(content.end);
  const finish = () => {
    const fault = faultOf(() => {
      for (const number of names.older) disk.remove(manifestPath(number));
    });
    if (fault !== null) return done(fault, null);
    const { live, end, frames } = content;
    const snapshot = { number: names.number, file, bytes: end, frames };
    const origin = { isNew: false, droppedBytes: bytes.length - end };
    done(null, new Manifest(ports, storeId, live, snapshot, origin));
  };
  const lastFrame = bytes.subarray(content.lastFrame, content.end);
  file.write([lastFrame], content.lastFrame, (writeError) => {
    if (writeError !== null) return done(storageFailed(writeError), null);
    file.sync((syncError) => {
      if (syncError !== null) return done(storageFailed(syncError), null);
      disk.syncDirectory('', (error) => {
        if (error !== null) done(storageFailed(error), null);
        else finish();
      });
    });
  });
}

function replayOrClose(
  file: DiskFile,
  bytes: Uint8Array,
  number: number,
  storeId: Uint8Array,
): ManifestContent {
  try {
    return replayManifest(bytes, file.path, number, storeId);
  } catch (error) {
    file.close();
    throw error;
  }
}

function readAll(file: DiskFile): Uint8Array {
  const bytes = new Uint8Array(file.size());
  const count = file.readSync(bytes, 0, bytes.length, 0);
  return bytes.subarray(0, count);
}

/** Runs `action`; what the disk or its content did wrong is returned. */
function faultOf(action: () => void): BrokerError | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof DiskError) return storageFailed(error);
    if (error instanceof BrokerError) return error;
    throw error;
  }
}

export class Manifest {
  /** It was made by this opening. */
  readonly isNew: boolean;
  /** What was cut off as a torn tail when it was opened. */
  readonly droppedBytes: number;
  readonly #ports: ManifestPorts;
  readonly #storeId: Uint8Array;
  readonly #live: Map<number, SealedSegment>;
  /** In order; the first `#inFlight` are being written. */
  readonly #pending: Pending[] = [];
  #inFlight = 0;
  #snapshot: ManifestSnapshot;
  /** Where the next frame goes; everything before it is durable. */
  #end: number;
  #frames: number;
  /** What a snapshot would take. */
  #liveBytes = 0;
  /** After a snapshot found no space: the size from which on to try again. */
  #compactBytesMin = COMPACT_BYTES_MIN;
  #isBusy = false;
  #isClosed = false;
  #fault: BrokerError | null = null;

  constructor(
    ports: ManifestPorts,
    storeId: Uint8Array,
    live: Map<number, SealedSegment>,
    snapshot: ManifestSnapshot,
    origin: { readonly isNew: boolean; readonly droppedBytes: number },
  ) {
    this.#ports = ports;
    this.#storeId = storeId;
    this.#live = live;
    this.#snapshot = snapshot;
    this.#end = snapshot.bytes;
    this.#frames = snapshot.frames;
    for (const segment of live.values()) this.#liveBytes += snapshotFrameBytes(segment);
    this.isNew = origin.isNew;
    this.droppedBytes = origin.droppedBytes;
  }

  /** By id, in the order in which they became known. */
  get segments(): ReadonlyMap<number, SealedSegment> {
    return this.#live;
  }

  /** The file in use. */
  get path(): string {
    return manifestPath(this.#snapshot.number);
  }

  get fileBytes(): number {
    return this.#end;
  }

  /**
   * Adds `record`; `done` when it is durable and `segments` says so. A full disk (storage_full) drops
   * it, and it may be tried again; after storage_failed nothing is accepted any more.
   */
  append(record: ManifestRecord, done: ManifestDone): void {
    assert(!this.#isClosed, 'a closed manifest gets no records');
    this.#check(record);
    const fault = this.#fault;
    if (fault !== null) {
      this.#ports.scheduler.endOfTick(() => done(fault));
      return;
    }
    this.#pending.push({ record, bytes: encodeRecord(record), done });
    this.#pump();
  }

  /** Calls under way still end. */
  close(): void {
    this.#isClosed = true;
    if (!this.#isBusy) this.#snapshot.file.close();
  }

  /** Only segments that exist are removed, only others added. */
  #check(record: ManifestRecord): void {
    for (const id of removedBy(record)) assert(this.#isKnown(id), 'a removed segment exists');
    const removed = new Set(removedBy(record));
    for (const { id } of addedBy(record)) {
      assert(removed.has(id) || !this.#isKnown(id), 'an added segment is new');
    }
  }

  /** Whether the segment exists once everything pending is written. */
  #isKnown(id: number): boolean {
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      const record = this.#pending[i]?.record;
      assert(record !== undefined, 'the record is pending');
      if (addedBy(record).some((segment) => segment.id === id)) return true;
      if (removedBy(record).includes(id)) return false;
    }
    return this.#live.has(id);
  }

  #pump(): void {
    if (this.#isBusy || this.#fault !== null) return;
    if (this.#isClosed && this.#pending.length === 0) this.#snapshot.file.close();
    else if (this.#isOvergrown) this.#compact();
    else if (this.#pending.length > 0) this.#writeGroup();
  }

  get #isOvergrown(): boolean {
    if (this.#isClosed || this.#end <= this.#compactBytesMin) return false;
    return this.#end > COMPACT_RATIO * this.#liveBytes;
  }

  #writeGroup(): void {
    const group: Uint8Array[] = [];
    let bytes = 0;
    for (const pending of this.#pending) {
      if (bytes >= GROUP_BYTES_MAX) break;
      group.push(pending.bytes);
      bytes += pending.bytes.length;
    }
    const frame = encodeFrame(this.#frames, group);
    const { file } = this.#snapshot;
    this.#inFlight = group.length;
    this.#isBusy = true;
    file.write([frame], this.#end, (writeError) => {
      if (writeError !== null) return this.#onWriteFailed(writeError);
      file.sync((syncError) => {
        if (syncError === null) this.#onGroupDurable(frame.length);
        else this.#fence(syncError);
      });
    });
  }

  #onGroupDurable(bytes: number): void {
    this.#end += bytes;
    this.#frames++;
    const group = this.#pending.splice(0, this.#inFlight);
    this.#inFlight = 0;
    this.#isBusy = false;
    for (const { record } of group) this.#apply(record);
    for (const { done } of group) done(null);
    this.#pump();
  }

  #apply(record: ManifestRecord): void {
    for (const id of removedBy(record)) {
      const segment = this.#live.get(id);
      assert(segment !== undefined, 'a removed segment exists');
      this.#liveBytes -= snapshotFrameBytes(segment);
    }
    for (const segment of addedBy(record)) this.#liveBytes += snapshotFrameBytes(segment);
    const isConsistent = applyRecord(this.#live, record);
    assert(isConsistent, 'the record was checked when it was appended');
  }

  /** What is at the end of the file now is overwritten by the next frame, or cut off as torn. */
  #onWriteFailed(error: DiskError): void {
    if (error.fault !== 'no-space') {
      this.#fence(error);
      return;
    }
    this.#isBusy = false;
    this.#failPending(storageFailed(error));
    this.#pump();
  }

  /** A sync that failed is not tried again: nobody knows what is on the disk. */
  #fence(error: DiskError): void {
    this.#isBusy = false;
    this.#fault = new BrokerError('storage_failed', error.message, error);
    this.#failPending(this.#fault);
    if (this.#isClosed) this.#snapshot.file.close();
  }

  #failPending(fault: BrokerError): void {
    this.#inFlight = 0;
    for (const { done } of this.#pending.splice(0)) done(fault);
  }

  /** Moves to a new file. Records wait meanwhile. */
  #compact(): void {
    const { number } = this.#snapshot;
    const segments = [...this.#live.values()];
    const writer = new SnapshotWriter(this.#ports.disk, number + 1, this.#storeId, segments);
    this.#isBusy = true;
    const failure = diskErrorOf(() => {
      writer.write((fault, next) => {
        if (next !== null) this.#onSnapshot(next);
        else if (fault !== null) this.#onSnapshotFailed(fault);
      });
    });
    if (failure !== null) this.#onSnapshotFailed({ error: failure, isFatal: false });
  }

  #onSnapshot(next: ManifestSnapshot): void {
    const old = this.#snapshot;
    old.file.close();
    this.#snapshot = next;
    this.#end = next.bytes;
    this.#frames = next.frames;
    this.#compactBytesMin = COMPACT_BYTES_MIN;
    const error = diskErrorOf(() => this.#ports.disk.remove(manifestPath(old.number)));
    this.#release(error);
  }

  /** Without space for a second file the first one just goes on growing for a while. */
  #onSnapshotFailed({ error, isFatal }: SnapshotFailure): void {
    if (isFatal || error.fault !== 'no-space') {
      this.#fence(error);
      return;
    }
    const temporary = manifestTemporaryPath(this.#snapshot.number + 1);
    const { disk } = this.#ports;
    const failure = diskErrorOf(() => {
      if (disk.exists(temporary)) disk.remove(temporary);
    });
    this.#compactBytesMin = this.#end + COMPACT_BYTES_MIN;
    this.#release(failure);
  }

  #release(failure: DiskError | null): void {
    this.#isBusy = false;
    if (failure === null) this.#pump();
    else this.#fence(failure);
  }
}

/** Runs `action`; what the disk refused is returned. */
function diskErrorOf(action: () => void): DiskError | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof DiskError) return error;
    throw error;
  }
}
