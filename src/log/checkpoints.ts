/**
 * Checkpoints: when one is due, what goes into it, when it counts.
 *
 * Owns: the schedule, the walk over all objects, finding the newest sound one at the start.
 * Leaves: the file to `checkpoint-file.ts`, what objects mean to the ledger and the state machine.
 *
 * A checkpoint begins at a commit: replay will start where the committed group ended. It counts when all
 * that it includes, and the end of all that it leaves out, is durable and every segment before its start has its footer; then what lies before
 * the older of the two that are kept is needed no more.
 */
import type { ByteWriter } from '../kernel/byte-writer.ts';
import type { BrokerError } from '../kernel/errors.ts';
import { DiskError, type Ports } from '../kernel/ports.ts';
import {
  CheckpointWriter,
  type CheckpointWritten,
  listCheckpoints,
  removeOldCheckpoints,
} from './checkpoint-file.ts';
import { openCheckpoint } from './checkpoint-reader.ts';
import { EntryKind } from './entry.ts';
import type { Ledger } from './ledger.ts';
import { CHECKPOINT_JOURNAL_BYTES, DISK_RESERVE_BYTES, DISK_RETRY_MS } from './limits.ts';
import type { ObjectCursor, ObjectHead, StateMachine } from './machine.ts';
import { PartitionLog } from './partition-log.ts';
import type { CommitPipeline } from './pipeline.ts';
import type { SegmentStore } from './segment-store.ts';

/** Checkpoints that are kept, and the dead segments that an idle broker may be left with. */
const KEEP = 2;
const RECLAIM_SEGMENTS_MIN = 4;
const RECLAIM_RATIO = 0.1;
const PARTITION_OBJECT = 1;

/** The published checkpoints, newest first, and the size of the newest. */
export interface CheckpointList {
  readonly startLsns: readonly number[];
  readonly bytes: number;
}

/** Where replay begins. */
export interface ReplayStart {
  readonly lsn: number;
  readonly previousCrc: number;
  readonly epoch: number;
  /** Everything below is included, or was durable when the checkpoint was published. */
  readonly includedLsn: number;
}

export interface CheckpointParts {
  readonly ports: Ports;
  readonly pipeline: CommitPipeline;
  readonly store: SegmentStore;
  readonly ledger: Ledger;
  readonly machine: StateMachine;
  readonly storeId: Uint8Array;
  /** Growth after which one is due; null: the default. */
  readonly journalBytes: number | null;
  /** Of the entry applied last. */
  readonly lastLsn: () => number;
  readonly existing: CheckpointList;
  /** Dead segments that only wait for checkpoints. */
  readonly reclaimable: () => number;
  readonly onPublished: (olderStartLsn: number) => void;
  readonly onFault: (error: BrokerError) => void;
}

