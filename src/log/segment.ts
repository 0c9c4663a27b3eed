/**
 * Segments: the fixed-size files that hold the journal, and later its archive.
 *
 * Owns: the header page, a segment's life and who is reading it.
 * Leaves: making files ready to `segment-store.ts`, blocks to the pipeline, the end of life to retirement.
 *
 * Little-endian; the header is the first 4096 bytes of the file.
 *
 *   off  size  field
 *   0    4     magic, "PLS1"
 *   4    2     version, 1
 *   6    2     kind: 1 journal, 2 archive
 *   8    4     segment id
 *   12   4     crc32c of bytes 0…12 and 16…64
 *   16   16    store id
 *   32   8     segment size, bytes
 *   40   8     wall time of arming, Unix ms
 *   48   16    reserved, 0
 *   64   …     zeros to the end of the page
 *
 * Life: armed → active → full → sealed → retired. Only the writer moves it to active and full; sealed
 * means that footer and manifest entry are durable; retired means that the manifest no longer names it.
 * A file is used again only when it is retired and nobody pins it.
 */
import { assert } from '../kernel/assert.ts';
import {
  equalBytes,
  readInt64LittleEndian,
  viewOf,
  writeInt64LittleEndian,
} from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import type { DiskFile } from '../kernel/ports.ts';
import { BatchIndex } from './batch-index.ts';
import type { FooterInfo } from './footer.ts';
import { ARCHIVE_ID_MIN, SEGMENT_HEADER_BYTES } from './limits.ts';

const MAGIC = 0x31534c50; // "PLS1"
const VERSION = 1;

export type SegmentState = 'armed' | 'active' | 'full' | 'sealed' | 'retired';

export class Segment {
  readonly id: number;
  readonly bytes: number;
  #file: DiskFile | null;
  state: SegmentState = 'armed';
  /** Rows of what was written; null once the footer serves look-ups. */
  index: BatchIndex | null = new BatchIndex();
  /** Position after the last block (journal) or batch (archive). */
  blocksEnd: number = SEGMENT_HEADER_BYTES;
  /** Where its footer is; null until that is durable. */
  footer: FooterInfo | null = null;
  /** Positions of batches that are accepted as lost: readers pass them over. */
  lostBatches: ReadonlySet<number> | null = null;
  /** Batch bytes that are still readable, by estimate, and all batch bytes. */
  liveBytes = 0;
  batchBytes = 0;
  /** Extents of partitions that lie in it; with the last one the segment is dead. */
  extentCount = 0;
  /** The high watermark when it was found dead: the entries that killed it lie below; -1: alive. */
  deadLsn = -1;
  /** Monotonic milliseconds when it was sealed. */
  sealedAt = 0;
  /** This process wrote it: its pages are likely cached, and its bytes were never at rest unread. */
  isWrittenHere = false;
  #pins = 0;
  /** Called when the last pin goes. */
  onUnpinned: (() => void) | null = null;

  constructor(id: number, bytes: number, file: DiskFile | null) {
    this.id = id;
    this.bytes = bytes;
    this.#file = file;
  }

  /** Whether its file is armed. The writer may plan blocks into a segment that is not; they wait. */
  get isReady(): boolean {
    return this.#file !== null;
  }

  get file(): DiskFile {
    assert(this.#file !== null, 'a segment is used once it is armed');
    return this.#file;
  }

  /** LSN after its last block; 0 for an archive. */
  get endLsn(): number {
    return this.isArchive ? 0 : this.id * this.bytes + this.blocksEnd;
  }

  attach(file: DiskFile): void {
    assert(this.#file === null, 'a segment has one file');
    this.#file = file;
  }

  close(): void {
    this.#file?.close();
  }

  get isArchive(): boolean {
    return this.id >= ARCHIVE_ID_MIN;
  }

  get pins(): number {
    return this.#pins;
  }

  /** A reader holds on to the file: it will not be used for anything else. */
  pin(): void {
    this.#pins += 1;
  }

  unpin(): void {
    assert(this.#pins > 0, 'a pin is given back once');
    this.#pins -= 1;
    if (this.#pins === 0) this.onUnpinned?.();
  }
}

export function segmentPath(id: number): string {
  return `segments/${id.toString(16).padStart(8, '0')}.seg`;
}

/** The header page of segment `id`. */
export function encodeSegmentHeader(
  id: number,
  segmentBytes: number,
  storeId: Uint8Array,
  time: number,
): Uint8Array {
  const page = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(page);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint16(6, id >= ARCHIVE_ID_MIN ? 2 : 1, true);
  view.setUint32(8, id, true);
  page.set(storeId, 16);
  writeInt64LittleEndian(view, 32, segmentBytes);
  writeInt64LittleEndian(view, 40, time);
  view.setUint32(12, crc32c(page, 16, 64, crc32c(page, 0, 12)), true);
  return page;
}

/**
 * The id that the header in `page` gives, or -1 when it is not a valid header of this store and size.
 */
export function decodeSegmentHeader(
  page: Uint8Array,
  segmentBytes: number,
  storeId: Uint8Array,
): number {
  const view = viewOf(page);
  if (view.getUint32(0, true) !== MAGIC || view.getUint16(4, true) !== VERSION) return -1;
  if (view.getUint32(12, true) !== crc32c(page, 16, 64, crc32c(page, 0, 12))) return -1;
  if (!equalBytes(page.subarray(16, 32), storeId)) return -1;
  if (readInt64LittleEndian(view, 32) !== segmentBytes) return -1;
  return view.getUint32(8, true);
}

/** Reads the header of an open file. */
export function readSegmentId(file: DiskFile, segmentBytes: number, storeId: Uint8Array): number {
  const page = new Uint8Array(SEGMENT_HEADER_BYTES);
  if (file.readSync(page, 0, page.length, 0) !== page.length) return -1;
  return decodeSegmentHeader(page, segmentBytes, storeId);
}
