/**
 * The commit pipeline: entries into blocks, blocks into groups, one group at a time onto stable storage.
 *
 * Owns: the open block, the group in flight, the chain (epoch, previous crc), LSNs and the high watermark.
 * Leaves: what entries mean to the journal, files to the segment store.
 *
 * One group is in flight: write, sync, answer; what arrives meanwhile gathers for the next. There is no
 * timer and no added delay: an idle log answers after one sync, a busy one syncs larger groups.
 *
 *   append → open block → (end of tick, none in flight) cut → seal → write → sync → committed
 *
 * Invariants: durableLsn ≤ highWatermark ≤ endLsn (durability `fsync`: durableLsn = highWatermark);
 * what a sync covers is fixed before its write; a failed write or sync is never tried again.
 */
import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Clock, DiskError, Scheduler } from '../kernel/ports.ts';
import { BLOCK_HEADER_BYTES, Block, BlockFlag, pageAlign } from './block.ts';
import type { CleanEnd } from './clean-end.ts';
import {
  GROUP_BYTES_MAX,
  IDLE_MARK_MS,
  LOOP_WRITE_BYTES_MAX,
  POOL_BLOCKS_IDLE,
  POOL_BLOCKS_MAX,
  SEGMENT_HEADER_BYTES,
  TAIL_BLOCKS_MAX,
} from './limits.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

export type Durability = 'fsync' | 'write';

export interface PipelinePorts {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
}

/** Where the chain goes on after recovery. */
export interface ChainEnd {
  readonly segment: Segment;
  readonly position: number;
  readonly previousCrc: number;
  readonly epoch: number;
}

export interface PipelineEvents {
  /** The group is closed: everything applied so far is in it, nothing later. */
  onCut(): void;
  /** The group is committed; `highWatermark` has moved. */
  onCommitted(): void;
  /** Durability `write`: what was committed before is durable. */
  onDurable(): void;
  /** The writer has left `segment`; its last block is in the open group or before it. */
  onRolled(segment: Segment): void;
  /** Nothing can be promised any more. */
  onFault(error: BrokerError): void;
}

export class CommitPipeline {
  readonly #ports: PipelinePorts;
  readonly #store: SegmentStore;
  readonly #durability: Durability;
  readonly #events: PipelineEvents;
  #segment: Segment | null = null;
  /** Where the next block begins in `#segment`. */
  #position = 0;
  #previousCrc = 0;
  #committedCrc = 0;
  #epoch = 0;
  #open: Block | null = null;
  /** Closed blocks of the group that is gathering, and their bytes. */
  #closed: Block[] = [];
  #closedBytes = 0;
  #group: Block[] = [];
  #inFlight = false;
  #flushScheduled = false;
  #durableLsn = 0;
  #highWatermark = 0;
  #markedLsn = 0;
  #markTimerSet = false;
  #stopped = false;
  /** The mark of a clean shutdown is written: nothing follows it. */
  #isEnding = false;
  #cleanEnd: CleanEnd | null = null;
  #behindSyncing = false;
  /** The lowest segment with writes that no sync has covered. */
  #unsyncedId = 0;
  /** Bytes that the current segment's footer will take. */
  #footerBytes = 0;
  readonly #tail: Block[] = [];
  readonly #pool: Block[] = [];
  readonly #idleWaiters: (() => void)[] = [];

  constructor(
    ports: PipelinePorts,
    store: SegmentStore,
    durability: Durability,
    events: PipelineEvents,
  ) {
    this.#ports = ports;
    this.#store = store;
    this.#durability = durability;
    this.#events = events;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Everything below is committed and may be shown. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  get durableLsn(): number {
    return this.#durableLsn;
  }

