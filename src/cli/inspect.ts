/**
 * `polylog inspect`: reads the files of a data folder, running or not, and checks all of them.
 *
 * Owns: which files are looked at, in which order, and the exit code: 1 when something is damaged.
 * Leaves: blocks to inspect-journal.ts, footers to inspect-footer.ts, state to inspect-state.ts.
 *
 * Nothing is written, and no lock is taken. On a folder in use, files may go while they are looked
 * at: then the whole look is taken again.
 */

import { encodeHex } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import { DiskError, type DiskFile } from '../kernel/ports.ts';
import {
  CHECKPOINT_DIRECTORY,
  type CheckpointName,
  listCheckpoints,
} from '../log/checkpoint-file.ts';
import { type Checkpoint, openCheckpoint } from '../log/checkpoint-reader.ts';
import { ARCHIVE_ID_MIN } from '../log/limits.ts';
import { LOSSES_FILE, Losses, NO_LOSSES, readLosses } from '../log/losses.ts';
import type { SealedSegment } from '../log/manifest-record.ts';
import { replayManifest } from '../log/manifest-replay.ts';
import { manifestPath } from '../log/manifest-snapshot.ts';
import { type NodeIdentity, readNodeFile } from '../log/node-file.ts';
import { readSegmentId, segmentPath } from '../log/segment.ts';
import { SEGMENT_DIRECTORY } from '../log/segment-store.ts';
import { nodeClock } from '../node/clock.ts';
import { ReadOnlyDisk } from '../node/read-only-disk.ts';
import { NodeScheduler } from '../node/scheduler.ts';
import { exitCode } from './failure.ts';
import { checkFooter } from './inspect-footer.ts';
import { JournalScan, type JournalSegment, type ScannedJournal } from './inspect-journal.ts';
import {
  type BlockReport,
  type CheckpointReport,
  type Damage,
  type Inspection,
  renderInspection,
  type SegmentReport,
} from './inspect-report.ts';
import { StateSummary } from './inspect-state.ts';

export interface InspectOptions {
  readonly dataDir: string;
  readonly isJson: boolean;
  readonly withBlocks: boolean;
}

const looksMax = 5;
const openFilesMax = 16;

export async function inspect(options: InspectOptions): Promise<void> {
  const inspection = await inspectFolder(options);
  const text = options.isJson
    ? `${JSON.stringify(inspection, null, 2)}\n`
    : renderInspection(inspection);
  process.stdout.write(text);
  if (inspection.damage.length > 0) process.exitCode = exitCode.failed;
}

/** A broker at work may use a file anew while it is read: what is damaged is so at a second look too. */
export async function inspectFolder(options: Omit<InspectOptions, 'isJson'>): Promise<Inspection> {
  const first = await look(options);
  if (first.damage.length === 0) return first;
  const seen = new Set(first.damage.map(({ file, position }) => `${file} ${position}`));
  const second = await look(options);
  const damage = second.damage.filter(({ file, position }) => seen.has(`${file} ${position}`));
  return { ...second, damage };
}

async function look({ dataDir, withBlocks }: Omit<InspectOptions, 'isJson'>): Promise<Inspection> {
  for (let attempt = 1; ; attempt++) {
    const folder = new FolderLook(dataDir, withBlocks);
    try {
      return await folder.run();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (error.fault !== 'not-found' || attempt === looksMax) {
        throw new BrokerError('storage_failed', `${dataDir}: ${error.message}`, error);
      }
    } finally {
      folder.close();
    }
  }
}

interface Manifest {
  readonly file: string;
  readonly frames: number;
  readonly live: ReadonlyMap<number, SealedSegment>;
  readonly tornBytes: number;
}

/** One look at the whole folder. */
class FolderLook {
  readonly #dataDir: string;
  readonly #withBlocks: boolean;
  readonly #disk: ReadOnlyDisk;
  readonly #damage: Damage[] = [];
  /** What an operator has agreed to do without is no damage any more. */
  #losses = new Losses(NO_LOSSES);
  readonly #state = new StateSummary();
  readonly #files: OpenFiles;

  constructor(dataDir: string, withBlocks: boolean) {
    this.#dataDir = dataDir;
    this.#withBlocks = withBlocks;
    this.#disk = new ReadOnlyDisk(dataDir);
    this.#files = new OpenFiles(this.#disk);
  }

  close(): void {
    this.#files.close();
  }

