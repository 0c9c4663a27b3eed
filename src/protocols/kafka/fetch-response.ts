/**
 * Encodes Fetch responses piece by piece, so that the record bytes can be streamed between the
 * pieces without ever being in one buffer.
 *
 *     int32   throttle time, ms
 *     int16   error code                  from 7
 *     int32   session id                  from 7; 0 no session
 *     array   topics
 *       string | 16 bytes   name, up to version 12 | id, from version 13
 *       array   partitions
 *         int32   index
 *         int16   error code
 *         int64   high watermark          -1 on error
 *         int64   last stable offset
 *         int64   log start offset        from 5
 *         array   aborted transactions    {int64 producer id, int64 first offset}; null: not asked for
 *         int32   preferred read replica  from 11; -1 none
 *         bytes   record batches          never null: clients take null for an error
 *         tags    1: current leader       from 12 [KIP-951]
 *     tags    0: node endpoints           from 16
 *
 * Owns: versions 4 to 18, and the size of a response before it is written (FetchResponseSize).
 * Call order: begin, then per topic (topicName or topicId, per partition: partition, aborted as often
 * as said, records, the record bytes, endPartition; endTopic), then end.
 *
 * Invariant, held by the tests: FetchResponseSize, told the same, gives exactly the bytes that the
 * pieces and the records come to.
 */

import { assert } from '../../kernel/assert.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import { apiKeys } from './api-keys.ts';
import { beginResponse, endResponse, responseHeadBytes } from './frame.ts';
import {
  endpointsSize,
  leaderSize,
  type NodeEndpoint,
  noEndpoints,
  writeEndpoints,
  writeLeader,
} from './leader-hints.ts';
import { fetchResponse } from './schemas/fetch.ts';
import {
  lengthPrefixSize,
  stringSize,
  writeArrayCount,
  writeBytesLength,
  writeStringBytes,
} from './writer.ts';

const logStartOffsetSince = 5;
const sessionSince = 7;
const preferredReplicaSince = 11;
const endpointsSince = 16;
const leaderTag = 1;

/** Reused for all answers of a connection. */
export class FetchResponse {
  private writer: ByteWriter | null = null;
  private version = 0;
  private isFlexible = false;
  private frameStart = 0;
  /** Record bytes announced so far that the caller sends by another way than the writer. */
  private streamedBytes = 0;
  private abortedLeft = 0;

  // HOT
  begin(writer: ByteWriter, version: number, correlationId: number, throttleTimeMs: number): void {
    this.writer = writer;
    this.version = version;
    this.isFlexible = version >= fetchResponse.flexibleSince;
    this.streamedBytes = 0;
    this.frameStart = beginResponse(writer, apiKeys.fetch, this.isFlexible, correlationId);
    writer.int32(throttleTimeMs);
  }

  /** Once, after `begin`. `errorCode` is the session's, 0 for none; old versions have no room for it. */
  // HOT
  session(errorCode: number, sessionId: number, topicCount: number): void {
    const writer = this.open();
    if (this.version >= sessionSince) {
      writer.int16(errorCode);
      writer.int32(sessionId);
    }
    writeArrayCount(writer, this.isFlexible, topicCount);
  }

  /** Up to version 12: the name is source[start, end). */
  // HOT
  topicName(source: Uint8Array, start: number, end: number, partitionCount: number): void {
    const writer = this.open();
    writeStringBytes(writer, this.isFlexible, source, start, end);
    writeArrayCount(writer, this.isFlexible, partitionCount);
  }

  /** From version 13: the id is the 16 bytes of source from `start`. */
  // HOT
  topicId(source: Uint8Array, start: number, partitionCount: number): void {
    const writer = this.open();
    writer.copy(source, start, start + 16);
    writeArrayCount(writer, this.isFlexible, partitionCount);
  }

