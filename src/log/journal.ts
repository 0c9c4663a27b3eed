/**
 * The journal: the commit log of one shard.
 *
 * Owns: the calls by which the broker appends, reads and learns what is committed; the life of the parts.
 * Leaves: blocks to the pipeline, partitions to the ledger, start-up to recovery, space to retirement.
 *
 *   appendBatch ─→ pipeline (block, group, sync) ─→ onCommitted ─→ ledger exposes ─→ listeners
 *        └─ apply at once: ledger, index, state machine
 *
 * Invariants: state changes only through `apply`; nothing is shown before it is committed;
 * `highWatermark ≤ endLsn`; after a fault nothing is accepted and nothing is answered.
 */
import { assert } from '../kernel/assert.ts';
import { viewOf, writeInt64LittleEndian } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Ports } from '../kernel/ports.ts';
import type { Slab } from '../kernel/slab.ts';
import { appendEntryBytes, BLOCK_HEADER_BYTES } from './block.ts';
import { Checkpoints } from './checkpoints.ts';
import { putCleanEnd } from './clean-end.ts';
import { ColdChunks } from './cold-chunks.ts';
import { AppendView, ENTRY_HEADER_BYTES, EntryKind, EntryView } from './entry.ts';
import { fitsFooter, footerBytes } from './footer.ts';
import { FooterCache } from './footer-cache.ts';
import type { JournalOptions } from './journal-options.ts';
import { Ledger } from './ledger.ts';
import {
  ARCHIVE_ID_MIN,
  BLOCK_BUFFER_BYTES,
  GATHERED_BYTES_MAX,
  INDEX_BYTES_MAX,
  REFERENCE_BYTES_MIN,
  SEGMENT_HEADER_BYTES,
  TARGETS_MAX,
} from './limits.ts';
import { LogReader, type PlanStatus } from './log-reader.ts';
import type { StateMachine } from './machine.ts';
import type { Manifest } from './manifest.ts';
import type { PartitionLog } from './partition-log.ts';
import { CommitPipeline } from './pipeline.ts';
import type { ReadPlan } from './read-plan.ts';
import { type Recovered, type RecoveryReport, recover } from './recovery.ts';
import { Retirement } from './retirement.ts';
import { Sealer } from './sealer.ts';
import type { Segment } from './segment.ts';
import { SegmentStore } from './segment-store.ts';

/**
 * May a publish of so many bytes be appended now? `wait`: it may, and is written when space has been made
 * ready; stop reading from publishers. `full`: no.
 */
export type Admission = 'yes' | 'wait' | 'full';

/** Partitions that the group changed; valid until return. */
export type CommitListener = (changed: readonly PartitionLog[], highWatermark: number) => void;

export type { JournalOptions } from './journal-options.ts';

export class Journal {
  readonly #ports: Ports;
  readonly #options: JournalOptions;
  readonly #machine: StateMachine;
  readonly #store: SegmentStore;
  readonly #pipeline: CommitPipeline;
  readonly #ledger: Ledger;
  readonly #footers = new FooterCache();
  readonly #reader: LogReader;
  #manifest: Manifest | null = null;
  #sealer: Sealer | null = null;
  #checkpoints: Checkpoints | null = null;
  #retirement: Retirement | null = null;
  #fault: BrokerError | null = null;
  #givenEnds: ReadonlyMap<number, number> = new Map();
  #isOpen = false;
  #isClosed = false;
  #lastLsn = 0;
  readonly #commitListeners: CommitListener[] = [];
  readonly #faultListeners: ((error: BrokerError) => void)[] = [];
  readonly #readyListeners: (() => void)[] = [];
  /** The opening that is under way. */
  #opener: ((error: Error | null) => void) | null = null;
  /** Files are being read: a close waits for that. */
  #isRecovering = false;
  #isBegun = false;
  /** Closes that wait for the last commit. */
  readonly #closers: ((error: BrokerError | null) => void)[] = [];
  readonly #entry = new EntryView();
  readonly #append = new AppendView();
  readonly #body = new Uint8Array(16);
  readonly #bodyView = viewOf(this.#body);

