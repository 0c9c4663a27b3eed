/**
 * The answers of one connection on their way out, in order.
 *
 * Owns: staged bytes, what may leave and what waits for its commit, bodies fetched while they are
 * sent, the buffers lent to the kernel.
 * Leaves: when to flush to turns.ts, closing to connection.ts.
 *
 *     writer.bytes   | lent or gone | may leave | waits for commits | open answer | room
 *                    0            sent        limit            last seal      position
 *
 * Positions of seals and streams count from the connection's first byte on (`base` + position), so
 * that they stay true when the staging buffer is emptied or moved.
 * Invariant: while `isBlocked`, no byte before `sent` is written to and the output buffer is kept.
 */

import { assert } from '../kernel/assert.ts';
import { ByteWriter } from '../kernel/byte-writer.ts';
import { NumberRing, Ring } from '../kernel/ring.ts';
import type { Outbox, ServedBroker, StreamSource } from '../protocols/contract.ts';
import {
  outputBytesMax,
  slabSizes,
  stagedBytesMax,
  stagingIdleBytes,
  stagingKeepBytes,
  waitingStreamBytesMax,
  waitingStreamsMax,
} from './limits.ts';
import type { ConnectionMemory } from './memory.ts';
import type { PooledSlab, SlabPool } from './slab-pool.ts';

const [smallOutputBytes, mediumOutputBytes] = slabSizes;
const ringCapacity = 4;

/** What the outbox asks of its connection. */
export interface OutboxOwner {
  /** Sends; false: borrowed until `onDrain`. As `Socket.write`. */
  write(bytes: Uint8Array): boolean;
  /** Something may leave: `flush` is wanted at the end of the tick. */
  wantFlush(): void;
  /** Something waits for a commit. */
  wantCommit(): void;
}

export class ConnectionOutbox implements Outbox {
  readonly writer = new ByteWriter(stagingIdleBytes);
  /** A write was refused: nothing is sent until `onDrain`. */
  isBlocked = false;
  private readonly owner: OutboxOwner;
  private readonly commits: ServedBroker['commits'];
  private readonly pool: SlabPool;
  private readonly memory: ConnectionMemory;
  /** Of the staging buffer, as far as `memory` counts it. */
  private countedBytes = 0;

  /** Bytes that have left the staging buffer for good. */
  private base = 0;
  private sent = 0;
  private lentBytes = 0;
  /** Where the last sealed answer ends, and the last one that may leave. */
  private sealEnd = 0;
  private limitEnd = 0;

  /** Answers that wait for a commit: where they end, how many streams were added by then, for what. */
  private readonly waitEnds = new NumberRing(ringCapacity);
  private readonly waitStreams = new NumberRing(ringCapacity);
  private readonly waitLsns = new NumberRing(ringCapacity);

  /** Bodies that were not sent to their end, sealed or not, with their places among the bytes. */
  private readonly streams = new Ring<StreamSource>(ringCapacity);
  private readonly streamPlaces = new NumberRing(ringCapacity);
  private streamsAdded = 0;
  private streamsSealed = 0;
  private streamsLimit = 0;
  private streamsSent = 0;
  /** A body is not there yet, and will call. */
  private isAwaitingBody = false;
  private output: PooledSlab | null = null;
  private outputFill = 0;
  private isClosed = false;
  private readonly onBodyReady = (): void => {
    this.isAwaitingBody = false;
    if (!this.isClosed) this.owner.wantFlush();
  };

  constructor(
    owner: OutboxOwner,
    commits: ServedBroker['commits'],
    pool: SlabPool,
    memory: ConnectionMemory,
  ) {
    this.owner = owner;
    this.commits = commits;
    this.pool = pool;
    this.memory = memory;
  }

  get isFull(): boolean {
    const staged = this.writer.position - this.sent + this.lentBytes;
    if (staged >= stagedBytesMax || this.hasEnoughBodies()) return true;
    // With memory short, a peer gets its next answer when it has taken the last.
    return staged > 0 && this.memory.isShort;
  }

  private hasEnoughBodies(): boolean {
    const { streams } = this;
    if (streams.length >= waitingStreamsMax) return true;
    let bytes = 0;
    for (let i = 0; i < streams.length; i++) bytes += streams.at(i)?.bytesLeft ?? 0;
    return bytes > waitingStreamBytesMax;
  }

