/**
 * Encodes Produce responses piece by piece, while the request is being walked: nothing is collected
 * first, topic names are copied from the request's own bytes.
 *
 *     array   topics
 *       string | 16 bytes   name, up to version 12 | id, from version 13
 *       array   partitions
 *         int32   index
 *         int16   error code
 *         int64   base offset             -1 on error
 *         int64   log append time, ms     from 2; -1 when the producer's times were kept
 *         int64   log start offset        from 5
 *         array   {int32 record index, string message or null}       from 8 [KIP-467]
 *         string  error message or null                              from 8
 *         tags    0: current leader                                  from 10 [KIP-951]
 *     int32   throttle time, ms           from 1
 *     tags    0: node endpoints           from 10
 *
 * Owns: versions 0 to 13. Call order: begin, then per topic (topicName or topicId, its partitions,
 * endTopic), then end.
 */

import { assert } from '../../kernel/assert.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import { apiKeys } from './api-keys.ts';
import { kafkaErrors } from './error-codes.ts';
import { beginResponse, endResponse } from './frame.ts';
import { type NodeEndpoint, noEndpoints, writeEndpoints, writeLeader } from './leader-hints.ts';
import { produceResponse } from './schemas/produce.ts';
import { writeArrayCount, writeString, writeStringBytes } from './writer.ts';

/** One record that made its batch be refused. */
export interface RecordError {
  readonly batchIndex: number;
  readonly message: string | null;
}

const noRecordErrors: readonly RecordError[] = [];

const logAppendTimeSince = 2;
const logStartOffsetSince = 5;
const recordErrorsSince = 8;
const leaderHintsSince = 10;
const leaderTag = 0;

/** Reused for all answers of a connection. */
export class ProduceResponse {
  private writer: ByteWriter | null = null;
  private version = 0;
  private isFlexible = false;
  private frameStart = 0;

  // HOT
  begin(writer: ByteWriter, version: number, correlationId: number, topicCount: number): void {
    this.writer = writer;
    this.version = version;
    this.isFlexible = version >= produceResponse.flexibleSince;
    this.frameStart = beginResponse(writer, apiKeys.produce, this.isFlexible, correlationId);
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

  /** A partition whose batch was appended. `logAppendTimeMs` is -1 unless the topic stamps times. */
  // HOT
  appended(
    partition: number,
    baseOffset: number,
    logAppendTimeMs: number,
    logStartOffset: number,
  ): void {
    this.head(partition, kafkaErrors.none, baseOffset, logAppendTimeMs, logStartOffset);
    this.tail(null, noRecordErrors, -1, -1);
  }

  /** A partition whose batch was refused. `logStartOffset` is -1 when it is not known. */
  refused(
    partition: number,
    errorCode: number,
    logStartOffset: number,
    message: string | null,
    recordErrors: readonly RecordError[] = noRecordErrors,
  ): void {
    this.head(partition, errorCode, -1, -1, logStartOffset);
    this.tail(message, recordErrors, -1, -1);
  }

  /** A partition that is led elsewhere. `end` must be given the leader's endpoint. */
  misdirected(partition: number, errorCode: number, leaderId: number, leaderEpoch: number): void {
    this.head(partition, errorCode, -1, -1, -1);
    this.tail(null, noRecordErrors, leaderId, leaderEpoch);
  }

  // HOT
  endTopic(): void {
    if (this.isFlexible) this.open().uint8(0);
  }

  // HOT
  end(throttleTimeMs: number, endpoints: readonly NodeEndpoint[] = noEndpoints): void {
    const writer = this.open();
    if (this.version >= 1) writer.int32(throttleTimeMs);
    if (this.isFlexible) writeEndpoints(writer, this.hasHints() ? endpoints : noEndpoints);
    endResponse(writer, this.frameStart, 0);
    this.writer = null;
  }

  private head(
    partition: number,
    errorCode: number,
    baseOffset: number,
    logAppendTimeMs: number,
    logStartOffset: number,
  ): void {
    const writer = this.open();
    writer.int32(partition);
    writer.int16(errorCode);
    writer.int64(baseOffset);
    if (this.version >= logAppendTimeSince) writer.int64(logAppendTimeMs);
    if (this.version >= logStartOffsetSince) writer.int64(logStartOffset);
  }

  private tail(
    message: string | null,
    recordErrors: readonly RecordError[],
    leaderId: number,
    leaderEpoch: number,
  ): void {
    const { isFlexible } = this;
    const writer = this.open();
    if (this.version >= recordErrorsSince) {
      writeArrayCount(writer, isFlexible, recordErrors.length);
      for (let i = 0; i < recordErrors.length; i++) {
        const error = recordErrors[i]!;
        writer.int32(error.batchIndex);
        writeString(writer, isFlexible, error.message);
        if (isFlexible) writer.uint8(0);
      }
      writeString(writer, isFlexible, message);
    }
    if (isFlexible) writeLeader(writer, leaderTag, this.hasHints() ? leaderId : -1, leaderEpoch);
  }

  private hasHints(): boolean {
    return this.version >= leaderHintsSince;
  }

  private open(): ByteWriter {
    assert(this.writer !== null, 'a response was begun');
    return this.writer;
  }
}
