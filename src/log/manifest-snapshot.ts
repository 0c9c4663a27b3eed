/**
 * A new manifest file that begins with everything there is.
 *
 * Owns: the order in which such a file comes to be: written under a temporary name, synced, renamed,
 * its name synced. So a file under its final name is complete.
 * Leaves: when to do it, and removing the one before, to `manifest.ts`.
 */

import { assert } from '../kernel/assert.ts';
import type { Disk, DiskFile } from '../kernel/ports.ts';
import { DiskError } from '../kernel/ports.ts';
import {
  encodeBegin,
  encodeFrame,
  encodeRecord,
  MANIFEST_VERSION,
  type SealedSegment,
} from './manifest-record.ts';

/** What one write carries: about a millisecond of encoding. */
const SLICE_BYTES = 256 * 1024;

export function manifestPath(number: number): string {
  return `manifest-${number}`;
}

/** A name that is no manifest yet. */
export function manifestTemporaryPath(number: number): string {
  return `manifest-${number}.tmp`;
}

/** The first frames of a manifest, durable. */
export interface ManifestSnapshot {
  readonly number: number;
  /** Open, and the caller's to close. */
  readonly file: DiskFile;
  readonly bytes: number;
  readonly frames: number;
}

export interface SnapshotFailure {
  readonly error: DiskError;
  /** False: a write to the temporary file failed, and nothing else has happened. */
  readonly isFatal: boolean;
}

export class SnapshotWriter {
  readonly #disk: Disk;
  readonly #number: number;
  readonly #storeId: Uint8Array;
  readonly #segments: readonly SealedSegment[];
  #done: (failure: SnapshotFailure | null, snapshot: ManifestSnapshot | null) => void = () => {};
  #file: DiskFile | null = null;
  #bytes = 0;
  /** Frame 0 is the beginning, frame i holds segment i - 1. */
  #frames = 0;

  constructor(disk: Disk, number: number, storeId: Uint8Array, segments: readonly SealedSegment[]) {
    this.#disk = disk;
    this.#number = number;
    this.#storeId = storeId;
    this.#segments = segments;
  }

  /** @throws DiskError when not even the temporary file can be made. */
  write(done: (failure: SnapshotFailure | null, snapshot: ManifestSnapshot | null) => void): void {
    assert(this.#file === null, 'a snapshot is written once');
    this.#done = done;
    this.#file = this.#disk.open(manifestTemporaryPath(this.#number), { create: true });
    this.#file.truncate(0);
    this.#next(this.#file);
  }

  #next(file: DiskFile): void {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    while (this.#frames <= this.#segments.length && bytes < SLICE_BYTES) {
      const frame = encodeFrame(this.#frames, [this.#record()]);
      frames.push(frame);
      bytes += frame.length;
      this.#frames++;
    }
    if (bytes === 0) {
      file.sync((error) => this.#onSynced(file, error));
      return;
    }
    file.write(frames, this.#bytes, (error) => {
      if (error !== null) this.#fail(error, false);
      else this.#next(file);
    });
    this.#bytes += bytes;
  }

  #record(): Uint8Array {
    if (this.#frames === 0) {
      return encodeBegin({
        kind: 'begin',
        version: MANIFEST_VERSION,
        number: this.#number,
        snapshotSegments: this.#segments.length,
        storeId: this.#storeId,
      });
    }
    const segment = this.#segments[this.#frames - 1];
    assert(segment !== undefined, 'a frame for each segment');
    return encodeRecord({ kind: 'sealed', segment });
  }

  #onSynced(file: DiskFile, error: DiskError | null): void {
    if (error !== null) {
      this.#fail(error, true);
      return;
    }
    file.close();
    const path = manifestPath(this.#number);
    try {
      this.#disk.rename(manifestTemporaryPath(this.#number), path);
      this.#file = this.#disk.open(path, { create: false });
    } catch (failure) {
      if (!(failure instanceof DiskError)) throw failure;
      this.#fail(failure, true);
      return;
    }
    this.#disk.syncDirectory('', (failure) => {
      if (failure === null) this.#succeed();
      else this.#fail(failure, true);
    });
  }

  #succeed(): void {
    assert(this.#file !== null, 'the file is open');
    assert(this.#file.size() === this.#bytes, 'the file holds what was written');
    const snapshot = {
      number: this.#number,
      file: this.#file,
      bytes: this.#bytes,
      frames: this.#frames,
    };
    this.#done(null, snapshot);
  }

  #fail(error: DiskError, isFatal: boolean): void {
    this.#file?.close();
    this.#done({ error, isFatal }, null);
  }
}
