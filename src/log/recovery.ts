/**
 * Recovery: from the files of a data folder to the state that was last promised.
 *
 * Owns: taking stock of files, replay from the newest checkpoint, the end of the chain, the rewriting of
 * what may exist only in the page cache.
 * Leaves: the new epoch to the pipeline.
 *
 *   D = the highest durable LSN that any valid block names, in an epoch not older than the chain's last,
 *       or that a checkpoint or the manifest relies on, or at which the journal was closed
 * *   a bad block below D      damage: refuse, naming file and position, unless its loss is accepted
 *   a bad block at or past D the end: it was never promised
 *   good blocks past D       rewritten and synced before anything is shown: the page cache may hold what
 *                            the disk does not
 */
import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import { type Disk, DiskError, type Ports } from '../kernel/ports.ts';
import { BlockFlag, pageAlign } from './block.ts';
import { BlockScanner } from './block-scan.ts';
import { CHECKPOINT_DIRECTORY, listCheckpoints } from './checkpoint-file.ts';
import { type CheckpointList, type CheckpointLoaded, loadCheckpoint } from './checkpoints.ts';
import { type CleanEnd, takeCleanEnd } from './clean-end.ts';
import { type AppendView, EntryKind } from './entry.ts';
import type { JournalOptions } from './journal-options.ts';
import type { Ledger } from './ledger.ts';
import { PAGE_BYTES, SEGMENT_HEADER_BYTES } from './limits.ts';
import { type BlockLoss, Losses, NO_LOSSES, readLosses } from './losses.ts';
import type { StateMachine } from './machine.ts';
import { listManifests, type Manifest, openManifest } from './manifest.ts';
import type { ChainEnd } from './pipeline.ts';
import type { Segment } from './segment.ts';
import { SEGMENT_DIRECTORY, type SegmentStore } from './segment-store.ts';
import { attachExtents, takeStock } from './stock.ts';
import { storageDamaged, storageFailed } from './storage-fault.ts';

/** An unreadable place of the journal below what is known to be durable. */
export interface DamagedPlace {
  readonly segment: Segment;
  readonly position: number;
  /** The journal was durable up to here. */
  readonly durableLsn: number;
  /** Of the last block before it. */
  readonly epoch: number;
  readonly crc: number;
  /** A checkpoint includes what was there. */
  readonly isIncluded: boolean;
}

/** Who looks for a way past damage: `polylog repair`. Adds what is found to `losses`. */
export interface LossFinder {
  readonly losses: Losses;
  /** @throws BrokerError storage_damaged when there is no way. */
  find(place: DamagedPlace): BlockLoss;
}

export interface RecoveryParts {
  readonly finder?: LossFinder;
  readonly ports: Ports;
  readonly options: JournalOptions;
  readonly store: SegmentStore;
  readonly ledger: Ledger;
  readonly machine: StateMachine;
}

/** What recovery found, for people and tests. */
export interface RecoveryReport {
  readonly isNew: boolean;
  readonly wasClean: boolean;
  readonly blocks: number;
  readonly entries: number;
  readonly replayedBytes: number;
  readonly rewrittenBytes: number;
  readonly durationMs: number;
  readonly epoch: number;
}

export interface Recovered {
  readonly report: RecoveryReport;
  readonly manifest: Manifest;
  readonly end: ChainEnd;
  /** Segments behind the writer without a footer, in journal order. */
  readonly full: readonly Segment[];
  readonly checkpoints: CheckpointList;
  readonly nextArchiveId: number;
  /** Of partitions, below which offsets may have been given to what is lost. */
  readonly givenEnds: ReadonlyMap<number, number>;
}

export type RecoveryDone = (error: Error | null, recovered: Recovered | null) => void;

export function recover(parts: RecoveryParts, done: RecoveryDone): void {
  const { ports, options } = parts;
  const missing = findMissingManifest(ports.disk);
  if (missing !== null) return ports.scheduler.endOfTick(() => done(missing, null));
  openManifest(ports, options.storeId, (error, manifest) => {
    if (manifest === null) return done(error, null);
    new Recovery(parts, manifest, done).run();
  });
}

/** A new one would call everything free that is there. */
function findMissingManifest(disk: Disk): BrokerError | null {
  try {
    if (listManifests(disk).length > 0) return null;
    const hasSegments = disk
      .list(SEGMENT_DIRECTORY)
      .some((name) => /^[0-9a-f]{8}\.seg$/.test(name));
    if (!hasSegments && listCheckpoints(disk).length === 0) return null;
    return storageDamaged('manifest', 0, 'there is none, though there are segments');
  } catch (error) {
    if (error instanceof DiskError) return storageFailed(error);
    throw error;
  }
}