  /** Begins a partition. `abortedCount` calls of `aborted` follow; -1: null, for who did not ask. */
  // HOT
  partition(
    partition: number,
    errorCode: number,
    highWatermark: number,
    lastStableOffset: number,
    logStartOffset: number,
    abortedCount: number,
  ): void {
    const writer = this.open();
    writer.int32(partition);
    writer.int16(errorCode);
    writer.int64(highWatermark);
    writer.int64(lastStableOffset);
    if (this.version >= logStartOffsetSince) writer.int64(logStartOffset);
    writeArrayCount(writer, this.isFlexible, abortedCount);
    this.abortedLeft = Math.max(abortedCount, 0);
  }

  /** In ascending order of first offsets: clients rely on it. */
  aborted(producerId: number, firstOffset: number): void {
    const writer = this.open();
    assert(this.abortedLeft > 0, 'as many aborted transactions as were announced');
    this.abortedLeft--;
    writer.int64(producerId);
    writer.int64(firstOffset);
    if (this.isFlexible) writer.uint8(0);
  }

  /**
   * The length of the record bytes, which come next: into the same writer, or streamed (then they
   * count for the frame's length without being in the writer).
   */
  // HOT
  records(preferredReadReplica: number, length: number, isStreamed: boolean): void {
    const writer = this.open();
    assert(this.abortedLeft === 0, 'all aborted transactions that were announced');
    assert(length >= 0, 'records that are not null');
    if (this.version >= preferredReplicaSince) writer.int32(preferredReadReplica);
    writeBytesLength(writer, this.isFlexible, length);
    if (isStreamed) this.streamedBytes += length;
  }

  /** After the record bytes. A leader id of -1 says nothing about the leader. */
  // HOT
  endPartition(leaderId = -1, leaderEpoch = -1): void {
    if (this.isFlexible) writeLeader(this.open(), leaderTag, leaderId, leaderEpoch);
  }

  // HOT
  endTopic(): void {
    if (this.isFlexible) this.open().uint8(0);
  }

  // HOT
  end(endpoints: readonly NodeEndpoint[] = noEndpoints): void {
    const writer = this.open();
    if (this.isFlexible) {
      writeEndpoints(writer, this.version >= endpointsSince ? endpoints : noEndpoints);
    }
    endResponse(writer, this.frameStart, this.streamedBytes);
    this.writer = null;
  }

  private open(): ByteWriter {
    assert(this.writer !== null, 'a response was begun');
    return this.writer;
  }
}

/** Adds up the size of a response that is only planned. Reused. */
export class FetchResponseSize {
  /** Bytes of all that was told so far, the frame's length field included. */
  total = 0;
  private version = 0;
  private isFlexible = false;

  // HOT
  begin(version: number, topicCount: number): void {
    this.version = version;
    this.isFlexible = version >= fetchResponse.flexibleSince;
    this.total = responseHeadBytes(apiKeys.fetch, this.isFlexible) + 4;
    if (version >= sessionSince) this.total += 6;
    this.total += lengthPrefixSize(this.isFlexible, topicCount);
    if (this.isFlexible) this.total += 1;
  }

  /** `nameBytes` is the length of the topic's name; not used from version 13. */
  // HOT
  topic(nameBytes: number, partitionCount: number): void {
    const { isFlexible } = this;
    this.total += this.version >= 13 ? 16 : stringSize(isFlexible, nameBytes);
    this.total += lengthPrefixSize(isFlexible, partitionCount) + (isFlexible ? 1 : 0);
  }

  // HOT
  partition(abortedCount: number, recordsBytes: number, hasLeader: boolean): void {
    const { isFlexible } = this;
    let size = 22;
    if (this.version >= logStartOffsetSince) size += 8;
    size += lengthPrefixSize(isFlexible, abortedCount);
    size += Math.max(abortedCount, 0) * (isFlexible ? 17 : 16);
    if (this.version >= preferredReplicaSince) size += 4;
    size += lengthPrefixSize(isFlexible, recordsBytes) + recordsBytes;
    if (isFlexible) size += leaderSize(hasLeader);
    this.total += size;
  }

  /** Instead of no endpoints, which `begin` counts. */
  endpoints(endpoints: readonly NodeEndpoint[]): void {
    if (this.version >= endpointsSince) this.total += endpointsSize(endpoints) - 1;
  }
}
