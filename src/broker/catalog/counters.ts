/**
 * The ids that come next, so that none is ever used twice.
 *
 * Owns: one checkpoint object with the three counters.
 * Leaves: handing ids out to whoever decides; the entries that name them move the counters here.
 *
 * Checkpoint object (type 16): uint32 next topic | uint32 next partition | uint64 next producer.
 */

import type { ByteWriter } from '../../kernel/byte-writer.ts';
import { BodyReader, BodyWriter } from '../body.ts';
import { producerIdBlock } from '../limits.ts';

/** The smallest entry that gives a topic's id, a partition's in it, and a block of producer ids. */
const topicEntryBytesMin = 40;
const partitionIdBytes = 4;
const producerIdsEntryBytes = 16;

export class Counters {
  nextTopicId = 1;
  nextPartitionId = 1;
  /** All ids below it may have been handed out. */
  nextProducerId = 0;
  /** Of the last entry that moved one of them; 0 before the first. */
  lastLsn = 0;

  noteTopic(lsn: number, id: number): void {
    if (id >= this.nextTopicId) this.nextTopicId = id + 1;
    this.note(lsn);
  }

  notePartition(lsn: number, id: number): void {
    if (id >= this.nextPartitionId) this.nextPartitionId = id + 1;
    this.note(lsn);
  }

  noteProducerIds(lsn: number, next: number): void {
    if (next > this.nextProducerId) this.nextProducerId = next;
    this.note(lsn);
  }

  /** In `bytes` of entries that are lost, so many ids may have been given at most. */
  skip(lsn: number, bytes: number): void {
    if (lsn <= this.lastLsn) return;
    this.nextTopicId += Math.ceil(bytes / topicEntryBytesMin);
    this.nextPartitionId += Math.ceil(bytes / partitionIdBytes);
    this.nextProducerId += Math.ceil(bytes / producerIdsEntryBytes) * producerIdBlock;
    this.note(lsn);
  }

  encode(writer: ByteWriter): void {
    new BodyWriter(writer)
      .uint32(this.nextTopicId)
      .uint32(this.nextPartitionId)
      .int64(this.nextProducerId);
  }

  restore(lsn: number, bytes: Uint8Array, start: number, end: number): void {
    const reader = new BodyReader(bytes, start, end);
    this.nextTopicId = reader.uint32();
    this.nextPartitionId = reader.uint32();
    this.nextProducerId = reader.int64();
    this.lastLsn = lsn;
  }

  /** The counters only grow, so an entry seen twice moves nothing: no check of the LSN is needed. */
  private note(lsn: number): void {
    if (lsn > this.lastLsn) this.lastLsn = lsn;
  }
}