  /** Memory that is held for this connection's answers. */
  get heldBytes(): number {
    return this.countedBytes + (this.output?.bytes.length ?? 0);
  }

  /** To be called when answers may have been staged. */
  // HOT
  countStaging(): void {
    const bytes = this.isClosed ? 0 : this.writer.bytes.length;
    if (bytes === this.countedBytes) return;
    this.memory.stagedBytes += bytes - this.countedBytes;
    this.countedBytes = bytes;
  }

  /** Nothing is staged, sealed or not, and nothing is lent. */
  get isEmpty(): boolean {
    return this.sent === this.writer.position && this.streams.length === 0 && !this.isBlocked;
  }

  get isWaitingForCommit(): boolean {
    return this.waitEnds.length > 0;
  }

  /** The first answer that waits for a commit has it. */
  // HOT: once per waiting connection and commit.
  get isCovered(): boolean {
    return this.waitEnds.length > 0 && this.commits.isCovered(this.waitLsns.at(0));
  }

  // HOT: once per answer; no allocation.
  seal(lsn: number): void {
    this.sealEnd = this.base + this.writer.position;
    this.streamsSealed = this.streamsAdded;
    const last = this.waitEnds.length - 1;
    if (last < 0 && this.commits.isCovered(lsn)) {
      this.limitEnd = this.sealEnd;
      this.streamsLimit = this.streamsAdded;
      this.owner.wantFlush();
      return;
    }
    if (last >= 0 && lsn <= this.waitLsns.at(last)) {
      // Leaves with the answer before it.
      this.waitEnds.set(last, this.sealEnd);
      this.waitStreams.set(last, this.streamsAdded);
      return;
    }
    this.waitEnds.pushBack(this.sealEnd);
    this.waitStreams.pushBack(this.streamsAdded);
    this.waitLsns.pushBack(lsn);
    if (last < 0) this.owner.wantCommit();
  }

  stream(source: StreamSource): void {
    if (this.isClosed || source.bytesLeft === 0) {
      source.release();
      return;
    }
    this.streams.pushBack(source);
    this.streamPlaces.pushBack(this.base + this.writer.position);
    this.streamsAdded++;
  }

  discard(): void {
    this.writer.position = this.sealEnd - this.base;
    const kept = this.streams.length - (this.streamsAdded - this.streamsSealed);
    const sources: StreamSource[] = [];
    for (let source = this.streams.popFront(); source; source = this.streams.popFront()) {
      sources.push(source);
    }
    for (const [index, source] of sources.entries()) {
      if (index < kept) this.streams.pushBack(source);
      else source.release();
    }
    while (this.streamPlaces.length > kept) this.streamPlaces.popBack();
    this.streamsAdded = this.streamsSealed;
  }

  /**
   * Sends what may leave, as far as the kernel takes it, about `share` bytes of it for now. Throws what
   * a body's `read` throws.
   */
  // HOT: once per connection and tick.
  flush(share: number): void {
    if (this.isBlocked || this.isClosed) return;
    this.advanceLimit();
    let budget = share;
    while (!this.isBlocked && !this.isClosed) {
      const hasBody = this.streamsSent < this.streamsLimit;
      if (hasBody ? this.isAwaitingBody : this.base + this.sent === this.limitEnd) break;
      if (budget <= 0) {
        this.owner.wantFlush();
        break;
      }
      budget -= hasBody ? this.sendThroughOutput(budget) : this.sendStaged();
    }
    if (this.isBlocked || this.isClosed) return;
    this.dropOutput();
    this.tidy();
    this.countStaging();
  }

  /** All that was written has left. */
  onDrain(): void {
    this.isBlocked = false;
    this.lentBytes = 0;
  }

  /** The connection is gone. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isBlocked = false;
    for (let source = this.streams.popFront(); source; source = this.streams.popFront()) {
      source.release();
    }
    this.streamPlaces.clear();
    this.waitEnds.clear();
    this.dropOutput();
    this.countStaging();
  }

  /** Gives back the memory of answers past. */
  shrink(): void {
    if (this.isEmpty && this.writer.bytes.length > stagingIdleBytes) {
      this.base += this.writer.position;
      this.sent = 0;
      this.writer.reset(stagingIdleBytes);
    }
    this.countStaging();
  }