  /** The LSN after the last entry. */
  get endLsn(): number {
    if (this.#open !== null) return this.#open.lsn + this.#open.length;
    return this.#segment === null ? 0 : this.#lsnAt(this.#segment, this.#position);
  }

  /** The crc of the last committed block. */
  get committedCrc(): number {
    return this.#committedCrc;
  }

  get segment(): Segment {
    assert(this.#segment !== null, 'the pipeline has begun');
    return this.#segment;
  }

  /** Blocks kept in memory, a megabyte each, whatever they are kept for. */
  get blocksHeld(): number {
    const open = this.#open === null ? 0 : 1;
    return this.#pool.length + this.#tail.length + this.#closed.length + this.#group.length + open;
  }

  /** Bytes gathered for the next group. */
  get gatheredBytes(): number {
    return this.#closedBytes + (this.#open?.length ?? 0);
  }

  /** Publishers should not be read from: the next group is full, or has no armed segment to go to. */
  get isCongested(): boolean {
    return this.gatheredBytes >= GROUP_BYTES_MAX || !this.segment.isReady;
  }

  /** Bytes of blocks that still fit into the current segment when its footer takes `footerBytes`. */
  roomLeft(footerBytes: number): number {
    const used = this.#open === null ? 0 : this.#open.paddedBytes;
    const segment = this.segment;
    return segment.bytes - footerBytes - this.#position - used;
  }

  /** Begins a new epoch where recovery found the end of the chain; that segment's footer takes `footerBytes`. */
  begin(end: ChainEnd, footerBytes: number): void {
    this.#segment = end.segment;
    this.#position = end.position;
    this.#previousCrc = end.previousCrc;
    this.#epoch = end.epoch;
    const lsn = this.#lsnAt(end.segment, end.position);
    this.#committedCrc = end.previousCrc;
    this.#durableLsn = lsn;
    this.#highWatermark = lsn;
    this.#markedLsn = lsn;
    this.#unsyncedId = end.segment.id;
    this.reserve(0, 0, footerBytes).flags |= BlockFlag.epochBegin;
  }

  /**
   * The open block, with room for an entry of `bytes` of which `referencedBytes` are not copied, in a
   * segment whose footer will then take `footerBytes`. Rolls to the next block or segment if need be.
   */
  reserve(bytes: number, referencedBytes: number, footerBytes: number): Block {
    this.#footerBytes = footerBytes;
    let block = this.#open ?? this.#openBlock();
    const fresh = block.length === BLOCK_HEADER_BYTES;
    if (!block.hasRoom(bytes, referencedBytes) && !fresh) {
      this.#closeBlock();
      block = this.#openBlock();
    }
    const limit = this.segment.bytes - footerBytes;
    if (block.position + pageAlign(block.length + bytes) > limit) block = this.#roll(bytes);
    this.#scheduleFlush();
    return block;
  }

  #roll(bytes: number): Block {
    const left = this.segment;
    assert(
      SEGMENT_HEADER_BYTES + pageAlign(BLOCK_HEADER_BYTES + bytes) < left.bytes,
      'the largest block fits a segment',
    );
    const open = this.#open;
    const flags = open?.entryCount === 0 ? open.flags : 0;
    if (open !== null && open.entryCount === 0) this.#dropOpen(open);
    else this.#closeBlock();
    this.#segment = this.#store.enter(left.id + 1);
    this.#position = SEGMENT_HEADER_BYTES;
    this.#events.onRolled(left);
    const block = this.#openBlock();
    block.flags = flags;
    return block;
  }

  #dropOpen(open: Block): void {
    this.#recycle(open);
    this.#open = null;
  }

  /** What a burst took beyond this goes back at once, the rest when the log is idle. */
  #recycle(block: Block): void {
    block.clear();
    if (this.#pool.length < POOL_BLOCKS_MAX) this.#pool.push(block);
  }

  #openBlock(): Block {
    assert(this.#open === null, 'one block is open');
    const block = this.#pool.pop() ?? new Block();
    const segment = this.segment;
    block.begin(this.#lsnAt(segment, this.#position), segment.id, this.#position);
    block.time = this.#ports.clock.now();
    this.#open = block;
    return block;
  }

  #closeBlock(): void {
    const block = this.#open;
    if (block === null) return;
    this.#open = null;
    this.#closed.push(block);
    this.#closedBytes += block.length;
    this.#position += block.paddedBytes;
    this.segment.blocksEnd = this.#position;
  }

