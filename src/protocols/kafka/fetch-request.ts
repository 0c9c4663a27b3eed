/**
 * Decodes Fetch requests in place: a cursor over topics and partitions, then one over what the
 * session shall forget.
 *
 *     int32   replica id                  up to version 14; -1 a consumer
 *     int32   longest wait, ms
 *     int32   fewest bytes, most bytes
 *     int8    isolation level             1: committed only
 *     int32   session id, session epoch   from 7 [KIP-227]
 *     array   topics
 *       string | 16 bytes   name, up to version 12 | id, from version 13 [KIP-516]
 *       array   partitions
 *         int32   index
 *         int32   current leader epoch    from 9; -1 unknown
 *         int64   fetch offset
 *         int32   last fetched epoch      from 12; -1 unknown
 *         int64   log start offset        from 5; -1, followers only
 *         int32   most bytes
 *         tags    0: replica directory id from 17, 1: high watermark from 18; followers only, skipped
 *     array   forgotten topics            from 7: name or id, array of int32 partition
 *     string  rack                        from 11
 *     tags    0: cluster id, 1: {int32 replica id, int64 replica epoch} from 15
 *
 * Owns: positions, for versions 4 to 18. Leaves: sessions and limits to the handler.
 * Same answers as the schema in schemas/fetch.ts, which the tests hold it against.
 *
 * `begin` walks the whole request first: what follows the topics decides how they are meant.
 */

import { assert } from '../../kernel/assert.ts';
import { type Reader, violation } from './reader.ts';
import { fetchRequest } from './schemas/fetch.ts';

const topicIdSince = 13;
const clusterIdTag = 0;
const replicaStateTag = 1;

/** Positions are in the bytes of the reader given to `begin`, and as short-lived. Reused. */
export class FetchRequest {
  /** -1: a consumer. */
  replicaId = -1;
  replicaEpoch = -1;
  maxWaitMs = 0;
  minBytes = 0;
  maxBytes = 0;
  isolationLevel = 0;
  sessionId = 0;
  sessionEpoch = -1;
  /** Both -1: null. */
  clusterIdStart = -1;
  clusterIdEnd = -1;
  /** Empty when the version has none. */
  rackStart = 0;
  rackEnd = 0;
  topicCount = 0;
  forgottenTopicCount = 0;

  /** Of the current topic: its name, or its id's 16 bytes and then no name. -1: not in this version. */
  topicNameStart = -1;
  topicNameEnd = -1;
  topicIdStart = -1;
  partitionCount = 0;

  /** Of the current partition. */
  partition = 0;
  currentLeaderEpoch = -1;
  fetchOffset = 0;
  lastFetchedEpoch = -1;
  logStartOffset = -1;
  partitionMaxBytes = 0;

