/**
 * Reading several partitions over the admin API: where each stands, and what comes next.
 */

import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import type { AdminSession } from './admin-session.ts';
import { note } from './output.ts';
import type { Place } from './place.ts';
import type { JsonBytes } from './stored-bytes.ts';

export interface ReadRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: JsonBytes | null;
  readonly value: JsonBytes | null;
  readonly headers: readonly { readonly key: string; readonly value: JsonBytes | null }[];
}

export interface PartitionRead {
  readonly topic: string;
  readonly partition: number;
  readonly logStart: number;
  readonly highWatermark: number;
  readonly nextOffset: number;
  readonly records: readonly ReadRecord[];
  readonly error: { readonly code: string; readonly detail: string } | null;
}

export interface ReadPosition {
  readonly topic: string;
  readonly partition: number;
  at: Place;
  /** Retention may move it on: it is no offset that somebody has asked for. */
  mayMoveOn: boolean;
  /** Up to where it is to be read. */
  readonly end: number;
}

export interface ReadLimits {
  readonly maxRecords: number;
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

const positionsMax = 10_000;

export class RecordReader {
  readonly #session: AdminSession;
  readonly #positions = new Map<string, ReadPosition>();

  constructor(session: AdminSession) {
    this.#session = session;
  }

  /** `end`: what `isAtEnd` goes by. A partition that is known already stays where it is. */
  add(topic: string, partition: number, at: Place, end = Number.POSITIVE_INFINITY): void {
    const key = keyOf(topic, partition);
    if (this.#positions.has(key)) return;
    const mayMoveOn = typeof at !== 'number';
    this.#positions.set(key, { topic, partition, at, mayMoveOn, end });
  }

  get count(): number {
    return this.#positions.size;
  }

  /** Every partition was read to its end. */
  get isAtEnd(): boolean {
    for (const { at, end } of this.#positions.values()) {
      if (typeof at !== 'number' || at < end) return false;
    }
    return true;
  }

  /**
   * What there is, or after `waitMs` nothing. Partitions take turns. Topics that are gone are left out
   * from then on, with a note.
   */
  async read({ maxRecords, waitMs, signal }: ReadLimits): Promise<PartitionRead[]> {
    const positions = [...this.#positions.values()].slice(0, positionsMax);
    const body = {
      positions: positions.map(({ topic, partition, at }) => ({ topic, partition, at })),
      maxRecords,
      waitMs,
    };
    const { partitions } = await this.#session.call<{ partitions: readonly PartitionRead[] }>(
      'POST',
      '/v1/records/read',
      { body, signal },
    );
    return partitions.filter((read) => this.#note(read));
  }

  /** False when there is nothing of it to show. */
  #note(read: PartitionRead): boolean {
    const key = keyOf(read.topic, read.partition);
    const position = this.#positions.get(key);
    if (position === undefined) return false;
    if (read.error !== null) {
      this.#onError(key, position, read);
      return false;
    }
    position.at = read.nextOffset;
    // To the end of the line: those with news take turns with the others.
    this.#positions.delete(key);
    this.#positions.set(key, position);
    return read.records.length > 0;
  }

  #onError(key: string, position: ReadPosition, { error, logStart }: PartitionRead): void {
    const code = error?.code ?? '';
    const place = `${position.topic}, partition ${position.partition}`;
    const isBehind = typeof position.at === 'number' && position.at < logStart;
    if (code === 'offset_out_of_range' && position.mayMoveOn && isBehind) {
      note(`polylog: ${place}: records before offset ${logStart} are gone`);
      position.at = logStart;
    } else if (code === 'topic_not_found' && this.#positions.size > 1) {
      note(`polylog: ${place}: the topic is gone`);
      this.#positions.delete(key);
    } else {
      throw new BrokerError(code as BrokerErrorCode, error?.detail ?? place);
    }
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}
