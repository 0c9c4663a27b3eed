/**
 * What the broker answers to those who change something. Each carries the LSN that has to be
 * committed before the answer may leave; 0 is no LSN: it may leave at once.
 */

import type { BrokerErrorCode } from '../kernel/errors.ts';
import type { Topic } from './catalog/topic.ts';

/** Reused by the caller; every field is set by every append. */
export class AppendOutcome {
  error: BrokerErrorCode | null = null;
  /** For people; empty without an error. */
  detail = '';
  /** Of the first record; -1 on error. */
  baseOffset = -1;
  lsn = 0;
  /** The broker's time if it stamped the records, else -1. Unix ms. */
  logAppendTime = -1;
  logStart = -1;
  /** The batch had been appended before; offset and time are those of then. */
  isDuplicate = false;
  /** The record at fault, counted from 0; -1 when it is the batch. */
  recordErrorIndex = -1;

  reset(): void {
    this.error = null;
    this.detail = '';
    this.baseOffset = -1;
    this.lsn = 0;
    this.logAppendTime = -1;
    this.logStart = -1;
    this.isDuplicate = false;
    this.recordErrorIndex = -1;
  }
}

export interface ChangeOutcome {
  readonly error: BrokerErrorCode | null;
  /** For people; empty without an error. */
  readonly detail: string;
  readonly lsn: number;
}

export interface TopicSpec {
  readonly name: string;
  /** -1: the broker's default. */
  readonly partitions: number;
  /** -1: the broker's default. More than there are nodes: as many as there are, or refused. */
  readonly replicationFactor: number;
  readonly options: ReadonlyMap<string, string>;
  readonly validateOnly: boolean;
}

export interface CreateOutcome extends ChangeOutcome {
  /** Null on error and when only validated. */
  readonly topic: Topic | null;
  /** How many it has or would have. */
  readonly partitions: number;
}

export interface DeleteRecordsOutcome extends ChangeOutcome {
  /** The log start from now on; -1 on error. */
  readonly logStart: number;
}

/** In bytes, of the file system that the data are on. */
export interface StorageSpace {
  readonly totalBytes: number;
  readonly usableBytes: number;
}

export interface NewProducerId {
  readonly error: BrokerErrorCode | null;
  readonly producerId: number;
  readonly lsn: number;
}
