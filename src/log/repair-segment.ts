/**
 * What can be saved of a sealed segment: its header and footer are made again, batches that do not
 * match their checksum are left out.
 *
 * Owns: the check of every byte that a reader may want, and what to write instead.
 * Leaves: blocks of a segment that is replayed to `repair-journal.ts`.
 *
 *   header                   made again, once the footer has shown which segment this is
 *   footer directory         made again from the rows and the manifest, whose checksum must come out
 *   page of footer rows      made again from the blocks, if it is a journal segment; else its rows are lost
 *   batch                    lost
 */
import { viewOf } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { DiskFile } from '../kernel/ports.ts';
import { BatchLocation } from './batch-index.ts';
import { checkBatch } from './block.ts';
import type { DraftDisk } from './draft-disk.ts';
import {
  decodeDirectory,
  decodeRowPage,
  directoryBytes,
  directoryPosition,
  FOOTER_ENTRY_BYTES,
  FOOTER_PAGE_ROWS,
  FOOTER_ROW_BYTES,
  FooterBuilder,
  type FooterDirectory,
  type FooterSource,
  rowPageBytes,
  rowPagePosition,
} from './footer.ts';
import { ARCHIVE_ID_MIN } from './limits.ts';
import type { SealedSegment } from './manifest-record.ts';
import { rowsFromBlocks } from './repair-rows.ts';
import { readSealed, type StoreFacts } from './sealed-file.ts';
import { encodeSegmentHeader, readSegmentId, segmentPath } from './segment.ts';
import { writeExtent } from './segment-extents.ts';

/** Offsets of a partition that cannot be read again. */
export interface LostRange {
  readonly partition: number;
  readonly first: number;
  readonly last: number;
}

export interface SegmentFinding {
  readonly position: number;
  readonly what: string;
  /** Empty: nothing is lost. */
  readonly lost: readonly LostRange[];
}

export interface SegmentCheck {
  readonly findings: readonly SegmentFinding[];
  /** As the manifest is to name it; null: no more. */
  readonly sealed: SealedSegment | null;
  readonly lostPositions: readonly number[];
}

/** Rows by extent, in the order of the footer. */
type Rows = BatchLocation[][];

/** Checks `sealed`; what can be made again goes into `draft`. Positions in `known` are accepted losses. */
export function checkSealed(
  draft: DraftDisk,
  facts: StoreFacts,
  sealed: SealedSegment,
  known: ReadonlySet<number> | null,
): SegmentCheck {
  const path = segmentPath(sealed.id);
  if (!draft.exists(path)) return gone(sealed, 'the file is gone');
  const file = draft.open(path);
  try {
    if (file.size() !== facts.segmentBytes) return gone(sealed, 'the file has another size');
    return new SegmentRepair(draft, facts, sealed, file).run(known);
  } finally {
    file.close();
  }
}

function gone(sealed: SealedSegment, what: string): SegmentCheck {
  return {
    findings: [{ position: 0, what, lost: allOf(sealed) }],
    sealed: null,
    lostPositions: [],
  };
}

function allOf({ extents }: SealedSegment): LostRange[] {
  return Array.from({ length: extents.count }, (_, i) => ({
    partition: extents.partitions[i] ?? 0,
    first: extents.firstOffsets[i] ?? 0,
    last: extents.lastOffsets[i] ?? 0,
  }));
}

class SegmentRepair {
  readonly #draft: DraftDisk;
  readonly #facts: StoreFacts;
  #sealed: SealedSegment;
  readonly #file: DiskFile;
  readonly #findings: SegmentFinding[] = [];

  constructor(draft: DraftDisk, facts: StoreFacts, sealed: SealedSegment, file: DiskFile) {
    this.#draft = draft;
    this.#facts = facts;
    this.#sealed = sealed;
    this.#file = file;
  }