export class Checkpoints {
  readonly #parts: CheckpointParts;
  #startLsns: number[];
  #bytes: number;
  #writer: CheckpointWriter | null = null;
  /** Of the one being written; null until all of it is in its file. */
  #written: CheckpointWritten | null = null;
  /** What was applied when the walk ended: objects may be left out because of it. */
  #knownLsn = 0;
  #startLsn = 0;
  #isRequested = false;
  #isPublishing = false;
  #stopped = false;
  /** After a full disk: it is not yet time to try again. */
  #isPostponed = false;

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
    this.#startLsns = [...parts.existing.startLsns];
    this.#bytes = parts.existing.bytes;
    this.#reserve();
  }

  /** Room for the two that set free what a full disk is waiting for. */
  #reserve(): void {
    this.#parts.store.reserveBytes = DISK_RESERVE_BYTES + KEEP * this.#bytes;
  }

  /** The journal before it is needed no more; 0 while there is only one checkpoint. */
  get olderStartLsn(): number {
    return this.#startLsns[KEEP - 1] ?? 0;
  }

  /** A checkpoint is wanted whatever the journal has grown by. */
  request(): void {
    this.#isRequested = true;
    this.check();
  }

  /** Something has changed: sealed, published, died. */
  check(): void {
    if (this.#stopped) return;
    if (this.#written !== null) return this.#maybePublish();
    if (this.#writer === null && this.#isDue()) this.#parts.pipeline.touch();
  }

  /** A group is committed: the place where a checkpoint can begin. */
  committed(): void {
    if (this.#stopped) return;
    if (this.#written !== null) this.#maybePublish();
    if (this.#writer === null && this.#isDue()) this.#begin();
  }

  #isDue(): boolean {
    const { pipeline, store, journalBytes, reclaimable } = this.#parts;
    if (this.#isPostponed) return false;
    if (this.#isRequested) return true;
    const grown = pipeline.highWatermark - (this.#startLsns[0] ?? 0);
    const base = journalBytes ?? CHECKPOINT_JOURNAL_BYTES;
    if (grown >= Math.max(base, 2 * this.#bytes)) return true;
    if (store.isFull) return reclaimable() > 0;
    return reclaimable() > Math.max(RECLAIM_SEGMENTS_MIN, store.count * RECLAIM_RATIO);
  }

  #begin(): void {
    const { ports, pipeline, ledger, machine, storeId } = this.#parts;
    this.#isRequested = false;
    this.#startLsn = pipeline.highWatermark;
    const head = {
      storeId,
      startLsn: this.#startLsn,
      previousCrc: pipeline.committedCrc,
      epoch: pipeline.epoch,
      time: ports.clock.now(),
    };
    const source = new AllObjects(ledger, machine.objects());
    this.#writer = new CheckpointWriter(ports, head, source);
    this.#writer.write((error, written) => {
      if (this.#stopped) return;
      if (written === null) return this.#failed(error);
      this.#written = written;
      this.#knownLsn = Math.max(written.maxLsn, this.#parts.lastLsn());
      this.#maybePublish();
    });
  }

  #failed(error: BrokerError | null): void {
    const { ports, onFault } = this.#parts;
    this.#writer = null;
    this.#written = null;
    this.#isPublishing = false;
    if (error === null) return;
    if (error.code !== 'storage_full') return onFault(error);
    ports.logger.warn('checkpoint.postponed', { reason: error.message });
    this.#isPostponed = true;
    ports.scheduler.after(DISK_RETRY_MS, () => {
      this.#isPostponed = false;
      this.check();
    });
  }

  #maybePublish(): void {
    const { ports, pipeline, onPublished } = this.#parts;
    const written = this.#written;
    if (written === null || this.#writer === null || this.#isPublishing) return;
    if (pipeline.durableLsn < this.#startLsn) return;
    // Without changes behind its start there is nothing more to wait for: an idle log commits nothing.
    const isAhead = this.#knownLsn > this.#startLsn;
    if (isAhead && pipeline.durableLsn <= this.#knownLsn) return;
    if (!this.#isSealedBefore(this.#startLsn)) return;
    this.#isPublishing = true;
    this.#writer.publish((error) => {
      if (this.#stopped) return;
      if (error !== null) return this.#failed(error);
      const kept = [this.#startLsn, ...this.#startLsns].slice(0, KEEP);
      removeOldCheckpoints(ports, kept, (removeError) => {
        if (this.#stopped) return;
        this.#writer = null;
        this.#written = null;
        this.#isPublishing = false;
        if (removeError !== null) return this.#failed(removeError);
        this.#bytes = written.bytes;
        this.#reserve();
        this.#startLsns = kept;
        ports.logger.debug('checkpoint.published', {
          startLsn: this.#startLsn,
          objects: written.objectCount,
          bytes: written.bytes,
        });
        onPublished(this.olderStartLsn);
        this.check();
      });
    });
  }

  #isSealedBefore(lsn: number): boolean {
    for (const segment of this.#parts.store.segments()) {
      if (!segment.isArchive && segment.state === 'full' && segment.endLsn <= lsn) return false;
    }
    return true;
  }

  stop(): void {
    this.#stopped = true;
    try {
      this.#writer?.abandon();
    } catch (error) {
      // The next checkpoint removes what is left of this one.
      if (!(error instanceof DiskError)) throw error;
    }
  }
}

/** The log's partitions, then the state machine's objects. */
class AllObjects implements ObjectCursor {
  readonly #partitions: PartitionLog[];
  readonly #rest: ObjectCursor;
  #next = 0;

  constructor(ledger: Ledger, rest: ObjectCursor) {
    this.#partitions = [...ledger.partitions()];
    this.#rest = rest;
  }

  next(writer: ByteWriter): ObjectHead | null {
    for (;;) {
      const partition = this.#partitions[this.#next];
      if (partition === undefined) return this.#rest.next(writer);
      this.#next += 1;
      if (partition.isDeleted) continue;
      const body = partition.encode();
      writer.copy(body, 0, body.length);
      return { type: PARTITION_OBJECT, lsn: partition.lastLsn };
    }
  }
}

export interface CheckpointLoaded {
  /** Null: there is none, replay begins with the journal. */
  readonly start: ReplayStart | null;
  readonly list: CheckpointList;
}

/**
 * Restores the newest sound checkpoint; an unsound one is passed over with a warning.
 * `done` gets storage_damaged when there are some and none is sound.
 */
export function loadCheckpoint(
  parts: Pick<CheckpointParts, 'ports' | 'ledger' | 'machine' | 'storeId'>,
  done: (error: BrokerError | null, loaded: CheckpointLoaded | null) => void,
): void {
  const { ports, storeId } = parts;
  const names = listCheckpoints(ports.disk);
  const tryNext = (i: number, failure: BrokerError | null): void => {
    const name = names[i];
    if (name === undefined) {
      if (failure !== null) return done(failure, null);
      return done(null, { start: null, list: { startLsns: [], bytes: 0 } });
    }
    openCheckpoint(ports, name, storeId, (error, checkpoint) => {
      if (checkpoint === null) {
        if (error?.code === 'data_folder_newer') return done(error, null);
        ports.logger.warn('checkpoint.refused', { path: name.path, reason: error?.message ?? '' });
        return tryNext(i + 1, error);
      }
      checkpoint.restore(restorer(parts), (restoreError) => {
        checkpoint.close();
        if (restoreError !== null) return done(restoreError, null);
        const { startLsn: lsn, previousCrc, epoch } = checkpoint.head;
        const startLsns = names.slice(i).map((each) => each.startLsn);
        const list = { startLsns, bytes: checkpoint.summary.bytes };
        // The entry at the highest LSN was durable, and so was its first byte at least.
        const includedLsn = checkpoint.summary.maxLsn + (checkpoint.summary.maxLsn > lsn ? 1 : 0);
        done(null, { start: { lsn, previousCrc, epoch, includedLsn }, list });
      });
    });
  };
  tryNext(0, null);
}

function restorer({ ledger, machine }: Pick<CheckpointParts, 'ledger' | 'machine'>) {
  return (type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void => {
    if (type >= EntryKind.machineMin) return machine.restoreObject(type, lsn, bytes, start, end);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    ledger.restore(PartitionLog.decode(lsn, view, start));
  };
}
