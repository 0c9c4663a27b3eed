/**
 * Reading checkpoints back.
 *
 * Owns: the check of a whole file, and handing out its objects afterwards.
 * Leaves: trying the older one when this one is damaged to recovery.
 *
 * Invariant: no object is handed out before the checksum over all of the file was found right. The
 * second pass sums again: should the disk answer otherwise than before, the end is an error.
 */

import { assert } from '../kernel/assert.ts';
import { equalBytes, isExact, readInt64LittleEndian, viewOf } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import { BrokerError } from '../kernel/errors.ts';
import { DiskError, type DiskFile } from '../kernel/ports.ts';
import {
  CHECKPOINT_HEADER_BYTES,
  CHECKPOINT_MAGIC,
  CHECKPOINT_OBJECT_BYTES_MAX,
  CHECKPOINT_TRAILER_BYTES,
  CHECKPOINT_VERSION,
  type CheckpointHead,
  type CheckpointName,
  type CheckpointPorts,
  type CheckpointWritten,
  OBJECT_HEADER_BYTES,
} from './checkpoint-file.ts';
import { storageDamaged, storageFailed } from './storage-fault.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Gets the object bytes[start, end), borrowed until return. */
export type ObjectVisitor = (
  type: number,
  lsn: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void;

/** A checkpoint that was found to be whole. */
export class Checkpoint {
  readonly path: string;
  readonly head: CheckpointHead;
  readonly summary: CheckpointWritten;
  readonly #file: DiskFile;

  constructor(file: DiskFile, head: CheckpointHead, summary: CheckpointWritten) {
    this.path = file.path;
    this.head = head;
    this.summary = summary;
    this.#file = file;
  }

  /** Calls `visit` for every object, then `done`, which gets storage_failed or storage_damaged. */
  restore(visit: ObjectVisitor, done: (error: BrokerError | null) => void): void {
    new Scan(this.#file, visit, (error) => done(error)).begin();
  }

  /** Idempotent. */
  close(): void {
    this.#file.close();
  }
}

/**
 * Opens and checks the checkpoint `name`. `done` gets storage_damaged, storage_failed,
 * data_folder_newer.
 */
export function openCheckpoint(
  { disk, scheduler }: CheckpointPorts,
  name: CheckpointName,
  storeId: Uint8Array,
  done: (error: BrokerError | null, checkpoint: Checkpoint | null) => void,
): void {
  let file: DiskFile;
  try {
    file = disk.open(name.path, { create: false });
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    scheduler.endOfTick(() => done(storageFailed(error), null));
    return;
  }
  const scan = new Scan(
    file,
    () => {},
    (error) => {
      const fault = error ?? headFault(scan, name, storeId);
      if (fault !== null || scan.head === null) {
        file.close();
        done(fault, null);
      } else {
        done(null, new Checkpoint(file, scan.head, scan.summary));
      }
    },
  );
  scan.begin();
}

function headFault(scan: Scan, name: CheckpointName, storeId: Uint8Array): BrokerError | null {
  assert(scan.head !== null, 'a whole file has a head');
  if (scan.head.startLsn !== name.startLsn) {
    return storageDamaged(name.path, 8, 'its start LSN is not the one in its name');
  }
  if (!equalBytes(scan.head.storeId, storeId)) {
    return storageDamaged(name.path, 16, 'it belongs to another data folder');
  }
  return null;
}

/** One pass over a file, chunk by chunk. */
class Scan {
  head: CheckpointHead | null = null;
  readonly #file: DiskFile;
  readonly #visit: ObjectVisitor;
  readonly #done: (error: BrokerError | null) => void;
  readonly #size: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** bytes[0, held) are the file's up to `#position`. */
  #held = 0;
  #position = 0;
  #crc = 0;
  #objectCount = 0;
  #maxLsn = 0;
  #isEnded = false;

  constructor(file: DiskFile, visit: ObjectVisitor, done: (error: BrokerError | null) => void) {
    this.#file = file;
    this.#visit = visit;
    this.#done = done;
    this.#size = file.size();
    const rest = OBJECT_HEADER_BYTES + CHECKPOINT_OBJECT_BYTES_MAX;
    this.#bytes = new Uint8Array(Math.min(this.#size, CHUNK_BYTES) + rest);
    this.#view = viewOf(this.#bytes);
  }

  get summary(): CheckpointWritten {
    return { maxLsn: this.#maxLsn, objectCount: this.#objectCount, bytes: this.#size };
  }

  begin(): void {
    const length = Math.min(CHUNK_BYTES, this.#size - this.#position);
    this.#file.read(this.#bytes, this.#held, length, this.#position, (error, count) => {
      if (error !== null) return this.#done(storageFailed(error));
      const fault = count === length ? this.#takeChunk(count) : this.#damage('the file is cut off');
      if (fault !== null || this.#isEnded) this.#done(fault);
      else this.begin();
    });
  }

  #takeChunk(count: number): BrokerError | null {
    const start = this.#position;
    this.#position += count;
    // All but the sum itself, which is the end of the file.
    const summed = Math.max(start, Math.min(this.#position, this.#size - 4));
    this.#crc = crc32c(this.#bytes, this.#held, this.#held + summed - start, this.#crc);
    this.#held += count;
    let at = 0;
    if (this.head === null) {
      const fault = this.#takeHeader();
      if (fault !== null) return fault;
      at = CHECKPOINT_HEADER_BYTES;
    }
    while (!this.#isEnded) {
      const size = this.#objectBytesAt(at);
      if (size === 0) break;
      const fault =
        size < 0 ? this.#damage('an object makes no sense') : this.#takeObject(at, size);
      if (fault !== null) return fault;
      at += size;
    }
    this.#bytes.copyWithin(0, at, this.#held);
    this.#held -= at;
    if (this.#isEnded) return this.#held === 0 ? null : this.#damage('bytes follow the end');
    return this.#position < this.#size ? null : this.#damage('the file is cut off');
  }

  #takeHeader(): BrokerError | null {
    const view = this.#view;
    if (this.#held < CHECKPOINT_HEADER_BYTES + CHECKPOINT_TRAILER_BYTES) {
      return this.#damage('the file is cut off');
    }
    if (view.getUint32(0, true) !== CHECKPOINT_MAGIC) return this.#damage('it is no checkpoint');
    if (view.getUint32(60, true) !== crc32c(this.#bytes, 0, 60)) {
      return this.#damage('the checksum of the header is wrong');
    }
    const version = view.getUint16(4, true);
    if (version > CHECKPOINT_VERSION) {
      return new BrokerError('data_folder_newer', `${this.#file.path} has format ${version}`);
    }
    this.head = {
      startLsn: readInt64LittleEndian(view, 8),
      storeId: this.#bytes.slice(16, 32),
      previousCrc: view.getUint32(32, true),
      epoch: view.getUint32(36, true),
      time: readInt64LittleEndian(view, 40),
    };
    this.#maxLsn = this.head.startLsn;
    return isExact(this.head.time) ? null : this.#damage('its time makes no sense');
  }

  /** Header included; 0: more bytes are needed; -1: it cannot be one. */
  #objectBytesAt(at: number): number {
    if (at + OBJECT_HEADER_BYTES > this.#held) return 0;
    const length = this.#view.getUint32(at + 4, true);
    if (length > CHECKPOINT_OBJECT_BYTES_MAX) return -1;
    const lsn = readInt64LittleEndian(this.#view, at + 8);
    if (lsn < 0 || !isExact(lsn)) return -1;
    return at + OBJECT_HEADER_BYTES + length > this.#held ? 0 : OBJECT_HEADER_BYTES + length;
  }

  #takeObject(at: number, size: number): BrokerError | null {
    const view = this.#view;
    const type = view.getUint8(at);
    const lsn = readInt64LittleEndian(view, at + 8);
    const start = at + OBJECT_HEADER_BYTES;
    if (type !== 0) {
      this.#objectCount++;
      if (lsn > this.#maxLsn) this.#maxLsn = lsn;
      this.#visit(type, lsn, this.#bytes, start, at + size);
      return null;
    }
    this.#isEnded = true;
    if (size !== CHECKPOINT_TRAILER_BYTES || this.#position < this.#size) {
      return this.#damage('the trailer is not the end');
    }
    if (view.getUint32(start + 4, true) !== this.#crc) return this.#damage('the checksum is wrong');
    const isSound = lsn === this.#maxLsn && view.getUint32(start, true) === this.#objectCount;
    return isSound ? null : this.#damage('the trailer does not match the objects');
  }

  #damage(what: string): BrokerError {
    return storageDamaged(this.#file.path, this.#position - this.#held, what);
  }
}