class Recovery {
  readonly #parts: RecoveryParts;
  readonly #manifest: Manifest;
  readonly #done: RecoveryDone;
  readonly #scanner = new BlockScanner();
  #losses = new Losses(NO_LOSSES);
  readonly #startedAt: number;
  /** Where the journal was closed, if nothing was written since. */
  #cleanEnd: CleanEnd | null = null;
  #blocks = 0;
  #entries = 0;
  #bytes = 0;
  /** Of the last good block of the chain. */
  #crc = 0;
  #epoch = 0;
  #flags = 0;
  #durableLsn = 0;
  /** What checkpoint and manifest rely on was durable, whatever blocks say. */
  #reliedOnLsn = 0;

  constructor(parts: RecoveryParts, manifest: Manifest, done: RecoveryDone) {
    this.#parts = parts;
    this.#manifest = manifest;
    this.#done = done;
    this.#startedAt = parts.ports.clock.monotonic();
  }

  run(): void {
    const { ports, options, finder } = this.#parts;
    this.#guard(() => {
      this.#losses = finder?.losses ?? new Losses(readLosses(ports.disk, options.storeId));
      this.#cleanEnd = takeCleanEnd(ports.disk, options.storeId);
      this.#parts.ledger.permitsGaps = finder !== undefined || !this.#losses.isEmpty;
      ports.disk.makeDirectory(SEGMENT_DIRECTORY);
      ports.disk.makeDirectory(CHECKPOINT_DIRECTORY);
      this.#syncNames(['', SEGMENT_DIRECTORY, CHECKPOINT_DIRECTORY], 0);
    });
  }

  /** A killed process leaves names that only the page cache has: they are made to last first. */
  #syncNames(directories: readonly string[], next: number): void {
    const directory = directories[next];
    if (directory === undefined) return this.#load();
    this.#parts.ports.disk.syncDirectory(directory, (error) => {
      if (error !== null) return this.#done(storageFailed(error), null);
      this.#syncNames(directories, next + 1);
    });
  }

  #load(): void {
    const { ports, ledger, machine, options } = this.#parts;
    const parts = { ports, ledger, machine, storeId: options.storeId };
    this.#guard(() =>
      loadCheckpoint(parts, (error, checkpoint) => {
        if (checkpoint === null) this.#done(error, null);
        else this.#guard(() => this.#recover(checkpoint));
      }),
    );
  }

  /** What is wrong with the disk or its content goes to the caller; our own mistakes are thrown. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof DiskError) this.#done(storageFailed(error), null);
      else if (error instanceof BrokerError) this.#done(error, null);
      else throw error;
    }
  }

  #recover({ start, list }: CheckpointLoaded): void {
    const { ports, store, ledger, options } = this.#parts;
    const startId = Math.floor((start?.lsn ?? 0) / options.segmentBytes);
    const losses = this.#losses;
    const { journalIds, nextArchiveId } = takeStock(
      ports,
      store,
      this.#manifest,
      options,
      startId,
      losses,
    );
    if (journalIds.length === 0) {
      if (start === null) return this.#begin(nextArchiveId, list);
      throw storageDamaged('segments', 0, 'there is a checkpoint but no journal');
    }
    const startLsn = start?.lsn ?? this.#firstLsn(journalIds);
    this.#crc = start?.previousCrc ?? 0;
    this.#epoch = start?.epoch ?? 0;
    this.#durableLsn = startLsn;
    this.#reliedOnLsn = this.#reliedOn(start?.includedLsn ?? 0);
    this.#indexBefore(startLsn);
    const end = this.#replayAll(startLsn);
    attachExtents(ledger, store, this.#manifest);
    for (const [partition, offset] of losses.ends) ledger.partition(partition)?.skipTo(offset);
    const chainEnd = this.#chainEnd(end);
    this.#rewrite(Math.max(this.#durableLsn, startLsn), end, (rewrittenBytes) =>
      this.#report(chainEnd, nextArchiveId, list, rewrittenBytes, false),
    );
  }

  /** A checkpoint is published, and a segment named as sealed, when all that is in it is durable. */
  #reliedOn(includedLsn: number): number {
    let lsn = includedLsn;
    for (const sealed of this.#manifest.segments.values()) lsn = Math.max(lsn, sealed.endLsn);
    return Math.max(lsn, this.#cleanEnd?.lsn ?? 0);
  }

  #firstLsn(journalIds: readonly number[]): number {
    const first = journalIds[0] ?? 1;
    if (first !== 1) {
      throw storageDamaged(
        'checkpoints',
        0,
        'no valid checkpoint, and the journal has no beginning',
      );
    }
    return first * this.#parts.options.segmentBytes + SEGMENT_HEADER_BYTES;
  }

  /** A data folder without a journal: its first segment is made, nothing is replayed. */
  #begin(nextArchiveId: number, checkpoints: CheckpointList): void {
    const { store } = this.#parts;
    store.start(1);
    const segment = store.enter(1);
    const previousCrc = 0;
    const end = { segment, position: SEGMENT_HEADER_BYTES, previousCrc, epoch: 1 };
    this.#report(end, nextArchiveId, checkpoints, 0, true);
  }

  /** What the first segment holds before the replay's start is indexed; its entries are not applied. */
  #indexBefore(startLsn: number): void {
    const { store, ledger, options } = this.#parts;
    const segment = store.segment(Math.floor(startLsn / options.segmentBytes));
    const index = segment?.index;
    if (segment === undefined || index === null || index === undefined) return;
    let position = SEGMENT_HEADER_BYTES;
    const locate = (append: AppendView): void => ledger.locateAppend(append, segment, index);
    const end = startLsn % options.segmentBytes;
    while (position < end) {
      if (this.#scanner.readBlock(segment, position)) {
        this.#scanner.entries(segment.id, ignore, locate);
        position += pageAlign(this.#scanner.block.length);
        continue;
      }
      const loss = this.#lossBefore(segment, position, startLsn);
      if (this.#readLost(segment, loss)) {
        this.#scanner.entries(segment.id, ignore, locate, loss.entries ?? []);
      }
      position = Math.min(loss.resumeLsn, startLsn) - segment.id * segment.bytes;
    }
    segment.blocksEnd = position;
  }

  #lossBefore(segment: Segment, position: number, startLsn: number): BlockLoss {
    const known = this.#losses.block(segment.id, position);
    if (known !== undefined) return known;
    const what = 'no readable block below a checkpoint';
    const place = { segment, position, durableLsn: startLsn, isIncluded: true };
    return this.#find({ ...place, epoch: 0, crc: 0 }, what);
  }

  /** @throws BrokerError storage_damaged: nobody looks for a way, or there is none. */
  #find(place: DamagedPlace, what: string): BlockLoss {
    const { finder } = this.#parts;
    if (finder === undefined) {
      throw storageDamaged(place.segment.file.path, place.position, what);
    }
    const loss = finder.find(place);
    this.#losses.addBlock(loss);
    return loss;
  }

  /** Whether some entries of the damaged block are left, which are at hand then. */
  #readLost(segment: Segment, loss: BlockLoss): boolean {
    return loss.entries !== null && this.#scanner.readDamaged(segment, loss.position);
  }

  /** Follows the chain from `startLsn` to its end, past what is lost. */
  #replayAll(startLsn: number): ScanEnd {
    const { store, options } = this.#parts;
    const segment = store.segment(Math.floor(startLsn / options.segmentBytes));
    if (segment === undefined) throw storageDamaged('segments', startLsn, 'the segment is missing');
    let end = this.#replay({ segment, position: startLsn % options.segmentBytes });
    for (;;) {
      const durableLsn = this.#durableAt(end);
      if (durableLsn <= lsnOf(end)) return end;
      const damaged = this.#damagedFrom(end);
      const { epoch, crc } = { epoch: this.#epoch, crc: this.#crc };
      this.#find(
        { ...damaged, durableLsn, epoch, crc, isIncluded: false },
        `no readable block, though the journal is known to be durable up to LSN ${durableLsn}`,
      );
      end = this.#replay(end);
    }
  }

  /** Follows the chain, applying; returns where it ends. */
  #replay(from: ScanEnd): ScanEnd {
    for (let at = from; ; ) {
      const next = this.#step(at);
      if (next === null) return at;
      at = next;
    }
  }

  /** Over the next block, or into the next segment; null where no block follows. */
  #step({ segment, position }: ScanEnd): ScanEnd | null {
    if (this.#followsChain(segment, position)) {
      this.#applyBlock(segment, []);
      const end = position + pageAlign(this.#scanner.block.length);
      if (segment.index !== null) segment.blocksEnd = end;
      return { segment, position: end };
    }
    const loss = this.#losses.block(segment.id, position);
    if (loss !== undefined) return this.#pass(segment, loss);
    const next = this.#parts.store.segment(segment.id + 1);
    const start = SEGMENT_HEADER_BYTES;
    if (next === undefined) return null;
    const isLost = this.#losses.block(next.id, start) !== undefined;
    if (!isLost && !this.#followsChain(next, start)) return null;
    this.#leave(segment);
    return { segment: next, position: start };
  }

  #leave(segment: Segment): void {
    if (segment.index !== null) segment.state = 'full';
  }

  /** Applies what is left of a damaged place, and goes on behind it. */
  #pass(segment: Segment, loss: BlockLoss): ScanEnd {
    const { store, machine, options } = this.#parts;
    if (this.#readLost(segment, loss)) {
      this.#applyBlock(segment, loss.entries ?? []);
      const end = loss.position + pageAlign(this.#scanner.block.length);
      if (segment.index !== null) segment.blocksEnd = end;
    }
    if (loss.entries === null) machine.entriesLost?.(loss.resumeLsn - 1, loss.lostBytes);
    this.#crc = loss.previousCrc;
    this.#durableLsn = Math.max(this.#durableLsn, loss.resumeLsn);
    const id = Math.floor(loss.resumeLsn / options.segmentBytes);
    const position = loss.resumeLsn % options.segmentBytes;
    if (id === segment.id) {
      if (segment.index !== null) segment.blocksEnd = position;
      return { segment, position };
    }
    for (const left of store.segments()) {
      if (!left.isArchive && left.id >= segment.id && left.id < id) this.#leave(left);
    }
    return { segment: store.segment(id) ?? this.#beginSegment(id), position };
  }

  /** The journal goes on in a segment that there is not yet. */
  #beginSegment(id: number): Segment {
    this.#parts.store.start(id);
    return this.#parts.store.enter(id);
  }

  #followsChain(segment: Segment, position: number): boolean {
    const { block } = this.#scanner;
    if (!segment.isReady) return false;
    if (!this.#scanner.readBlock(segment, position)) return false;
    return block.previousCrc === this.#crc && block.epoch >= this.#epoch;
  }

  #applyBlock(segment: Segment, leftOut: readonly number[]): void {
    const { ledger, machine } = this.#parts;
    const { block } = this.#scanner;
    const { index } = segment;
    this.#crc = block.crc;
    this.#epoch = block.epoch;
    this.#flags = block.flags;
    this.#durableLsn = Math.max(this.#durableLsn, block.durableLsn);
    this.#blocks += 1;
    this.#entries += block.entryCount;
    this.#bytes += block.length;
    this.#scanner.entries(
      segment.id,
      (entry) => {
        if (entry.kind < EntryKind.machineMin) ledger.apply(entry);
        else machine.applyEntry(entry);
      },
      (append) => {
        ledger.applyAppend(append);
        if (index !== null) ledger.locateAppend(append, segment, index);
        machine.applyAppend(append);
      },
      leftOut,
    );
  }

  /** What is known to be durable: past `end` there is damage at `end`. */
  #durableAt(end: ScanEnd): number {
    // Also after a clean shutdown: an epoch whose first block is unreadable may follow it.
    return Math.max(this.#durableLsn, this.#reliedOnLsn, this.#durableBeyond(end));
  }

  /** As `#damagedAt`; who looks for a way past it must not miss a block that cannot be made out. */
  #damagedFrom(end: ScanEnd): ScanEnd {
    const damaged = this.#damagedAt(end);
    if (this.#parts.finder === undefined || damaged.segment === end.segment) return damaged;
    const isSealed = end.segment.index === null && end.segment.blocksEnd === end.position;
    const { block } = this.#scanner;
    const isNext =
      this.#scanner.hasHeader(damaged.segment, damaged.position) && block.previousCrc === this.#crc;
    return isSealed || isNext ? damaged : end;
  }

  /** Where the block behind `end` was: there, or at the beginning of the next segment. */
  #damagedAt(end: ScanEnd): ScanEnd {
    const next = this.#parts.store.segment(end.segment.id + 1);
    if (!end.segment.isReady) return end;
    if (next === undefined || this.#scanner.hasHeader(end.segment, end.position)) return end;
    const start = SEGMENT_HEADER_BYTES;
    if (this.#scanner.readBlock(next, start)) return end;
    const wasWritten = this.#scanner.hasHeader(next, start) || this.#durableIn(next, start) > 0;
    return wasWritten ? { segment: next, position: start } : end;
  }

  /** The highest durable LSN that any valid block after `end` names; a segment between may be gone. */
  #durableBeyond(end: ScanEnd): number {
    if (this.#isCleanEnd(end)) return 0;
    let highest = this.#durableIn(end.segment, end.position);
    for (const segment of this.#parts.store.segments()) {
      if (segment.isArchive || segment.id <= end.segment.id) continue;
      highest = Math.max(highest, this.#durableIn(segment, SEGMENT_HEADER_BYTES));
    }
    return highest;
  }

  #isCleanEnd(end: ScanEnd): boolean {
    const clean = this.#cleanEnd;
    return clean?.lsn === lsnOf(end) && clean.crc === this.#crc && clean.epoch === this.#epoch;
  }

  #durableIn(segment: Segment, start: number): number {
    const { block } = this.#scanner;
    if (!segment.isReady) return 0;
    let highest = 0;
    for (let position = start; position < segment.bytes; position += PAGE_BYTES) {
      if (!this.#scanner.hasHeader(segment, position) || block.epoch < this.#epoch) continue;
      if (!this.#scanner.readBlock(segment, position)) continue;
      highest = Math.max(highest, block.durableLsn);
    }
    return highest;
  }

  #chainEnd(end: ScanEnd): ChainEnd {
    const { store } = this.#parts;
    let { segment, position } = end;
    const armed: Segment[] = [];
    for (let id = segment.id + 1; ; id++) {
      const next = store.segment(id);
      if (next === undefined) break;
      armed.push(next);
    }
    store.resume(segment.id + 1, armed);
    if (segment.index === null) {
      // It is sealed: the writer goes on in the next segment.
      segment = store.enter(segment.id + 1);
      position = SEGMENT_HEADER_BYTES;
    }
    segment.state = 'active';
    segment.blocksEnd = position;
    return { segment, position, previousCrc: this.#crc, epoch: this.#epoch + 1 };
  }

  /** Writes [fromLsn, end) again and syncs it, segment by segment. */
  #rewrite(fromLsn: number, end: ScanEnd, done: (bytes: number) => void): void {
    const { store, options } = this.#parts;
    const endLsn = lsnOf(end);
    const chunk = new Uint8Array(PAGE_BYTES * 256);
    let bytes = 0;
    const next = (lsn: number): void => {
      if (lsn >= endLsn) return done(bytes);
      const segment = store.segment(Math.floor(lsn / options.segmentBytes));
      assert(segment !== undefined, 'the replayed chain has its segments');
      const last = segment === end.segment ? end.position : segment.blocksEnd;
      for (let at = lsn % options.segmentBytes; at < last; at += chunk.length) {
        const part = chunk.subarray(0, Math.min(chunk.length, last - at));
        segment.file.readSync(part, 0, part.length, at);
        segment.file.writeSync([part], at);
        bytes += part.length;
      }
      segment.file.datasync((error) => {
        if (error !== null) return this.#done(storageFailed(error), null);
        this.#guard(() => next((segment.id + 1) * options.segmentBytes + SEGMENT_HEADER_BYTES));
      });
    };
    next(fromLsn);
  }

  #report(
    end: ChainEnd,
    nextArchiveId: number,
    checkpoints: CheckpointList,
    rewrittenBytes: number,
    isNew: boolean,
  ): void {
    const full = [...this.#parts.store.segments()]
      .filter((segment) => segment.state === 'full')
      .sort((left, right) => left.id - right.id);
    const report = {
      isNew,
      wasClean: (this.#flags & BlockFlag.clean) !== 0,
      blocks: this.#blocks,
      entries: this.#entries,
      replayedBytes: this.#bytes,
      rewrittenBytes,
      durationMs: this.#parts.ports.clock.monotonic() - this.#startedAt,
      epoch: end.epoch,
    };
    const manifest = this.#manifest;
    const givenEnds = this.#losses.ends;
    this.#done(null, { report, manifest, end, full, checkpoints, nextArchiveId, givenEnds });
  }
}

/** Where the chain ends: the first position without a block that follows. */
interface ScanEnd {
  readonly segment: Segment;
  readonly position: number;
}

function lsnOf({ segment, position }: ScanEnd): number {
  return segment.id * segment.bytes + position;
}

function ignore(): void {}
