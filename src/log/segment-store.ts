/**
 * The segment files of a data folder: made ready ahead of the writer, and used again afterwards.
 *
 * Owns: arming, the pool of free files, the space that publishing may use.
 * Leaves: what is written into segments to the pipeline, when one may go to retirement.
 *
 * Appending to a fresh file costs many times the CPU of overwriting one, and a name that is not synced
 * may be lost with the blocks under it. So every segment is *armed* before it is written: full size,
 * header under its final name, file and directory synced. A full disk is met here, never in a write.
 *
 * Invariants: armed ids are consecutive and follow the writer's; a file in the pool is named by no
 * manifest and pinned by nobody.
 */
import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import {
  type Clock,
  type Disk,
  DiskError,
  type DiskFile,
  type Logger,
  type Scheduler,
} from '../kernel/ports.ts';
import {
  ARMED_SEGMENTS,
  DISK_RESERVE_BYTES,
  DISK_RETRY_MS,
  FREE_SEGMENTS_IDLE,
  FREE_SEGMENTS_IDLE_MS,
  FREE_SEGMENTS_MAX,
  SEGMENT_HEADER_BYTES,
} from './limits.ts';
import { encodeSegmentHeader, Segment, segmentPath } from './segment.ts';

const FILL_BYTES = 1024 * 1024;
export const SEGMENT_DIRECTORY = 'segments';

export interface SegmentStoreOptions {
  readonly segmentBytes: number;
  readonly storeId: Uint8Array;
  /** Segments kept ready ahead of the writer. */
  readonly armedSegments?: number;
}

