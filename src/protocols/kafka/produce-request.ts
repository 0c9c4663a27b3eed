/**
 * Decodes Produce requests in place: a cursor over topics and partitions, no object for any of them.
 *
 *     string  transactional id            from version 3, null for most
 *     int16   acks                        -1 all, 0 none and no answer, 1 leader
 *     int32   timeout, ms
 *     array   topics
 *       string | 16 bytes   name, up to version 12 | id, from version 13 [KIP-516]
 *       array   partitions
 *         int32   index
 *         bytes   record batches          null allowed
 *
 * Owns: positions, for versions 0 to 13. Leaves: the batches to record/, meaning to the handler.
 * Same answers as the schema in schemas/produce.ts, which the tests hold it against.
 *
 * `begin` walks the whole request before anything is handed out: a request that is malformed at its
 * end must not have been half executed.
 */

import { assert } from '../../kernel/assert.ts';
import { type Reader, violation } from './reader.ts';
import { produceRequest } from './schemas/produce.ts';

const topicIdSince = 13;
const transactionalIdSince = 3;

/** Positions are in the bytes of the reader given to `begin`, and as short-lived. Reused. */
export class ProduceRequest {
  acks = 0;
  timeoutMs = 0;
  /** -1: null. */
  transactionalIdStart = -1;
  transactionalIdEnd = -1;
  topicCount = 0;

  /** Of the current topic: its name, or its id's 16 bytes and then no name. -1: not in this version. */
  topicNameStart = -1;
  topicNameEnd = -1;
  topicIdStart = -1;
  partitionCount = 0;

  /** Of the current partition. */
  partition = 0;
  /** -1: null. */
  recordsStart = -1;
  recordsEnd = -1;

  private reader: Reader | null = null;
  private version = 0;
  private isFlexible = false;
  private topicsLeft = 0;
  private partitionsLeft = 0;
  private isInTopic = false;

  /**
   * Reads the request at which `reader` stands and rewinds to its first topic.
   *
   * @throws ProtocolViolation when the bytes are no such request.
   */
  // HOT: once per request.
  begin(reader: Reader, version: number): void {
    this.reader = reader;
    this.version = version;
    this.isFlexible = version >= produceRequest.flexibleSince;
    this.readHead(reader);
    const topicsStart = reader.position;
    while (this.nextTopic()) {
      reader.spendElements(1 + this.partitionCount);
      while (this.nextPartition());
    }
    if (this.isFlexible) reader.skipTags();
    reader.position = topicsStart;
    this.topicsLeft = this.topicCount;
  }

  /** Moves to the next topic, over the partitions of this one that are left. */
  // HOT
  nextTopic(): boolean {
    while (this.isInTopic) this.nextPartition();
    if (this.topicsLeft === 0) return false;
    this.topicsLeft--;
    const { reader, isFlexible } = this;
    assert(reader !== null, 'a request was begun');
    if (this.version >= topicIdSince) {
      this.topicIdStart = reader.take(16);
      this.topicNameStart = -1;
      this.topicNameEnd = -1;
    } else {
      const length = reader.stringLength(isFlexible);
      if (length < 0) throw violation('a topic name is null');
      this.topicIdStart = -1;
      this.topicNameStart = reader.take(length);
      this.topicNameEnd = reader.position;
    }
    const count = reader.arrayCount(isFlexible, 6);
    if (count < 0) throw violation('the partitions of a topic are null');
    this.partitionCount = count;
    this.partitionsLeft = count;
    this.isInTopic = true;
    return true;
  }

  /** Moves to the next partition of the current topic; false when it has no more. */
  // HOT
  nextPartition(): boolean {
    if (!this.isInTopic) return false;
    const { reader, isFlexible } = this;
    assert(reader !== null, 'a request was begun');
    if (this.partitionsLeft === 0) {
      if (isFlexible) reader.skipTags();
      this.isInTopic = false;
      return false;
    }
    this.partitionsLeft--;
    this.partition = reader.int32();
    const length = reader.bytesLength(isFlexible);
    if (length < 0) {
      this.recordsStart = -1;
      this.recordsEnd = -1;
    } else {
      this.recordsStart = reader.take(length);
      this.recordsEnd = reader.position;
    }
    if (isFlexible) reader.skipTags();
    return true;
  }

  private readHead(reader: Reader): void {
    this.transactionalIdStart = -1;
    this.transactionalIdEnd = -1;
    if (this.version >= transactionalIdSince) {
      const length = reader.stringLength(this.isFlexible);
      if (length >= 0) {
        this.transactionalIdStart = reader.take(length);
        this.transactionalIdEnd = reader.position;
      }
    }
    this.acks = reader.int16();
    this.timeoutMs = reader.int32();
    this.topicCount = reader.arrayCount(this.isFlexible, 3);
    if (this.topicCount < 0) throw violation('the topics are null');
    this.topicsLeft = this.topicCount;
    this.partitionsLeft = 0;
    this.isInTopic = false;
  }
}