  private reader: Reader | null = null;
  private version = 0;
  private isFlexible = false;
  private forgottenStart = 0;
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
    this.isFlexible = version >= fetchRequest.flexibleSince;
    this.readHead(reader);
    const topicsStart = reader.position;
    while (this.nextTopic()) {
      reader.spendElements(1 + this.partitionCount);
      while (this.nextPartition());
    }
    this.forgottenStart = reader.position;
    this.walkForgotten(reader);
    this.rackStart = reader.position;
    this.rackEnd = reader.position;
    if (version >= 11) {
      const length = this.notNull(reader.stringLength(this.isFlexible), 'the rack is null');
      this.rackStart = reader.take(length);
      this.rackEnd = reader.position;
    }
    if (this.isFlexible) this.readTags(reader);
    reader.position = topicsStart;
    this.topicsLeft = this.topicCount;
  }

  /** Moves to the next topic, over the partitions of this one that are left. */
  // HOT
  nextTopic(): boolean {
    while (this.isInTopic) this.nextPartition();
    return this.enterTopic(8);
  }

  /** Moves to the next partition of the current topic; false when it has no more. */
  // HOT
  nextPartition(): boolean {
    if (!this.isInTopic) return false;
    const { reader, version } = this;
    assert(reader !== null, 'a request was begun');
    if (this.partitionsLeft === 0) return this.leaveTopic(reader);
    this.partitionsLeft--;
    this.partition = reader.int32();
    this.currentLeaderEpoch = version >= 9 ? reader.int32() : -1;
    this.fetchOffset = reader.int64();
    this.lastFetchedEpoch = version >= 12 ? reader.int32() : -1;
    this.logStartOffset = version >= 5 ? reader.int64() : -1;
    this.partitionMaxBytes = reader.int32();
    if (this.isFlexible) reader.skipTags();
    return true;
  }

  /** Goes to what the session shall forget. To be called when the topics have been walked. */
  beginForgotten(): void {
    assert(this.reader !== null, 'a request was begun');
    this.reader.position = this.forgottenStart;
    if (this.version >= 7) this.reader.arrayCount(this.isFlexible, 3);
    this.topicsLeft = this.forgottenTopicCount;
    this.isInTopic = false;
  }

  /** As `nextTopic`, for forgotten ones. */
  nextForgottenTopic(): boolean {
    while (this.isInTopic) this.nextForgottenPartition();
    return this.enterTopic(4);
  }

  /** As `nextPartition`, for forgotten ones: sets `partition` alone. */
  nextForgottenPartition(): boolean {
    if (!this.isInTopic) return false;
    assert(this.reader !== null, 'a request was begun');
    if (this.partitionsLeft === 0) return this.leaveTopic(this.reader);
    this.partitionsLeft--;
    this.partition = this.reader.int32();
    return true;
  }

  private readHead(reader: Reader): void {
    const { version, isFlexible } = this;
    this.replicaId = version <= 14 ? reader.int32() : -1;
    this.replicaEpoch = -1;
    this.clusterIdStart = -1;
    this.clusterIdEnd = -1;
    this.maxWaitMs = reader.int32();
    this.minBytes = reader.int32();
    this.maxBytes = reader.int32();
    this.isolationLevel = reader.int8();
    this.sessionId = version >= 7 ? reader.int32() : 0;
    this.sessionEpoch = version >= 7 ? reader.int32() : -1;
    this.topicCount = this.notNull(reader.arrayCount(isFlexible, 3), 'the topics are null');
    this.topicsLeft = this.topicCount;
    this.isInTopic = false;
  }

  /** `partitionBytesMin` is the least that one of its partitions takes. */
  private enterTopic(partitionBytesMin: number): boolean {
    if (this.topicsLeft === 0) return false;
    this.topicsLeft--;
    const { reader, isFlexible } = this;
    assert(reader !== null, 'a request was begun');
    if (this.version >= topicIdSince) {
      this.topicIdStart = reader.take(16);
      this.topicNameStart = -1;
      this.topicNameEnd = -1;
    } else {
      const length = this.notNull(reader.stringLength(isFlexible), 'a topic name is null');
      this.topicIdStart = -1;
      this.topicNameStart = reader.take(length);
      this.topicNameEnd = reader.position;
    }
    const count = reader.arrayCount(isFlexible, partitionBytesMin);
    this.partitionCount = this.notNull(count, 'the partitions of a topic are null');
    this.partitionsLeft = count;
    this.isInTopic = true;
    return true;
  }

  private leaveTopic(reader: Reader): false {
    if (this.isFlexible) reader.skipTags();
    this.isInTopic = false;
    return false;
  }

  private walkForgotten(reader: Reader): void {
    this.forgottenTopicCount = 0;
    if (this.version < 7) return;
    const count = reader.arrayCount(this.isFlexible, 3);
    this.forgottenTopicCount = this.notNull(count, 'the forgotten topics are null');
    this.topicsLeft = this.forgottenTopicCount;
    while (this.nextForgottenTopic()) {
      reader.spendElements(1 + this.partitionCount);
      while (this.nextForgottenPartition());
    }
  }

  private readTags(reader: Reader): void {
    const bodyEnd = reader.end;
    for (let left = reader.uvarint(); left > 0; left--) {
      const tag = reader.uvarint();
      const size = reader.uvarint();
      const at = reader.take(size);
      reader.position = at;
      reader.end = at + size;
      if (tag === clusterIdTag) this.readClusterId(reader);
      else if (tag === replicaStateTag && this.version >= 15) this.readReplicaState(reader);
      reader.position = at + size;
      reader.end = bodyEnd;
    }
  }

  private readClusterId(reader: Reader): void {
    const length = reader.stringLength(true);
    this.clusterIdStart = length < 0 ? -1 : reader.take(length);
    this.clusterIdEnd = length < 0 ? -1 : reader.position;
  }

  private readReplicaState(reader: Reader): void {
    this.replicaId = reader.int32();
    this.replicaEpoch = reader.int64();
    reader.skipTags();
  }

  private notNull(lengthOrCount: number, otherwise: string): number {
    if (lengthOrCount < 0) throw violation(otherwise);
    return lengthOrCount;
  }
}
