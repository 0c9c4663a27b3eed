/**
 * What clients have sent: every batch of a run, made so that it can be told apart wherever it turns up.
 *
 * Owns: making batches, recognising them and their records by content, what became of each.
 * Leaves: where they may and must be found to `partition-history.ts`.
 *
 * A record's value: uint32 tag of its batch, uint32 its index in it, then bytes that follow from both.
 * So one record alone tells what it is, and a wrong byte anywhere in it shows.
 */
import { equalBytes, viewOf } from '../src/kernel/bytes.ts';
import { crc32c } from '../src/kernel/crc32c.ts';
import { batchHeaderBytes, batchSize } from '../src/record/batch.ts';
import { buildBatch } from '../src/record/batch-builder.ts';
import { SeededRandom } from './random.ts';
import { promise } from './violation.ts';

const HEAD_BYTES = 8;
const FILLER_BYTES = 512 * 1024;

/** A partition, as far as what was sent to it has to know it. */
export interface SentTarget {
  readonly index: number;
  readonly name: string;
  /** Accepted by the broker, and not seen by anybody yet. */
  readonly open: Set<Sent>;
  readonly topic: { readonly uuid: string };
  /** `sent` begins at `base`; the epoch is -1 until somebody has read it. */
  place(sent: Sent, base: number, epoch: number): unknown;
}

export interface SentSpec {
  readonly targets: readonly SentTarget[];
  readonly recordCount: number;
  readonly valueBytes: number;
  readonly firstTime: number;
  readonly timeStep: number;
  readonly codec: 0 | 3;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

export class Sent {
  readonly tag: number;
  readonly spec: SentSpec;
  /** As the client made it; given away as copies. Empty for a single record published by name. */
  readonly bytes: Uint8Array;
  /** Calls that the broker accepted, whatever came of them. */
  accepted = 0;
  isAcked = false;
  /** Base offset by partition, once somebody has seen it. */
  readonly places = new Map<SentTarget, number>();

  constructor(tag: number, spec: SentSpec, bytes: Uint8Array) {
    this.tag = tag;
    this.spec = spec;
    this.bytes = bytes;
  }

  get recordCount(): number {
    return this.spec.recordCount;
  }

  /** Bytes that it takes where it is stored, at most. */
  get bytesMax(): number {
    return this.bytes.length > 0 ? this.bytes.length : this.spec.valueBytes + 128;
  }

  timeOf(index: number): number {
    return this.spec.firstTime + index * this.spec.timeStep;
  }

  get lastTime(): number {
    return Math.max(this.timeOf(0), this.timeOf(this.recordCount - 1));
  }
}

/** A record as found. */
export interface Recognised {
  readonly sent: Sent;
  readonly index: number;
}

/** The same in all runs: what tells batches apart is their tags. */
const filler = new Uint8Array(FILLER_BYTES);
new SeededRandom(1).fill(filler);

export class SentLedger {
  private readonly byTag = new Map<number, Sent>();
  private readonly bySection = new Map<number, Sent>();
  private nextTag = 1;

  get count(): number {
    return this.byTag.size;
  }

  all(): IterableIterator<Sent> {
    return this.byTag.values();
  }

  /** A batch as a client would send it. */
  make(spec: SentSpec): Sent {
    for (;;) {
      const tag = this.nextTag++;
      const records = Array.from({ length: spec.recordCount }, (_, i) => ({
        key: null,
        value: this.valueOf(tag, i, spec.valueBytes),
        timestamp: spec.firstTime + i * spec.timeStep,
      }));
      const { codec, producerId, producerEpoch, baseSequence } = spec;
      const bytes = buildBatch(records, { codec, producerId, producerEpoch, baseSequence });
      const section = sectionCrc(bytes, 0, bytes.length);
      // Two batches of one sum could not be told apart: take another tag.
      if (this.bySection.has(section)) continue;
      const sent = new Sent(tag, spec, bytes);
      this.bySection.set(section, sent);
      this.byTag.set(tag, sent);
      return sent;
    }
  }

  /** A single record for the in-process publisher, which makes the batch itself. */
  makeSingle(spec: SentSpec): { readonly sent: Sent; readonly value: Uint8Array } {
    const tag = this.nextTag++;
    const sent = new Sent(tag, spec, new Uint8Array(0));
    this.byTag.set(tag, sent);
    return { sent, value: this.valueOf(tag, 0, spec.valueBytes) };
  }

  /** The batch at `at` if it is stored as it was sent. */
  recogniseBatch(bytes: Uint8Array, view: DataView, at: number): Sent | undefined {
    const size = batchSize(view, at);
    const sent = this.bySection.get(sectionCrc(bytes, at, at + size));
    // What the broker compressed anew may have the sum of another batch.
    return sent?.bytes.length === size ? sent : undefined;
  }

  /** The record with this value. @throws Violation when nobody sent it. */
  recogniseRecord(value: Uint8Array | null): Recognised {
    promise(value !== null && value.length >= HEAD_BYTES, 'a record nobody sent was found');
    const view = viewOf(value);
    const tag = view.getUint32(0);
    const index = view.getUint32(4);
    const sent = this.byTag.get(tag);
    promise(
      sent !== undefined && index < sent.recordCount && value.length === sent.spec.valueBytes,
      `a record nobody sent was found: tag ${tag}, index ${index}, ${value.length} bytes`,
    );
    const isWhole = equalBytes(value, this.valueOf(tag, index, value.length));
    promise(isWhole, `a record of batch ${tag} has other bytes than were sent`);
    return { sent, index };
  }

  private valueOf(tag: number, index: number, length: number): Uint8Array {
    const value = new Uint8Array(length);
    const view = viewOf(value);
    view.setUint32(0, tag);
    view.setUint32(4, index);
    const room = FILLER_BYTES - length;
    const from = (Math.imul(tag, 40_503) + Math.imul(index, 7_919)) >>> 0;
    value.set(filler.subarray(from % room, (from % room) + length - HEAD_BYTES), HEAD_BYTES);
    return value;
  }
}

/** The records of a batch, without its header: what no broker changes unless it recompresses. */
function sectionCrc(bytes: Uint8Array, start: number, end: number): number {
  return crc32c(bytes, start + batchHeaderBytes, end);
}