  #lsnAt(segment: Segment, position: number): number {
    return segment.id * segment.bytes + position;
  }

  /** Commits a group even if there is nothing to say: for those who wait for the next commit. */
  touch(): void {
    this.reserve(0, 0, this.#footerBytes).flags |= BlockFlag.touch;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#inFlight) return;
    this.#flushScheduled = true;
    this.#ports.scheduler.endOfTick(this.#endOfTick);
  }

  readonly #endOfTick = (): void => {
    this.#flushScheduled = false;
    this.flush();
  };

  /** Writes what has gathered, if nothing is in flight and its segments are armed. */
  flush(): void {
    if (this.#inFlight || this.#stopped || this.#isEnding) return;
    const open = this.#open;
    if (open !== null && (open.entryCount > 0 || open.flags !== 0)) this.#closeBlock();
    if (this.#closed.length === 0) return this.#becameIdle();
    if (!this.segment.isReady) return;
    const group = this.#closed;
    this.#closed = this.#group;
    this.#closedBytes = 0;
    this.#group = group;
    this.#inFlight = true;
    this.#events.onCut();
    for (const block of group) {
      block.seal(this.#epoch, this.#previousCrc, this.#durableLsn);
      this.#previousCrc = block.crc;
    }
    this.#write(0);
  }

  /** Writes the group from block `from` on: one write per segment. */
  #write(from: number): void {
    const group = this.#group;
    const first = group[from];
    if (first === undefined) return this.#written();
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let next = from;
    for (let block = group[next]; block?.segmentId === first.segmentId; block = group[++next]) {
      block.parts(parts);
      bytes += block.paddedBytes;
    }
    const file = this.#fileOf(first);
    if (bytes > LOOP_WRITE_BYTES_MAX) {
      file.write(parts, first.position, (error) => {
        if (error === null) this.#write(next);
        else this.#failed(error);
      });
      return;
    }
    try {
      file.writeSync(parts, first.position);
    } catch (error) {
      return this.#failed(error as DiskError);
    }
    this.#write(next);
  }

  #fileOf(block: Block): Segment['file'] {
    const segment = this.#store.segment(block.segmentId);
    assert(segment !== undefined, 'blocks in flight have their segment');
    return segment.file;
  }

  #written(): void {
    const last = this.#group[this.#group.length - 1];
    assert(last !== undefined, 'a group is not empty');
    const end = last.lsn + last.paddedBytes;
    for (const block of this.#group) block.releaseReferences();
    if (this.#durability === 'write') {
      // Begun first: who waits for rest must not take this for it.
      this.#syncBehind(end);
      return this.#committed(end);
    }
    this.#sync(this.#unsyncedId, last.segmentId, () => {
      this.#durableLsn = end;
      this.#unsyncedId = last.segmentId;
      this.#committed(end);
    });
  }

  /** Syncs segments `from` to `to`, one after the other. */
  #sync(from: number, to: number, done: () => void): void {
    const segment = this.#store.segment(from);
    assert(segment !== undefined, 'a segment in flight exists');
    segment.file.datasync((error) => {
      if (this.#stopped) return;
      if (error !== null) return this.#failed(error);
      if (from < to) this.#sync(from + 1, to, done);
      else done();
    });
  }

  /** Durability `write`: answered already; the device follows, one sync at a time. */
  #syncBehind(end: number): void {
    if (this.#behindSyncing) return;
    this.#behindSyncing = true;
    const to = Math.floor((end - 1) / this.segment.bytes);
    this.#sync(this.#unsyncedId, to, () => {
      this.#behindSyncing = false;
      this.#durableLsn = end;
      this.#unsyncedId = to;
      this.#events.onDurable();
      if (this.#highWatermark > end) this.#syncBehind(this.#highWatermark);
      else this.flush();
    });
  }

  #committed(end: number): void {
    if (this.#stopped) return;
    assert(end > this.#highWatermark, 'the high watermark only grows');
    this.#highWatermark = end;
    this.#committedCrc = this.#group[this.#group.length - 1]?.crc ?? 0;
    for (const block of this.#group) this.#keepForTail(block);
    this.#group.length = 0;
    // In flight until everybody knows: what listeners append belongs to the next group.
    this.#events.onCommitted();
    this.#inFlight = false;
    this.flush();
  }

  #keepForTail(block: Block): void {
    this.#tail.push(block);
    if (this.#tail.length <= TAIL_BLOCKS_MAX) return;
    const oldest = this.#tail.shift();
    if (oldest === undefined) return;
    this.#recycle(oldest);
  }

  /** Copies file bytes of `segmentId` out of the blocks still in memory. */
  copyFromTail(
    segmentId: number,
    position: number,
    length: number,
    target: Uint8Array,
    start: number,
  ): boolean {
    for (let i = this.#tail.length - 1; i >= 0; i--) {
      const block = this.#tail[i];
      if (block === undefined || block.segmentId !== segmentId) continue;
      if (block.position <= position) return block.copyOut(position, length, target, start);
    }
    return false;
  }

  #failed(error: DiskError): void {
    if (this.#stopped) return;
    this.stop();
    this.#events.onFault(new BrokerError('storage_failed', error.message, error));
  }

  #becameIdle(): void {
    const isDurable = !this.#behindSyncing && this.#durableLsn >= this.#highWatermark;
    if (isDurable) for (const waiter of this.#idleWaiters.splice(0)) waiter();
    if (this.#markTimerSet || this.#stopped || this.#markedLsn >= this.#durableLsn) return;
    this.#markTimerSet = true;
    const seen = this.#durableLsn;
    this.#ports.scheduler.after(IDLE_MARK_MS, () => {
      this.#markTimerSet = false;
      // What is about to be flushed comes back here; a touch among it must not end up in a mark.
      if (this.#stopped || this.#isEnding || this.#inFlight || this.#flushScheduled) return;
      if (this.gatheredBytes > BLOCK_HEADER_BYTES) return;
      if (this.#durableLsn !== seen) return this.#becameIdle();
      this.#writeMark(0);
      this.#pool.length = Math.min(this.#pool.length, POOL_BLOCKS_IDLE);
    });
  }

  /**
   * An empty block that records what is durable, so that damage below it is known for damage.
   * @returns whether there was room for it.
   */
  #writeMark(flags: number): boolean {
    if (this.roomLeft(this.#footerBytes) < pageAlign(BLOCK_HEADER_BYTES)) return false;
    if (!this.segment.isReady) return false;
    const block = this.#open ?? this.#openBlock();
    assert(
      block.entryCount === 0 && block.flags === 0,
      'a mark carries nothing, and hides nothing',
    );
    block.flags = flags;
    this.#closeBlock();
    this.#closed.pop();
    this.#closedBytes -= block.length;
    block.seal(this.#epoch, this.#previousCrc, this.#durableLsn);
    this.#previousCrc = block.crc;
    this.#markedLsn = this.#durableLsn;
    const parts: Uint8Array[] = [];
    block.parts(parts);
    try {
      this.#fileOf(block).writeSync(parts, block.position);
    } catch (error) {
      this.#failed(error as DiskError);
    }
    this.#recycle(block);
    return true;
  }

  /** Calls back when everything appended is committed, and durable. */
  whenIdle(done: () => void): void {
    this.#idleWaiters.push(done);
    this.flush();
  }

  /** Clean shutdown: commits what is open, then writes and syncs a mark. */
  close(done: (error: DiskError | null) => void): void {
    this.whenIdle(() => {
      const segment = this.segment;
      if (this.#stopped || !segment.isReady) return done(null);
      const isMarked = this.#writeMark(BlockFlag.clean);
      if (this.#stopped) return done(null);
      // What the sync covers is fixed here: nothing is written behind the mark while it is under way.
      this.#isEnding = true;
      const end = { lsn: this.endLsn, crc: this.#previousCrc, epoch: this.#epoch };
      segment.file.datasync((error) => {
        this.stop();
        if (error === null && isMarked) this.#cleanEnd = end;
        done(error);
      });
    });
  }

  /** Behind the mark of a clean shutdown, once that is durable. */
  get cleanEnd(): CleanEnd | null {
    return this.#cleanEnd;
  }

  /** Nothing is written or answered from here on. */
  stop(): void {
    this.#stopped = true;
  }
}