  /** Moves the limit over all answers whose commit has come. */
  private advanceLimit(): void {
    const { waitEnds, waitStreams, waitLsns } = this;
    while (waitEnds.length > 0 && this.commits.isCovered(waitLsns.at(0))) {
      this.limitEnd = waitEnds.popFront();
      this.streamsLimit = waitStreams.popFront();
      waitLsns.dropFront(1);
    }
  }

  private sendStaged(): number {
    const end = this.limitEnd - this.base;
    const bytes = this.writer.bytes.subarray(this.sent, end);
    this.sent = end;
    this.write(bytes);
    return bytes.length;
  }

  /** Fills one output buffer with staged bytes and bodies in their order, and sends it. */
  private sendThroughOutput(budget: number): number {
    this.output ??= this.pool.take(this.outputBytes(budget));
    const { bytes } = this.output;
    this.outputFill = 0;
    while (this.outputFill < bytes.length && this.streamsSent < this.streamsLimit) {
      this.copyStaged(bytes, this.streamPlaces.at(0));
      const room = bytes.length - this.outputFill;
      if (room === 0 || !this.readBody(bytes, room)) break;
    }
    if (this.streamsSent === this.streamsLimit) this.copyStaged(bytes, this.limitEnd);
    const count = this.outputFill;
    if (count > 0) this.write(bytes.subarray(0, count));
    return count;
  }

  /** Copies staged bytes up to the place `end` as far as there is room. */
  private copyStaged(target: Uint8Array, end: number): void {
    const from = this.sent;
    const count = Math.min(end - this.base - from, target.length - this.outputFill);
    if (count === 0) return;
    target.set(this.writer.bytes.subarray(from, from + count), this.outputFill);
    this.outputFill += count;
    this.sent = from + count;
  }

  /** False when the first body has nothing now. */
  private readBody(target: Uint8Array, room: number): boolean {
    const source = this.streams.peekFront();
    assert(source !== undefined, 'a stream that is counted is there');
    // Set first: a body may become ready at any time after its read.
    this.isAwaitingBody = true;
    const count = source.read(target, this.outputFill, room, this.onBodyReady);
    if (count === 0) return false;
    assert(count <= room, 'a body stays in the room it was given');
    this.isAwaitingBody = false;
    this.outputFill += count;
    if (source.bytesLeft > 0) return true;
    this.streams.popFront();
    this.streamPlaces.dropFront(1);
    this.streamsSent++;
    source.release();
    return true;
  }

  private write(bytes: Uint8Array): void {
    if (this.owner.write(bytes)) return;
    this.isBlocked = true;
    this.lentBytes = bytes.length;
  }

  private outputBytes(budget: number): number {
    if (this.memory.isScarce || this.streams.length === 0) return smallOutputBytes;
    let wanted = this.limitEnd - this.base - this.sent;
    for (let i = 0; i < this.streams.length && wanted < outputBytesMax; i++) {
      wanted += this.streams.at(i)?.bytesLeft ?? 0;
    }
    if (Math.min(wanted, budget) <= smallOutputBytes) return smallOutputBytes;
    // A buffer is sent as a whole: one that is larger than the budget would not keep to it.
    if (wanted <= mediumOutputBytes || budget < outputBytesMax) return mediumOutputBytes;
    return outputBytesMax;
  }

  private dropOutput(): void {
    this.output?.release();
    this.output = null;
  }

  /** Empties or moves the staging buffer, when nobody has positions in it. */
  private tidy(): void {
    const { writer } = this;
    if (this.sent === 0 || this.sealEnd !== this.base + writer.position) return;
    if (this.sent === writer.position) {
      this.base += this.sent;
      this.sent = 0;
      writer.reset(stagingKeepBytes);
    } else if (this.sent >= stagingKeepBytes) {
      writer.bytes.copyWithin(0, this.sent, writer.position);
      writer.position -= this.sent;
      this.base += this.sent;
      this.sent = 0;
    }
  }
}