  run(known: ReadonlySet<number> | null): SegmentCheck {
    const directory = this.#directory() ?? this.#ownDirectory();
    if (directory === null) return gone(this.#sealed, 'neither footer nor rows can be read');
    this.#checkHeader();
    const damaged = new Set<number>();
    const rows = this.#rows(directory, damaged);
    const sealed = damaged.size === 0 ? this.#sealed : this.#withoutPages(directory, rows, damaged);
    const lostPositions = this.#checkBatches(rows, known);
    return { findings: this.#findings, sealed, lostPositions };
  }

  #note(position: number, what: string, lost: readonly LostRange[] = []): void {
    this.#findings.push({ position, what, lost });
  }

  #checkHeader(): void {
    const { segmentBytes, storeId } = this.#facts;
    const { id } = this.#sealed;
    if (readSegmentId(this.#file, segmentBytes, storeId) === id) return;
    this.#note(0, 'the header is wrong');
    this.#draft.patch(this.#file.path, 0, encodeSegmentHeader(id, segmentBytes, storeId, 0));
  }

  #directory(): FooterDirectory | null {
    const { footer } = this.#sealed;
    const position = directoryPosition(footer);
    const length = directoryBytes(footer.rowCount, footer.partitionCount);
    const found = this.#decode(readBytes(this.#file, position, length));
    if (found !== null) return found;
    if (readSealed(this.#file, this.#sealed.id, this.#facts) !== null) return null;
    const bytes = this.#directoryAgain(length);
    const made = bytes === null ? null : this.#decode(bytes);
    if (made === null || bytes === null) return null;
    this.#note(position, 'the footer directory is damaged');
    this.#draft.patch(this.#file.path, position, bytes);
    return made;
  }

  /** The one that the file itself vouches for: a repair may have ended before the manifest was written. */
  #ownDirectory(): FooterDirectory | null {
    const own = readSealed(this.#file, this.#sealed.id, this.#facts);
    if (own === null) return null;
    this.#note(own.footer.position, 'the manifest names another footer');
    this.#sealed = own;
    return this.#directory();
  }

  #decode(bytes: Uint8Array): FooterDirectory | null {
    return decoded(() => decodeDirectory(bytes, this.#sealed.footer, this.#file.path));
  }

  /** The directory's bytes from the rows, which lie extent after extent, as many bytes as each says. */
  #directoryAgain(length: number): Uint8Array | null {
    const { footer, extents } = this.#sealed;
    const rows = readBytes(
      this.#file,
      footer.position,
      directoryPosition(footer) - footer.position,
    );
    const view = viewOf(rows);
    const bytes = new Uint8Array(length);
    const builder = new DirectoryBuilder(bytes, footer.rowCount);
    let row = 0;
    for (let i = 0; i < extents.count; i++) {
      const first = row;
      let left = extents.bytes[i] ?? 0;
      while (left > 0 && row < footer.rowCount)
        left -= view.getUint32(row++ * FOOTER_ROW_BYTES + 4, true);
      builder.entry(i, first, row - first, this.#sealed);
    }
    builder.pages(extents.count, rows, view);
    return bytes;
  }

  /** All rows that can be read; the numbers of the other pages go to `damaged`. */
  #rows(directory: FooterDirectory, damaged: Set<number>): Rows {
    const { footer } = this.#sealed;
    const rows: Rows = Array.from({ length: directory.info.partitionCount }, () => []);
    let extent = 0;
    for (let page = 0; page < directory.pageCrcs.length; page++) {
      const bytes = readBytes(
        this.#file,
        rowPagePosition(footer, page),
        rowPageBytes(footer, page),
      );
      const found = decoded(() => decodeRowPage(bytes, directory, page, this.#file.path));
      if (found === null) damaged.add(page);
      const end = Math.min((page + 1) * FOOTER_PAGE_ROWS, footer.rowCount);
      for (let row = page * FOOTER_PAGE_ROWS; row < end; row++) {
        while ((directory.rowStarts[extent + 1] ?? 0) <= row) extent += 1;
        if (found === null) continue;
        const location = new BatchLocation();
        found.read(row, extent, location);
        rows[extent]?.push(location);
      }
    }
    return rows;
  }

  /** Makes the damaged pages again from the blocks, or a footer without them. */
  #withoutPages(
    directory: FooterDirectory,
    rows: Rows,
    damaged: ReadonlySet<number>,
  ): SealedSegment | null {
    const { footer, extents, id } = this.#sealed;
    const position = rowPagePosition(footer, Math.min(...damaged));
    const what = `${damaged.size} pages of footer rows are damaged`;
    if (id < ARCHIVE_ID_MIN) {
      const fromBlocks = rowsFromBlocks(this.#file, this.#facts.segmentBytes, this.#sealed);
      const made = this.#build(fromBlocks, [...extents.partitions]);
      if (made?.sealed.footer.directoryCrc === footer.directoryCrc) {
        this.#note(position, what);
        made.write();
        fromBlocks.forEach((each, i) => {
          rows[i] = each;
        });
        return this.#sealed;
      }
    }
    this.#note(position, what, lostBetween(this.#sealed, rows));
    const kept = rows.filter((each) => each.length > 0);
    const partitions = [...directory.extents.partitions].filter((_, i) => rows[i]?.length !== 0);
    const made = kept.length === 0 ? null : this.#build(kept, partitions);
    made?.write();
    return made?.sealed ?? null;
  }

  /** A footer of these rows; null when they make none. */
  #build(rows: Rows, partitions: readonly number[]) {
    if (rows.some((each) => each.length === 0)) return null;
    const { id, firstLsn, endLsn, blocksEnd } = this.#sealed;
    const subject = { segmentId: id, ...this.#facts, firstLsn, endLsn, blocksEnd };
    const builder = new FooterBuilder(subject, new RowSource(rows, partitions));
    const slices: Uint8Array[] = [];
    for (
      let slice = builder.next(rowsPerSlice);
      slice !== null;
      slice = builder.next(rowsPerSlice)
    ) {
      slices.push(slice);
    }
    const { extents, info: footer } = builder;
    const sealed: SealedSegment = { id, firstLsn, endLsn, blocksEnd, footer, extents };
    const write = (): void => {
      let at = builder.position;
      for (const slice of slices) {
        this.#draft.patch(this.#file.path, at, slice);
        at += slice.length;
      }
      const trailer = builder.trailer();
      this.#draft.patch(this.#file.path, this.#facts.segmentBytes - trailer.length, trailer);
    };
    return { sealed, write };
  }

  /** Reads every batch once. @returns the positions of those that are not what was written. */
  #checkBatches(rows: Rows, known: ReadonlySet<number> | null): number[] {
    const lost = new Map<number, LostRange[]>();
    const sound = new Set<number>();
    const { partitions } = this.#sealed.extents;
    rows.forEach((locations, extent) => {
      for (const { position, size, baseOffset, lastOffset } of locations) {
        if (sound.has(position)) continue;
        if (!lost.has(position) && this.#isSound(position, size)) {
          sound.add(position);
          continue;
        }
        const range = { partition: partitions[extent] ?? 0, first: baseOffset, last: lastOffset };
        lost.set(position, [...(lost.get(position) ?? []), range]);
      }
    });
    for (const [position, ranges] of lost) {
      if (known?.has(position) === true) continue;
      this.#note(position, 'a batch does not match its checksum', ranges);
    }
    return [...lost.keys()];
  }

  #isSound(position: number, size: number): boolean {
    const bytes = readBytes(this.#file, position, size);
    return bytes.length === size && checkBatch(bytes, viewOf(bytes), 0, size);
  }
}

const rowsPerSlice = 64 * FOOTER_PAGE_ROWS;

/** The layout of footer.ts once more, for bytes whose checksum is known beforehand. */
class DirectoryBuilder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #rowCount: number;

  constructor(bytes: Uint8Array, rowCount: number) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#rowCount = rowCount;
  }

  entry(i: number, firstRow: number, rowCount: number, { extents }: SealedSegment): void {
    const at = i * FOOTER_ENTRY_BYTES;
    this.#view.setUint32(at, firstRow, true);
    this.#view.setUint32(at + 4, rowCount, true);
    writeExtent(this.#view, at + 8, extents, i);
  }

  pages(entries: number, rows: Uint8Array, view: DataView): void {
    let at = entries * FOOTER_ENTRY_BYTES;
    for (let row = 0; row < this.#rowCount && at + 8 <= this.#bytes.length; at += 8) {
      const end = Math.min(row + FOOTER_PAGE_ROWS, this.#rowCount);
      this.#view.setUint32(at, view.getUint32(row * FOOTER_ROW_BYTES + 8, true), true);
      this.#view.setUint32(
        at + 4,
        crc32c(rows, row * FOOTER_ROW_BYTES, end * FOOTER_ROW_BYTES),
        true,
      );
      row = end;
    }
  }
}

class RowSource implements FooterSource {
  readonly #rows: Rows;
  readonly #partitions: readonly number[];

  constructor(rows: Rows, partitions: readonly number[]) {
    this.#rows = rows;
    this.#partitions = partitions;
  }

  partitions(): readonly number[] {
    return this.#partitions;
  }

  rowCountOf(_partition: number, extent: number): number {
    return this.#rows[extent]?.length ?? 0;
  }

  read(_partition: number, n: number, target: BatchLocation, extent: number): void {
    Object.assign(target, this.#rows[extent]?.[n]);
  }
}

/** What the extents of `sealed` name and no row does. */
function lostBetween({ extents }: SealedSegment, rows: Rows): LostRange[] {
  const lost: LostRange[] = [];
  rows.forEach((locations, i) => {
    const partition = extents.partitions[i] ?? 0;
    let next = extents.firstOffsets[i] ?? 0;
    for (const { baseOffset, lastOffset } of locations) {
      if (baseOffset > next) lost.push({ partition, first: next, last: baseOffset - 1 });
      next = lastOffset + 1;
    }
    const last = extents.lastOffsets[i] ?? 0;
    if (next <= last) lost.push({ partition, first: next, last });
  });
  return lost;
}

function decoded<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof BrokerError) return null;
    throw error;
  }
}

function readBytes(file: DiskFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, file.readSync(bytes, 0, length, position));
}