export interface SegmentStorePorts {
  readonly disk: Disk;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class SegmentStore {
  readonly segmentBytes: number;
  readonly storeId: Uint8Array;
  readonly #ports: SegmentStorePorts;
  readonly #armedTarget: number;
  readonly #segments = new Map<number, Segment>();
  /** Paths of files that may be overwritten. */
  readonly #free: string[] = [];
  /** Armed and not yet entered by the writer, in id order. */
  readonly #armed: Segment[] = [];
  #nextId = 1;
  #arming = false;
  #full = false;
  #closed = false;
  #isTrimSet = false;
  #isRetrySet = false;
  /** What a new file leaves of the disk: without a checkpoint, a full disk could never be freed. */
  reserveBytes = DISK_RESERVE_BYTES;
  readonly #fill = new Uint8Array(FILL_BYTES);
  /** One more segment is armed. */
  onArmed: () => void = () => {};
  /** The disk failed: the broker must stop. */
  onFault: (error: BrokerError) => void = () => {};

  constructor(ports: SegmentStorePorts, options: SegmentStoreOptions) {
    this.#ports = ports;
    this.segmentBytes = options.segmentBytes;
    this.storeId = options.storeId;
    this.#armedTarget = options.armedSegments ?? ARMED_SEGMENTS;
  }

  /** No room for another segment: publishers are to be told. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Segments ready beyond the one that is written. */
  get armedCount(): number {
    return this.#armed.length;
  }

  get armedTarget(): number {
    return this.#armedTarget;
  }

  get freeCount(): number {
    return this.#free.length;
  }

  get count(): number {
    return this.#segments.size;
  }

  segment(id: number): Segment | undefined {
    return this.#segments.get(id);
  }

  segments(): IterableIterator<Segment> {
    return this.#segments.values();
  }

  /** Recovery: a file that is part of the store. */
  adopt(segment: Segment): void {
    this.#segments.set(segment.id, segment);
  }

  /** Recovery: a file that may be overwritten. */
  adoptFree(path: string): void {
    this.#free.push(path);
  }

  /**
   * Recovery: the writer goes on before `nextId`; `armed` are ready from there on. What lies behind a gap
   * goes away: in the pool its name would be given to another file sooner or later.
   */
  resume(nextId: number, armed: readonly Segment[]): void {
    this.#nextId = nextId + armed.length;
    for (const segment of armed) {
      segment.state = 'armed';
      this.#armed.push(segment);
    }
    for (const segment of [...this.#segments.values()]) {
      if (segment.isArchive || segment.id < this.#nextId) continue;
      this.#segments.delete(segment.id);
      segment.close();
      this.#ports.disk.remove(segmentPath(segment.id));
    }
  }

  /** Begins to arm segments from id `nextId` on. */
  start(nextId: number): void {
    assert(this.#armed.length === 0, 'nothing is armed before the start');
    this.#nextId = nextId;
  }

  /** The writer enters segment `id`; if it is not ready yet, `onArmed` tells when it is. */
  enter(id: number): Segment {
    const next = this.#armed.shift();
    if (next !== undefined) {
      assert(next.id === id, 'the writer enters segments in order');
      next.state = 'active';
      this.arm();
      return next;
    }
    assert(id >= this.#nextId, 'what is not armed yet will be');
    const reserved = new Segment(id, this.segmentBytes, null);
    reserved.state = 'active';
    this.#segments.set(id, reserved);
    this.arm();
    return reserved;
  }

  /** Makes segments ready until enough are; returns at once. */
  arm(): void {
    if (this.#arming || this.#closed || this.#armed.length >= this.#armedTarget) return;
    this.#arming = true;
    const id = this.#nextId;
    this.prepare(id, (error, segment) => {
      this.#arming = false;
      if (this.#closed) return;
      if (segment === null) return this.#armFailed(error);
      this.#full = false;
      this.#nextId = id + 1;
      if (segment.state === 'armed') this.#armed.push(segment);
      this.onArmed();
      this.arm();
    });
  }

  #armFailed(error: DiskError | null): void {
    if (error === null || error.fault !== 'no-space') {
      return this.onFault(new BrokerError('storage_failed', error?.message ?? 'arming', error));
    }
    if (!this.#full) this.#ports.logger.warn('disk.space_exhausted', { armed: this.#armed.length });
    this.#full = true;
    this.onArmed();
    if (this.#isRetrySet) return;
    this.#isRetrySet = true;
    this.#ports.scheduler.after(DISK_RETRY_MS, () => {
      this.#isRetrySet = false;
      this.arm();
    });
  }

  /**
   * Makes the file of segment `id`: from the pool if there is one, else new, full of zeros; header and
   * name synced. Used for archives too.
   */
  prepare(id: number, done: (error: DiskError | null, segment: Segment | null) => void): void {
    const free = this.#free.pop();
    const path = free ?? `${SEGMENT_DIRECTORY}/new-${id.toString(16).padStart(8, '0')}.seg`;
    let file: DiskFile | null = null;
    const fault = diskFaultOf(() => {
      if (free === undefined) this.#assertRoom(path);
      file = this.#open(path, free === undefined);
    });
    if (file === null) return this.#ports.scheduler.nextSlice(() => done(fault, null));
    if (free === undefined) this.#fillAndWriteHeader(file, path, id, done);
    else this.#writeHeader(file, path, id, done);
  }

  /** @throws DiskError */
  #assertRoom(path: string): void {
    const room = this.#ports.disk.freeBytes() - this.reserveBytes;
    if (room < this.segmentBytes) {
      throw new DiskError('no-space', path, `${room} bytes are left for a new segment`);
    }
  }

  #open(path: string, create: boolean): DiskFile {
    return this.#ports.disk.open(path, { create });
  }

  #fillAndWriteHeader(
    file: DiskFile,
    path: string,
    id: number,
    done: (error: DiskError | null, segment: Segment | null) => void,
  ): void {
    const fail = (error: DiskError): void => {
      file.close();
      done(diskFaultOf(() => this.#ports.disk.remove(path)) ?? error, null);
    };
    const fillFrom = (position: number): void => {
      const length = Math.min(FILL_BYTES, this.segmentBytes - position);
      if (length === 0) return this.#writeHeader(file, path, id, done);
      file.write([this.#fill.subarray(0, length)], position, (error) => {
        if (this.#closed) return file.close();
        if (error !== null) return fail(error);
        fillFrom(position + length);
      });
    };
    fillFrom(0);
  }

  #writeHeader(
    file: DiskFile,
    path: string,
    id: number,
    done: (error: DiskError | null, segment: Segment | null) => void,
  ): void {
    const { disk, clock } = this.#ports;
    const header = encodeSegmentHeader(id, this.segmentBytes, this.storeId, clock.now());
    file.write([header], 0, (writeError) => {
      if (writeError !== null) return done(writeError, null);
      file.sync((syncError) => {
        file.close();
        if (this.#closed) return;
        if (syncError !== null) return done(syncError, null);
        const target = segmentPath(id);
        const fault = diskFaultOf(() => disk.rename(path, target));
        if (fault !== null) return done(fault, null);
        disk.syncDirectory(SEGMENT_DIRECTORY, (error) => {
          if (this.#closed) return;
          if (error !== null) return done(error, null);
          this.#reopen(id, target, done);
        });
      });
    });
  }

  #reopen(
    id: number,
    path: string,
    done: (error: DiskError | null, segment: Segment | null) => void,
  ): void {
    let segment: Segment | null = null;
    const fault = diskFaultOf(() => {
      segment = this.#admit(id, this.#open(path, false));
    });
    done(fault, segment);
  }

  #admit(id: number, file: DiskFile): Segment {
    const reserved = this.#segments.get(id);
    if (reserved !== undefined) {
      reserved.attach(file);
      return reserved;
    }
    const segment = new Segment(id, this.segmentBytes, file);
    this.#segments.set(id, segment);
    return segment;
  }

  /**
   * Takes a retired, unpinned segment out of use: its file goes to the pool, or away if the pool is full.
   */
  recycle(segment: Segment): void {
    assert(segment.state === 'retired', 'only retired segments are used again');
    assert(segment.pins === 0, 'nobody reads a segment that is used again');
    this.#segments.delete(segment.id);
    segment.close();
    const path = segmentPath(segment.id);
    if (this.#free.length < FREE_SEGMENTS_MAX || this.#full) this.#free.push(path);
    else this.#remove(path);
    this.arm();
    this.#scheduleTrim();
  }

  #remove(path: string): void {
    const fault = diskFaultOf(() => this.#ports.disk.remove(path));
    if (fault !== null) this.onFault(new BrokerError('storage_failed', fault.message, fault));
  }

  /** Gives files back that nobody has needed for a while. */
  #scheduleTrim(): void {
    if (this.#isTrimSet || this.#free.length <= FREE_SEGMENTS_IDLE) return;
    this.#isTrimSet = true;
    const usedBefore = this.#nextId;
    this.#ports.scheduler.after(FREE_SEGMENTS_IDLE_MS, () => {
      this.#isTrimSet = false;
      if (this.#closed) return;
      if (this.#nextId === usedBefore) {
        for (const path of this.#free.splice(FREE_SEGMENTS_IDLE)) this.#remove(path);
      }
      this.#scheduleTrim();
    });
  }

  /** Bytes that can be written before another segment must be armed, the current one left out. */
  get armedBytes(): number {
    return this.#armed.length * (this.segmentBytes - SEGMENT_HEADER_BYTES);
  }

  close(): void {
    this.#closed = true;
    for (const segment of this.#segments.values()) segment.close();
  }
}

/** What the disk says to `action`, if it refuses. */
function diskFaultOf(action: () => void): DiskError | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof DiskError) return error;
    throw error;
  }
}