  async run(): Promise<Inspection> {
    const node = this.#guarded('node.json', () => readNodeFile(this.#disk), null);
    if (node === null) return this.#withoutNode();
    const readList = () => readLosses(this.#disk, node.storeId);
    this.#losses = new Losses(this.#guarded(LOSSES_FILE, readList, NO_LOSSES));
    const manifest = this.#readManifest(node.storeId);
    const { reports: checkpoints, startLsn } = await this.#readCheckpoints(node.storeId);
    const startId = Math.floor(startLsn / node.segmentBytes);
    const { journal, segments } = this.#openSegments(node, manifest, startId);
    const blocks: BlockReport[] = [];
    const scanned = new JournalScan(journal, {
      onBlock: (block) => {
        if (this.#withBlocks) blocks.push(block);
      },
      // What the checkpoint includes is not applied again; the rest of it is behind its start.
      onEntry: (entry) => {
        if (entry.lsn >= startLsn) this.#state.applyEntry(entry);
      },
      onAppend: (append) => {
        if (append.lsn >= startLsn) this.#state.applyAppend(append);
      },
      onDamage: (damage, id) => {
        // Sealed and in no replay, a segment is read by its footer only, which has been checked.
        if (id < startId && manifest?.live.has(id) === true) return;
        if (this.#losses.block(id, damage.position) === undefined) this.#damage.push(damage);
      },
    }).run();
    return {
      folder: this.#dataDir,
      node: describeNode(node),
      manifest: describeManifest(manifest),
      checkpoints,
      segments: segments.map((segment) => withBlocksOf(segment, scanned)),
      journal: scanned.journal,
      topics: this.#state.topics(),
      queues: this.#state.queueCount,
      blocks: this.#withBlocks ? blocks : null,
      damage: this.#damage,
    };
  }

  /** Nothing else can be told from the rest without it. */
  #withoutNode(): Inspection {
    if (this.#damage.length === 0) {
      throw new BrokerError('invalid_option', `${this.#dataDir} is no data folder: no node.json`);
    }
    return {
      folder: this.#dataDir,
      ...{ node: null, manifest: null, checkpoints: [], segments: [], journal: null },
      ...{ topics: [], queues: 0, blocks: null, damage: this.#damage },
    };
  }

  /** Damage becomes a line of the report. */
  #guarded<T>(file: string, action: () => T, otherwise: T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#noteError(file, error);
      return otherwise;
    }
  }

  #noteError(file: string, error: BrokerError): void {
    const position = Number(/ at byte (\d+): /.exec(error.detail)?.[1] ?? 0);
    this.#damage.push({ file, position, end: null, what: error.detail });
  }

  /** The newest one counts. */
  #readManifest(storeId: Uint8Array): Manifest | null {
    const numbers = this.#disk
      .list('')
      .map((name) => Number(/^manifest-([1-9]\d{0,9})$/.exec(name)?.[1] ?? 0));
    const number = Math.max(0, ...numbers);
    if (number === 0) return null;
    const path = manifestPath(number);
    const file = this.#files.get(path);
    const bytes = new Uint8Array(file.size());
    const size = file.readSync(bytes, 0, bytes.length, 0);
    return this.#guarded(
      path,
      () => {
        const content = replayManifest(bytes.subarray(0, size), path, number, storeId);
        const { live, frames, end } = content;
        return { file: path, frames, live, tornBytes: size - end };
      },
      null,
    );
  }

  /** Checks all; the newest sound one gives the state to begin with. */
  async #readCheckpoints(storeId: Uint8Array) {
    const reports: CheckpointReport[] = [];
    let startLsn = 0;
    for (const name of listCheckpoints(this.#disk)) {
      const checkpoint = await this.#openCheckpoint(name, storeId);
      if (checkpoint !== null && startLsn === 0) {
        startLsn = name.startLsn;
        await this.#restore(checkpoint);
      }
      reports.push(describeCheckpoint(name, checkpoint));
      checkpoint?.close();
    }
    return { reports, startLsn };
  }

  #openCheckpoint(name: CheckpointName, storeId: Uint8Array): Promise<Checkpoint | null> {
    const ports = { disk: this.#disk, clock: nodeClock, scheduler: new NodeScheduler() };
    return new Promise((resolve) =>
      openCheckpoint(ports, name, storeId, (error, checkpoint) => {
        if (error !== null) this.#noteError(name.path, error);
        resolve(checkpoint);
      }),
    );
  }

  #restore(checkpoint: Checkpoint): Promise<void> {
    return new Promise((resolve) =>
      checkpoint.restore(
        (type, lsn, bytes, start, end) => this.#state.restoreObject(type, lsn, bytes, start, end),
        (error) => {
          if (error !== null) this.#noteError(checkpoint.path, error);
          resolve();
        },
      ),
    );
  }

  #openSegments(node: NodeIdentity, manifest: Manifest | null, startId: number) {
    const journal: JournalSegment[] = [];
    const segments: SegmentReport[] = [];
    const present = new Set<number>();
    for (const name of this.#disk.list(SEGMENT_DIRECTORY)) {
      const id = Number.parseInt(/^([0-9a-f]{8})\.seg$/.exec(name)?.[1] ?? '-1', 16);
      const path = `${SEGMENT_DIRECTORY}/${name}`;
      const sealed = manifest?.live.get(id);
      const isArchive = id >= ARCHIVE_ID_MIN;
      const isUsed = sealed !== undefined || (id >= Math.max(startId, 1) && !isArchive);
      const file = this.#files.get(path);
      const isItself = isUsed && readSegmentId(file, node.segmentBytes, node.storeId) === id;
      if (!isItself && sealed === undefined) {
        segments.push(freeSegment(path, id));
        continue;
      }
      present.add(id);
      if (!isItself) {
        this.#damage.push({ file: path, position: 0, end: null, what: 'the header is wrong' });
      }
      segments.push(this.#describeSegment(file, id, sealed, startId));
      if (isArchive) continue;
      const sealedEnd = sealed?.blocksEnd ?? null;
      journal.push(new InspectedSegment(id, node.segmentBytes, sealedEnd, this.#files));
    }
    for (const { id } of manifest?.live.values() ?? []) {
      if (present.has(id)) continue;
      const what = 'the manifest names this segment, but it is gone';
      this.#damage.push({ file: segmentPath(id), position: 0, end: null, what });
    }
    journal.sort((left, right) => left.id - right.id);
    if (startId === 0 && (journal[0]?.id ?? 1) !== 1) {
      const what = 'no sound checkpoint, and the journal has no beginning';
      this.#damage.push({ file: CHECKPOINT_DIRECTORY, position: 0, end: null, what });
    }
    return { journal, segments };
  }

  #describeSegment(
    file: DiskFile,
    id: number,
    sealed: SealedSegment | undefined,
    startId: number,
  ): SegmentReport {
    const isArchive = id >= ARCHIVE_ID_MIN;
    let batches = 0;
    if (sealed !== undefined) {
      const { rows, damage } = checkFooter(file, sealed.footer, isArchive || id < startId);
      batches = rows;
      const lost = this.#losses.batches(id, sealed.footer.directoryCrc);
      this.#damage.push(...damage.filter(({ position }) => lost?.has(position) !== true));
    }
    return {
      file: file.path,
      id,
      kind: isArchive ? 'archive' : 'journal',
      isSealed: sealed !== undefined,
      blocks: 0,
      batches,
      end: sealed?.blocksEnd ?? 0,
    };
  }
}

