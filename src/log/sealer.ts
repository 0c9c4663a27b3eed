/**
 * Sealing: a segment that the writer has left gets its footer and its line in the manifest.
 *
 * Owns: the queue of full segments, building and writing one footer at a time.
 * Leaves: when a segment is full to the pipeline, its end of life to retirement.
 *
 * Invariant: a segment's index is dropped only when its footer and its manifest record are durable.
 */
import { assert } from '../kernel/assert.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { Clock, DiskError, Scheduler } from '../kernel/ports.ts';
import type { BatchIndex } from './batch-index.ts';
import { FOOTER_SLICE_ROWS, FooterBuilder, type FooterSource } from './footer.ts';
import { DISK_RETRY_MS, SEGMENT_HEADER_BYTES, SEGMENT_TRAILER_BYTES, SLICE_MS } from './limits.ts';
import type { Manifest } from './manifest.ts';
import type { SealedSegment } from './manifest-record.ts';
import type { Segment } from './segment.ts';
import { storageFailed } from './storage-fault.ts';

/** Slices of one write, where the clock stands still. */
const SLICES_MAX = 16;
/** Full segments that may wait; past that publishers wait too, or indexes would pile up. */
const BACKLOG_MAX = 2;

export interface SealerPorts {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
}

/** Who asks for a footer: its file must not be touched once the owner has stopped. */
export interface FooterOwner {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly storeId: Uint8Array;
  readonly isStopped: boolean;
}

/**
 * Writes and syncs the footer of `segment` in slices.
 * @param done gets the descriptor for the manifest; not called once `owner` has stopped.
 */
export function writeFooter(
  owner: FooterOwner,
  segment: Segment,
  source: FooterSource,
  done: (error: DiskError | null, sealed: SealedSegment | null) => void,
): void {
  const firstLsn = segment.isArchive ? 0 : segment.id * segment.bytes + SEGMENT_HEADER_BYTES;
  const subject = {
    segmentId: segment.id,
    segmentBytes: segment.bytes,
    storeId: owner.storeId,
    firstLsn,
    endLsn: segment.endLsn,
    blocksEnd: segment.blocksEnd,
  };
  const builder = new FooterBuilder(subject, source);
  const { file } = segment;
  const finish = (): void => {
    const trailerAt = segment.bytes - SEGMENT_TRAILER_BYTES;
    file.write([builder.trailer()], trailerAt, (writeError) => {
      if (owner.isStopped) return;
      if (writeError !== null) return done(writeError, null);
      file.sync((error) => {
        if (owner.isStopped) return;
        if (error !== null) return done(error, null);
        const { endLsn, blocksEnd } = subject;
        const { extents, info: footer } = builder;
        done(null, { id: segment.id, firstLsn, endLsn, blocksEnd, footer, extents });
      });
    });
  };
  const writeFrom = (position: number): void => {
    if (owner.isStopped) return;
    const parts = buildFor(owner.clock, builder, SLICE_MS / 2);
    if (parts.length === 0) return finish();
    file.write(parts, position, (error) => {
      if (owner.isStopped) return;
      if (error !== null) return done(error, null);
      const written = parts.reduce((sum, part) => sum + part.length, 0);
      owner.scheduler.nextSlice(() => writeFrom(position + written));
    });
  };
  writeFrom(builder.position);
}

/** Slices of the footer for about `budgetMs`; none when there are no more. */
function buildFor(clock: Clock, builder: FooterBuilder, budgetMs: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const until = clock.monotonic() + budgetMs;
  do {
    const slice = builder.next(FOOTER_SLICE_ROWS);
    if (slice === null) return parts;
    parts.push(slice);
  } while (clock.monotonic() < until && parts.length < SLICES_MAX);
  return parts;
}

export class Sealer implements FooterOwner {
  readonly #ports: SealerPorts;
  readonly storeId: Uint8Array;
  readonly #manifest: Manifest;
  /** Full segments in journal order. */
  readonly #waiting: Segment[] = [];
  #sealing = false;
  #stopped = false;
  /** The LSN up to which the journal is durable; segments past it wait. */
  #durableLsn = 0;
  onSealed: (segment: Segment) => void = () => {};
  onFault: (error: BrokerError) => void = () => {};

  constructor(ports: SealerPorts, storeId: Uint8Array, manifest: Manifest) {
    this.#ports = ports;
    this.storeId = storeId;
    this.#manifest = manifest;
  }

  get scheduler(): Scheduler {
    return this.#ports.scheduler;
  }

  get clock(): Clock {
    return this.#ports.clock;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** More indexes wait for their footers than memory should hold. */
  get isBehind(): boolean {
    return this.#waiting.length > BACKLOG_MAX;
  }

  /** The writer has left `segment`. */
  add(segment: Segment): void {
    segment.state = 'full';
    this.#waiting.push(segment);
  }

  /** Seals what is durable as a whole. */
  advance(durableLsn: number): void {
    this.#durableLsn = durableLsn;
    const segment = this.#waiting[0];
    if (segment === undefined || this.#sealing || this.#stopped) return;
    if (segment.endLsn > durableLsn) return;
    this.#sealing = true;
    this.#waiting.shift();
    const { index } = segment;
    assert(index !== null, 'a full segment has its index');
    writeFooter(this, segment, index, (error, sealed) => {
      if (sealed === null) this.#failed(error);
      else this.#register(segment, index, sealed);
    });
  }

  /** The manifest takes it on; on a full disk it is asked again later. */
  #register(segment: Segment, index: BatchIndex, sealed: SealedSegment): void {
    this.#manifest.append({ kind: 'sealed', segment: sealed }, (error) => {
      if (this.#stopped) return;
      if (error?.code === 'storage_full') {
        const again = (): void => {
          if (!this.#stopped) this.#register(segment, index, sealed);
        };
        this.scheduler.after(DISK_RETRY_MS, again);
        return;
      }
      if (error !== null) return this.onFault(error);
      segment.footer = sealed.footer;
      segment.index = null;
      index.release();
      segment.state = 'sealed';
      segment.sealedAt = this.#ports.clock.monotonic();
      this.#sealing = false;
      this.onSealed(segment);
      this.advance(this.#durableLsn);
    });
  }

  #failed(error: DiskError | null): void {
    assert(error !== null, 'a footer fails with an error');
    this.onFault(storageFailed(error));
  }

  stop(): void {
    this.#stopped = true;
  }
}
