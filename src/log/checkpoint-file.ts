/**
 * Checkpoint files: the state at some point of the journal, so that replay begins there.
 *
 * Owns: their bytes, names and directory; writing in slices, publishing, and checking on the way in.
 * Leaves: what the objects mean, when a checkpoint is due and when it is covered by the high watermark.
 *
 * Little-endian. `checkpoints/<start LSN as 16 hex digits>.ckp`:
 *
 *   header                                   object
 *   off  size  field                         off  size  field
 *   0    4     magic, "PLC1"                 0    1     type, 1…255
 *   4    2     version, 1                    1    3     reserved, 0
 *   6    2     reserved, 0                   4    4     body length, at most 65536
 *   8    8     start LSN: replay begins here 8    8     LSN up to which it includes its changes
 *   16   16    store id                      16   …     body
 *   32   4     crc of the block before it
 *   36   4     journal epoch                 trailer: like an object, and the last bytes of the file
 *   40   8     wall time, Unix ms            0    8     type 0, reserved, length 8
 *   48   12    reserved, 0                   8    8     highest LSN of any object, or the start LSN
 *   60   4     crc32c of bytes 0…60          16   4     object count
 *   64   …     objects, then the trailer     20   4     crc32c of the file up to here
 *
 * A checkpoint is fuzzy: an object may include changes behind the start LSN. It counts only once the
 * high watermark covers the highest of them, hence two steps: `write` makes a durable file under a
 * temporary name, `publish` gives it its own. So a file under its own name was complete; nothing of
 * it is handed out before all of it has been checked.
 */

import { assert } from '../kernel/assert.ts';
import { ByteWriter } from '../kernel/byte-writer.ts';
import { writeInt64LittleEndian } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import type { BrokerError } from '../kernel/errors.ts';
import {
  type Clock,
  type Disk,
  DiskError,
  type DiskFile,
  type Scheduler,
} from '../kernel/ports.ts';
import { SLICE_MS } from './limits.ts';
import { storageFailed } from './storage-fault.ts';

export const CHECKPOINT_DIRECTORY = 'checkpoints';
export const CHECKPOINT_OBJECT_BYTES_MAX = 64 * 1024;
export const CHECKPOINT_MAGIC = 0x31434c50; // "PLC1"
export const CHECKPOINT_VERSION = 1;
export const CHECKPOINT_HEADER_BYTES = 64;
export const OBJECT_HEADER_BYTES = 16;
export const CHECKPOINT_TRAILER_BYTES = OBJECT_HEADER_BYTES + 8;

/** What one write carries. */
const BUFFER_BYTES = 256 * 1024;

/** Where a checkpoint stands in the journal. */
export interface CheckpointHead {
  readonly storeId: Uint8Array;
  readonly startLsn: number;
  /** Of the block before `startLsn`: the chain goes on from it. */
  readonly previousCrc: number;
  readonly epoch: number;
  /** Unix ms. */
  readonly time: number;
}

/** What to write: `next` appends one object's body and returns its head, null at the end. */
export interface CheckpointSource {
  next(writer: ByteWriter): { readonly type: number; readonly lsn: number } | null;
}

export interface CheckpointWritten {
  /** The checkpoint counts once the high watermark covers this. */
  readonly maxLsn: number;
  readonly objectCount: number;
  readonly bytes: number;
}

export interface CheckpointPorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

export interface CheckpointName {
  readonly path: string;
  readonly startLsn: number;
}

export function checkpointPath(startLsn: number): string {
  return `${CHECKPOINT_DIRECTORY}/${hexLsn(startLsn)}.ckp`;
}

function temporaryPath(startLsn: number): string {
  return `${CHECKPOINT_DIRECTORY}/${hexLsn(startLsn)}.tmp`;
}

function hexLsn(lsn: number): string {
  return lsn.toString(16).padStart(16, '0');
}