  constructor(ports: Ports, options: JournalOptions, machine: StateMachine) {
    this.#ports = ports;
    this.#options = options;
    this.#machine = machine;
    this.#store = new SegmentStore(ports, options);
    this.#pipeline = new CommitPipeline(ports, this.#store, options.durability, {
      onCut: () => this.#ledger.cut(),
      onCommitted: () => this.#committed(),
      onDurable: () => this.#durable(),
      onRolled: (segment) => this.#sealer?.add(segment),
      onFault: (error) => this.#failed(error),
    });
    this.#ledger = new Ledger(this.#store);
    const chunks = new ColdChunks(options.coldChunks ?? 16);
    this.#reader = new LogReader(this.#store, this.#pipeline, this.#footers, chunks);
    this.#store.onFault = (error) => this.#failed(error);
    this.#store.onArmed = () => this.#armed();
  }

  /**
   * Recovers what the data folder holds, begins a new epoch, and calls back once that is durable, or
   * cannot be, or the journal is closed before.
   */
  open(done: (error: Error | null, report: RecoveryReport | null) => void): void {
    assert(!this.#isOpen && this.#opener === null, 'a journal is opened once');
    const parts = {
      ports: this.#ports,
      options: this.#options,
      store: this.#store,
      ledger: this.#ledger,
      machine: this.#machine,
    };
    let report: RecoveryReport | null = null;
    this.#opener = (error) => {
      this.#opener = null;
      this.#isOpen = error === null;
      done(error, error === null ? report : null);
    };
    this.#isRecovering = true;
    recover(parts, (error, recovered) => {
      this.#isRecovering = false;
      if (this.#closers.length > 0) return this.#closeUnopened(recovered);
      if (recovered === null) return this.#opener?.(error);
      report = recovered.report;
      this.#begin(recovered);
    });
  }

  /** Nothing of the new epoch has been written. */
  #closeUnopened(recovered: Recovered | null): void {
    this.#manifest = recovered?.manifest ?? null;
    for (const finish of this.#closers.splice(0)) finish(null);
  }

  #begin(recovered: Recovered): void {
    const { manifest } = recovered;
    this.#manifest = manifest;
    this.#givenEnds = recovered.givenEnds;
    if (manifest.droppedBytes > 0) {
      this.#ports.logger.warn('manifest.tail_dropped', { bytes: manifest.droppedBytes });
    }
    this.#sealer = new Sealer(this.#ports, this.#options.storeId, manifest);
    this.#sealer.onFault = (error) => this.#failed(error);
    this.#sealer.onSealed = () => {
      this.#checkpoints?.check();
      this.#retirement?.sealed();
      this.#ready();
    };
    this.#retirement = new Retirement({
      ports: this.#ports,
      store: this.#store,
      ledger: this.#ledger,
      manifest,
      footers: this.#footers,
      machine: this.#machine,
      storeId: this.#options.storeId,
      rewrite: this.#options.rewrite ?? true,
      nextArchiveId: recovered.nextArchiveId,
      lastLsn: () => this.#lastLsn,
      durableLsn: () => this.#pipeline.durableLsn,
      highWatermark: () => this.#pipeline.highWatermark,
      onReclaimable: () => this.#checkpoints?.check(),
      onCaughtUp: () => this.#ready(),
      onFault: (error) => this.#failed(error),
    });
    this.#checkpoints = new Checkpoints({
      ports: this.#ports,
      pipeline: this.#pipeline,
      store: this.#store,
      ledger: this.#ledger,
      machine: this.#machine,
      storeId: this.#options.storeId,
      journalBytes: this.#options.checkpointBytes ?? null,
      lastLsn: () => this.#lastLsn,
      existing: recovered.checkpoints,
      reclaimable: () => this.#retirement?.reclaimableSegments() ?? 0,
      onPublished: (olderStartLsn) => this.#retirement?.checkpointed(olderStartLsn),
      onFault: (error) => this.#failed(error),
    });
    for (const segment of recovered.full) this.#sealer.add(segment);
    const { index } = recovered.end.segment;
    this.#pipeline.begin(
      recovered.end,
      index === null ? 0 : footerBytes(index.rowCount, index.partitionCount),
    );
    this.#ledger.exposeAll();
    this.#machine.restored();
    this.#retirement.checkpointed(this.#checkpoints.olderStartLsn);
    this.#whenBegun();
    this.#isBegun = true;
    this.#store.arm();
  }

  /** The opening ends when the epoch's first block is committed, or cannot be. */
  #whenBegun(): void {
    const look = (): void => {
      const isCommitted = this.#pipeline.highWatermark >= this.#pipeline.endLsn;
      const isOver = this.#opener === null || this.#fault !== null || isCommitted;
      if (!isOver) return;
      this.#commitListeners.splice(this.#commitListeners.indexOf(look), 1);
      this.#faultListeners.splice(this.#faultListeners.indexOf(look), 1);
      this.#opener?.(this.#fault);
    };
    this.#commitListeners.push(look);
    this.#faultListeners.push(look);
  }

  /** Commits what is open, marks the end as clean, and lets go of all files. */
  close(done: (error: Error | null) => void): void {
    if (this.#isClosed) return this.#ports.scheduler.endOfTick(() => done(null));
    this.#checkpoints?.stop();
    this.#retirement?.stop();
    let isFinished = false;
    const finish = (error: Error | null): void => {
      if (isFinished) return;
      isFinished = true;
      this.#isClosed = true;
      this.#isOpen = false;
      this.#sealer?.stop();
      this.#pipeline.stop();
      this.#manifest?.close();
      this.#store.close();
      this.#opener?.(new BrokerError('draining', 'it was closed before it had opened'));
      done(error);
    };
    if (this.#isRecovering) {
      this.#closers.push(finish);
      return;
    }
    if (this.#fault !== null || !this.#isOpen)
      return this.#ports.scheduler.endOfTick(() => finish(this.#fault));
    this.#closers.push(finish);
    this.#pipeline.close((error) => {
      const { cleanEnd } = this.#pipeline;
      if (error !== null || cleanEnd === null || isFinished) return finish(error);
      putCleanEnd(this.#ports.disk, this.#options.storeId, cleanEnd, () => finish(null));
    });
    this.#giveUpClosing();
  }

  /** Without a segment to write to there is no commit, and without a commit nothing is freed. */
  #giveUpOpening(): void {
    if (this.#opener === null || !this.#isBegun) return;
    if (!this.#store.isFull || this.#pipeline.segment.isReady) return;
    this.#opener(new BrokerError('storage_full', 'there is no room for a segment to begin with'));
  }

  /** What is appended and has no place on a full disk was never promised: a close does not wait for it. */
  #giveUpClosing(): void {
    if (this.#closers.length === 0 || !this.#store.isFull || this.#pipeline.segment.isReady) return;
    const error = new BrokerError('storage_full', 'the last appends had no space');
    for (const finish of this.#closers.splice(0)) finish(error);
  }

  /** This incarnation's leader epoch: larger than every earlier one. */
  get epoch(): number {
    return this.#pipeline.epoch;
  }

  get endLsn(): number {
    return this.#pipeline.endLsn;
  }

  /** An entry is committed iff its LSN is below. */
  get highWatermark(): number {
    return this.#pipeline.highWatermark;
  }

  /** The LSN of the entry appended last. */
  get lastLsn(): number {
    return this.#lastLsn;
  }

  get fault(): BrokerError | null {
    return this.#fault;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Publishers should not be read from now; `onReady` tells when again. */
  get isCongested(): boolean {
    if (this.#pipeline.isCongested || this.admits(0) === 'wait') return true;
    return this.#sealer?.isBehind === true || this.#retirement?.isBehind === true;
  }

  partition(id: number): PartitionLog | undefined {
    return this.#ledger.partition(id);
  }

  partitions(): IterableIterator<PartitionLog> {
    return this.#ledger.partitions();
  }

  /** Called once per committed group, after partitions show it. */
  onCommit(listener: CommitListener): void {
    this.#commitListeners.push(listener);
  }

  /** Something above has failed that must not go on: as after a failed write. */
  fence(error: BrokerError): void {
    this.#failed(error);
  }

  /** Called once, when nothing can be promised any more. */
  onFault(listener: (error: BrokerError) => void): void {
    this.#faultListeners.push(listener);
  }

  /** Called when congestion may be over, apart from commits. */
  onReady(listener: () => void): void {
    this.#readyListeners.push(listener);
  }

  /** Whether `bytes` of publishing fit beyond the segment kept for settlements, deletes and checkpoints. */
  admits(bytes: number): Admission {
    const { segmentBytes, armedCount } = this.#store;
    const room = this.#pipeline.roomLeft(this.#footerBytes(1));
    const spare = room + (armedCount - 1) * segmentBytes;
    if (this.#pipeline.segment.isReady && armedCount > 0 && spare >= bytes) return 'yes';
    if (this.#store.isFull || this.#pipeline.gatheredBytes > GATHERED_BYTES_MAX) return 'full';
    return 'wait';
  }

  /** The disk is full and half of the reserve is used: the rest is for what frees space. */
  get isReserveShort(): boolean {
    const { isFull, armedCount, segmentBytes } = this.#store;
    if (!isFull || armedCount > 0) return false;
    return this.#pipeline.roomLeft(this.#footerBytes(1)) < segmentBytes / 2;
  }

  /** The largest batch that can be stored: with its entry, block and footer it fills a segment. */
  get batchBytesMax(): number {
    const around = BLOCK_HEADER_BYTES + appendEntryBytes(TARGETS_MAX, 0);
    const footer = footerBytes(TARGETS_MAX, TARGETS_MAX);
    return this.#store.segmentBytes - SEGMENT_HEADER_BYTES - footer - around;
  }

  #footerBytes(targetCount: number): number {
    const { index, bytes } = this.#pipeline.segment;
    if (index === null) return 0;
    // No room for another row: the writer goes on in the next segment.
    if (index.bytes >= INDEX_BYTES_MAX || !fitsFooter(0, index.offsets)) return bytes;
    return footerBytes(index.rowCount + targetCount, index.partitionCount + targetCount);
  }

  /**
   * Appends an entry of the state machine with the body source[start, end), and applies it.
   * @returns its LSN.
   */
  appendEntry(kind: number, source: Uint8Array, start: number, end: number): number {
    assert(kind >= EntryKind.machineMin, 'kinds below 16 belong to the log');
    return this.#put(kind, source, start, end);
  }

  #put(kind: number, source: Uint8Array, start: number, end: number): number {
    this.#assertWritable();
    const bytes = ENTRY_HEADER_BYTES + end - start;
    const block = this.#pipeline.reserve(bytes, 0, this.#footerBytes(0));
    const entry = this.#entry;
    entry.start = block.used + ENTRY_HEADER_BYTES;
    entry.lsn = block.putEntry(kind, source, start, end);
    entry.end = block.used;
    entry.kind = kind;
    entry.time = block.time;
    entry.epoch = this.#pipeline.epoch;
    entry.bytes = block.bytes;
    entry.view = block.view;
    this.#lastLsn = entry.lsn;
    if (kind < EntryKind.machineMin) this.#ledger.apply(entry);
    else this.#machine.applyEntry(entry);
    return this.#lastLsn;
  }

  #assertWritable(): void {
    assert(this.#isOpen && !this.#isClosed, 'the journal is open');
    assert(this.#fault === null, 'a fenced journal accepts nothing');
  }

  /** Its first offset is higher if it had an earlier life whose end is lost. */
  createPartition(id: number, firstOffset: number): number {
    const first = Math.max(firstOffset, this.#givenEnds.get(id) ?? 0);
    writeInt64LittleEndian(this.#bodyView, 8, first);
    return this.#putPartition(EntryKind.partitionCreated, id, 16);
  }

  deletePartition(id: number): number {
    return this.#putPartition(EntryKind.partitionDeleted, id, 4);
  }

  /** @returns the LSN of the entry. */
  advanceLogStart(id: number, offset: number): number {
    writeInt64LittleEndian(this.#bodyView, 8, offset);
    return this.#putPartition(EntryKind.logStart, id, 16);
  }

  #putPartition(kind: number, id: number, bodyBytes: number): number {
    this.#bodyView.setUint32(0, id, true);
    this.#bodyView.setUint32(4, 0, true);
    return this.#put(kind, this.#body, 0, bodyBytes);
  }

  /**
   * HOT. Appends the batch bytes[start, end) to one partition. Base offset and leader epoch are patched in
   * place; a large batch is referenced until written, with `slab` retained (null: copied).
   * @returns the base offset; `lastLsn` is the entry's LSN.
   */
  appendBatch(
    partition: PartitionLog,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    slab: Slab | null,
  ): number {
    const append = this.#append;
    append.targetCount = 1;
    append.partitions[0] = partition.id;
    append.baseOffsets[0] = partition.logEnd;
    this.#appendTargets(bytes, view, start, end, slab);
    return append.baseOffsets[0]!;
  }

  /** As `appendBatch`, to at most four partitions at once: the payload is stored once. */
  appendBatchToMany(
    partitions: readonly PartitionLog[],
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    slab: Slab | null,
  ): void {
    assert(partitions.length >= 1 && partitions.length <= TARGETS_MAX, 'one to four targets');
    const append = this.#append;
    append.targetCount = partitions.length;
    partitions.forEach((partition, i) => {
      append.partitions[i] = partition.id;
      append.baseOffsets[i] = partition.logEnd;
    });
    this.#appendTargets(bytes, view, start, end, slab);
  }

  #appendTargets(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    slab: Slab | null,
  ): void {
    this.#assertWritable();
    const append = this.#append;
    const size = end - start;
    const referenced = size >= REFERENCE_BYTES_MIN ? size : 0;
    const entryBytes = appendEntryBytes(append.targetCount, size);
    const footer = this.#footerBytes(append.targetCount);
    const block = this.#pipeline.reserve(entryBytes, referenced, footer);
    append.lsn = block.lsn + block.length;
    append.time = block.time;
    append.epoch = this.#pipeline.epoch;
    append.segmentId = block.segmentId;
    append.position = block.putAppend(append, append.epoch, bytes, view, start, end, slab);
    append.bytes = bytes;
    append.view = view;
    append.batchStart = start;
    append.batchEnd = end;
    this.#lastLsn = append.lsn;
    this.#ledger.applyAppend(append);
    this.#locate(append);
    this.#machine.applyAppend(append);
  }

  #locate(append: AppendView): void {
    const { segment } = this.#pipeline;
    assert(segment.index !== null, 'the segment that is written has an index');
    segment.isWrittenHere = true;
    this.#ledger.locateAppend(append, segment, segment.index);
  }

  /** Plans a read of committed batches; see `LogReader.plan`. */
  plan(
    partition: PartitionLog,
    offset: number,
    maxBytes: number,
    plan: ReadPlan,
    ready: () => void,
  ): PlanStatus {
    return this.#reader.plan(partition, offset, maxBytes, plan, ready);
  }

  /** [first, last] is settled everywhere: its bytes may be left out when segments are rewritten. */
  noteDead(partition: number, first: number, last: number): void {
    this.#ledger.noteDead(partition, first, last);
  }

  /** Asks for a checkpoint now. */
  checkpoint(): void {
    this.#checkpoints?.request();
  }

  /** Files and bytes, for people. */
  usage(): JournalUsage {
    let liveBytes = 0;
    let archiveSegments = 0;
    for (const segment of this.#store.segments()) {
      liveBytes += segment.liveBytes;
      if (segment.id >= ARCHIVE_ID_MIN) archiveSegments += 1;
    }
    return {
      segments: this.#store.count,
      archiveSegments,
      freeSegments: this.#store.freeCount,
      segmentBytes: this.#store.segmentBytes,
      liveBytes,
      partitions: this.#ledger.partitionCount,
      bufferBytes: this.#pipeline.blocksHeld * BLOCK_BUFFER_BYTES,
    };
  }

  segment(id: number): Segment | undefined {
    return this.#store.segment(id);
  }

  #committed(): void {
    const changed = this.#ledger.expose();
    for (const listener of [...this.#commitListeners]) {
      listener(changed, this.#pipeline.highWatermark);
    }
    this.#ledger.exposed();
    this.#sealer?.advance(this.#pipeline.durableLsn);
    this.#checkpoints?.committed();
    this.#retirement?.check();
  }

  /** Durability `write`: the device has caught up with some of what is committed. */
  #durable(): void {
    this.#sealer?.advance(this.#pipeline.durableLsn);
    this.#checkpoints?.check();
    this.#retirement?.check();
  }

  #armed(): void {
    if (this.#fault !== null) return;
    this.#pipeline.flush();
    this.#giveUpClosing();
    this.#giveUpOpening();
    if (this.#store.isFull) this.#checkpoints?.check();
    this.#ready();
  }

  #ready(): void {
    for (const listener of this.#readyListeners) listener();
  }

  #failed(error: BrokerError): void {
    if (this.#fault !== null || this.#isClosed) return;
    this.#fault = error;
    this.#pipeline.stop();
    this.#sealer?.stop();
    this.#checkpoints?.stop();
    this.#retirement?.stop();
    this.#ports.logger.error('journal.fenced', { reason: error.message });
    for (const listener of [...this.#faultListeners]) listener(error);
    for (const finish of this.#closers.splice(0)) finish(error);
  }
}

export interface JournalUsage {
  readonly segments: number;
  readonly archiveSegments: number;
  readonly freeSegments: number;
  readonly segmentBytes: number;
  readonly liveBytes: number;
  readonly partitions: number;
  /** Memory for blocks that are written, read at the tail, or kept for the next. */
  readonly bufferBytes: number;
}