/** The files in use, a bounded number of them open. */
class OpenFiles {
  readonly #disk: ReadOnlyDisk;
  readonly #open = new Map<string, DiskFile>();

  constructor(disk: ReadOnlyDisk) {
    this.#disk = disk;
  }

  /** @throws DiskError */
  get(path: string): DiskFile {
    const present = this.#open.get(path);
    if (present !== undefined) return present;
    for (const [oldest, file] of this.#open) {
      if (this.#open.size < openFilesMax) break;
      file.close();
      this.#open.delete(oldest);
    }
    const file = this.#disk.open(path);
    this.#open.set(path, file);
    return file;
  }

  close(): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }
}

/** Opened when it is read. */
class InspectedSegment implements JournalSegment {
  readonly id: number;
  readonly bytes: number;
  readonly path: string;
  readonly sealedEnd: number | null;
  readonly #files: OpenFiles;

  constructor(id: number, bytes: number, sealedEnd: number | null, files: OpenFiles) {
    this.id = id;
    this.bytes = bytes;
    this.path = segmentPath(id);
    this.sealedEnd = sealedEnd;
    this.#files = files;
  }

  get file(): DiskFile {
    return this.#files.get(this.path);
  }
}

function freeSegment(file: string, id: number): SegmentReport {
  return { file, id, kind: 'free', isSealed: false, blocks: 0, batches: 0, end: 0 };
}

function withBlocksOf(segment: SegmentReport, { segments }: ScannedJournal): SegmentReport {
  const scanned = segment.kind === 'journal' ? segments.get(segment.id) : undefined;
  return scanned === undefined ? segment : { ...segment, ...scanned };
}

function describeNode({ clusterId, nodeId, storeId, segmentBytes, createdBy }: NodeIdentity) {
  return { clusterId, nodeId, storeId: encodeHex(storeId), segmentBytes, createdBy };
}

function describeManifest(manifest: Manifest | null): Inspection['manifest'] {
  if (manifest === null) return null;
  const { file, frames, live, tornBytes } = manifest;
  return { file, frames, segments: live.size, tornBytes };
}

function describeCheckpoint(name: CheckpointName, checkpoint: Checkpoint | null): CheckpointReport {
  return {
    file: name.path,
    startLsn: name.startLsn,
    isSound: checkpoint !== null,
    epoch: checkpoint?.head.epoch ?? null,
    time: checkpoint?.head.time ?? null,
    objects: checkpoint?.summary.objectCount ?? 0,
    bytes: checkpoint?.summary.bytes ?? 0,
  };
}