/** The published ones, newest first. @throws DiskError */
export function listCheckpoints(disk: Disk): CheckpointName[] {
  const found: CheckpointName[] = [];
  for (const name of disk.list(CHECKPOINT_DIRECTORY)) {
    const match = /^(00[01][0-9a-f]{13})\.ckp$/.exec(name);
    if (match?.[1] === undefined) continue;
    found.push({
      path: `${CHECKPOINT_DIRECTORY}/${name}`,
      startLsn: Number.parseInt(match[1], 16),
    });
  }
  return found.sort((left, right) => right.startLsn - left.startLsn);
}

/**
 * Removes all but those that start at one of `kept`, and unfinished ones: none may be under way. One that was
 * found unsound is not among `kept`, however new it is. `done` gets storage_failed.
 */
export function removeOldCheckpoints(
  { disk, scheduler }: CheckpointPorts,
  kept: readonly number[],
  done: (error: BrokerError | null) => void,
): void {
  assert(kept.length > 0, 'a checkpoint is kept');
  try {
    for (const { path, startLsn } of listCheckpoints(disk)) {
      if (!kept.includes(startLsn)) disk.remove(path);
    }
    for (const name of disk.list(CHECKPOINT_DIRECTORY)) {
      if (name.endsWith('.tmp')) disk.remove(`${CHECKPOINT_DIRECTORY}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    scheduler.endOfTick(() => done(storageFailed(error)));
    return;
  }
  disk.syncDirectory(CHECKPOINT_DIRECTORY, (error) => {
    done(error === null ? null : storageFailed(error));
  });
}

/** Writes one checkpoint: `write`, then `publish` or `abandon`. */
export class CheckpointWriter {
  readonly #ports: CheckpointPorts;
  readonly #head: CheckpointHead;
  readonly #source: CheckpointSource;
  readonly #writer = new ByteWriter(
    BUFFER_BYTES + OBJECT_HEADER_BYTES + CHECKPOINT_OBJECT_BYTES_MAX,
  );
  #file: DiskFile | null = null;
  #state: 'new' | 'writing' | 'written' | 'published' | 'ended' = 'new';
  #done: (error: BrokerError | null, written: CheckpointWritten | null) => void = () => {};
  /** Bytes handed to the file. */
  #position = 0;
  #crc = 0;
  #objectCount = 0;
  #maxLsn: number;
  #isComplete = false;

  constructor(ports: CheckpointPorts, head: CheckpointHead, source: CheckpointSource) {
    assert(head.storeId.length === 16, 'a store id has 16 bytes');
    this.#ports = ports;
    this.#head = head;
    this.#source = source;
    this.#maxLsn = head.startLsn;
  }

  /**
   * Writes all objects and syncs, under a temporary name. `done` gets storage_full or storage_failed;
   * nothing is left behind then.
   */
  write(done: (error: BrokerError | null, written: CheckpointWritten | null) => void): void {
    assert(this.#state === 'new', 'a checkpoint is written once');
    this.#state = 'writing';
    this.#done = done;
    const { disk, scheduler } = this.#ports;
    try {
      disk.makeDirectory(CHECKPOINT_DIRECTORY);
      this.#file = disk.open(temporaryPath(this.#head.startLsn), { create: true });
      this.#file.truncate(0);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      scheduler.endOfTick(() => this.#fail(error));
      return;
    }
    this.#putHeader();
    scheduler.nextSlice(() => this.#slice());
  }

  /**
   * Gives the written file its name. Only when the high watermark covers `maxLsn`.
   * `done` gets storage_failed.
   */
  publish(done: (error: BrokerError | null) => void): void {
    assert(this.#state === 'written', 'a written checkpoint is published');
    this.#state = 'published';
    const { disk, scheduler } = this.#ports;
    const { startLsn } = this.#head;
    try {
      disk.rename(temporaryPath(startLsn), checkpointPath(startLsn));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      scheduler.endOfTick(() => done(storageFailed(error)));
      return;
    }
    // The directory may be as new as the file.
    disk.syncDirectory(CHECKPOINT_DIRECTORY, (error) => {
      if (error !== null) return done(storageFailed(error));
      disk.syncDirectory('', (failure) => done(failure === null ? null : storageFailed(failure)));
    });
  }

  /** Forgets it, whatever is under way; no `done` is called any more. @throws DiskError */
  abandon(): void {
    if (this.#state === 'published' || this.#state === 'ended') return;
    this.#state = 'ended';
    this.#file?.close();
    const path = temporaryPath(this.#head.startLsn);
    if (this.#ports.disk.exists(path)) this.#ports.disk.remove(path);
  }

  /** Objects until the buffer is full or the time is up. */
  #slice(): void {
    if (this.#state !== 'writing') return;
    const { clock, scheduler } = this.#ports;
    const started = clock.monotonic();
    while (!this.#isComplete && this.#writer.position < BUFFER_BYTES) {
      this.#putObject();
      if (clock.monotonic() - started >= SLICE_MS) break;
    }
    if (this.#isComplete || this.#writer.position >= BUFFER_BYTES) this.#flush();
    else scheduler.nextSlice(() => this.#slice());
  }

  #flush(): void {
    const file = this.#file;
    assert(file !== null, 'the file is open');
    const part = this.#writer.written();
    this.#crc = crc32c(part, 0, part.length, this.#crc);
    if (this.#isComplete) {
      // The sum itself is the file's end: it goes behind what it covers.
      const at = this.#writer.reserve(4);
      this.#writer.view.setUint32(at, this.#crc, true);
    }
    const bytes = this.#writer.written();
    file.write([bytes], this.#position, (error) => {
      if (this.#state !== 'writing') return;
      if (error !== null) return this.#fail(error);
      this.#position += bytes.length;
      this.#writer.reset();
      if (this.#isComplete) file.sync((failure) => this.#onSynced(failure));
      else this.#slice();
    });
  }

  #onSynced(error: DiskError | null): void {
    if (this.#state !== 'writing') return;
    if (error !== null) {
      this.#fail(error);
      return;
    }
    this.#file?.close();
    this.#state = 'written';
    this.#done(null, {
      maxLsn: this.#maxLsn,
      objectCount: this.#objectCount,
      bytes: this.#position,
    });
  }

  #fail(error: DiskError): void {
    if (this.#state !== 'writing') return;
    try {
      this.abandon();
    } catch (failure) {
      // The first error says more; the file is found and removed with the next checkpoint.
      if (!(failure instanceof DiskError)) throw failure;
    }
    this.#done(storageFailed(error), null);
  }

  #putHeader(): void {
    const { storeId, startLsn, previousCrc, epoch, time } = this.#head;
    const writer = this.#writer;
    const at = writer.reserve(CHECKPOINT_HEADER_BYTES);
    writer.bytes.fill(0, at, at + CHECKPOINT_HEADER_BYTES);
    writer.view.setUint32(at, CHECKPOINT_MAGIC, true);
    writer.view.setUint16(at + 4, CHECKPOINT_VERSION, true);
    writeInt64LittleEndian(writer.view, at + 8, startLsn);
    writer.bytes.set(storeId, at + 16);
    writer.view.setUint32(at + 32, previousCrc, true);
    writer.view.setUint32(at + 36, epoch, true);
    writeInt64LittleEndian(writer.view, at + 40, time);
    writer.view.setUint32(at + 60, crc32c(writer.bytes, at, at + 60), true);
  }

  #putObject(): void {
    const writer = this.#writer;
    const at = writer.reserve(OBJECT_HEADER_BYTES);
    const head = this.#source.next(writer);
    const length = writer.position - at - OBJECT_HEADER_BYTES;
    if (head === null) {
      assert(length === 0, 'the end has no body');
      this.#putObjectHeader(at, 0, 8, this.#maxLsn);
      writer.view.setUint32(writer.reserve(4), this.#objectCount, true);
      this.#isComplete = true;
      return;
    }
    assert(head.type > 0 && head.type <= 255, 'an object type is a byte, and 0 is the trailer');
    assert(length <= CHECKPOINT_OBJECT_BYTES_MAX, 'a larger object is split by its owner');
    this.#putObjectHeader(at, head.type, length, head.lsn);
    this.#objectCount++;
    if (head.lsn > this.#maxLsn) this.#maxLsn = head.lsn;
  }

  #putObjectHeader(at: number, type: number, length: number, lsn: number): void {
    const { view } = this.#writer;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, length, true);
    writeInt64LittleEndian(view, at + 8, lsn);
  }
}
